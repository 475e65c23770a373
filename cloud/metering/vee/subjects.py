"""From what was gathered to subjects: each channel of each point with all that the rules ask for."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, tzinfo

import numpy as np
from numpy.typing import NDArray

from cloud.metering.store import SOURCE_ID, Columns
from cloud.metering.vee import gather, gauges, rules_context
from cloud.metering.vee.across import Neighbours
from cloud.metering.vee.estimate import Doubt
from cloud.metering.vee.findings import Finding
from cloud.metering.vee.gather import Gathered, History, Place
from cloud.metering.vee.grid import Grid
from cloud.metering.vee.judge import Edit, Subject
from cloud.metering.vee.point_day import Channel, Flag
from cloud.metering.vee.policy import VeePolicy
from cloud.metering.vee.raw import RawDay
from cloud.metering.vee.rules_interval import Scan, scan
from cloud.metering.vee.surroundings import Supplied, Times, touching, within
from protocols.readings import Source

Wanted = tuple[str, Channel]


@dataclass(frozen=True, slots=True)
class Known:
    """What else is known, by point: outages, accounts, usual days, edits; by area when estimates stop."""

    dark: Mapping[str, Sequence[Times]]
    stops: Mapping[str, Sequence[Times]]
    supplied: Mapping[str, Sequence[Supplied]]
    usual_wh: Mapping[Wanted, float]
    edits: Mapping[Wanted, Sequence[Edit]]
    had: frozenset[Wanted]
    now_ms: int


@dataclass(frozen=True, slots=True)
class Setting:
    zone: tzinfo
    policy: VeePolicy


def subjects(
    some: Sequence[Place],
    found: Gathered,
    histories: Mapping[Channel, History],
    known: Known,
    setting: Setting,
    only: Collection[str] | None = None,
) -> Iterator[Subject]:
    """In order of channel and point; a channel other than import only where it was ever heard of.

    `only` these points, or all; the others of `some` are what they are held against.
    """
    by_point = {place.point: place for place in some}
    nothing_used = _nothing_used(some, found)
    doubtful = gauges.doubtful(found.gauges, len(found.meters), setting.policy)
    for channel, raw in found.raw.items():
        heard = {point: each for point, each in raw.items() if _is_heard(point, channel, each, known)}
        for points in _alike(heard):
            rows = [heard[point] for point in points]
            kinds = [_kind(known, point) for point in points]
            before = [histories[channel].before.get(point, ()) for point in points]
            zeros = [gather.zeros_at_end(rows[0].day.day, each) for each in before]
            scanned = _scanned(rows, kinds, zeros, setting.policy).flags
            if channel is not Channel.IMPORT:
                # who feeds nothing back, or takes nothing reactive, has nothing wrong
                scanned &= ~np.uint32(Flag.ZERO_RUN)
            peers = _Peers(
                rows,
                [(by_point[point].today[-1].area, kind) for point, kind in zip(points, kinds, strict=True)],
            )
            odd = _odd_stamps(found.registers[channel.value], known, setting.policy)
            for at, point in enumerate(points):
                if only is not None and point not in only:
                    continue
                place = by_point[point]
                yield Subject(
                    point,
                    channel,
                    rows[at],
                    scanned[at],
                    zeros[at],
                    _doubt(place, rows[at], known, nothing_used),
                    _near(place, histories[channel], known, setting),
                    known.usual_wh.get((point, channel)),
                    _ratios(place),
                    _inactive(place, rows[at], known),
                    peers.of(at),
                    _given(place, channel, found, known, setting, odd=odd, doubtful=doubtful),
                    known.edits.get((point, channel), ()),
                )


def _is_heard(point: str, channel: Channel, raw: RawDay, known: Known) -> bool:
    silent = bool(np.isnan(raw.at_bounds).all())
    return channel is Channel.IMPORT or not silent or (point, channel) in known.had


def _alike(raw: Mapping[str, RawDay]) -> list[list[str]]:
    """Points whose slots are the same, so that they make one array."""
    found: dict[int, list[str]] = {}
    for point, each in raw.items():
        found.setdefault(each.day.interval_s, []).append(point)
    return list(found.values())


def _scanned(rows: Sequence[RawDay], kinds: Sequence[str], zeros: Sequence[int], policy: VeePolicy) -> Scan:
    return scan(
        np.array([row.wh for row in rows]),
        np.array([row.capacity_wh for row in rows]),
        np.array([kind in policy.frozen.classes_spared for kind in kinds], np.bool_),
        np.array(zeros, np.int32),
        policy,
    )


class _Peers:
    """The days of the same class in the same area, made only for a day that has a hole."""

    def __init__(self, rows: Sequence[RawDay], groups: Sequence[tuple[str, str]]) -> None:
        self._rows, self._groups = rows, groups
        self._made: dict[tuple[str, str], NDArray[np.float64]] = {}

    def of(self, at: int) -> NDArray[np.float64]:
        if not np.isnan(self._rows[at].wh).any():
            return _NO_PEERS
        group = self._groups[at]
        if group not in self._made:
            alike = [row.wh for row, each in zip(self._rows, self._groups, strict=True) if each == group]
            self._made[group] = np.array(alike)
        return self._made[group]


_NO_PEERS: NDArray[np.float64] = np.empty((0, 0))


def _kind(known: Known, point: str) -> str:
    accounts = known.supplied.get(point, ())
    return max(accounts, key=lambda each: each.times[0]).kind if accounts else ""


def _nothing_used(some: Sequence[Place], found: Gathered) -> dict[str, NDArray[np.bool_]]:
    """By area the slots in which its own meters counted nothing and no customer's did: no supply."""
    zero: dict[str, NDArray[np.bool_]] = {}
    for place in sorted(some, key=lambda place: place.today[-1].role != "area"):
        raw, area = found.raw[Channel.IMPORT].get(place.point), place.today[-1].area
        if raw is None:
            continue
        if place.today[-1].role == "area":
            known = zero.get(area)
            zero[area] = raw.wh == 0 if known is None or len(known) != len(raw.wh) else known & (raw.wh == 0)
        elif area in zero and len(zero[area]) == len(raw.wh):
            zero[area] &= ~(raw.wh > 0)
    return {area: slots for area, slots in zero.items() if slots.any()}


def _dark(place: Place, known: Known) -> list[Times]:
    return [times for meter in place.meters for times in known.dark.get(meter, ())]


def _doubt(place: Place, raw: RawDay, known: Known, nothing_used: Mapping[str, NDArray[np.bool_]]) -> Doubt:
    outage = within(raw.day.bounds_ms, _dark(place, known))
    nothing = None if place.today[-1].role == "area" else nothing_used.get(place.today[-1].area)
    if nothing is not None and len(nothing) == len(outage):
        outage |= nothing
    return Doubt(outage, touching(raw.day.bounds_ms, known.stops.get(place.today[-1].area, ())) & ~outage)


def _near(place: Place, history: History, known: Known, setting: Setting) -> Neighbours:
    dark = _dark(place, known)

    def outage(day: Grid) -> NDArray[np.bool_]:
        return within(day.bounds_ms, dark)

    def is_same(first: date, last: date) -> bool:
        return place.is_same(first, last, setting.zone)

    return Neighbours(
        history.before.get(place.point, ()),
        history.after.get(place.point, ()),
        setting.zone,
        setting.policy.calendar,
        setting.policy.estimate,
        outage,
        is_same,
    )


def _ratios(place: Place) -> list[float]:
    """K itself, forgotten or applied twice, and each change of it around the day."""
    now = float(place.today[-1].ct_ratio * place.today[-1].pt_ratio)
    others = {float(each.ct_ratio * each.pt_ratio) for each in place.around}
    return sorted({now, *(now / each for each in others)} - {1.0})


def _inactive(place: Place, raw: RawDay, known: Known) -> NDArray[np.bool_] | None:
    accounts = known.supplied.get(place.point)
    if not accounts or place.today[-1].role != "customer":
        return None
    return ~touching(raw.day.bounds_ms, [each.times for each in accounts])


def _given(
    place: Place,
    channel: Channel,
    found: Gathered,
    known: Known,
    setting: Setting,
    *,
    odd: bool,
    doubtful: Collection[int],
) -> list[Finding]:
    policy, raw = setting.policy, found.raw[channel][place.point]
    given = _lost(place, channel, found, policy)
    if odd:
        given += _of_stamps(place, channel, found, known, policy)
    if channel is Channel.IMPORT:
        for index in (found.meters[meter] for meter in place.meters):
            if index in doubtful:
                given += gauges.found(found.gauges, index, place.day, policy)
        return given
    of_import = found.raw[Channel.IMPORT].get(place.point)
    if of_import is None:
        return given
    if (place.point, channel) in known.had:
        given += rules_context.sibling(_measured(of_import), _measured(raw), raw.day.slots, policy)
    if channel is Channel.REACTIVE_IMPORT:
        sums = [None if np.isnan(each.wh).any() else float(each.wh.sum()) for each in (of_import, raw)]
        given += rules_context.reactive(sums[0], sums[1], None, raw.day.slots, policy)
    return given


def _measured(raw: RawDay) -> float:
    return 1.0 - float(np.isnan(raw.wh).mean())


def _lost(place: Place, channel: Channel, found: Gathered, policy: VeePolicy) -> list[Finding]:
    day = place.day
    at = [ms for meter in place.meters for ms in found.conflicts.get((meter, channel.value), ())]
    slots = [day.slot_of(each) for each in at]
    return rules_context.duplicate([slot for slot in slots if 0 <= slot < day.slots], policy)


def _odd_stamps(columns: Columns, known: Known, policy: VeePolicy) -> bool:
    """Whether any meter sent load records, or a reading of the future: mostly none did."""
    ahead = len(columns) and int(columns.at_ms.max()) > known.now_ms + policy.future.ahead_s * 1000
    return bool(ahead or (columns.source == SOURCE_ID[Source.PROFILE]).any())


def _of_stamps(
    place: Place, channel: Channel, found: Gathered, known: Known, policy: VeePolicy
) -> list[Finding]:
    day, columns = place.day, found.registers[channel.value]
    given: list[Finding] = []
    for meter in place.meters:
        part = slice(*np.searchsorted(columns.meter, [found.meters[meter], found.meters[meter] + 1]))
        at, source = columns.at_ms[part], columns.source[part]
        profile = at[source == SOURCE_ID[Source.PROFILE]]
        given += rules_context.interval_size(profile, day.interval_s, day.slots, policy)
        given += rules_context.future(at, known.now_ms, day.slots - 1, policy)
    return given
