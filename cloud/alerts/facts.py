"""Gathers what is known now of gateways, lines and meters into the one picture that the rules judge.

A gateway brings in its areas, and an area every gateway that reaches into it, so that areas and lines are
seen whole. Silences are kept here from one health to the next, in their gateway's own time.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from cloud.alerts import store
from cloud.alerts.policy import SupplyPolicy
from cloud.alerts.rules import Broker, Gateway, Line, Meter, Picture, Silence, dated_anew, silent_since
from cloud.fleet.gateways import health_in, state_table
from cloud.fleet.registry import meter_table
from cloud.kit.scope import WHOLE_STATION
from cloud.metering.store import Latest, ReadingStore, instant
from protocols.mqtt.messages import Health, MeterHealth, Supply
from protocols.readings import Source

VOLTAGES = frozenset(f"voltage_l{n}_v" for n in (1, 2, 3))


@dataclass(frozen=True, slots=True)
class Voltages:
    """Volts of one instant; not `whole` when the meter has a phase that the instant lacks."""

    values: tuple[float, ...]
    at: datetime
    whole: bool


def note_silences(connection: Connection, health: Health, policy: SupplyPolicy) -> bool:
    """Keep since when each meter of a gateway is silent; whether any of them is."""
    known = store.silences(connection, (meter.meter for meter in health.meters))
    at = instant(health.at_ms)
    told = [_silence(meter, known.get(meter.meter), at, policy) for meter in health.meters]
    dated = dated_anew(told, at)
    for meter, since in dated.items():
        if since != known.get(meter):
            store.save_silence(connection, meter, since)
    return any(since is not None for since in dated.values())


def _silence(meter: MeterHealth, before: datetime | None, at: datetime, policy: SupplyPolicy) -> Silence:
    answered_at = None if meter.answered_at_ms is None else instant(meter.answered_at_ms)
    since = silent_since(before, meter.unanswered, answered_at, at, policy.silent_after)
    return Silence(meter.meter, meter.line, before, since, answered_at)


def gather(
    connection: Connection, readings: ReadingStore, gateways: Iterable[str], broker: Broker, now: datetime
) -> Picture:
    """The picture around some gateways."""
    areas = _areas(connection, gateways)
    meters = _meters(connection, areas)
    known = [meter.id for meter in meters]
    names = sorted({meter.gateway for meter in meters} | set(gateways))
    states = _states(connection, names)
    healths = {name: health_in(row) for name, row in states.items()}
    voltages = _voltages(readings, [meter.id for meter in meters if healths.get(meter.gateway)])
    silences = store.silences(connection, known)
    given_up = store.given_up(connection, known)
    answered = _answered(healths)
    return Picture(
        now,
        broker,
        tuple(areas),
        tuple(_gateway(name, states.get(name), healths.get(name)) for name in names),
        tuple(_lines(healths)),
        tuple(
            _meter(meter, silences, answered, voltages.get(meter.id), meter.id in given_up)
            for meter in meters
        ),
        store.dark_meters(connection, known),
    )


def _areas(connection: Connection, gateways: Iterable[str]) -> list[str]:
    query = select(meter_table.c.area).where(meter_table.c.gateway.in_(sorted(set(gateways)))).distinct()
    return sorted(connection.scalars(query))


def _meters(connection: Connection, areas: Sequence[str]) -> Sequence[Row[Any]]:
    """Every meter of these areas, and every other one of the gateways that reach into them."""
    reaching = select(meter_table.c.gateway).where(meter_table.c.area.in_(areas))
    mine = meter_table.c.area.in_(areas) | meter_table.c.gateway.in_(reaching)
    query = select(meter_table).where(mine, meter_table.c.installed).order_by(meter_table.c.id)
    return connection.execute(query).all()


def _states(connection: Connection, names: Sequence[str]) -> dict[str, Row[Any]]:
    rows = connection.execute(select(state_table).where(state_table.c.gateway.in_(names)))
    return {row.gateway: row for row in rows}


def _answered(healths: Mapping[str, Health | None]) -> dict[str, datetime]:
    return {
        meter.meter: instant(meter.answered_at_ms)
        for health in healths.values()
        for meter in (health.meters if health else ())
        if meter.answered_at_ms is not None
    }


def _gateway(name: str, row: Row[Any] | None, health: Health | None) -> Gateway:
    if row is None or health is None or row.health_at is None:
        return Gateway(name, None if row is None else row.heard_at, None, False, Supply.UNKNOWN)
    left = not row.online and row.online_since is not None and row.online_since > row.health_at
    ahead = row.health_at - instant(health.at_ms)
    return Gateway(name, row.heard_at, row.health_at, left, health.supply, ahead, health.every_s)


def _lines(healths: Mapping[str, Health | None]) -> Iterable[Line]:
    for gateway, health in sorted(healths.items()):
        for line in health.lines if health else ():
            yield Line(gateway, line.line, line.connected)


def _meter(
    row: Row[Any],
    silences: Mapping[str, datetime],
    answered: Mapping[str, datetime],
    seen: Voltages | None,
    given_up: bool,
) -> Meter:
    times = [at for at in (answered.get(row.id), seen.at if seen else None) if at is not None]
    return Meter(
        row.id,
        row.area,
        row.gateway,
        row.line,
        row.role == "area",
        row.interval_s,
        silences.get(row.id),
        max(times, default=None),
        seen.values if seen else (),
        seen.at if seen else None,
        seen.whole if seen else True,
        given_up,
    )


def _voltages(readings: ReadingStore, meters: Sequence[str]) -> dict[str, Voltages]:
    if not meters:
        return {}
    by_meter: dict[str, list[Latest]] = defaultdict(list)
    for each in readings.latest(WHOLE_STATION, meters):
        if each.quantity in VOLTAGES and each.source is Source.POLLED:
            by_meter[each.meter].append(each)
    return {meter: _newest(values) for meter, values in by_meter.items()}


def _newest(values: Sequence[Latest]) -> Voltages:
    at_ms = max(each.at_ms for each in values)
    newest = tuple(float(each.value) for each in values if each.at_ms == at_ms)
    return Voltages(newest, instant(at_ms), len(newest) == len(values))
