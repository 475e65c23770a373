"""The ledger of promises (兑现台账): what each account was promised in a month, and what became of it.

The running month is judged anew every time; a month that is over is closed, and late facts open it again:
what stood before stays beside what stands now.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Text, bindparam, case, cast, func, insert, select, update

from cloud.customers.store import account_table
from cloud.fleet.history import among
from cloud.kit.clock import Clock
from cloud.kit.db import Database
from cloud.tiers.entitlements import verdicts
from cloud.tiers.entitlements.evidence import OrderFact, Outside
from cloud.tiers.entitlements.gathering import Known, Month, gather, month_of, serving
from cloud.tiers.entitlements.policy import Kept
from cloud.tiers.entitlements.records import How
from cloud.tiers.entitlements.rules import Granted
from cloud.tiers.entitlements.store import Promises, Spell
from cloud.tiers.entitlements.tables import promise_table
from cloud.tiers.entitlements.terms import Manager, Reach
from cloud.tiers.entitlements.verdicts import Owed, Part, State, Verdict


@dataclass(frozen=True, slots=True)
class Counted:
    """Rows of one month: how many there are, how many are new or different, how many were reopened."""

    month: date
    rows: int
    written: int
    reopened: int


class Ledger:
    def __init__(self, database: Database, promised: Promises, clock: Clock, outside: Outside) -> None:
        self._database, self._promised = database, promised
        self._clock, self._outside = clock, outside

    def run(self) -> list[Counted]:
        """Judge the running month and the one before it."""
        return [self.judge(month) for month in self._months(1)]

    def reopen(self) -> list[Counted]:
        """Judge every month that late facts may still open, the oldest first."""
        return [self.judge(month) for month in self._months(self._promised.policy.value.kept.reopen_months)]

    def _months(self, back: int) -> list[Month]:
        """The running one last."""
        zone = self._promised.zone
        months = [month_of(self._clock.now().astimezone(zone).date(), zone)]
        for _ in range(back):
            months.append(month_of(months[-1].first - timedelta(days=1), zone))
        return months[::-1]

    def judge(self, month: Month, accounts: Collection[str] | None = None) -> Counted:
        """One month, of all accounts or a few."""
        now, kept = self._clock.now(), self._promised.policy.value.kept
        with self._database.read() as connection:
            known = gather(
                connection, month, now, self._outside, self._promised.zone, kept.contact_months, accounts
            )
            known = self._counted_finely(connection, known)
        today = now.astimezone(self._promised.zone).date()
        rows = [
            _row(account, known, verdict)
            for account in sorted(known.spells)
            for verdict in judged(account, known, kept, today)
        ]
        closes = today >= month.after.replace(day=kept.report_by_day)
        with self._database.write() as connection:
            written, reopened = _write(connection, month, rows, now, closes=closes, only=accounts)
        return Counted(month.first, len(rows), written, reopened)

    def _counted_finely(self, connection: Connection, known: Known) -> Known:
        """Where the collection's slots are coarser than the promise, the readings themselves are counted."""
        count = self._outside.counted
        if count is None:
            return known
        finer = dict(known.collected)
        end = min(known.month.end, known.now)
        for account, found in known.collected.items():
            promised = _slowest(known.spells.get(account, ()))
            if promised is None or found.slot_s <= promised.value:
                continue
            every = timedelta(seconds=promised.value)
            read = owed = 0
            for meter, start, until in serving(connection, account, known.month):
                until = min(until, end)
                read += count(meter, start, until, promised.value) if start < until else 0
                owed += max(0, (until - start) // every)
            finer[account] = replace(found, fine=(read, owed))
        return replace(known, collected=finer)


def judged(account: str, known: Known, kept: Kept, today: date) -> Iterator[Verdict]:
    """Every promise to one account in the month."""
    spells = known.spells[account]
    terms = spells[-1].terms
    orders = known.orders.get(account, ())
    yield verdicts.on_site(orders, _owed(spells, "on_site_min"), known.now)
    yield verdicts.restored(orders, _owed(spells, "restore_min"), known.now)
    if (reach := terms.get("reach")) is not None:
        yield _notices(account, known, reach)
    if (slowest := _slowest(spells)) is not None:
        found = known.collected.get(account)
        yield verdicts.interval(slowest.value, slowest.rule, found, kept.interval_share)
    yield from _by_persons(account, known, kept, today, terms, spells)


def _by_persons(
    account: str,
    known: Known,
    kept: Kept,
    today: date,
    terms: Mapping[str, Granted],
    spells: Sequence[Spell],
) -> Iterator[Verdict]:
    recorded = known.recorded.get(account, {})
    month = known.month
    if (report := terms.get("report_monthly")) is not None:
        due = month.after.replace(day=kept.report_by_day)
        days = [each for each in recorded.get(How.REPORT, ()) if each >= month.after]
        yield verdicts.recorded(
            Part.REPORT, report.rule, {"by": due.isoformat()}, days[:1], due=due, today=today
        )
    if (cadence := terms.get("advice_every_months")) is not None:
        last = None if known.advice is None else known.advice.get(account)
        yield verdicts.advised(
            cadence.rule,
            cadence.value,
            last,
            known.advice is not None,
            since=spells[0].since.date(),
            end=min(month.after, today),
        )
    manager = terms.get("manager")
    if manager is not None and manager.value is Manager.KEY_ACCOUNT_DESK:
        ways = (How.VISIT, How.PHONE, How.MESSAGE)
        days = [each for how in ways for each in recorded.get(how, ()) if each < month.after]
        promised = {"manager": manager.value.value, "every_months": kept.contact_months}
        due = month.after - timedelta(days=1)
        yield verdicts.recorded(Part.CONTACT, manager.rule, promised, days, due=due, today=today)


def _notices(account: str, known: Known, reach: Granted) -> Verdict:
    customer = known.customers[account]
    month = known.month
    days = known.recorded.get(account, {}).get(How.PHONE, ())
    calls = sum(month.first <= each < month.after for each in days)
    found = known.notices.get(customer, ())
    channels = known.channels.get(customer, 0)
    return verdicts.notices(Reach(reach.value), reach.rule, found, channels, calls)


def _owed(spells: Sequence[Spell], name: str) -> verdicts.OwedAt:
    """What was written down as promised when an order opened."""

    def owed(order: OrderFact) -> Owed | None:
        for spell in spells:
            if spell.since <= order.opened_at and (spell.until is None or order.opened_at < spell.until):
                granted = spell.terms[f"{name}.{order.place.value}"]
                return Owed(int(granted.value), granted.rule)
        return None

    return owed


def _slowest(spells: Sequence[Spell]) -> Granted | None:
    """The longest interval promised in the month: nobody was promised more than that all month long."""
    given = [each.terms["interval_s"] for each in spells if "interval_s" in each.terms]
    return max(given, key=lambda each: int(each.value), default=None)


def _row(account: str, known: Known, verdict: Verdict) -> dict[str, Any]:
    return {
        "account": account,
        "month": known.month.first,
        "part": verdict.part.value,
        "state": verdict.state.value,
        "reason": verdict.reason,
        "promised": verdict.promised,
        "figures": verdict.figures,
        "sources": verdict.sources,
        "rule": verdict.rule,
    }


_PLAIN = ("state", "reason", "rule")
_JSON = ("promised", "figures", "sources")
"""Compared as the text that the database holds: a hundred thousand rows need not be read."""
_SAID = (*_PLAIN, *_JSON)


def _stood(connection: Connection, row: Mapping[str, Any]) -> Any:
    table = promise_table.c
    mine = [table[name] == row[name] for name in ("account", "month", "part")]
    return connection.scalar(select(table.before).where(*mine))


def _write(
    connection: Connection,
    month: Month,
    rows: Sequence[dict[str, Any]],
    now: datetime,
    *,
    closes: bool,
    only: Collection[str] | None,
) -> tuple[int, int]:
    """(new or different rows, how many of them had been closed)."""
    table = promise_table.c
    texts = [cast(table[name], Text).label(f"{name}_text") for name in _JSON]
    plain = (table.account, table.part, table.state, table.reason, table.rule)
    query = select(*plain, table.closed_at, table.reopened, table.made_at, *texts)
    query = query.where(table.month == month.first)
    there = {
        (row.account, row.part): row
        for part in among(query, table.account, only)
        for row in connection.execute(part)
    }
    new: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    reopened = 0
    for row in rows:
        before = there.get((row["account"], row["part"]))
        closed_at = now if closes else None
        if before is None:
            new.append(row | {"made_at": now, "closed_at": closed_at, "reopened": 0, "before": None})
            continue
        same = all(before._mapping[name] == row[name] for name in _PLAIN)
        same = same and all(before._mapping[f"{name}_text"] == json.dumps(row[name]) for name in _JSON)
        if same and (before.closed_at is not None or not closes):
            continue
        was_closed = before.closed_at is not None and not same
        reopened += was_closed
        figures = json.loads(before.figures_text)
        stood = {"state": before.state, "figures": figures, "at": before.made_at.isoformat()}
        changed.append(
            {f"_{name}": row[name] for name in ("account", "month", "part", *_SAID)}
            | {
                "_made_at": now,
                "_closed_at": closed_at,
                "_reopened": before.reopened + was_closed,
                "_before": stood if was_closed else _stood(connection, row),
            }
        )
    if new:
        connection.execute(insert(promise_table), new)
    if changed:
        connection.execute(_update(), changed)
    return len(new) + len(changed), reopened


def _update() -> Any:
    table = promise_table.c
    names = (*_SAID, "made_at", "closed_at", "reopened", "before")
    mine = [table[name] == bindparam(f"_{name}") for name in ("account", "month", "part")]
    return update(promise_table).where(*mine).values({name: bindparam(f"_{name}") for name in names})


def rows_of(connection: Connection, account: str, months: int = 12) -> Sequence[Row[Any]]:
    """One account's promises, the newest month first."""
    table = promise_table.c
    query = select(promise_table).where(table.account == account)
    order = (table.month.desc(), table.part)
    return connection.execute(query.order_by(*order).limit(months * len(Part))).all()


def totals(connection: Connection, month: date) -> dict[tuple[str, str], int]:
    """How many promises of a month there are by part and state."""
    table = promise_table.c
    query = select(table.part, table.state, func.count()).where(table.month == month)
    return {
        (part, state): count
        for part, state, count in connection.execute(query.group_by(table.part, table.state))
    }


def months(connection: Connection) -> list[date]:
    """Those that were judged, the newest first."""
    query = select(promise_table.c.month).distinct().order_by(promise_table.c.month.desc())
    return list(connection.scalars(query))


def worst_first(
    connection: Connection,
    month: date,
    *,
    states: Collection[State] = (),
    parts: Collection[Part] = (),
    account: str = "",
    limit: int = 100,
) -> Sequence[Row[Any]]:
    """A month's rows, those that were missed first, then what is not known; each with its `customer`."""
    table = promise_table.c
    rank = case({state.value: n for n, state in enumerate(_WORST)}, value=table.state, else_=len(_WORST))
    query = select(promise_table, account_table.c.customer)
    query = query.join(account_table, account_table.c.no == table.account).where(table.month == month)
    if states:
        query = query.where(table.state.in_(sorted(states)))
    if parts:
        query = query.where(table.part.in_(sorted(parts)))
    if account:
        query = query.where(table.account == account)
    return connection.execute(query.order_by(rank, table.account, table.part).limit(limit)).all()


_WORST = (State.MISSED, State.NOT_KNOWN, State.DELIVERED, State.NOT_DUE)


def listed(
    connection: Connection,
    month: date,
    *,
    states: Collection[State] = (),
    parts: Collection[Part] = (),
    account: str = "",
    after: tuple[str, str] | None = None,
    limit: int = 100,
) -> Sequence[Row[Any]]:
    """A month's rows in order of account and part, from behind (account, part)."""
    table = promise_table.c
    query = select(promise_table).where(table.month == month)
    if states:
        query = query.where(table.state.in_(sorted(states)))
    if parts:
        query = query.where(table.part.in_(sorted(parts)))
    if account:
        query = query.where(table.account == account)
    if after is not None:
        no, part = after
        query = query.where((table.account > no) | ((table.account == no) & (table.part > part)))
    return connection.execute(query.order_by(table.account, table.part).limit(limit)).all()
