"""A station whose readings, health and answers are in our hands: real databases, recorded wire, our clock."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, select, update

from cloud.alerts import spells
from cloud.alerts import store as alerts
from cloud.alerts.policy import AlertKind
from cloud.alerts.restoration import OutMeter
from cloud.fleet import gateways
from cloud.fleet.history import Note, point_meter
from cloud.fleet.registry import import_registry
from cloud.kit.days import midnight
from cloud.kit.db import Database
from cloud.metering.ledger import disturbances, gaps
from cloud.metering.ledger.actions import Ledger
from cloud.metering.ledger.count import Station
from cloud.metering.ledger.days import slots_of, unpacked
from cloud.metering.ledger.policy import CollectionPolicy, collection_policy
from cloud.metering.ledger.rates import By, Collected, rates
from cloud.metering.ledger.tables import meter_day_table
from cloud.metering.sqlite.store import SqliteStore
from cloud.metering.store import BatchOfReadings, ms
from protocols.mqtt import orders
from protocols.mqtt.messages import ClockState, Health, LineHealth, MeterHealth, Supply
from protocols.mqtt.orders import Order, OrderKind, OrderResult, OrderState
from protocols.readings import Reading, Source
from tests.clocks import ManualClock
from tests.cloud.alerts.village import meters_of, registry
from tests.cloud.fleet.station import GATEWAY, METER, Commanding

SHANGHAI = ZoneInfo("Asia/Shanghai")
DAY = date(2026, 3, 2)
QUARTER = timedelta(minutes=15)
MIDNIGHT = midnight(DAY, SHANGHAI)
AREA = meters_of("A01")
"""The area meter and five customers, all on one line of `GATEWAY`."""


@dataclass
class Collecting(Commanding):
    folder: Path = Path()
    zone: tzinfo = SHANGHAI
    rules: CollectionPolicy = field(default_factory=collection_policy)
    clock: ManualClock = field(default_factory=lambda: ManualClock(MIDNIGHT))
    seq: int = 0

    def __post_init__(self) -> None:
        self.store = SqliteStore(self.folder / "readings.db")
        super().__post_init__()

    def start(self) -> None:
        super().start()
        told = (spells.outages, spells.disturbances)
        station = Station(self.database, self.store, self.rules, self.zone, *told)
        self.ledger = Ledger(station, self.commands, self.clock)

    def close(self) -> None:
        self.store.close()

    # what comes

    def come(
        self,
        meters: str | Iterable[str],
        ats: Iterable[datetime],
        source: Source = Source.POLLED,
        *,
        noted: bool = True,
        gateway: str = GATEWAY,
    ) -> None:
        """Readings of these instants arrive now; not `noted`: they are in the store, and nobody saw it."""
        names = [meters] if isinstance(meters, str) else list(meters)
        readings = _readings(names, ats, source)
        batch = self._batch(readings, gateway)
        self.store.write(batch)
        if noted:
            self._note([(self.clock.now(), batch)])

    def _batch(self, readings: Sequence[Reading], gateway: str = GATEWAY) -> BatchOfReadings:
        self.seq += 1
        return BatchOfReadings(gateway, "e1", self.seq, readings)

    def _note(self, batches: Iterable[tuple[datetime, BatchOfReadings]]) -> None:
        """As ingest does while it commits; the clock stands where each came."""
        with self.database.read() as connection:
            for came, batch in batches:
                self.clock.set(came)
                self.ledger.inbox.note(connection, batch, batch.readings)

    def quarters(self, first: int, until: int, day: date = DAY) -> list[datetime]:
        start = midnight(day, self.zone)
        return [start + number * QUARTER + timedelta(seconds=20) for number in range(first, until)]

    def poll(self, until: int, meters: Sequence[str] = AREA, first: int = 0, day: date = DAY) -> None:
        """Each quarter's reading comes in its quarter; the clock goes along."""
        ats = self.quarters(first, until, day)
        came = [(at + timedelta(seconds=5), self._batch(_readings(meters, [at]))) for at in ats]
        self.store.write(self._batch([each for _, batch in came for each in batch.readings]))
        self._note(came)
        self.clock.set(midnight(day, self.zone) + until * QUARTER)

    def freeze(self, meters: str | Iterable[str], came: datetime, day: date = DAY) -> None:
        before = self.clock.now()
        self.clock.set(came)
        self.come(meters, [midnight(day, self.zone)], Source.FREEZE)
        self.clock.set(max(before, came))

    def health(self, silent: Iterable[str] = (), area: str = "A01", **more: Any) -> None:
        """The gateway says now how it is; `silent` meters left three asks unanswered."""
        gone, now_ms = set(silent), ms(self.clock.now())
        told: dict[str, Any] = {
            "gateway": f"gw-{area.lower()}", "at_ms": now_ms, "epoch": "e1", "last_seq": self.seq,
            "backlog_batches": 0, "backlog_readings": 0, "oldest_at_ms": None, "clock": ClockState.SYNCED,
            "supply": Supply.MAINS,
            "lines": [LineHealth(line="L1", connected=True, noise_bytes=0, bad_frames=0)],
            "meters": [
                MeterHealth(
                    meter=meter, line="L1", asked=9, answered=9, unanswered=3 if meter in gone else 0,
                    answered_at_ms=now_ms if meter not in gone else ms(MIDNIGHT),
                )
                for meter in meters_of(area)
            ],
        } | more  # fmt: skip
        said = Health(**told)
        with self.database.write() as connection:
            before = gateways.take_health(connection, said, self.clock.now())
            disturbances.on_health(connection, said, before)

    # what the gateway does with an order

    def rereads(self) -> list[Order]:
        """The re-read orders said so far, each once."""
        self.dispatch.tick()
        said = {each.id: each for each in self.sent() if each.kind is OrderKind.REREAD}
        return list(said.values())

    def says(self, order: Order, state: OrderState, detail: str = "") -> None:
        told = OrderResult(
            gateway=order.gateway, id=order.id, kind=order.kind, meter=order.meter, state=state,
            at_ms=ms(self.clock.now()), detail=detail,
        )  # fmt: skip
        self.answers.take_result(order.gateway, orders.encode(told))

    # what is known besides

    def dark(
        self, meter: str, since: datetime, back: datetime | None, closed: datetime | None = None
    ) -> None:
        """An outage alert of the meter's area: without supply `since`, `back` again."""
        kind = AlertKind.AREA_OUTAGE.value
        with self.database.write() as connection:
            id = self._alert(connection, kind, f"{kind}:A01", since, closed or back, area="A01")  # noqa: A001
            alerts.save_out_meters(connection, id, [OutMeter(meter, since, back, back)])

    def alert(self, kind: AlertKind, opened: datetime, closed: datetime | None, **where: str) -> None:
        with self.database.write() as connection:
            self._alert(connection, kind.value, f"{kind}:{where}", opened, closed, **where)

    @staticmethod
    def _alert(
        connection: Connection, kind: str, cause: str, opened: datetime, closed: datetime | None, **where: str
    ) -> int:
        row: dict[str, Any] = {"kind": kind, "cause": cause[:200], "severity": "warning", "trace": "0" * 16}
        return alerts.add(
            connection, row | where | {"opened_at": opened, "closed_at": closed, "evidence": []}
        )

    def interval(self, meter: str, seconds: int) -> None:
        self._registered(meter, interval_s=seconds)

    def line(self, meter: str, line: str) -> None:
        self._registered(meter, line=line)

    def model(self, meter: str, model: str) -> None:
        self._registered(meter, model=model)

    def _registered(self, meter: str, **changes: Any) -> None:
        rows = registry(("A01", "A02"))["meter"]
        with self.database.write() as connection:
            import_registry(connection, {"meter": [row | changes for row in rows if row["id"] == meter]})

    def new_meter(self, meter: str, since: datetime) -> None:
        row = registry(("A01",))["meter"][1] | {"id": meter, "address": meter[-2:] + "77"}
        with self.database.write() as connection:
            import_registry(connection, {"meter": [row]})
            mine = update(point_meter).where(point_meter.c.meter == meter)
            connection.execute(mine.values(start=since))

    def register_on(self, day: date, *meters: str) -> None:
        """Each by a document that says nothing of since when."""
        row = registry(("A01",))["meter"][1]
        rows = [row | {"id": meter, "address": meter[-2:] + "77"} for meter in meters]
        with self.database.write() as connection:
            import_registry(connection, {"meter": rows}, Note("", "", midnight(day, self.zone)))

    def fails(self, *_: Any) -> Any:
        raise OSError("the disk is full")

    # what stands in the ledger

    def count(self) -> int:
        return self.ledger.tick()

    def row_of(self, command: str) -> Row[Any]:
        return super().row(command)

    def orders_of(self, gap: int) -> list[Row[Any]]:
        with self.database.read() as connection:
            return list(gaps.orders_of(connection, [gap]))

    def with_rereads(self, **changes: Any) -> CollectionPolicy:
        return self.rules.model_copy(update={"reread": self.rules.reread.model_copy(update=changes)})

    def row(self, meter: str = METER, day: date = DAY) -> Row[Any]:
        with self.database.read() as connection:
            table = meter_day_table.c
            return connection.execute(
                select(meter_day_table).where(table.meter == meter, table.day == day)
            ).one()

    def figures(self, meter: str = METER, day: date = DAY) -> tuple[int, int, int, int]:
        """(expected, received, late, excluded)"""
        row = self.row(meter, day)
        return row.expected, row.received, row.late, row.excluded

    def slots_heard(self, meter: str = METER, day: date = DAY) -> list[int]:
        row = self.row(meter, day)
        count = slots_of(day, self.zone, row.slot_s).count
        return [int(slot) for slot in unpacked(row.heard, count).nonzero()[0]]

    def rate(self, day: date = DAY) -> Collected:
        (found,) = self.rates(By.STATION, day)
        return found

    def rates(self, by: By, day: date = DAY) -> list[Collected]:
        with self.database.read() as connection:
            return rates(connection, day, day, by)

    def days_counted(self) -> list[Collected]:
        with self.database.read() as connection:
            return rates(connection, DAY - timedelta(days=40), DAY, By.DAY)

    def gaps(self, meter: str | None = METER, day: date | None = DAY) -> list[Row[Any]]:
        """The oldest first."""
        with self.database.read() as connection:
            return list(reversed(gaps.gaps(connection, day, meter=meter)))

    def spans(self, meter: str | None = METER) -> list[tuple[int, int, str]]:
        """(first slot, until, state) of each gap of `DAY`."""
        return [
            ((row.start - MIDNIGHT) // QUARTER, (row.end - MIDNIGHT) // QUARTER, str(row.state))
            for row in self.gaps(meter)
        ]


def _readings(
    meters: Iterable[str], ats: Iterable[datetime], source: Source = Source.POLLED
) -> list[Reading]:
    names = list(meters)
    return [
        Reading(meter, ms(at), source, {"energy_import_wh": 1000 + ms(at) // 1000 % 10**9})
        for at in ats
        for meter in names
    ]


def at(hours: float, day: date = DAY) -> datetime:
    """So many hours after that day's midnight in Shanghai."""
    return midnight(day, SHANGHAI) + timedelta(hours=hours)


def opened(database: Database, folder: Path, **more: Any) -> Collecting:
    return Collecting(database, folder=folder, **more)
