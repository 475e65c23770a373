"""Puts runs of slots where they belong in an array (points, slots), whole blocks at a time."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.metering.archive.layout import Layer
from cloud.metering.archive.slots import Runs


class Grid:
    """`out` (points, slots): column i begins at `start_ms` + i x `interval_s`."""

    def __init__(
        self, points: Sequence[str], start_ms: int, interval_s: int, out: NDArray[Any], layer: Layer
    ) -> None:
        self._line = {point: number for number, point in enumerate(points)}
        self._start, self._step = start_ms, interval_s * 1000
        self._interval_s, self._out, self._layer = interval_s, out, layer

    def place(self, runs: Runs, values: NDArray[Any], spans: Sequence[tuple[int, int]]) -> None:
        """Copy what lies within `spans` (Unix ms) and belongs to a point that was asked for."""
        line = np.array([self._line.get(point, -1) for point in runs.points], np.int64)[runs.point]
        wanted = (line >= 0) & (self._interval_s % runs.interval_s == 0)
        exact = wanted & (runs.interval_s == self._interval_s)
        finer = wanted & ~exact & (self._layer is not Layer.HOURLY)  # a mean is no sum
        for chosen, place in ((exact, self._blocks), (finer, self._finer)):
            if chosen.any():
                for span in spans:
                    place(_clipped(runs, line, chosen, span), values)

    def _blocks(self, cut: NDArray[np.int64], values: NDArray[Any]) -> None:
        """Runs of the same time that follow one another in both places are one copy of a block."""
        line, start, _, row, slots = cut.T
        column, odd = np.divmod(start - self._start, self._step)
        keep = (odd == 0) & (slots > 0)
        line, column, row, slots = line[keep], column[keep], row[keep], slots[keep]
        if not len(line):
            return
        pitch = np.diff(row)
        breaks = (np.diff(line) != 1) | (np.diff(column) != 0) | (np.diff(slots) != 0)
        breaks[1:] |= np.diff(pitch) != 0
        breaks |= pitch < slots[:-1]
        edges = [0, *(np.flatnonzero(breaks) + 1).tolist(), len(line)]
        for low, high in pairwise(edges):
            lines, wide, at = high - low, int(slots[low]), int(row[low])
            step = int(row[low + 1] - row[low]) if lines > 1 else wide
            block = np.lib.stride_tricks.as_strided(
                values[at:], (lines, wide), (step * values.itemsize, values.itemsize), writeable=False
            )
            to = int(column[low])
            self._out[line[low] : line[high - 1] + 1, to : to + wide] = block

    def _finer(self, cut: NDArray[np.int64], values: NDArray[Any]) -> None:
        """Shorter intervals than asked for: whole ones only, and only where nothing else stands."""
        for line, start, interval_s, row, slots in cut[cut[:, 4] > 0].tolist():
            each = self._step // (interval_s * 1000)
            behind = -(start - self._start) % self._step // (interval_s * 1000)
            column = (start + behind * interval_s * 1000 - self._start) // self._step
            whole = (slots - behind) // each
            if whole <= 0 or (start - self._start) % (interval_s * 1000):
                continue
            part = values[row + behind : row + behind + whole * each].reshape(whole, each)
            target = self._out[line, column : column + whole]
            summed = self._summed(part)
            said = ~np.isnan(summed) if self._layer is Layer.FINAL else summed != 0
            target[said] = summed[said]

    def _summed(self, part: NDArray[Any]) -> NDArray[Any]:
        if self._layer is Layer.FLAGS:
            joined: NDArray[Any] = np.bitwise_or.reduce(part, axis=1)
            return joined
        if self._layer is Layer.METHOD:
            farthest: NDArray[Any] = np.where((part == 0).any(axis=1), 0, part.max(axis=1))
            return farthest
        total: NDArray[Any] = part.astype(np.float64).sum(axis=1).astype(np.float32)
        return total


def _clipped(
    runs: Runs, line: NDArray[np.int64], chosen: NDArray[np.bool_], span: tuple[int, int]
) -> NDArray[np.int64]:
    """(line, start, interval, row, slots) of the chosen runs, without the slots that begin outside `span`."""
    step = runs.interval_s[chosen] * 1000
    start, row, slots = runs.start_ms[chosen], runs.row[chosen], runs.slots[chosen]
    before = np.maximum(0, -((start - span[0]) // step))
    after = np.maximum(0, (start + slots * step - span[1]) // step)
    return np.stack(
        [line[chosen], start + before * step, runs.interval_s[chosen], row + before, slots - before - after],
        axis=1,
    )
