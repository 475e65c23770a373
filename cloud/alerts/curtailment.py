"""Tells operators while an approved curtailment list (有序用电) concerns today or tomorrow.

The list is the authority's: nothing is switched, nobody on it is told by the software, and who is protected
or important on it is said with the alert, for a person to take up.
"""

from datetime import date
from typing import Any

from sqlalchemy import Connection, Row

from cloud.alerts import store
from cloud.alerts.actions import Alarms, Cause, station_trace
from cloud.alerts.policy import AlertKind
from cloud.alerts.rules import cause
from cloud.kit.clock import Clock
from cloud.kit.days import DAY, local_day
from cloud.kit.db import Database
from cloud.tiers.response.curtailment import Listing, contradictions, listings


class CurtailmentWatch:
    """`tick` is called by a job; one alert a document, from the day before its first to its last day."""

    def __init__(self, database: Database, alarms: Alarms, clock: Clock, zone: Any) -> None:
        self._database, self._alarms, self._clock, self._zone = database, alarms, clock, zone

    def tick(self) -> None:
        today = local_day(self._clock.now(), self._zone)
        with self._database.read() as connection:
            due, known = _concerns(connection, today), _open(connection)
        if due.keys() != known.keys():
            with self._database.write() as connection:
                self._write(connection, today)

    def _write(self, connection: Connection, today: date) -> None:
        now, due, known = self._clock.now(), _concerns(connection, today), _open(connection)
        for key in sorted(due.keys() - known.keys()):
            trace = station_trace(key, now)
            told = Cause(AlertKind.CURTAILMENT, key, trace, evidence=_evidence(connection, due[key]))
            self._alarms.open(connection, told, now)
        for key in sorted(known.keys() - due.keys()):
            self._alarms.close(connection, known[key].id, now)


def _concerns(connection: Connection, today: date) -> dict[str, Listing]:
    """By cause the lists in force today or tomorrow. The same number with other contents is another list."""
    found = [each for day in (today, today + DAY) for each in listings(connection, on=day)]
    return {cause(AlertKind.CURTAILMENT, each.document_no, each.digest[:16]): each for each in found}


def _evidence(connection: Connection, found: Listing) -> dict[str, Any]:
    return {
        "document_no": found.document_no,
        "authority": found.authority,
        "first": found.first.isoformat(),
        "last": found.last.isoformat(),
        "accounts": len(found.entries),
        "kw": str(found.kw),
        "contradictions": len(contradictions(connection, found)),
    }


def _open(connection: Connection) -> dict[str, Row[Any]]:
    rows = store.alerts(connection, only_open=True, kind=AlertKind.CURTAILMENT)
    return {row.cause: row for row in rows}
