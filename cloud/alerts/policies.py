"""Looks whether a policy's file has changed: a good one comes into force, of a wrong one operators are told.

The alert says file, line and reason; it ends when the file is mended, and until then the old policy runs.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from cloud.alerts import store
from cloud.alerts.actions import Alarms, Cause, station_trace
from cloud.alerts.policy import AlertKind
from cloud.alerts.rules import cause
from cloud.kit.clock import Clock
from cloud.kit.db import Database
from cloud.policies.current import Current

MOST = 500


class PolicyWatch:
    """`tick` is called by a job; nothing is written while nothing has changed."""

    def __init__(
        self, policies: Sequence[Current[Any]], alarms: Alarms, database: Database, clock: Clock
    ) -> None:
        self._policies, self._alarms = tuple(policies), alarms
        self._database, self._clock = database, clock

    def tick(self) -> None:
        for each in self._policies:
            each.refresh()
        wrong = _wrong(self._policies)
        with self._database.read() as connection:
            known = store.open_by_cause(connection, [_key(each) for each in self._policies])
        if wrong.keys() != known.keys():
            with self._database.write() as connection:
                self._write(connection, wrong, self._clock.now())

    def _write(self, connection: Connection, wrong: dict[str, str], now: datetime) -> None:
        known = store.open_by_cause(connection, [_key(each) for each in self._policies])
        for key in wrong.keys() - known.keys():
            evidence = {"refused": wrong[key][:MOST]}
            trace = station_trace(key, now)
            self._alarms.open(connection, Cause(AlertKind.POLICY_REFUSED, key, trace, evidence=evidence), now)
        for key in known.keys() - wrong.keys():
            self._alarms.close(connection, known[key].id, now)


def _wrong(policies: Sequence[Current[Any]]) -> dict[str, str]:
    """By cause what is refused. Of one mistake that several policies are held against, only the first tells:
    that of the fewest files."""
    told: dict[str, str] = {}
    for each in sorted(policies, key=lambda policy: len(policy.names)):
        if each.refused is not None:
            told.setdefault(each.refused, _key(each))
    return {key: refused for refused, key in told.items()}


def _key(policy: Current[Any]) -> str:
    return cause(AlertKind.POLICY_REFUSED, "+".join(policy.names))
