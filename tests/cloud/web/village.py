"""A made-up station with a day and a half of readings, an outage in area 03 and a gateway that went dark.

Everything comes in as in life: readings and health through ingest, the outage out of the watch, the order and
the notices out of the outage. Only the clock is ours.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from cloud.alerts.outages import Calls, Watch
from cloud.alerts.rules import Broker
from cloud.app import Application, build
from cloud.customers.intake.documents import import_customers
from cloud.fleet import gateways
from cloud.fleet.registry import import_registry
from cloud.kit.auth import Role, csrf_token
from cloud.kit.guard import COOKIE
from cloud.metering.store import BatchOfReadings
from cloud.settings import ArchiveSettings, BrokerSettings, HttpSettings, Settings, StationSettings
from protocols.mqtt.messages import ClockState, Health, LineHealth, MeterHealth, Status, Supply
from protocols.readings import Reading, Source
from tests.clients import TestClient
from tests.clocks import ManualClock

NOW = datetime(2026, 11, 23, 6, 20, tzinfo=UTC)
"""14:20 at the station."""
MIDNIGHT = datetime(2026, 11, 22, 16, tzinfo=UTC)
BEGIN = MIDNIGHT - timedelta(days=1, hours=2)
OUT_AT = NOW - timedelta(minutes=38)
DARK_AT = NOW - timedelta(minutes=17)
AREAS, HOUSES = 6, 8
OUT_AREA, DARK_AREA = 3, 6
QUARTER = timedelta(minutes=15)
QUICK = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=64),))


def gateway_id(area: int) -> str:
    return f"gw-a{area:02}"


def meter_id(area: int, house: int) -> str:
    """House 0 is the area meter."""
    return f"A{area:02}-{house:02}"


GATEWAYS = [gateway_id(area) for area in range(1, AREAS + 1)]


def registry() -> dict[str, Any]:
    places = ("村东", "村西", "河沿", "集市", "果园", "水厂")
    areas = range(1, AREAS + 1)
    return {
        "area": [
            {"id": f"A{n:02}", "name": f"示例台区 {n:02} {places[n - 1]}", "feeder": f"F{1 + n // 4}"}
            for n in areas
        ],
        "gateway": [{"id": gateway_id(n), "name": f"示例网关 {n:02}"} for n in areas],
        "meter": [
            {
                "id": meter_id(area, house),
                "address": f"{area:06}{house:06}",
                "model": "dlt645-2007-1p" if house else "dlt645-2007-3p",
                "area": f"A{area:02}",
                "gateway": gateway_id(area),
                "line": "rs485-1",
                "role": "customer" if house else "area",
            }
            | ({"phase": f"l{1 + house % 3}"} if house else {})
            for area in areas
            for house in range(HOUSES + 1)
        ],
    }


def customers() -> dict[str, Any]:
    """C-0103 has a house and a shop; C-0302 lives where supply failed; C-0104 moved in this morning."""
    since = "2025-01-01T00:00:00+08:00"
    homes = {
        "0103": [meter_id(1, 3), meter_id(2, 1)],
        "0104": [meter_id(1, 4)],
        "0302": [meter_id(3, 2)],
    }
    everybody = [f"03{house:02}" for house in range(1, HOUSES + 1)] + ["0103", "0104", "0001"]
    document: dict[str, Any] = {"customer": [], "account": [], "service": []}
    for name in sorted(everybody):
        language = "en" if name == "0303" else "zh_CN"
        document["customer"].append(
            {"id": f"C-{name}", "name": f"示例户 {name}", "language": language, "phone": "000-0000"}
        )
        for number, meter in enumerate(
            homes.get(name, [f"A{name[:2]}-{name[2:]}"] if name != "0001" else [])
        ):
            account = f"60{name}{number}"
            place = f"示例村 {name[:2]} 组 {name[2:]} 号" if not number else "示例集市 1 号铺"
            kind = "household" if not number else "business"
            start = (MIDNIGHT + timedelta(hours=9)).isoformat() if name == "0104" else since
            document["account"].append(
                {"no": account, "customer": f"C-{name}", "address": place, "class": kind}
            )
            document["service"].append({"account": account, "meter": meter, "start": start})
    return document


def load_w(area: int, house: int, at: datetime) -> float:
    """An invented household: a low night, a breakfast, a dinner; today a little less than yesterday."""
    hour = ((at - MIDNIGHT).total_seconds() / 3600) % 24
    peaks = 900 * math.exp(-((hour - 7.5) ** 2) / 2) + 1400 * math.exp(-((hour - 19.5) ** 2) / 4)
    noon = 420 * math.exp(-((hour - 12.2) ** 2) / 2.5)
    wobble = (0.88 if at > MIDNIGHT else 1.0) + 0.35 * math.sin(area * 3.1 + house * 1.7 + hour * 2.3)
    return (140 + 35 * house + peaks + noon) * wobble


def register_wh(area: int, house: int, at: datetime) -> int:
    """The sum of an invented load from a fixed day on, in steps of a quarter-hour."""
    return 1_234_000 + 11_000 * area + 700 * house + round(_used(area, house, int((at - BEGIN) / QUARTER)))


@cache
def _used(area: int, house: int, steps: int) -> float:
    if steps <= 0:
        return 0.0
    return _used(area, house, steps - 1) + load_w(area, house, BEGIN + steps * QUARTER) / 4


def values(area: int, house: int, at: datetime, *, dark: bool = False) -> dict[str, float]:
    volts = 0.0 if dark else round(229 + 4 * math.sin(house + (at - MIDNIGHT).total_seconds() / 5000), 1)
    if house:
        power = 0.0 if dark else round(load_w(area, house, at), 1)
        return {"energy_import_wh": register_wh(area, house, at), "voltage_l1_v": volts, "power_w": power}
    power = 0.0 if dark else round(sum(load_w(area, each, at) for each in range(1, HOUSES + 1)) * 1.04, 1)
    total = sum(register_wh(area, each, at) for each in range(1, HOUSES + 1))
    phases = {f"voltage_l{n}_v": max(0.0, round(volts - n / 2, 1)) if volts else 0.0 for n in (1, 2, 3)}
    return {"energy_import_wh": total, "power_w": power, **phases}


def reading(area: int, house: int, at: datetime, *, dark: bool = False) -> Reading:
    return Reading(
        meter_id(area, house),
        round(at.timestamp() * 1000),
        Source.POLLED,
        values(area, house, at, dark=dark),
    )


@dataclass
class Village:
    """The running parts of the made-up station."""

    application: Application
    clock: ManualClock
    watch: Watch
    passwords: dict[str, str] = field(default_factory=dict)
    seqs: dict[str, int] = field(default_factory=dict)

    def store(self, area: int, readings: Sequence[Reading]) -> None:
        """As a batch of that area's gateway."""
        gateway = gateway_id(area)
        self.seqs[gateway] = self.seqs.get(gateway, 0) + 1
        batch = BatchOfReadings(gateway, "e1", self.seqs[gateway], readings)
        self.application.store.write(batch)
        self.application.live.readings(readings)

    def tell(self, area: int, at: datetime, *, out: bool = False) -> None:
        """The area's gateway says how it is."""
        said = health(area, at, out=out, backlog=400 if area == DARK_AREA else 0)
        with self.application.database.write() as connection:
            gateways.take_status(
                connection,
                Status(gateway=said.gateway, online=True, epoch="e1", at_ms=said.at_ms),
                at,
            )
            gateways.take_health(connection, said, at)
            self.watch.on_health(connection, said)

    def tick(self) -> None:
        self.watch.tick(self.application.database)

    def poll(self, area: int, at: datetime) -> None:
        """Every meter of the area answers once; in the outage the area meter alone, with 0 V."""
        out = area == OUT_AREA and at >= OUT_AT
        houses = [0] if out else range(HOUSES + 1)
        self.store(area, [reading(area, house, at, dark=out) for house in houses])


def health(area: int, at: datetime, *, out: bool = False, backlog: int = 0) -> Health:
    meters = [
        MeterHealth(
            meter=meter_id(area, house),
            line="rs485-1",
            asked=100,
            answered=96,
            unanswered=3 if out and house else 0,
            answered_at_ms=round((OUT_AT if out and house else at).timestamp() * 1000),
        )
        for house in range(HOUSES + 1)
    ]
    return Health(
        gateway=gateway_id(area),
        at_ms=round(at.timestamp() * 1000),
        epoch="e1",
        last_seq=1,
        backlog_batches=backlog // 20,
        backlog_readings=backlog,
        oldest_at_ms=round((at - timedelta(minutes=3)).timestamp() * 1000) if backlog else None,
        clock=ClockState.SYNCED,
        supply=Supply.BACKUP if out else Supply.MAINS,
        lines=[LineHealth(line="rs485-1", connected=True, noise_bytes=0, bad_frames=0)],
        meters=meters,
    )


def found(folder: Path, *, history: bool = True, out: bool = True) -> Village:
    """The village built in `folder` at NOW; without `history` it is registered and nothing else."""
    village = opened(folder)
    application, clock = village.application, village.clock
    clock.set(NOW - timedelta(hours=2))
    with application.database.write() as connection:
        import_registry(connection, registry())
        import_customers(connection, customers())
    for login, role, customer in (
        ("operator", Role.OPERATOR, None),
        *((name.lower(), Role.CUSTOMER, name) for name in ("C-0103", "C-0104", "C-0302", "C-0303", "C-0001")),
    ):
        village.passwords[login] = application.accounts.add(login, role, customer)
    if history:
        _history(village)
        _afternoon(village, out=out)
    clock.set(NOW)
    return village


def opened(folder: Path) -> Village:
    """What is in `folder`, at NOW."""
    clock = ManualClock(NOW)
    settings = Settings(
        data_dir=folder,
        station=StationSettings(name="示例供电所"),
        http=HttpSettings(base_url="http://127.0.0.1:8080"),
        broker=BrokerSettings(port=0),
        archive=ArchiveSettings(folder=folder / "archive"),
    )
    application = build(settings, clock, QUICK)
    return Village(application, clock, _watch(application, clock), seqs=dict.fromkeys(GATEWAYS, 1000))


def _watch(application: Application, clock: ManualClock) -> Watch:
    """The application's own, but with a broker that is up: here nothing is started and none is needed."""
    calls = Calls(application.orders.open_for_alert, application.orders.supply_returned)
    broker = Broker(True, MIDNIGHT)
    return Watch(
        application.alert_policy, application.store, application.notices, calls, lambda: broker, clock
    )


def _history(village: Village) -> None:
    """Quarter-hours from the day before yesterday's evening to the outage; a hole in A01-03's morning."""
    for area in range(1, AREAS + 1):
        at = MIDNIGHT - timedelta(days=1, hours=1)
        readings = []
        while at < OUT_AT:
            for house in range(HOUSES + 1):
                asleep = (area, house) == (1, 3) and timedelta(hours=2.8) < at - MIDNIGHT < timedelta(
                    hours=5.6
                )
                if not asleep:
                    readings.append(reading(area, house, at))
            at += QUARTER
        village.store(area, readings)


def _afternoon(village: Village, *, out: bool) -> None:
    """Three minutes at a time: area 03 loses its supply, later gateway 06 falls silent with a backlog."""
    at = OUT_AT - timedelta(minutes=4)
    while at <= NOW:
        village.clock.set(at)
        for area in range(1, AREAS + 1):
            if area != DARK_AREA or at < DARK_AT:
                village.poll(area, at - timedelta(seconds=2 * area))
                village.tell(area, at, out=out and area == OUT_AREA and at >= OUT_AT + timedelta(minutes=1))
        village.tick()
        at += timedelta(minutes=1)


def browser(village: Village, login: str | None = None, language: str = "zh_CN") -> TestClient:
    """A browser without JavaScript, signed in through the form."""
    client = TestClient(
        village.application.asgi, base_url="http://127.0.0.1:8080", raise_server_exceptions=False
    )
    client.cookies.set("wattpost_language", language)
    if login is not None:
        sent = {"login": login, "password": village.passwords[login]}
        answer = client.post("/login", data=sent, follow_redirects=False)
        assert answer.status_code == 303, answer.text
    return client


def csrf(client: TestClient) -> str:
    """The proof that a page of ours puts into its forms."""
    return csrf_token(client.cookies[COOKIE])
