"""One channel of one point on one day, from raw to final: flags by the rules, holes by the ladder; pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import blake2b
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from cloud.metering.vee import rules_context as rules
from cloud.metering.vee.across import Crossing, Neighbours, crossing, differs
from cloud.metering.vee.estimate import Doubt, Filled, Gap, fill, gaps
from cloud.metering.vee.findings import Finding, mark
from cloud.metering.vee.point_day import ESTIMATES, Channel, Flag, Method, PointDay
from cloud.metering.vee.policy import VeePolicy
from cloud.metering.vee.raw import RawDay, step_wh
from cloud.metering.vee.rules_interval import told
from cloud.metering.vee.shapes import Shape, class_profile, like_day, scaled


@dataclass(frozen=True, slots=True)
class Edit:
    """What a person put in place of a slot, and what the registers said of it then."""

    id: int
    slot: int
    value_wh: int
    raw_wh: int | None


@dataclass(frozen=True, slots=True)
class Subject:
    """All that is known of one channel of one point on one day.

    `scanned` (slots,) are the flags of the interval rules, `zeros_before` the zeros the day before ended
    with, `usual_wh` what a day uses, `inactive` (slots,) when nobody was served, `peers` (points, slots) the
    days of its class, `given` what rules with a context of their own found already.
    """

    point: str
    channel: Channel
    raw: RawDay
    scanned: NDArray[np.uint32]
    zeros_before: int
    doubt: Doubt
    near: Neighbours
    usual_wh: float | None = None
    ratios: Sequence[float] = ()
    inactive: NDArray[np.bool_] | None = None
    peers: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0)))
    given: Sequence[Finding] = ()
    edits: Sequence[Edit] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """The day, what was found, a digest of raw, edits that raw overtook, and days to look at again."""

    content: PointDay
    findings: Sequence[Finding]
    evidence: bytes
    overtaken: Sequence[Edit]
    again: Sequence[date]


def judge(subject: Subject, policy: VeePolicy) -> Judged:
    """From raw to final. What was measured stays as it is, whatever a rule says of it."""
    raw = subject.raw
    holes, crossings, fell = _holes(subject)
    filled = fill(raw.wh, holes, subject.doubt, _shape(subject, holes, policy), policy.estimate)
    in_force = [each for each in subject.edits if _same_raw(each, raw)]
    overtaken = [each for each in subject.edits if each not in in_force]
    for each in in_force:
        filled.final_wh[each.slot], filled.method[each.slot] = each.value_wh, Method.MANUAL
    findings = _findings(subject, filled, fell, policy)
    flags = subject.scanned | filled.flags | np.where(raw.exchanged, np.uint32(Flag.EXCHANGE), np.uint32(0))
    for finding in findings:
        mark(flags, finding)
    return Judged(
        _content(subject, filled, flags.astype(np.uint32)),
        findings,
        evidence(raw),
        overtaken,
        _again(subject, crossings),
    )


def evidence(raw: RawDay) -> bytes:
    """A digest of what the registers said of the day."""
    return blake2b(raw.wh.tobytes() + raw.at_bounds.tobytes(), digest_size=12).digest()


def _content(subject: Subject, filled: Filled, flags: NDArray[np.uint32]) -> PointDay:
    raw, (first_known, last_known) = subject.raw, subject.raw.known()
    at_start = first_known[1] if first_known is not None and first_known[0] == 0 else None
    at_end = last_known[1] if last_known is not None and last_known[0] == raw.day.slots else None
    return PointDay(
        subject.point,
        subject.channel,
        raw.day.day,
        raw.day.start,
        raw.day.interval_s,
        filled.final_wh,
        flags,
        filled.method,
        at_start,
        at_end,
        references=filled.references,
        first_known=first_known,
        last_known=last_known,
    )


def _holes(subject: Subject) -> tuple[list[Gap], list[Crossing], NDArray[np.bool_]]:
    raw, fell = subject.raw, subject.raw.falls.copy()
    holes, crossings = [], []
    registers = raw.registers()
    for first, last in _pieces(raw, registers):
        if np.isnan(registers[first]) or np.isnan(registers[last]):
            over = crossing(raw, first, last, subject.near)
            gap = Gap(first, last) if over is None else over.gap
            if over is not None:
                crossings.append(over)
                fell[first:last] |= gap.wh is None
        else:
            gap = Gap(first, last, raw.between(first, last))
            if gap.wh is None and not raw.exchanged[first:last].any():
                fell[first:last] = True
        holes.append(gap)
    return holes, crossings, fell


def _pieces(raw: RawDay, registers: NDArray[np.float64]) -> Iterator[tuple[int, int]]:
    """The holes, cut wherever the register is known within: an hourly register tells each hour's energy.

    A register that contradicts the others cuts nothing.
    """
    for first, last in gaps(raw.wh):
        within = (first + 1 + np.flatnonzero(~np.isnan(registers[first + 1 : last]))).tolist()
        known = [at for at in (first, *within, last) if not np.isnan(registers[at])]
        passed = [raw.between(low, high) for low, high in pairwise(known)]
        if not within or None in passed or sum(filter(None, passed)) != raw.between(known[0], known[-1]):
            yield first, last
        else:
            yield from pairwise((first, *within, last))


def _shape(subject: Subject, holes: Sequence[Gap], policy: VeePolicy) -> Shape | None:
    """Like days, or after a week without any the class's profile; nothing where nothing is missing."""
    if not holes:
        return None
    raw, near, limits = subject.raw, subject.near, policy.estimate
    found = None
    if _estimated_before(near.before, raw.day.day) < limits.longest_days:
        found = like_day(raw.day, raw.day.day, near.before, near.zone, limits, policy.calendar)
    if found is not None:
        return scaled(found, raw.wh, limits)
    peers = subject.peers
    fits = peers.ndim == 2 and peers.shape[1:] == raw.wh.shape
    return class_profile(peers, subject.usual_wh, limits) if fits else None


def _estimated_before(rows: Sequence[PointDay], day: date) -> int:
    """How many days in a row before `day` were not measured for the greater part."""
    count = 0
    for row in reversed(rows):
        if (day - row.day).days != count + 1 or not mostly_estimated(row):
            break
        count += 1
    return count


def mostly_estimated(day: PointDay) -> bool:
    return mostly_unmeasured(day.method)


def mostly_unmeasured(method: NDArray[np.uint8]) -> bool:
    return 2 * int(_UNMEASURED[method].sum()) > len(method)


_UNMEASURED = np.zeros(256, np.bool_)
_UNMEASURED[[*ESTIMATES, Method.MISSING]] = True


def _same_raw(edit: Edit, raw: RawDay) -> bool:
    if not 0 <= edit.slot < len(raw.wh):
        return False
    now = raw.wh[edit.slot]
    return (edit.raw_wh is None) if np.isnan(now) else edit.raw_wh == int(now)


def _findings(subject: Subject, filled: Filled, fell: NDArray[np.bool_], policy: VeePolicy) -> list[Finding]:
    raw, slots = subject.raw, subject.raw.day.slots
    energy, measured = _sum(filled.final_wh), _sum(raw.wh)
    passed = None if fell.any() else raw.between(0, slots)
    step = step_wh(raw.rows)
    found = told(raw.wh, subject.scanned, raw.capacity_wh, subject.zeros_before, subject.doubt.outage, policy)
    found += subject.given
    found += rules.register_fall(fell, policy)
    before = rules.sum_check(measured, passed, step, slots, policy)
    found += before or rules.sum_check(energy, passed, step, slots, policy)
    found += rules.high_low(measured, subject.usual_wh, slots, policy)
    found += rules.multiplier(measured, subject.usual_wh, subject.ratios, slots, policy)
    if subject.inactive is not None:
        found += rules.inactive_use(raw.wh, subject.inactive, policy)
    if mostly_unmeasured(filled.method):
        found += rules.prolonged(_estimated_before(subject.near.before, raw.day.day) + 1, slots, policy)
    return found


def _sum(wh: NDArray[np.float64]) -> float | None:
    """None where a slot is not known."""
    total = float(wh.sum())
    return None if np.isnan(total) else total


def _again(subject: Subject, crossings: Sequence[Crossing]) -> list[date]:
    stored = {row.day: row for row in (*subject.near.before, *subject.near.after)}
    return [
        day
        for over in crossings
        for day, (start, shares) in over.elsewhere.items()
        if day in stored and differs(stored[day], start, shares)
    ]
