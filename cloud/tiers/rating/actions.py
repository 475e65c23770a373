"""Rates all accounts month by month, holds standings by hand, and answers those who contest theirs.

A run judges everybody at once and writes in pieces; one that broke off is done again and gives the same.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, tzinfo
from itertools import islice
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, func, select

from cloud.customers import store as customers
from cloud.kit.clock import Clock
from cloud.kit.days import local_day
from cloud.kit.db import Database
from cloud.kit.errors import Conflict, Invalid, NotFound
from cloud.policies.current import Current
from cloud.tariffs.catalogue import Catalogue
from cloud.tiers.axes import Axis
from cloud.tiers.rating import contests, flips, locks, observing, runs, store
from cloud.tiers.rating.facts import Facts
from cloud.tiers.rating.flips import Report
from cloud.tiers.rating.gather import Events, Sources, facts
from cloud.tiers.rating.judging import Judged, Past, effective, judge, terms
from cloud.tiers.rating.machine import NONE, ORDER
from cloud.tiers.rating.months import back
from cloud.tiers.rating.past import past
from cloud.tiers.rating.policy import Rule, TierPolicy
from cloud.tiers.rating.store import Decision
from cloud.tiers.rating.tables import decision_table
from cloud.tiers.rating.telling import Teller

log = logging.getLogger(__name__)
AT_ONCE = 2000
"""So many decisions go into one transaction: the one writer is wanted by others, too."""
Progress = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Work:
    """A month judged, not yet written."""

    month: date
    rule: Rule
    facts: Facts
    past: Past
    judged: Judged

    @property
    def teller(self) -> Teller:
        return Teller(self.facts, self.past, self.judged, self.rule, self.month)


class Ratings:
    """`events` counts the calls of each account; None: that input is not known."""

    def __init__(
        self,
        database: Database,
        zone: tzinfo,
        clock: Clock,
        policy: Current[TierPolicy],
        tariffs: Current[Catalogue],
        events: Events | None = None,
    ) -> None:
        self._database, self._zone, self._clock = database, zone, clock
        self._policy, self._tariffs, self._events = policy, tariffs, events

    @property
    def policy(self) -> TierPolicy:
        return self._policy.value

    def today(self) -> date:
        return local_day(self._clock.now(), self._zone)

    def due(self) -> Report | None:
        """Run last month, once it is over for some days and its indicators are there; None: nothing to do."""
        today, month = self.today(), back(self.today().replace(day=1), 1)
        if today.day < self.policy.run_after_days:
            return None
        with self._database.read() as connection:
            if runs.finished(connection, month) or not runs.indicated(connection, month):
                return None
        return self.run(month)

    def run(self, month: date | None = None, more: Progress = lambda _: None) -> Report:
        """Judge a month that is over (None: the last one) and write every decision.

        Invalid: the month is not over; Conflict: a later one is judged already.
        """
        month = back(self.today().replace(day=1), 1) if month is None else month.replace(day=1)
        started = self._clock.now()
        with self._database.read() as connection:
            self._possible(connection, month)
            work = self._judged(connection, month)
            report = self._report(connection, work)
        with self._database.write() as connection:
            runs.begin(connection, month, work.rule.version, len(work.facts.accounts), started)
        rows = work.teller.rows(started)
        while part := list(islice(rows, AT_ONCE)):
            with self._database.write() as connection:
                store.replace(connection, month, part)
            more(len(part))
        with self._database.write() as connection:
            needs = observing.keep(connection, work.facts, work.rule, started)
            report = replace(report, needs=needs)
            runs.finish(connection, month, report.plain(), self._clock.now())
        log.info("tiers of %s: %s accounts, %s up, %s down", month, report.accounts, report.up, report.down)
        return report

    def again(self, account: str) -> Decision:
        """Judge an account's newest month anew, on the data as they are now; only its decision is written."""
        with self._database.read() as connection:
            customers.account(connection, account)
            newest = connection.scalar(
                select(func.max(decision_table.c.month)).where(decision_table.c.account == account)
            )
            if newest is None:
                raise NotFound(f"account {account!r} has not been judged yet")
            work = self._judged(connection, newest)
        row = list(work.teller.rows(self._clock.now(), [work.facts.accounts.index(account)]))
        with self._database.write() as connection:
            store.replace(connection, newest, row)
            return store.history(connection, account)[0]

    def lock(self, account: str, axis: Axis, value: str, until: date, why: str, by: str) -> Row[Any]:
        with self._database.write() as connection:
            now, today = self._clock.now(), self.today()
            return locks.lock(connection, account, axis, value, until, why, by=by, now=now, today=today)

    def unlock(self, id: int, by: str) -> Row[Any]:  # noqa: A002
        with self._database.write() as connection:
            return locks.unlock(connection, id, by=by, today=self.today())

    def contest(self, account: str, axis: Axis, text: str, *, by: str, customer: str) -> Row[Any]:
        """A customer contests how an account of theirs stands. NotFound: not theirs, or it stands nowhere."""
        with self._database.write() as connection:
            customers.account(connection, account, customer)
            if axis not in contests.CONTESTABLE:
                raise Invalid("axis: a grade is on a government's list: ask who keeps that list")
            standing = store.standing(connection, self.today(), account).get(axis)
            if standing is None:
                raise NotFound(f"account {account!r} has no {axis.value} yet")
            now, days = self._clock.now(), self.policy.contest_days
            return contests.contest(connection, standing, text, by=by, now=now, today=self.today(), days=days)

    def decide(self, id: int, event: contests.Event, answer: str, by: str) -> Row[Any]:  # noqa: A002
        """Answer a contest; to change is to judge anew, or to have locked another value before.

        Conflict: nothing changed by that.
        """
        with self._database.read() as connection:
            row = contests.one(connection, id)
        became = row.value
        if event is contests.Event.CHANGE:
            contests.MACHINE.move(contests.State(row.state), event)
            became = self._became(row)
        with self._database.write() as connection:
            now = self._clock.now()
            return contests.decide(connection, id, event, answer, became=became, by=by, now=now)

    def _became(self, row: Row[Any]) -> str:
        if row.month is not None:
            self.again(row.account)
        with self._database.read() as connection:
            now = store.standing(connection, self.today(), row.account).get(Axis(row.axis))
        found = "none" if now is None else contests.said(now)
        if found == row.value:
            raise Conflict(
                f"judged anew it is {found} as before: mend the data, lock another value, or uphold it"
            )
        return found

    def withdraw(self, id: int, *, by: str, customer: str) -> Row[Any]:  # noqa: A002
        with self._database.write() as connection:
            return contests.withdraw(connection, id, customer, by=by, now=self._clock.now())

    def seen(self, id: int, customer: str) -> None:  # noqa: A002
        with self._database.write() as connection:
            contests.seen(connection, id, customer, self._clock.now())

    def _possible(self, connection: Connection, month: date) -> None:
        if effective(month) > self.today():
            raise Invalid(f"{month:%Y-%m} is not over: a month is judged whole")
        later = connection.scalar(select(func.max(decision_table.c.month)))
        if later is not None and later > month:
            raise Conflict(f"{later:%Y-%m} is judged already: months before it stay as they were judged")

    def _judged(self, connection: Connection, month: date) -> Work:
        rule = self.policy.on(effective(month))
        sources = Sources(self._zone, self._tariffs.value, self.today(), self._events)
        found = facts(connection, month, sources)
        before = past(connection, month, found, terms(rule).months - 1, self.policy.alike(rule))
        return Work(month, rule, found, before, judge(found, before, rule, month))

    def _report(self, connection: Connection, work: Work) -> Report:
        before, now, free = work.past.value, work.judged.value, work.judged.provisional
        moved = np.flatnonzero((before != NONE) & (now != NONE) & (before != now) & ~free)
        places: Sequence[int] = moved.tolist()
        changed = {
            work.facts.accounts[at]: (ORDER[int(before[at])].value, ORDER[int(now[at])].value)
            for at in places
        }
        return flips.report(before, now, free, flips.came_back(connection, work.month, changed))
