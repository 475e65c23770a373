"""Watches the station: gathers the picture, lets the rules judge it, and keeps alerts, orders and notices.

Everything one evaluation finds is written in the caller's one transaction, so a crash leaves all of it or
nothing, and the next evaluation of the same facts adds nothing. It is called when a health message comes,
when readings are stored, and by a tick that sees what time alone brings.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from cloud.alerts import store
from cloud.alerts.actions import Alarms, Cause, health_trace, station_trace
from cloud.alerts.facts import VOLTAGES, gather, note_silences
from cloud.alerts.notify import News, Notices, told
from cloud.alerts.policy import AlertKind, AlertPolicy, NoticeKind
from cloud.alerts.restoration import OutMeter, Sighting, Step, follow
from cloud.alerts.rules import Broker, Dark, Judgement, Picture, State, Verdict, cause, judge
from cloud.customers.store import Served, customers_of_meters
from cloud.fleet import gateways, registry
from cloud.kit.clock import Clock
from cloud.kit.db import Database
from cloud.metering.packing import any_all_below
from cloud.metering.store import BatchOfReadings, ReadingStore, ms
from protocols.mqtt.messages import Health
from protocols.readings import Reading, trace_id

GROUP = 5
"""Gateways that a tick judges in one transaction: it holds up every message that comes meanwhile."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An outage that needs an order; told again when more customers have joined it."""

    alert: int
    area: str
    customers: int
    at: datetime
    trace: str


@dataclass(frozen=True, slots=True)
class Promise:
    """What an outage's order lets us tell its customers."""

    order: str
    earliest: datetime | None
    latest: datetime | None


@dataclass(frozen=True, slots=True)
class Calls:
    """What lies above alerts and is woken by them; each takes the open transaction."""

    order_of: Callable[[Connection, Opened], Promise]
    supply_returned: Callable[[Connection, int, datetime], None]


class Watch:
    """`broker` tells of the cloud's own link at the moment it is asked."""

    def __init__(
        self,
        policy: AlertPolicy,
        readings: ReadingStore,
        notices: Notices,
        calls: Calls,
        broker: Callable[[], Broker],
        clock: Clock,
    ) -> None:
        self._policy = policy
        self._readings = readings
        self._notices = notices
        self._calls = calls
        self._broker = broker
        self._clock = clock
        self._alarms = Alarms(policy, notices)

    def on_health(self, connection: Connection, health: Health, before: Health | None = None) -> None:  # noqa: ARG002
        """After a gateway's health has been kept, in the same transaction."""
        silent = note_silences(connection, health, self._policy.supply)
        troubled = silent or not all(line.connected for line in health.lines)
        if troubled or health.gateway in store.watched_gateways(connection):
            self.evaluate(connection, [health.gateway])

    def on_stored(self, connection: Connection, batch: BatchOfReadings, _: Sequence[Reading]) -> None:
        """After a batch has been stored, in the transaction that notes it."""
        self.on_stored_together(connection, [batch])

    def on_stored_together(
        self, connection: Connection, batches: Sequence[BatchOfReadings], _: Sequence[Reading] = ()
    ) -> None:
        """As `on_stored` of each, but a gateway is judged once."""
        below_v = self._policy.supply.dark_below_v
        touched = {batch.gateway for batch in batches}
        dark = {batch.gateway for batch in batches if any_all_below(batch.as_bytes(), VOLTAGES, below_v)}
        for gateway in sorted(dark | (touched & store.watched_gateways(connection))):
            self.evaluate(connection, [gateway])

    def tick(self, database: Database) -> None:
        """What time alone brings: gateways not heard any more, causes that stood or stayed away for long.

        A few gateways to a transaction, so that messages are taken in between however large the storm is.
        """
        with database.read() as connection:
            groups = self.due(connection)
        for group in groups:
            with database.write() as connection:
                self.evaluate(connection, group)

    def due(self, connection: Connection) -> list[list[str]]:
        """The gateways a tick has to look at, in groups; an empty one looks at the broker alone.

        Time tells nothing of them while the broker is down, nor of one that is already known to be dark
        unless an outage lies behind it.
        """
        if not self._broker().up:
            return [[]]
        missed = gateways.missed(connection, self._clock.now(), self._policy.supply.heard_within)
        idle = missed & store.dark_gateways(connection) - store.gateways_of_outages(connection)
        around = sorted((missed | store.watched_gateways(connection)) - idle)
        return [around[first : first + GROUP] for first in range(0, len(around), GROUP)] or [[]]

    def evaluate(self, connection: Connection, around: Iterable[str]) -> None:
        """Judge what is known around some gateways and write down what follows from it."""
        around, now = list(around), self._clock.now()
        picture = gather(connection, self._readings, around, self._broker(), now)
        judgement = judge(picture, self._policy.supply)
        sightings = {m.id: Sighting(judgement.states[m.id], m.voltages_at) for m in picture.meters}
        for alert in store.outages_with_dark(connection, picture.areas):
            self._follow(connection, alert, sightings, judgement, now)
        self._settle(connection, judgement, picture)

    # One outage, from step to step

    def _follow(
        self,
        connection: Connection,
        alert: Row[Any],
        sightings: Mapping[str, Sighting],
        judgement: Judgement,
        now: datetime,
    ) -> None:
        still_open = alert.closed_at is None
        rows = store.out_meters(connection, alert.id)
        dark = judgement.dark.get(alert.area, ()) if still_open else ()
        step = follow(rows, sightings, dark, now, self._policy.supply)
        if not step.changed and not step.over:
            return
        store.save_out_meters(connection, alert.id, step.changed)
        rows |= {row.meter: row for row in step.changed}
        if step.joined:
            evidence = alert.evidence | {"meters": alert.evidence["meters"] + _evidence(step.joined)}
            store.change(connection, alert.id, evidence=evidence)
            self._tell_outage(connection, alert.id, alert.area, rows, alert.opened_at, alert.trace, now)
        self._tell_restored(connection, alert, rows, step, now)
        if still_open and step.over:
            self._end(connection, alert, step, now)

    def _end(self, connection: Connection, alert: Row[Any], step: Step, now: datetime) -> None:
        self._alarms.close(connection, alert.id, now)
        self._calls.supply_returned(connection, alert.id, now)
        for row in registry.meters(connection, step.left_dark):
            key = cause(AlertKind.METER_SILENT, row.id)
            if key not in store.open_by_cause(connection, [key]):
                where = {"area": row.area, "gateway": row.gateway, "line": row.line, "meter": row.id}
                left = Cause(AlertKind.METER_SILENT, key, alert.trace, **where)
                self._alarms.open(connection, replace(left, evidence={"left_by_alert": alert.id}), now)

    def _open_outage(self, connection: Connection, verdict: Verdict, picture: Picture, now: datetime) -> None:
        assert verdict.area is not None
        trace = _trace(verdict.dark, picture)
        evidence = {"meters": _evidence(verdict.dark), "gateways": _gateways(verdict.dark, picture)}
        found = Cause(AlertKind.AREA_OUTAGE, verdict.cause, trace, verdict.area, evidence=evidence)
        alert = self._alarms.open(connection, found, now)
        rows = {each.meter: OutMeter(each.meter, each.at) for each in verdict.dark}
        store.save_out_meters(connection, alert, rows.values())
        self._tell_outage(connection, alert, verdict.area, rows, now, trace, now)

    def _tell_outage(
        self,
        connection: Connection,
        alert: int,
        area: str,
        rows: Mapping[str, OutMeter],
        opened_at: datetime,
        trace: str,
        now: datetime,
    ) -> None:
        """The order, then one notice to everybody whose own meter is dark."""
        served = customers_of_meters(connection, rows, opened_at)
        everybody = {each.customer for each in served}
        promise = self._calls.order_of(connection, Opened(alert, area, len(everybody), opened_at, trace))
        store.change(connection, alert, order_number=promise.order)
        dark = [each for each in served if rows[each.meter].restored_at is None]
        kind = NoticeKind.OUTAGE
        about = _about(connection, area, promise, opened_at)
        for customer in sorted({each.customer for each in dark}):
            params = about | {"accounts": _accounts(dark, customer)}
            news = News(alert, kind, self._notices.severity(kind), params, trace, now)
            self._notices.tell_customer(connection, customer, news)

    def _tell_restored(
        self,
        connection: Connection,
        alert: Row[Any],
        rows: Mapping[str, OutMeter],
        step: Step,
        now: datetime,
    ) -> None:
        """Who was told of the outage, and of whose meters none is dark any more."""
        if not step.restored:
            return
        served = customers_of_meters(connection, rows, alert.opened_at)
        waiting = {each.customer for each in served if rows[each.meter].restored_at is None}
        back = {each.customer for each in served if each.meter in step.restored} - waiting
        promise = Promise(alert.order_number, None, None)
        kind = NoticeKind.RESTORED
        about = _about(connection, alert.area, promise, alert.opened_at)
        for customer in sorted(back):
            if told(connection, alert.id, customer).get(NoticeKind.OUTAGE):
                params = about | {"accounts": _accounts(served, customer)}
                news = News(alert.id, kind, self._notices.severity(kind), params, alert.trace, now)
                self._notices.tell_customer(connection, customer, news)

    # Every cause, whether it stands long enough

    def _settle(self, connection: Connection, judgement: Judgement, picture: Picture) -> None:
        causes = {verdict.cause for verdict in judgement.present} | judgement.absent
        alerts = store.open_by_cause(connection, causes)
        suspected = store.suspicions(connection, causes)
        for verdict in judgement.present:
            if verdict.cause not in alerts:
                self._suspect(connection, verdict, suspected.get(verdict.cause), picture)
            elif alerts[verdict.cause].gone_since is not None:
                store.change(connection, alerts[verdict.cause].id, gone_since=None)
        store.trust(connection, judgement.absent & suspected.keys())
        for key in sorted(judgement.absent & alerts.keys()):
            self._absent(connection, alerts[key], picture.now)

    def _suspect(
        self, connection: Connection, verdict: Verdict, since: datetime | None, picture: Picture
    ) -> None:
        after = timedelta(seconds=self._policy.kinds[verdict.kind].after_s)
        if after and since is None:
            store.suspect(connection, verdict.cause, verdict.gateway, picture.now)
        elif not after or (since is not None and picture.now - since >= after):
            self._open(connection, verdict, picture)

    def _open(self, connection: Connection, verdict: Verdict, picture: Picture) -> None:
        if verdict.kind is AlertKind.AREA_OUTAGE:
            self._open_outage(connection, verdict, picture, picture.now)
            return
        trace = station_trace(verdict.cause, picture.now)
        found = Cause(
            verdict.kind,
            verdict.cause,
            trace,
            area=verdict.area,
            gateway=verdict.gateway,
            line=verdict.line,
            meter=verdict.meter,
        )
        self._alarms.open(connection, found, picture.now)

    def _absent(self, connection: Connection, alert: Row[Any], now: datetime) -> None:
        clear = timedelta(seconds=self._policy.kinds[AlertKind(alert.kind)].clear_s)
        if now - (alert.gone_since or now) >= clear:
            self._alarms.close(connection, alert.id, now)
        elif alert.gone_since is None:
            store.change(connection, alert.id, gone_since=now)


def _evidence(dark: Iterable[Dark]) -> list[dict[str, Any]]:
    return [
        {
            "meter": each.meter,
            "shows": each.evidence.value,
            "at": each.at.isoformat(),
            "witness": each.witness,
        }
        for each in dark
    ]


def _gateways(dark: Iterable[Dark], picture: Picture) -> list[dict[str, Any]]:
    behind = {meter.id: meter.gateway for meter in picture.meters}
    used = {behind[each.meter] for each in dark}
    return [
        {"gateway": each.id, "heard_at": each.health_at.isoformat(), "supply": each.supply}
        for each in picture.gateways
        if each.id in used and each.health_at is not None
    ]


def _trace(dark: Iterable[Dark], picture: Picture) -> str:
    """Of the newest evidence: the reading that showed no voltage, or the health that told of the silence."""
    behind = {meter.id: meter.gateway for meter in picture.meters}
    newest = max(dark, key=lambda each: each.at)
    if newest.evidence is State.NO_VOLTAGE:
        return trace_id(newest.meter, ms(newest.at))
    return health_trace(behind[newest.meter], newest.at)


def _about(connection: Connection, area: str, promise: Promise, opened_at: datetime) -> dict[str, Any]:
    """What every notice of an outage says: place, order, times; never a figure of usage."""
    return {
        "area": area,
        "area_name": registry.area_names(connection, [area]).get(area, area),
        "order": promise.order,
        "opened_at": opened_at.isoformat(),
        "earliest": promise.earliest.isoformat() if promise.earliest else None,
        "latest": promise.latest.isoformat() if promise.latest else None,
    }


def _accounts(served: Iterable[Served], customer: str) -> list[str]:
    return sorted({each.account for each in served if each.customer == customer})
