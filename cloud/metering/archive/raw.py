"""Raw readings as tables, exact, with where they came from: everything a store needs to be made again.

Conflicts are rows too. Two tables of one day are joined by the store's own rule, so that what a store has
forgotten and what came late to it end as they would have in one store.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cloud.metering.archive.slots import AT, ranks
from cloud.metering.claims import Claim, contest
from cloud.metering.store import QUALITIES, QUALITY_ID, SOURCE_ID, BatchOfReadings, Kept
from protocols.readings import Quality, Reading, Source, Value

_WORD = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    [
        pa.field("meter", _WORD, nullable=False),
        pa.field("at", AT, nullable=False),
        pa.field("source", _WORD, nullable=False),
        pa.field("quantity", _WORD, nullable=False),
        pa.field("counter", pa.int64()),
        pa.field("gauge", pa.float64()),
        pa.field("quality", _WORD, nullable=False),
        pa.field("gateway", _WORD, nullable=False),
        pa.field("epoch", _WORD, nullable=False),
        pa.field("seq", pa.int64(), nullable=False),
        pa.field("conflict", pa.bool_(), nullable=False),
    ]
)
"""A value is a `counter` or a `gauge`, the other is null; `conflict` marks what lost its key to another."""
_WORDS = ("meter", "source", "quantity", "quality", "gateway", "epoch")
_ORDER = ("meter", "at", "source", "quantity", "conflict", "gateway", "epoch", "seq", "counter", "gauge")


def table_of(rows: Iterable[Kept], conflicts: Iterable[Kept]) -> pa.Table:
    """In order, whatever the order of the rows."""
    tables = [_table(list(rows), is_conflict=False), _table(list(conflicts), is_conflict=True)]
    return ordered(pa.concat_tables(tables))


def ordered(table: pa.Table) -> pa.Table:
    """Sorted by all that makes a row, so that equal contents are equal tables."""
    plain = table.unify_dictionaries().combine_chunks()
    return plain.take(pa.array(np.lexsort([_sortable(plain.column(name)) for name in reversed(_ORDER)])))


def same(one: pa.Table, other: pa.Table) -> bool:
    """Whether two ordered tables hold the same rows, whatever their dictionaries."""
    if one.num_rows != other.num_rows:
        return False
    return all(_plain(one.column(name)).equals(_plain(other.column(name))) for name in one.column_names)


def contains(one: pa.Table, other: pa.Table) -> bool:
    """Whether all that the other says is in the one already; both are ordered."""
    return same(one, other) or same(one, merged(one, other))


def merged(held: pa.Table, new: pa.Table) -> pa.Table:
    """Both, each key settled by the lowest (gateway, epoch, seq), as a store would have settled it.

    Meters that only `held` speaks of, and once, are taken as they are: as rows a day is many times a table.
    """
    held = held.unify_dictionaries().combine_chunks()
    contested = _contested(held, new)
    rest = held.filter(pa.array(~contested))
    winners: dict[tuple[str, int, str, str], Claim] = {}
    losers: dict[tuple[str, int, str, str, Value], Claim] = {}
    for table in (held.filter(pa.array(contested)), new):
        for each in kept(table):
            _settle(winners, losers, each)
    rows = (_kept(key, claim) for key, claim in winners.items())
    settled = table_of(rows, (_kept(key[:4], claim) for key, claim in losers.items()))
    return ordered(pa.concat_tables([rest, settled])) if rest.num_rows else settled


def _contested(held: pa.Table, new: pa.Table) -> NDArray[np.bool_]:
    """Which rows of `held` are of meters of the other, or that stand in more than one place of it."""
    if not held.num_rows:
        return np.zeros(0, bool)
    column = held.column("meter").combine_chunks()
    code = column.indices.to_numpy()
    begins = code[np.concatenate([[0], np.flatnonzero(np.diff(code)) + 1])]
    wanted = np.bincount(begins, minlength=len(column.dictionary)) > 1
    others = set(new.column("meter").unify_dictionaries().cast(pa.string()).unique().to_pylist())
    wanted |= np.array([word in others for word in column.dictionary.to_pylist()], bool)
    return cast("NDArray[np.bool_]", wanted[code])


def kept(table: pa.Table) -> Iterator[Kept]:
    """The rows as a store gives them, winners and conflicts alike."""
    for chunk in table.to_batches(1 << 16):
        columns = {name: chunk.column(name).to_pylist() for name in chunk.schema.names if name != "at"}
        columns["at"] = _ms(chunk.column("at")).tolist()
        for each in zip(*(columns[name] for name in SCHEMA.names), strict=True):
            meter, at, source, quantity, counter, gauge, quality, gateway, epoch, seq, _ = each
            value = gauge if counter is None else counter
            yield Kept(meter, at, Source(source), quantity, value, Quality(quality), gateway, epoch, seq)


def batches(rows: Iterable[Kept]) -> Iterator[BatchOfReadings]:
    """Batches under their original identity that make these rows again, winners and conflicts alike.

    Two values of one key and one batch are two readings of it.
    """
    by_origin = sorted(rows, key=lambda each: (each.gateway, each.epoch, each.seq, *_reading(each)))
    for origin, of_batch in groupby(by_origin, lambda each: (each.gateway, each.epoch, each.seq)):
        readings: list[Reading] = []
        for _, of_reading in groupby(of_batch, _reading):
            readings.extend(_readings(list(of_reading)))
        yield BatchOfReadings(*origin, readings)


def within(table: pa.Table, spans_ms: Sequence[tuple[int, int]]) -> pa.Table:
    """The rows whose `at` lies in one of the spans [start, end)."""
    at = _ms(table.column("at"))
    mask = np.zeros(len(at), bool)
    for start, end in spans_ms:
        mask |= (at >= start) & (at < end)
    return table if mask.all() else table.filter(pa.array(mask))


def _reading(each: Kept) -> tuple[str, int, int, int]:
    return each.meter, each.at_ms, SOURCE_ID[each.source], QUALITY_ID[each.quality]


def _readings(rows: list[Kept]) -> Iterator[Reading]:
    while rows:
        values: dict[str, Value] = {}
        rest = []
        for each in rows:
            if each.quantity in values:
                rest.append(each)
            else:
                values[each.quantity] = each.value
        yield Reading(rows[0].meter, rows[0].at_ms, rows[0].source, values, rows[0].quality)
        rows = rest


def _settle(
    winners: dict[tuple[str, int, str, str], Claim],
    losers: dict[tuple[str, int, str, str, Value], Claim],
    each: Kept,
) -> None:
    key = (each.meter, each.at_ms, str(each.source), each.quantity)
    new = Claim(each.gateway, each.epoch, each.seq, each.value, QUALITY_ID[each.quality])
    held = winners.get(key)
    winners[key], loser = (new, None) if held is None else contest(held, new)
    losers.pop((*key, winners[key].value), None)
    if loser is not None:
        place = (*key, loser.value)
        losers[place] = min(loser, losers.get(place, loser))


def _kept(key: tuple[str, int, str, str], claim: Claim) -> Kept:
    meter, at_ms, source, quantity = key
    origin = (claim.gateway, claim.epoch, claim.seq)
    return Kept(meter, at_ms, Source(source), quantity, claim.value, QUALITIES[claim.quality], *origin)


def _table(rows: list[Kept], *, is_conflict: bool) -> pa.Table:
    counters = [each.value if isinstance(each.value, int) else None for each in rows]
    gauges = [None if isinstance(each.value, int) else each.value for each in rows]
    columns = [
        pa.array([each.meter for each in rows], pa.string()),
        pa.array(np.array([each.at_ms for each in rows], np.int64).astype("datetime64[ms]"), AT),
        pa.array([each.source.value for each in rows], pa.string()),
        pa.array([each.quantity for each in rows], pa.string()),
        pa.array(counters, pa.int64()),
        pa.array(gauges, pa.float64()),
        pa.array([each.quality.value for each in rows], pa.string()),
        pa.array([each.gateway for each in rows], pa.string()),
        pa.array([each.epoch for each in rows], pa.string()),
        pa.array([each.seq for each in rows], pa.int64()),
        pa.array([is_conflict] * len(rows), pa.bool_()),
    ]
    encoded = [
        column.dictionary_encode().cast(_WORD) if name in _WORDS else column
        for name, column in zip(SCHEMA.names, columns, strict=True)
    ]
    return pa.table(encoded, SCHEMA)


def _sortable(column: pa.ChunkedArray) -> NDArray[Any]:
    if pa.types.is_dictionary(column.type):
        return ranks(column)
    if pa.types.is_timestamp(column.type):
        return _ms(column)
    values: NDArray[Any] = (column.fill_null(0) if column.null_count else column).to_numpy()
    return values


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column


def _ms(column: Any) -> NDArray[np.int64]:
    values: NDArray[np.int64] = column.cast(pa.int64()).to_numpy()
    return values
