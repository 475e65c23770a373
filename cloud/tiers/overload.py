"""In which quarter-hours of a day an area's transformer may come near overload, by its forecast.

Where there is no forecast or no known capacity nothing is said to be safe: the answer is `unknown`, and
whoever asks before adding load is refused.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from math import erf, sqrt
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from cloud import policies
from cloud.insight.forecast import store
from cloud.insight.forecast.store import Forecast, Kind

SLOTS = 96
Z90 = 1.2815515655446004
"""The standard normal deviate that P90 stands for."""


class OverloadPolicy(BaseModel):
    """`beta` of capacity times power factor is near; a slot is, from `probability` of reaching it on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str
    source: str
    beta: Annotated[float, Field(gt=0, le=1.5)]
    probability: Annotated[float, Field(gt=0, lt=1)]


class Unknown(StrEnum):
    """Why nothing can be said of an area's day."""

    NO_FORECAST = "no_forecast"
    NO_CAPACITY = "no_capacity"


@dataclass(frozen=True, slots=True)
class Near:
    """`slots` are wall-clock quarter-hours 0 to 95 of the local day.

    `probability` (96,) of reaching `limit_kw`, NaN where the forecast has a hole: such a slot is near.
    """

    area: str
    day: date
    slots: frozenset[int]
    probability: tuple[float, ...]
    limit_kw: float | None
    unknown: Unknown | None

    def allows(self, wanted: Collection[int]) -> bool:
        """Whether load may be drawn into these slots: never where nothing is known."""
        return self.unknown is None and self.slots.isdisjoint(wanted)


def overload_policy(folder: Path | None = None) -> OverloadPolicy:
    """Invalid says what is wrong with the file."""
    return policies.read("overload", OverloadPolicy, folder)


def near_overload(connection: Connection, area: str, day: date, policy: OverloadPolicy) -> Near:
    """Of an area's transformer on a local day, by the newest forecast of that day."""
    return near(area, day, store.newest(connection, Kind.TRANSFORMER, area, day), policy)


def near(area: str, day: date, found: Forecast | None, policy: OverloadPolicy) -> Near:
    if found is None or np.isnan(found.p50).all():
        return _unknown(area, day, Unknown.NO_FORECAST)
    rated_kw = capacity_kw(found)
    if rated_kw is None:
        return _unknown(area, day, Unknown.NO_CAPACITY)
    limit = policy.beta * rated_kw
    chance = reached(found.p10, found.p50, found.p90, limit)
    slots = np.flatnonzero(np.isnan(chance) | (chance >= policy.probability))
    return Near(area, day, frozenset(slots.tolist()), tuple(chance.tolist()), limit, None)


def capacity_kw(found: Forecast) -> float | None:
    """Rated capacity times power factor; None where it is not known."""
    outlook = found.outlook
    if outlook is None or outlook.capacity_kva is None or outlook.capacity_kva <= 0:
        return None
    return outlook.capacity_kva * outlook.power_factor


def reached(
    p10: NDArray[np.float32], p50: NDArray[np.float32], p90: NDArray[np.float32], limit_kw: float
) -> NDArray[np.float64]:
    """(slots,) the probability of `limit_kw` or more: two half-normal sides, one scale below the median and
    one above, as the outlook of the forecast has them; a bound that is not known is the median."""
    low, mid, high = (np.where(np.isnan(each), p50, each).astype(np.float64) for each in (p10, p50, p90))
    beyond = limit_kw - mid
    scale = np.where(beyond >= 0, high - mid, mid - low) / Z90
    return np.array([_above(far, wide) for far, wide in zip(beyond, scale, strict=True)])


def _above(beyond: float, scale: float) -> float:
    if np.isnan(beyond):
        return float("nan")
    if scale <= 0:
        return 1.0 if beyond <= 0 else 0.0
    return (1 - erf(beyond / scale / sqrt(2))) / 2


def _unknown(area: str, day: date, why: Unknown) -> Near:
    return Near(area, day, frozenset(), (float("nan"),) * SLOTS, None, why)
