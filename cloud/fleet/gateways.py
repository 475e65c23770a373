"""What is known of each gateway: whether it is heard, its epoch, its supply, and the health of its meters.

A retained message tells what was, not that the gateway is there now: it never counts as being heard.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from cloud.fleet.registry import gateway_table, meter_table
from cloud.kit.db import Instant, metadata
from protocols.mqtt.messages import Health, MeterHealth, Status, Supply

SILENT_AFTER = 2
"""Asks in a row without an answer from which a meter counts as silent."""

state_table = Table(
    "gateway_state",
    metadata,
    Column("gateway", ForeignKey("gateway.id"), primary_key=True),
    Column("online", Boolean, nullable=False, default=False),
    Column("online_since", Instant),
    Column("heard_at", Instant),
    Column("data_at", Instant),
    Column("epoch", String(64)),
    Column("health", JSON),
    Column("health_at", Instant),
)
note_table = Table(
    "gateway_note",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("gateway", ForeignKey("gateway.id"), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("detail", String(200), nullable=False),
    Column("at", Instant, nullable=False),
    Index(None, "gateway", "kind"),
)
EPOCH_CHANGED = "epoch_changed"
EPOCH_REUSED = "epoch_reused"
LETTERS_FULL = "dead_letters_full"
KEPT_NOTES = 50
"""Of each gateway: one that changes its epoch all the time fills no disk."""


@dataclass(frozen=True, slots=True)
class MeterState:
    """A meter as its gateway told last; `unanswered` is None when the gateway never spoke of it."""

    meter: str
    role: str
    phase: str | None
    area: str
    gateway: str
    line: str
    unanswered: int | None
    answered_at: datetime | None
    heard_at: datetime | None

    @property
    def silent(self) -> bool:
        return self.unanswered is not None and self.unanswered >= SILENT_AFTER


def known(connection: Connection, gateway: str) -> bool:
    """Whether the registry has this gateway."""
    return (
        connection.execute(select(gateway_table.c.id).where(gateway_table.c.id == gateway)).first()
        is not None
    )


def meters_of(connection: Connection, gateway: str) -> set[str]:
    """The meters the registry hangs on this gateway: it may speak of no others."""
    return set(connection.scalars(select(meter_table.c.id).where(meter_table.c.gateway == gateway)))


def meters_of_all(connection: Connection, names: Collection[str]) -> dict[str, set[str]]:
    """As `meters_of`, of those of these that the registry has."""
    found: dict[str, set[str]] = {}
    for name, meter in connection.execute(_HANG_ON, {"names": list(names)}):
        meters = found.setdefault(name, set())
        if meter is not None:
            meters.add(meter)
    return found


def heard(connection: Connection, gateway: str, at: datetime) -> None:
    """Whoever speaks is online, whatever a late last will said."""
    _hear(connection, gateway, state(connection, gateway), at)


def data_came(connection: Connection, gateway: str, at: datetime) -> None:
    _hear(connection, gateway, state(connection, gateway), at, data_at=at)


def data_came_from(connection: Connection, names: Collection[str], at: datetime) -> None:
    """As `data_came` of each: two statements for all that are online already, as nearly all are."""
    online = set(connection.scalars(_ONLINE, {"names": list(names)}))
    if online:
        connection.execute(_CAME, [{"of_gateway": name, "came_at": at} for name in sorted(online)])
    for name in sorted(set(names) - online):
        data_came(connection, name, at)


def take_status(connection: Connection, status: Status, at: datetime, *, retained: bool = False) -> bool:
    """Keep what a gateway, or the broker as its last will, says; True when it turned on- or offline."""
    before = state(connection, status.gateway)
    turned = before is None or before.online_since is None or before.online != status.online
    changes: dict[str, Any] = {"online": status.online} | ({"online_since": at} if turned else {})
    if status.online and not retained:
        changes["heard_at"] = at
        _note_epoch(connection, status.gateway, before, status.epoch, at)
        changes["epoch"] = status.epoch
    _put(connection, status.gateway, **changes)
    return turned


def take_health(connection: Connection, health: Health, at: datetime) -> Health | None:
    """Keep a health message; gives the one before."""
    before = state(connection, health.gateway)
    _note_epoch(connection, health.gateway, before, health.epoch, at)
    content = msgspec.to_builtins(health)
    _hear(connection, health.gateway, before, at, health_at=at, epoch=health.epoch, health=content)
    return None if before is None else health_in(before)


def note(connection: Connection, gateway: str, kind: str, detail: str, at: datetime) -> None:
    """Write down, once, what an operator should be told of."""
    same = (note_table.c.gateway == gateway) & (note_table.c.kind == kind) & (note_table.c.detail == detail)
    if connection.execute(select(note_table.c.id).where(same)).first() is not None:
        return
    connection.execute(insert(note_table).values(gateway=gateway, kind=kind, detail=detail[:200], at=at))
    mine = note_table.c.gateway == gateway
    newest = select(note_table.c.id).where(mine).order_by(note_table.c.id.desc())
    oldest = connection.scalar(newest.offset(KEPT_NOTES - 1).limit(1))
    if oldest is not None:
        connection.execute(delete(note_table).where(mine, note_table.c.id < oldest))


def notes(connection: Connection, *, after: int = 0) -> Sequence[Row[Any]]:
    """(id, gateway, kind, detail, at) of the notes behind `after`, oldest first."""
    return connection.execute(
        select(note_table).where(note_table.c.id > after).order_by(note_table.c.id)
    ).all()


def state(connection: Connection, gateway: str) -> Row[Any] | None:
    return connection.execute(select(state_table).where(state_table.c.gateway == gateway)).one_or_none()


def states(connection: Connection) -> Sequence[Row[Any]]:
    """The state of every gateway that ever spoke, in order of name."""
    return connection.execute(select(state_table).order_by(state_table.c.gateway)).all()


def health_of(connection: Connection, gateway: str) -> Health | None:
    """The newest health message of a gateway."""
    row = state(connection, gateway)
    return None if row is None else health_in(row)


def missed(connection: Connection, now: datetime, within: Callable[[float], timedelta]) -> set[str]:
    """The gateways that spoke once and are overdue; one that never spoke is missed by nobody.

    `within`: how long the word is good of a gateway that speaks every so many seconds.
    """
    rows = connection.execute(select(state_table).where(state_table.c.heard_at < now - within(0.0)))
    return {row.gateway for row in rows if row.heard_at < now - within(_pace_s(row))}


def _pace_s(row: Row[Any]) -> float:
    health = health_in(row)
    return health.every_s if health else 0.0


def data_overdue(
    connection: Connection, now: datetime, *, heard_within: timedelta, after: timedelta
) -> set[str]:
    """Gateways that are heard and say they hold unsettled batches, of which none came for so long.

    Either their data do not get through, or we do not settle them: a person should look.
    """
    rows = connection.execute(select(state_table).where(state_table.c.heard_at >= now - heard_within))
    return {row.gateway for row in rows if _holds_data_since(row, now - after)}


def _holds_data_since(row: Row[Any], limit: datetime) -> bool:
    health = health_in(row)
    if health is None or not health.backlog_batches or health.oldest_at_ms is None:
        return False
    return (row.data_at is None or row.data_at < limit) and _at(health.oldest_at_ms) < limit


def meters_of_areas(connection: Connection, areas: Collection[str]) -> list[MeterState]:
    """Every meter of these areas with what its gateway last told of it, in order of name."""
    query = select(meter_table).where(meter_table.c.area.in_(sorted(areas)), meter_table.c.installed)
    query = query.order_by(meter_table.c.id)
    return _with_health(connection, connection.execute(query).all())


def meters_of_line(connection: Connection, gateway: str, line: str) -> list[MeterState]:
    mine = (meter_table.c.gateway == gateway, meter_table.c.line == line, meter_table.c.installed)
    query = select(meter_table).where(*mine)
    return _with_health(connection, connection.execute(query.order_by(meter_table.c.id)).all())


def line_witness(connection: Connection, gateway: str, line: str, since: datetime) -> str | None:
    """A meter of that line which answered last time it was asked, at `since` or later: the line is alive."""
    for meter in meters_of_line(connection, gateway, line):
        if meter.unanswered == 0 and meter.answered_at is not None and meter.answered_at >= since:
            return meter.meter
    return None


def supply(connection: Connection, gateway: str) -> Supply:
    """What feeds the gateway itself, by its own word."""
    health = health_of(connection, gateway)
    return Supply.UNKNOWN if health is None else health.supply


def _with_health(connection: Connection, meters: Iterable[Row[Any]]) -> list[MeterState]:
    rows: dict[str, tuple[datetime | None, dict[str, MeterHealth]]] = {}
    found = []
    for meter in meters:
        if meter.gateway not in rows:
            rows[meter.gateway] = _told(connection, meter.gateway)
        heard_at, told = rows[meter.gateway]
        found.append(_meter_state(meter, heard_at, told.get(meter.id)))
    return found


def _told(connection: Connection, gateway: str) -> tuple[datetime | None, dict[str, MeterHealth]]:
    row = state(connection, gateway)
    health = None if row is None else health_in(row)
    if row is None or health is None:
        return None, {}
    return row.heard_at, {meter.meter: meter for meter in health.meters}


def _meter_state(meter: Row[Any], heard_at: datetime | None, told: MeterHealth | None) -> MeterState:
    answered = None if told is None or told.answered_at_ms is None else _at(told.answered_at_ms)
    return MeterState(
        meter.id,
        meter.role,
        meter.phase,
        meter.area,
        meter.gateway,
        meter.line,
        None if told is None else told.unanswered,
        answered,
        heard_at,
    )


def _note_epoch(
    connection: Connection, gateway: str, before: Row[Any] | None, epoch: str, at: datetime
) -> None:
    if before is not None and before.epoch not in (None, epoch):
        note(connection, gateway, EPOCH_CHANGED, f"{before.epoch} to {epoch}", at)


def _hear(connection: Connection, gateway: str, before: Row[Any] | None, at: datetime, **values: Any) -> None:
    if before is None or not before.online:
        values |= {"online": True, "online_since": at}
    _put(connection, gateway, heard_at=at, **values)


def _put(connection: Connection, gateway: str, **values: Any) -> None:
    changed = connection.execute(update(state_table).where(state_table.c.gateway == gateway).values(values))
    if not changed.rowcount:
        connection.execute(insert(state_table).values(gateway=gateway, **values))


def health_in(row: Row[Any]) -> Health | None:
    """The newest health message in a row of `states`."""
    return None if row.health is None else msgspec.convert(row.health, Health)


def _at(at_ms: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)


# for every group of batches, so made once: to put a statement together costs more than to execute it
_ONLINE = select(state_table.c.gateway).where(
    state_table.c.online.is_(True), state_table.c.gateway.in_(bindparam("names", expanding=True))
)
_CAME = (
    update(state_table)
    .where(state_table.c.gateway == bindparam("of_gateway"))
    .values(heard_at=bindparam("came_at"), data_at=bindparam("came_at"))
)
_HANG_ON = (
    select(gateway_table.c.id, meter_table.c.id)
    .outerjoin_from(gateway_table, meter_table, meter_table.c.gateway == gateway_table.c.id)
    .where(gateway_table.c.id.in_(bindparam("names", expanding=True)))
)
