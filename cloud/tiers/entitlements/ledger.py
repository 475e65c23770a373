"""The ledger of promises (兑现台账): what each account was promised in a month, and what became of it.

The running month is judged anew every time; a month that is over is closed, and late facts open it again:
what stood before stays beside what stands now.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from cloud.kit.clock import Clock
from cloud.kit.db import Database
from cloud.tiers.entitlements import book
from cloud.tiers.entitlements.evidence import Outside
from cloud.tiers.entitlements.gathering import Known, Month, gather, month_of, serving
from cloud.tiers.entitlements.judging import judged, slowest_of
from cloud.tiers.entitlements.store import Promises
from cloud.tiers.entitlements.verdicts import Verdict

AT_ONCE = 1000
"""Rows in one transaction: nobody who wants to write waits for more."""


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
        made = [
            _row(account, known, verdict)
            for account in sorted(known.spells)
            for verdict in judged(account, known, kept, today)
        ]
        closes = today > month.after.replace(day=kept.report_by_day)  # a report may come on its day
        return self._kept(month.first, made, now, closes=closes)

    def _kept(self, first: date, made: list[dict[str, Any]], now: datetime, *, closes: bool) -> Counted:
        """Piece by piece: what is as it was is seen without the writer, and others write in between. What a
        stop leaves out the next time writes: each row stands for itself."""
        written = reopened = 0
        for low in range(0, len(made), AT_ONCE):
            rows = made[low : low + AT_ONCE]
            with self._database.read() as connection:
                due = book.due(connection, first, rows, closes=closes)
            if due:
                with self._database.write() as connection:
                    counted = book.write(connection, first, due, now, closes=closes)
                written, reopened = written + counted[0], reopened + counted[1]
        return Counted(first, len(made), written, reopened)

    def _counted_finely(self, connection: Connection, known: Known) -> Known:
        """Where the collection's slots are coarser than the promise, the readings themselves are counted."""
        count = self._outside.counted
        if count is None:
            return known
        finer = dict(known.collected)
        end = min(known.month.end, known.now)
        for account, found in known.collected.items():
            promised = slowest_of(known.spells.get(account, ()))
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
