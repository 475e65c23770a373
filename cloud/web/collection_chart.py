"""Thirty days of collection rates as geometry: two lines over days, on an axis that says where it begins."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

WIDTH, HEIGHT = 360, 170
LEFT, RIGHT, TOP, BOTTOM = 40, 8, 8, 22
FLOORS = (0.99, 0.95, 0.9, 0.8, 0.5, 0.0)
TICKS = 4


@dataclass(frozen=True, slots=True)
class Dot:
    x: float
    y: float
    day: date
    share: float


@dataclass(frozen=True, slots=True)
class Line:
    """`parts`: the points of each unbroken piece; a day without a rate breaks the line."""

    name: str
    parts: tuple[str, ...]
    dots: tuple[Dot, ...]


@dataclass(frozen=True, slots=True)
class Trend:
    width: int
    height: int
    left: int
    floor: float
    ticks: tuple[tuple[float, float], ...]
    days: tuple[tuple[float, date], ...]
    lines: tuple[Line, ...]


def trend(days: Sequence[date], rates: Sequence[tuple[str, Sequence[float | None]]]) -> Trend:
    """`rates`: name and one share (0 to 1, None is none) for each day. Every seventh day is labelled."""
    lowest = min((share for _, shares in rates for share in shares if share is not None), default=1.0)
    bottom = next(floor for floor in FLOORS if floor < lowest or floor == 0.0)
    pitch = (WIDTH - LEFT - RIGHT) / max(1, len(days) - 1)

    def x(number: int) -> float:
        return round(LEFT + number * pitch, 1)

    def y(share: float) -> float:
        return round(TOP + (1 - share) / (1 - bottom) * (HEIGHT - TOP - BOTTOM), 1)

    steps = [bottom + (1 - bottom) * number / TICKS for number in range(TICKS + 1)]
    lines = []
    for name, shares in rates:
        dots = [
            Dot(x(number), y(share), days[number], share)
            for number, share in enumerate(shares)
            if share is not None
        ]
        lines.append(Line(name, _parts(dots, pitch), tuple(dots)))
    labelled = range(len(days) - 1, -1, -7)
    return Trend(
        WIDTH,
        HEIGHT,
        LEFT,
        HEIGHT - BOTTOM,
        tuple((y(step), step) for step in steps),
        tuple((x(number), days[number]) for number in reversed(labelled)),
        tuple(lines),
    )


def _parts(dots: Sequence[Dot], pitch: float) -> tuple[str, ...]:
    pieces: list[list[str]] = []
    before: Dot | None = None
    for dot in dots:
        if before is None or dot.x - before.x > 1.5 * pitch:
            pieces.append([])
        pieces[-1].append(f"{dot.x},{dot.y}")
        before = dot
    return tuple(" ".join(piece) for piece in pieces if len(piece) > 1)
