"""The kinds of customer: how a working day, a day off and the year look for each."""

from dataclasses import dataclass, replace
from math import exp

from firmware_sim.calendar import SLOTS


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of customer: hourly weights of a working day and of a day off, and how the year bends them."""

    name: str
    working: tuple[int, ...]
    off: tuple[int, ...]
    off_share: float
    summer: float
    winter: float
    daily_wh: tuple[float, float]
    power_factor: tuple[float, float]
    three_phase: float


# fmt: off
KINDS = {kind.name: kind for kind in (
    Kind("household",
         working=(
            30, 26, 24, 23, 23, 26, 40, 58, 46, 36, 34, 40,
            56, 44, 36, 36, 42, 62, 92, 100, 96, 84, 62, 42,
        ),
         off=(
            34, 28, 25, 24, 24, 26, 34, 48, 60, 62, 60, 68,
            80, 66, 56, 54, 58, 74, 96, 100, 98, 88, 66, 46,
        ),
         off_share=1.12, summer=0.9, winter=0.55, daily_wh=(4_000, 13_000), power_factor=(0.93, 0.99),
         three_phase=0.05),
    Kind("shop",
         working=(
            18, 17, 17, 17, 17, 18, 24, 40, 64, 82, 92, 96,
            98, 94, 90, 90, 92, 96, 100, 100, 92, 74, 40, 22,
        ),
         off=(
            18, 17, 17, 17, 17, 18, 22, 34, 60, 84, 96, 100,
            100, 98, 96, 94, 96, 98, 100, 100, 96, 80, 44, 24,
        ),
         off_share=1.15, summer=0.7, winter=0.3, daily_wh=(18_000, 55_000), power_factor=(0.88, 0.96),
         three_phase=0.4),
    Kind("factory",
         working=(
            14, 13, 13, 13, 14, 18, 34, 70, 96, 100, 100, 88,
            60, 90, 98, 98, 94, 80, 44, 30, 24, 20, 17, 15,
        ),
         off=(
            60, 60, 60, 60, 60, 62, 66, 80, 96, 100, 100, 96,
            84, 92, 96, 96, 92, 84, 74, 68, 64, 62, 60, 60,
        ),
         off_share=0.35, summer=0.15, winter=0.05, daily_wh=(60_000, 180_000), power_factor=(0.80, 0.92),
         three_phase=1.0),
    Kind("farm",
         working=(
            20, 20, 20, 22, 40, 88, 100, 90, 60, 44, 36, 34,
            32, 32, 36, 44, 66, 92, 84, 50, 30, 24, 22, 20,
        ),
         off=(
            20, 20, 20, 22, 40, 88, 100, 90, 60, 44, 36, 34,
            32, 32, 36, 44, 66, 92, 84, 50, 30, 24, 22, 20,
        ),
         off_share=1.0, summer=1.4, winter=0.1, daily_wh=(10_000, 45_000), power_factor=(0.78, 0.90),
         three_phase=0.7),
)}
# fmt: on
FEED = "pv-feed"
"""What flows back from a roof, over the middle of the day; a kind of its own, no kind of customer."""
_NOON = range(9, 15)
_SUN = (0,) * 10 + (60, 95, 100, 90, 55) + (0,) * 9
_PEAK_HOURS = 3.2
"""Energy fed back in a mean day, as hours of the panels' peak power."""


def with_roof(kind: str) -> str:
    """The name of that kind of customer with panels: in the middle of the day it draws nothing."""
    return f"{kind}+pv"


def _shaded(hours: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(0 if hour in _NOON or hour == _NOON.stop else load for hour, load in enumerate(hours))


_WITH_ROOF = tuple(
    replace(kind, name=with_roof(kind.name), working=_shaded(kind.working), off=_shaded(kind.off))
    for kind in KINDS.values()
)
_FEED = Kind(FEED, _SUN, _SUN, 1.0, 0.2, -0.2, (_PEAK_HOURS, _PEAK_HOURS), (0.99, 0.99), 0.0)
ALL_KINDS = KINDS | {kind.name: kind for kind in (*_WITH_ROOF, _FEED)}
"""With those that a scenario gets by `pv` and not by `load`."""


def _cumulated(hours: tuple[int, ...]) -> tuple[float, ...]:
    """Share of a day's energy drawn by each slot boundary of two days on end (193 numbers)."""
    slots = [hours[s // 4] + (hours[(s // 4 + 1) % 24] - hours[s // 4]) * (s % 4) / 4 for s in range(SLOTS)]
    total, running, shares = sum(slots), 0.0, [0.0]
    for s in range(2 * SLOTS):
        running += slots[s % SLOTS] / total
        shares.append(running)
    return tuple(shares)


SHAPES = {kind.name: (_cumulated(kind.working), _cumulated(kind.off)) for kind in ALL_KINDS.values()}


def season(kind: Kind, day_of_year: float) -> float:
    """Extra load of the hot and the cold weeks, 0 in between (northern half of the earth)."""

    def bump(centre: float, width: float) -> float:
        away = abs(day_of_year - centre) % 365.2425
        return exp(-((min(away, 365.2425 - away) / width) ** 2))

    return kind.summer * bump(205, 38) + kind.winter * bump(18, 36)
