"""Gathers what validation needs of some points of an area on one day: raw days, gauges, outages, history."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, tzinfo
from itertools import groupby

import numpy as np
from sqlalchemy import Connection

from cloud.fleet import events
from cloud.fleet.events import EventKind
from cloud.fleet.topology import Installation
from cloud.kit.scope import WHOLE_STATION, Scope, Window
from cloud.metering.store import Columns, ReadingStore, ms
from cloud.metering.vee import days
from cloud.metering.vee.dirty import REACH
from cloud.metering.vee.gauges import GAUGES
from cloud.metering.vee.grid import Grid, grid
from cloud.metering.vee.point_day import Channel, Method, PointDay
from cloud.metering.vee.policy import VeePolicy
from cloud.metering.vee.raw import RawDay, Register, raw_days, register
from cloud.metering.vee.registers import Exchange

_LENGTHS_S = (900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400)
_MS = timedelta(milliseconds=1)
BACK = timedelta(days=122)
AHEAD = timedelta(days=61)
ZEROS_BACK = timedelta(days=8)
_SCOPE = 250
"""Meters whose conflicts are asked for together: a scope is searched for each of its meters."""


@dataclass(frozen=True, slots=True)
class Place:
    """A point on a day: its installations that day in order, those of the time around it, its slots."""

    point: str
    today: Sequence[Installation]
    around: Sequence[Installation]
    day: Grid

    @property
    def meters(self) -> list[str]:
        return list(dict.fromkeys(each.meter for each in self.today))

    def is_same(self, first: date, last: date, zone: tzinfo) -> bool:
        """Whether one installation served it on all these days."""
        start = grid(first, zone, self.day.interval_s).start
        end = grid(last, zone, self.day.interval_s).start + timedelta(days=1)
        return sum(_overlap(each, start, end) for each in self.around) == 1


@dataclass(frozen=True, slots=True)
class Gathered:
    """`raw` by point, for each channel that its model has; gauges as the store gave them.

    `conflicts`: when, by (meter, quantity), a value lost its key.
    """

    raw: Mapping[Channel, Mapping[str, RawDay]]
    registers: Mapping[str, Columns]
    gauges: Mapping[str, Columns]
    meters: Mapping[str, int]
    conflicts: Mapping[tuple[str, str], Sequence[int]]


def places(
    rows: Iterable[Installation], day: date, zone: tzinfo, policy: VeePolicy
) -> dict[str, list[Place]]:
    """The points by the area where they stand when the day ends, in order; `rows` are all around it."""
    found: dict[str, list[Place]] = {}
    own = grid(day, zone, policy.interval_s)
    end = own.start + timedelta(milliseconds=int(own.bounds_ms[-1] - own.bounds_ms[0]))
    for point, group in groupby(rows, key=lambda row: row.point):
        around = _joined(group)
        today = [each for each in around if _overlap(each, own.start, end)]
        if today:
            length = slot_s(max(each.interval_s for each in today), policy)
            place = Place(point, today, around, grid(day, zone, length))
            found.setdefault(today[-1].area, []).append(place)
    return found


def slot_s(polled_s: int, policy: VeePolicy) -> int:
    """The slots of a point that is polled so often: a part of a day."""
    fitting = [each for each in _LENGTHS_S if each >= polled_s]
    return policy.interval_s if polled_s <= policy.interval_s else min(fitting, default=86_400)


def _overlap(each: Installation, start: datetime, end: datetime) -> bool:
    return each.start < end and (each.end is None or start < each.end)


def _joined(rows: Iterable[Installation]) -> list[Installation]:
    """A move to another line or area is no change of the register: the parts become one."""
    found: list[Installation] = []
    for row in rows:
        last = found[-1] if found else None
        if last is not None and last.end == row.start and _register(last) == _register(row):
            found[-1] = replace(row, start=last.start)
        else:
            found.append(row)
    return found


def _register(row: Installation) -> tuple[object, ...]:
    return row.meter, row.model, row.ct_ratio, row.pt_ratio


def gather(connection: Connection, store: ReadingStore, some: Sequence[Place], policy: VeePolicy) -> Gathered:
    """What the store has of these places, which share a day; memory grows with the readings of that day."""
    meters = {meter: at for at, meter in enumerate(dict.fromkeys(m for each in some for m in each.meters))}
    channels = {channel: _rows(some, channel, policy) for channel in Channel}
    quantities = [channel.value for channel, rows in channels.items() if rows]
    start = min(each.day.start for each in some)
    end = start + max(int(each.day.bounds_ms[-1] - each.day.bounds_ms[0]) for each in some) * _MS
    asked = store.columns(
        WHOLE_STATION, list(meters), [*quantities, *GAUGES], start - REACH, end + REACH + _MS
    )
    columns = {each.quantity: each for each in asked}
    exchanges = _exchanges(connection, some)
    raw: dict[Channel, dict[str, RawDay]] = {}
    for channel, rows in channels.items():
        raw[channel] = {}
        for day, points in _by_grid(some, rows) if rows else ():
            of_channel = {point: exchanges[channel].get(point, ()) for point in points}
            raw[channel] |= raw_days(columns[channel.value], meters, points, of_channel, day)
    gauges = {name: columns[name] for name in GAUGES}
    registers = {name: columns[name] for name in quantities}
    return Gathered(raw, registers, gauges, meters, _conflicts(store, list(meters), start, end))


def _conflicts(
    store: ReadingStore, meters: Sequence[str], start: datetime, end: datetime
) -> dict[tuple[str, str], list[int]]:
    found: dict[tuple[str, str], list[int]] = {}
    for some in days.chunks(meters, _SCOPE):
        for each in store.conflicts(Scope(tuple(Window(meter, start, end) for meter in some))):
            found.setdefault((each.meter, each.quantity), []).append(each.at_ms)
    return found


def _rows(some: Sequence[Place], channel: Channel, policy: VeePolicy) -> dict[str, list[Register]]:
    found = {}
    alike: dict[tuple[object, ...], Register | None] = {}
    for place in some:
        rows = [_register_of(each, channel, policy, alike) for each in place.today]
        known = [row for row in rows if row is not None]
        if known:
            found[place.point] = known
    return found


def _register_of(
    each: Installation, channel: Channel, policy: VeePolicy, alike: dict[tuple[object, ...], Register | None]
) -> Register | None:
    """Most meters of a station are of few kinds: each kind is worked out once."""
    kind = (each.model, each.ct_ratio, each.pt_ratio, each.role, each.interval_s, each.start, each.end)
    if kind not in alike:
        alike[kind] = register(each, channel, policy)
    known = alike[kind]
    return None if known is None else replace(known, meter=each.meter)


def _by_grid(
    some: Sequence[Place], rows: Mapping[str, list[Register]]
) -> list[tuple[Grid, dict[str, list[Register]]]]:
    grids = {each.day.interval_s: each.day for each in some}
    return [
        (
            day,
            {
                each.point: rows[each.point]
                for each in some
                if each.point in rows and each.day.interval_s == length
            },
        )
        for length, day in grids.items()
    ]


_CHANGES = (EventKind.EXCHANGE, EventKind.RATIO)


def _exchanges(connection: Connection, some: Sequence[Place]) -> dict[Channel, dict[str, list[Exchange]]]:
    """What was written down at exchanges, of the few points that had one."""
    found: dict[Channel, dict[str, list[Exchange]]] = {channel: {} for channel in Channel}
    for place in some:
        if len(place.today) < 2:
            continue
        start, end = place.today[0].end, place.today[-1].start
        if start is None:
            continue
        for row in events.events(connection, place.point, start=start, end=end + _MS):
            if row.kind not in _CHANGES:
                continue
            after = row.installed_registers if row.kind == EventKind.EXCHANGE else row.removed_registers
            for channel in Channel:
                told = Exchange(
                    ms(row.at), row.removed_registers.get(channel.value), after.get(channel.value)
                )
                found[channel].setdefault(place.point, []).append(told)
    return found


@dataclass(frozen=True, slots=True)
class History:
    """The validated days around one day, by point and in order of day."""

    before: Mapping[str, Sequence[PointDay]]
    after: Mapping[str, Sequence[PointDay]]


def history(
    connection: Connection,
    day: date,
    channel: Channel,
    raw: Mapping[str, RawDay],
    only: Collection[str],
) -> History:
    """Just what these raw days of `only` need: of holes, months; of a day that begins with zeros, a week."""
    holes = {point for point, each in raw.items() if point in only and np.isnan(each.wh).any()}
    zeros = {point for point, each in raw.items() if point in only and each.wh[0] == 0} - holes
    open_end = {point for point in holes if np.isnan(raw[point].registers()[-1])}
    yesterday, tomorrow = day - timedelta(days=1), day + timedelta(days=1)
    before = _of(connection, day - BACK, yesterday, holes, channel)
    before |= _of(connection, day - ZEROS_BACK, yesterday, zeros, channel)
    return History(before, _of(connection, tomorrow, day + AHEAD, open_end, channel))


def _of(
    connection: Connection, first: date, last: date, points: Collection[str], channel: Channel
) -> dict[str, Sequence[PointDay]]:
    found: dict[str, list[PointDay]] = {}
    if points:
        for each in days.newest(connection, first, last, points=points, channel=channel):
            found.setdefault(each.point, []).append(each)
    return dict(found)


def zeros_at_end(day: date, before: Sequence[PointDay]) -> int:
    """How many measured zeros in a row stand at the end of the day before `day`."""
    count = 0
    for back, row in enumerate(reversed(before), 1):
        zero = (row.final_wh == 0) & (row.method == Method.MEASURED)
        if row.day != day - timedelta(days=back) or not zero[-1]:
            break
        if not zero.all():
            return count + int(np.flatnonzero(~zero[::-1])[0])
        count += row.slots
    return count
