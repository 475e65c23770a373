"""Reminders (催缴提醒): of bills that are overdue and of parts of a payment plan, each step once and no more.

The note of a reminder and the letter are one transaction: after a crash nothing is sent again, nothing lost.
Who is protected is never reminded, nor who has an outage or a fault of their own now: that waits.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from cloud.billing.store import BillRow, bill_table
from cloud.customers.store import account_table
from cloud.fleet.history import among
from cloud.kit.clock import Clock
from cloud.kit.db import Database
from cloud.tiers.entitlements.document import Remind
from cloud.tiers.entitlements.instalments import SUPPRESSING
from cloud.tiers.entitlements.plans import against
from cloud.tiers.entitlements.store import Promises, of_many
from cloud.tiers.entitlements.tables import instalment_table, plan_table, reminder_table
from cloud.tiers.letters import Letter, Tell, Troubled, nobody, tell_nobody

KIND = "reminder"
BILL, INSTALMENT = "bill", "instalment"


@dataclass(frozen=True, slots=True)
class Debt:
    """Of a bill its `month`, of an instalment `plan` and `number`; `subject` names it for ever."""

    account: str
    due_on: date
    month: date | None = None
    plan: int | None = None
    number: int | None = None

    @property
    def what(self) -> str:
        return BILL if self.plan is None else INSTALMENT

    @property
    def subject(self) -> str:
        if self.plan is None:
            return f"{BILL} {self.account} {self.month}"
        return f"{INSTALMENT} {self.plan} {self.number}"


@dataclass(frozen=True, slots=True)
class Reminded:
    """How many debts, in how many letters; `waiting` while their customer has a trouble open."""

    debts: int
    letters: int
    waiting: int


def step_of(steps: Sequence[int], due_on: date, today: date, longest_days: int) -> int | None:
    """The last step that has come; None before the first, and when a debt is too old for a machine."""
    days = (today - due_on).days
    if days > longest_days:
        return None
    return max((step for step in steps if step <= days), default=None)


class Reminding:
    def __init__(
        self,
        database: Database,
        promised: Promises,
        clock: Clock,
        tell: Tell = tell_nobody,
        troubled: Troubled = nobody,
    ) -> None:
        self._database, self._promised, self._clock = database, promised, clock
        self._tell, self._troubled = tell, troubled

    def run(self) -> Reminded:
        """Everything whose step has come; a customer's debts of one run are in one letter."""
        policy = self._promised.policy.value.remind
        if not policy.on:
            return Reminded(0, 0, 0)
        with self._database.read() as connection:
            if not self._due(connection, policy):
                return Reminded(0, 0, 0)
        with self._database.write() as connection:
            return self._remind(connection, policy)

    def _remind(self, connection: Connection, policy: Remind) -> Reminded:
        now = self._clock.now()
        due = self._due(connection, policy)
        customers = _customers(connection, {debt.account for debt, _ in due})
        troubled = set(self._troubled(connection, now))
        by_customer: dict[str, list[tuple[Debt, int]]] = {}
        for debt, step in due:
            by_customer.setdefault(customers[debt.account], []).append((debt, step))
        waiting = sum(len(found) for customer, found in by_customer.items() if customer in troubled)
        for customer in by_customer.keys() & troubled:
            del by_customer[customer]
        for customer, found in sorted(by_customer.items()):
            rows = [_row(debt, step) | {"at": now} for debt, step in found]
            connection.execute(insert(reminder_table), rows)
            first, step = found[0]
            subject = f"reminder {first.subject} {step}"
            self._tell(connection, Letter(customer, KIND, subject, now, _params(found)))
        return Reminded(sum(map(len, by_customer.values())), len(by_customer), waiting)

    def _due(self, connection: Connection, policy: Remind) -> list[tuple[Debt, int]]:
        """(debt, step) in order, of those who may be reminded, that were not told of this step or a later."""
        today = self._clock.now().astimezone(self._promised.zone).date()
        debts = [*_bills(connection, policy, today), *_instalments(connection, policy, today)]
        known = _known(connection, {debt.account for debt, _ in debts})
        new = [(debt, step) for debt, step in debts if known.get(debt.subject, -366) < step]
        accounts = {debt.account for debt, _ in new}
        if not accounts:
            return []
        entitled = of_many(connection, self._promised, self._clock.now(), sorted(accounts))
        dunned = {account for account, each in entitled.items() if each.dunned}
        found = [(debt, step) for debt, step in new if debt.account in dunned]
        return sorted(found, key=lambda each: (each[0].account, each[0].due_on, each[0].subject))


def _bills(connection: Connection, policy: Remind, today: date) -> Iterator[tuple[Debt, int]]:
    table, since = bill_table.c, today - timedelta(days=policy.longest_days)
    query = select(bill_table).where(
        table.paid_on.is_(None), table.due_on.between(since, today), table.amount >= policy.least_cny
    )
    rows = [BillRow(**row._mapping) for row in connection.execute(query.order_by(table.account, table.month))]
    covered = _covered(connection)
    for row in rows:
        step = step_of(policy.bill_days, row.due_on, today, policy.longest_days)
        months = covered.get(row.account, ())
        if step is not None and against(row, today, dunned=True, covered=months) is None:
            yield Debt(row.account, row.due_on, month=row.month), step


def _covered(connection: Connection) -> dict[str, set[date]]:
    """By account the months of bills that a plan under way pays."""
    table = plan_table.c
    query = select(table.account, table.months).where(table.state.in_(sorted(SUPPRESSING)))
    found: dict[str, set[date]] = {}
    for account, months in connection.execute(query):
        found.setdefault(account, set()).update(date.fromisoformat(each) for each in months)
    return found


def _instalments(connection: Connection, policy: Remind, today: date) -> Iterator[tuple[Debt, int]]:
    part, plan = instalment_table.c, plan_table.c
    query = (
        select(plan.account, part.plan, part.number, part.due_on)
        .join(plan_table, plan.id == part.plan)
        .where(plan.state.in_(sorted(SUPPRESSING)), part.paid_on.is_(None))
    )
    for row in connection.execute(query.order_by(part.plan, part.number)):
        step = step_of(policy.instalment_days, row.due_on, today, policy.longest_days)
        if step is not None:
            yield Debt(row.account, row.due_on, plan=row.plan, number=row.number), step


def _known(connection: Connection, accounts: Collection[str]) -> dict[str, int]:
    """By subject the last step that was told."""
    table = reminder_table.c
    found: dict[str, int] = {}
    for query in among(select(table.subject, table.step), table.account, sorted(accounts)):
        for subject, step in connection.execute(query):
            found[subject] = max(step, found.get(subject, step))
    return found


def _customers(connection: Connection, accounts: Collection[str]) -> dict[str, str]:
    query = select(account_table.c.no, account_table.c.customer)
    return {
        no: customer
        for part in among(query, account_table.c.no, sorted(accounts))
        for no, customer in connection.execute(part)
    }


def _row(debt: Debt, step: int) -> dict[str, Any]:
    return {
        "subject": debt.subject, "step": step, "account": debt.account, "month": debt.month,
        "plan": debt.plan, "number": debt.number, "due_on": debt.due_on,
    }  # fmt: skip


def _params(found: Sequence[tuple[Debt, int]]) -> dict[str, Any]:
    """No sums: what a bill is says how much was used."""
    return {
        "debts": [
            {
                "what": debt.what,
                "account": debt.account,
                "month": None if debt.month is None else debt.month.isoformat(),
                "number": debt.number,
                "due_on": debt.due_on.isoformat(),
                "overdue": step > 0,
            }
            for debt, step in found
        ]
    }


def of_account(connection: Connection, account: str, limit: int = 50) -> Sequence[Row[Any]]:
    """The newest first."""
    query = select(reminder_table).where(reminder_table.c.account == account)
    return connection.execute(query.order_by(reminder_table.c.at.desc()).limit(limit)).all()
