"""Which band of the tariff's day each slot of a grid lies in, and the energy of each band."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.grid import DayGrid
from cloud.kit.bands import QUARTERS, Band, BandTable, DayKind, in_force


class BandsOfDays(Protocol):
    """What knows the bands of any day: handed to whatever splits energy by band."""

    def slots(self, grid: DayGrid) -> NDArray[np.int8]:
        """The band of each slot of the grid, int8 (slots,)."""
        ...


def by_slot(grid: DayGrid, kinds: Sequence[DayKind], tables: Sequence[BandTable]) -> NDArray[np.int8]:
    """int8 (slots,) of a grid whose days are `kinds`, each by the table in force: the newest that has begun.

    Days before the first table go by the first. Days of 92 or 100 slots go by the wall clock. ValueError
    where a slot would lie in two bands: the grid is too coarse for the table.
    """
    days = np.stack([in_force(tables, kind.day).quarters(kind) for kind in kinds])
    if grid.labels >= QUARTERS:
        return np.ascontiguousarray(days[grid.day, grid.label * QUARTERS // grid.labels])
    parts = days.reshape(len(days), grid.labels, -1)
    if np.any(parts != parts[:, :, :1]):
        raise ValueError(f"{grid.labels} slots a day are too coarse: some would lie in two bands")
    return np.ascontiguousarray(parts[:, :, 0][grid.day, grid.label])


def energy_by_band(wh: NDArray[np.float32], bands: NDArray[np.int8]) -> NDArray[np.float64]:
    """kWh float64 (rows, 5) of rows of slots (rows, slots) by `Band`; holes are left out, never filled.

    `bands` int8 (slots,) or (rows, slots). Coverage is the caller's to say beside it.
    """
    from cloud.analysis.kernels.bands import band_energy

    out = np.empty((len(wh), len(Band)), np.float64)
    band_energy(np.ascontiguousarray(wh), np.atleast_2d(np.ascontiguousarray(bands)), out)
    return out / 1000
