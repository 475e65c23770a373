"""The rules that need more than the intervals of a day: V02 to V04 and V11 to V20; pure, one function each.

A rule that lacks what it needs says nothing: it accuses nobody for what is not known.
"""

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from cloud.metering.vee.findings import Finding
from cloud.metering.vee.policy import Code, Severity, VeePolicy


def _finding(
    policy: VeePolicy, code: Code, slots: Sequence[int], observed: float | None, limit: float | None
) -> list[Finding]:
    """One finding over the slots from the first to the last of these; none where there are none."""
    if not len(slots):
        return []
    return [Finding(code, policy.severity_of(code), int(min(slots)), int(max(slots)), observed, limit)]


def duplicate(slots: Sequence[int], policy: VeePolicy) -> list[Finding]:
    """V02: two values under one key; `slots` where the one that lost stood."""
    return _finding(policy, Code.DUPLICATE, slots, float(len(slots)), 0.0)


def clock(offsets_s: NDArray[np.float64], slots: NDArray[np.int64], policy: VeePolicy) -> list[Finding]:
    """V03: the meter's clock against the gateway's, at moments of the day that lie in `slots`."""
    off = np.abs(offsets_s) > policy.clock.warn_s
    if not off.any():
        return []
    worst = float(offsets_s[np.abs(offsets_s).argmax()])
    failed = abs(worst) > policy.clock.fail_s
    limit = policy.clock.fail_s if failed else policy.clock.warn_s
    (found,) = _finding(policy, Code.CLOCK, slots[off].tolist(), worst, limit)
    return [found.as_bad_as(Severity.FAIL) if failed else found]


def interval_size(
    stamps_ms: NDArray[np.int64], interval_s: int, slots: int, policy: VeePolicy
) -> list[Finding]:
    """V04: the meter's own profile steps otherwise than its point is told to; one missing stamp is a gap."""
    if len(stamps_ms) < 4:
        return []
    steps, counts = np.unique(np.diff(np.sort(stamps_ms)), return_counts=True)
    usual = int(steps[counts.argmax()]) // 1000
    if usual == interval_s or interval_s % max(usual, 1) == 0:
        return []  # finer stamps hold every boundary there is
    return _finding(policy, Code.INTERVAL_SIZE, range(slots), float(usual), float(interval_s))


def high_low(day_wh: float | None, usual_wh: float | None, slots: int, policy: VeePolicy) -> list[Finding]:
    """V11: the day's energy against the average day before; both in Wh."""
    limits = policy.high_low
    if day_wh is None or not usual_wh or max(day_wh, usual_wh) < limits.floor_wh:
        return []
    ratio = day_wh / usual_wh
    if limits.low <= ratio <= limits.high:
        return []
    limit = limits.low if ratio < limits.low else limits.high
    return _finding(policy, Code.HIGH_LOW, range(slots), ratio, limit)


def sum_check(
    total_wh: float | None, register_wh: float | None, step_wh: float, slots: int, policy: VeePolicy
) -> list[Finding]:
    """V12: the sum of the slots against the register's own difference; `step_wh` is K x its resolution."""
    if total_wh is None or register_wh is None or math.isnan(total_wh) or math.isnan(register_wh):
        return []
    limit = max(policy.sum_check.steps * step_wh, policy.sum_check.share * abs(register_wh))
    off = abs(total_wh - register_wh)
    return _finding(policy, Code.SUM_CHECK, range(slots), off, limit) if off > limit else []


def register_fall(falls: NDArray[np.bool_], policy: VeePolicy) -> list[Finding]:
    """V13: slots in which the register fell and neither a roll-over nor an exchange explains it."""
    slots = np.flatnonzero(falls)
    return _finding(policy, Code.REGISTER_FALL, slots.tolist(), float(len(slots)), 0.0)


def multiplier(
    day_wh: float | None, usual_wh: float | None, ratios: Collection[float], slots: int, policy: VeePolicy
) -> list[Finding]:
    """V14: the energy changed by just a ratio that it could be: `ratios` are K and K_old / K_new."""
    if not day_wh or not usual_wh:
        return []
    change = day_wh / usual_wh
    within = policy.multiplier.within
    for ratio in sorted({each for known in ratios for each in (known, 1 / known)}):
        if abs(ratio - 1) > 2 * within and abs(change / ratio - 1) <= within:
            return _finding(policy, Code.MULTIPLIER, range(slots), change, ratio)
    return []


def phases(
    values: Mapping[str, NDArray[np.float64]], slots: NDArray[np.int64], policy: VeePolicy
) -> list[Finding]:
    """V15: a phase without voltage and with current, with voltage and power and no current, or phases whose

    powers are not the total. `values`: gauges at the same moments, NaN where one was not read.
    """
    bad, least = off_phase(values, len(slots), policy), policy.phases.at_least
    if np.count_nonzero(bad) < least:
        return []
    return _finding(policy, Code.PHASES, slots[bad].tolist(), float(bad.sum()), float(least))


def off_phase(
    values: Mapping[str, NDArray[np.float64]], moments: int, policy: VeePolicy
) -> NDArray[np.bool_]:
    """(moments,): where one of the three holds."""
    limits, bad = policy.phases, np.zeros(moments, np.bool_)
    known: list[NDArray[np.float64]] = []
    with np.errstate(invalid="ignore"):
        for phase in ("l1", "l2", "l3"):
            volt, amp, watt = (values.get(name.format(phase)) for name in _OF_PHASE)
            if volt is not None and amp is not None:
                bad |= (volt < limits.dead_v) & (np.abs(amp) > limits.current_a)
            if volt is not None and amp is not None and watt is not None:
                bad |= (volt > limits.live_v) & (np.abs(watt) > limits.power_w) & (np.abs(amp) < _NO_AMPERE)
            known += [] if watt is None else [watt]
        total = values.get("power_w")
        if total is not None and len(known) == 3:
            off = np.abs(sum(known) - total)
            bad |= (off > limits.unlike_share * np.abs(total)) & (off > limits.power_w)
    return bad


_OF_PHASE = ("voltage_{}_v", "current_{}_a", "power_{}_w")
_NO_AMPERE = 1e-3


def reactive(
    active_wh: float | None,
    reactive_varh: float | None,
    quadrants_varh: float | None,
    slots: int,
    policy: VeePolicy,
) -> list[Finding]:
    """V16: more reactive energy than such an active one has, or not what the quadrants add up to."""
    limits = policy.reactive
    if reactive_varh is None:
        return []
    if quadrants_varh is not None and abs(quadrants_varh - reactive_varh) > max(
        limits.floor_wh, policy.sum_check.share * reactive_varh
    ):
        return _finding(policy, Code.REACTIVE, range(slots), reactive_varh, quadrants_varh)
    if active_wh is None or reactive_varh < limits.floor_wh:
        return []
    if reactive_varh <= limits.most_ratio * active_wh:
        return []
    ratio = reactive_varh / active_wh if active_wh else None
    return _finding(policy, Code.REACTIVE, range(slots), ratio, limits.most_ratio)


def inactive_use(wh: NDArray[np.float64], inactive: NDArray[np.bool_], policy: VeePolicy) -> list[Finding]:
    """V17: energy in slots when nobody was supplied through the meter."""
    with np.errstate(invalid="ignore"):
        used = inactive & (wh > 0)
    slots = np.flatnonzero(used)
    return _finding(policy, Code.INACTIVE_USE, slots.tolist(), float(wh[used].sum()), 0.0)


def sibling(measured: float, of_sibling: float, slots: int, policy: VeePolicy) -> list[Finding]:
    """V18: this channel came and another that the meter has did not; shares of slots measured."""
    limit = policy.sibling.share
    if measured < limit or of_sibling >= limit:
        return []
    return _finding(policy, Code.SIBLING, range(slots), of_sibling, limit)


def prolonged(days: int, slots: int, policy: VeePolicy) -> list[Finding]:
    """V19: so many days in a row, this one included, are estimated: somebody has to go there."""
    limit = policy.prolonged.days
    return _finding(policy, Code.PROLONGED, range(slots), float(days), float(limit)) if days > limit else []


def future(stamps_ms: NDArray[np.int64], now_ms: int, last_slot: int, policy: VeePolicy) -> list[Finding]:
    """V20: a reading dated ahead of our clock."""
    ahead_s = (int(stamps_ms.max()) - now_ms) / 1000 if len(stamps_ms) else -math.inf
    limit = policy.future.ahead_s
    return _finding(policy, Code.FUTURE_PAST, [last_slot], ahead_s, limit) if ahead_s > limit else []


def past(age_days: int, *, changed: bool, slots: int, policy: VeePolicy) -> list[Finding]:
    """V20: readings changed a day so old that it may have been billed."""
    limit = policy.late_after_days
    if not changed or age_days <= limit:
        return []
    return _finding(policy, Code.FUTURE_PAST, range(slots), float(age_days), float(limit))
