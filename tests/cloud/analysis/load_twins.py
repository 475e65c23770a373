"""What the compiled kernels of load must equal: the same in NumPy, plain enough to be read."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def windows(row: Floats, width: int, slip: int = 1) -> Floats:
    """The sum of each window of a row; NaN where a slot of it is missing."""
    found = [row[start : start + width].sum() for start in range(0, len(row) - width + 1, slip)]
    return np.array(found, np.float64)


def highest(sums: Floats, slip: int = 1) -> tuple[float, int]:
    """The highest and where the first such window begins; NaN and -1 where there is none."""
    if not len(sums) or np.isnan(sums).all():
        return np.nan, -1
    at = int(np.nanargmax(sums))
    return float(sums[at]), at * slip


def in_band(row: Floats, bands: NDArray[np.int8], band: int, width: int, slip: int = 1) -> tuple[float, int]:
    sums = windows(row, width, slip)
    for number in range(len(sums)):
        if not (bands[number * slip : number * slip + width] == band).all():
            sums[number] = np.nan
    return highest(sums, slip)


def together(
    values: Floats, group: NDArray[np.int64], groups: int
) -> tuple[Floats, NDArray[np.int64], Floats]:
    """Sum and count by group and slot, and each row's highest."""
    total = np.stack([np.nansum(values[group == each], axis=0) for each in range(groups)])
    known = np.stack([(~np.isnan(values[group == each])).sum(axis=0) for each in range(groups)])
    own = np.array([np.nan if np.isnan(row).all() else np.nanmax(row) for row in values])
    return total, known, own


def point_of_duration(row: Floats, share: float) -> float:
    ordered = np.sort(row[~np.isnan(row)])[::-1]
    return float(ordered[max(int(np.ceil(share * len(ordered))) - 1, 0)]) if len(ordered) else np.nan


def imbalance(currents: Floats) -> tuple[Floats, Floats]:
    size = np.abs(currents)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = size.mean(axis=1)
        first = (size.max(axis=1) - size.min(axis=1)) / size.max(axis=1)
        return first, np.abs(size - mean[:, None]).max(axis=1) / mean


def voltage(
    volts: Floats, minutes: Floats, low: float, high: float, dark: float
) -> tuple[float, float, float, float]:
    """Minutes monitored, over, under, without supply, of one point."""
    told = np.zeros(4)
    for phases, span in zip(volts, minutes, strict=True):
        there = phases[~np.isnan(phases)]
        if not len(there):
            continue
        if (there < dark).all():
            told[3] += span
            continue
        told[0] += span
        if (there > high).any():
            told[1] += span
        elif (there < low).any():
            told[2] += span
    return float(told[0]), float(told[1]), float(told[2]), float(told[3])
