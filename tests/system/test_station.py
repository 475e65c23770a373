"""The whole chain with real processes: what is an outage, what a broken wire, and who is told what."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import pytest

from cloud.demo.prepare import Wishes, prepare
from cloud.demo.programs import tool
from cloud.demo.run import Demo
from cloud.demo.station import Paces, Place
from cloud.kit.clock import SystemClock

pytestmark = pytest.mark.timeout(240)
QUICK = {
    "heard_within_s": 8,
    "restored_after_s": 2,
    "broker_grace_s": 10,
    "after_s": 4,
    "clear_s": 2,
}
PATIENCE_S = 60.0


@dataclass
class Running:
    """A station with four areas and an operator's eyes on it."""

    demo: Demo
    http: httpx.Client

    def fault(self, kind: str, target: str, *, clear: bool = False) -> None:
        ending = ["--clear"] if clear else []
        tool("firmware_sim", "fault", kind, target, *ending, "--state-dir", str(self.demo.place.root))

    def items(self, what: str, **query: Any) -> list[dict[str, Any]]:
        answer = self.http.get(f"/api/v1/{what}", params=query)
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()["items"]
        return found

    def alerts(self) -> list[tuple[str, str | None, bool]]:
        """(kind, area or gateway, whether it is open) of every alert that is not about a single meter."""
        return [
            (each["kind"], each["area"] or each["gateway"], each["closed_at"] is None)
            for each in self.items("alerts", only_open=False, limit=200)
            if each["kind"] != "meter_silent"
        ]

    def sees(self, *wanted: tuple[str, str | None, bool]) -> None:
        until(lambda: set(wanted) <= set(self.alerts()), lambda: f"wanted {wanted}, there is {self.alerts()}")


def until(true: Callable[[], bool], told: Callable[[], str]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end, told()
        time.sleep(0.25)


def quicken(policies: Path) -> None:
    """Every wait of the station's own alerts and notices shortened, so that a test need not be patient."""
    for name in ("alerts.toml", "notices.toml"):
        text = (files("cloud.policies") / name).read_text(encoding="utf-8")
        for key, seconds in QUICK.items():
            text = re.sub(rf"^{key} = (?!0\b)[0-9.]+", f"{key} = {seconds}", text, flags=re.MULTILINE)
        (policies / name).write_text(text, encoding="utf-8")


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Running]:
    clock, place, paces = SystemClock(), Place(tmp_path), Paces(interval_s=2, health_s=1.0, batch_age_s=0.3)
    started_at = clock.now()
    prepared = prepare(place, Wishes(areas=4, meters=5, days=0, port=0), paces, clock)
    quicken(place.policies)
    demo = Demo(place, prepared, started_at, lambda _: None, paces)
    try:
        demo.start()
        base = f"http://127.0.0.1:{prepared.http_port}"
        with closing(httpx.Client(base_url=base, timeout=10)) as http:
            login = {"login": "operator", "password": prepared.operator_password, "kind": "bearer"}
            token = http.post("/api/v1/login", json=login).raise_for_status().json()["token"]
            http.headers["Authorization"] = f"Bearer {token}"
            running = Running(demo, http)
            meters = len(prepared.station.meters)
            until(lambda: len(_heard(running)) == meters, lambda: f"heard only {_heard(running)}")
            yield running
    finally:
        demo.stop()


def _heard(running: Running) -> set[str]:
    return {each["meter"] for each in running.items("latest", limit=500) if each["values"]}


def test_an_outage_is_told_once_and_a_broken_link_never_as_one(station: Running) -> None:
    """One area loses supply, one its line, one its gateway's uplink, all at once; then the broker goes."""
    station.fault("area-out", "A01")
    station.fault("line-cut", "line-a02")
    station.fault("gateway-dark", "gw-a03")
    station.sees(
        ("area_outage", "A01", True), ("line_silent", "gw-a02", True), ("gateway_dark", "gw-a03", True)
    )
    assert sum(kind == "area_outage" for kind, _, _ in station.alerts()) == 1

    station.fault("area-out", "A01", clear=True)
    station.fault("line-cut", "line-a02", clear=True)
    station.fault("gateway-dark", "gw-a03", clear=True)
    station.sees(
        ("area_outage", "A01", False), ("line_silent", "gw-a02", False), ("gateway_dark", "gw-a03", False)
    )

    station.fault("broker-down", station.demo.prepared.broker_address)
    station.sees(("broker_down", None, True))
    station.fault("broker-down", station.demo.prepared.broker_address, clear=True)
    station.sees(("broker_down", None, False))

    orders = station.items("work-orders")
    assert [(order["area"], order["state"]) for order in orders] == [("A01", "restored")]
    station.demo.drain()
    station.demo.stop()
    outcome = station.demo.outcome()
    assert (outcome.lost, outcome.counted_twice) == (0, 0)
    assert (outcome.outages, outcome.work_orders) == (1, 1)
    told = notices(station.demo.place)
    customers = {f"C-A01-{number:02d}" for number in range(1, 5)}
    assert sorted(told) == sorted(
        (customer, kind) for customer in customers for kind in ("outage", "restored")
    )


def notices(place: Place) -> list[tuple[str, str]]:
    """(customer, kind) of every notice to a customer about the supply; bills are another matter."""
    from sqlalchemy import select

    from cloud.alerts.notify import notice_table
    from cloud.alerts.policy import NoticeKind
    from cloud.kit.db import Database
    from cloud.settings import load

    table = notice_table.c
    supply = (NoticeKind.OUTAGE, NoticeKind.RESTORED)
    query = select(table.customer, table.kind).where(table.customer.is_not(None), table.kind.in_(supply))
    with closing(Database(load(place.cloud_toml).records_url)) as database, database.read() as connection:
        return [(row.customer, row.kind) for row in connection.execute(query)]
