"""Bars as geometry: where each hour's bar stands. The template writes the SVG, no browser code takes part."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cloud.web.usage import Slot

WIDTH, HEIGHT = 340, 158
LEFT, RIGHT, TOP, BOTTOM = 34, 4, 18, 20


@dataclass(frozen=True, slots=True)
class Bar:
    """`kind` is full, open, gap or ahead; a gap has the whole height, so that it is never read as zero."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    slot: Slot


@dataclass(frozen=True, slots=True)
class Tick:
    y: float
    kwh: float


@dataclass(frozen=True, slots=True)
class BarChart:
    width: int
    height: int
    left: int
    floor: float
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    digits: int


def bar_chart(slots: Sequence[Slot | None]) -> BarChart:
    """The day's slots between a floor and a round number above the highest."""
    floor = HEIGHT - BOTTOM
    highest = max((slot.wh or 0.0 for slot in slots if slot), default=0.0)
    step = _round_step(highest / 1000)
    top = step * max(1, math.ceil(highest / 1000 / step - 1e-9))
    pitch = (WIDTH - LEFT - RIGHT) / max(1, len(slots))
    bars = tuple(
        _bar(slot, LEFT + index * pitch, pitch, floor, top) for index, slot in enumerate(slots) if slot
    )
    count = round(top / step)
    ticks = tuple(Tick(floor - (floor - TOP) * n / count, step * n) for n in range(count + 1))
    return BarChart(WIDTH, HEIGHT, LEFT, floor, bars, ticks, max(0, -math.floor(math.log10(step))))


def _bar(slot: Slot, x: float, pitch: float, floor: float, top: float) -> Bar:
    width = round(pitch * 0.72, 2)
    left = round(x + pitch * 0.14, 2)
    if slot.ahead:
        return Bar("ahead", left, floor, width, 0, slot)
    if slot.wh is None:
        return Bar("gap", left, TOP, width, round(floor - TOP, 2), slot)
    height = round((floor - TOP) * slot.wh / 1000 / top, 2)
    return Bar("open" if slot.open else "full", left, round(floor - height, 2), width, height, slot)


def _round_step(highest: float) -> float:
    """1, 2 or 5 times a power of ten, so that two to five lines reach above the highest bar."""
    if highest <= 0:
        return 0.5
    rough = highest / 3
    power = 10 ** math.floor(math.log10(rough))
    return next(float(power * n) for n in (1, 2, 5, 10) if power * n >= rough * (1 - 1e-9))
