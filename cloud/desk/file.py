"""The customer file (客户档案): all that is known of one customer, in one piece, out of every slice.

Never in it: quarter-hours, suspicion, inspections. What a customer sees of their own is without who of the
staff wrote it and without what was remarked inside.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import Connection, Row, func, select

from cloud.alerts.notify import notice_table
from cloud.alerts.store import alert_table
from cloud.billing.api import out as bill_out
from cloud.billing.store import newest as newest_bills
from cloud.customers import protection, store
from cloud.customers.file import consents, contracts, grades, needs, persons
from cloud.customers.file.api import ContractOut, PersonOut, consent_out, grade_out, need_out
from cloud.desk import outs, use
from cloud.fleet.history import point_meter
from cloud.kit.auth import User
from cloud.kit.days import local_day
from cloud.tiers.advice import store as advice
from cloud.tiers.campaigns import ledger as points
from cloud.tiers.campaigns import store as campaigns
from cloud.tiers.entitlements import reminding, watching
from cloud.tiers.entitlements import store as entitlements
from cloud.tiers.entitlements.store import Promises
from cloud.tiers.entitlements.tables import promise_table
from cloud.tiers.rating import store as rating
from cloud.workorders import progress
from cloud.workorders.store import order_table, report_table

MONTHS = 24
MOST = 50
"""So many alerts, orders, notices, reports at most, the newest."""


@dataclass(frozen=True, slots=True)
class Desk:
    """`zone` is the station's."""

    promises: Promises
    zone: tzinfo


def file(connection: Connection, desk: Desk, customer: str, user: User, now: datetime) -> outs.CustomerFile:
    """NotFound where there is no such customer. Whose login `user` is decides what is in it."""
    row = store.customer(connection, customer)
    inside = user.customer is None
    accounts = [each.no for each in store.accounts_of(connection, customer)]
    return outs.CustomerFile(
        id=row.id,
        name=row.name,
        language=row.language,
        phone=row.phone,
        at=now,
        persons=[_person(each) for each in persons.persons_of(connection, customer, ended=inside)],
        consents=[consent_out(each, user) for each in consents.consents_of(connection, customer)],
        accounts=[_account(connection, desk, no, user, now) for no in accounts],
        alerts=_alerts(connection, customer, accounts) if inside else [],
        orders=_orders(connection, customer, inside=inside),
        reports=_reports(connection, customer),
        notices=_notices(connection, customer),
        offers=[_offer(each) for each in campaigns.offers_to(connection, customer)[:MOST]],
    )


def _account(connection: Connection, desk: Desk, no: str, user: User, now: datetime) -> outs.AccountFile:
    inside, today = user.customer is None, local_day(now, desk.zone)
    row = store.account(connection, no)
    stayed = use.stays(connection, no)
    since = (today.replace(day=1) - timedelta(days=30 * MONTHS)).replace(day=1)
    return outs.AccountFile(
        no=no,
        address=row.address,
        customer_class=row._mapping["class"],
        protections=[each.kind for each in protection.protections(connection, no)] if inside else [],
        contracts=[_contract(each) for each in contracts.contracts_of(connection, no)],
        grades=[grade_out(each, user) for each in grades.grades_of(connection, no)],
        needs=[need_out(each, user) for each in needs.needs_of(connection, no)],
        points=_points(connection, stayed),
        months=use.months(connection, stayed, since, today, desk.zone),
        shapes=use.shapes(connection, stayed, desk.zone),
        bills=[bill_out(each, today) for each in newest_bills(connection, no, MONTHS)],
        reminders=[
            outs.ReminderOut.model_validate(each, from_attributes=True)
            for each in reminding.of_account(connection, no, MOST)
        ],
        limits=_limits(connection, no, today),
        tiers=_tiers(connection, no, today, inside=inside),
        tier_history=_history(connection, no),
        entitlements=_entitlements(connection, desk, no, now, inside=inside),
        promises=_promises(connection, no),
        advice=[_advice(each) for each in advice.of_account(connection, no, list(advice.State))[:MOST]],
        points_balance=points.balance(connection, no, today),
    )


def _limits(connection: Connection, no: str, today: date) -> list[outs.LimitOut]:
    """The newest day of each that was judged in the last month."""
    found = watching.watches(connection, today - timedelta(days=31), [no])
    newest = [each.days[0] for _, each in sorted(found.items())]
    return [outs.LimitOut.model_validate(each, from_attributes=True) for each in newest]


def _contract(found: contracts.Contract) -> ContractOut:
    return ContractOut.model_validate(found, from_attributes=True)


def _person(row: Row[Any]) -> PersonOut:
    return PersonOut.model_validate(row, from_attributes=True)


def _points(connection: Connection, stayed: Sequence[use.Stay]) -> list[outs.PointFile]:
    """Each stay with the meters that hung there meanwhile."""
    hung = point_meter.c
    query = select(hung.point, hung.meter, hung.start, hung.end).where(
        hung.point.in_(sorted({each.point for each in stayed})), hung.withdrawn_at.is_(None)
    )
    rows: Sequence[Any] = connection.execute(query.order_by(hung.point, hung.start)).all()
    return [
        outs.PointFile(
            point=stay.point,
            start=stay.start,
            end=stay.end,
            meters=[_meter(row, stay) for row in rows if row.point == stay.point and _meets(row, stay)],
        )
        for stay in stayed
    ]


def _meets(row: Row[Any], stay: use.Stay) -> bool:
    begins_before = stay.end is None or row.start < stay.end
    return begins_before and (row.end is None or row.end > stay.start)


def _meter(row: Row[Any], stay: use.Stay) -> outs.MeterSpan:
    ends = [each for each in (row.end, stay.end) if each is not None]
    return outs.MeterSpan(meter=row.meter, start=max(row.start, stay.start), end=min(ends, default=None))


def _tiers(connection: Connection, no: str, today: date, *, inside: bool) -> list[outs.TierOut]:
    """Why somebody locked a standing is a remark among the staff; that it is locked, and how long, is not."""
    found = rating.standing(connection, today, no)
    return [
        outs.TierOut(
            axis=each.axis,
            value=each.value,
            sub=each.sub,
            since=each.since,
            provisional=each.provisional,
            locked_until=each.locked_until,
            rule=each.rule,
            reasons=each.reasons if inside else rating.unremarked(each.reasons),
            change=each.change,
        )
        for each in found.values()
    ]


def _history(connection: Connection, no: str) -> list[outs.DecisionOut]:
    return [
        outs.DecisionOut(
            month=each.month,
            rule=each.rule,
            value=each.value,
            credit=each.credit,
            shape=each.shape,
            sub=each.sub,
            provisional=each.provisional,
        )
        for each in rating.history(connection, no)[:MONTHS]
    ]


def _entitlements(
    connection: Connection, desk: Desk, no: str, now: datetime, *, inside: bool
) -> dict[str, outs.TermOut]:
    found = entitlements.of(connection, desk.promises, no, now)
    if found is None:
        return {}
    terms = entitlements.written(found)
    return {
        name: outs.TermOut(
            value=each["value"], rule=each["rule"] if inside else None, when=each["when"] if inside else {}
        )
        for name, each in terms.items()
    }


def _promises(connection: Connection, no: str) -> dict[str, dict[str, int]]:
    """By part how many months each state had: promised, delivered, missed."""
    table = promise_table.c
    query = select(table.part, table.state, func.count()).where(table.account == no)
    found: dict[str, dict[str, int]] = {}
    for part, state, count in connection.execute(query.group_by(table.part, table.state)):
        found.setdefault(part, {})[state] = count
    return found


def _advice(row: advice.AdviceRow) -> outs.AdviceOut:
    return outs.AdviceOut(
        id=row.id,
        kind=row.kind,
        state=row.state,
        month=row.month,
        saving=row.saving,
        formula=row.formula,
        confidence=row.confidence,
        valid_until=row.valid_until,
        evidence=dict(row.evidence),
    )


def _alerts(connection: Connection, customer: str, accounts: Sequence[str]) -> list[outs.AlertOut]:
    """Those of the customer, and of a meter while it served them."""
    table, hung = alert_table.c, point_meter.c
    served = store.service_table.c
    of_meters = (
        select(table.id)
        .join(point_meter, (hung.meter == table.meter) & hung.withdrawn_at.is_(None))
        .join(store.service_table, served.point == hung.point)
        .where(served.account.in_(accounts), served.start <= table.opened_at, hung.start <= table.opened_at)
        .where(served.end.is_(None) | (served.end > table.opened_at))
        .where(hung.end.is_(None) | (hung.end > table.opened_at))
    )
    query = select(alert_table).where((table.customer == customer) | table.id.in_(of_meters))
    rows = connection.execute(query.order_by(table.id.desc()).limit(MOST))
    return [outs.AlertOut.model_validate(row, from_attributes=True) for row in rows]


def _orders(connection: Connection, customer: str, *, inside: bool) -> list[outs.OrderOut]:
    """What was reported by them or told to them; for operators also what was opened for their accounts."""
    found = {row.id: row for row in progress.orders_of(connection, customer, limit=MOST)}
    if inside:
        own = select(store.account_table.c.no).where(store.account_table.c.customer == customer)
        query = select(order_table).where(order_table.c.account.in_(own))
        newest = query.order_by(order_table.c.id.desc()).limit(MOST)
        found |= {row.id: row for row in connection.execute(newest)}
    rows = [found[number] for number in sorted(found, reverse=True)[:MOST]]
    return [outs.OrderOut.model_validate(row, from_attributes=True) for row in rows]


def _reports(connection: Connection, customer: str) -> list[outs.ReportOut]:
    table = report_table.c
    query = (
        select(report_table, order_table.c.number)
        .join(order_table, order_table.c.id == table.order)
        .where(table.customer == customer)
        .order_by(table.id.desc())
        .limit(MOST)
    )
    return [outs.ReportOut.model_validate(row, from_attributes=True) for row in connection.execute(query)]


def _notices(connection: Connection, customer: str) -> list[outs.NoticeOut]:
    table = notice_table.c
    query = select(notice_table).where(table.customer == customer).order_by(table.id.desc()).limit(MOST)
    return [outs.NoticeOut.model_validate(row, from_attributes=True) for row in connection.execute(query)]


def _offer(row: Row[Any]) -> outs.OfferOut:
    return outs.OfferOut.model_validate(row, from_attributes=True)
