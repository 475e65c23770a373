"""Payment plans (分期交费): offered on bills that are there, agreed, paid part by part, kept or broken.

No bill is invented and none is changed: a plan covers whole unpaid bills, and says nothing about others.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from cloud.billing.store import BillRow, bills
from cloud.kit.clock import Clock
from cloud.kit.errors import Conflict, Invalid, NotFound
from cloud.kit.money import total
from cloud.tiers.entitlements.instalments import (
    OPEN,
    PLAN,
    SUPPRESSING,
    Instalment,
    PlanEvent,
    PlanState,
    check_offer,
    due_event,
    owed,
    split,
)
from cloud.tiers.entitlements.store import Promises, of
from cloud.tiers.entitlements.tables import instalment_table, plan_event_table, plan_table

SYSTEM = "system"
OFFERED = "offer"
PAID = "pay"
_LONG_AGO = date(2000, 1, 1)


@dataclass(frozen=True, slots=True)
class Plan:
    """`months`: first days of the bills it covers; `owed` what of `amount` is not paid yet."""

    row: Row[Any]
    months: tuple[date, ...]
    instalments: tuple[Instalment, ...]

    @property
    def state(self) -> PlanState:
        return PlanState(self.row.state)

    @property
    def owed(self) -> Decimal:
        return owed(self.instalments)


class Plans:
    """Everything happens in the caller's transaction."""

    def __init__(self, promised: Promises, clock: Clock) -> None:
        self._promised, self._clock = promised, clock

    def offer(
        self,
        connection: Connection,
        account: str,
        months: Sequence[date],
        parts: int,
        first_due: date,
        by: str,
    ) -> Plan:
        """Offer to pay these months' bills in parts. NotFound, Conflict: a bill is not there, is paid, is in
        another plan, or the account's entitlements do not allow it."""
        now = self._clock.now()
        entitled = of(connection, self._promised, account, now)
        if entitled is None:
            raise NotFound(f"there is no account {account!r}")
        today = self._today(now)
        if first_due < today:
            raise Invalid(f"the first part would be due on {first_due}, before today: choose a later day")
        covered = self._bills(connection, account, months)
        amount = total(each.amount for each in covered)
        check_offer(entitled, amount, parts)
        split_up = split(amount, parts, first_due)
        row = {
            "account": account, "state": PlanState.OFFERED.value, "amount": amount,
            "months": [each.month.isoformat() for each in covered],
            "rule": entitled.terms["instalments"].rule,
            "offered_at": now, "offered_by": by, "changed_at": now,
        }  # fmt: skip
        plan_id = connection.execute(insert(plan_table).values(row).returning(plan_table.c.id)).scalar_one()
        rows = [
            {"plan": plan_id, "number": n.number, "due_on": n.due_on, "amount": n.amount} for n in split_up
        ]
        connection.execute(insert(instalment_table), rows)
        _log(connection, plan_id, now, by, OFFERED, PlanState.OFFERED, "")
        return plan(connection, plan_id)

    def _bills(self, connection: Connection, account: str, months: Sequence[date]) -> list[BillRow]:
        if not months:
            raise Invalid("name the months of the bills that are paid by instalments")
        known = {each.month: each for each in bills(connection, min(months), max(months), [account])}
        for month in sorted(set(months)):
            if month not in known:
                raise NotFound(f"account {account!r} has no bill of {month:%Y-%m}")
            if known[month].paid_on is not None:
                raise Conflict(f"the bill of {month:%Y-%m} is paid already")
        taken = {
            month for each in plans_of(connection, account) if each.state in OPEN for month in each.months
        }
        if both := sorted(taken & set(months)):
            raise Conflict(f"the bill of {both[0]:%Y-%m} is in a payment plan already")
        return [known[month] for month in sorted(set(months))]

    def agree(self, connection: Connection, plan_id: int, by: str, note: str = "") -> Plan:
        """The customer says yes; Conflict where the offer has lapsed or something else has come of it."""
        found = plan(connection, plan_id)
        now = self._clock.now()
        if found.state is PlanState.OFFERED and self._lapsed(found, now):
            raise Conflict("the offer has lapsed: ask for a new one")
        if found.state is PlanState.OFFERED and found.instalments[0].due_on < self._today(now):
            due = found.instalments[0].due_on
            raise Conflict(f"the first part was due on {due}: ask for a new offer with later days")
        return self._move(connection, found, PlanEvent.AGREE, by, note)

    def withdraw(self, connection: Connection, plan_id: int, by: str, note: str) -> Plan:
        """The customer says no, or we take it back before anything is paid."""
        found = plan(connection, plan_id)
        if any(each.paid_on for each in found.instalments):
            raise Conflict("a part is paid already: the plan goes on")
        return self._move(connection, found, PlanEvent.WITHDRAW, by, note)

    def pay(self, connection: Connection, plan_id: int, number: int, paid_on: date, by: str) -> Plan:
        """Write down that a part was paid; NotFound, Conflict: there is none, or it is not open."""
        now = self._clock.now()
        found = plan(connection, plan_id)
        if found.state not in SUPPRESSING:
            raise Conflict(f"this plan is {found.state.value}: nothing is paid on it")
        part = next((each for each in found.instalments if each.number == number), None)
        if part is None:
            raise NotFound(f"the plan has no part {number}")
        if part.paid_on is not None:
            raise Conflict(f"part {number} was paid on {part.paid_on}")
        if paid_on > self._today(now):
            raise Invalid(f"{paid_on} is still to come: a payment is written down once it is there")
        mine = (instalment_table.c.plan == plan_id, instalment_table.c.number == number)
        values = {"paid_on": paid_on, "recorded_by": by, "recorded_at": now}
        connection.execute(update(instalment_table).where(*mine).values(values))
        _log(connection, plan_id, now, by, PAID, found.state, f"{number} {paid_on.isoformat()}")
        return self._follow(connection, plan(connection, plan_id), now)

    def run(self, connection: Connection) -> int:
        """Move every open plan by the calendar and by bills paid otherwise; how many moved."""
        now = self._clock.now()
        moved = 0
        for row in connection.execute(select(plan_table).where(plan_table.c.state.in_(sorted(OPEN)))).all():
            found = plan(connection, row.id)
            moved += self._follow(connection, found, now).state is not found.state
        return moved

    def _follow(self, connection: Connection, found: Plan, now: datetime) -> Plan:
        """What has come by itself; a bill that was paid whole otherwise ends what was still to pay."""
        kept = self._promised.policy.value.kept
        if found.state is PlanState.OFFERED:
            if not self._lapsed(found, now):
                return found
            return self._move(connection, found, PlanEvent.WITHDRAW, SYSTEM, "lapsed")
        found = self._paid_otherwise(connection, found, now)
        while event := due_event(
            found.state, found.instalments, self._today(now), kept.instalment_grace_days
        ):
            found = self._move(connection, found, event, SYSTEM, "")
        return found

    def _lapsed(self, found: Plan, now: datetime) -> bool:
        offered_at: datetime = found.row.offered_at
        return now > offered_at + timedelta(days=self._promised.policy.value.kept.offer_open_days)

    def _paid_otherwise(self, connection: Connection, found: Plan, now: datetime) -> Plan:
        if found.state not in SUPPRESSING:
            return found
        known = bills(connection, min(found.months), max(found.months), [found.row.account])
        days = [each.paid_on for each in known if each.month in found.months]
        paid = [each for each in days if each is not None]
        if len(paid) < len(found.months):
            return found
        mine = (instalment_table.c.plan == found.row.id, instalment_table.c.paid_on.is_(None))
        values = {"paid_on": max(paid), "recorded_by": SYSTEM, "recorded_at": now}
        connection.execute(update(instalment_table).where(*mine).values(values))
        return plan(connection, found.row.id)

    def _move(self, connection: Connection, found: Plan, event: PlanEvent, by: str, note: str) -> Plan:
        now = self._clock.now()
        state = PLAN.move(found.state, event)
        mine = plan_table.c.id == found.row.id
        connection.execute(update(plan_table).where(mine).values(state=state.value, changed_at=now))
        _log(connection, found.row.id, now, by, event.value, state, note)
        return plan(connection, found.row.id)

    def _today(self, now: datetime) -> date:
        return now.astimezone(self._promised.zone).date()


def _log(
    connection: Connection,
    plan_id: int,
    at: datetime,
    who: str,
    event: str,
    state: PlanState,
    note: str,
) -> None:
    row = {"plan": plan_id, "at": at, "who": who, "event": event, "state": state.value, "note": note[:500]}
    connection.execute(insert(plan_event_table).values(row))


def plan(connection: Connection, plan_id: int) -> Plan:
    """NotFound: there is no such plan."""
    row = connection.execute(select(plan_table).where(plan_table.c.id == plan_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no payment plan {plan_id}")
    return _made(connection, row)


def _made(connection: Connection, row: Row[Any]) -> Plan:
    table = instalment_table.c
    query = select(table.number, table.due_on, table.amount, table.paid_on).where(table.plan == row.id)
    parts = tuple(Instalment(*each) for each in connection.execute(query.order_by(table.number)))
    return Plan(row, tuple(date.fromisoformat(each) for each in row.months), parts)


def plans_of(connection: Connection, account: str) -> list[Plan]:
    """An account's, the newest first."""
    query = select(plan_table).where(plan_table.c.account == account).order_by(plan_table.c.id.desc())
    return [_made(connection, row) for row in connection.execute(query).all()]


def history(connection: Connection, plan_id: int) -> Sequence[Row[Any]]:
    query = select(plan_event_table).where(plan_event_table.c.plan == plan_id).order_by(plan_event_table.c.id)
    return connection.execute(query).all()


@dataclass(frozen=True, slots=True)
class Remind:
    """Whether an account may be reminded of a bill; `why_not`: protected, in_plan, paid, no_bill, not_due."""

    may: bool
    why_not: str | None = None


def may_remind(
    connection: Connection, promised: Promises, account: str, month: date, now: datetime
) -> Remind:
    """Whoever sends reminders asks here first: who is protected is never dunned, nor who keeps a plan."""
    entitled = of(connection, promised, account, now)
    found = bills(connection, month, month, [account])
    if entitled is None or not found:
        return Remind(may=False, why_not="no_bill")
    covered = {
        each for plan in plans_of(connection, account) if plan.state in SUPPRESSING for each in plan.months
    }
    why = against(found[0], now.astimezone(promised.zone).date(), dunned=entitled.dunned, covered=covered)
    return Remind(may=why is None, why_not=why)


def against(bill: BillRow, today: date, *, dunned: bool, covered: Collection[date]) -> str | None:
    """Why nobody is reminded of this bill today; `covered` are the months that a plan pays. None: do."""
    if bill.paid_on is not None:
        return "paid"
    if today <= bill.due_on:
        return "not_due"
    if not dunned:
        return "protected"
    return "in_plan" if bill.month in covered else None


def unpaid(connection: Connection, account: str, today: date) -> list[BillRow]:
    """Bills that are not paid, oldest first."""
    return [each for each in bills(connection, _LONG_AGO, today, [account]) if each.paid_on is None]
