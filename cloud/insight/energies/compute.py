"""One task: an area's month out of its files into energies by plan and band, demand and reactive energy.

Plain data in and out, no database. A point with slots of half an hour or an hour has no demand, and no
energies of plans whose edges lie within its slots.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.grid import DayGrid, day_grid
from cloud.analysis.indicators.bands import energy_by_band
from cloud.insight.curves import QUARTER_S, Partition, Source, estimated
from cloud.insight.energies.store import BANDS, FLAT, HEAD
from cloud.insight.indicators.compute import points_by_interval
from cloud.kit.bands import Band
from cloud.metering.archive import reader
from cloud.metering.archive.layout import Layer
from cloud.metering.vee.point_day import Channel

VERSION = 1


@dataclass(frozen=True, slots=True)
class Task:
    """`bands` int8 (quarters of the span,) of each plan, `FLAT` left out. `cuts`: days that begin a new row,
    for all points and by point."""

    partition: Partition
    source: Source
    plans: tuple[str, ...]
    bands: Mapping[str, NDArray[np.int8]]
    cuts: frozenset[date] = frozenset()
    of_point: Mapping[str, frozenset[date]] | None = None


@dataclass(frozen=True, slots=True)
class Computed:
    """`content` float64 (rows, 10 + 5 * plans) as `store.Block` has it."""

    points: tuple[str, ...]
    content: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Read:
    """Points of one interval: float32 and uint8 (points, slots), reactive None without the channel."""

    points: tuple[str, ...]
    where: reader.Index
    grid: DayGrid
    wh: NDArray[np.float32]
    estimates: NDArray[np.bool_]
    reactive: tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]


def compute(task: Task) -> Computed:
    """Rows in order of point and day. Conflict: a file is damaged or gone."""
    asked = task.source
    final = list(reader.opened(asked.folder, asked.final))
    method = list(reader.opened(asked.folder, asked.method))
    names: list[str] = []
    parts: list[NDArray[np.float64]] = []
    for interval_s, points in points_by_interval(final).items():
        where = reader.index(points, asked.first, asked.last, asked.zone, interval_s)
        marks = reader.assembled(method, where, Channel.IMPORT.value, Layer.METHOD)
        read = _Read(
            tuple(points),
            where,
            day_grid(where.starts_ms, interval_s, asked.zone),
            reader.assembled(final, where, Channel.IMPORT.value, Layer.FINAL),
            estimated(marks),
            (
                _reactive(final, where, Channel.REACTIVE_IMPORT),
                _reactive(final, where, Channel.REACTIVE_EXPORT),
            ),
        )
        for rows, first, last in _spans(task, read):
            names += [points[row] for row in rows]
            parts.append(_rows(task, read, np.array(rows, np.int64), first, last))
    if not parts:
        return Computed((), np.empty((0, len(HEAD) + BANDS * len(task.plans))))
    content = np.concatenate(parts)
    order = sorted(range(len(names)), key=lambda at: (names[at], content[at, 0]))
    return Computed(tuple(names[at] for at in order), content[order])


def _reactive(
    final: Sequence[reader.Opened], where: reader.Index, channel: Channel
) -> NDArray[np.float32] | None:
    if not any(each.file.values(channel.value) is not None for each in final):
        return None
    return reader.assembled(final, where, channel.value, Layer.FINAL)


def _spans(task: Task, read: _Read) -> Sequence[tuple[list[int], int, int]]:
    """(rows, first day, day after the last) by place in the grid: all usual points at once, others apart."""
    days = read.grid.days
    own = task.of_point or {}
    usual = [row for row, point in enumerate(read.points) if not own.get(point)]
    found = [(usual, low, high) for low, high in _runs(days, task.cuts)] if usual else []
    for row, point in enumerate(read.points):
        if own.get(point):
            found += [([row], low, high) for low, high in _runs(days, task.cuts | own[point])]
    return found


def _runs(days: Sequence[date], cuts: frozenset[date]) -> Sequence[tuple[int, int]]:
    edges = [0, *(at for at, day in enumerate(days) if at and day in cuts), len(days)]
    return list(pairwise(edges))


def _rows(task: Task, read: _Read, rows: NDArray[np.int64], low: int, high: int) -> NDArray[np.float64]:
    """(rows, columns) of the days [low, high) of the grid."""
    begin, end = int(read.grid.first_slot[low]), int(read.grid.first_slot[high])
    wh = np.ascontiguousarray(read.wh[rows, begin:end])
    out = np.full((len(rows), len(HEAD) + BANDS * len(task.plans)), np.nan)
    known = ~np.isnan(wh)
    out[:, 0] = read.grid.days[low].toordinal()
    out[:, 1] = (read.grid.days[high - 1]).toordinal()
    out[:, 2] = end - begin
    out[:, 3] = known.sum(axis=1)
    out[:, 4] = (read.estimates[rows, begin:end] & known).sum(axis=1)
    if read.where.interval_s == QUARTER_S:
        _demand(out, wh, read.estimates[rows, begin:end], read.where.starts_ms[begin:end])
    for column, values in zip((8, 9), read.reactive, strict=True):
        if values is not None:
            out[:, column] = _whole(values[rows, begin:end], known)
    for number, plan in enumerate(task.plans):
        at = len(HEAD) + BANDS * number
        bands = _bands(task, read, plan)
        if bands is not None:
            out[:, at : at + BANDS] = energy_by_band(wh, bands[begin:end])
    return out


def _demand(
    out: NDArray[np.float64],
    wh: NDArray[np.float32],
    estimates: NDArray[np.bool_],
    starts_ms: NDArray[np.int64],
) -> None:
    """The highest quarter's mean power, when it began, and 1 where no estimate is as high."""
    filled = np.where(np.isnan(wh), -np.inf, wh)
    at = filled.argmax(axis=1)
    highest = filled[np.arange(len(wh)), at].astype(np.float64)
    there = np.isfinite(highest)
    guessed = np.where(estimates, filled, -np.inf).max(axis=1)
    out[there, 5] = highest[there] * (3600 / QUARTER_S) / 1000
    out[there, 6] = starts_ms[at[there]]
    out[there, 7] = guessed[there] < highest[there]


def _whole(varh: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """kvarh of rows that have it wherever the active energy is known; NaN for others."""
    lacking = (known & np.isnan(varh)).any(axis=1) | ~known.any(axis=1)
    return np.where(lacking, np.nan, np.nansum(varh, axis=1, dtype=np.float64) / 1000)


def _bands(task: Task, read: _Read, plan: str) -> NDArray[np.int8] | None:
    """Of each slot of the grid; None where a slot would lie in two bands."""
    if plan == FLAT:
        return np.full(len(read.grid.day), Band.FLAT, np.int8)
    parts = task.bands[plan].reshape(-1, read.where.interval_s // QUARTER_S)
    return None if np.any(parts != parts[:, :1]) else np.ascontiguousarray(parts[:, 0])
