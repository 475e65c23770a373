"""Parquet with typed columns: times as UTC instants in ms, energies as float64, null where missing."""

from collections.abc import Iterable
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cloud.exchange.blocks import Block, Head, What

_TEXT = pa.dictionary(pa.int32(), pa.string())
_COMMON = [("point", _TEXT), ("meter", _TEXT), ("quantity", _TEXT)]
_AT = pa.timestamp("ms", tz="UTC")
SCHEMAS = {
    What.INTERVALS: [*_COMMON, ("start", _AT), ("end", _AT), ("energy", pa.float64()), ("unit", _TEXT)],
    What.REGISTERS: [*_COMMON, ("at", _AT), ("register", pa.int64()), ("unit", _TEXT)],
}
ROWS = 50_000


def write(blocks: Iterable[Block], head: Head, what: What, out: IO[bytes]) -> int:
    """How many rows there were; at most `ROWS` and a day of them are in memory."""
    last = [("method" if what is What.INTERVALS else "source", _TEXT), ("quality", _TEXT)]
    about = {"zone": head.zone.key, "title": head.title, "station": head.station}
    schema = pa.schema([*SCHEMAS[what], *last], metadata=about)
    count = waiting = 0
    batches: list[pa.RecordBatch] = []
    with pq.ParquetWriter(out, schema, compression="zstd") as file:
        for block in blocks:
            batches.append(_batch(block, schema))
            count, waiting = count + len(block), waiting + len(block)
            if waiting >= ROWS:
                file.write_table(_table(batches, schema))
                batches, waiting = [], 0
        if batches:
            file.write_table(_table(batches, schema))
    return count


def _table(batches: list[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_batches(batches, schema).unify_dictionaries()


def _batch(block: Block, schema: pa.Schema) -> pa.RecordBatch:
    missing = np.isnan(block.values)
    at = pa.array(block.at_ms, pa.int64()).cast(_AT)
    columns = [_same(text, len(block)) for text in (block.point, block.meter, block.channel.value)]
    if block.what is What.INTERVALS:
        end = pa.array(block.at_ms + block.interval_s * 1000, pa.int64()).cast(_AT)
        columns += [at, end, pa.array(block.values, pa.float64(), mask=missing)]
    else:
        columns += [at, pa.array(block.values.astype(np.int64), pa.int64())]
    columns += [
        _same(block.unit, len(block)),
        pa.array(block.method, pa.string()).dictionary_encode(),
        pa.array([each or None for each in block.quality], pa.string()).dictionary_encode(),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _same(text: str, count: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(np.zeros(count, np.int32), [text])
