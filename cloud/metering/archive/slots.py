"""Validated days as tables: a row for each slot of a point, a column for each channel.

Slots are named by their UTC start, so days of 92, 96 and 100 follow one another without a seam.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cloud.metering.archive.files import KEYS
from cloud.metering.archive.layout import Layer
from cloud.metering.vee.days import PointDay

RUNS = b"wattpost.runs"
"""In the file's metadata: which rows are which slots of which point, so that no key column has to be read."""
POINT = pa.dictionary(pa.int32(), pa.string())
AT = pa.timestamp("ms", "UTC")
TYPES = {
    Layer.FINAL: pa.float32(),
    Layer.FLAGS: pa.uint32(),
    Layer.METHOD: pa.uint8(),
    Layer.HOURLY: pa.float32(),
}


_PLAIN = {"point": pa.string(), "at": AT, "interval_s": pa.int32()}


@dataclass(frozen=True, slots=True)
class Runs:
    """Unbroken runs of slots, each of one point: arrays of one length, in order of rows.

    `point` indexes `points`; `row` is the first row of a run, `slots` how many it has.
    """

    points: tuple[str, ...]
    point: NDArray[np.int64]
    start_ms: NDArray[np.int64]
    interval_s: NDArray[np.int64]
    row: NDArray[np.int64]
    slots: NDArray[np.int64]


def table_of(layer: Layer, days: Iterable[PointDay]) -> pa.Table:
    """One layer of some days, in order of point and time; NaN or 0 where a channel says nothing."""
    grouped: dict[tuple[str, int, int, int], dict[str, PointDay]] = {}
    for each in days:
        start_ms = round(each.start.timestamp() * 1000)
        key = (each.point, each.interval_s, start_ms, each.slots)
        grouped.setdefault(key, {})[each.channel.value] = each
    channels = sorted({channel for found in grouped.values() for channel in found})
    keys = sorted(grouped)
    values = {name: [_values(layer, grouped[key].get(name), key[3]) for key in keys] for name in channels}
    at = [start + np.arange(slots) * interval * 1000 for _, interval, start, slots in keys]
    slots = np.array([key[3] for key in keys], np.int64)
    return table(
        layer,
        np.repeat(np.array([key[0] for key in keys], object), slots),
        np.concatenate(at) if at else np.zeros(0, np.int64),
        np.repeat(np.array([key[1] for key in keys], np.int64), slots),
        {name: np.concatenate(parts) for name, parts in values.items()},
    )


def table(
    layer: Layer,
    point: NDArray[Any] | pa.DictionaryArray,
    at_ms: NDArray[np.int64],
    interval_s: NDArray[np.int64],
    values: dict[str, NDArray[Any]],
) -> pa.Table:
    """Rows that are in order of (point, interval, at) already, with their runs in the metadata."""
    kind = TYPES[layer]
    with np.errstate(over="ignore"):  # what no float32 holds is infinite, as absurd as it came
        cast_values = [each.astype(kind.to_pandas_dtype(), copy=False) for each in values.values()]
    coded = (
        point if isinstance(point, pa.DictionaryArray) else pa.array(point, pa.string()).dictionary_encode()
    )
    columns = [
        coded.cast(POINT),
        pa.array(at_ms.astype("datetime64[ms]"), AT),
        pa.array(interval_s.astype(np.int32), pa.int32()),
        *(pa.array(each, kind) for each in cast_values),
    ]
    types = (POINT, AT, pa.int32(), *(kind for _ in values))
    fields = [pa.field(name, of, nullable=False) for name, of in zip((*KEYS, *values), types, strict=True)]
    return with_runs(pa.table(columns, pa.schema(fields)))


def joined(layer: Layer, parts: Sequence[pa.Table]) -> pa.Table:
    """One table in order; a channel that a part lacks is missing there."""
    kind = TYPES[layer]
    names = sorted({name for part in parts for name in part.column_names if name not in KEYS})
    columns = {name: np.concatenate([_column(part, name, kind) for part in parts]) for name in names}
    point = np.concatenate([part.column("point").cast(pa.string()).to_numpy() for part in parts])
    at = np.concatenate([_at(part) for part in parts])
    interval = np.concatenate([part.column("interval_s").to_numpy().astype(np.int64) for part in parts])
    order = np.lexsort((at, interval, ranks(pa.array(point, pa.string()))))
    return table(
        layer, point[order], at[order], interval[order], {name: columns[name][order] for name in names}
    )


def same(layer: Layer, one: pa.Table, other: pa.Table) -> bool:
    """Whether two ordered tables say the same, to the bit; a channel that says nothing is no difference."""
    if one.num_rows != other.num_rows:
        return False
    if not all(
        one.column(name).cast(_PLAIN[name]).equals(other.column(name).cast(_PLAIN[name])) for name in KEYS
    ):
        return False
    names = {*one.column_names, *other.column_names} - set(KEYS)
    kind = TYPES[layer]
    return all(_column(one, name, kind).tobytes() == _column(other, name, kind).tobytes() for name in names)


def ranks(column: pa.Array | pa.ChunkedArray) -> NDArray[np.int64]:
    """For strings: numbers in the order of the strings."""
    plain = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    encoded = plain if pa.types.is_dictionary(plain.type) else plain.dictionary_encode()
    words = np.asarray(encoded.dictionary.to_pylist(), object)
    place = np.empty(len(words), np.int64)
    place[np.argsort(words)] = np.arange(len(words))
    return place[encoded.indices.to_numpy(zero_copy_only=False)] if len(words) else np.zeros(0, np.int64)


def with_runs(ordered: pa.Table) -> pa.Table:
    """The same table, with its runs written down in the metadata."""
    encoded = ordered.column("point").combine_chunks()
    code = encoded.indices.to_numpy().astype(np.int64)
    at, interval = _at(ordered), ordered.column("interval_s").to_numpy().astype(np.int64)
    breaks = (np.diff(code) != 0) | (np.diff(interval) != 0) | (np.diff(at) != interval[:-1] * 1000)
    row = np.concatenate([np.zeros(min(1, len(code)), np.int64), np.flatnonzero(breaks) + 1])
    slots = np.diff(np.append(row, len(code)))
    told = {
        "points": encoded.dictionary.to_pylist(),
        "runs": np.stack([code[row], at[row], interval[row], row, slots], 1).tolist(),
    }
    return ordered.replace_schema_metadata({RUNS: json.dumps(told, ensure_ascii=False)})


def runs_of(metadata: dict[bytes, bytes] | None) -> Runs:
    """What `with_runs` wrote; ValueError or KeyError when it is not there."""
    told = json.loads((metadata or {})[RUNS])
    point, start_ms, interval_s, row, slots = np.array(told["runs"], np.int64).reshape(-1, 5).T
    return Runs(tuple(told["points"]), point, start_ms, interval_s, row, slots)


def _values(layer: Layer, day: PointDay | None, slots: int) -> NDArray[Any]:
    if day is None:
        return missing(layer, slots)
    if layer is Layer.FLAGS:
        return day.flags
    return day.method if layer is Layer.METHOD else day.final_wh.astype(np.float32)


def missing(layer: Layer, slots: int) -> NDArray[Any]:
    """NaN for energy, no flag, and the method MISSING."""
    kind = TYPES[layer].to_pandas_dtype()
    return np.full(slots, np.nan if np.issubdtype(kind, np.floating) else 0, kind)


def _column(part: pa.Table, name: str, kind: pa.DataType) -> NDArray[Any]:
    if name in part.column_names:
        return cast(NDArray[Any], part.column(name).to_numpy())
    empty = np.nan if pa.types.is_floating(kind) else 0
    return np.full(part.num_rows, empty, kind.to_pandas_dtype())


def _at(part: pa.Table) -> NDArray[np.int64]:
    return cast(NDArray[np.int64], part.column("at").to_numpy().astype("datetime64[ms]").astype(np.int64))
