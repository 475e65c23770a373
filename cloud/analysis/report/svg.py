"""Charts as SVG text: scales, axes with units, lines, areas, bars; colours are classes of the page.

Everything is said in the units of the data; what is NaN is a hole in the picture, never 0.
"""

import base64
import math
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.floating]
FONT_PX = 12
GAP_PX = 15


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    label: str


def ticks(low: float, high: float, count: int = 5) -> list[Tick]:
    """Round numbers (1, 2, 5 times a power of ten) from `low` to `high`, about `count` of them."""
    span = high - low
    if not math.isfinite(span) or span <= 0:
        return [Tick(low, shown(low))]
    rough = span / max(1, count)
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * n for n in (1, 2, 5, 10) if power * n >= rough * (1 - 1e-9))
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [Tick(n * step, f"{n * step:,.{digits}f}") for n in range(first, last + 1)]


def shown(value: float | None) -> str:
    """Three digits that count, groups of thousands; an em dash for what is not known."""
    if value is None or not math.isfinite(value):
        return "—"
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value)) + 1e-9))
    return f"{value:,.{min(digits, 4)}f}"


@dataclass(slots=True)
class Plot:
    """A drawing of `width` × `height` px with room for axes; x and y run over the given ranges of data."""

    width: int
    height: int
    x: tuple[float, float]
    y: tuple[float, float]
    left: int = 52
    right: int = 24
    top: int = 24
    bottom: int = 26
    parts: list[str] = field(default_factory=list)
    _ends: list[tuple[float, str, str]] = field(default_factory=list)

    def at_x(self, value: float) -> float:
        low, high = self.x
        share = (value - low) / (high - low) if high != low else 0.5
        return round(self.left + share * (self.width - self.left - self.right), 1)

    def at_y(self, value: float) -> float:
        low, high = self.y
        share = (value - low) / (high - low) if high != low else 0.5
        return round(self.height - self.bottom - share * (self.height - self.top - self.bottom), 1)

    @property
    def is_narrow(self) -> bool:
        return self.width < 500

    def axes(self, unit: str, x_ticks: Sequence[Tick], y_ticks: Sequence[Tick] | None = None) -> None:
        """Lines across at each tick, the unit above the axis, labels below."""
        floor = self.height - self.bottom
        for tick in y_ticks if y_ticks is not None else ticks(*self.y, 4):
            y = self.at_y(tick.at)
            self.parts.append(f'<path class="grid" d="M{self.left} {y}H{self.width - self.right}"/>')
            self.text(self.left - 6, y + 4, tick.label, "tick", "end")
        self.text(4, 12, unit, "unit")
        self.parts.append(f'<path class="axis" d="M{self.left} {floor}H{self.width - self.right}"/>')
        for tick in x_ticks:
            x = self.at_x(tick.at)
            self.parts.append(f'<path class="axis" d="M{x} {floor}v4"/>')
            self.text(x, floor + 17, tick.label, "tick", "middle")

    def text(self, x: float, y: float, text: str, kind: str, anchor: str = "start") -> None:
        self.parts.append(
            f'<text x="{x:g}" y="{y:g}" class="{kind}" text-anchor="{anchor}">{escape(text)}</text>'
        )

    def line(self, x: Numbers, y: Numbers, kind: str, name: str = "") -> None:
        """A line that breaks at holes; `name` stands at its end, in its colour."""
        path: list[str] = []
        pen = "M"
        for at_x, at_y in zip(x.tolist(), y.tolist(), strict=True):
            if math.isfinite(at_y):
                path.append(f"{pen}{self.at_x(at_x)} {self.at_y(at_y)}")
                pen = "L"
            else:
                pen = "M"
        self.parts.append(f'<path class="line {kind}" d="{"".join(path)}"/>')
        known = y[np.isfinite(y)]
        if name and len(known):
            self._ends.append((self.at_y(float(known[-1])), name, kind))

    def area(self, x: Numbers, low: Numbers, high: Numbers, kind: str) -> None:
        """The room between two lines."""
        there = np.isfinite(low) & np.isfinite(high)
        if not there.any():
            return
        up = [f"{self.at_x(a)} {self.at_y(b)}" for a, b in zip(x[there], high[there], strict=True)]
        down = [f"{self.at_x(a)} {self.at_y(b)}" for a, b in zip(x[there], low[there], strict=True)]
        self.parts.append(f'<path class="area {kind}" d="M{"L".join(up)}L{"L".join(reversed(down))}Z"/>')

    def bars(self, x: Numbers, y: Numbers, width: float, kind: str) -> None:
        """From the floor up; of holes none."""
        floor = self.at_y(max(0.0, self.y[0]))
        wide = max(0.6, abs(self.at_x(self.x[0] + width) - self.at_x(self.x[0])))
        path = [
            f"M{self.at_x(a)} {floor}V{self.at_y(b)}h{wide:g}V{floor}z"
            for a, b in zip(x.tolist(), y.tolist(), strict=True)
            if math.isfinite(b)
        ]
        self.parts.append(f'<path class="bar {kind}" d="{"".join(path)}"/>')

    def dots(self, x: Numbers, y: Numbers, kind: str, radius: float = 2.2) -> None:
        there = np.isfinite(x) & np.isfinite(y)
        path = [
            f"M{self.at_x(a) - radius:g} {self.at_y(b):g}a{radius} {radius} 0 1 0 {2 * radius} 0"
            f"a{radius} {radius} 0 1 0 -{2 * radius} 0"
            for a, b in zip(x[there].tolist(), y[there].tolist(), strict=True)
        ]
        self.parts.append(f'<path class="dot {kind}" d="{"".join(path)}"/>')

    def image(self, uri: str) -> None:
        """A picture over the whole room of the data, its points left as they are."""
        width, height = self.width - self.left - self.right, self.height - self.top - self.bottom
        self.parts.append(
            f'<rect class="hole" x="{self.left}" y="{self.top}" width="{width}" height="{height}"/>'
            f'<image x="{self.left}" y="{self.top}" width="{width}" height="{height}" '
            f'preserveAspectRatio="none" style="image-rendering:pixelated" href="{uri}"/>'
        )

    def svg(self, sentence: str) -> str:
        self._name_ends()
        return (
            f'<svg viewBox="0 0 {self.width} {self.height}" role="img" aria-label="{escape(sentence)}">'
            + "".join(self.parts)
            + "</svg>"
        )

    def _name_ends(self) -> None:
        """Names at the ends of their lines, moved apart where they would touch."""
        placed = sorted(self._ends)
        heights = [each[0] for each in placed]
        for _ in range(len(heights) * 4):
            for low, high in pairwise(range(len(heights))):
                lack = GAP_PX - (heights[high] - heights[low])
                if lack > 0:
                    heights[low] -= lack / 2
                    heights[high] += lack / 2
        x = self.width - self.right + 6
        for height, (_, name, kind) in zip(heights, placed, strict=True):
            self.text(x, max(self.top, height) + 4, name, f"name {kind}")


def picture(values: Numbers, low: float, high: float, colours: Sequence[tuple[int, int, int]]) -> str:
    """(rows, columns) as a PNG data address, coloured from `low` to `high`; holes are transparent."""
    span = high - low if high > low else 1.0
    count = len(colours)
    level = np.clip((np.nan_to_num(values, nan=low) - low) / span * (count - 1), 0, count - 1)
    index = np.where(np.isfinite(values), level.astype(np.int64) + 1, 0).astype(np.uint8)
    rows = np.hstack([np.zeros((len(index), 1), np.uint8), index])
    head = struct.pack(">IIBBBBB", index.shape[1], index.shape[0], 8, 3, 0, 0, 0)
    palette = b"\0\0\0" + bytes(part for colour in colours for part in colour)
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(*each)
        for each in (
            (b"IHDR", head),
            (b"PLTE", palette),
            (b"tRNS", b"\0"),
            (b"IDAT", zlib.compress(rows.tobytes(), 9)),
            (b"IEND", b""),
        )
    )
    return "data:image/png;base64," + base64.b64encode(data).decode()


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def blend(stops: Iterable[tuple[int, int, int]], count: int = 64) -> list[tuple[int, int, int]]:
    """So many colours along a few."""
    known = np.array(list(stops), float)
    place = np.linspace(0, len(known) - 1, count)
    mixed = [np.interp(place, np.arange(len(known)), known[:, each]) for each in range(3)]
    return [(round(float(r)), round(float(g)), round(float(b))) for r, g, b in zip(*mixed, strict=True)]


CIVIDIS = blend(
    [(0, 34, 78), (53, 69, 108), (102, 105, 112), (148, 142, 119), (200, 184, 102), (254, 232, 56)]
)
"""Even in lightness and the same to people who do not tell red from green."""
