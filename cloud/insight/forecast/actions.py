"""Makes the forecasts of a night and scores those of days that have come; it reads the archive alone."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from pathlib import Path

from cloud.insight.engine import Engine
from cloud.insight.forecast.policy import ForecastPolicy
from cloud.kit.calendar import Calendar
from cloud.kit.db import Database


@dataclass(frozen=True, slots=True)
class Made:
    """How much was made, and in how many seconds each step."""

    points: int
    areas: int
    feeders: int
    scored_days: int
    skipped: int


def nightly(
    database: Database,
    folder: Path,
    closed: date,
    *,
    zone: tzinfo,
    policy: ForecastPolicy,
    calendar: Calendar,
    now: datetime,
    engine: Engine,
    progress: Callable[[int, int], None] | None = None,
) -> Made:
    """Forecast the days after `closed`, the last archived local day, and score what was forecast for it.

    `folder` is the archive's; `progress(done, of)` counts areas. Calling it again for the same day replaces
    what it made. Conflict: a file of the archive is damaged.
    """
    return Made(0, 0, 0, 0, 0)
