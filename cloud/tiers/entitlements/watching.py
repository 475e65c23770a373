"""Watches the limits that accounts are promised (限值监视): each archived day is judged once it is reckoned.

What is promised is what was written down for the day; a day that the archive has otherwise is judged anew.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from cloud.customers.file.contracts import Contract, contracts_on
from cloud.fleet.history import among
from cloud.insight import runs
from cloud.insight.areas.policy import QualityPolicy
from cloud.insight.runs import WHOLE, State, Work
from cloud.kit.clock import Clock
from cloud.kit.days import bounds
from cloud.kit.db import Database
from cloud.tiers.entitlements import limit_facts, limits
from cloud.tiers.entitlements.document import Watched
from cloud.tiers.entitlements.limits import TERMS, Judged, Kept, Limit, Peak
from cloud.tiers.entitlements.rules import Granted
from cloud.tiers.entitlements.store import Promises, given
from cloud.tiers.entitlements.tables import limit_table

WORK, MONTH_WORK = "promised limits", "promised power factor"
RECKONED = "indicators"
"""The part of the night without which a day has no demand."""
VERSION = 1
Terms = Mapping[str, Granted]


@dataclass(frozen=True, slots=True)
class Watchman:
    """`folder` is the archive's."""

    database: Database
    folder: Path
    promised: Promises
    quality: QualityPolicy
    clock: Clock

    def run(self) -> int:
        """Judge every day that is due, oldest first, and the running month; how many verdicts there are."""
        policy = self.promised.policy.value.watch
        with self.database.read() as connection:
            due = _due(connection, policy)
            month = _month_due(connection)
        made = sum(self._day(work, policy) for work in due)
        if month is not None:
            made += self._month(month, policy)
        return made

    def _day(self, work: Work, policy: Watched) -> int:
        with runs.booked(self.database, self.clock, work):
            with self.database.read() as connection:
                found = list(self._of_day(connection, work.first, policy))
            return self._keep(found, (Limit.VOLTAGE, Limit.DEMAND), {work.first}, policy)

    def _of_day(self, connection: Connection, day: date, policy: Watched) -> Iterator[dict[str, Any]]:
        terms = promised_on(connection, self.promised, day)
        points = limit_facts.points_on(connection, day, self.promised.zone, terms)
        yield from self._voltages(connection, day, policy, terms, points)
        yield from self._demands(connection, day, policy, terms, points)

    def _voltages(
        self,
        connection: Connection,
        day: date,
        policy: Watched,
        terms: Mapping[str, Terms],
        points: Mapping[str, Sequence[str]],
    ) -> Iterator[dict[str, Any]]:
        wanted = {
            account: (float(each["voltage_low"].value), float(each["voltage_high"].value))
            for account, each in terms.items()
            if account in points and {"voltage_low", "voltage_high"} <= each.keys()
        }
        found = limit_facts.volts(
            connection, self.folder, day, self.promised.zone, self.quality, wanted, points
        )
        for account, (low, high) in wanted.items():
            told = limits.voltage(found.get(account, ()), len(points[account]), low, high, policy)
            yield _row(account, Limit.VOLTAGE, day, told, terms[account])

    def _demands(
        self,
        connection: Connection,
        day: date,
        policy: Watched,
        terms: Mapping[str, Terms],
        points: Mapping[str, Sequence[str]],
    ) -> Iterator[dict[str, Any]]:
        wanted = [account for account, each in terms.items() if account in points and "demand_share" in each]
        found = limit_facts.peaks(connection, day, [each for no in wanted for each in points[no]])
        contracts = contracts_on(connection, day) if wanted else {}
        for account in wanted:
            peaks = [found.get(point, Peak(None, 0, 0, 0)) for point in points[account]]
            share = float(terms[account]["demand_share"].value)
            told = limits.demand(peaks, _of(contracts.get(account)), share, policy)
            yield _row(account, Limit.DEMAND, day, told, terms[account])

    def _month(self, work: Work, policy: Watched) -> int:
        with runs.booked(self.database, self.clock, work):
            with self.database.read() as connection:
                newest = limit_facts.newest_energies(connection)
                assert newest is not None
                zone = self.promised.zone
                terms = promised_on(connection, self.promised, self.clock.now().astimezone(zone).date())
                wanted = {account: each for account, each in terms.items() if "power_factor" in each}
                found = limit_facts.months(connection, newest[0], zone, wanted)
            rows = [
                _row(
                    account,
                    Limit.POWER_FACTOR,
                    day,
                    limits.power_factor(month, float(wanted[account]["power_factor"].value), policy),
                    wanted[account],
                )
                for account, (day, month) in sorted(found.items())
            ]
            days = {row["day"] for row in rows}
            return self._keep(rows, (Limit.POWER_FACTOR,), days, policy)

    def _keep(
        self,
        rows: Sequence[dict[str, Any]],
        kinds: Collection[Limit],
        days: Collection[date],
        policy: Watched,
    ) -> int:
        """In place of what was judged of the same; whether somebody was told of it stays."""
        now = self.clock.now()
        table = limit_table.c
        with self.database.write() as connection:
            for each in sorted(days):
                mine = (table.day == each, table.kind.in_(sorted(kinds)))
                told = {
                    (row.account, row.kind): row.alert
                    for row in connection.execute(select(limit_table).where(*mine, table.alert.is_not(None)))
                }
                connection.execute(delete(limit_table).where(*mine))
                new = [
                    row | {"made_at": now, "alert": told.get((row["account"], row["kind"]))}
                    for row in rows
                    if row["day"] == each
                ]
                if new:
                    connection.execute(insert(limit_table), new)
            old = now.astimezone(self.promised.zone).date() - timedelta(days=policy.keep_days)
            connection.execute(delete(limit_table).where(table.day < old))
        return len(rows)


def promised_on(connection: Connection, promised: Promises, day: date) -> dict[str, Terms]:
    """By account what was written down for the end of a day, of those that are promised any limit."""
    found = given(connection, *bounds(day, promised.zone))
    named = {name for names in TERMS.values() for name in names}
    return {account: spells[-1].terms for account, spells in found.items() if named & spells[-1].terms.keys()}


def _due(connection: Connection, policy: Watched) -> list[Work]:
    """Days whose indicators were reckoned since they were judged, back to so many before the newest."""
    done = {
        run.first: run
        for run in runs.of(connection, RECKONED, date.min, date.max)
        if run.area == WHOLE and run.first == run.last and run.state is State.DONE
    }
    if not done:
        return []
    since = max(done) - timedelta(days=policy.look_back_days)
    wanted = [
        Work(WORK, WHOLE, day, day, run.inputs, VERSION) for day, run in sorted(done.items()) if day > since
    ]
    return runs.due(connection, wanted)


def _month_due(connection: Connection) -> Work | None:
    newest = limit_facts.newest_energies(connection)
    if newest is None:
        return None
    month, at = newest
    found = runs.due(connection, [Work(MONTH_WORK, WHOLE, month, month, at, VERSION)])
    return found[0] if found else None


def _of(contract: Contract | None) -> tuple[str, Decimal] | None:
    """What a demand is a share of: the contracted demand where the charge goes by it, else the capacity."""
    if contract is None:
        return None
    if contract.basis == "contract" and contract.contracted_kw is not None:
        return "contracted_kw", contract.contracted_kw
    return None if contract.capacity_kva is None else ("capacity_kva", contract.capacity_kva)


def _row(account: str, limit: Limit, day: date, told: Judged, terms: Terms) -> dict[str, Any]:
    granted = [terms[name] for name in TERMS[limit]]
    better = [each.rule for each in granted if each.rule != "base"]
    return {
        "account": account, "kind": limit.value, "day": day, "state": told.kept.value,
        "reason": told.reason, "value": told.value, "limit": told.bound, "coverage": told.coverage,
        "rule": (better or [granted[0].rule])[0], "evidence": told.evidence,
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Watch:
    """One limit of one account: its days, newest first."""

    account: str
    limit: Limit
    days: tuple[Row[Any], ...]

    @property
    def untold(self) -> Row[Any] | None:
        """The newest day on which the limit was passed and of which nobody was told."""
        return next((row for row in self.days if row.state == Kept.PASSED and row.alert is None), None)

    @property
    def newest(self) -> Row[Any] | None:
        """The newest day with a verdict."""
        return next((row for row in self.days if row.state != Kept.UNKNOWN), None)

    def is_over(self, close_days: int) -> bool:
        return limits.is_over((Kept(row.state) for row in self.days), close_days)


def watches(
    connection: Connection, since: date, accounts: Collection[str] | None = None
) -> dict[tuple[str, Limit], Watch]:
    """What was judged from a day on, of all accounts or of a few."""
    table = limit_table.c
    query = select(limit_table).where(table.day >= since).order_by(table.day.desc())
    found: dict[tuple[str, Limit], list[Row[Any]]] = {}
    for part in among(query, table.account, accounts):
        for row in connection.execute(part):
            found.setdefault((row.account, Limit(row.kind)), []).append(row)
    return {key: Watch(*key, tuple(rows)) for key, rows in found.items()}


def note_alert(connection: Connection, account: str, limit: Limit, since: date, alert: int) -> None:
    """Of the passed days from `since` on it is told by this alert."""
    table = limit_table.c
    mine = (table.account == account, table.kind == limit.value, table.day >= since)
    passed = (table.state == Kept.PASSED.value, table.alert.is_(None))
    connection.execute(update(limit_table).where(*mine, *passed).values(alert=alert))
