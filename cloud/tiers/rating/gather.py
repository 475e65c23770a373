"""Reads what the rules judge: months, bills, contracts, profiles and peaks, of all accounts at once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from cloud.customers.file.consents import Purpose, consented
from cloud.customers.file.contracts import Contract, contracts_on
from cloud.customers.protection import Protection, protection_table
from cloud.customers.store import account_table, service_table
from cloud.insight.profile.tables import group_table, shape_table
from cloud.kit.days import DAY, local_day, midnight
from cloud.kit.errors import NotFound
from cloud.tariffs.catalogue import Catalogue
from cloud.tariffs.price import limits_in
from cloud.tariffs.usage import Household
from cloud.tiers.rating import months, payments, peaks
from cloud.tiers.rating.facts import Facts, Floats, Shape, by_account, empty_table, ratio, summed, whole
from cloud.tiers.rating.inputs import AT, CustomerClass
from cloud.tiers.rating.months import back, column

SHAPE_MONTHS = 6
"""So far back it is seen how long a shape has held."""
Events = Callable[[Connection, datetime, datetime], Mapping[str, int]]
"""By account how often somebody had to be called in [from, to) for what no fault of the supply caused."""


@dataclass(frozen=True, slots=True)
class Sources:
    """`today` is the local day on which it is judged: what is unpaid then is late."""

    zone: tzinfo
    tariffs: Catalogue
    today: date
    events: Events | None = None


@dataclass(frozen=True, slots=True)
class _Served:
    """A point that serves an account: `row` of the account, the first whole month of it."""

    point: str
    row: int
    since: date


def facts(connection: Connection, month: date, sources: Sources) -> Facts:
    """Of every account, in order of number."""
    rows = connection.execute(select(account_table).order_by(account_table.c.no)).all()
    accounts = tuple(row.no for row in rows)
    at = {no: row for row, no in enumerate(accounts)}
    contracts = contracts_on(connection, sources.today)
    served = _served(connection, month, at, sources.zone)
    table = empty_table(len(accounts))
    valid_days, mains = _use(connection, month, served, table)
    paid = payments.judged(connection, month, accounts, sources.today)
    table[:, AT["revenue"]], table[:, AT["punctuality"]] = paid.revenue, paid.punctuality
    _agreed(table, [contracts.get(each) for each in accounts])
    classes = tuple(row._mapping["class"] for row in rows)
    _steps(table, classes, [contracts.get(each) for each in accounts], month, sources)
    points = [mains.get(row) for row in range(len(accounts))]
    table[:, AT["coincidence"]] = peaks.coincidence(connection, month, points, sources.zone)
    if sources.events is not None:
        start, end = _span(month, sources.zone)
        counted = sources.events(connection, start, end)
        table[:, AT["service_events"]] = by_account(counted, accounts)
        table[:, AT["service_events"]] = np.nan_to_num(table[:, AT["service_events"]])
    agreed = consented(connection, Purpose.OBSERVATION, midnight(sources.today + DAY, sources.zone))
    return Facts(
        accounts,
        tuple(row.customer for row in rows),
        classes,
        tuple(contracts[each].voltage if each in contracts else "" for each in accounts),
        table,
        valid_days,
        paid.payments,
        _shapes(connection, month, points),
        np.array([row.customer in agreed for row in rows], np.bool_),
        _protected(connection, accounts),
    )


def _served(connection: Connection, month: date, at: Mapping[str, int], zone: tzinfo) -> list[_Served]:
    """What served each account when the month ended."""
    _, end = _span(month, zone)
    table = service_table.c
    query = select(table.account, table.point, table.start).where(
        table.start < end, table.end.is_(None) | (table.end >= end)
    )
    return [
        _Served(row.point, at[row.account], _first_whole_month(local_day(row.start, zone)))
        for row in connection.execute(query.order_by(table.account, table.point))
    ]


def _first_whole_month(day: date) -> date:
    return day if day.day == 1 else back(day.replace(day=1), -1)


def _use(
    connection: Connection, month: date, served: Sequence[_Served], table: Floats
) -> tuple[Floats, dict[int, str]]:
    """Fills in what the months say; valid days of each account, and its main point: that of most energy."""
    count = len(table)
    found = months.sums(connection, month, {each.point: each.since for each in served})
    rows = found.rows([each.point for each in served])
    owners = [each.row for each in served]

    def of(name: str) -> Floats:
        return summed(column(rows, name), owners, count)

    points = np.bincount(owners, minlength=count).astype(np.float64) if owners else np.zeros(count)
    annual = _annual(column(rows, "energy"), column(rows, "days"), owners, count)
    table[:, AT["annual_kwh"]] = annual
    table[:, AT["hours_of_use"]] = np.minimum(ratio(annual, of("max_kw")), 8784.0)
    table[:, AT["load_factor"]] = ratio(of("load"), of("load_of"))
    table[:, AT["valley_share"]] = ratio(of("valley"), of("valley_of"))
    table[:, AT["peak_share"]] = ratio(of("peak"), of("peak_of"))
    table[:, AT["base_ratio"]] = ratio(of("base"), of("base_of"))
    table[:, AT["empty_share"]] = ratio(of("empty_days"), of("empty_of"))
    many = of("months") >= months.WINDOW * points
    table[:, AT["season_ratio"]] = np.where(many, ratio(of("highest"), of("mean_month")), np.nan)
    whole = (of("same_count") == found.compared * points) & (of("before_count") == found.compared * points)
    if found.compared >= 2:
        growth = ratio(of("same"), of("before")) - 1
        shift = ratio(of("valley_same"), of("same")) - ratio(of("valley_before"), of("before"))
        table[:, AT["growth"]] = np.where(whole, growth, np.nan)
        table[:, AT["valley_shift"]] = np.where(whole, shift, np.nan)
    return _longest(column(rows, "valid_days"), owners, count), _mains(served, column(rows, "energy"))


def _annual(energy: Floats, days: Floats, owners: Sequence[int], count: int) -> Floats:
    """kWh a year, each point by its own days; of an account with a point unknown nothing is known."""
    return whole(ratio(energy * 365, days), owners, count)


def _longest(days: Floats, owners: Sequence[int], count: int) -> Floats:
    """Days that are known of the point of which most are: two points' days are no longer time."""
    found = np.zeros(count)
    np.maximum.at(found, np.asarray(owners, np.int64), np.nan_to_num(days))
    return found


def _mains(served: Sequence[_Served], energy: Floats) -> dict[int, str]:
    found: dict[int, tuple[float, str]] = {}
    for each, kwh in zip(served, np.nan_to_num(energy, nan=-1.0).tolist(), strict=True):
        if each.row not in found or kwh > found[each.row][0]:
            found[each.row] = (kwh, each.point)
    return {row: point for row, (_, point) in found.items()}


def _agreed(table: Floats, contracts: Sequence[Contract | None]) -> None:
    """Fills in what the contract says."""
    known = [(row, each) for row, each in enumerate(contracts) if each is not None]
    for row, each in known:
        for name, value in (
            ("capacity_kva", each.capacity_kva),
            ("persons", each.persons),
            ("pv_kwp", each.pv_kwp),
            ("round_the_clock", each.round_the_clock),
            ("kilovolts", kilovolts(each.voltage)),
        ):
            if value is not None:
                table[row, AT[name]] = float(value)


def kilovolts(voltage: str) -> float | None:
    """Of "10kV", "380V", "35千伏"; None where it says none."""
    digits = "".join(each for each in voltage.replace("～", "-").split("-")[0] if each in "0123456789.")
    if not digits or digits == ".":
        return None
    size = float(digits) if digits.count(".") < 2 else None
    thousands = "k" in voltage.lower() or "千" in voltage
    return size if size is None or thousands else size / 1000


def _steps(
    table: Floats,
    classes: Sequence[str],
    contracts: Sequence[Contract | None],
    month: date,
    sources: Sources,
) -> None:
    """Fills in the highest step that a household's year reaches under its own tariff."""
    limits: dict[tuple[str, int | None], Floats | None] = {}
    annual, reached = table[:, AT["annual_kwh"]], table[:, AT["step"]]
    for row, (class_, contract) in enumerate(zip(classes, contracts, strict=True)):
        if class_ != CustomerClass.HOUSEHOLD or contract is None or np.isnan(annual[row]):
            continue
        key = (contract.tariff, contract.persons)
        if key not in limits:
            limits[key] = _limits(contract, month, sources)
        if (found := limits[key]) is not None:
            reached[row] = 1 + int((annual[row] > found).sum())


def _limits(contract: Contract, month: date, sources: Sources) -> Floats | None:
    """kWh a year at which each step ends; None: the tariff is not known or has no steps."""
    try:
        steps = sources.tariffs.in_force(contract.tariff, sources.today).steps
    except NotFound:
        return None
    if steps is None:
        return None
    home = Household(persons=contract.persons)
    if steps.cycle == "year":
        return np.array([float(each) for each in limits_in(steps, month, home)])
    of_months = [limits_in(steps, back(month, number), home) for number in range(12)]
    kwh = np.array([[float(each) for each in limits] for limits in of_months])
    whole: Floats = kwh.sum(axis=0)
    return whole


def _shapes(connection: Connection, month: date, points: Sequence[str | None]) -> tuple[Shape | None, ...]:
    """Of the month, with how many months running it is the same."""
    group, shape = group_table.c, shape_table.c
    query = (
        select(group.point, group.month, group.share, shape.name, shape.number)
        .join(shape_table, shape.code == group.code)
        .where(group.month.between(back(month, SHAPE_MONTHS - 1), month))
        .order_by(group.month.desc())
    )
    found: dict[str, Shape] = {}
    for row in connection.execute(query):
        name, so_far = f"{row.name}-{row.number}", found.get(row.point)
        if row.month == month:
            found[row.point] = Shape(name, row.share or 0.0, 1)
        elif so_far and so_far.name == name and back(month, so_far.months) == row.month:
            found[row.point] = Shape(name, so_far.share, so_far.months + 1)
    return tuple(None if point is None else found.get(point) for point in points)


def _protected(connection: Connection, accounts: Sequence[str]) -> NDArray[np.bool_]:
    table = protection_table.c
    query = select(table.account).where(table.kind == Protection.HOUSEHOLD.value, table.ended_at.is_(None))
    found = set(connection.scalars(query))
    return np.array([each in found for each in accounts], np.bool_)


def _span(month: date, zone: tzinfo) -> tuple[datetime, datetime]:
    """The twelve months as [start, end) in UTC."""
    start, end = midnight(back(month, months.WINDOW - 1), zone), midnight(back(month, -1), zone)
    return start.astimezone(UTC), end.astimezone(UTC)
