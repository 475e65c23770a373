"""A small station with its supply in our hands: what meters answer reaches the real watch and database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, select

from cloud.alerts import store as alerts
from cloud.alerts.notify import Notices, notice_table
from cloud.alerts.outages import Calls, Watch
from cloud.alerts.policy import AlertKind, alert_policy, notice_policy
from cloud.alerts.rules import Broker
from cloud.customers.intake.documents import import_customers
from cloud.fleet import gateways
from cloud.fleet.registry import import_registry
from cloud.kit.db import Database
from cloud.metering.sqlite.store import SqliteStore
from cloud.metering.store import BatchOfReadings, ms
from cloud.workorders.actions import Orders
from cloud.workorders.deadlines import deadline_policy
from cloud.workorders.store import order_table
from protocols.mqtt.messages import ClockState, Health, LineHealth, MeterHealth, Supply
from protocols.readings import Reading, Source, trace_id
from tests.clocks import ManualClock

ZONE = ZoneInfo("Asia/Shanghai")
AREAS = ("A01", "A02")
CUSTOMERS = 5
POLICY = alert_policy()
PERIOD_S = 60


class Crash(Exception):
    """The process dies before its transaction commits."""


@dataclass
class Asked:
    """A meter as its gateway sees it."""

    unanswered: int = 0
    asked: int = 0
    answered: int = 0
    answered_at: datetime | None = None


@dataclass
class Fate:
    """What really is: which meters have no supply, which are broken, which gateways and lines are cut off."""

    out: set[str] = field(default_factory=set)
    dead: set[str] = field(default_factory=set)
    cut: set[str] = field(default_factory=set)
    dark_gateways: set[str] = field(default_factory=set)
    supplies: dict[str, Supply] = field(default_factory=dict)


def meters_of(area: str) -> list[str]:
    return [f"{area}-{n:02d}" for n in range(CUSTOMERS + 1)]


def gateway_of(area: str) -> str:
    return f"gw-{area.lower()}"


def customer_of(meter: str) -> str:
    """01 and 02 of each area belong to one customer."""
    area, _, number = meter.partition("-")
    return f"C-{area}-{'01' if number == '02' else number}"


class Village:
    def __init__(self, database: Database, folder: Path, areas: tuple[str, ...] = AREAS) -> None:
        self.database = database
        self.areas = areas
        self.clock = ManualClock()
        self.store = SqliteStore(folder / "readings.db")
        self.fate = Fate()
        self.asked = {meter: Asked() for area in areas for meter in meters_of(area)}
        self.broker = Broker(True, self.clock.now() - timedelta(days=1))
        self.orders = Orders(deadline_policy(), ZONE)
        self.notices = Notices(notice_policy(), ["json://127.0.0.1:9/station"])
        calls = Calls(self.orders.open_for_alert, self.orders.supply_returned)
        self.watch = Watch(POLICY, self.store, self.notices, calls, lambda: self.broker, self.clock)
        self.seq = 0
        self.went_out: dict[str, datetime] = {}
        self.last: list[Callable[[Connection], None]] = []
        with database.write() as connection:
            import_registry(connection, registry(areas))
            import_customers(connection, customers(areas))

    def close(self) -> None:
        self.store.close()

    @contextmanager
    def transaction(self, *, crash: bool = False) -> Iterator[Connection]:
        try:
            with self.database.write() as connection:
                yield connection
                if crash:
                    raise Crash  # noqa: TRY301
        except Crash:
            pass

    # What happens

    def poll(self, *areas: str, crash: bool = False) -> None:
        """One round of every gateway that can be heard: readings, then health."""
        for area in areas or self.areas:
            readings = [reading for meter in meters_of(area) if (reading := self._ask(area, meter))]
            gateway = gateway_of(area)
            if gateway not in self.fate.dark_gateways:
                self._send(gateway, readings, self._health(area), crash)

    def poll_meters(self, area: str, *meters: str) -> None:
        """These alone are asked, and a health tells of it at once."""
        readings = [reading for meter in dict.fromkeys(meters) if (reading := self._ask(area, meter))]
        self._send(gateway_of(area), readings, self._health(area), crash=False)

    def _send(self, gateway: str, readings: list[Reading], health: Health, crash: bool) -> None:
        self.last = []
        if readings:
            self.seq += 1
            batch = BatchOfReadings(gateway, "epoch", self.seq, readings)
            self.store.write(batch)
            self.last.append(lambda connection: self._stored(connection, batch))
        self.last.append(lambda connection: self._healthy(connection, health))
        if crash:
            with self.transaction(crash=True) as connection:
                self.last[0](connection)
        self.replay()

    def replay(self) -> None:
        """The last messages of a gateway once more."""
        for deliver in self.last:
            with self.transaction() as connection:
                deliver(connection)

    def _stored(self, connection: Connection, batch: BatchOfReadings) -> None:
        gateways.data_came(connection, batch.gateway, self.clock.now())
        self.watch.on_stored(connection, batch, batch.readings)

    def _healthy(self, connection: Connection, health: Health) -> None:
        before = gateways.take_health(connection, health, self.clock.now())
        self.watch.on_health(connection, health, before)

    def _ask(self, area: str, meter: str) -> Reading | None:
        now, asked = self.clock.now(), self.asked[meter]
        asked.asked += 1
        area_meter = meter.endswith("-00")
        out = meter in self.fate.out
        if meter in self.fate.dead or area in self.fate.cut or (out and not area_meter):
            asked.unanswered += 1
            return None
        asked.unanswered, asked.answered, asked.answered_at = 0, asked.answered + 1, now
        volts = 0.0 if out else 230.0
        return Reading(meter, ms(now), Source.POLLED, {"voltage_l1_v": volts, "energy_import_wh": 1000})

    def _health(self, area: str) -> Health:
        return Health(
            gateway=gateway_of(area),
            at_ms=ms(self.clock.now()),
            epoch="epoch",
            last_seq=self.seq,
            backlog_batches=0,
            backlog_readings=0,
            oldest_at_ms=None,
            clock=ClockState.SYNCED,
            supply=self.fate.supplies.get(area, Supply.MAINS),
            lines=[LineHealth(line="L1", connected=True, noise_bytes=0, bad_frames=0)],
            meters=[self._meter_health(meter) for meter in meters_of(area)],
        )

    def _meter_health(self, meter: str) -> MeterHealth:
        asked = self.asked[meter]
        at_ms = None if asked.answered_at is None else ms(asked.answered_at)
        return MeterHealth(
            meter=meter,
            line="L1",
            asked=asked.asked,
            answered=asked.answered,
            unanswered=asked.unanswered,
            answered_at_ms=at_ms,
        )

    def tick(self, *, crash: bool = False) -> None:
        if not crash:
            self.watch.tick(self.database)
            return
        with self.transaction(crash=True) as connection:
            for group in self.watch.due(connection):
                self.watch.evaluate(connection, group)

    def rounds(self, count: int, seconds: float = PERIOD_S) -> None:
        """So many polling periods, with a tick after each."""
        for _ in range(count):
            self.clock.advance(seconds)
            self.poll()
            self.tick()

    def supply_out(self, *meters: str) -> None:
        self.fate.out |= set(meters)
        self.went_out |= dict.fromkeys(meters, self.clock.now())

    def supply_back(self, *meters: str) -> None:
        self.fate.out -= set(meters)

    def answered_since_dark(self, meter: str) -> bool:
        """Whether the meter has answered since its supply last went."""
        answered_at, went_out = self.asked[meter].answered_at, self.went_out.get(meter)
        return went_out is None or (answered_at is not None and answered_at >= went_out)

    # What is in the books

    def alerts(self, kind: AlertKind | None = None, *, only_open: bool = False) -> list[Row[Any]]:
        with self.database.read() as connection:
            return list(reversed(alerts.alerts(connection, kind=kind, only_open=only_open)))

    def open_causes(self) -> list[str]:
        return sorted(alert.cause for alert in self.alerts(only_open=True))

    def orders_made(self) -> list[Row[Any]]:
        with self.database.read() as connection:
            return list(connection.execute(select(order_table).order_by(order_table.c.id)).all())

    def told(self, kind: str | None = None) -> list[Row[Any]]:
        """The notices to customers, in the order they were made."""
        query = select(notice_table).where(notice_table.c.customer.is_not(None)).order_by(notice_table.c.id)
        if kind is not None:
            query = query.where(notice_table.c.kind == kind)
        with self.database.read() as connection:
            return list(connection.execute(query).all())

    def who_was_told(self, kind: str) -> list[str]:
        return sorted(notice.customer for notice in self.told(kind))


def registry(areas: tuple[str, ...]) -> dict[str, Any]:
    return {
        "area": [{"id": area, "name": f"示例台区 {area}", "feeder": "F1"} for area in areas],
        "gateway": [{"id": gateway_of(area), "name": gateway_of(area)} for area in areas],
        "meter": [
            {
                "id": meter,
                "address": str(number),
                "model": "dlt645-2007-1p",
                "area": area,
                "gateway": gateway_of(area),
                "line": "L1",
                "role": "area" if meter.endswith("-00") else "customer",
                "interval_s": PERIOD_S,
            }
            for area in areas
            for number, meter in enumerate(meters_of(area))
        ],
    }


def customers(areas: tuple[str, ...]) -> dict[str, Any]:
    meters = [meter for area in areas for meter in meters_of(area)[1:]]
    known = sorted({customer_of(meter) for meter in meters})
    return {
        "customer": [{"id": each, "name": f"示例户 {each[2:]}"} for each in known],
        "account": [
            {"no": f"N-{each[2:]}", "customer": each, "address": "示例村", "class": "household"}
            for each in known
        ],
        "service": [
            {
                "account": f"N-{customer_of(meter)[2:]}",
                "meter": meter,
                "start": datetime(2025, 1, 1, tzinfo=UTC).isoformat(),
            }
            for meter in meters
        ],
        "contact": [{"customer": each, "channel": f"json://127.0.0.1:9/{each}"} for each in known],
    }


def trace_of(meter: str, at: datetime) -> str:
    return trace_id(meter, ms(at))
