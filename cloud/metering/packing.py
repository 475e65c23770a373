"""Readings as bytes: the names of a reading are its shape, its values eight bytes each.

A shape is worked out once and values are checked as columns, so nothing here is done twice for each value.
"""

import struct
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from protocols.mqtt.messages import MAX_INT, MAX_VALUES
from protocols.quantities import EXACT, QUANTITIES, Kind
from protocols.readings import Reading

WORD = 8
MOST_SHAPES = 4096
"""Shapes remembered: a gateway that makes up a new one for each reading fills no memory."""
_MINUS_ZERO = np.int64(-(2**63))


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """The quantities of a reading in their order; `pack` makes bytes of their values, or raises."""

    names: tuple[str, ...]
    pack: Callable[..., bytes]
    counters: tuple[int, ...]
    gauges: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Packed:
    """For each reading its shape and its values, little-endian, counters int64 and gauges float64.

    `plain`: every value is one that a gateway may send, counters from 0 and everything below 2**53.
    """

    shapes: Sequence[Shape]
    blobs: Sequence[bytes]
    plain: bool

    def by_shape(self) -> Iterator[tuple[Shape, NDArray[np.int64]]]:
        """(shape, words of shape (readings, quantities)) for each shape there is."""
        different = dict.fromkeys(self.shapes)
        for shape in different:
            mine = self.blobs
            if len(different) > 1:
                mine = list(compress(self.blobs, [each is shape for each in self.shapes]))
            yield shape, np.frombuffer(b"".join(mine), "<i8").reshape(-1, len(shape.names))


_shapes: dict[tuple[str, ...], Shape] = {}


def shape_of(names: tuple[str, ...]) -> Shape:
    """The one shape of these names while it is remembered; ValueError when one is no quantity's."""
    known = _shapes.get(names)
    if known is None:
        if len(_shapes) >= MOST_SHAPES:
            _shapes.clear()
        known = _shapes[names] = _shape(names)
    return known


def _shape(names: tuple[str, ...]) -> Shape:
    if not 1 <= len(names) <= MAX_VALUES:
        raise ValueError(f"a reading holds 1 to {MAX_VALUES} values, this one {len(names)}")
    for name in names:
        if name not in QUANTITIES:
            raise ValueError(f"no quantity is called {name!r}")
    counts = [QUANTITIES[name].kind is Kind.COUNTER for name in names]
    letters = "".join("q" if counter else "d" for counter in counts)
    return Shape(
        names,
        struct.Struct("<" + letters).pack,
        tuple(number for number, counter in enumerate(counts) if counter),
        tuple(number for number, counter in enumerate(counts) if not counter),
    )


def pack(readings: Sequence[Reading]) -> Packed:
    """The readings as bytes; ValueError when one holds what is no value of its quantity."""
    shapes: list[Shape] = []
    blobs: list[bytes] = []
    find = _shapes.get
    for reading in readings:
        values = reading.values
        names = tuple(values)
        shape = find(names) or shape_of(names)
        shapes.append(shape)
        try:
            blobs.append(shape.pack(*values.values()))
        except (struct.error, OverflowError, TypeError):
            raise ValueError(_wrong(reading)) from None
    return _checked(readings, Packed(shapes, blobs, plain=True))


def _checked(readings: Sequence[Reading], packed: Packed) -> Packed:
    plain = zeros = True
    for shape, words in packed.by_shape():
        if shape.counters:
            counters = words[:, shape.counters]
            low, high = int(counters.min()), int(counters.max())
            if low < -MAX_INT or high > MAX_INT:
                raise ValueError(next(filter(None, map(_wrong, readings))))
            plain = plain and low >= 0 and high < EXACT
        if shape.gauges:
            gauges = words[:, shape.gauges]
            zeros = zeros and not (gauges == _MINUS_ZERO).any()
            largest = np.abs(gauges.view("<f8")).max()
            if not np.isfinite(largest):  # a NaN makes the maximum NaN
                raise ValueError(next(filter(None, map(_wrong, readings))))
            plain = plain and bool(largest < EXACT)
    if zeros and plain:
        return packed
    return Packed(packed.shapes, packed.blobs if zeros else _without_minus_zero(packed), plain)


def _without_minus_zero(packed: Packed) -> list[bytes]:
    blobs = []
    for shape, blob in zip(packed.shapes, packed.blobs, strict=True):
        values = struct.unpack("<" + "".join(_letter(name) for name in shape.names), blob)
        blobs.append(shape.pack(*(value + 0 for value in values)))
    return blobs


def _letter(name: str) -> str:
    return "q" if QUANTITIES[name].kind is Kind.COUNTER else "d"


def _wrong(reading: Reading) -> str:
    """What is wrong with a reading, or nothing."""
    for name, value in reading.values.items():
        if QUANTITIES[name].kind is Kind.COUNTER:
            if not isinstance(value, int) or abs(value) > MAX_INT:
                return f"{name} = {value!r} is no counter"
        elif not isinstance(value, int | float) or not abs(value) < float("inf"):
            return f"{name} = {value!r} is no gauge"
        elif isinstance(value, int) and value.bit_length() > 1023:
            return f"{name} is no gauge"
    return ""


def any_all_below(packed: Packed, quantities: Collection[str], limit: float) -> bool:
    """Whether some reading has gauges among `quantities` and every one of them is below `limit`."""
    for shape, words in packed.by_shape():
        mine = [number for number in shape.gauges if shape.names[number] in quantities]
        if mine and (words[:, mine].view("<f8").max(axis=1) < limit).any():
            return True
    return False
