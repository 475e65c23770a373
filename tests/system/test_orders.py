"""From the console to the meter's relay and back: real broker, real service, real agent, simulated meters."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cloud.app import Application, build
from cloud.customers import protection
from cloud.customers.intake.documents import import_customers
from cloud.fleet.registry import import_registry
from cloud.kit.auth import Role
from cloud.kit.clock import SystemClock
from cloud.settings import BrokerSettings, HttpSettings, Settings
from edge import clock as edge_clock
from edge.agent import Agent
from firmware_sim.pytest_plugin import MeterFleet
from protocols.mqtt.messages import ClockState
from tests.clients import TestClient
from tests.cloud.conftest import QUICK
from tests.edge.gateway import GATEWAY, gateway_settings, until
from tests.mosquitto import Mosquitto

pytestmark = pytest.mark.timeout(120)
METERS = ("M-1", "M-2")
ENDED = {"done", "refused", "expired", "failed", "unknown"}
SCENARIO = """
seed = 7
[[area]]
id = "A01"
[[line]]
name = "north"
kind = "dlt645-tcp"
""" + "".join(
    f"""
[[meter]]
id = "{meter}"
address = "20260001000{number}"
model = "dlt645-2007-1p"
area = "A01"
line = "north"
phase = "A"
"""
    for number, meter in enumerate(METERS)
)
REGISTRY: dict[str, Any] = {
    "area": [{"id": "A01", "name": "示例台区 A01", "feeder": "F1", "has_backfeed": True}],
    "gateway": [{"id": GATEWAY, "name": "示例网关 A01"}],
    "meter": [
        {
            "id": meter,
            "address": f"20260001000{number}",
            "model": "dlt645-2007-1p",
            "area": "A01",
            "gateway": GATEWAY,
            "line": "north",
        }
        for number, meter in enumerate(METERS)
    ],
}
CUSTOMERS: dict[str, Any] = {
    "customer": [{"id": "C-1", "name": "示例户 1"}],
    "account": [{"no": "101", "customer": "C-1", "address": "示例村 1", "class": "household"}],
    "service": [{"account": "101", "meter": "M-1", "start": "2025-01-01T00:00:00Z"}],
}


class SureClock(edge_clock.SystemClock):
    def state(self) -> ClockState:
        return ClockState.SYNCED


@dataclass
class Station:
    """Two operators at the service's API, and the agent that obeys."""

    service: Application
    agent: Agent
    operators: list[TestClient] = field(default_factory=list)

    def get(self, path: str) -> Any:
        answer = self.operators[0].get(path)
        return answer.json() if answer.status_code == 200 else {}

    def post(self, path: str, body: Any = None, *, who: int = 0) -> Any:
        answer = self.operators[who].post(path, json=body)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    def ended(self, command: str) -> Any:
        """The command, once the gateway has told its end."""
        until(lambda: self.get(f"commands/{command}")["state"] in ENDED, f"the end of {command}")
        return self.get(f"commands/{command}")


def sign_in(service: Application, login: str) -> TestClient:
    password = service.accounts.add(login, Role.OPERATOR)
    client = TestClient(service.asgi, base_url="https://station.example/api/v1")
    answer = client.post("login", json={"login": login, "password": password})
    client.headers["X-CSRF-Token"] = answer.json()["csrf"]
    return client


def cloud_on(folder: Path, mosquitto: Mosquitto) -> Application:
    broker = BrokerSettings(
        kind="external", port=mosquitto.port, password_file=mosquitto.password_file("cloud")
    )
    http = HttpSettings(base_url="https://station.example")
    service = build(Settings(data_dir=folder, http=http, broker=broker), SystemClock(), QUICK)
    with service.database.write() as connection:
        import_registry(connection, REGISTRY)
        import_customers(connection, CUSTOMERS)
        protection.prove(connection, "M-1", "101", "fitter", SystemClock().now())
    service.start()
    return service


def agent_on(folder: Path, mosquitto: Mosquitto, endpoint: str) -> Agent:
    meters = [
        {"id": meter, "model": "dlt645-2007-1p", "address": f"20260001000{number}"}
        for number, meter in enumerate(METERS)
    ]
    (folder / "02").write_text("111111\n")
    (folder / "02").chmod(0o600)
    settings = gateway_settings(
        folder,
        mosquitto.port,
        mosquitto.password_file(GATEWAY),
        line=[{"name": "north", "kind": "tcp", "endpoint": endpoint, "meter": meters}],
        orders={"relay": True, "passwords": {"02": str(folder / "02")}, "quiet_minutes": []},
    )
    return Agent(settings, SureClock())


@pytest.fixture
def station(tmp_path: Path, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> Iterator[Station]:
    monkeypatch.setattr("edge.orders.commander.LOOKS_S", (0.05, 0.05))
    folders = {name: tmp_path / name for name in ("cloud", "edge", "fleet")}
    for folder in folders.values():
        folder.mkdir()
    fleet = MeterFleet(folders["fleet"])
    running = fleet(SCENARIO)
    service = cloud_on(folders["cloud"], mosquitto)
    agent = agent_on(folders["edge"], mosquitto, running.endpoint("north"))
    thread = threading.Thread(target=agent.run, daemon=True)
    thread.start()
    yield Station(service, agent, [sign_in(service, login) for login in ("operator-1", "operator-2")])
    agent.ask_stop()
    thread.join(30)
    service.stop()
    fleet.stop()


def test_a_meter_is_read_set_and_disconnected_from_the_console(station: Station) -> None:
    read = station.ended(station.post("commands", {"kind": "read", "meter": "M-1"})["id"])
    assert (read["state"], read["values"]["voltage_l1_v"] > 180) == ("done", True)

    _settings_come_in_force_by_difference(station)

    wish = {"kind": "relay_off", "meter": "M-1", "reason": "示例原因", "good_for_min": 5}
    asked = station.post("commands", wish)
    assert (asked["state"], asked["has_backfeed"]) == ("awaiting_approval", True)
    assert station.operators[0].post(f"commands/{asked['id']}/approve").status_code == 409
    station.post(f"commands/{asked['id']}/approve", who=1)
    off = station.ended(asked["id"])
    assert (off["state"], off["relay"]) == ("done", "open"), off
    steps = [step["event"] for step in off["history"] if step["event"] != "taken"]
    assert steps == ["ask", "issue", "done"]

    until(lambda: _all_heard(station), "every result heard")
    refused = station.operators[0].post("commands", json=wish | {"meter": "M-2"})
    assert (refused.status_code, "serves no account" in refused.text) == (409, True)


def _settings_come_in_force_by_difference(station: Station) -> None:
    station.post(f"gateways/{GATEWAY}/config", {"settings": {"interval_s": 5}})
    path = f"gateways/{GATEWAY}/config"
    until(lambda: (station.get(path)["in_force"] or {}).get("version") == 1, "version 1 in force")
    assert station.get(path)["versions"][0]["state"] == "applied"
    settings = {"orders": {"protected": ["M-2"], "relay_per_day": 2}}
    station.post(path, {"settings": settings, "after": 1})
    until(lambda: station.get(path)["in_force"]["version"] == 2, "version 2 in force")
    assert station.agent.commander.settings.orders.protected == ("M-2",)


def _all_heard(station: Station) -> bool:
    return not station.agent.commander.ledger.unheard()
