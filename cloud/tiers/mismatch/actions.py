"""Looks for behaviour that contradicts a contract's class, and takes what people say of it.

The job runs as often as one likes: where nothing changed since the last time nothing is done.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

import numpy as np
from sqlalchemy import Connection, select

from cloud.analysis.classes.model import VERSION
from cloud.customers.file import contracts
from cloud.customers.store import account_table, service_table
from cloud.insight.profile.tables import profile_table
from cloud.kit.calendar import Calendar
from cloud.kit.clock import Clock
from cloud.kit.days import DAY, local_day, midnight
from cloud.kit.db import Database
from cloud.kit.errors import Conflict, Invalid
from cloud.policies.current import Current
from cloud.tariffs.catalogue import Catalogue
from cloud.tariffs.usage import month_end
from cloud.tiers.mismatch import gather, priced, rules, scoring, search, store
from cloud.tiers.mismatch.policy import Mismatching
from cloud.tiers.mismatch.priced import Place
from cloud.tiers.mismatch.rules import MACHINE, NEEDS_NOTE, SETTLED, Event, State
from cloud.tiers.mismatch.scoring import Account, Scored, Service
from cloud.tiers.mismatch.store import CASES, Case


@dataclass(frozen=True, slots=True)
class Searched:
    """`months`: area-months reckoned; `judged` accounts with evidence; the others as the list changed.

    `source` is None where nothing changed since the last time, or there is no month yet.
    """

    months: int = 0
    source: str | None = None
    judged: int = 0
    listed: int = 0
    again: int = 0
    lapsed: int = 0


class Mismatches:
    """`tariffs` prices what the other class's tariff would come to."""

    def __init__(
        self,
        database: Database,
        zone: tzinfo,
        clock: Clock,
        calendar: Calendar,
        policy: Current[Mismatching],
        tariffs: Current[Catalogue],
    ) -> None:
        self._database, self._zone, self._clock = database, zone, clock
        self._calendar, self.policy, self._tariffs = calendar, policy, tariffs

    def run(self) -> Searched:
        """The newest closed months; what was judged of the same before is not judged again."""
        policy, now = self.policy.value, self._clock.now()
        span = _months_before(local_day(now, self._zone), policy.limits.evidence.months)
        done = gather.bring(self._database, self._calendar, span, now)
        with self._database.read() as connection:
            known = store.every(connection)
            rows = self._rows(connection, span, known, policy)
            before = store.newest_model(connection)
        inputs = scoring.digest(rows, f"{policy.limits} {policy.profiles}")
        if not len(rows.values) or (before is not None and before.inputs == inputs):
            return Searched(done)
        scored = scoring.score(rows, policy)
        return self._keep(scored, known, policy, inputs, done, now)

    def act(self, connection: Connection, id: int, event: Event, who: str, note: str) -> Case:  # noqa: A002
        """What a person says. Conflict: it is not possible now; Invalid: it has to be said why."""
        if event not in rules.BY_PERSON:
            raise Conflict(f"{event.value} is not for people to say")
        case = store.case(connection, id)
        state, now = State(case.state), self._clock.now()
        settled = MACHINE.move(state, event) in SETTLED
        if event in NEEDS_NOTE and not note.strip():
            raise Invalid("note: say what was seen or how it is known")
        until = {"settled_at": now, "quiet_until": self._quiet(now)} if settled else {}
        CASES.move(connection, id, state, event, who=who, at=now, note=note.strip(), **until)
        return store.case(connection, id)

    def _quiet(self, now: datetime) -> date:
        """The same day of the month, so many months later, or that month's last."""
        today, months = local_day(now, self._zone), self.policy.value.limits.case.quiet_months
        number = today.year * 12 + today.month - 1 + months
        first = date(number // 12, number % 12 + 1, 1)
        return first.replace(day=min(today.day, month_end(first).day))

    def _rows(
        self, connection: Connection, span: Sequence[date], known: Sequence[Case], policy: Mismatching
    ) -> scoring.Rows:
        wrong = search.found_wrong(known)
        accounts = [
            Account(row.no, row.customer, row[2], (row.no, row[2]) not in wrong)
            for row in connection.execute(
                select(account_table.c.no, account_table.c.customer, account_table.c["class"]).order_by(
                    account_table.c.no
                )
            )
        ]
        services = _services(connection)
        served = {month: self._served(services, month) for month in span}
        return scoring.rows_of(gather.stored(connection, span[0], span[-1]), accounts, served, policy)

    def _served(self, services: Sequence[Service], month: date) -> dict[str, str]:
        """Which account each point served for all of the month."""
        start, end = midnight(month, self._zone), midnight(month_end(month) + DAY, self._zone)
        return {
            each.point: each.account
            for each in services
            if each.start <= start and (each.end is None or each.end >= end)
        }

    def _keep(
        self,
        scored: Scored,
        known: Sequence[Case],
        policy: Mismatching,
        inputs: str,
        done: int,
        now: datetime,
    ) -> Searched:
        limits, month = policy.limits, scored.rows.months[-1]
        quiet = search.quiet(known, scored, local_day(now, self._zone))
        places = rules.listed(scored.judged, limits.case, quiet)
        usual = scoring.usual(scored, limits.names)
        with self._database.read() as connection:
            bills = self._priced(connection, scored, places, policy)
            made = _groups(connection, scored, usual, limits.names)
        with self._database.write() as connection:
            changes = search.keep(connection, scored, places, usual, bills, known, limits, now)
            store.save_groups(connection, month, made)
            store.save_evidence(connection, _evidence(scored, limits.names, now))
            store.save_model(connection, _model(scored, limits.version, inputs, now))
        judged = int((~np.isnan(scored.judged.probabilities).any(axis=1)).sum())
        return Searched(done, scored.source, judged, changes.listed, changes.again, changes.lapsed)

    def _priced(
        self, connection: Connection, scored: Scored, places: Sequence[int], policy: Mismatching
    ) -> dict[str, priced.Priced]:
        limits = policy.limits
        newest = {int(at): scored.rows.point[row] for row, at in enumerate(scored.rows.account)}
        wanted = [(at, newest[at]) for at in places]
        query = select(profile_table.c.point, profile_table.c.area)
        points = [point for _, point in wanted]
        area = {
            row.point: row.area for row in connection.execute(query.where(profile_table.c.point.in_(points)))
        }
        since = {(each.point, each.account): each.start for each in _services(connection)}
        seems = scored.judged.seems()
        found = [
            Place(
                no := scored.rows.accounts[at].no,
                point,
                area.get(point, ""),
                limits.names[int(seems[at])],
                local_day(since[point, no], self._zone),
            )
            for at, point in wanted
        ]
        last = scored.rows.months[-1]
        months = [*_months_before(last, limits.price.months - 1), last]
        on = contracts.contracts_on(connection, last)
        return priced.differences(connection, found, on, self._tariffs.value, limits, months)


def _services(connection: Connection) -> list[Service]:
    table = service_table.c
    rows = connection.execute(select(table.point, table.account, table.start, table.end))
    return [Service(row.point, row.account, row.start, row.end) for row in rows]


def _groups(
    connection: Connection,
    scored: Scored,
    usual: dict[str, dict[str, tuple[float, float, float]]],
    names: Sequence[str],
) -> list[store.Group]:
    """Each family's middle half, of features and of typical days over their mean load."""
    families = {
        point: names[int(scored.judged.own[at])]
        for at, point in zip(scored.rows.account, scored.rows.point, strict=True)
        if scored.judged.own[at] >= 0
    }
    shapes = scoring.usual_days(gather.typical(connection), families, names)
    return [
        store.Group(name, scored.counts[name], usual.get(name, {}), shapes[name][0], shapes[name][1])
        for name in names
    ]


def _evidence(scored: Scored, names: Sequence[str], now: datetime) -> list[dict[str, object]]:
    judged = scored.judged
    known = np.flatnonzero(~np.isnan(judged.probabilities).any(axis=1))
    return [
        {
            "account": scored.rows.accounts[at].no,
            "month": scored.rows.months[-1],
            "class": scored.rows.accounts[at].class_,
            "probabilities": dict(zip(names, judged.probabilities[at].round(4).tolist(), strict=True)),
            "months": int(judged.months[at]),
            "in_row": int(judged.in_row[at]),
            "coverage": float(scored.coverage[at]),
            "estimated": float(scored.estimated[at]),
            "source": scored.source,
            "version": VERSION,
            "at": now,
        }
        for at in known
    ]


def _model(scored: Scored, policy: str, inputs: str, now: datetime) -> store.Model:
    return store.Model(
        scored.rows.months[-1],
        VERSION,
        policy,
        scored.source,
        dict(scored.counts),
        scored.balanced,
        dict(scored.recall),
        {name: dict(row) for name, row in scored.confusion.items()},
        inputs,
        now,
    )


def _months_before(day: date, count: int) -> list[date]:
    """The first days of so many months before the one of this day, oldest first."""
    number = day.year * 12 + day.month - 1
    return [date((number - back) // 12, (number - back) % 12 + 1, 1) for back in range(count, 0, -1)]
