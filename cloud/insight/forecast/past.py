"""What earlier nights left: the forecasts that are to be scored now, and the sums of scores before."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from cloud.analysis.forecast.night import SCORE, Issued, Past
from cloud.insight.forecast import rows
from cloud.insight.forecast.tables import forecast_table, score_table
from cloud.insight.indicators import packed


@dataclass(slots=True)
class _Sums:
    subjects: bytes
    scores: NDArray[np.float64]
    days: NDArray[np.int64]


class Pasts:
    """Of all groups of one kind before day `closed`: `of` gives some subjects their own."""

    def __init__(self, connection: Connection, kind: str, closed: date, window_days: int) -> None:
        self._issued = _issued(connection, kind, closed)
        self._sums = _sums(connection, kind, closed - timedelta(days=window_days - 1), closed)

    def of(self, group: str, subjects: Sequence[str]) -> Past:
        """In the order of `subjects`; one who was in no row of that group has no past."""
        issued = rows.nothing(len(subjects))
        if found := self._issued.get(group):
            issued = _picked(packed.points(found[0]), rows.issued(found[1]), subjects)
        scores, days = np.zeros((len(subjects), SCORE)), np.zeros(len(subjects), np.int64)
        for known in self._sums.get(group, {}).values():
            own, mine = _places(packed.points(known.subjects), subjects)
            scores[own] += known.scores[mine]
            days[own] += known.days[mine]
        return Past(issued, scores, days)


def _issued(connection: Connection, kind: str, day: date) -> dict[str, tuple[bytes, bytes]]:
    table = forecast_table.c
    query = select(table.grouped, table.subjects, table.body).where(
        table.kind == kind, table.day == day, table.version == rows.VERSION
    )
    return {row.grouped: (bytes(row.subjects), bytes(row.body)) for row in connection.execute(query)}


def _sums(connection: Connection, kind: str, first: date, until: date) -> dict[str, dict[bytes, _Sums]]:
    """Of each group, and within it of each list of subjects: days of one list add up as they stand."""
    table = score_table.c
    query = select(table.grouped, table.subjects, table.body).where(
        table.kind == kind, table.day >= first, table.day < until, table.version == rows.VERSION
    )
    found: dict[str, dict[bytes, _Sums]] = {}
    for group, subjects, body in connection.execute(query):
        score = rows.score(bytes(body))
        there = ~np.isnan(score[:, 0])
        known = found.setdefault(group, {}).get(bytes(subjects))
        if known is None:
            zero = np.zeros(score.shape)
            known = found[group][bytes(subjects)] = _Sums(
                bytes(subjects), zero, np.zeros(len(score), np.int64)
            )
        known.scores += np.where(there[:, None], score, 0)
        known.days += there
    return found


def _picked(have: Sequence[str], issued: Issued, wanted: Sequence[str]) -> Issued:
    if tuple(have) == tuple(wanted):
        return issued
    own, mine = _places(have, wanted)
    out = rows.nothing(len(wanted))
    parts = {}
    for name in Issued.__slots__:
        part = getattr(out, name).copy()
        part[own] = getattr(issued, name)[mine]
        parts[name] = part
    return Issued(**parts)


def _places(have: Iterable[str], wanted: Sequence[str]) -> tuple[list[int], list[int]]:
    """Where those of `have` stand in `wanted`, and where in `have`."""
    at: Mapping[str, int] = {name: number for number, name in enumerate(wanted)}
    pairs = [(at[name], number) for number, name in enumerate(have) if name in at]
    return [a for a, _ in pairs], [b for _, b in pairs]
