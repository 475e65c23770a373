"""Gathers what the reports of one month are made of, for some accounts at a time: few questions."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any

from sqlalchemy import Connection, Row, select

from cloud.billing.store import BillRow, bills
from cloud.customers.file.contracts import Contract, contract_table
from cloud.customers.store import account_table
from cloud.desk.report import days, events
from cloud.desk.report.days import PointDays
from cloud.desk.report.pieces import Order, Outage
from cloud.desk.report.span import Month, month, month_before, year_before
from cloud.fleet import topology
from cloud.fleet.history import among
from cloud.insight.energies import store as energies
from cloud.metering.vee.dirty import dirty_table
from cloud.tariffs.catalogue import Catalogue
from cloud.tiers.advice import registry
from cloud.tiers.advice.documents import Documents, documents
from cloud.tiers.advice.energies import Rows, Served, rows_of, services
from cloud.tiers.advice.store import STANDING, advice_table
from cloud.tiers.axes import Axis
from cloud.tiers.entitlements.tables import promise_table
from cloud.tiers.entitlements.verdicts import Part
from cloud.tiers.rating import store as rating

BEST = 3
"""So many pieces of advice, the dearest first."""


@dataclass(frozen=True, slots=True)
class Given:
    """By account; `energies` of its points since the year before the month began, as far as it is kept."""

    month: Month
    zone: tzinfo
    classes: Mapping[str, str]
    contracts: Mapping[str, Sequence[Contract]]
    served: Mapping[str, Sequence[Served]]
    energies: Rows
    documents: Mapping[str, Documents]
    days: PointDays
    bills: Mapping[str, BillRow]
    bills_then: Mapping[tuple[str, date], BillRow]
    """Of the other two months, by account and month."""
    standings: Mapping[str, Mapping[Axis, rating.Standing]]
    promises: Mapping[str, Sequence[Row[Any]]]
    outages: Mapping[str, Sequence[Outage]]
    orders: Mapping[str, Sequence[Order]]
    advice: Mapping[str, Sequence[Row[Any]]]
    unsettled: frozenset[str]
    """Accounts of which a day of the month waits to be validated again."""

    def others(self) -> tuple[Month, Month]:
        """The month before, the same one a year ago."""
        first = self.month.first
        return month(month_before(first), self.zone), month(year_before(first), self.zone)


def gather(
    connection: Connection,
    of: Month,
    accounts: Sequence[str],
    catalogue: Catalogue,
    zone: tzinfo,
) -> Given:
    """Of these accounts, a few hundred: what there is of a month that is over."""
    names = sorted(accounts)
    served = services(connection, zone, names)
    points = {each.point for found in served.values() for each in found}
    before, ago = month(month_before(of.first), zone), month(year_before(of.first), zone)
    spans = (of, before, ago)
    areas = _areas(connection, ago.start, of.end, points)
    contracts = _contracts(connection, of, names)
    tariffs = {each.tariff for found in contracts.values() for each in found}
    return Given(
        of,
        zone,
        _classes(connection, names),
        contracts,
        served,
        rows_of(catalogue, energies.blocks(connection, ago.first, of.first, areas)),
        {name: documents(catalogue, name) for name in tariffs},
        days.read(connection, [(each.first, each.last) for each in spans], sorted(areas), frozenset(points)),
        {each.account: each for each in bills(connection, of.first, of.first, names)},
        {
            (each.account, each.month): each
            for first in (before.first, ago.first)
            for each in bills(connection, first, first, names)
        },
        rating.standings(connection, of.last, accounts=names),
        _promises(connection, of, names),
        events.outages(connection, of, names),
        events.orders(connection, of, names),
        _advice(connection, names),
        _unsettled(connection, of, served),
    )


def _areas(connection: Connection, start: datetime, end: datetime, points: Collection[str]) -> set[str]:
    return {each.area for each in topology.installations(connection, start, end, points=sorted(points))}


def _classes(connection: Connection, names: Sequence[str]) -> dict[str, str]:
    table = account_table.c
    query = select(table.no, table["class"])
    return {no: of for part in among(query, table.no, names) for no, of in connection.execute(part)}


def _contracts(connection: Connection, of: Month, names: Sequence[str]) -> dict[str, list[Contract]]:
    """All that held on a day of the month, oldest first."""
    table, account = contract_table.c, account_table.c
    query = (
        select(contract_table, account.customer, account["class"].label("class_"))
        .join(account_table, account.no == table.account)
        .where(table.from_day <= of.last, table.to_day.is_(None) | (table.to_day > of.first))
        .order_by(table.account, table.from_day)
    )
    found: dict[str, list[Contract]] = defaultdict(list)
    for part in among(query, table.account, names):
        for row in connection.execute(part):
            found[row.account].append(Contract(**row._mapping))
    return found


def _promises(connection: Connection, of: Month, names: Sequence[str]) -> dict[str, list[Row[Any]]]:
    """Without that of the report itself, which is kept by its being issued."""
    table = promise_table.c
    query = select(promise_table).where(table.month == of.first, table.part != Part.REPORT.value)
    order = {part.value: at for at, part in enumerate(Part)}
    found: dict[str, list[Row[Any]]] = defaultdict(list)
    for part in among(query, table.account, names):
        for row in connection.execute(part):
            found[row.account].append(row)
    return {name: sorted(rows, key=lambda row: order[row.part]) for name, rows in found.items()}


def _advice(connection: Connection, names: Sequence[str]) -> dict[str, list[Row[Any]]]:
    """What stands and saves something, the dearest first, without what another says better."""
    table = advice_table.c
    query = select(table.id, table.account, table.kind, table.saving).where(
        table.state.in_(STANDING), table.saving > 0
    )
    heads: dict[str, list[Row[Any]]] = defaultdict(list)
    for part in among(query, table.account, names):
        for row in connection.execute(part):
            heads[row.account].append(row)
    chosen: list[int] = []
    for rows in heads.values():
        said = {row.kind for row in rows}
        left = [row for row in rows if not registry.said_by(row.kind) & said]
        chosen += [row.id for row in sorted(left, key=lambda row: (-row.saving, row.id))[:BEST]]
    found: dict[str, list[Row[Any]]] = defaultdict(list)
    for low in range(0, len(chosen), 400):
        whole = select(advice_table).where(table.id.in_(chosen[low : low + 400]))
        for row in connection.execute(whole):
            found[row.account].append(row)
    return {name: sorted(rows, key=lambda row: (-row.saving, row.id)) for name, rows in found.items()}


def _unsettled(connection: Connection, of: Month, served: Mapping[str, Sequence[Served]]) -> frozenset[str]:
    table = dirty_table.c
    whose = {
        each.point: account
        for account, found in served.items()
        for each in found
        if each.first <= of.last and (each.last is None or each.last >= of.first)
    }
    marked = select(table.meter).where(table.day.between(of.first, of.last)).distinct()
    waiting = set(connection.scalars(marked))
    if not waiting:
        return frozenset()
    hung = topology.installations(connection, of.start, of.end, points=sorted(whose))
    return frozenset(whose[each.point] for each in hung if each.meter in waiting)
