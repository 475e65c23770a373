"""What a store holds of one local day, as tables by area: each reading stands where its meter stood then."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cloud.fleet.topology import Installation
from cloud.kit.scope import WHOLE_STATION, Scope, Window
from cloud.metering.archive import raw
from cloud.metering.archive.layout import UNPLACED
from cloud.metering.store import ReadingStore, ms

_METERS = 100
"""So many at a time: as rows they are many times what they are as a table."""
Tables = dict[str, pa.Table]


def fresh(store: ReadingStore, placed: Sequence[Installation], start: datetime, end: datetime) -> Tables:
    """By area, what the store has in [start, end), conflicts included; areas without any are left out."""
    parts: dict[str, list[pa.Table]] = {}
    for meters in _groups(store, placed):
        windows = [Window(meter, start, end) for meter in meters]
        table = raw.table_of(
            (each for window in windows for each in store.rows(Scope((window,)))),
            store.conflicts(Scope(tuple(windows))),
        )
        for area, part in split(table, placed).items():
            parts.setdefault(area, []).append(part)
    return {area: raw.ordered(pa.concat_tables(found)) for area, found in sorted(parts.items())}


def settled(held: Mapping[str, pa.Table], new: Tables, placed: Sequence[Installation]) -> Tables:
    """What both say, where they differ: the archive may have what the store forgot, and have it elsewhere."""
    differ = [area for area in {*held, *new} if not _same(held.get(area), new.get(area))]
    old = [raw.ordered(held[area]) for area in differ if area in held]
    if not old:
        return new
    fresh_parts = [new[area] for area in differ if area in new]
    empty = raw.table_of((), ())
    both = raw.merged(pa.concat_tables(old), pa.concat_tables(fresh_parts) if fresh_parts else empty)
    same = {area: table for area, table in new.items() if area not in differ}
    return same | split(both, placed)


def split(table: pa.Table, placed: Sequence[Installation]) -> Tables:
    """An ordered table by area; what no installation says the place of is under UNPLACED."""
    areas = sorted({each.area for each in placed} | {UNPLACED})
    number = {area: n for n, area in enumerate(areas)}
    place = np.full(table.num_rows, number[UNPLACED], np.int64)
    at = table.column("at").cast(pa.int64()).to_numpy()
    spans = _meter_spans(table)
    for each in placed:
        low, high = spans.get(each.meter, (0, 0))
        if low < high:
            inside = at[low:high] >= ms(each.start)
            if each.end is not None:
                inside &= at[low:high] < ms(each.end)
            place[low:high][inside] = number[each.area]
    return {area: table.filter(pa.array(place == n)) for area, n in number.items() if (place == n).any()}


def _meter_spans(table: pa.Table) -> dict[str, tuple[int, int]]:
    """The rows of each meter, in a table that is ordered by meter."""
    if not table.num_rows:
        return {}
    encoded = table.column("meter").unify_dictionaries().combine_chunks()
    code: NDArray[np.int32] = encoded.indices.to_numpy()
    edges = [0, *(np.flatnonzero(np.diff(code)) + 1).tolist(), len(code)]
    words = encoded.dictionary.to_pylist()
    return {words[code[low]]: (low, high) for low, high in pairwise(edges)}


def _groups(store: ReadingStore, placed: Sequence[Installation]) -> Iterator[Sequence[str]]:
    """All meters of registry and store, those of an area together."""
    area = {each.meter: each.area for each in reversed(placed)}
    known = {each.meter for each in store.latest(WHOLE_STATION)} | set(area)
    ordered = sorted(known, key=lambda meter: (area.get(meter, ""), meter))
    yield from (ordered[at : at + _METERS] for at in range(0, len(ordered), _METERS))


def _same(one: pa.Table | None, other: pa.Table | None) -> bool:
    return one is not None and other is not None and raw.same(raw.ordered(one), other)
