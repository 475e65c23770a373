"""The rules that look at intervals alone: V01 and V05 to V10, scanned by a kernel, told row by row; pure."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.kernels.intervals import scan_intervals
from cloud.metering.vee.findings import FLAG, Finding
from cloud.metering.vee.point_day import Flag
from cloud.metering.vee.policy import Code, Severity, VeePolicy

_BITS = Flag.GAP | Flag.NEGATIVE | Flag.ZERO_RUN | Flag.FROZEN | Flag.SPIKE | Flag.CAP | Flag.STEP
_CODES = (Code.GAP, Code.NEGATIVE, Code.ZERO_RUN, Code.FROZEN, Code.SPIKE, Code.CAP, Code.STEP)


@dataclass(frozen=True, slots=True)
class Scan:
    """`flags` (rows, slots); `zeros` (rows,): how many zeros in a row the day ends with."""

    flags: NDArray[np.uint32]
    zeros: NDArray[np.int32]


def scan(
    wh: NDArray[np.float64],
    capacity_wh: NDArray[np.float64],
    spared: NDArray[np.bool_],
    zeros_before: NDArray[np.int32],
    policy: VeePolicy,
    *,
    net: bool = False,
) -> Scan:
    """The interval rules of (rows, slots) Wh; `capacity_wh` (rows,) of a slot; `spared` (rows,) of V07."""
    rows = len(wh)
    found = Scan(np.empty(wh.shape, np.uint32), np.empty(rows, np.int32))
    limits = (
        policy.zero_run.slots,
        policy.frozen.slots,
        policy.spike.ratio,
        policy.spike.floor_share,
        policy.cap.factor,
        policy.step.ratio,
        policy.step.floor_share,
    )
    steady = np.ascontiguousarray(wh)
    negative = np.full(rows, net)
    scan_intervals(steady, capacity_wh, negative, spared, zeros_before, limits, found.flags, found.zeros)
    return found


def told(
    wh: NDArray[np.float64],
    flags: NDArray[np.uint32],
    capacity_wh: float,
    zeros_before: int,
    outage: NDArray[np.bool_],
    policy: VeePolicy,
) -> list[Finding]:
    """One finding for each rule that marked slots of this day, with its worst value.

    Zeros of an outage are not held against the meter.
    """
    if not np.any(flags & np.uint32(_BITS)):
        return []
    found = []
    for code in _CODES:
        marked = (flags & np.uint32(FLAG[code])) != 0
        if code is Code.ZERO_RUN:
            marked &= ~outage
        if marked.any():
            slots = np.flatnonzero(marked)
            observed, limit = _WORST[code](wh, slots, capacity_wh, zeros_before, policy)
            severity = policy.severity_of(code)
            if code is Code.ZERO_RUN and observed >= policy.zero_run.fail_slots:
                severity = Severity.FAIL
            found.append(Finding(code, severity, int(slots[0]), int(slots[-1]), observed, limit))
    return found


_Worst = Callable[[NDArray[np.float64], NDArray[np.intp], float, int, VeePolicy], tuple[float, float]]


def _gap(_: NDArray[np.float64], slots: NDArray[np.intp], *__: object) -> tuple[float, float]:
    return float(len(slots)), 0.0


def _negative(wh: NDArray[np.float64], slots: NDArray[np.intp], *_: object) -> tuple[float, float]:
    return float(wh[slots].min()), 0.0


def _zero_run(
    _: NDArray[np.float64], slots: NDArray[np.intp], __: float, before: int, policy: VeePolicy
) -> tuple[float, float]:
    carried = before if slots[0] == 0 else 0
    return float(len(slots) + carried), float(policy.zero_run.slots)


def _frozen(
    _: NDArray[np.float64], slots: NDArray[np.intp], __: float, ___: int, policy: VeePolicy
) -> tuple[float, float]:
    return float(len(slots)), float(policy.frozen.slots)


def _spike(
    wh: NDArray[np.float64], _: NDArray[np.intp], __: float, ___: int, policy: VeePolicy
) -> tuple[float, float]:
    known = np.sort(wh[~np.isnan(wh)])
    return float((known[-1] - known[-3]) / known[-3]), policy.spike.ratio


def _cap(
    wh: NDArray[np.float64], slots: NDArray[np.intp], capacity_wh: float, _: int, policy: VeePolicy
) -> tuple[float, float]:
    return float(wh[slots].max()), policy.cap.factor * capacity_wh


def _step(
    wh: NDArray[np.float64], slots: NDArray[np.intp], capacity_wh: float, _: int, policy: VeePolicy
) -> tuple[float, float]:
    floor = policy.step.floor_share * capacity_wh if capacity_wh > 0 else 0.0
    ratios = np.abs(wh[slots] - wh[slots - 1]) / np.maximum(wh[slots - 1], floor)
    return float(ratios.max()), policy.step.ratio


_WORST: dict[Code, _Worst] = {
    Code.GAP: _gap,
    Code.NEGATIVE: _negative,
    Code.ZERO_RUN: _zero_run,
    Code.FROZEN: _frozen,
    Code.SPIKE: _spike,
    Code.CAP: _cap,
    Code.STEP: _step,
}
