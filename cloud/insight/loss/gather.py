"""Day energies of a station's areas, from the archive and the registry: what was measured, and bounds else.

A day is measured where all its slots are, or where the register is known on both its midnights: estimated
slots then add up to what passed between them (daily freezes: 同期线损). All else is a bound.
"""

import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from cloud.analysis.loss.balance import CUSTOMER, SUPPLY, Bounded, bounded
from cloud.fleet import topology
from cloud.fleet.topology import InService
from cloud.insight import curves
from cloud.insight.curves import Curves, Partition
from cloud.insight.loss import energies
from cloud.insight.loss.energies import AreaDay, Roster
from cloud.insight.tasks import Failed
from cloud.kit.days import bounds
from cloud.kit.errors import Conflict
from cloud.metering.store import ms
from cloud.metering.vee import days as validated
from cloud.metering.vee.point_day import Channel, Method

log = logging.getLogger(__name__)

BEHIND = 2
"""Role of a customer whose energy is in that of another customer's meter (套扣): in neither sum."""
Floats = NDArray[np.float64]
_HARD = np.zeros(256, np.bool_)
_HARD[[Method.MEASURED, Method.OUTAGE_ZERO, Method.MANUAL, Method.IMPORTED]] = True
_ASK_DATABASE = 6000
"""So many points without a wholly measured day are looked up; beyond it something larger is amiss."""


@dataclass(frozen=True, slots=True)
class Upper:
    """How much points may have drawn and fed in on a day, kWh; `feeds`: who fed in lately."""

    drawn: dict[str, float]
    fed: dict[str, float]
    feeds: frozenset[str]
    margin: float


@dataclass(frozen=True, slots=True)
class Measured:
    """kWh of a day (points,): `least` of the slots that were measured, `total` with estimates (NaN: holes).

    `whole`: `total` is what was measured. `none`: not a single slot has a value. `rest` is the most that the
    other slots hold if none is above the day's highest measured one; NaN where that is 0, or half the day.
    """

    least: Floats
    total: Floats
    whole: NDArray[np.bool_]
    none: NDArray[np.bool_]
    rest: Floats


def rosters(
    connection: Connection, day: date, zone: tzinfo, areas: Collection[str] | None = None
) -> dict[str, tuple[str, list[InService]]]:
    """Of each area its feeder and the points that had a meter on the day, in order of point."""
    found: dict[str, tuple[str, list[InService]]] = {}
    for each in topology.in_service(connection, *bounds(day, zone), areas=areas):
        if areas is None or each.area in areas:
            found.setdefault(each.area, (each.feeder, []))[1].append(each)
    return found


def area_days(
    connection: Connection,
    folder: Path,
    day: date,
    of: dict[str, tuple[str, list[InService]]],
    upper: Upper,
    *,
    zone: tzinfo,
) -> list[AreaDay]:
    """The energies of these areas (as `rosters` gives them): one read of the archive for all."""
    areas = sorted(of)
    points = [each for area in areas for each in of[area][1]]
    names = [each.point for each in points]
    asked = curves.source(connection, folder, day, day, zone=zone, areas=areas)
    drawn_curves = curves.read(asked, names, Channel.IMPORT)
    fed_curves = curves.read(asked, names, Channel.EXPORT)
    drawn = _known_by_register(connection, day, names, measured(drawn_curves, points), Channel.IMPORT)
    fed = _known_by_register(connection, day, names, measured(fed_curves, points), Channel.EXPORT)
    never = fed.none & ~np.array([name in upper.feeds for name in names], np.bool_)
    fed = Measured(
        np.where(never, 0.0, fed.least),
        np.where(never, 0.0, fed.total),
        fed.whole | never,
        fed.none & ~never,
        fed.rest,
    )
    imported = _bounded(drawn, _of(upper.drawn, names), upper.margin)
    exported = _bounded(fed, _of(upper.fed, names), upper.margin)
    squares = _squares(drawn_curves)
    found, start = [], 0
    for area in areas:
        feeder, own = of[area]
        part = slice(start, start + len(own))
        roster = roster_of(own)
        total = squares[part][roster.role == SUPPLY]
        square = float(total[0]) if len(total) == 1 else float("nan")
        found.append(AreaDay(area, feeder, day, roster, _cut(imported, part), _cut(exported, part), square))
        start = part.stop
    return found


def readable(
    connection: Connection,
    folder: Path,
    day: date,
    of: dict[str, tuple[str, list[InService]]],
    upper: Upper,
    *,
    zone: tzinfo,
) -> tuple[list[AreaDay], list[Failed[Partition]]]:
    """`area_days` of all areas whose files can be read, and those of which one cannot, with the reason."""
    try:
        return area_days(connection, folder, day, of, upper, zone=zone), []
    except Conflict:
        log.warning("a file of %s is damaged: area by area", day)
    found: list[AreaDay] = []
    lost: list[Failed[Partition]] = []
    for area, (feeder, points) in sorted(of.items()):
        try:
            found += area_days(connection, folder, day, {area: (feeder, points)}, upper, zone=zone)
        except Conflict as error:
            names = tuple(each.point for each in points)
            lost.append(Failed(Partition(area, day, day, names), error))
    return found, lost


def roster_of(points: Sequence[InService]) -> Roster:
    """Roles as the balance takes them: whose energy is in another customer's counts with that one."""
    area_meters = {each.point for each in points if each.role == "area"}
    here = {each.point for each in points}
    role, ratio = [], []
    for each in points:
        last = each.installations[-1]
        behind = last.parent in here and last.parent not in area_meters
        role.append(SUPPLY if each.role == "area" else BEHIND if behind else CUSTOMER)
        ratio.append(float(last.ct_ratio * last.pt_ratio))
    return Roster(tuple(each.point for each in points), np.array(role, np.int8), np.array(ratio))


def measured(of: Curves, points: Sequence[InService]) -> Measured:
    """Of curves of one day; slots in which a point had no meter are nothing and not missing."""
    kwh = of.wh.astype(np.float64) / 1000
    hard = _HARD[of.method] & np.isfinite(kwh)
    none = ~np.logical_or.reduce(np.isfinite(kwh), axis=1)
    for number, each in enumerate(points):
        if each.partly in (None, "exchanged"):
            continue
        outside = ~_served(of, each)
        hard[number, outside] = True
        kwh[number, outside] = 0.0
    known: NDArray[np.bool_] = np.isfinite(kwh)
    whole = np.logical_and.reduce(hard, axis=1)
    least = np.where(hard, kwh, 0.0).sum(axis=1)
    total = np.where(known.all(axis=1), np.where(known, kwh, 0.0).sum(axis=1), np.nan)
    lacking = hard.shape[1] - hard.sum(axis=1)
    peak = np.where(hard, kwh, 0.0).max(axis=1, initial=0.0)
    rest = np.where((2 * lacking <= hard.shape[1]) & (peak > 0), lacking * peak, np.nan)
    return Measured(least, total, whole, none, rest)


def _served(of: Curves, point: InService) -> NDArray[np.bool_]:
    """(slots,): in which it had a meter at the slot's begin or end."""
    served = np.zeros(len(of.starts_ms), np.bool_)
    ends = of.starts_ms + of.interval_s * 1000
    for each in point.installations:
        until = np.iinfo(np.int64).max if each.end is None else ms(each.end)
        served |= (ends > ms(each.start)) & (of.starts_ms < until)
    return served


def _known_by_register(
    connection: Connection, day: date, names: Sequence[str], found: Measured, channel: Channel
) -> Measured:
    """Days with estimated slots whose sum was measured all the same: the registers of both midnights."""
    soft = np.flatnonzero(~found.whole & np.isfinite(found.total)).tolist()
    if not soft or len(soft) > _ASK_DATABASE:
        return found
    rows = validated.of_day(connection, day, [names[at] for at in soft])
    whole, least = found.whole.copy(), found.least.copy()
    for at in soft:
        row = rows.get((names[at], channel))
        if row is not None and row.register_start_wh is not None and row.register_end_wh is not None:
            whole[at], least[at] = True, found.total[at]
    return Measured(least, found.total, whole, found.none, found.rest)


def _bounded(found: Measured, upper: Floats, margin: float) -> Bounded:
    """A day with few slots missing is bounded by those; never below what is estimated."""
    most = np.fmin(upper, found.least + margin * found.rest)
    most = np.where(np.isnan(most), np.nan, np.fmax(most, found.total))
    made = bounded(found.least, found.total, found.whole, most)
    return Bounded(made.value[:, None], made.low[:, None], made.high[:, None])


def _squares(of: Curves) -> Floats:
    """(points,) kWh²: slots squared and added up, NaN where one has no value."""
    kwh = of.wh.astype(np.float64) / 1000
    found: Floats = (kwh * kwh).sum(axis=1)
    return found


def _of(known: dict[str, float], names: Iterable[str]) -> Floats:
    return np.array([known.get(name, np.nan) for name in names])


def _cut(of: Bounded, part: slice) -> Bounded:
    return Bounded(of.value[part], of.low[part], of.high[part])


def uppers(
    connection: Connection, areas: Collection[str], day: date, *, back_days: int, margin: float
) -> Upper:
    """The most of any measured day among those before, times `margin`; a prosumer is who fed in lately."""
    drawn: dict[str, float] = {}
    fed: dict[str, float] = {}
    feeds: set[str] = set()
    first, last = day - timedelta(days=back_days), day - timedelta(days=1)
    for each in energies.histories(connection, areas, first, last).values():
        there = each.role >= 0
        for known, of in ((drawn, each.imported), (fed, each.exported)):
            best = np.where(there & of.measured, of.value, -np.inf).max(axis=1, initial=-np.inf)
            for point, most in zip(each.points, best, strict=True):
                if np.isfinite(most):
                    known[point] = float(most) * margin
        some = (there & ~(each.exported.measured & (each.exported.value == 0))).any(axis=1)
        feeds.update(point for point, is_one in zip(each.points, some, strict=True) if is_one)
    return Upper(drawn, fed, frozenset(feeds), margin)
