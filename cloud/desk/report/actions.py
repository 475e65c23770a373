"""Makes the monthly reports: once the month's days are validated, for every account to which one is promised.

An issued report stays as it is. When late facts change what it says, a second, numbered revision says what.
"""

import hashlib
import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta, tzinfo

from sqlalchemy import Connection, func, select

from cloud.alerts.store import out_meter_table
from cloud.billing.store import bill_table
from cloud.customers.file.contracts import contract_table
from cloud.customers.store import account, account_table, service_table
from cloud.desk.report import changes, store
from cloud.desk.report.comparing import kinds
from cloud.desk.report.compose import compose, served_through, stored_through
from cloud.desk.report.gather import Given, gather
from cloud.desk.report.pieces import RULES, Report
from cloud.desk.report.span import Month, closed, month, month_before, year_before
from cloud.desk.report.store import Issued
from cloud.fleet import topology
from cloud.fleet.history import among
from cloud.insight import runs
from cloud.insight.energies import store as energies
from cloud.insight.energies.actions import newest_day
from cloud.insight.indicators import store as indicators
from cloud.insight.runs import WHOLE, Work
from cloud.kit.calendar import Calendar
from cloud.kit.clock import Clock
from cloud.kit.days import DAY, local_day
from cloud.kit.db import Database
from cloud.metering.archive.layout import month_of
from cloud.policies.current import Current
from cloud.tariffs.catalogue import Catalogue
from cloud.tiers.entitlements import store as entitlements
from cloud.tiers.entitlements.store import Promises
from cloud.tiers.entitlements.tables import promise_table
from cloud.tiers.letters import Letter, Tell, tell_nobody
from cloud.workorders.store import order_table

log = logging.getLogger(__name__)
KIND = "monthly report"
EVERY = timedelta(hours=6)
AT_ONCE = 300
"""So many accounts are gathered and written together: what bounds the memory."""
BILL_DAYS = 3
"""Until so many days before it is due a first report waits for the month's bill."""
GIVE_UP = timedelta(days=3)
"""So long after the archive has the month a point of which it has nothing is told as not known."""
Progress = Callable[[int], object]


@dataclass(slots=True)
class Issuing:
    """What became of one month: `accounts` asked for, `waiting` for validated days or for the bill."""

    month: date
    accounts: int = 0
    issued: int = 0
    revised: int = 0
    same: int = 0
    waiting: list[str] = field(default_factory=list)

    def plain(self) -> dict[str, int | str]:
        numbers = {"accounts": self.accounts, "issued": self.issued, "revised": self.revised}
        return {"month": f"{self.month:%Y-%m}"} | numbers | {"same": self.same, "waiting": len(self.waiting)}


@dataclass(frozen=True, slots=True)
class Reports:
    """`tell` writes a letter to a customer; policies are read at the start of a piece of work."""

    database: Database
    zone: tzinfo
    clock: Clock
    tariffs: Current[Catalogue]
    promises: Promises
    calendar: Calendar
    tell: Tell = tell_nobody

    def today(self) -> date:
        return local_day(self.clock.now(), self.zone)

    def compose(self, no: str, first: date) -> Report:
        """As it would be issued now; nothing is kept. NotFound: no such account. Conflict: not over yet."""
        of = closed(first, self.today(), self.zone)
        with self.database.read() as connection:
            account(connection, no)
            given = gather(connection, of, [no], self.tariffs.value, self.zone)
        return compose(given, no, kinds(self.calendar))

    def issue(self, no: str, first: date) -> Issuing:
        """One account's, whether promised or not. NotFound, Conflict."""
        with self.database.read() as connection:
            account(connection, no)
        return self._issue(closed(first, self.today(), self.zone), [no])

    def issue_all(self, first: date, progress: Progress = lambda _: None) -> Issuing:
        """Of every account to which one is promised: what is due and not there, and what has changed."""
        of = closed(first, self.today(), self.zone)
        return self._issue(of, self.promised(of), progress)

    def promised(self, of: Month) -> list[str]:
        """The accounts that were promised a report of the month when it ended, neighbours together."""
        with self.database.read() as connection:
            spells = entitlements.given(connection, of.start, of.end)
            due = [
                name
                for name, found in spells.items()
                if "report_monthly" in found[-1].terms
                and (found[-1].until is None or found[-1].until > of.start)
            ]
            return _neighbours(connection, of, due)

    def tick(self) -> None:
        """The job: the last month, and those before it that late facts may still bear on."""
        first = month_before(self.today().replace(day=1))
        for _ in range(self.promises.policy.value.kept.reopen_months):
            self._look_after(month(first, self.zone))
            first = month_before(first)

    def _look_after(self, of: Month) -> None:
        with self.database.read() as connection:
            work = Work(KIND, WHOLE, of.first, of.last, self._stamp(connection, of), RULES)
            due = runs.due(connection, [work])
        if not due:
            return
        with runs.booked(self.database, self.clock, work) as outcome:
            made = self.issue_all(of.first)
            if made.waiting:
                outcome.inputs = "waiting"
        log.info("%s: %s", KIND, made.plain())

    def _stamp(self, connection: Connection, of: Month) -> str:
        """Of all that the reports of a month stand on, roughly: where it is the same, none is composed."""
        told: list[object] = []
        firsts = (of.first, month_before(of.first), year_before(of.first))
        for first in firsts:
            told.append(sorted(energies.inputs(connection, first, first).items()))
            told.append(sorted(indicators.inputs(connection, *month_of(first)).items()))
        bill, promise, order = bill_table.c, promise_table.c, order_table.c
        out, contract = out_meter_table.c, contract_table.c
        states = select(promise.part, promise.state, func.count()).where(promise.month == of.first)
        queries = (
            select(func.count(), func.sum(bill.amount), func.sum(bill.kwh)).where(bill.month.in_(firsts)),
            states.group_by(promise.part, promise.state).order_by(promise.part, promise.state),
            select(func.count(), func.count(out.back_at), func.count(out.restored_at)).where(
                out.dark_at >= of.start, out.dark_at < of.end
            ),
            select(func.count(), func.count(contract.to_day), func.max(contract.from_day)).where(
                contract.from_day <= of.last
            ),
            select(func.count(), func.max(order.changed_at)).where(
                order.opened_at >= of.start, order.opened_at < of.end
            ),
        )
        told += [[tuple(row) for row in connection.execute(query)] for query in queries]
        told.append(len(entitlements.given(connection, of.start, of.end)))
        return hashlib.blake2b(repr(told).encode(), digest_size=16).hexdigest()

    def _issue(
        self, of: Month, accounts: Sequence[str], progress: Progress = lambda _: None
    ) -> Issuing:  # fmt: skip
        made = Issuing(of.first, len(accounts))
        for low in range(0, len(accounts), AT_ONCE):
            some = accounts[low : low + AT_ONCE]
            self._some(of, some, made)
            progress(len(some))
        return made

    def _some(self, of: Month, accounts: Sequence[str], made: Issuing) -> None:
        now, kind = self.clock.now(), kinds(self.calendar)
        with self.database.read() as connection:
            given = gather(connection, of, accounts, self.tariffs.value, self.zone)
            there = store.newest(connection, of.first, accounts)
            archived = newest_day(connection)
            customers = _customers(connection, accounts)
        rows: list[tuple[Issued, Report]] = []
        for name in accounts:
            before = there.get(name)
            if not self._ready(given, name, archived, first=before is None):
                made.waiting.append(name)
                continue
            report = compose(given, name, kind)
            inputs = changes.digest(report)
            if before is None:
                rows.append((Issued(name, of.first, 1, now, RULES, inputs, ()), report))
            elif before[0].inputs == inputs:
                made.same += 1
            else:
                differs = changes.between(before[1], report, before[0].rules)
                number = before[0].revision + 1
                rows.append((Issued(name, of.first, number, now, RULES, inputs, differs), report))
        with self.database.write() as connection:
            store.put(connection, rows)
            for issued, _ in rows:
                self.tell(connection, _letter(issued, customers[issued.account]))
        made.issued += sum(issued.revision == 1 for issued, _ in rows)
        made.revised += sum(issued.revision > 1 for issued, _ in rows)

    def _ready(self, given: Given, name: str, archived: date | None, *, first: bool) -> bool:
        """Whether the days are validated, stored, settled; and for a first one, the bill there or late."""
        ends = served_through(given, name)
        if ends is None or name in given.unsettled:
            return False
        through = stored_through(given, name)
        if through is None:
            if archived is None or archived < given.month.last + GIVE_UP:
                return False
        elif through < ends:
            return False
        if not first or name in given.bills:
            return True
        due = (given.month.last + DAY).replace(day=self.promises.policy.value.kept.report_by_day)
        return self.today() >= due - BILL_DAYS * DAY


def _letter(issued: Issued, customer: str) -> Letter:
    """It says of which month and which revision, and nothing of what is in it."""
    subject = f"report {issued.account} {issued.month:%Y-%m} {issued.revision}"
    params = {"month": issued.month.isoformat(), "revision": issued.revision}
    return Letter(customer, "report", subject, issued.issued_at, params)


def _customers(connection: Connection, accounts: Collection[str]) -> dict[str, str]:
    table = account_table.c
    query = select(table.no, table.customer)
    return {no: of for part in among(query, table.no, accounts) for no, of in connection.execute(part)}


def _neighbours(connection: Connection, of: Month, accounts: Sequence[str]) -> list[str]:
    """Those that were served in the month, by area: so an area's days are read once."""
    table = service_table.c
    query = select(table.account, table.point).where(
        table.start < of.end, table.end.is_(None) | (table.end > of.start)
    )
    points: dict[str, str] = {}
    for part in among(query, table.account, accounts):
        for no, point in connection.execute(part):
            points.setdefault(no, point)
    hung: Iterator[topology.Installation] = iter(
        topology.installations(connection, of.start, of.end, points=sorted(set(points.values())))
    )
    areas = {each.point: each.area for each in hung}
    return sorted(points, key=lambda no: (areas.get(points[no], ""), no))
