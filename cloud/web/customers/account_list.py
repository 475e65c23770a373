"""Accounts of the station filtered on every axis, page by page; a page reads what it shows and no more."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, or_, select

from cloud.customers.file.contracts import Contract, contract_table, contracts_on
from cloud.customers.file.grades import grade_table
from cloud.customers.file.needs import need_table
from cloud.customers.store import account_table, customer_table, service_table
from cloud.fleet.history import point_facts
from cloud.kit.days import local_day
from cloud.tiers.axes import Axis
from cloud.tiers.rating import store as rating
from cloud.tiers.rating.store import Standing
from cloud.tiers.rating.tables import decision_table, lock_table
from cloud.web.language import Words

SHOWN = 50
NONE = "none"
"""In a filter: those of whom nothing is declared."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Empty is any."""

    q: str = ""
    class_: str = ""
    area: str = ""
    tariff: str = ""
    grade: str = ""
    need: str = ""
    shape: str = ""
    value: str = ""
    credit: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    no: str
    customer: str
    name: str
    address: str
    class_: str
    area: str | None
    contract: Contract | None
    tiers: dict[Axis, Standing]


@dataclass(frozen=True, slots=True)
class Found:
    """`total` of all that fit, `classes` how many of each; `next`: behind which the following page begins."""

    rows: list[Listed]
    total: int
    classes: dict[str, int]
    next: str | None


def found(connection: Connection, wanted: Wanted, now: datetime, words: Words, after: str = "") -> Found:
    """The accounts that fit, in order of number, from behind `after`."""
    today = local_day(now, words.zone)
    fits = _conditions(wanted, now, today)
    class_ = account_table.c["class"]
    counted = select(class_, func.count()).select_from(_joined(wanted)).where(*fits).group_by(class_)
    classes = {row[0]: row[1] for row in connection.execute(counted)}
    columns = (account_table, customer_table.c.name)
    whole = account_table.join(customer_table, customer_table.c.id == account_table.c.customer)
    query = select(*columns).select_from(whole).where(*fits, account_table.c.no > after)
    rows = connection.execute(query.order_by(account_table.c.no).limit(SHOWN + 1)).all()
    shown = rows[:SHOWN]
    more = shown[-1].no if len(rows) > SHOWN else None
    return Found(_listed(connection, shown, now, today), sum(classes.values()), classes, more)


def _joined(wanted: Wanted) -> Any:
    """The customer only where it is asked for."""
    if not wanted.q:
        return account_table
    return account_table.join(customer_table, customer_table.c.id == account_table.c.customer)


def _listed(connection: Connection, rows: Sequence[Row[Any]], now: datetime, today: date) -> list[Listed]:
    names = [row.no for row in rows]
    contracts = contracts_on(connection, today, names)
    tiers = rating.standings(connection, today, accounts=names)
    areas = areas_of(connection, names, now)
    return [
        Listed(
            row.no,
            row.customer,
            row.name,
            row.address,
            row._mapping["class"],
            areas.get(row.no),
            contracts.get(row.no),
            tiers.get(row.no, {}),
        )
        for row in rows
    ]


def areas_of(connection: Connection, accounts: Sequence[str], now: datetime) -> dict[str, str]:
    """By account where it is served now."""
    query = select(service_table.c.account, point_facts.c.area).join(
        point_facts, point_facts.c.point == service_table.c.point
    )
    rows = connection.execute(query.where(service_table.c.account.in_(accounts), *_served(now)))
    return {row.account: row.area for row in rows}


def _served(now: datetime) -> tuple[ColumnElement[bool], ...]:
    served, place = service_table.c, point_facts.c
    return (
        served.start <= now,
        served.end.is_(None) | (served.end > now),
        place.start <= now,
        place.end.is_(None) | (place.end > now),
        place.withdrawn_at.is_(None),
    )


def tariffs(connection: Connection) -> list[str]:
    """Those that any contract names."""
    return list(
        connection.scalars(select(contract_table.c.tariff).distinct().order_by(contract_table.c.tariff))
    )


def shapes(connection: Connection) -> list[str]:
    """Those that any account was found to stand in when accounts were last rated."""
    table = decision_table.c
    last = select(func.max(table.month)).scalar_subquery()
    query = select(table.shape).distinct().where(table.month == last, table.shape.is_not(None))
    return sorted(connection.scalars(query))


def _conditions(wanted: Wanted, now: datetime, today: date) -> list[ColumnElement[bool]]:
    no = account_table.c.no
    conditions: list[ColumnElement[bool]] = []
    if wanted.q:
        conditions.append(_text(wanted.q))
    if wanted.class_:
        conditions += _class(wanted.class_)
    if wanted.area:
        served = select(service_table.c.account).join(
            point_facts, point_facts.c.point == service_table.c.point
        )
        conditions.append(no.in_(served.where(point_facts.c.area == wanted.area, *_served(now))))
    if wanted.tariff:
        conditions.append(no.in_(_held(contract_table, today, contract_table.c.tariff == wanted.tariff)))
    if wanted.grade:
        conditions.append(_graded(wanted.grade, today))
    if wanted.need:
        conditions.append(_needed(wanted.need, now))
    if wanted.shape:
        conditions.append(_newest("shape") == wanted.shape)
    if wanted.value:
        conditions.append(_stands(Axis.VALUE, wanted.value, today))
    if wanted.credit:
        conditions.append(_stands(Axis.CREDIT, wanted.credit, today))
    return conditions


def _text(q: str) -> ColumnElement[bool]:
    like = "%" + q.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    columns = (
        account_table.c.no,
        account_table.c.address,
        customer_table.c.id,
        customer_table.c.name,
        customer_table.c.phone,
    )
    return or_(*(column.ilike(like, escape="\\") for column in columns))


def _class(wanted: str) -> list[ColumnElement[bool]]:
    """A class, or one of its sub-tiers as household.large_family."""
    class_, _, sub = wanted.partition(".")
    conditions = [account_table.c["class"] == class_]
    if sub:
        conditions += [_newest("sub") == sub, _newest("class") == class_]
    return conditions


def _held(table: Any, today: date, *more: ColumnElement[bool]) -> Any:
    until = table.c.to_day.is_(None) | (table.c.to_day > today)
    return select(table.c.account).where(table.c.from_day <= today, until, *more)


def _graded(wanted: str, today: date) -> ColumnElement[bool]:
    if wanted == NONE:
        return account_table.c.no.not_in(_held(grade_table, today))
    return account_table.c.no.in_(_held(grade_table, today, grade_table.c.grade == wanted))


def _needed(wanted: str, now: datetime) -> ColumnElement[bool]:
    table = need_table.c
    stands = select(table.account).where(
        table.since <= now, table.ended_at.is_(None) | (table.ended_at > now)
    )
    if wanted == NONE:
        return account_table.c.no.not_in(stands)
    return account_table.c.no.in_(stands.where(table.need == wanted))


def _newest(column: str) -> ColumnElement[Any]:
    """What the newest decision of an account says: one look into the primary key, however many months."""
    table = decision_table.c
    mine = select(table[column]).where(table.account == account_table.c.no)
    return mine.order_by(table.month.desc()).limit(1).scalar_subquery()


def _stands(axis: Axis, value: str, today: date) -> ColumnElement[bool]:
    """As a lock says, else as the newest decision does."""
    table, no = lock_table.c, account_table.c.no
    locked = select(table.account).where(
        table.axis == axis.value,
        table.since <= today,
        table.until > today,
        table.ended_on.is_(None) | (table.ended_on > today),
    )
    free = (_newest(axis.value) == value) & no.not_in(locked)
    return free | no.in_(locked.where(table.value == value))
