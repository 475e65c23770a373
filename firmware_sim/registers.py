"""What a Modbus meter has in its registers: words of present values, fixed words, and what it refuses.

Without bytes: Modbus TCP and Modbus RTU stand on it alike.
"""

import struct
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from math import floor
from typing import Final

from firmware_sim.meter import Meter
from protocols.modbus.registers import WIDTHS, encode_registers
from protocols.models import MeterModel, Point
from protocols.quantities import QUANTITIES, Kind

ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3
READS: Final = (3, 4)
FLOATS = ("f32", "f64")
_SUNS: Final = (0x5375, 0x6E53)
_COMMON: Final = 66
"""The length of the block that says who made the meter."""
_EXPONENTS: Final = {"A": -2, "V": -1, "Hz": -2, "W": 1, "VA": 1, "var": 1, "1": -1, "Wh": 1, "varh": 1}
"""What simulated SunSpec meters have in their scale registers."""


class Refusal(Exception):
    """The meter says no; `code` is the Modbus exception."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Registers:
    """All that meters of one model share: which registers there are, by function code."""

    def __init__(self, model: MeterModel) -> None:
        start, self.fixed = sunspec_map(model) if model.sunspec else (0, {})
        self.points: dict[int, list[Point]] = {}
        for point in model.points:
            self.points.setdefault(point.fc, []).append(_moved(point, start))
        self._longest = model.max_regs
        self.there = {
            fc: frozenset(_declared(points, model.max_gap) | self.fixed.keys())
            for fc, points in self.points.items()
        }

    def read(self, meter: Meter, fc: int, address: int, count: int, at_ms: int) -> list[int]:
        """The words at that time; Refusal when the meter would say no."""
        self.check(fc, address, count)
        words = [self.fixed.get(address + at, 0) for at in range(count)]
        asked = self.touched(fc, address, count)
        values = meter.values(at_ms, frozenset(point.quantity for point in asked))
        for point in asked:
            for at, word in enumerate(words_of(point, values.get(point.quantity)), point.address - address):
                if 0 <= at < count:
                    words[at] = word
        return words

    def check(self, fc: int, address: int, count: int) -> None:
        if fc not in self.there:
            raise Refusal(ILLEGAL_FUNCTION)
        if not 1 <= count <= self._longest:
            raise Refusal(ILLEGAL_VALUE)
        if not self.there[fc].issuperset(range(address, address + count)):
            raise Refusal(ILLEGAL_ADDRESS)

    def touched(self, fc: int, address: int, count: int) -> list[Point]:
        end = address + count
        return [
            each for each in self.points[fc] if each.address < end and address < each.address + each.width
        ]


def _moved(point: Point, by: int) -> Point:
    scale_register = None if point.scale_register is None else point.scale_register + by
    return replace(point, address=point.address + by, scale_register=scale_register)


def sunspec_map(model: MeterModel) -> tuple[int, dict[int, int]]:
    """Where the meter's block begins, and all words of the map that do not change."""
    assert model.sunspec is not None
    base = model.sunspec.bases[0]
    start = base + 4 + _COMMON
    length = max(point.first + point.span for point in model.points)
    maker = struct.pack(f">{_COMMON}s", f"{'wattpost':\0<32}{model.name:\0<32}".encode())
    head = [*_SUNS, 1, _COMMON, *struct.unpack(f">{_COMMON // 2}H", maker), *[0] * (_COMMON - _COMMON // 2)]
    block = [model.sunspec.ids[0], length, *[0] * length]
    fixed = dict(enumerate([*head, *block, 0xFFFF, 0], base))
    for point in model.points:
        if point.scale_register is not None:
            fixed[start + point.scale_register] = _EXPONENTS[QUANTITIES[point.quantity].unit] & 0xFFFF
    return start, fixed


def _declared(points: Sequence[Point], max_gap: int) -> set[int]:
    """The addresses of the points, and of gaps so small that the model says they read as zeros."""
    spans = sorted((point.first, point.first + point.span) for point in points)
    there = {address for first, behind in spans for address in range(first, behind)}
    for (_, behind), (first, _) in pairwise(spans):
        if first - behind <= max_gap:
            there.update(range(behind, first))
    return there


@lru_cache(maxsize=64)
def registers_of(model: MeterModel) -> Registers:
    return Registers(model)


def exponent_of(point: Point) -> int:
    """What a simulated meter has in the scale register of that point."""
    return 0 if point.scale_register is None else _EXPONENTS[QUANTITIES[point.quantity].unit]


@lru_cache(maxsize=4096)
def step_of(point: Point) -> float:
    """What one step of the register is, in the quantity's own unit.

    One division by it: two, by the factor and by the scale, would make a counter of 8.7 kWh show 8.6.
    """
    return float(point.scale.scaleb(exponent_of(point)) * point.factor)


def words_of(point: Point, value: float | None) -> list[int]:
    """A quantity as the registers of its point; counters are cut and roll over, gauges rounded, floats kept.

    What a register cannot show is the meter's "not available", or the highest that it can show.
    """
    if value is None:
        return _not_available(point)
    raw = value / step_of(point)
    if point.type in FLOATS:
        return encode_registers(raw, point.type, point.word_order)
    bits = 16 * WIDTHS[point.type]
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if point.type[0] == "s" else (0, (1 << bits) - 1)
    if QUANTITIES[point.quantity].kind is Kind.COUNTER:
        whole = floor(raw) % (high + 1)
    elif point.not_available and not low <= round(raw) <= high:
        return _not_available(point)
    else:
        whole = min(max(round(raw), low), high)
    return encode_registers(whole, point.type, point.word_order)


def _not_available(point: Point) -> list[int]:
    if point.not_available:
        pattern = point.not_available[0].to_bytes(2 * point.width, "big")
        words = [int.from_bytes(pattern[at : at + 2], "big") for at in range(0, len(pattern), 2)]
        return words if point.word_order == "big" else words[::-1]
    return encode_registers(None, point.type) if point.type in FLOATS else [0] * point.width
