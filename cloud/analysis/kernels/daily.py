"""The daily indicators of many days in one pass."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.kernels.compiled import compiled

BANDS = 5
_NO_MARKS = np.zeros((0, 0), np.uint8)


@dataclass(frozen=True, slots=True)
class Days:
    """Days of one length and one table: slot `first` of the rows is where day `place` of the result begins.

    `classes` int8 (slots,): band + 5 × part of the day; `parts_known`: whether the latter says anything.
    """

    slots: int
    first: NDArray[np.int64]
    place: NDArray[np.int64]
    classes: NDArray[np.int8]
    parts_known: bool


def fill_days(
    wh: NDArray[np.float32],
    estimated: NDArray[np.bool_] | None,
    days: Days,
    interval_s: int,
    begin: int,
    end: int,
    out: NDArray[np.float32],
) -> None:
    """Rows [begin, end) of (points × days) into `out` (points, days, 13 or 26)."""
    marks = _NO_MARKS if estimated is None else estimated.view(np.uint8)
    _fill(wh, marks, days.first, days.place, days.slots, days.classes, days.parts_known,
          interval_s / 3600, begin, end, out)  # fmt: skip


@compiled
def _fill(wh, marks, first, place, slots, classes, parts_known, hours, begin, end, out):  # type: ignore[no-untyped-def]
    kw = 0.001 / hours
    rank = min(5, (slots + 19) // 20)
    for row in range(begin, end):
        point, day = row // len(first), row % len(first)
        v = wh[point, first[day] : first[day] + slots]
        o = np.full(26, np.nan)
        sums = np.zeros(15)
        n, total, high, low, hi_at, lo_at, ramp, band_high = 0, 0.0, -np.inf, np.inf, -1, -1, -1.0, -np.inf
        zero = frozen = zeros = same = 0
        for slot in range(slots):
            now = v[slot]
            if np.isnan(now):
                zero = same = 0
                continue
            n += 1
            total += now
            sums[classes[slot]] += now
            if now > high:
                high, hi_at = now, slot
            if now < low:
                low, lo_at = now, slot
            if classes[slot] % 5 < 2:
                band_high = max(band_high, now)
            before = v[slot - 1] if slot else np.nan
            if abs(now - before) > ramp:
                ramp = abs(now - before)
            zero = zero + 1 if now == 0 else 0
            same = 0 if now == 0 else same + 1 if now == before else 1
            zeros, frozen = max(zeros, zero), max(frozen, same)
        o[17] = n
        if len(marks):
            o[18] = marks[point, first[day] : first[day] + slots].sum()
        if n:
            known = np.sort(v[~np.isnan(v)])
            o[0], o[1], o[2], o[3], o[13] = total / 1000, high * kw, low * kw, hi_at, lo_at
            o[11] = np.std(known.astype(np.float64)) * kw
            o[15] = (high - low) * kw
            o[22], o[23] = zeros, frozen
            if n >= rank:
                o[12] = known[rank - 1] * kw
            if ramp >= 0:
                o[10] = ramp * kw
            if band_high > -np.inf:
                o[25] = band_high * kw
            if n >= 3 and known[-3] > 0:
                o[24] = known[-1] / known[-3]
            if high > 0:
                o[19] = (known >= np.float32(0.95) * np.float32(high)).sum() * hours
            if high > 0 and low >= 0:
                o[4], o[5], o[14] = total / n / high, (high - low) / high, low / high
                for band in range(4):
                    o[6 + band] = (sums[band] + sums[band + 5] + sums[band + 10]) / total
                o[16] = (sums[4] + sums[9] + sums[14]) / total
                if parts_known:
                    o[20], o[21] = sums[5:10].sum() / total, sums[10:15].sum() / total
        for column in range(out.shape[2]):
            out[point, place[day], column] = o[column]
