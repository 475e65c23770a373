"""Tells customers that a limit which they are promised to be watched was passed, and when it is kept again.

One alert per account and limit at a time; it ends after some judged days within the limit, or when nobody
promises it any more. Days of which too little is known open nothing and end nothing.
"""

from collections.abc import Collection, Mapping
from datetime import date, timedelta
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
        policy = self._watchman.promised.policy.value.watch
        today = self._clock.now().astimezone(self._watchman.promised.zone).date()
        since = today - timedelta(days=policy.look_back_days + 2 * policy.close_days)
        with self._database.read() as connection:
            found, known = watching.watches(connection, since), _open(connection)
            promised = watching.promised_on(connection, self._watchman.promised, today)
            customers = _customers(connection, {account for account, _ in [*found, *known]})
        due = {
            key: watch
            for key, watch in found.items()
            if watch.untold is not None and not watch.is_over(policy.close_days)
            if key[0] in customers and _is_promised(promised, key)
        }
        over = [
            key
            for key in known
            if key[0] not in customers
            or not _is_promised(promised, key)
            or (key in found and found[key].is_over(policy.close_days))
        ]
        if due or over:
            with self._database.write() as connection:
                self._write(connection, due, over, _open(connection), customers)

    def _write(
        self,
        connection: Connection,
        due: Found,
        over: list[tuple[str, Limit]],
        known: Open,
        customers: Mapping[str, str],
    ) -> None:
        for key, watch in sorted(due.items()):
            alert = known[key].id if key in known else self._open_one(connection, watch, customers[key[0]])
            watching.note_alert(connection, *key, watch.days[-1].day, alert)
        for key in sorted(over):
            if key in known and key not in due:
                self._close(connection, key, known[key])

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

    def _close(self, connection: Connection, key: tuple[str, Limit], row: Row[tuple[object, ...]]) -> None:
        now = self._clock.now()
        self._alarms.close(connection, row.id, now)
        today = now.astimezone(self._watchman.promised.zone).date()
        if row.customer is not None:
            self._say(connection, NoticeKind.LIMIT_OVER, row.id, row.customer, row.trace, *key, today)

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


def _customers(connection: Connection, accounts: Collection[str]) -> dict[str, str]:
    """By account its customer, of those that anything serves still."""
    table = account_table.c
    query = select(table.no, table.customer).where(
        table.no.in_(select(service_table.c.account).where(service_table.c.end.is_(None)))
    )
    return {
        no: customer for part in among(query, table.no, accounts) for no, customer in connection.execute(part)
    }


def _is_promised(promised: Mapping[str, watching.Terms], key: tuple[str, Limit]) -> bool:
    account, limit = key
    return set(TERMS[limit]) <= promised.get(account, {}).keys()


def _open(connection: Connection) -> Open:
    rows = [row for kind in KINDS.values() for row in store.alerts(connection, only_open=True, kind=kind)]
    return {(row.evidence["account"], _LIMITS[row.kind]): row for row in rows}
