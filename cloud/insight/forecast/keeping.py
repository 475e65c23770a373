"""The rows of a night: forecasts of each day ahead and the scores of the day that came."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.forecast.night import Issued
from cloud.insight.forecast import rows
from cloud.insight.forecast.compute import AreaNight
from cloud.insight.forecast.sums import Sums
from cloud.insight.indicators import packed
from cloud.kit.days import DAY

WHOLES = ("total", "transformer", "parts")
KIND = {"total": "area", "transformer": "transformer", "parts": "parts"}


def forecasts(
    found: Sequence[AreaNight], sums: Mapping[str, Sums], closed: date, now: datetime
) -> Iterator[dict[str, Any]]:
    areas = packed.of_points([each.area for each in found])
    for n in range(len(found[0].customers.ahead)):
        day = closed + DAY * (n + 1)
        about = {"day": day, "version": rows.VERSION, "made_at": now, "closed": closed, "outlook": None}
        for each in found:
            subjects = packed.of_points(each.points)
            body = rows.of_issued(each.customers.ahead[n])
            yield about | {"kind": "point", "grouped": each.area, "subjects": subjects, "body": body}
        for name in WHOLES:
            body = rows.of_issued(_stacked([getattr(each, name).ahead[n] for each in found]))
            row = about | {"kind": KIND[name], "grouped": "", "subjects": areas, "body": body}
            yield row | ({"outlook": _outlooks(found, n)} if name == "transformer" else {})
        for kind, of in sums.items():
            if of.names:
                body, names = rows.of_issued(of.night.ahead[n]), packed.of_points(of.names)
                yield about | {"kind": kind, "grouped": "", "subjects": names, "body": body}


def scores(
    found: Sequence[AreaNight], sums: Mapping[str, Sums], closed: date, now: datetime
) -> Iterator[dict[str, Any]]:
    """Groups of which nothing was forecast for that day have no row."""
    areas = tuple(each.area for each in found)
    every: list[tuple[str, str, Sequence[str], NDArray[np.float32]]] = [
        ("point", each.area, each.points, each.customers.score) for each in found
    ]
    for name in WHOLES:
        score = np.concatenate([getattr(each, name).score for each in found])
        every.append((KIND[name], "", areas, score))
    every += [(kind, "", of.names, of.night.score) for kind, of in sums.items()]
    for kind, group, subjects, score in every:
        if not np.isnan(score[:, 0]).all():
            yield {
                "kind": kind,
                "grouped": group,
                "day": closed,
                "version": rows.VERSION,
                "scored_at": now,
                "subjects": packed.of_points(subjects),
                "body": rows.of_score(score),
            }


def _stacked(found: Sequence[Issued]) -> Issued:
    return Issued(*(np.concatenate([getattr(each, name) for each in found]) for name in Issued.__slots__))


def _outlooks(found: Sequence[AreaNight], n: int) -> bytes:
    return json.dumps({each.area: asdict(each.outlooks[n]) for each in found}).encode()
