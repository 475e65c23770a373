"""From what was gathered to subjects: each channel of each point with all that the rules ask for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, tzinfo

import numpy as np
from numpy.typing import NDArray

from cloud.metering.store import SOURCE_ID
from cloud.metering.vee import gather, rules_context
from cloud.metering.vee.across import Neighbours
from cloud.metering.vee.estimate import Doubt
from cloud.metering.vee.findings import Finding
from cloud.metering.vee.gather import Gathered, History, Place
from cloud.metering.vee.grid import Grid
from cloud.metering.vee.judge import Edit, Subject
from cloud.metering.vee.point_day import Channel
from cloud.metering.vee.policy import VeePolicy
from cloud.metering.vee.raw import RawDay
from cloud.metering.vee.rules_interval import Scan, scan
from cloud.metering.vee.surroundings import Supplied, Times, touching, within
from protocols.readings import Source

Wanted = tuple[str, Channel]


@dataclass(frozen=True, slots=True)
class Known:
    """What else is known, by point: outages, accounts, usual days, edits; and of the whole area `stops`.

    `area_zero` (slots,) is where the area's own meter counted nothing; None where it has none that tells.
    """

    dark: Mapping[str, Sequence[Times]]
    stops: Sequence[Times]
    supplied: Mapping[str, Sequence[Supplied]]
    usual_wh: Mapping[Wanted, float]
    edits: Mapping[Wanted, Sequence[Edit]]
    had: frozenset[Wanted]
    area_zero: NDArray[np.bool_] | None
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
) -> Iterator[Subject]:
    """In order of channel and point; a channel other than import only where it was ever heard of."""
    by_point = {place.point: place for place in some}
    nothing_used = _nothing_used(found, known)
    for channel, raw in found.raw.items():
        heard = {point: each for point, each in raw.items() if _is_heard(point, channel, each, known)}
        for points in _alike(heard):
            rows = [heard[point] for point in points]
            kinds = [_kind(known, point) for point in points]
            before = [histories[channel].before.get(point, ()) for point in points]
            zeros = [gather.zeros_at_end(rows[0].day.day, each) for each in before]
            scanned = _scanned(rows, kinds, zeros, setting.policy)
            peers = _peers(rows, kinds)
            for at, point in enumerate(points):
                place = by_point[point]
                yield Subject(
                    point,
                    channel,
                    rows[at],
                    scanned.flags[at],
                    zeros[at],
                    _doubt(place, rows[at], known, nothing_used),
                    _near(place, histories[channel], known, setting),
                    known.usual_wh.get((point, channel)),
                    _ratios(place),
                    _inactive(place, rows[at], known),
                    peers[kinds[at]],
                    _given(place, channel, found, known, setting),
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


def _peers(rows: Sequence[RawDay], kinds: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    wh = np.array([row.wh for row in rows])
    return {kind: wh[[each == kind for each in kinds]] for kind in set(kinds)}


def _kind(known: Known, point: str) -> str:
    accounts = known.supplied.get(point, ())
    return max(accounts, key=lambda each: each.times[0]).kind if accounts else ""


def _nothing_used(found: Gathered, known: Known) -> NDArray[np.bool_] | None:
    """The area's meter counted nothing and no customer's did: there was no supply."""
    if known.area_zero is None:
        return None
    used = known.area_zero.copy()
    for each in found.raw[Channel.IMPORT].values():
        if len(each.wh) == len(used):
            used &= ~(each.wh > 0)
    return used


def _dark(place: Place, known: Known) -> list[Times]:
    return [times for meter in place.meters for times in known.dark.get(meter, ())]


def _doubt(place: Place, raw: RawDay, known: Known, nothing: NDArray[np.bool_] | None) -> Doubt:
    outage = within(raw.day.bounds_ms, _dark(place, known))
    if nothing is not None and len(nothing) == len(outage):
        outage |= nothing
    return Doubt(outage, touching(raw.day.bounds_ms, known.stops) & ~outage)


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


def _given(place: Place, channel: Channel, found: Gathered, known: Known, setting: Setting) -> list[Finding]:
    policy, raw = setting.policy, found.raw[channel][place.point]
    given = _of_stamps(place, channel, found, known, policy)
    if channel is Channel.IMPORT:
        given += _of_gauges(place, found, policy)
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


def _of_stamps(
    place: Place, channel: Channel, found: Gathered, known: Known, policy: VeePolicy
) -> list[Finding]:
    day, columns = place.day, found.registers[channel.value]
    given: list[Finding] = []
    lost = [
        day.slot_of(each.at_ms)
        for each in found.conflicts
        if each.meter in place.meters and each.quantity == channel.value
    ]
    given += rules_context.duplicate([slot for slot in lost if 0 <= slot < day.slots], policy)
    for meter in place.meters:
        part = slice(*np.searchsorted(columns.meter, [found.meters[meter], found.meters[meter] + 1]))
        at, source = columns.at_ms[part], columns.source[part]
        profile = at[source == SOURCE_ID[Source.PROFILE]]
        given += rules_context.interval_size(profile, day.interval_s, day.slots, policy)
        given += rules_context.future(at, known.now_ms, day.slots - 1, policy)
    return given


def _of_gauges(place: Place, found: Gathered, policy: VeePolicy) -> list[Finding]:
    given: list[Finding] = []
    for meter in place.meters:
        index = found.meters[meter]
        at, offsets = gather.of_meter(found.gauges["clock_offset_s"], index)
        inside = (at >= place.day.bounds_ms[0]) & (at < place.day.bounds_ms[-1])
        if inside.any():
            slots = (at[inside] - place.day.bounds_ms[0]) // (place.day.interval_s * 1000)
            given += rules_context.clock(offsets[inside], slots, policy)
        moments, values = _side_by_side(place.day, found, index)
        slots = (moments - place.day.bounds_ms[0]) // (place.day.interval_s * 1000)
        given += rules_context.phases(values, slots, policy)
    return given


def _side_by_side(
    day: Grid, found: Gathered, meter: int
) -> tuple[NDArray[np.int64], dict[str, NDArray[np.float64]]]:
    """Gauges of one meter at the moments of the day when any was read; NaN where one was not."""
    series = {
        name: gather.of_meter(columns, meter)
        for name, columns in found.gauges.items()
        if name != "clock_offset_s"
    }
    moments = np.unique(np.concatenate([at for at, _ in series.values()]))
    moments = moments[(moments >= day.bounds_ms[0]) & (moments < day.bounds_ms[-1])]
    values = {}
    for name, (at, known) in series.items():
        if len(at):
            place = np.clip(np.searchsorted(at, moments), 0, len(at) - 1)
            values[name] = np.where(at[place] == moments, known[place], np.nan)
    return moments, values
