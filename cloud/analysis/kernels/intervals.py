"""The rules of validation that look at the slots of a day alone, over (rows × slots) arrays."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.kernels.compiled import compiled

# The bits of `Flag` in cloud/metering/vee/point_day.py: a test holds the two against each other.
GAP, NEGATIVE, ZERO_RUN, FROZEN, SPIKE, CAP, STEP = 1 << 0, 1 << 4, 1 << 5, 1 << 6, 1 << 7, 1 << 8, 1 << 9


@compiled
def _bounds(
    energy: NDArray[Any],
    low: float,
    cap: float,
    step_ratio: float,
    step_low: float,
    flags: NDArray[np.uint32],
) -> None:
    """V01, V05, V09, V10 of one row."""
    before = np.nan
    for slot in range(len(energy)):
        now = energy[slot]
        bits = 0
        if np.isnan(now):
            bits = GAP
        if now < low:
            bits |= NEGATIVE
        if now > cap:
            bits |= CAP
        base = before if before > step_low else step_low  # noqa: FURB136 - max() differs where one is NaN
        if base > 0.0 and abs(now - before) > step_ratio * base:
            bits |= STEP
        flags[slot] = bits
        before = now


@compiled
def _zeros(energy: NDArray[Any], run: int, least: int, flags: NDArray[np.uint32]) -> int:
    """V06 of one row, after `run` zeros the day before; the zeros it ends with."""
    for slot in range(len(energy)):
        run = run + 1 if energy[slot] == 0.0 else 0
        if run == least:
            for back in range(max(0, slot - least + 1), slot + 1):
                flags[back] |= ZERO_RUN
        elif run > least:
            flags[slot] |= ZERO_RUN
    return run


@compiled
def _frozen(energy: NDArray[Any], least: int, flags: NDArray[np.uint32]) -> None:
    """V07 of one row."""
    run, before = 0, np.nan
    for slot in range(len(energy)):
        now = energy[slot]
        if now != 0.0 and now == before:
            run += 1
        else:
            run = 1
        before = now
        if run == least and least > 1:
            for back in range(slot - least + 1, slot + 1):
                flags[back] |= FROZEN
        elif run > least:
            flags[slot] |= FROZEN


@compiled
def _spikes(energy: NDArray[Any], over: float, low: float, flags: NDArray[np.uint32]) -> None:
    """V08 of one row: what is higher than the third highest by more than `over` times that."""
    first = second = third = -np.inf
    for slot in range(len(energy)):
        now = energy[slot]
        if now > third:
            if now > second:
                third = second
                if now > first:
                    second, first = first, now
                else:
                    second = now
            else:
                third = now
    if not third > 0.0 or not first - third > over * third or not first > low:
        return
    for slot in range(len(energy)):
        if energy[slot] - third > over * third and energy[slot] > low:
            flags[slot] |= SPIKE


@compiled
def scan_intervals(
    energy: NDArray[Any],
    capacity: NDArray[np.float64],
    may_be_negative: NDArray[np.bool_],
    may_be_frozen: NDArray[np.bool_],
    zeros_before: NDArray[np.int32],
    limits: tuple[int, int, float, float, float, float, float],
    flags: NDArray[np.uint32],
    zeros_after: NDArray[np.int32],
) -> None:
    """The rules V01 and V05 to V10 of each row, a day, into `flags` (rows, slots), which is set anew.

    `energy` (rows, slots) float32 or float64: Wh of a slot, NaN where unknown; `capacity` (rows,) Wh that
    fit into a slot, NaN where unknown: then V09 is mute and the floors of V08 and V10 are 0. `zeros_before`
    (rows,) counts the zeros the day before ended with, `zeros_after` those that this one ends with. `limits`
    are slots of V06 and V07, ratio and floor of V08, factor of V09, ratio and floor of V10; floors are shares
    of the capacity. A run is marked whole, as far as it lies in the row.
    """
    zero_run, frozen_run, spike_ratio, spike_floor, cap_factor, step_ratio, step_floor = limits
    for row in range(len(energy)):
        room = capacity[row]
        known = room > 0.0
        low = -np.inf if may_be_negative[row] else 0.0
        cap = cap_factor * room if known else np.inf
        _bounds(energy[row], low, cap, step_ratio, step_floor * room if known else 0.0, flags[row])
        zeros_after[row] = _zeros(energy[row], zeros_before[row], zero_run, flags[row])
        if not may_be_frozen[row]:
            _frozen(energy[row], frozen_run, flags[row])
        _spikes(energy[row], spike_ratio, spike_floor * room if known else 0.0, flags[row])
