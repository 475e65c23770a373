"""What the compiled daily indicators must equal: the same 26, one day at a time, plain enough to be read."""

from itertools import groupby

import numpy as np
from numpy.typing import NDArray

NAN = float("nan")


def twin(
    wh: NDArray[np.float32],
    interval_s: int,
    bands: NDArray[np.int8],
    estimated: NDArray[np.bool_] | None = None,
    labels: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """(rows, 26) of days `wh` (rows, slots)."""
    usual = wh.shape[1] * interval_s == 86_400
    wall = np.arange(wh.shape[1]) if labels is None and usual else labels
    tables = np.broadcast_to(bands, wh.shape)
    return np.array([
        _day(day, interval_s, tables[row], None if estimated is None else estimated[row], wall)
        for row, day in enumerate(wh)
    ]).reshape(len(wh), 26)  # fmt: skip


def _day(
    wh: NDArray[np.float32],
    interval_s: int,
    band: NDArray[np.int8],
    estimated: NDArray[np.bool_] | None,
    wall: NDArray[np.int64] | None,
) -> list[float]:
    hours, slots = interval_s / 3600, len(wh)
    kw = wh.astype(np.float64) / 1000 / hours
    known = np.sort(kw[~np.isnan(kw)])
    marks = NAN if estimated is None else float(estimated.sum())
    if not len(known):
        return [NAN] * 17 + [0.0, marks] + [NAN] * 7
    high, low, energy = known[-1], known[0], known.sum() * hours
    is_load = high > 0 and low >= 0
    steps = np.abs(np.diff(kw))
    steps = steps[~np.isnan(steps)]
    rank = min(5, -(-slots // 20))
    in_high_bands = kw[(band <= 1) & ~np.isnan(kw)]
    near = wh >= np.float32(0.95) * np.nanmax(wh)  # the threshold is a float32, as the readings are

    def share(where: NDArray[np.bool_]) -> float:
        return float(np.nansum(kw[where]) * hours / energy) if is_load else NAN

    night = day = NAN
    if wall is not None:
        hour = wall * hours
        night, day = share((hour >= 22) | (hour < 6)), share((hour >= 8) & (hour < 18))
    return [
        energy,
        high,
        low,
        np.nanargmax(wh),
        known.mean() / high if is_load else NAN,
        (high - low) / high if is_load else NAN,
        *(share(band == each) for each in range(4)),
        steps.max() if len(steps) else NAN,
        known.std(),
        known[rank - 1] if len(known) >= rank else NAN,
        np.nanargmin(wh),
        low / high if is_load else NAN,
        high - low,
        share(band == 4),
        len(known),
        marks,
        near.sum() * hours if high > 0 else NAN,
        night,
        day,
        _longest(wh, zero=True),
        _longest(wh, zero=False),
        high / known[-3] if len(known) >= 3 and known[-3] > 0 else NAN,
        in_high_bands.max() if len(in_high_bands) else NAN,
    ]


def _longest(wh: NDArray[np.float32], *, zero: bool) -> int:
    """The longest run of one value that is zero, or is not; holes belong to none."""
    runs = [(value, len(list(run))) for value, run in groupby(wh.tolist())]
    return max((length for value, length in runs if value == value and (value == 0) == zero), default=0)
