"""The raw day of a point: how far its registers went on in each slot, over exchanges and changes of ratio.

Everything is primary and whole Wh, each installation with its own ratio, once; differences of boundaries, so
that the sums of slots are the differences of registers exactly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from cloud.fleet.topology import Installation
from cloud.metering.primary import ratio_of
from cloud.metering.store import Columns, ms
from cloud.metering.vee.dirty import REACH
from cloud.metering.vee.families import begins_again, one_register
from cloud.metering.vee.grid import Grid, Span, boundaries
from cloud.metering.vee.point_day import Channel, Known
from cloud.metering.vee.policy import VeePolicy
from cloud.metering.vee.registers import Exchange, advances, modulus_wh
from protocols import models

_STEP_WH = 10
"""The resolution of a register: XXXXXX.XX kWh."""
_FOREVER = 2**60


@dataclass(frozen=True, slots=True)
class Register:
    """One installation's register of one channel: its factor, and its limits in primary Wh and W."""

    meter: str
    start_ms: int
    end_ms: int
    factor: float
    modulus_wh: float
    most_w: float
    capacity_w: float
    limit_ms: int
    imported: bool = False
    """Of a file: what it stands at says nothing of the meter, nor of another day's register."""


@dataclass(frozen=True, slots=True)
class RawDay:
    """What one channel of one point says of a day.

    `wh` (slots,) whole Wh, NaN unknown; `falls`, `exchanged` (slots,): there the register fell, or was
    another at the end; `rows` the installations, `at_bounds` (rows, boundaries) their registers, NaN unknown.
    """

    day: Grid
    wh: NDArray[np.float64]
    falls: NDArray[np.bool_]
    exchanged: NDArray[np.bool_]
    rows: Sequence[Register]
    at_bounds: NDArray[np.float64]
    exchanges: Sequence[Exchange] = ()

    @property
    def whole(self) -> bool:
        """One installation served the point all day."""
        return len(self.rows) == 1 and not self.exchanged.any()

    @property
    def is_of_file(self) -> bool:
        return any(row.imported for row in self.rows)

    @property
    def capacity_wh(self) -> float:
        """What a slot holds at the capacity; NaN unknown."""
        return self.rows[-1].capacity_w * self.day.interval_s / 3600

    def registers(self) -> NDArray[np.float64]:
        """(boundaries,) the register at each, of the later installation where two meet."""
        found: NDArray[np.float64] = self.at_bounds[0].copy()
        for row in self.at_bounds[1:]:
            found = np.where(np.isnan(row), found, row)
        return found

    def first_known(self) -> Known | None:
        return self.known()[0]

    def known(self) -> tuple[Known | None, Known | None]:
        """Where the register is known first and last; a file's tells other days nothing."""
        if self.is_of_file:
            return None, None
        registers = self.registers()
        known = np.flatnonzero(~np.isnan(registers))
        if not len(known):
            return None, None
        first, last = int(known[0]), int(known[-1])
        return (first, int(registers[first])), (last, int(registers[last]))

    def between(self, first: int, last: int) -> int | None:
        """Wh from one boundary to another; None where no one register or declared exchange tells.

        Over a fall nothing is told, even where the register stands higher than before again.
        """
        if self.falls[first:last].any():
            return None
        hours = (last - first) * self.day.interval_s / 3600
        for row, at in zip(self.rows, self.at_bounds, strict=True):
            passed = _advance(at[first], at[last], row, hours)
            if passed is not None:
                return passed
        return self._over_changes(first, last)

    def _over_changes(self, first: int, last: int) -> int | None:
        """One installation after the other, each from where the declared change found it to the next."""
        begins, ends = (np.flatnonzero(~np.isnan(self.at_bounds[:, each])) for each in (first, last))
        if not len(begins) or not len(ends) or begins[-1] >= ends[0]:
            return None
        hours = (last - first) * self.day.interval_s / 3600
        told = {each.at_ms: each for each in self.exchanges}
        register, total = self.at_bounds[begins[-1]][first], 0
        for number in range(begins[-1], ends[0] + 1):
            row, end, after = self.rows[number], self.at_bounds[ends[0]][last], np.nan
            if number < ends[0]:
                change = told.get(self.rows[number + 1].start_ms)
                if change is None or change.removed_wh is None or change.installed_wh is None:
                    return None
                end = round(change.removed_wh * row.factor)
                after = round(change.installed_wh * self.rows[number + 1].factor)
            passed = _advance(register, end, row, hours)
            if passed is None:
                return None
            register, total = after, total + passed
        return total


def _advance(start: float, end: float, row: Register, hours: float) -> int | None:
    if end >= start:
        return int(end - start)
    one = [np.array([each]) for each in (start, end, row.most_w * hours, row.modulus_wh)]
    (passed,) = advances(*one)
    return None if np.isnan(passed) else int(passed)


def register(installation: Installation, channel: Channel, policy: VeePolicy) -> Register | None:
    """The installation's register of this channel; None: its model has none."""
    model = models.load(installation.model)
    if model.point(channel.value) is None:
        return None
    ratio = ratio_of(installation.model, float(installation.ct_ratio), float(installation.pt_ratio))
    factor = float(ratio.factor(channel.value))
    capacity_w = _capacity_w(installation, model.phases, policy)
    modulus = modulus_wh(model, channel.value)
    poll_s = max(policy.bridge_factor * installation.interval_s, policy.bridge_least_s)
    return Register(
        installation.meter,
        ms(installation.start),
        _FOREVER if installation.end is None else ms(installation.end),
        factor,
        np.nan if modulus is None else modulus * factor,
        capacity_w * policy.cap.factor,
        capacity_w,
        round(min(poll_s, REACH / timedelta(seconds=1)) * 1000),
    )


def _capacity_w(installation: Installation, phases: int, policy: VeePolicy) -> float:
    """By the meter's greatest current; an area meter that hides its transformers has none that is known."""
    cap, ratio = policy.cap, float(installation.ct_ratio * installation.pt_ratio)
    if installation.ct_ratio != 1:
        return cap.volts * cap.behind_ct_a * phases * ratio
    if installation.role != "customer" or phases not in cap.direct_a:
        return np.nan
    return cap.volts * cap.direct_a[phases] * phases * ratio


def raw_days(
    columns: Columns,
    meters: Mapping[str, int],
    places: Mapping[str, Sequence[Register]],
    exchanges: Mapping[str, Sequence[Exchange]],
    day: Grid,
) -> dict[str, RawDay]:
    """The raw day of each point of `places`; `meters` are the indexes in `columns`."""
    columns, imported = one_register(columns, day.bounds_ms)
    if imported:
        places = {point: [_known_as(row, meters, imported) for row in rows] for point, rows in places.items()}
    flat = [(point, row) for point, rows in places.items() for row in rows]
    spans = [_span(row, meters[row.meter]) for _, row in flat]
    at = boundaries(columns, spans, day.bounds_ms)
    factors = np.array([row.factor for _, row in flat])[:, None] if flat else np.ones((0, 1))
    primary = np.rint(at * factors)
    found, next_row = {}, 0
    passed = _slots(primary, [row for _, row in flat], day)
    fell = ~np.isnan(primary[:, :-1]) & ~np.isnan(primary[:, 1:]) & np.isnan(passed)
    nothing = np.zeros(day.slots, np.bool_)
    again: dict[str, list[int]] = {}
    for meter, at_ms in begins_again(columns, meters, imported):
        again.setdefault(meter, []).append(day.slot_of(at_ms))
    for point, rows in places.items():
        part = slice(next_row, next_row + len(rows))
        if len(rows) == 1 and not _has_edge(rows[0], day):
            one = (passed[next_row], fell[next_row], nothing, rows, primary[part])
            found[point] = RawDay(day, *one, exchanges.get(point, ()))
        else:
            found[point] = _raw_day(rows, primary[part], passed[part], exchanges.get(point, ()), day)
        next_row += len(rows)
        for slot in (slot for row in rows for slot in again.get(row.meter, ())):
            if 0 <= slot < day.slots:
                found[point].falls[slot] = True
    return found


def _known_as(row: Register, meters: Mapping[str, int], imported: frozenset[int]) -> Register:
    """A file's register has no digits of the meter's to roll over."""
    return replace(row, modulus_wh=np.nan, imported=True) if meters[row.meter] in imported else row


def _has_edge(row: Register, day: Grid) -> bool:
    """Whether the installation begins or ends within the day."""
    first, last = int(day.bounds_ms[0]), int(day.bounds_ms[-1])
    return first < row.start_ms < last or first < row.end_ms < last


def _span(row: Register, meter: int) -> Span:
    return Span(
        meter, row.start_ms, row.end_ms, row.limit_ms, row.modulus_wh / row.factor, row.most_w / row.factor
    )


def _slots(primary: NDArray[np.float64], rows: Sequence[Register], day: Grid) -> NDArray[np.float64]:
    if not rows:
        return np.empty((0, day.slots))
    hours = day.interval_s / 3600
    most = np.array([row.most_w * hours for row in rows])[:, None]
    modulus = np.array([row.modulus_wh for row in rows])[:, None]
    shape = (len(rows), day.slots)
    return advances(
        primary[:, :-1], primary[:, 1:], np.broadcast_to(most, shape), np.broadcast_to(modulus, shape)
    )


def _raw_day(
    rows: Sequence[Register],
    at: NDArray[np.float64],
    passed: NDArray[np.float64],
    exchanges: Sequence[Exchange],
    day: Grid,
) -> RawDay:
    wh = passed[0].copy()
    for each in passed[1:]:
        wh = np.where(np.isnan(wh), each, wh)
    both = ~np.isnan(at[:, :-1]) & ~np.isnan(at[:, 1:])
    falls = np.any(both & np.isnan(passed), axis=0) & np.isnan(wh)
    exchanged = np.zeros(day.slots, np.bool_)
    for row in rows:
        for edge in (row.start_ms, row.end_ms):
            slot = day.slot_of(edge)
            inside = 0 <= slot < day.slots and edge != day.bounds_ms[slot]
            if inside:
                exchanged[slot] = True
    return RawDay(day, wh, falls, exchanged, rows, at, exchanges)


def step_wh(rows: Sequence[Register]) -> float:
    """The register's resolution in primary Wh."""
    return max((_STEP_WH * row.factor for row in rows), default=float(_STEP_WH))
