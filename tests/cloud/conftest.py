"""A whole service on a small village: two tenants who moved, two customers who never see one another."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from cloud.alerts import notify
from cloud.alerts.actions import Alarms, Cause
from cloud.alerts.notify import News
from cloud.alerts.policy import AlertKind, NoticeKind, Severity
from cloud.app import Application, build
from cloud.customers import protection
from cloud.customers.intake.documents import import_customers
from cloud.fleet import facts
from cloud.fleet.commands import Wish
from cloud.fleet.registry import import_registry
from cloud.kit.auth import Role
from cloud.metering import dead_letters
from cloud.metering.store import BatchOfReadings, ms
from cloud.settings import ArchiveSettings, BrokerSettings, HttpSettings, Settings
from protocols.mqtt import messages, topics
from protocols.mqtt.messages import Readings, Row
from protocols.mqtt.orders import MeterFacts, OrderKind
from protocols.readings import Reading, Source
from tests.clients import TestClient
from tests.clocks import ManualClock

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
MOVED = NOW - timedelta(days=10)
"""On this day M-1 passed from customer A to customer B."""

REGISTRY: dict[str, Any] = {
    "area": [{"id": f"A0{n}", "name": f"示例台区 0{n}", "feeder": "F1"} for n in (1, 2)],
    "gateway": [{"id": f"gw-a0{n}", "name": f"示例网关 0{n}"} for n in (1, 2)],
    "meter": [
        {
            "id": f"M-{n}",
            "address": f"{n:012}",
            "model": "dlt645-2007-1p",
            "area": f"A0{area}",
            "gateway": f"gw-a0{area}",
            "line": "rs485-1",
            "phase": "l1",
        }
        for n, area in ((1, 1), (2, 1), (3, 2), (4, 2))
    ],
}
CUSTOMERS: dict[str, Any] = {
    "customer": [{"id": f"C-{name}", "name": f"示例户 {name}", "language": "zh_CN"} for name in "AB"],
    "account": [
        {"no": f"10{name}", "customer": f"C-{name}", "address": f"示例村 {name}", "class": "household"}
        for name in "AB"
    ],
    "service": [
        {"account": "10A", "meter": "M-1", "start": "2025-01-01T00:00:00Z", "end": MOVED.isoformat()},
        {"account": "10B", "meter": "M-1", "start": MOVED.isoformat()},
        {"account": "10A", "meter": "M-2", "start": "2025-01-01T00:00:00Z"},
        {"account": "10B", "meter": "M-3", "start": "2025-01-01T00:00:00Z"},
    ],
}
QUICK = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=64),))
PASSWORDS: dict[str, str] = {}
KNOWN: dict[str, str] = {}
"""What there is in the newest village: `alert`, customer A's `order` and `notice`, a dead `letter`."""


def readings_of(meter: str) -> list[Reading]:
    """One a day at 08:00 UTC, for 30 days up to now."""
    days = [NOW - timedelta(days=day) for day in range(30, -1, -1)]
    return [
        Reading(
            meter,
            round(at.timestamp() * 1000),
            Source.POLLED,
            {"energy_import_wh": 1000 * number, "power_w": 100.0},
        )
        for number, at in enumerate(days)
    ]


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return settings_in(tmp_path, database_url)


def settings_in(folder: Path, database_url: str) -> Settings:
    return Settings(
        data_dir=folder,
        archive=ArchiveSettings(folder=folder / "archive"),
        database_url=database_url,
        http=HttpSettings(base_url="https://station.example"),
        broker=BrokerSettings(port=0),
    )


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def application(settings: Settings, clock: ManualClock) -> Iterator[Application]:
    """Everything built and the village known; nothing started."""
    yield from founded(settings, clock)


def founded(settings: Settings, clock: ManualClock) -> Iterator[Application]:
    built = build(settings, clock, QUICK)
    with built.database.write() as connection:
        import_registry(connection, REGISTRY)
        import_customers(connection, CUSTOMERS)
    for number, meter in enumerate(REGISTRY["meter"], 1):
        built.store.write(BatchOfReadings(meter["gateway"], "e", number, readings_of(meter["id"])))
    _make_trouble_for_a(built)
    for login, role, customer in (
        ("operator", Role.OPERATOR, None),
        ("customer-a", Role.CUSTOMER, "C-A"),
        ("customer-b", Role.CUSTOMER, "C-B"),
    ):
        PASSWORDS[login] = built.accounts.add(login, role, customer)
    yield built
    built.stop()


def _make_trouble_for_a(built: Application) -> None:
    """An alert, a notice and a work order that are customer A's alone."""
    cause = Cause(
        AlertKind.LINE_SILENT, "line_silent:gw-a01:rs485-1", "0" * 16, gateway="gw-a01", line="rs485-1"
    )
    with built.database.write() as connection:
        alert = Alarms(built.alert_policy, built.notices).open(connection, cause, NOW)
        news = News(
            alert, NoticeKind.OUTAGE, Severity.SEVERE, {"area": "A01", "accounts": ["10A"]}, "0" * 16, NOW
        )
        built.notices.tell_customer(connection, "C-A", news)
        order = built.orders.create_report(connection, "C-A", "10A", "一片漆黑", False, NOW)
        notice = notify.inbox(connection, "C-A", before=None, limit=1)[0].id
    stray = Readings(
        gateway="gw-a01", epoch="e", seq=99, readings=[Row("M-X", ms(NOW), Source.POLLED, {"power_w": 1.0})]
    )
    built.ingest.take(topics.up("gw-a01", "readings"), messages.encode(stray))
    with built.database.read() as connection:
        letter = dead_letters.dead_letters(connection, limit=1)[0].id
    _command_a(built)
    KNOWN.update(alert=str(alert), order=order, notice=str(notice), letter=str(letter))


def _command_a(built: Application) -> None:
    """Customer A's meter: proven, with facts and a command that waits; the account is protected since."""
    told = MeterFacts(
        gateway="gw-a01", meter="M-2", at_ms=ms(NOW), model="dlt645-2007-1p", address="000000000002"
    )
    with built.database.write() as connection:
        facts.take(connection, told, NOW)
        protection.prove(connection, "M-2", "10A", "operator", NOW)
        wish = Wish(OrderKind.RELAY_OFF, "M-2", reason="示例原因")
        command = built.commands.ask(connection, wish, "operator", NOW)
        kind = protection.Protection.HOUSEHOLD
        row = protection.protect(connection, "10A", kind, "示例原因", "operator", NOW)
    KNOWN.update(command=command.id, protection=str(row.id))


Browser = Callable[[str | None], TestClient]


@pytest.fixture
def browser(application: Application) -> Browser:
    """A client signed in by cookie as the login named, or as nobody."""

    def signed_in(login: str | None) -> TestClient:
        client = TestClient(
            application.asgi, base_url="https://station.example/api/v1", raise_server_exceptions=False
        )
        if login is not None:
            answer = client.post("login", json={"login": login, "password": PASSWORDS[login]})
            assert answer.status_code == 200, answer.text
            client.headers["X-CSRF-Token"] = answer.json()["csrf"]
        return client

    return signed_in
