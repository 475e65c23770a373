"""Tells customers that a limit which they are promised to be watched was passed, and when it is kept again.

One alert per account and limit at a time; it ends after some judged days within the limit, or when nobody
promises it any more. Days of which too little is known open nothing and end nothing.
"""

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Row, select

from cloud.alerts import store
from cloud.alerts.actions import Alarms, Cause, station_trace
from cloud.alerts.notify import News, Notices
from cloud.alerts.policy import AlertKind, NoticeKind
from cloud.alerts.rules import cause
from cloud.customers.store import account_table, service_table
from cloud.fleet.history import among
from cloud.kit.clock import Clock
from cloud.kit.db import Database
from cloud.tiers.entitlements import watching
from cloud.tiers.entitlements.limits import TERMS, Limit
from cloud.tiers.entitlements.watching import Watch, Watchman

KINDS: Final[Mapping[Limit, AlertKind]] = {
    Limit.VOLTAGE: AlertKind.VOLTAGE_LIMIT,
    Limit.POWER_FACTOR: AlertKind.POWER_FACTOR_LIMIT,
    Limit.DEMAND: AlertKind.DEMAND_LIMIT,
}
_LIMITS: Final = {kind.value: limit for limit, kind in KINDS.items()}
Found = Mapping[tuple[str, Limit], Watch]
Open = Mapping[tuple[str, Limit], Row[tuple[object, ...]]]


class LimitWatch:
    """`run` is called by a job: it judges what is due, and tells what came of it; again it tells nothing."""

    def __init__(
        self, database: Database, watchman: Watchman, alarms: Alarms, notices: Notices, clock: Clock
    ) -> None:
        self._database, self._watchman = database, watchman
        self._alarms, self._notices, self._clock = alarms, notices, clock

    def run(self) -> None:
        self._watchman.run()
        self.tell()

    def tell(self) -> None:
        """What it reads grows with the limits that are passed, not with the accounts there are."""
        policy, now = self._watchman.promised.policy.value.watch, self._clock.now()
        today = now.astimezone(self._watchman.promised.zone).date()
        since = today - timedelta(days=policy.look_back_days + 2 * policy.close_days)
        with self._database.read() as connection:
            known = _open(connection)
            accounts = {account for account, _ in known} | watching.untold(connection, since)
            if not accounts:
                return
            found = watching.watches(connection, since, accounts)
            promised = watching.promised_on(connection, self._watchman.promised, today, accounts)
            customers = _customers(connection, accounts, now)
        held = {key for key in {*found, *known} if key[0] in customers and _is_promised(promised, key)}
        ended = {key for key in found if found[key].is_over(policy.close_days)}
        due = {key: found[key] for key in (found.keys() & held) - ended if found[key].untold is not None}
        gone = {key for key, row in known.items() if key not in held or row.customer != customers[key[0]]}
        over = (known.keys() & ended) - gone
        if due or gone or over:
            with self._database.write() as connection:
                self._end(connection, gone, over)
                self._tell_of(connection, due, customers)

    def _end(
        self, connection: Connection, gone: Collection[tuple[str, Limit]], over: Collection[tuple[str, Limit]]
    ) -> None:
        """Nobody is told that a limit is kept that is promised no more, or to another customer."""
        now = self._clock.now()
        today = now.astimezone(self._watchman.promised.zone).date()
        for key, row in sorted(_open(connection).items()):
            if key in gone or key in over:
                self._alarms.close(connection, row.id, now)
            if key in over:
                self._say(connection, NoticeKind.LIMIT_OVER, row.id, row.customer, row.trace, *key, today)

    def _tell_of(self, connection: Connection, due: Found, customers: Mapping[str, str]) -> None:
        known = _open(connection)
        for key, watch in sorted(due.items()):
            alert = known[key].id if key in known else self._open_one(connection, watch, customers[key[0]])
            watching.note_alert(connection, *key, watch.days[-1].day, alert)

    def _open_one(self, connection: Connection, watch: Watch, customer: str) -> int:
        now, row = self._clock.now(), watch.untold
        assert row is not None
        kind = KINDS[watch.limit]
        key = cause(kind, watch.account)
        evidence = {
            "account": watch.account, "day": row.day.isoformat(), "value": row.value, "limit": row.limit,
            "coverage": row.coverage, "rule": row.rule, **row.evidence,
        }  # fmt: skip
        trace = station_trace(key, now)
        alert = self._alarms.open(
            connection, Cause(kind, key, trace, customer=customer, evidence=evidence), now
        )
        self._say(connection, NoticeKind.LIMIT, alert, customer, trace, watch.account, watch.limit, row.day)
        return alert

    def _say(
        self,
        connection: Connection,
        kind: NoticeKind,
        alert: int,
        customer: str,
        trace: str,
        account: str,
        limit: Limit,
        day: date,
    ) -> None:
        params = {"account": account, "limit": limit.value, "day": day.isoformat()}
        severity = self._notices.severity(kind)
        self._notices.tell_customer(
            connection, customer, News(alert, kind, severity, params, trace, self._clock.now())
        )


def _customers(connection: Connection, accounts: Collection[str], now: datetime) -> dict[str, str]:
    """By account its customer, of those that anything serves still."""
    table, service = account_table.c, service_table.c
    served = select(service.account).where(service.end.is_(None) | (service.end > now))
    query = select(table.no, table.customer).where(table.no.in_(served))
    return {
        no: customer for part in among(query, table.no, accounts) for no, customer in connection.execute(part)
    }


def _is_promised(promised: Mapping[str, watching.Terms], key: tuple[str, Limit]) -> bool:
    account, limit = key
    return set(TERMS[limit]) <= promised.get(account, {}).keys()


def _open(connection: Connection) -> Open:
    rows = [row for kind in KINDS.values() for row in store.alerts(connection, only_open=True, kind=kind)]
    return {(row.evidence["account"], _LIMITS[row.kind]): row for row in rows}
