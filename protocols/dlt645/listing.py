"""The table of data identifiers as rows to print: a row for each family, its content taken from the rules."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from protocols.dlt645 import events
from protocols.dlt645.items import Item, Kind

Find = Callable[[str], Item | None]
_BLOCK = (0xFF,)
_FEW = 5
_TARIFFS, _SETTLEMENTS = tuple(range(0x40)), tuple(range(0x0D))
_BACK = tuple(range(1, events.MOST_BACK + 1))
_FREEZES_BACK = tuple(range(1, 0xFF))
_DAILY = 0x06
_OTHER_FREEZES = (
    "00 timed, 01 instant, 02 zone switch, 03 slot switch, 04 hourly, 05 tariff scheme switch, 07 step switch"
)
_BYTE = tuple(range(0x100))
_DIGITS = tuple(range(0x10))


@dataclass(frozen=True, slots=True)
class Row:
    """`di` has ranges, such as "00 01 00-3F 00-0C"; `sign` says where the sign is, or "none".

    `source` is "verified", "secondary" or "unverified", as `Item` explains; `note` says what a record holds.
    """

    version: str
    di: str
    name: str
    kind: str
    format: str
    unit: str | None
    size: int
    sign: str
    quantities: tuple[str, ...]
    source: str
    block: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """The identifiers of which each byte (2007) or digit (1997) is one of its place."""

    version: str
    places: tuple[Sequence[int], ...]

    @property
    def width(self) -> int:
        return 2 if self.version == "2007" else 1

    def holds(self, di: str) -> bool:
        parts = [int(di[at : at + self.width], 16) for at in range(0, len(di), self.width)]
        if len(parts) != len(self.places):
            return False
        return all(part in place for part, place in zip(parts, self.places, strict=True))

    def dis(self) -> Iterator[str]:
        for parts in product(*self.places):
            yield "".join(f"{part:0{self.width}X}" for part in parts)

    def ends(self) -> tuple[str, str]:
        """The first and the last member."""
        first, last = (Family(self.version, tuple((place[at],) for place in self.places)) for at in (0, -1))
        return next(first.dis()), next(last.dis())

    def few(self) -> Iterator[str]:
        """Those that may be quantities of ours: the first of each place."""
        return Family(self.version, tuple(place[:_FEW] for place in self.places)).dis()

    def shown(self) -> str:
        between = " " if self.width > 1 else ""
        ranges = [_ranges(place, self.width) for place in self.places]
        return between.join(ranges if self.width > 1 else [f"[{r}]" if len(r) > 1 else r for r in ranges])


def rows(find: Find, find_1997: Find) -> list[Row]:
    """All families, 2007 first; `find` and `find_1997` are the two look-ups."""
    return [
        _row(family, find if family.version == "2007" else find_1997) for family in families(find, find_1997)
    ]


def families(find: Find, find_1997: Find) -> list[Family]:
    """Those of which the rules know every member."""
    known = [family for family in _candidates() if find(next(family.dis()))]
    return known + [family for family in _candidates_1997() if find_1997(next(family.dis()))]


def _row(family: Family, find: Find) -> Row:
    first, last = (find(di) for di in family.ends())
    assert first is not None and last is not None, "a family is known from end to end"  # noqa: PT018
    name = _general(last.name) if last is not first else first.name
    sign = "none"
    if first.kind in (Kind.NUMBER, Kind.DEMAND) and first.signed:
        sign = "bit 7 of the highest byte"
    named = (item.quantity for di in family.few() if (item := find(di)) and item.quantity)
    quantities = tuple(dict.fromkeys(named))
    return Row(
        family.version, family.shown(), name, first.kind.value, first.format, first.unit,
        first.size, sign, quantities, first.source, first.block, _note(first),
    )  # fmt: skip


def _general(name: str) -> str:
    """The name of the last of a family, with n for its numbers."""
    name = re.sub(r"\b\d+ back", "n back", name)
    name = re.sub(r"phase C$", "each phase", name)
    name = re.sub(r"\b(tariff|order) \d+", r"\1 n", name)
    return name.replace("step switch freeze", "other freeze")


def _note(item: Item) -> str:
    kinds = _OTHER_FREEZES if item.di.startswith("0500") else ""
    if item.kind is not Kind.RECORD:
        return kinds
    if item.di.startswith("06"):
        return "A0 A0, length, stamp, classes each ended by AA, sum, E5"
    if item.di.startswith("05"):
        return "; ".join(filter(None, ("the parts, AA between them", kinds)))
    event = events.event_of(item.di)
    if event is None or not event.layout:
        return "kept as bytes: no source describes it"
    known = f"{', '.join(event.layout)}".replace("_", " ")
    return known if event.size else f"{known}; the rest is kept as bytes"


def _two(*places: int | Sequence[int]) -> Family:
    return Family("2007", tuple((place,) if isinstance(place, int) else tuple(place) for place in places))


def _candidates() -> Iterator[Family]:
    for class_ in (0x00, 0x01):
        for item in _BYTE:
            yield _two(class_, item, _TARIFFS, _SETTLEMENTS)
            yield _two(class_, item, _BLOCK, _SETTLEMENTS)
            yield _two(class_, item, _TARIFFS, _BLOCK)
    yield from (_two(0x00, 0x90, part, 0x00) for part in (1, 2))
    yield from _variables()
    yield from _events()
    yield from _parameters()
    for kinds in ((0, 1, 2, 3, 4, 5, 7), (_DAILY,)):
        yield from (_two(0x05, kinds, part, _FREEZES_BACK) for part in (*range(0x11), 0xFF))
    yield from (_two(0x06, class_, 0x00, (0, 1, 2)) for class_ in _DIGITS)
    for class_ in (0x1D, 0x1E):
        yield _two(class_, 0x00, 0x00, 0x00)
        yield _two(class_, 0x00, 0x00, _BACK)


def _variables() -> Iterator[Family]:
    for item in range(1, 0x0A):
        yield from (_two(0x02, item, part, 0x00) for part in (0, 1, 2, 3, 0xFF))
    for item, phase in product((0x0A, 0x0B), (1, 2, 3)):
        yield _two(0x02, item, phase, range(1, 0x16))
        yield _two(0x02, item, phase, _BLOCK)
    yield from (_two(0x02, 0x80, 0x00, part) for part in _BYTE)


def _events() -> Iterator[Family]:
    for item in (*range(1, 0x10), 0x11, 0x12, 0x35, 0x36, 0x37):
        yield _two(0x03, item, 0x00, 0x00)
        yield from (_two(0x03, item, places, _BACK) for places in (0x00, (1, 2, 3)))
    for part in range(0x0F):
        yield _two(0x03, 0x30, part, 0x00)
        yield _two(0x03, 0x30, part, _BACK)
    yield from (_two(0x03, item, _BYTE, _BYTE) for item in (0x10, 0x31, 0x32, 0x33))


def _parameters() -> Iterator[Family]:
    for part in range(0x0F):
        if part in _SAME_ROWS:
            yield _two(0x04, 0x00, part, _SAME_ROWS[part])
        else:
            yield from (_two(0x04, 0x00, part, last) for last in range(0x10))
    yield _two(0x04, 0x00, 0x05, _BLOCK)
    for set_ in (1, 2):
        yield _two(0x04, set_, 0x00, 0x00)
        yield _two(0x04, set_, 0x00, range(1, 9))
    yield _two(0x04, 0x03, 0x00, range(1, 0xFF))
    yield from (_two(0x04, 0x04, part, _BYTE) for part in (1, 2))
    yield _two(0x04, 0x09, 0x01, range(1, 0x100))
    yield from (_two(0x04, 0x80, 0x00, part) for part in (1, 2, 3))


_SAME_ROWS: dict[int, Sequence[int]] = {
    0x05: range(1, 8), 0x06: range(1, 4), 0x07: range(1, 6), 0x0B: range(1, 4), 0x0C: range(1, 0x0B),
    0x0D: range(1, 0x0D),
}  # fmt: skip


def _one(*digits: int | Sequence[int]) -> Family:
    return Family("1997", tuple((digit,) if isinstance(digit, int) else tuple(digit) for digit in digits))


def _candidates_1997() -> Iterator[Family]:
    for period, third in product(_DIGITS, _DIGITS):
        yield _one(9, period, third, range(5))
        yield _one(9, period, third, 0x0F)
    for class_, period, way in product((0xA, 0xB), (0, 4, 8), (1, 2)):
        yield _one(class_, period, way, range(5))
    for third in _DIGITS:
        yield _one(0xB, 6, third, (1, 2, 3))
        yield _one(0xB, 6, third, 0)
        yield _one(0xB, 6, third, 0x0F)
    for single in ("B210", "B212"):
        yield _one(*(int(digit, 16) for digit in single))
    for third, last in product(_DIGITS, _DIGITS):
        yield _one(0xC, 0, third, last)
        yield _one(0xC, 1, third, last)


@lru_cache(maxsize=256)
def _ranges_of(place: tuple[int, ...], width: int) -> str:
    runs: list[list[int]] = []
    for value in place:
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    return ",".join(f"{run[0]:0{width}X}" + (f"-{run[-1]:0{width}X}" if len(run) > 1 else "") for run in runs)


def _ranges(place: Sequence[int], width: int) -> str:
    return _ranges_of(tuple(place), width)
