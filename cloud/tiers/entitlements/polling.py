"""Puts promised intervals in force: new settings for a gateway, only when something changes, not too often.

A gateway that has no settings from here is left alone: its own file is not known, and what is not known would
be lost. What a gateway refuses is kept with its reason, and not offered again.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from cloud.customers.store import service_table
from cloud.fleet import configs
from cloud.fleet.history import point_meter
from cloud.fleet.tables import meter_table
from cloud.kit.clock import Clock
from cloud.kit.db import Database
from cloud.kit.errors import Conflict, Invalid
from cloud.tiers.entitlements.document import Polling as Limits
from cloud.tiers.entitlements.intervals import Before, GatewayPlan, Wanted, plan
from cloud.tiers.entitlements.rules import Entitlements, rank
from cloud.tiers.entitlements.store import Promises, of_many
from cloud.tiers.entitlements.tables import interval_table, polling_table
from protocols.mqtt.orders import ConfigState

log = logging.getLogger(__name__)
BY = "entitlements"
HOUR = timedelta(hours=1)


class Outcome(StrEnum):
    """`as_promised`: nothing to change; `set`: new settings are offered; `full`: a line has not the time;
    `left_alone`: no settings or no lines from here; `waiting`: its turn comes later; `refused`: by the check
    here or by the gateway."""

    AS_PROMISED = "as_promised"
    SET = "set"
    FULL = "full"
    LEFT_ALONE = "left_alone"
    WAITING = "waiting"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Done:
    """How many gateways came to what."""

    outcomes: Mapping[Outcome, int]

    def __getitem__(self, outcome: Outcome) -> int:
        return self.outcomes.get(outcome, 0)


class Polling:
    """`say` tells a gateway its newest settings once they are written down."""

    def __init__(
        self, database: Database, promised: Promises, clock: Clock, say: Callable[[str], None]
    ) -> None:
        self._database, self._promised, self._clock, self._say = database, promised, clock, say

    def run(self) -> Done:
        """Look at every gateway; each has a transaction of its own."""
        now = self._clock.now()
        with self._database.read() as connection:
            wanted = _wanted(connection, of_many(connection, self._promised, now), now)
            known = {row.gateway: row for row in connection.execute(select(polling_table))}
        counts: dict[Outcome, int] = {}
        limits = self._promised.policy.value.polling
        for gateway in sorted(wanted.keys() | known.keys()):
            outcome = self._look_at(gateway, wanted.get(gateway, {}), known.get(gateway), limits, now)
            counts[outcome] = counts.get(outcome, 0) + 1
        return Done(counts)

    def _look_at(
        self,
        gateway: str,
        wanted: Mapping[str, Wanted],
        state: Row[Any] | None,
        limits: Limits,
        now: datetime,
    ) -> Outcome:
        with self._database.write() as connection:
            outcome, detail, version = self._decide(connection, gateway, wanted, state, limits, now)
            pushed_at = now if version is not None else (None if state is None else state.pushed_at)
            _note(connection, gateway, outcome, detail, version, now, pushed_at)
        if version is not None:
            self._say(gateway)
        return outcome

    def _decide(
        self,
        connection: Connection,
        gateway: str,
        wanted: Mapping[str, Wanted],
        state: Row[Any] | None,
        limits: Limits,
        now: datetime,
    ) -> tuple[Outcome, str, int | None]:
        """(outcome, why, the version that was written)."""
        newest = next(iter(configs.versions(connection, gateway, limit=1)), None)
        if newest is None or not newest.document.get("line"):
            return Outcome.LEFT_ALONE, "no_settings" if newest is None else "no_lines", None
        planned = plan(newest.document, wanted, _before(connection, gateway), limits.full_line)
        if planned.document == newest.document:
            _keep(connection, gateway, planned, newest.version, now)
            if newest.state == ConfigState.REFUSED:
                return Outcome.REFUSED, newest.detail, None
            full = _full(planned)
            return (Outcome.FULL if full else Outcome.AS_PROMISED), full, None
        if newest.state == configs.OFFERED and newest.by != BY:
            return Outcome.WAITING, "unanswered", None  # it is not known yet whether the gateway takes them
        if newest.state == ConfigState.REFUSED and newest.by != BY:
            return Outcome.REFUSED, newest.detail, None
        if wait := _wait(connection, state, limits, now):
            return Outcome.WAITING, wait, None
        try:
            row, _ = configs.push(
                connection, gateway, planned.document, by=BY, note="", now=now, after=newest.version
            )
        except (Invalid, Conflict) as error:
            return Outcome.REFUSED, str(error)[:500], None
        _keep(connection, gateway, planned, row.version, now)
        log.info("gateway %s: settings of version %d read meters as promised", gateway, row.version)
        return Outcome.SET, _full(planned), int(row.version)


def _full(planned: GatewayPlan) -> str:
    """The lines that lack the time, with the share of it that all promises would take."""
    return "; ".join(f"{name} {load:.2f}" for name, load in sorted(planned.full.items()))[:500]


def _wait(connection: Connection, state: Row[Any] | None, limits: Limits, now: datetime) -> str:
    """Why a gateway gets nothing new yet; empty when it may."""
    last = None if state is None else state.pushed_at
    if last is not None and now - last < timedelta(hours=limits.again_after_h):
        return "again_after"
    lately = select(func.count()).where(polling_table.c.pushed_at > now - HOUR)
    return "" if (connection.scalar(lately) or 0) < limits.gateways_per_hour else "gateways_per_hour"


def _wanted(
    connection: Connection, entitled: Mapping[str, Entitlements], now: datetime
) -> dict[str, dict[str, Wanted]]:
    """By gateway and meter the shortest interval that is promised to an account it serves."""
    found: dict[str, dict[str, Wanted]] = {}
    for row in connection.execute(_serving(now)):
        each = entitled.get(row.account)
        if each is None or each.interval_s is None:
            continue
        wanted = Wanted(each.interval_s, row.account, each.terms["interval_s"].rule, rank(each))
        of_gateway = found.setdefault(row.gateway, {})
        there = of_gateway.get(row.meter)
        if there is None or (wanted.interval_s, wanted.rank) < (there.interval_s, there.rank):
            of_gateway[row.meter] = wanted
    return found


def _serving(now: datetime) -> Any:
    """(account, meter, gateway) of every service that holds now."""
    service, hung = service_table.c, point_meter.c
    return (
        select(service.account, hung.meter, meter_table.c.gateway)
        .select_from(service_table)
        .join(point_meter, (hung.point == service.point) & hung.withdrawn_at.is_(None))
        .join(meter_table, meter_table.c.id == hung.meter)
        .where(*(each.start <= now for each in (service, hung)))
        .where(*(each.end.is_(None) | (each.end > now) for each in (service, hung)))
    )


def _before(connection: Connection, gateway: str) -> dict[str, Before]:
    table = interval_table.c
    query = select(interval_table).where(table.gateway == gateway, table.interval_s.is_not(None))
    return {row.meter: Before(row.before_s, row.interval_s) for row in connection.execute(query)}


def _keep(connection: Connection, gateway: str, planned: GatewayPlan, version: int, now: datetime) -> None:
    """What is planned now for each meter, in place of what was."""
    rows: list[dict[str, Any]] = [
        {
            "meter": each.meter,
            "gateway": gateway,
            "account": each.wanted.account,
            "rule": each.wanted.rule,
            "promised_s": each.wanted.interval_s,
            "before_s": each.before_s,
            "interval_s": each.set_s,
            "version": version if each.kept else None,
        }
        for each in planned.meters
    ]
    mine = interval_table.c.gateway == gateway
    names = [column for column in interval_table.c if column.name != "at"]
    there = [dict(row._mapping) for row in connection.execute(select(*names).where(mine))]
    if sorted(there, key=_meter) == sorted(rows, key=_meter):
        return
    connection.execute(delete(interval_table).where(mine))
    if rows:
        gone = interval_table.c.meter.in_([row["meter"] for row in rows])
        connection.execute(delete(interval_table).where(gone))  # a meter that moved from another gateway
        connection.execute(insert(interval_table), [row | {"at": now} for row in rows])


def _meter(row: Mapping[str, Any]) -> str:
    return str(row["meter"])


def _note(
    connection: Connection,
    gateway: str,
    outcome: Outcome,
    detail: str,
    version: int | None,
    now: datetime,
    pushed_at: datetime | None,
) -> None:
    mine = polling_table.c.gateway == gateway
    before = connection.execute(select(polling_table).where(mine)).one_or_none()
    kept = version if version is not None or before is None else before.version
    row = {"state": outcome.value, "detail": detail, "version": kept, "pushed_at": pushed_at}
    if before is None:
        connection.execute(insert(polling_table).values(gateway=gateway, at=now, **row))
    elif any(before._mapping[name] != value for name, value in row.items()):
        connection.execute(update(polling_table).where(mine).values(at=now, **row))


def states(connection: Connection) -> list[Row[Any]]:
    """What became of the plan at each gateway."""
    return list(connection.execute(select(polling_table).order_by(polling_table.c.gateway)))
