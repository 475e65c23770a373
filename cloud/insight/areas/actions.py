"""Reckons the load of areas and feeders of one archived day and keeps it; a task is one area's day."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from pathlib import Path

from cloud.insight.areas.policy import QualityPolicy
from cloud.insight.engine import Engine
from cloud.kit.db import Database

VERSION = 1
"""Raise it when a rule changes."""


@dataclass(frozen=True, slots=True)
class Reckoned:
    """How many areas and feeders have a row now, and which areas gave none, with why."""

    areas: int
    feeders: int
    failed: tuple[tuple[str, str], ...] = ()


def run_day(
    database: Database,
    folder: Path,
    day: date,
    *,
    zone: tzinfo,
    policy: QualityPolicy,
    engine: Engine,
    now: datetime,
    areas: Collection[str] | None = None,
    tell: Callable[[int], object] = bool,
) -> Reckoned:
    """Reckon all areas of a closed, archived local day, or those named, with their feeders, and keep it.

    `folder` is the archive's. `tell` is called with how many areas more are done. Run again it replaces.
    Lost, at the end: areas whose files are damaged; all others are kept.
    """
    raise NotImplementedError
