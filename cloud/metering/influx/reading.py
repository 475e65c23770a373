"""The reading side of the InfluxDB store: InfluxQL statements, and their answers as what a store gives.

`Ask` sends a statement and gives the series of the answer piece by piece; StoreFault when it cannot. One
statement names at most `AT_ONCE` meters: an engine's work grows faster than their number.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from cloud.kit.scope import Scope
from cloud.metering.claims import Claim
from cloud.metering.influx.conflicts import order
from cloud.metering.influx.contest import Found
from cloud.metering.influx.line_protocol import (
    MEASUREMENT,
    ORIGIN,
    QUALITY,
    Key,
    identifier,
    identity,
    literal,
    name_of,
    tag_value,
)
from cloud.metering.store import (
    QUALITIES,
    SOURCE_ID,
    Kept,
    Latest,
    Series,
    instant,
    ms,
    normal,
    series,
    windows,
)
from protocols.quantities import QUANTITIES
from protocols.readings import Source, Value

AT_ONCE = 100
_FOREVER = 9_223_372_036_854
"""Unix ms: as far as an instant in ns goes into 64 bits, either way."""
Row = Sequence[Any]
Span = tuple[int, int]
"""[from, to) in Unix ms."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of one series, or some of them: `columns` name what each row holds, `time` in Unix ms first."""

    tags: Mapping[str, str]
    columns: Sequence[str]
    values: Sequence[Row]

    @property
    def meter(self) -> str:
        return name_of(self.tags["meter"])

    @property
    def source(self) -> Source:
        return Source(self.tags["source"])


Ask = Callable[[str], Iterator[Piece]]


def select(
    fields: Iterable[str],
    meters: Iterable[str],
    span: Span | None,
    source: Source | None = None,
    by: str = "",
) -> str:
    """`fields` are InfluxQL; no meters is every meter."""
    wanted = " OR ".join(f"meter = {literal(tag_value(meter))}" for meter in meters)
    parts = [f"({wanted})"] if wanted else []
    if span is not None:
        first, last = (max(-_FOREVER, min(_FOREVER, edge)) for edge in span)
        parts.append(f"time >= {first}ms AND time < {last}ms")
    if source is not None:
        parts.append(f"source = {literal(source.value)}")
    where = f" WHERE {' AND '.join(parts)}" if parts else ""
    grouped = f" GROUP BY {by}" if by else ""
    return f"SELECT {', '.join(fields)} FROM {MEASUREMENT}{where}{grouped}"  # noqa: S608 - all is quoted


def some(meters: Collection[str]) -> Iterator[list[str]]:
    ordered = sorted(meters)
    return (ordered[first : first + AT_ONCE] for first in range(0, len(ordered), AT_ONCE))


# what the writing side has to know


def newest(ask: Ask, meters: Collection[str], from_ms: int) -> dict[tuple[str, Source], int]:
    """The instant of the newest point of each (meter, source) that has one from then on, in Unix ms."""
    found = {}
    for part in some(meters):
        for piece in ask(select([f"last({ORIGIN})"], part, (from_ms, _FOREVER), by="meter, source")):
            found[piece.meter, piece.source] = piece.values[0][0]
    return found


def gaps(ask: Ask, keys: Collection[Key]) -> Iterator[tuple[Key, int, int | None]]:
    """(key, from, next): behind each key there is no point from `from` on until `next`, None: none at all."""
    for meters, (_, behind_ms), near in _near_keys(keys):
        found = {
            (piece.meter, piece.source): piece.values[0][0]
            for piece in ask(select([f"first({ORIGIN})"], meters, (behind_ms, _FOREVER), by="meter, source"))
        }
        for key in near:
            yield key, behind_ms - 1, found.get((key[0], key[2]))


def points(ask: Ask, keys: Collection[Key]) -> dict[Key, Found]:
    """The points that are there under `keys`: first which, since mostly none is, then what they hold."""
    there: list[Key] = []
    for meters, span in _near(keys):
        for piece in ask(select([ORIGIN], meters, span, by="meter, source")):
            meter, source = piece.meter, piece.source
            there += [key for row in piece.values if (key := (meter, row[0], source)) in keys]
    found: dict[Key, Found] = {}
    for meters, span in _near(there):
        for piece in ask(select(["*"], meters, span, by="meter, source")):
            meter, source = piece.meter, piece.source
            for row in piece.values:
                key = meter, row[0], source
                if key in keys and (point := _found(piece.columns, row)):
                    found[key] = point
    return found


def _near(keys: Iterable[Key]) -> Iterator[tuple[list[str], Span]]:
    return ((meters, span) for meters, span, _ in _near_keys(keys))


def _near_keys(keys: Iterable[Key]) -> Iterator[tuple[list[str], Span, list[Key]]]:
    """(meters, [first, last], keys) that hold all keys and not much else: an hour of silence parts them."""
    group: list[Key] = []
    for key in sorted(keys, key=lambda each: each[1]):
        if group and key[1] - group[-1][1] > 3_600_000:
            yield from _spans(group)
            group = []
        group.append(key)
    yield from _spans(group)


def _spans(group: list[Key]) -> Iterator[tuple[list[str], Span, list[Key]]]:
    of: dict[str, list[Key]] = {}
    for key in group:
        of.setdefault(key[0], []).append(key)
    for part in some(of):
        yield part, (group[0][1], group[-1][1] + 1), [key for meter in part for key in of[meter]]


def _found(columns: Sequence[str], row: Row) -> Found | None:
    """None is a point that nobody here has written: it has no origin."""
    held = {name: value for name, value in zip(columns, row, strict=True) if value is not None}
    if ORIGIN not in held:
        return None
    origin, quality = identity(held[ORIGIN]), held.get(QUALITY, 0)
    claims, own = {}, set()
    for name in held.keys() & QUANTITIES.keys():
        value = normal(name, held[name])
        said = held.get(f"{name}_{ORIGIN}")
        if said is None:
            claims[name] = Claim(*origin, value, quality)
        else:
            own.add(name)
            claims[name] = Claim(*identity(said), value, held.get(f"{name}_{QUALITY}", 0))
    return Found(origin, quality, claims, frozenset(own))


# what a store is asked


def quantities(ask: Ask) -> list[str]:
    """The quantities of which there is any value."""
    found = {row[0] for piece in ask(f"SHOW FIELD KEYS FROM {MEASUREMENT}") for row in piece.values}
    return sorted(found & QUANTITIES.keys())


def meters(ask: Ask) -> list[str]:
    """Every meter of which there is a reading, in order."""
    pieces = ask(f"SHOW TAG VALUES FROM {MEASUREMENT} WITH KEY = meter")
    return sorted(name_of(row[1]) for piece in pieces for row in piece.values)


def latest(ask: Ask, scope: Scope, wanted: Collection[str] | None) -> list[Latest]:
    visible = scope.meters()
    shown = visible if wanted is None else set(wanted) if visible is None else set(wanted) & visible
    best: dict[tuple[str, str], Latest] = {}
    if shown is None or shown:
        for quantity in quantities(ask):
            for part, span in _parts(scope, shown):
                for each in _last(ask, quantity, part, span):
                    held = best.setdefault((each.meter, quantity), each)
                    if (each.at_ms, -SOURCE_ID[each.source]) > (held.at_ms, -SOURCE_ID[held.source]):
                        best[each.meter, quantity] = each
    return [best[key] for key in sorted(best)]


def _parts(scope: Scope, shown: set[str] | None) -> Iterator[tuple[list[str], Span | None]]:
    """(meters, window) that together are what is shown; None is for ever, and no meters are all of them."""
    if shown is None:
        yield [], None
    elif scope.windows is None:
        for part in some(shown):
            yield part, None
    else:
        for meter in sorted(shown):
            for first, last in windows(scope, meter):
                yield [meter], (first, _FOREVER if last is None else last)


def _last(ask: Ask, quantity: str, meters: list[str], span: Span | None) -> Iterator[Latest]:
    fields = [f"last({identifier(quantity)})", QUALITY, identifier(f"{quantity}_{QUALITY}")]
    for piece in ask(select(fields, meters, span, by="meter, source")):
        at_ms, value, quality, own = piece.values[0]
        number = quality or 0 if own is None else own
        yield Latest(piece.meter, quantity, at_ms, piece.source, normal(quantity, value), QUALITIES[number])


def values(
    ask: Ask, scope: Scope, meter: str, quantity: str, start: datetime, end: datetime, source: Source | None
) -> Series:
    best: dict[int, tuple[int, Value]] = {}
    for first, last in scope.clip(meter, start, end):
        statement = select([identifier(quantity)], [meter], (ms(first), ms(last)), source, by="source")
        for piece in ask(statement):
            preferred = SOURCE_ID[piece.source]
            for at_ms, value in piece.values:
                if at_ms not in best or preferred < best[at_ms][0]:
                    best[at_ms] = preferred, value
    at = sorted(best)
    return series(quantity, at, [best[at_ms][1] for at_ms in at])


def newest_at(ask: Ask, scope: Scope, meter: str) -> datetime | None:
    visible = scope.meters()
    if visible is not None and meter not in visible:
        return None
    found = [
        piece.values[0][0]
        for part, span in _parts(scope, {meter})
        for piece in ask(select([f"last({ORIGIN})"], part, span, by="source"))
    ]
    return instant(max(found)) if found else None


def rows(ask: Ask, scope: Scope) -> Iterator[Kept]:
    """Everything in scope, in order; one statement for each meter and window."""
    visible = scope.meters()
    for meter in meters(ask) if visible is None else sorted(visible):
        whole = windows(scope, meter)
        span = min(first for first, _ in whole), max(_FOREVER if last is None else last for _, last in whole)
        pieces = ask(select(["*"], [meter], span))
        each = (_point(meter, piece, row) for piece in pieces for row in piece.values)
        for at_ms, same in groupby(each, key=lambda point: point[0]):
            if scope.holds(meter, instant(at_ms)):
                yield from sorted((kept for _, all_ in same for kept in all_), key=order)


def _point(meter: str, piece: Piece, row: Row) -> tuple[int, list[Kept]]:
    found = _found(piece.columns, row)
    at_ms = row[0]
    if found is None:
        return at_ms, []
    source = Source(row[piece.columns.index("source")])
    return at_ms, [
        Kept(meter, at_ms, source, quantity, claim.value, QUALITIES[claim.quality], *claim[:3])
        for quantity, claim in found.claims.items()
    ]
