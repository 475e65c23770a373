"""Load profiles over the archive: days encoded nightly, dictionary, groups and typical days reckoned monthly."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, tzinfo
from pathlib import Path

from cloud.insight.curves import Curves
from cloud.insight.engine import Engine
from cloud.kit.calendar import Calendar
from cloud.kit.clock import Clock
from cloud.kit.db import Database


@dataclass(frozen=True, slots=True)
class DayCodes:
    """What encoding one area's day gave: plain data, to be kept by `Profiles.keep`."""

    area: str
    day: date
    month: date
    points: tuple[str, ...]
    codes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """`points` with a code of those `seen`; `month` of the dictionary, None while there is none."""

    seen: int
    points: int
    month: date | None


class Profiles:
    """Of one station; the archive's `folder` is read, only tables of profiles are written."""

    def __init__(
        self, database: Database, folder: Path, zone: tzinfo, calendar: Calendar, clock: Clock
    ) -> None:
        self._database, self._folder, self._zone = database, folder, zone
        self._calendar, self._clock = calendar, clock

    def update_day(self, engine: Engine, day: date) -> Done:
        """Encode that day of every customer's point: reads one day of each area. May be repeated."""
        raise NotImplementedError

    def encode(self, area: str, curves: Curves) -> list[DayCodes]:
        """The same of curves that were read already, in a task; nothing is written."""
        raise NotImplementedError

    def keep(self, found: Sequence[DayCodes]) -> None:
        """Write what `encode` gave, in one transaction."""
        raise NotImplementedError

    def run_month(self, engine: Engine, month: date) -> Done:
        """After the last day of that month: dictionary, codes, groups, typical days, temperature."""
        raise NotImplementedError
