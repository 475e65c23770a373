"""Imbalance of three currents, how long a voltage was beyond its limits; what is missing counts nowhere."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.kernels.compiled import compiled

MONITORED, OVER, UNDER, OUTAGE = 0, 1, 2, 3


@compiled
def imbalance(currents: NDArray[Any], max_min: NDArray[np.float64], deviation: NDArray[np.float64]) -> None:
    """Of `currents` (n, 3): (Imax - Imin) / Imax and max |I - mean| / mean into (n,) each.

    NaN where a phase is missing or no current flows; directions do not count, only magnitudes.
    """
    for at in range(len(currents)):
        a, b, c = abs(currents[at, 0]), abs(currents[at, 1]), abs(currents[at, 2])
        highest, lowest, mean = max(a, b, c), min(a, b, c), (a + b + c) / 3.0
        max_min[at] = deviation[at] = np.nan
        if highest > 0.0 and not np.isnan(a + b + c):
            max_min[at] = (highest - lowest) / highest
            deviation[at] = max(highest - mean, mean - lowest) / mean


@compiled
def voltage(
    volts: NDArray[Any],
    minutes: NDArray[np.float64],
    row: NDArray[np.int64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    dark: NDArray[np.float64],
    out: NDArray[np.float64],
    extremes: NDArray[np.float64],
) -> None:
    """Readings `volts` (n, phases), NaN where a phase is missing, each good for `minutes` (n,) of its `row`.

    By row: `low`, `high`, `dark` (rows,) limits in V; added into `out` (rows, 4): minutes monitored, over,
    under, without supply; `extremes` (rows, 2) becomes lowest and highest. Any phase above is over, else any
    below is under; all below `dark` is an outage: not monitored. A reading without any phase counts nowhere.
    """
    for at in range(len(volts)):
        of = row[at]
        highest, lowest = -np.inf, np.inf
        for phase in range(volts.shape[1]):
            value = volts[at, phase]
            if not np.isnan(value):
                highest, lowest = max(highest, value), min(lowest, value)
        if highest == -np.inf:
            continue
        if highest < dark[of]:
            out[of, OUTAGE] += minutes[at]
            continue
        out[of, MONITORED] += minutes[at]
        if highest > high[of]:
            out[of, OVER] += minutes[at]
        elif lowest < low[of]:
            out[of, UNDER] += minutes[at]
        extremes[of, 0] = min(extremes[of, 0], lowest)
        extremes[of, 1] = max(extremes[of, 1], highest)
