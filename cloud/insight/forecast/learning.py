"""The model of all customers: which of them it learns from, when, and where it is kept."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, insert, select

from cloud.insight.curves import Source, read
from cloud.insight.forecast.tables import model_table
from cloud.kit.errors import Conflict

if TYPE_CHECKING:
    from cloud.analysis.forecast.model import Trees
    from cloud.analysis.forecast.night import Days, Rules

log = logging.getLogger(__name__)

TARGETS = 10
"""So many days of each sampled customer are learned from."""
OLDEST = 35
"""Of so many newest days: before them lie the days alike."""
LEAST_SERIES = 10
LEAST_ROWS = 20_000
KEPT = 3
Kw = NDArray[np.float32]
Sample = list[tuple[Source, tuple[str, ...]]]


@dataclass(frozen=True, slots=True)
class Newest:
    id: int
    last: date


@dataclass(frozen=True, slots=True)
class Learned:
    trees: "Trees"
    series: int
    rows: int


def newest(connection: Connection, closed: date) -> Newest | None:
    """The newest model of this version that knows nothing after `closed`."""
    from cloud.analysis.forecast.model import VERSION

    table = model_table.c
    query = select(table.id, table.last).where(table.version == VERSION, table.last <= closed)
    row = connection.execute(query.order_by(table.last.desc(), table.id.desc()).limit(1)).one_or_none()
    return None if row is None else Newest(row.id, row.last)


def trees(connection: Connection, closed: date) -> "Trees | None":
    from cloud.analysis.forecast.model import Trees

    found = newest(connection, closed)
    if found is None:
        return None
    content = connection.execute(select(model_table.c.trees).where(model_table.c.id == found.id)).scalar_one()
    return Trees.from_bytes(bytes(content))


def keep(connection: Connection, learned: Learned, first: date, last: date, now: datetime) -> None:
    """And let go of all but the newest few."""
    from cloud.analysis.forecast.model import VERSION

    table = model_table.c
    connection.execute(
        insert(model_table),
        {
            "version": VERSION,
            "trained_at": now,
            "first": first,
            "last": last,
            "series": learned.series,
            "rows": learned.rows,
            "trees": learned.trees.to_bytes(),
        },
    )
    ids = list(connection.scalars(select(table.id).order_by(table.last.desc(), table.id.desc())))
    connection.execute(delete(model_table).where(table.id.in_(ids[KEPT:])))


def sample(areas: Sequence[tuple[tuple[str, ...], Source | None]], series: int) -> Sample:
    """Whole areas, evenly over the station, until there are `series` customers."""
    found = [(source, points) for points, source in areas if source is not None and points]
    every = sum(len(points) for _, points in found)
    step = max(1, every // max(series, 1))
    return found[::step] if step < len(found) else found[:1]


def learn(sample: Sample, days: "Days", rules: "Rules", rows: int, ahead: int) -> Learned | None:
    """None where there are too few customers or days to learn from."""
    from cloud.analysis.forecast import model

    random = np.random.default_rng(days.kinds.size + sum(len(points) for _, points in sample))
    parts, series = [], 0
    for source, points in sample:
        try:
            parts.append(_rows(source, points, days, rules, ahead, random))
        except Conflict as damaged:  # its own area's forecast says so; others can be learned from
            log.warning("not learned from: %s", damaged)
            continue
        series += len(points)
    if series < LEAST_SERIES:
        return None
    features = np.concatenate([part[0] for part in parts])
    truth = np.concatenate([part[1] for part in parts])
    some = random.permutation(len(truth))[:rows]
    if np.isfinite(truth[some]).sum() < LEAST_ROWS:
        return None
    return Learned(model.learn(features[some], truth[some]), series, len(some))


def _rows(
    source: Source, points: tuple[str, ...], days: "Days", rules: "Rules", ahead: int,
    random: np.random.Generator,
) -> tuple[Kw, Kw]:  # fmt: skip
    """Features and truth in parts of each customer's mean; leads in turn."""
    from cloud.analysis.forecast import model
    from cloud.analysis.forecast.similar import usable
    from cloud.insight.forecast.compute import history

    known = history(read(source, points))
    unsure = np.maximum(known.estimated, known.outage)
    valid = usable(known.kw, unsure, missing_share=rules.missing_share, unsure_share=rules.unsure_share)
    newest = known.kw.shape[1]
    features, truth = [], []
    for n, day in enumerate(random.choice(np.arange(newest - OLDEST, newest), TARGETS, replace=False)):
        lags = model.lags(
            known.kw, valid, days.kinds, days.weekdays, int(day), rules.alike, lead=1 + n % ahead
        )
        features.append(lags.rows.reshape(-1, lags.rows.shape[2]))
        came = np.where(valid[:, day, None], known.kw[:, day], np.nan) / lags.scale[:, None]
        truth.append(came.ravel())
    return np.concatenate(features), np.concatenate(truth).astype(np.float32)
