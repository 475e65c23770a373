"""Hourly values that stay when raw is gone: energy out of final slots, power and voltage as measured.

Hours are counted from local midnight: 23, 24 or 25 a day. All values are primary.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cloud.fleet.topology import Installation
from cloud.metering.archive import slots
from cloud.metering.archive.files import KEYS
from cloud.metering.archive.layout import Layer
from cloud.metering.points import Point
from cloud.metering.primary import Ratio, ratio_of
from cloud.metering.store import SOURCE_ID, ms
from cloud.metering.vee.days import PointDay
from protocols.readings import Source

MEASUREMENT = "point_hour"
"""What a store that boards ask calls these hours."""
HOUR_S = 3600
_SECOND = timedelta(seconds=1)
_HOUR_MS = HOUR_S * 1000
POWER = ("power_w",)
VOLTAGE = ("voltage_l1_v", "voltage_l2_v", "voltage_l3_v")
KINDS = {"power_w": POWER, "voltage_v": VOLTAGE}
"""Column stem: the quantities its `_min`, `_max`, `_mean` are taken over."""
Values = dict[str, NDArray[Any]]


def gauges_of(tables: Iterable[pa.Table]) -> pa.Table:
    """Of raw tables the rows that hourly values are made of."""
    wanted = pa.array([*POWER, *VOLTAGE])
    names = ["meter", "at", "source", "quantity", "gauge", "conflict"]
    parts = []
    for table in tables:
        found = pc.and_(
            pc.is_in(table.column("quantity").cast(pa.string()), wanted), pc.invert(table.column("conflict"))
        )
        parts.append(table.select(names).filter(found))
    return pa.concat_tables(parts).unify_dictionaries().combine_chunks() if parts else None


def table_of(
    days: Iterable[PointDay],
    gauges: pa.Table | None,
    placed: Sequence[Installation],
    points: Sequence[str],
    start: datetime,
    end: datetime,
) -> pa.Table:
    """The hours of [start, end) of these points that say anything, in order of point and hour."""
    order = sorted(points)
    line = {point: number for number, point in enumerate(order)}
    hours = -((start - end) // (HOUR_S * _SECOND))
    shape = (len(order), hours)
    values: Values = {}
    for day in days:
        if day.point in line:
            channel = values.setdefault(day.channel.value, np.full(shape, np.nan))
            channel[line[day.point]] = energy(day, hours)
    if gauges is not None and gauges.num_rows:
        with np.errstate(over="ignore"):
            values |= _measured(gauges, placed, line, shape, start)
    values = {name: values[name] for name in sorted(values) if not np.isnan(values[name]).all()}
    heard = np.zeros(len(order), bool)
    for each in values.values():
        heard |= ~np.isnan(each).all(axis=1)
    names = np.array(order, object)[heard]
    at = ms(start) + np.arange(hours) * _HOUR_MS
    return slots.table(
        Layer.HOURLY,
        np.repeat(names, hours),
        np.tile(at, len(names)),
        np.full(len(names) * hours, HOUR_S, np.int64),
        {name: each[heard].ravel() for name, each in values.items()},
    )


def points(table: pa.Table) -> Iterator[Point]:
    """The same hours for boards: one tag, the metering point; what is missing is left out."""
    names = [name for name in table.column_names if name not in KEYS]
    columns = [table.column(name).to_pylist() for name in names]
    starts = table.column("at").to_pylist()
    for number, (point, at) in enumerate(zip(table.column("point").to_pylist(), starts, strict=True)):
        said = {name: column[number] for name, column in zip(names, columns, strict=True)}
        fields = {name: value for name, value in said.items() if math.isfinite(value)}
        if fields:
            yield Point({"point": point}, at, fields)


def energy(day: PointDay, hours: int) -> NDArray[np.float64]:
    """(hours,) of the day's channel; NaN where any slot is missing, or slots are longer than an hour."""
    out = np.full(hours, np.nan)
    if day.interval_s > HOUR_S or HOUR_S % day.interval_s:
        return out
    each = HOUR_S // day.interval_s
    whole = min(hours, day.slots // each)
    out[:whole] = day.final_wh[: whole * each].reshape(whole, each).sum(axis=1)
    return out


def _measured(
    gauges: pa.Table,
    placed: Sequence[Installation],
    line: dict[str, int],
    shape: tuple[int, int],
    start: datetime,
) -> Values:
    at = gauges.column("at").cast(pa.int64()).to_numpy()
    value = gauges.column("gauge").to_numpy().copy()
    meter, quantity, source = (_encoded(gauges, name) for name in ("meter", "quantity", "source"))
    rank = np.array([SOURCE_ID[Source(word)] for word in source[1]], np.int64)[source[0]]
    own = np.full(len(at), -1, np.int64)
    of_meter = {word: np.flatnonzero(meter[0] == code) for code, word in enumerate(meter[1])}
    for each in placed:
        rows = of_meter.get(each.meter)
        if rows is None or each.point not in line:
            continue
        rows = rows[at[rows] >= ms(each.start)]
        rows = rows if each.end is None else rows[at[rows] < ms(each.end)]
        own[rows] = line[each.point]
        factors = [_factor(each, word) for word in quantity[1]]
        value[rows] *= np.array(factors)[quantity[0][rows]]
    hour = (at - ms(start)) // _HOUR_MS
    # of one instant the preferred source speaks alone
    first = np.lexsort((rank, at, quantity[0], meter[0]))
    repeated = np.ones(len(first), bool)
    key = np.stack([meter[0], quantity[0], at])[:, first]
    repeated[1:] = (np.diff(key) != 0).any(axis=0)
    chosen = first[repeated]
    chosen = chosen[(own[chosen] >= 0) & (hour[chosen] >= 0) & (hour[chosen] < shape[1])]
    found: Values = {}
    for stem, quantities in KINDS.items():
        of_kind = np.isin(
            quantity[0][chosen], [n for n, word in enumerate(quantity[1]) if word in quantities]
        )
        rows = chosen[of_kind]
        found |= _aggregates(stem, own[rows] * shape[1] + hour[rows], value[rows], shape)
    return found


def _aggregates(
    stem: str, cell: NDArray[np.int64], value: NDArray[np.float64], shape: tuple[int, int]
) -> Values:
    size = shape[0] * shape[1]
    count = np.bincount(cell, minlength=size)
    low, high = np.full(size, np.inf), np.full(size, -np.inf)
    np.minimum.at(low, cell, value)
    np.maximum.at(high, cell, value)
    total = np.bincount(cell, value, minlength=size)
    heard = count > 0
    mean = np.divide(total, count, out=np.full(size, np.nan), where=heard)
    low[~heard] = high[~heard] = np.nan
    named = {f"{stem}_min": low, f"{stem}_max": high, f"{stem}_mean": mean}
    return {name: each.reshape(shape) for name, each in named.items()}


def _encoded(table: pa.Table, name: str) -> tuple[NDArray[np.int64], list[str]]:
    column = table.column(name).combine_chunks()
    return column.indices.to_numpy().astype(np.int64), column.dictionary.to_pylist()


def _factor(each: Installation, quantity: str) -> float:
    return float(_ratio(each.model, float(each.ct_ratio), float(each.pt_ratio)).factor(quantity))


@lru_cache(maxsize=1000)
def _ratio(model: str, ct_ratio: float, pt_ratio: float) -> Ratio:
    return ratio_of(model, ct_ratio, pt_ratio)
