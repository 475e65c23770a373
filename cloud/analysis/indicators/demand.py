"""Maximum demand (最大需量) of curves: by windows side by side, by sliding ones (滑差), and by band.

Meters in China slide: a window of 15 min, a slip of 1 min, both parameters of DL/T 645 and DL/T 698. It takes
1-min energies; of 15-min ones only bounds are known. What was estimated never sets a maximum that is billed.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.kernels import demand as kernels

Floats = NDArray[np.float32]
Slots = NDArray[np.int64]
Kernel = Callable[[Floats, int], tuple[Floats, Slots]]


@dataclass(frozen=True, slots=True)
class Demand:
    """Each (rows,), or (rows, 5) by band: kW and the slot its window begins with; NaN and -1 where no window
    is whole. `md_estimated`: the highest window has estimates in it, so it is no maximum demand to be billed;
    `measured_kw`, `measured_at` are of windows without any."""

    kw: Floats
    at: Slots
    measured_kw: Floats
    measured_at: Slots
    md_estimated: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Maximum:
    """One maximum demand with the instant (Unix ms) its window began."""

    kw: float
    at_ms: int


def sliding(
    wh: Floats,
    *,
    interval_s: int = 60,
    window_s: int = 900,
    slip_s: int = 60,
    estimated: NDArray[np.bool_] | None = None,
) -> Demand:
    """Of rows (rows, slots) float32 Wh, NaN where missing: a window with a hole is none.

    ValueError where window and slip are not whole slots. Source: DL/T 645-2007, demand period and slip time.
    """
    width, slip = _whole(window_s, interval_s), _whole(slip_s, interval_s)
    if slip == 1:
        return _made(_plain(wh, width), _plain, wh, width, estimated, window_s)
    one = np.zeros(wh.shape[1], np.int8)

    def first_band(part: Floats, slots: int) -> tuple[Floats, Slots]:
        kw, at = _banded(part, slots, slip, one)
        return kw[:, 0], at[:, 0]

    return _made(first_band(wh, width), first_band, wh, width, estimated, window_s)


def block(
    wh: Floats,
    *,
    interval_s: int = 60,
    window_s: int = 900,
    estimated: NDArray[np.bool_] | None = None,
) -> Demand:
    """As `sliding`, over windows side by side from the first slot on."""
    return sliding(wh, interval_s=interval_s, window_s=window_s, slip_s=window_s, estimated=estimated)


def by_band(
    wh: Floats,
    bands: NDArray[np.int8],
    *,
    interval_s: int = 60,
    window_s: int = 900,
    slip_s: int = 60,
    estimated: NDArray[np.bool_] | None = None,
) -> Demand:
    """As `sliding`, each band for itself, (rows, 5); `bands` int8 (slots,): only windows that lie in one."""
    width, slip = _whole(window_s, interval_s), _whole(slip_s, interval_s)

    def banded(part: Floats, slots: int) -> tuple[Floats, Slots]:
        return _banded(part, slots, slip, bands)

    return _made(banded(wh, width), banded, wh, width, estimated, window_s)


def bounds(wh: Floats, *, window_s: int = 900, cap_kw: Floats | float = np.inf) -> tuple[Floats, Floats]:
    """(low, high) kW (rows,) of the sliding maximum demand, where only energies of whole windows are known.

    A window overlaps two blocks at most: sliding <= 2 × block, and never above the cap (installed capacity).
    Where slots are missing nothing but the cap bounds it. NaN low where nothing is known.
    """
    known = ~np.isnan(wh)
    low = np.where(known, wh, -np.inf).max(axis=1, initial=-np.inf) * np.float32(3.6 / window_s)
    low = np.where(np.isneginf(low), np.nan, low).astype(np.float32)
    high = np.where(known.all(axis=1), 2 * low, np.inf)
    return low, np.maximum(np.minimum(high, cap_kw), np.nan_to_num(low)).astype(np.float32)


def of_period(parts: Iterable[Maximum]) -> Maximum | None:
    """Of a period in which meters or ratios changed: the highest of its parts, never their sum."""
    known = [each for each in parts if not np.isnan(each.kw)]
    return max(known, key=lambda each: (each.kw, -each.at_ms), default=None)


def _whole(span_s: int, interval_s: int) -> int:
    if span_s <= 0 or span_s % interval_s:
        raise ValueError(f"{span_s} s are not whole slots of {interval_s} s")
    return span_s // interval_s


def _plain(wh: Floats, width: int) -> tuple[Floats, Slots]:
    rows = len(wh)
    kw, at = np.empty(rows, np.float32), np.empty(rows, np.int64)
    kernels.sliding(np.ascontiguousarray(wh), width, kw, at)
    return kw, at


def _banded(wh: Floats, width: int, slip: int, bands: NDArray[np.int8]) -> tuple[Floats, Slots]:
    shape = (len(wh), kernels.BANDS)
    kw, at = np.empty(shape, np.float32), np.empty(shape, np.int64)
    kernels.by_band(np.ascontiguousarray(wh), width, slip, np.ascontiguousarray(bands), kw, at)
    return kw, at


def _made(
    found: tuple[Floats, Slots],
    again: Kernel,
    wh: Floats,
    width: int,
    estimated: NDArray[np.bool_] | None,
    window_s: int,
) -> Demand:
    """Rows with estimates are reckoned again without them."""
    kw, at = found
    kw = kw * np.float32(3.6 / window_s)
    measured, place = kw.copy(), at.copy()
    some = np.zeros(len(wh), np.bool_) if estimated is None else estimated.any(axis=1)
    if some.any() and estimated is not None:
        less, where = again(np.where(estimated[some], np.float32(np.nan), wh[some]), width)
        measured[some], place[some] = less * np.float32(3.6 / window_s), where
    return Demand(kw, at, measured, place, (at >= 0) & ~(measured == kw))
