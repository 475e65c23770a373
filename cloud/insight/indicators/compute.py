"""One task: an area's days out of its files into daily indicators; plain data in and out, no database.

Which points there are is what the files say: whoever stood there when the day ended. A point with slots of
half an hour or an hour is reckoned at its own, each slot in the band in which it begins; one with slots that
are no such thing has no curve, and is left out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.grid import DayGrid, day_grid
from cloud.insight.curves import QUARTER_S, Partition, Source, estimated
from cloud.kit.days import days, midnight
from cloud.metering.archive import reader
from cloud.metering.archive.layout import Layer
from cloud.metering.archive.reader import Opened
from cloud.metering.store import ms
from cloud.metering.vee.point_day import Channel

CHANNELS = (Channel.IMPORT, Channel.EXPORT)
"""Never netted: what is taken and what is fed in are two loads."""

INTERVALS_S = frozenset({QUARTER_S, 1800, 3600})


@dataclass(frozen=True, slots=True)
class Task:
    """`bands` int8 (quarters of the span,): the band of each quarter of an hour in order of time."""

    partition: Partition
    source: Source
    bands: NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Computed:
    """What came of a task, and how long it took, files and all."""

    days: tuple["OfDay", ...]
    took_s: float


@dataclass(frozen=True, slots=True)
class OfDay:
    """`values` float32 (points, 26), `slots` int64 (points,) of the day at each point's interval."""

    day: date
    channel: Channel
    points: tuple[str, ...]
    values: NDArray[np.float32]
    slots: NDArray[np.int64]


def compute(task: Task) -> Computed:
    """By day and channel; a day without points is left out. Conflict: a file is damaged or gone."""
    began = perf_counter()
    return Computed(tuple(_of_days(task)), perf_counter() - began)


def _of_days(task: Task) -> list[OfDay]:
    asked = task.source
    final = list(reader.opened(asked.folder, asked.final))
    method = list(reader.opened(asked.folder, asked.method))
    found: list[OfDay] = []
    for interval_s, points in sorted(points_by_interval(final).items()):
        where = reader.index(points, asked.first, asked.last, asked.zone, interval_s)
        grid = day_grid(where.starts_ms, interval_s, asked.zone)
        bands = task.bands.reshape(-1, interval_s // QUARTER_S)[:, 0]
        stood = _stood(final, points, asked)
        for channel in CHANNELS:
            if _has(final, channel):
                values = _values(final, method, where, grid, bands, channel)
                found += _by_day(points, grid, stood, values, channel)
    return _joined(found)


def _values(
    final: Sequence[Opened],
    method: Sequence[Opened],
    where: reader.Index,
    grid: DayGrid,
    bands: NDArray[np.int8],
    channel: Channel,
) -> NDArray[np.float32]:
    """(points, days, 26)."""
    from cloud.analysis.indicators.daily import daily_of  # it loads the kernels

    wh = reader.assembled(final, where, channel.value, Layer.FINAL)
    marks = reader.assembled(method, where, channel.value, Layer.METHOD)
    return daily_of(wh, grid, interval_s=where.interval_s, bands=bands, estimated=estimated(marks))


def _by_day(
    points: Sequence[str],
    grid: DayGrid,
    stood: NDArray[np.bool_],
    values: NDArray[np.float32],
    channel: Channel,
) -> Iterable[OfDay]:
    """Of the export, only who ever feeds in: a meter without it has no such load, and no zero either."""
    lengths = np.diff(grid.first_slot)
    names = np.array(points, object)
    if channel is not Channel.IMPORT:
        stood = stood & (np.nan_to_num(values[:, :, 0]) > 0).any(axis=1, keepdims=True)
    for place, day in enumerate(grid.days):
        here = stood[:, place]
        if here.any():
            slots = np.full(int(here.sum()), lengths[place], np.int64)
            yield OfDay(day, channel, tuple(names[here]), values[here, place], slots)


def _joined(found: Iterable[OfDay]) -> list[OfDay]:
    """Points of different intervals of one day and channel together, in order of their names."""
    together: dict[tuple[date, Channel], list[OfDay]] = {}
    for each in found:
        together.setdefault((each.day, each.channel), []).append(each)
    return [_one(day, channel, parts) for (day, channel), parts in sorted(together.items())]


def _one(day: date, channel: Channel, parts: Sequence[OfDay]) -> OfDay:
    if len(parts) == 1:
        return parts[0]
    names = [name for part in parts for name in part.points]
    order = sorted(range(len(names)), key=names.__getitem__)
    values = np.concatenate([part.values for part in parts])[order]
    slots = np.concatenate([part.slots for part in parts])[order]
    return OfDay(day, channel, tuple(names[at] for at in order), values, slots)


def points_by_interval(final: Iterable[Opened]) -> dict[int, list[str]]:
    """The points of these files by the interval at which they are reckoned, each in order."""
    longest: dict[str, int] = {}
    for each in final:
        for number, interval in zip(each.runs.point.tolist(), each.runs.interval_s.tolist(), strict=True):
            name = each.runs.points[number]
            longest[name] = max(longest.get(name, QUARTER_S), interval)
    found: dict[int, list[str]] = {}
    for name in sorted(set().union(*(each.points() for each in final)) if final else ()):
        if longest[name] in INTERVALS_S:
            found.setdefault(longest[name], []).append(name)
    return found


def _stood(final: Iterable[Opened], points: Sequence[str], asked: Source) -> NDArray[np.bool_]:
    """(points, days): whether the area has that day of the point."""
    starts = np.array([ms(midnight(day, asked.zone)) for day in days(asked.first, asked.last)])
    found = np.zeros((len(points), len(starts)), np.bool_)
    line = {point: number for number, point in enumerate(points)}
    for each in final:
        runs = each.runs
        end = runs.start_ms + runs.slots * runs.interval_s * 1000
        of = np.array([line.get(name, -1) for name in runs.points], np.int64)[runs.point]
        for low, high in each.spans:
            for place in np.flatnonzero((starts >= low) & (starts < high)):
                until = starts[place + 1] if place + 1 < len(starts) else high
                inside = (of >= 0) & (runs.start_ms < until) & (end > starts[place])
                found[of[inside], place] = True
    return found


def _has(final: Iterable[Opened], channel: Channel) -> bool:
    return channel is Channel.IMPORT or any(each.file.has(channel.value) for each in final)
