"""The quick way through large tables that are plain: whole columns by Arrow instead of cell by cell.

It never judges: what it does not take as it stands it gives back, and the slow way names line and column.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.exchange import collecting, figures, moments, sheets
from cloud.exchange.collecting import Found, Key
from cloud.exchange.figures import Mark
from cloud.exchange.headings import Role, Unit
from cloud.exchange.layout import Layout, Shape
from cloud.exchange.moments import Order
from cloud.exchange.said import Said, Values
from cloud.exchange.sheets import Sheet
from cloud.kit.errors import Invalid
from cloud.metering.vee.days import Channel

ROWS = 1 << 21
BLOCK = 1 << 24
_LARGEST = 1e15
_TIMES = (Role.TIME, Role.START, Role.END)
_PLAIN = {*_TIMES, Role.METER, Role.POINT}
Tick = Callable[[int], object]


class _NotPlain(Exception):
    """Something in it wants to be looked at cell by cell."""


@dataclass(slots=True)
class Chunked:
    """A meter's values as they came by, kept small: seconds from `base_s` and single precision."""

    base_s: int
    factor: float
    seconds: list[NDArray[np.int32]] = field(default_factory=list)
    kept: list[NDArray[np.float32]] = field(default_factory=list)

    @property
    def labels(self) -> NDArray[np.int64]:
        return np.concatenate(self.seconds).astype(np.int64) + self.base_s

    @property
    def values(self) -> NDArray[np.float64]:
        return np.concatenate(self.kept).astype(np.float64) * self.factor


@dataclass(slots=True)
class Shared:
    """One column beside others that share their labels."""

    labels: NDArray[np.int64]
    kept: NDArray[np.float32]
    factor: float

    @property
    def values(self) -> NDArray[np.float64]:
        return self.kept.astype(np.float64) * self.factor


def collected(sheet: Sheet, layout: Layout, said: Said, tick: Tick = lambda _: None) -> Found:
    """As `collecting.collected`, and with the same result; quick where it may be."""
    import pyarrow as pa

    passed = 0

    def counted(rows: int) -> None:
        nonlocal passed
        passed += rows
        tick(rows)

    try:
        return _Quick(sheet, layout, said, counted).all()
    except (_NotPlain, pa.ArrowException, UnicodeDecodeError, LookupError, OSError, Invalid):
        tick(-passed)
        return collecting.collected(sheet, layout, said, tick)


class _Quick:
    def __init__(self, sheet: Sheet, layout: Layout, said: Said, tick: Tick) -> None:
        self._sheet, self._layout, self._said, self._tick = sheet, layout, said, tick
        self._require(sheet.kind in {"csv", "parquet"} and layout.shape is not Shape.WIDE)
        self._require(set(layout.columns) <= _PLAIN and len(set(layout.columns) & set(_TIMES)) == 1)
        self._require(layout.shape is Shape.COLUMNS or len(layout.places) == 1)
        registers = any(place.role is Role.REGISTER for place in layout.places)
        self._require(said.values is not Values.REGISTER and not registers)
        self._time = next(layout.columns[role] for role in _TIMES if role in layout.columns)
        mark, order = said.decimal, said.dates
        if sheet.kind == "csv":
            mark, order = (
                mark or collecting.mark_of(sheet, layout),
                order or collecting.order_of(sheet, layout),
            )
        self._order: Order | None = order
        self._found = Found(mark or Mark.POINT, order)
        self._units = {place.index: said.unit or place.unit or layout.unit for place in layout.places}

    def all(self) -> Found:
        self._found.units.update(self._units.values())
        take = self._columns if self._layout.shape is Shape.COLUMNS else self._long
        take()
        return self._found

    def _require(self, held: bool) -> None:
        if not held:
            raise _NotPlain

    def _columns(self) -> None:
        places = self._layout.places
        self._require(len({place.name for place in places}) == len(places))
        labels: list[NDArray[np.int64]] = []
        parts: dict[int, list[NDArray[np.float32]]] = {place.index: [] for place in places}
        for batch in self._batches([self._time, *(place.index for place in places)]):
            labels.append(self._labels(batch.column(0)))
            for number, place in enumerate(places, 1):
                parts[place.index].append(self._floats(batch.column(number)))
        shared = np.concatenate(labels)
        for place in places:
            kept = np.concatenate(parts.pop(place.index))
            unit = self._units[place.index]
            self._found.series[self._key(place.name, unit)] = Shared(shared, kept, _factor(unit))

    def _long(self) -> None:
        place = self._layout.places[0]
        unit = self._units[place.index]
        named = self._layout.columns.get(Role.METER, self._layout.columns.get(Role.POINT))
        wanted = [self._time, place.index, *([] if named is None else [named])]
        own: dict[Key, Chunked] = {}
        for batch in self._batches(wanted):
            labels, values = self._labels(batch.column(0)), self._floats(batch.column(1))
            for name, where in self._meters(None if named is None else batch.column(2), len(labels)):
                key = self._key(name, unit)
                if key not in own:
                    own[key] = Chunked(int(labels[0]), _factor(unit))
                seconds = labels[where] - own[key].base_s
                self._require(int(np.abs(seconds).max()) < 2**31)
                own[key].seconds.append(seconds.astype(np.int32))
                own[key].kept.append(values[where].copy())
        self._found.series.update(own)

    def _meters(self, column: Any, count: int) -> Iterator[tuple[str, slice | NDArray[np.int64]]]:
        """Each meter's rows of one batch, in the file's order."""
        if column is None:
            yield self._said.meter or "", slice(0, count)
            return
        import pyarrow as pa

        coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        self._require(coded.indices.null_count == 0)
        names = [str(each).strip() for each in coded.dictionary.to_pylist()]
        self._require(all(names) and not {name.lower() for name in names} & set(collecting.TOTALS))
        codes = coded.indices.to_numpy(zero_copy_only=False)
        order = None if (np.diff(codes) >= 0).all() else np.argsort(codes, kind="stable")
        ranked = codes if order is None else codes[order]
        edges = [0, *(np.flatnonzero(np.diff(ranked)) + 1).tolist(), count]
        for first, last in pairwise(edges):
            yield names[ranked[first]], slice(first, last) if order is None else order[first:last]

    def _key(self, name: str, unit: Unit | None) -> Key:
        reactive = unit is not None and unit.is_reactive
        return name, Channel.REACTIVE_IMPORT if reactive else Channel.IMPORT

    def _floats(self, column: Any) -> NDArray[np.float32]:
        import pyarrow as pa

        kind = column.type
        self._require(pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind))
        values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
        self._require(not (np.abs(values) >= _LARGEST).any())
        found: NDArray[np.float32] = values.astype(np.float32)
        return found

    def _labels(self, column: Any) -> NDArray[np.int64]:
        import pyarrow as pa

        self._require(column.null_count == 0 and len(column) > 0)
        if not pa.types.is_timestamp(column.type):
            return self._parsed(column)
        self._one_kind(column.type.tz is not None)
        if column.type.tz is not None:
            self._found.zone_name = column.type.tz
        seconds = column.cast(pa.timestamp("s", column.type.tz), safe=True)
        found: NDArray[np.int64] = seconds.cast(pa.int64()).to_numpy(zero_copy_only=False)
        return found

    def _parsed(self, column: Any) -> NDArray[np.int64]:
        import pyarrow as pa

        self._require(pa.types.is_string(column.type) or pa.types.is_large_string(column.type))
        coded = column.dictionary_encode()
        known = [moments.moment(text.strip(), self._order) for text in coded.dictionary.to_pylist()]
        seconds = np.empty(len(known), np.int64)
        for number, each in enumerate(known):
            if each is None or not each.has_clock:
                raise _NotPlain
            self._one_kind(each.absolute)
            if each.offset_s is not None:
                self._found.offsets_s.add(each.offset_s)
            self._found.has_24 = self._found.has_24 or each.is_24
            seconds[number] = each.seconds
        found: NDArray[np.int64] = seconds[coded.indices.to_numpy(zero_copy_only=False)]
        return found

    def _one_kind(self, absolute: bool) -> None:
        self._require(self._found.absolute in {None, absolute})
        self._found.absolute = absolute

    def _batches(self, columns: list[int]) -> Iterator[Any]:
        yield from (self._of_parquet if self._sheet.kind == "parquet" else self._of_csv)(columns)

    def _of_parquet(self, columns: list[int]) -> Iterator[Any]:
        import pyarrow.parquet as pq

        with pq.ParquetFile(self._sheet.path, pre_buffer=False) as file:
            names = file.schema_arrow.names
            self._require(len(set(names)) == len(names))
            wanted = [names[index] for index in columns]
            rows = max(1000, min(ROWS, (1 << 24) // len(wanted)))
            for batch in file.iter_batches(batch_size=rows, columns=wanted):
                self._tick(batch.num_rows)
                if batch.num_rows:
                    yield batch.select(wanted)

    def _of_csv(self, columns: list[int]) -> Iterator[Any]:
        import pyarrow as pa
        import pyarrow.csv as pa_csv

        width = 1 + max(*columns, *(place.index for place in self._layout.places))
        first = next(cells for line, cells in self._sheet.rows() if line >= self._layout.first_row)
        names = [f"c{index}" for index in range(max(width, len(first)))]
        value_columns = {f"c{place.index}" for place in self._layout.places}
        types = {
            name: pa.float64() if name in value_columns else pa.string()
            for name in (f"c{index}" for index in columns)
        }
        with sheets.unpacked(self._sheet.path, self._sheet.packed) as file:
            reader = pa_csv.open_csv(
                file,
                read_options=pa_csv.ReadOptions(
                    column_names=names,
                    skip_rows=self._layout.first_row - 1,
                    block_size=BLOCK,
                    encoding=self._sheet.encoding.replace("utf-8-sig", "utf-8"),
                ),
                parse_options=pa_csv.ParseOptions(delimiter=self._sheet.separator),
                convert_options=pa_csv.ConvertOptions(
                    include_columns=[f"c{index}" for index in columns],
                    column_types=types,
                    null_values=sorted(figures.MISSING | {"NaN", "NULL", "N/A", "NA"}),
                    strings_can_be_null=False,
                    decimal_point="," if self._found.mark is Mark.COMMA else ".",
                ),
            )
            for batch in reader:
                self._tick(batch.num_rows)
                if batch.num_rows:
                    yield batch


def _factor(unit: Unit | None) -> float:
    return 1.0 if unit is None else unit.factor
