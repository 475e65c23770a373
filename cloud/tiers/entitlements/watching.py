"""Watches the limits that accounts are promised (限值监视): each archived day is judged once it is reckoned.

What is promised is what was written down for the day; a day that the archive has otherwise is judged anew.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

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
from cloud.tiers.entitlements.limit_facts import DayVolts
from cloud.tiers.entitlements.limits import TERMS, Judged, Kept, Limit, Peak
from cloud.tiers.entitlements.rules import Granted
from cloud.tiers.entitlements.store import Promises, given
from cloud.tiers.entitlements.tables import limit_table

WORK, MONTH_WORK = "promised limits", "promised power factor"
RECKONED = "indicators"
"""The part of the night without which a day has no demand."""
VERSION = 1
Terms = Mapping[str, Granted]
Rows = Sequence[dict[str, Any]]


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
        """Where a file is damaged, the rest is judged, and the day stays due until the file is mended."""
        day = work.first
        with runs.booked(self.database, self.clock, work) as outcome:
            with self.database.read() as connection:
                terms = promised_on(connection, self.promised, day)
                points = limit_facts.points_on(connection, day, self.promised.zone, terms)
                volts = self._volts(connection, day, terms, points)
                found = [
                    *_voltages(day, policy, terms, points, volts),
                    *self._demands(connection, day, policy, terms, points),
                ]
            if volts.damaged:
                outcome.failure = volts.damaged[0]
            return self._keep(found, (Limit.VOLTAGE, Limit.DEMAND), policy, whole=day)

    def _volts(
        self,
        connection: Connection,
        day: date,
        terms: Mapping[str, Terms],
        points: Mapping[str, Sequence[str]],
    ) -> DayVolts:
        wanted = {
            account: (float(each["voltage_low"].value), float(each["voltage_high"].value))
            for account, each in terms.items()
            if account in points and {"voltage_low", "voltage_high"} <= each.keys()
        }
        return limit_facts.volts(
            connection, self.folder, day, self.promised.zone, self.quality, wanted, points
        )

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
            return self._keep(rows, (Limit.POWER_FACTOR,), policy)

    def _keep(self, rows: Rows, kinds: Collection[Limit], policy: Watched, whole: date | None = None) -> int:
        """In place of what was judged of the same: of everybody on `whole`, else of who is in `rows`."""
        now = self.clock.now()
        days = {row["day"] for row in rows} if whole is None else {whole}
        with self.database.write() as connection:
            for day in sorted(days):
                new = [row for row in rows if row["day"] == day]
                _replace(connection, day, kinds, new, whole is None, now)
            old = now.astimezone(self.promised.zone).date() - timedelta(days=policy.keep_days)
            connection.execute(delete(limit_table).where(limit_table.c.day < old))
        return len(rows)


def _voltages(
    day: date,
    policy: Watched,
    terms: Mapping[str, Terms],
    points: Mapping[str, Sequence[str]],
    volts: DayVolts,
) -> Iterator[dict[str, Any]]:
    for account, (low, high) in volts.limits.items():
        told = limits.voltage(volts.found.get(account, ()), len(points[account]), low, high, policy)
        yield _row(account, Limit.VOLTAGE, day, told, terms[account])


def _replace(
    connection: Connection, day: date, kinds: Collection[Limit], new: Rows, only_these: bool, now: datetime
) -> None:
    """Whether somebody was told of it stays."""
    table = limit_table.c
    mine = (table.day == day, table.kind.in_(sorted(kinds)))
    told = select(table.account, table.kind, table.alert).where(*mine, table.alert.is_not(None))
    alerts = {(account, kind): alert for account, kind, alert in connection.execute(told)}
    if not only_these:
        connection.execute(delete(limit_table).where(*mine))
    elif new:
        one = (table.day == day, table.kind == bindparam("of_kind"), table.account == bindparam("of"))
        these = [{"of": row["account"], "of_kind": row["kind"]} for row in new]
        connection.execute(delete(limit_table).where(*one), these)
    if new:
        kept = [row | {"made_at": now, "alert": alerts.get((row["account"], row["kind"]))} for row in new]
        connection.execute(insert(limit_table), kept)


def promised_on(
    connection: Connection, promised: Promises, day: date, accounts: Collection[str] | None = None
) -> dict[str, Terms]:
    """By account what was written down for the end of a day, of those that are promised any limit."""
    found = given(connection, *bounds(day, promised.zone), accounts)
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
    month, inputs = newest
    found = runs.due(connection, [Work(MONTH_WORK, WHOLE, month, month, inputs, VERSION)])
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


def untold(connection: Connection, since: date) -> set[str]:
    """The accounts of which a limit was passed from a day on, and nobody was told."""
    table = limit_table.c
    query = select(table.account).where(table.day >= since, table.alert.is_(None))
    return set(connection.scalars(query.where(table.state == Kept.PASSED.value).distinct()))


def note_alert(connection: Connection, account: str, limit: Limit, since: date, alert: int) -> None:
    """Of the passed days from `since` on it is told by this alert."""
    table = limit_table.c
    mine = (table.account == account, table.kind == limit.value, table.day >= since)
    passed = (table.state == Kept.PASSED.value, table.alert.is_(None))
    connection.execute(update(limit_table).where(*mine, *passed).values(alert=alert))
