"""Orders through the agent to simulated meters on a line: what they obey, refuse, and what reads back."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge.agent import Agent
from edge.clock import SystemClock
from edge.orders import rules
from edge.settings import Settings
from firmware_sim.pytest_plugin import MeterFleet
from protocols.mqtt import orders
from protocols.mqtt.messages import ClockState
from protocols.mqtt.orders import Approval, Capability, Order, OrderKind, OrderResult, OrderState, RelayState
from tests.edge.gateway import GATEWAY, gateway_settings, until

METERS = {"M-good": "", "M-chip": "esam", "M-stuck": "relay-stuck", "M-late": ""}
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
behaviour = [{f'"{behaviour}"' if behaviour else ""}]
clock_offset_s = {100 if meter == "M-late" else 0}
"""
    for number, (meter, behaviour) in enumerate(METERS.items())
)


class SureClock(SystemClock):
    def state(self) -> ClockState:
        return ClockState.SYNCED


class Station:
    """The agent without its main loop or a broker: ticked here, its results taken from the ledger."""

    def __init__(self, settings: Settings) -> None:
        self.agent = Agent(settings, SureClock())
        self.number = 0
        for poller in self.agent._pollers:
            poller.start()

    def do(self, kind: OrderKind, meter: str) -> OrderResult:
        self.number += 1
        now_ms = SystemClock().now_ms()
        order = Order(
            gateway=GATEWAY, id=f"order-{self.number:04}", kind=kind, meter=meter, issued_at_ms=now_ms,
            expires_at_ms=now_ms + 60_000,
            approvals=[Approval(by="li", at_ms=now_ms), Approval(by="wang", at_ms=now_ms)],
        )  # fmt: skip
        self.agent.commander.receive_order(orders.encode(order))
        until(lambda: self._ended(order), f"the end of {kind} {meter}")
        entry = self.agent.commander.ledger.entry(order.id)
        assert entry
        return entry.result()

    def _ended(self, order: Order) -> bool:
        self.agent.tick()
        entry = self.agent.commander.ledger.entry(order.id)
        return entry is not None and entry.result().state is not OrderState.TAKEN


@pytest.fixture
def station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Station]:
    monkeypatch.setattr("edge.orders.commander.LOOKS_S", (0.05, 0.05))
    fleet = MeterFleet(tmp_path / "fleet")
    running = fleet(SCENARIO)
    meters = [
        {"id": meter, "model": "dlt645-2007-1p", "address": f"20260001000{number}"}
        for number, meter in enumerate(METERS)
    ]
    line = {"name": "north", "kind": "tcp", "endpoint": running.endpoint("north"), "meter": meters}
    (tmp_path / "02").write_text("111111\n")
    settings = gateway_settings(
        tmp_path, 9, None, line=[line], orders={"relay": True, "passwords": {"02": str(tmp_path / "02")}}
    )
    made = Station(settings)
    yield made
    made.agent._polling = True
    made.agent.stop()
    fleet.stop()


def test_meters_obey_refuse_or_only_seem_to_and_the_result_says_which(station: Station) -> None:
    off = station.do(OrderKind.RELAY_OFF, "M-good")
    assert (off.state, off.relay) == (OrderState.DONE, RelayState.OPEN)
    on = station.do(OrderKind.RELAY_ON, "M-good")
    assert (on.state, on.relay) == (OrderState.DONE, RelayState.OPEN)  # permitted: the customer presses
    chip = station.do(OrderKind.RELAY_OFF, "M-chip")
    assert (chip.state, chip.relay) == (OrderState.REFUSED, None)
    assert station.agent.commander.capability("M-chip") is Capability.CLOCK
    stuck = station.do(OrderKind.RELAY_OFF, "M-stuck")
    assert (stuck.state, stuck.relay) == (OrderState.UNKNOWN, RelayState.CLOSED)
    assert station.do(OrderKind.FREEZE, "M-good").state is OrderState.DONE
    read = station.do(OrderKind.READ, "M-good")
    assert read.values["voltage_l1_v"] > 180


def test_a_late_clock_is_set_by_broadcast_unless_midnight_is_near(station: Station) -> None:
    now = datetime.now(ZoneInfo("Asia/Shanghai"))
    quiet = rules.near_quiet(now, 100, [0]) is not None
    result = station.do(OrderKind.CLOCK, "M-late")
    assert result.state is (OrderState.REFUSED if quiet else OrderState.DONE), result.detail
    assert quiet or abs(result.values["clock_offset_s"]) <= 2
