"""Series over days or over a day as geometry: axes with units, lines that break at gaps, bands, columns.

Pure. The template writes the SVG twice, for a desk and for a phone; a style sheet shows the one that fits.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Any, Protocol, TypeGuard

Value = float | None
Values = Sequence[Value]
DOTTED = 40
"""Up to so many positions each point has a dot that tells its value; above, the table does."""


class Form(StrEnum):
    LINE = "line"
    BAND = "band"
    COLUMN = "column"


@dataclass(frozen=True, slots=True)
class Size:
    """What the drawing is made for; the unit is a pixel where it is shown at its own width."""

    name: str
    width: int
    height: int
    left: int
    ticks: int


DESK = Size("desk", 640, 240, 52, 4)
PHONE = Size("phone", 340, 210, 44, 3)
RIGHT, TOP, BOTTOM = 18, 20, 24


@dataclass(frozen=True, slots=True)
class Series:
    """One value for each position, None for a gap. `look`: colour and dash; a band reaches up to `upper`."""

    name: str
    values: Values
    look: str
    form: Form = Form.LINE
    upper: Values = ()


@dataclass(frozen=True, slots=True)
class Limit:
    """A level that something is held against; `look` is "limit" for one not to be crossed, else "level"."""

    name: str
    value: float
    look: str = "limit"


@dataclass(frozen=True, slots=True)
class Mark:
    """A label under the axis, at an edge between positions (0 to count) or in the middle of one."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is to be drawn: `count` positions, each with its name; `whole` begins the axis at 0."""

    count: int
    unit: str
    series: tuple[Series, ...]
    marks: tuple[Mark, ...]
    names: Sequence[str] = ()
    limits: tuple[Limit, ...] = ()
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Dot:
    x: float
    y: float
    value: float
    name: str


@dataclass(frozen=True, slots=True)
class Box:
    x: float
    y: float
    width: float
    height: float
    value: float
    name: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """A series on the sheet: `pieces` are the points of each unbroken part."""

    name: str
    look: str
    form: str
    pieces: tuple[str, ...]
    dots: tuple[Dot, ...]
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Plot:
    size: Size
    unit: str
    floor: float
    right: int
    ticks: tuple[tuple[float, float], ...]
    digits: int
    marks: tuple[tuple[float, str, str], ...]
    drawn: tuple[Drawn, ...]
    limits: tuple[tuple[float, Limit], ...]


def plots(sheet: Sheet) -> tuple[Plot, Plot]:
    """The same for a desk and for a phone."""
    return plot(sheet, DESK), plot(sheet, PHONE)


def as_data(sheet: Sheet, position: str) -> dict[str, Any]:
    """What the browser draws the same from, with values under the pointer; `position` names the axis."""
    series = [
        {
            "name": each.name,
            "look": each.look,
            "form": each.form.value,
            "values": _plain(each.values),
            "upper": _plain(each.upper),
        }
        for each in sheet.series
    ]
    return {
        "count": sheet.count,
        "unit": sheet.unit,
        "position": position,
        "whole": sheet.whole,
        "digits": 2,
        "names": list(sheet.names),
        "marks": [(mark.at, mark.text) for mark in _fitting(sheet, DESK)],
        "series": series,
        "limits": [(each.name, each.value, each.look) for each in sheet.limits],
    }


def _plain(values: Values) -> list[Value]:
    return [round(value, 4) if _known(value) else None for value in values]


def plot(sheet: Sheet, size: Size) -> Plot:
    steps = _steps(sheet, size.ticks)
    low, high = steps[0], steps[-1]
    pitch = (size.width - size.left - RIGHT) / max(1, sheet.count)
    floor = size.height - BOTTOM

    def x(position: float) -> float:
        return round(size.left + position * pitch, 1)

    def y(value: float) -> float:
        return round(floor - (value - low) / (high - low) * (floor - TOP), 1)

    drawn = tuple(_drawn(each, sheet, x, y, pitch) for each in sheet.series)
    marks = tuple((x(mark.at), mark.text, _anchor(mark.at, sheet.count)) for mark in _fitting(sheet, size))
    return Plot(
        size,
        sheet.unit,
        floor,
        size.width - RIGHT,
        tuple((y(step), step) for step in steps),
        max(0, -math.floor(math.log10(steps[1] - steps[0]) + 1e-9)),
        marks,
        drawn,
        tuple((y(limit.value), limit) for limit in sheet.limits),
    )


def _drawn(each: Series, sheet: Sheet, x: "_Scale", y: "_Scale", pitch: float) -> Drawn:
    name = sheet.names.__getitem__ if sheet.names else str
    if each.form is Form.BAND:
        return Drawn(each.name, each.look, each.form, tuple(_areas(each, x, y)), (), ())
    known = [(n, value) for n, value in enumerate(each.values) if _known(value)]
    if each.form is Form.COLUMN:
        share = 0.72 if sheet.count <= DOTTED else 1.0
        boxes = (_box(n, value, x, y, pitch * share, name(n)) for n, value in known)
        return Drawn(each.name, each.look, each.form, (), (), tuple(boxes))
    runs = list(_runs([_known(value) for value in each.values]))
    pieces = (
        " ".join(f"{x(n + 0.5)},{y(each.values[n] or 0.0)}" for n in range(first, until))
        for first, until in runs
        if until - first > 1
    )
    alone = {first for first, until in runs if until - first == 1}
    dotted = range(len(each.values)) if sheet.count <= DOTTED else alone
    dots = (Dot(x(n + 0.5), y(value), value, name(n)) for n, value in known if n in dotted)
    return Drawn(each.name, each.look, each.form, tuple(pieces), tuple(dots), ())


def _areas(each: Series, x: "_Scale", y: "_Scale") -> Iterator[str]:
    both = [_known(low) and _known(high) for low, high in zip(each.values, each.upper, strict=True)]
    for first, until in _runs(both):
        over = [f"{x(n + 0.5)},{y(each.upper[n] or 0.0)}" for n in range(first, until)]
        under = [f"{x(n + 0.5)},{y(each.values[n] or 0.0)}" for n in range(first, until)]
        yield " ".join(over + under[::-1])


def _box(n: int, value: float, x: "_Scale", y: "_Scale", width: float, name: str) -> Box:
    top, foot = sorted((y(value), y(0.0)))
    return Box(round(x(n + 0.5) - width / 2, 1), top, round(width, 1), round(foot - top, 1), value, name)


def _known(value: Value) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def _runs(known: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """[first, until) of each unbroken run of what is known."""
    at = 0
    for yes, run in groupby(known):
        length = len(list(run))
        if yes:
            yield at, at + length
        at += length


def _steps(sheet: Sheet, wanted: int) -> list[float]:
    """Round numbers around everything drawn: 1, 2 or 5 times a power of ten apart."""
    seen = [value for each in sheet.series for value in (*each.values, *each.upper) if _known(value)]
    seen += [limit.value for limit in sheet.limits]
    low, high = min(seen, default=0.0) or 0.0, max(seen, default=0.0) or 0.0
    if sheet.whole or any(each.form is Form.COLUMN for each in sheet.series):
        low, high = min(low, 0.0), max(high, 0.0)
    if high - low < 1e-9:
        high = low + 1.0
    step = _round_step((high - low) / wanted)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 10) for number in range(first, max(last, first + 1) + 1)]


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * n for n in (1, 2, 5, 10) if power * n >= rough * (1 - 1e-9))


def _fitting(sheet: Sheet, size: Size) -> Sequence[Mark]:
    """Every label, or every second or third …, so that they do not touch; the newest is kept."""
    longest = max((len(mark.text) for mark in sheet.marks), default=1)
    room = max(2, int((size.width - size.left) / (longest * 7 + 14)))
    every = math.ceil(len(sheet.marks) / room)
    return list(sheet.marks[::-1][:: max(1, every)])[::-1]


def _anchor(at: float, count: int) -> str:
    return "start" if at <= 0 else "end" if at >= count else "middle"


class _Scale(Protocol):
    """Where a position or a value stands."""

    def __call__(self, value: float, /) -> float: ...
