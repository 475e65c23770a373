"""A better tier is read more often, live: real broker, real service, real agent, a simulated line."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from cloud.app import Application, build
from cloud.customers.file.grades import grade_table
from cloud.customers.intake.documents import import_customers
from cloud.fleet import configs
from cloud.fleet.registry import import_registry
from cloud.kit.clock import SystemClock
from cloud.kit.scope import WHOLE_STATION
from cloud.settings import BrokerSettings, HttpSettings, Settings
from cloud.tiers.entitlements.polling import Outcome, states
from edge.agent import Agent
from firmware_sim.pytest_plugin import MeterFleet
from tests.cloud.conftest import QUICK
from tests.edge.gateway import GATEWAY, gateway_settings, until
from tests.mosquitto import Mosquitto
from tests.system.test_orders import CUSTOMERS, METERS, REGISTRY, SCENARIO, SureClock

HOUR = timedelta(hours=1)
pytestmark = pytest.mark.timeout(60)
SLOW_S, QUICK_S = 600, 2


@pytest.fixture
def service(tmp_path: Path, mosquitto: Mosquitto) -> Iterator[Application]:
    """Nothing is scheduled: what a job would do is done by hand."""
    broker = BrokerSettings(
        kind="external", port=mosquitto.port, password_file=mosquitto.password_file("cloud")
    )
    http = HttpSettings(base_url="https://station.example")
    policies, data = tmp_path / "policies", tmp_path / "cloud"
    policies.mkdir()
    data.mkdir()
    shipped = (files("cloud.policies") / "entitlements.toml").read_text(encoding="utf-8")
    at = shipped.index("interval_s = 60", shipped.index('id = "grade-first"'))
    quick = shipped[:at] + f"interval_s = {QUICK_S}" + shipped[at + len("interval_s = 60") :]
    (policies / "entitlements.toml").write_text(quick, encoding="utf-8")
    settings = Settings(data_dir=data, http=http, broker=broker, policies_dir=policies)
    made = build(settings, SystemClock(), QUICK)
    with made.database.write() as connection:
        import_registry(connection, REGISTRY)
        import_customers(connection, CUSTOMERS)
    made.start_ingest()
    yield made
    made.stop()


def test_an_account_that_becomes_important_is_read_as_promised_at_once(
    tmp_path: Path, mosquitto: Mosquitto, service: Application, meter_fleet: MeterFleet
) -> None:
    """The grade is declared, the job plans, the running gateway takes the settings and reads as promised."""
    fleet = meter_fleet(SCENARIO)
    (tmp_path / "edge").mkdir()
    meters = [
        {"id": meter, "model": "dlt645-2007-1p", "address": f"20260001000{number}"}
        for number, meter in enumerate(METERS)
    ]
    line: dict[str, Any] = {"name": "north", "kind": "tcp", "baud": 9600, "endpoint": fleet.endpoint("north")}
    line["meter"] = meters
    settings = gateway_settings(
        tmp_path / "edge",
        mosquitto.port,
        mosquitto.password_file(GATEWAY),
        line=[line],
        interval_s=SLOW_S,
    )
    agent = Agent(settings, SureClock())
    running = threading.Thread(target=agent.run)
    running.start()
    try:
        _watch(service, agent, line)
    finally:
        agent.ask_stop()
        running.join(timeout=20)


def _intervals(agent: Agent) -> dict[str, int]:
    return {meter.id: meter.interval_s for line in agent.commander.settings.lines for meter in line.meters}


def _read(service: Application, meter: str) -> int:
    """How often a meter was read."""
    now = service.clock.now()
    return len(service.store.series(WHOLE_STATION, meter, "energy_import_wh", now - HOUR, now + HOUR))


def _watch(service: Application, agent: Agent, line: dict[str, Any]) -> None:
    entitling = service.tiers.entitling
    until(lambda: service.link is not None and service.link.state.connected, "the cloud's link")

    assert entitling.apply()[Outcome.LEFT_ALONE] == 1  # it has its own file, which nobody here knows
    with service.database.write() as connection:
        [alone] = states(connection)
        assert (alone.state, alone.detail) == ("left_alone", "no_settings")
        document = {"interval_s": SLOW_S, "line": [line], "probe_s": 20}
        now = service.clock.now()
        configs.push(connection, GATEWAY, document, by="operator", note="", now=now)
        row = {"account": "101", "from_day": now.date().replace(day=1), "grade": "first"}
        row |= {"list_no": "示例名单", "by": "operator", "recorded_at": now}
        connection.execute(insert(grade_table).values(row))

    assert entitling.apply()[Outcome.WAITING] == 1  # a person's settings are answered first
    service.dispatch.say_config(GATEWAY)
    until(lambda: _applied(service) == (1, "applied"), "the gateway's word on what a person set")
    assert entitling.apply()[Outcome.SET] == 1
    until(lambda: _intervals(agent) == {"M-1": QUICK_S, "M-2": SLOW_S}, "the promised interval")
    with service.database.read() as connection:
        newest = configs.newest(connection, GATEWAY)
        assert newest.version == 2
        assert newest.document["probe_s"] == 20
    until(lambda: _applied(service) == (2, "applied"), "the gateway's own word")
    once = _read(service, "M-1")
    until(lambda: _read(service, "M-1") >= once + 2, "readings as often as promised")
    other = _read(service, "M-2")  # each taking of settings begins with a reading; from here on it is calm
    until(lambda: _read(service, "M-1") >= once + 4, "readings as often as promised")
    assert _read(service, "M-2") == other
    assert entitling.apply()[Outcome.AS_PROMISED] == 1  # and nothing is pushed again
    with service.database.read() as connection:
        assert configs.newest(connection, GATEWAY).version == 2


def _applied(service: Application) -> tuple[int, str] | None:
    with service.database.read() as connection:
        row = configs.in_force(connection, GATEWAY)
    return None if row is None else (row.version, row.state)
