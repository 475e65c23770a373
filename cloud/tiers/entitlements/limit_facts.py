"""Reads what limits are held against: voltages out of the archive, demands and energies as stored."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, tzinfo
from decimal import Decimal
from hashlib import blake2b
from pathlib import Path

import numpy as np
from sqlalchemy import Connection, func, select

from cloud.customers.store import service_table
from cloud.fleet.history import among
from cloud.insight.areas import plan
from cloud.insight.areas.policy import QualityPolicy, VoltageLimits
from cloud.insight.areas.task import AreaTask, Gauge
from cloud.insight.energies.store import FLAT, Block, blocks, energy_table
from cloud.insight.indicators.store import area_days
from cloud.kit.days import bounds, local_day
from cloud.kit.errors import Conflict
from cloud.tiers.entitlements.limits import Month, Peak, Volts

log = logging.getLogger(__name__)

_MAX_KW, _VALID, _ESTIMATED = 1, 17, 18
"""Columns of a day's indicators: a test holds them against their names."""
Bounds = Mapping[str, tuple[float, float]]
"""By account the lowest and the highest deviation that it is promised."""


def points_on(
    connection: Connection, day: date, zone: tzinfo, accounts: Collection[str]
) -> dict[str, list[str]]:
    """By account the points that served it all day long. Who had one come or go that day is left out: what
    the others show is not all of theirs."""
    table, (start, end) = service_table.c, bounds(day, zone)
    query = select(table.account, table.point, table.start, table.end).where(
        table.start < end, table.end.is_(None) | (table.end > start)
    )
    found: dict[str, list[str]] = {}
    partly = set()
    for part in among(query, table.account, accounts):
        for account, point, since, until in connection.execute(part):
            found.setdefault(account, []).append(point)
            if since > start or (until is not None and until < end):
                partly.add(account)
    return {account: points for account, points in found.items() if account not in partly}


def peaks(connection: Connection, day: date, points: Collection[str]) -> dict[str, Peak]:
    """By point, of those that have a curve of the day."""
    wanted, found = set(points), {}
    for area in area_days(connection, day, day) if wanted else ():
        for row, point in enumerate(area.points):
            if point in wanted:
                kw, valid, estimated = (float(area.values[row, at]) for at in (_MAX_KW, _VALID, _ESTIMATED))
                slots = int(area.slots[row])
                found[point] = Peak(None if np.isnan(kw) else kw, slots, _whole(valid), _whole(estimated))
    return found


def _whole(value: float) -> int:
    return 0 if np.isnan(value) else int(value)


def newest_energies(connection: Connection) -> tuple[date, str] | None:
    """(first day of the newest month there is, what tells whether any area of it was reckoned since)."""
    table = energy_table.c
    month = connection.scalar(select(func.max(table.month)))
    if month is None:
        return None
    query = select(table.area, table.inputs, table.version, table.at).where(table.month == month)
    rows = [tuple(map(str, row)) for row in connection.execute(query.order_by(table.area))]
    return month, blake2b(repr(rows).encode(), digest_size=16).hexdigest()


def months(
    connection: Connection, month: date, zone: tzinfo, accounts: Collection[str]
) -> dict[str, tuple[date, Month]]:
    """By account (last day, energies up to it) of a month, of all its points since each serves it."""
    table = service_table.c
    query = select(table.account, table.point, table.start).where(table.end.is_(None))
    owners = {
        row.point: (row.account, local_day(row.start, zone))
        for part in among(query, table.account, accounts)
        for row in connection.execute(part)
    }
    rows: dict[str, list[tuple[Block, int]]] = {}
    for block in blocks(connection, month, month) if owners else ():
        for row, point in enumerate(block.points):
            owner = owners.get(point)
            if owner is not None and block.column("first")[row] >= owner[1].toordinal():
                rows.setdefault(owner[0], []).append((block, row))
    points: dict[str, set[str]] = {}
    for point, (account, _) in owners.items():
        points.setdefault(account, set()).add(point)
    return {
        account: (date.fromordinal(int(max(b.column("last")[r] for b, r in found))), _month(found))
        for account, found in rows.items()
        if {block.points[row] for block, row in found} == points[account]
    }


def _month(found: Sequence[tuple[Block, int]]) -> Month:
    def total(name: str) -> float:
        return sum(float(block.column(name)[row]) for block, row in found)

    active = sum(float(np.sum(block.kwh(_plan(block))[row])) for block, row in found)
    imported, exported = total("reactive_import_kvarh"), total("reactive_export_kvarh")
    days = max(int(b.column("last")[r]) for b, r in found) - min(int(b.column("first")[r]) for b, r in found)
    lacking = np.isnan(active)
    return Month(
        days + 1,
        int(total("slots")),
        int(total("known")),
        int(total("estimated")),
        Decimal(0) if lacking else _exact(active),
        None if lacking or np.isnan(imported) else _exact(imported),
        None if np.isnan(exported) else _exact(exported),
    )


def _plan(block: Block) -> str:
    return FLAT if FLAT in block.plans else block.plans[0]


def _exact(value: float) -> Decimal:
    return Decimal(str(round(max(value, 0.0), 3)))


@dataclass(frozen=True, slots=True)
class DayVolts:
    """`found`: by account of those with `limits` what its points' voltages were; `damaged`: which files of
    the archive could not be read."""

    limits: Bounds
    found: Mapping[str, Sequence[Volts]]
    damaged: Sequence[str]


def volts(
    connection: Connection,
    folder: Path,
    day: date,
    zone: tzinfo,
    policy: QualityPolicy,
    limits: Bounds,
    points: Mapping[str, Sequence[str]],
) -> DayVolts:
    """`points` of those who have `limits`. An area is read only where one of them stands."""
    owners = {point: account for account in limits for point in points.get(account, ())}
    found: dict[str, list[Volts]] = {}
    damaged: list[str] = []
    every = policy.model_copy(update={"voltage": policy.voltage.model_copy(update={"customers": True})})
    for task in plan.tasks(connection, folder, day, zone=zone, policy=every) if owners else ():
        mine = tuple(each for each in task.gauges if each.point in owners)
        if not mine:
            continue
        try:
            of_points = _of_area(replace(task, gauges=mine), policy.voltage, owners, limits)
        except Conflict as error:
            log.warning("the voltages of area %s on %s are not judged: %s", task.area, day, error)
            damaged.append(str(error))
            continue
        for point, told in of_points.items():
            found.setdefault(owners[point], []).append(told)
    return DayVolts(limits, found, damaged)


def _of_area(
    task: AreaTask, policy: VoltageLimits, owners: Mapping[str, str], limits: Bounds
) -> dict[str, Volts]:
    from cloud.analysis.indicators import quality  # it loads the kernels
    from cloud.insight.areas import gauges

    found: dict[str, Volts] = {}
    expected: dict[str, float] = {}
    for gauge in task.gauges:
        expected[gauge.point] = expected.get(gauge.point, 0.0) + _minutes(gauge)
    for each in gauges.readings(task):
        level = gauges.level_of(each, policy)
        if level is None:
            continue
        low, high = limits[owners[each.gauge.point]]
        nominal = level.nominal_v
        told = quality.voltage(
            each.volts,
            each.minutes,
            np.zeros(len(each.at_ms), np.int64),
            np.array([nominal * (1 + low)]),
            np.array([nominal * (1 + high)]),
            np.array([max(policy.dark_below_v, policy.dark_share * nominal)]),
        )
        monitored, outage = float(told.monitored_min[0]), float(told.outage_min[0])
        if not monitored:
            continue
        made = Volts(
            nominal,
            monitored,
            float(told.over_min[0]),
            float(told.under_min[0]),
            expected[each.gauge.point] - outage,
            float(told.lowest_v[0]) / nominal - 1,
            float(told.highest_v[0]) / nominal - 1,
        )
        before = found.get(each.gauge.point)
        found[each.gauge.point] = made if before is None else _together(before, made, outage)
    return found


def _minutes(gauge: Gauge) -> float:
    return (gauge.end_ms - gauge.start_ms) / 60_000


def _together(one: Volts, other: Volts, outage_min: float) -> Volts:
    """Of two meters that hung at a point one after the other."""
    return Volts(
        other.nominal_v,
        one.monitored_min + other.monitored_min,
        one.over_min + other.over_min,
        one.under_min + other.under_min,
        one.expected_min - outage_min,
        min(one.lowest, other.lowest),
        max(one.highest, other.highest),
    )
