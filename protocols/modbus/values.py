"""Registers to values: what a register means, and the same for many points at once.

`exact` is the rule, in Decimal. `Reader` gives equal values by whole numbers and floats, ten times as fast.
"""

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache, partial
from typing import Final

from protocols.modbus import registers
from protocols.points import Point
from protocols.quantities import EXACT, QUANTITIES
from protocols.readings import Value

Convert = Callable[[int | float], Value | None]

FLOAT32_DIGITS: Final = 7
"""What follows the seventh digit of a float32 is noise of the format."""
NO_EXPONENT: Final = -0x8000
MAX_EXPONENT: Final = 10
_FINITE: Final = 1.8e308
_EXACT_FLOAT_FACTOR: Final = 1 << 29
"""A float32 times less than this is still exact as a float64."""


def exact(point: Point, raw: float, exponent: int = 0) -> Value | None:
    """The value of a register in its quantity's own unit; None when it can be no value of it."""
    number = Decimal(raw) * point.scale
    if exponent:
        number = number.scaleb(exponent)
    if point.form == "four_quadrant":
        number = _unfolded(number)
    return in_unit(point, number)


def in_unit(point: Point, number: Decimal) -> Value | None:
    """A number in the point's unit as a value; counters whole, a float32 with the digits that it has."""
    scaled = number * point.factor
    value: Value
    if point.is_counter:
        value = int(scaled.to_integral_value())
    elif point.type == "f32" and not point.di:
        value = float(f"{scaled:.{FLOAT32_DIGITS}g}")
    else:
        value = float(scaled)
    return value if QUANTITIES[point.quantity].can_be(value) else None


def _unfolded(number: Decimal) -> Decimal:
    """Schneider's power factor: beyond 1 it is 2 - x leading, below -1 it is -2 - x leading."""
    if abs(number) <= 1:
        return number
    return (2 if number > 0 else -2) - number


class Reader:
    """Takes the values of some points out of a block of `count` registers that begins at `first`."""

    def __init__(self, points: Iterable[Point], first: int, count: int) -> None:
        points = tuple(points)
        self._layers = _layers({field for point in points for field in _fields(point, first, count)}, count)
        places = {
            field: at for at, field in enumerate(each for _, _, fields in self._layers for each in fields)
        }
        at = {point: [places[field] for field in _fields(point, first, count)] for point in points}
        ready = [point for point in points if _is_ready(point)]
        self._names = tuple(point.quantity for point in ready)
        self._format = " ".join([f"%.{FLOAT32_DIGITS}g"] * len(ready))
        self._ready = tuple(at[point][0] for point in ready)
        self._others = [
            (point.quantity, at[point][0], converter(point, 0), _sentinels(point))
            for point in points
            if point.scale_register is None and not _is_ready(point)
        ]
        self._scaled = [
            (point, at[point][0], at[point][1]) for point in points if point.scale_register is not None
        ]
        self._words = struct.Struct(f">{count}H")

    def values(self, words: Sequence[int]) -> dict[str, Value]:
        """What the words bring; a quantity that is not available is left out."""
        raws = self._raws(words)
        texts = (self._format % tuple([raws[at] for at in self._ready])).split()
        found: dict[str, Value] = {
            name: value
            for name, value in zip(self._names, map(float, texts), strict=True)
            if -_FINITE < value < _FINITE
        }
        for quantity, at, convert, sentinels in self._others:
            raw = raws[at]
            if raw not in sentinels and (value := convert(raw)) is not None:
                found[quantity] = value
        for point, at, scale_at in self._scaled:
            raw, exponent = raws[at], int(raws[scale_at])
            if raw not in _sentinels(point) and abs(exponent) <= MAX_EXPONENT:
                value = converter(point, exponent)(raw)
                if value is not None:
                    found[point.quantity] = value
        return found

    def _raws(self, words: Sequence[int]) -> list[int | float]:
        block = self._words.pack(*words)
        mirrored = b""
        raws: list[int | float] = []
        for layer, is_mirrored, _ in self._layers:
            if is_mirrored and not mirrored:
                mirrored = self._words.pack(*reversed(words))
            raws += layer.unpack(mirrored if is_mirrored else block)
        return raws


@dataclass(frozen=True, slots=True, order=True)
class _Field:
    """A number in a block, high word first. With the low word first it is one in the mirrored block."""

    mirrored: bool
    at: int
    width: int
    code: str


def _fields(point: Point, first: int, count: int) -> list[_Field]:
    """Where a point's register is in the block, and its scale register."""
    at, width = point.address - first, point.width
    mirrored = point.word_order == "little" and width > 1
    field = _Field(mirrored, count - at - width if mirrored else at, width, registers.FORMATS[point.type][1])
    return (
        [field]
        if point.scale_register is None
        else [field, _Field(False, point.scale_register - first, 1, "h")]
    )


def _layers(fields: Iterable[_Field], count: int) -> list[tuple[struct.Struct, bool, list[_Field]]]:
    """Few formats that together take all fields out of a block; those of one format do not overlap."""
    layers: list[list[_Field]] = []
    for field in sorted(fields):
        for layer in layers:
            if layer[-1].mirrored == field.mirrored and layer[-1].at + layer[-1].width <= field.at:
                layer.append(field)
                break
        else:
            layers.append([field])
    return [(_format(layer, count), layer[0].mirrored, layer) for layer in layers]


def _format(layer: Sequence[_Field], count: int) -> struct.Struct:
    codes, at = [], 0
    for field in layer:
        codes.append(f"{2 * (field.at - at)}x{field.code}")
        at = field.at + field.width
    return struct.Struct(f">{''.join(codes)}{2 * (count - at)}x")


def _is_ready(point: Point) -> bool:
    """A float32 gauge in the quantity's own unit: its digits are its value."""
    return (
        point.type == "f32" and not point.is_counter and point.scale * point.factor == 1
        and point.scale_register is None and point.form == "plain" and not _sentinels(point)
    )  # fmt: skip


@lru_cache(maxsize=4096)
def _sentinels(point: Point) -> tuple[int | float, ...]:
    """The numbers that mean "not available"; a pattern that is NaN is none in any case."""
    found = (registers.number_of(pattern, point.type) for pattern in point.not_available)
    return tuple(number for number in found if number == number)


@lru_cache(maxsize=4096)
def converter(point: Point, exponent: int) -> Convert:
    """A function that gives what `exact` gives for that point and exponent."""
    up, down = (point.scale.scaleb(exponent) * point.factor).as_integer_ratio()
    if point.form == "plain" and point.type not in ("f32", "f64"):
        return _whole_counter(up, down) if point.is_counter else _whole_gauge(up, down)
    if point.form == "plain" and point.is_counter and down == 1 and up < _most(point):
        return _float_counter(up)
    if (
        point.form == "plain"
        and point.type == "f32"
        and not point.is_counter
        and _power_of_ten(up, down) is not None
    ):
        return _float_gauge(_power_of_ten(up, down) or 0)
    return partial(_finite, point, exponent)


def _finite(point: Point, exponent: int, raw: float) -> Value | None:
    return exact(point, raw, exponent) if -_FINITE < raw < _FINITE else None


def _most(point: Point) -> int:
    """Up to here a factor makes no float inexact."""
    return _EXACT_FLOAT_FACTOR if point.type == "f32" else 2


def _whole_gauge(up: int, down: int) -> Convert:
    if down == 1:
        return lambda raw: float(raw * up)
    return lambda raw: raw * up / down  # the quotient of whole numbers is rounded once, as it should be


def _whole_counter(up: int, down: int) -> Convert:
    def whole(raw: float) -> Value | None:
        value, rest = divmod(int(raw) * up, down)
        value += 2 * rest > down or (2 * rest == down and value & 1)
        return value if 0 <= value < EXACT else None

    return whole


def _float_counter(up: int) -> Convert:
    def whole(raw: float) -> Value | None:
        if not -EXACT < raw < EXACT:  # NaN is neither
            return None
        value = round(raw * up)
        return value if 0 <= value < EXACT else None

    return whole


def _power_of_ten(up: int, down: int) -> int | None:
    for power in range(-20, 21):
        if Decimal(up) == Decimal(down).scaleb(power):
            return power
    return None


def _float_gauge(power: int) -> Convert:
    """The digits stay, the exponent moves."""

    def shifted(raw: float) -> Value | None:
        if not -_FINITE < raw < _FINITE:
            return None
        digits, _, exponent = f"{raw:.{FLOAT32_DIGITS - 1}e}".partition("e")
        return float(f"{digits}e{int(exponent) + power}")

    return shifted
