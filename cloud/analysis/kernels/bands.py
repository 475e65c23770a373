"""Energy by band of the tariff's day: one pass over rows of slots, holes left out."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.kernels.compiled import compiled

BANDS = 5


@compiled
def band_energy(wh: NDArray[Any], bands: NDArray[np.int8], out: NDArray[np.float64]) -> None:
    """Sums of `wh` (rows, slots) by band into `out` (rows, 5), set anew; NaN slots are left out.

    `bands` int8 (rows, slots), or (1, slots) for all rows; a band outside 0..4 counts nowhere.
    """
    alone = len(bands) == 1
    for row in range(len(wh)):
        band = bands[0] if alone else bands[row]
        sums = np.zeros(BANDS)
        for slot in range(wh.shape[1]):
            value = wh[row, slot]
            if not np.isnan(value) and 0 <= band[slot] < BANDS:
                sums[band[slot]] += value
        out[row] = sums
