"""Who may see which readings, with a time axis: every read of readings takes a Scope.

A new tenant sees the meter from the day it became theirs and not one instant before.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Window:
    """One meter from `start` up to and without `end`; no end means still."""

    meter: str
    start: datetime
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Scope:
    """`windows` None is the whole station, for operators only; an empty tuple is nothing at all."""

    windows: tuple[Window, ...] | None

    def meters(self) -> set[str] | None:
        """The meters of which anything may be seen; None means every one."""
        return None if self.windows is None else {window.meter for window in self.windows}

    def holds(self, meter: str, at: datetime) -> bool:
        """Whether what `meter` said at `at` may be seen."""
        return bool(self.clip(meter, at, at + _INSTANT))

    def clip(self, meter: str, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
        """The parts of [start, end) of `meter` that may be seen: in order, apart from one another."""
        if start >= end:
            return []
        if self.windows is None:
            return [(start, end)]
        parts = (
            (max(start, window.start), end if window.end is None else min(end, window.end))
            for window in self.windows
            if window.meter == meter
        )
        return _joined(sorted(part for part in parts if part[0] < part[1]))


def _joined(parts: list[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    joined: list[tuple[datetime, datetime]] = []
    for start, end in parts:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


WHOLE_STATION = Scope(None)
