"""Gathers what a month's promises are judged by: promises, orders, notices, readings, records."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, func, select

from cloud.customers.store import account_table, contact_table, service_table
from cloud.fleet.history import among, point_meter
from cloud.kit.days import DAY
from cloud.metering.ledger.tables import meter_day_table
from cloud.tiers.entitlements import records, store
from cloud.tiers.entitlements.evidence import NoticeFact, OrderFact, Outside
from cloud.tiers.entitlements.limits import Kept
from cloud.tiers.entitlements.store import Spell
from cloud.tiers.entitlements.tables import limit_table
from cloud.tiers.entitlements.verdicts import Collected, Days


@dataclass(frozen=True, slots=True)
class Month:
    """A local month: its first day, the first of the next one, and the instants at which they begin."""

    first: date
    after: date
    start: datetime
    end: datetime


def month_of(day: date, zone: tzinfo) -> Month:
    first = day.replace(day=1)
    after = (first + timedelta(days=32)).replace(day=1)
    start, end = (datetime.combine(each, time(), zone).astimezone(UTC) for each in (first, after))
    return Month(first, after, start, end)


@dataclass(frozen=True, slots=True)
class Known:
    """Everything that bears on one month, by account (notices and channels by customer)."""

    month: Month
    now: datetime
    spells: Mapping[str, Sequence[Spell]]
    customers: Mapping[str, str]
    orders: Mapping[str, Sequence[OrderFact]]
    notices: Mapping[str, Sequence[NoticeFact]]
    channels: Mapping[str, int]
    collected: Mapping[str, Collected]
    recorded: Mapping[str, Mapping[str, Sequence[date]]]
    advice: Mapping[str, date] | None
    limits: Mapping[str, Sequence[Days]]
    """By account the limits that were judged in the month."""
    advice_since: Mapping[str, date]
    """From which local day advice was promised as often as now, or more often."""
    reports: Mapping[str, date] | None = None
    """The local day on which the month's energy report was issued; None: nobody issues any here."""


def gather(
    connection: Connection,
    month: Month,
    now: datetime,
    outside: Outside,
    zone: tzinfo,
    contact_months: int,
    accounts: Collection[str] | None = None,
) -> Known:
    over_time = store.given(
        connection, month_of(_months_back(month.first, 13), zone).start, month.end, accounts
    )
    served = _served(connection, month)
    spells = {
        account: [each for each in found if each.until is None or each.until > month.start]
        for account, found in over_time.items()
        if account in served and (found[-1].until is None or found[-1].until > month.start)
    }
    orders: dict[str, list[OrderFact]] = defaultdict(list)
    for order in outside.orders(connection, month.start, month.end):
        for account in order.accounts:
            orders[account].append(order)
    notices: dict[str, list[NoticeFact]] = defaultdict(list)
    for notice in outside.notices(connection, month.start, month.end):
        notices[notice.customer].append(notice)
    since = _months_back(month.first, contact_months)
    return Known(
        month,
        now,
        spells,
        dict(connection.execute(select(account_table.c.no, account_table.c.customer)).all()),
        orders,
        notices,
        _channels(connection),
        _collected(connection, month, zone, accounts),
        records.days(connection, since, month.after + timedelta(days=62), zone),
        None if outside.advised is None else outside.advised(connection, sorted(spells), month.after),
        _limits(connection, month, now, accounts),
        {account: advice_since(over_time[account], zone) for account in spells},
        None if outside.reports is None else outside.reports(connection, month.first),
    )


GRACE = timedelta(hours=12)
"""A limit that was judged so short a time ago may still be told of."""


def _limits(
    connection: Connection, month: Month, now: datetime, accounts: Collection[str] | None
) -> dict[str, list[Days]]:
    table = limit_table.c
    passed = table.state == Kept.PASSED.value
    untold = passed & table.alert.is_(None)
    query = (
        select(
            table.account,
            table.kind,
            _sum(table.state != Kept.UNKNOWN.value),
            _sum(table.state == Kept.UNKNOWN.value),
            _sum(passed),
            _sum(untold & (table.made_at <= now - GRACE)),
            _sum(untold & (table.made_at > now - GRACE)),
        )
        .where(table.day >= month.first, table.day < month.after)
        .group_by(table.account, table.kind)
    )
    found: dict[str, list[Days]] = defaultdict(list)
    for part in among(query, table.account, accounts):
        for account, kind, *counts in connection.execute(part.order_by(table.account, table.kind)):
            found[account].append(Days(kind, *(int(each) for each in counts)))
    return found


def _sum(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0))


def _months_back(first: date, months: int) -> date:
    number = first.year * 12 + first.month - 1 - (months - 1)
    return date(number // 12, number % 12 + 1, 1)


def _served(connection: Connection, month: Month) -> set[str]:
    """Accounts that anything served in the month: who has left is promised nothing any more."""
    table = service_table.c
    query = select(table.account).where(
        table.start < month.end, table.end.is_(None) | (table.end > month.start)
    )
    return set(connection.scalars(query.distinct()))


def advice_since(spells: Sequence[Spell], zone: tzinfo) -> date:
    """Another promise may have changed meanwhile: that does not begin this one anew."""
    now = spells[-1].terms.get("advice_every_months")
    since = spells[-1].since
    for later, each in pairwise(reversed(spells)):
        before = each.terms.get("advice_every_months")
        if now is None or before is None or before.value > now.value or each.until != later.since:
            break
        since = each.since
    return since.astimezone(zone).date()


def _channels(connection: Connection) -> dict[str, int]:
    table = contact_table.c
    counted = select(table.customer, func.count()).group_by(table.customer)
    return dict(connection.execute(counted).all())


def _collected(
    connection: Connection, month: Month, zone: tzinfo, accounts: Collection[str] | None
) -> dict[str, Collected]:
    """Of each account what its points owed and brought; days when they served somebody else are left out."""
    table, service = meter_day_table.c, service_table.c
    columns = (
        func.sum(table.expected), func.sum(table.received), func.sum(table.excluded),
        func.max(table.slot_s), func.count(table.day.distinct()),
    )  # fmt: skip
    spans = select(service.account, service.point, service.start, service.end).where(
        service.start < month.end, service.end.is_(None) | (service.end > month.start)
    )
    found: dict[str, Collected] = {}
    whole: dict[str, str] = {}
    partly: list[tuple[str, str, date, date]] = []
    for part in among(spans, service.account, accounts):
        for account, point, start, end in connection.execute(part):
            if start <= month.start and (end is None or end >= month.end):
                whole[point] = account
            else:
                partly.append((account, point, *_days(start, end, month, zone)))
    days = (table.day >= month.first, table.day < month.after)
    for part in among(select(table.point, *columns).where(*days).group_by(table.point), table.point, whole):
        for point, *sums in connection.execute(part):
            _add(found, whole[point], sums)
    for account, point, first, after in partly:
        mine = (table.point == point, table.day >= first, table.day < after)
        sums = list(connection.execute(select(*columns).where(*mine)).one())
        if sums[4]:
            _add(found, account, sums)
    return found


def _days(start: datetime, end: datetime | None, month: Month, zone: tzinfo) -> tuple[date, date]:
    """The whole days of a service in the month."""
    local = start.astimezone(zone)
    first = local.date() if local.time() == time() else local.date() + DAY
    after = month.after if end is None else end.astimezone(zone).date()
    return max(first, month.first), min(after, month.after)


def _add(found: dict[str, Collected], account: str, sums: Sequence[Any]) -> None:
    expected, received, excluded, slot_s, days = (int(each or 0) for each in sums)
    there = found.get(account)
    if there is not None:
        expected, received = expected + there.expected, received + there.received
        excluded, slot_s = excluded + there.excluded, max(slot_s, there.slot_s)
        days = max(days, there.days)
    found[account] = Collected(expected, received, excluded, slot_s, days)


def serving(connection: Connection, account: str, month: Month) -> list[tuple[str, datetime, datetime]]:
    """(meter, from, to) of what served an account in a month."""
    service, hung = service_table.c, point_meter.c
    query = (
        select(hung.meter, service.start, service.end, hung.start.label("since"), hung.end.label("to"))
        .select_from(service_table)
        .join(point_meter, (hung.point == service.point) & hung.withdrawn_at.is_(None))
        .where(service.account == account)
    )
    found = []
    for row in connection.execute(query):
        start = max(row.start, row.since, month.start)
        end = min(each for each in (row.end, row.to, month.end) if each is not None)
        if start < end:
            found.append((row.meter, start, end))
    return found
