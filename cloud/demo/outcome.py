"""What a run of the demo really did, read from the logs and databases its programs left behind."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from cloud.alerts.notify import notice_table
from cloud.alerts.policy import AlertKind, NoticeKind
from cloud.alerts.store import alert_table
from cloud.demo.station import Place, Station
from cloud.demo.tally import Accepted, Tally, accepted, tally
from cloud.kit.db import Database
from cloud.kit.scope import Scope, Window
from cloud.metering.batches import Outcome as Fate
from cloud.metering.batches import batch_table, dropped_table
from cloud.metering.sqlite.store import SqliteStore
from cloud.settings import load
from cloud.workorders.store import order_table

CLOCK_SLACK = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """`notices` are those to customers about their supply; seconds are null when the thing never happened."""

    meters: int
    readings_accepted: int
    readings_stored: int
    lost: int
    counted_twice: int
    outages: int
    work_orders: int
    notices: int
    seconds_to_first_reading: float | None
    seconds_outage_to_notice: float | None


def outcome(place: Place, station: Station, started_at: datetime, fault_at: datetime | None) -> Outcome:
    """Opens both databases, so no service may run on them."""
    with closing(Database(load(place.cloud_toml).records_url)) as database, database.read() as connection:
        counted = _tally(place, station, connection, started_at)
        told_at = _first_notice(connection, fault_at)
        return Outcome(
            meters=len(station.meters),
            readings_accepted=counted.accepted,
            readings_stored=counted.stored,
            lost=counted.lost,
            counted_twice=counted.counted_twice,
            outages=_count(connection, alert_table, alert_table.c.kind == AlertKind.AREA_OUTAGE),
            work_orders=_count(connection, order_table),
            notices=_count(
                connection,
                notice_table,
                notice_table.c.customer.is_not(None),
                notice_table.c.kind.in_((NoticeKind.OUTAGE, NoticeKind.RESTORED)),
            ),
            seconds_to_first_reading=_seconds(started_at, _first_reading(connection, station)),
            seconds_outage_to_notice=_seconds(fault_at, told_at),
        )


def _tally(place: Place, station: Station, connection: Connection, started_at: datetime) -> Tally:
    since = started_at - CLOCK_SLACK
    scope = Scope(tuple(Window(meter, since, None) for meter in station.meters))
    with closing(SqliteStore(place.cloud_data / "readings.db")) as store:
        return tally(_accepted(place, station), store.rows(scope), accounted(connection))


def accounted(connection: Connection) -> Callable[[str, str, int], bool]:
    """Whether a batch of (gateway, epoch, seq) went to the dead letters or was declared dropped."""
    buried = select(batch_table).where(batch_table.c.outcome == Fate.DEAD_LETTERED)
    dead = {(row.gateway, row.epoch, row.seq) for row in connection.execute(buried)}
    gone = connection.execute(select(dropped_table)).all()

    def known(gateway: str, epoch: str, seq: int) -> bool:
        return (gateway, epoch, seq) in dead or any(
            (row.gateway, row.epoch) == (gateway, epoch) and row.first_seq <= seq <= row.last_seq
            for row in gone
        )

    return known


def _accepted(place: Place, station: Station) -> Iterator[Accepted]:
    for gateway in station.gateways:
        yield from accepted(gateway, place.accepted(gateway))


def _first_reading(connection: Connection, station: Station) -> datetime | None:
    stored = select(func.min(batch_table.c.at)).where(
        batch_table.c.gateway.in_(station.gateways), batch_table.c.outcome == Fate.STORED
    )
    first: datetime | None = connection.scalar(stored)
    return first


def _first_notice(connection: Connection, fault_at: datetime | None) -> datetime | None:
    if fault_at is None:
        return None
    told = select(func.min(notice_table.c.created_at)).where(
        notice_table.c.customer.is_not(None),
        notice_table.c.kind == NoticeKind.OUTAGE,
        notice_table.c.created_at >= fault_at,
    )
    first: datetime | None = connection.scalar(told)
    return first


def _count(connection: Connection, table: object, *where: object) -> int:
    return connection.scalar(select(func.count()).select_from(table).where(*where)) or 0  # type: ignore[arg-type]


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else round((end - start).total_seconds(), 2)
