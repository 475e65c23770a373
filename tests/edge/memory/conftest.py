"""A few meters on one simulated line, hours in tenths of a second."""

import itertools
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.orders.states import Entry
from edge.settings import Settings
from firmware_sim import scenario as scenarios
from protocols.mqtt import orders
from protocols.mqtt.orders import Order, OrderKind
from protocols.readings import Reading, Source
from tests.system.simulated_station import Gateway, World, in_simulated_time

__all__ = ["in_simulated_time"]

START = datetime(2026, 11, 28, 0, 4, tzinfo=UTC)
METER = "A01-01"
ADDRESS = "202600000001"
HEAD = """
seed = 5
[station]
installed = 2026-11-15
[[area]]
id = "A01"
[[line]]
name = "bus"
kind = "tcp"
"""


def at(hours: float) -> datetime:
    """Hours since 00:00 UTC of the first day."""
    return START.replace(minute=0) + timedelta(hours=hours)


def at_ms(hours: float) -> int:
    return round(at(hours).timestamp() * 1000)


class Village:
    """One gateway; `meters` are tables of a scenario without id, area and line."""

    def __init__(self, folder: Path, meters: Iterable[str], **more: object) -> None:
        named = {f"A01-{number:02d}": what for number, what in enumerate(meters, 1)}
        text = HEAD + "".join(
            f'[[meter]]\nid = "{name}"\narea = "A01"\nline = "bus"\n{what}\n' for name, what in named.items()
        )
        self.world = World(text, START)
        of_each: dict[str, object] = more.pop("meter", {})  # type: ignore[assignment]
        told = [
            {"id": plan.id, "model": plan.model, "interval_s": 900}
            | ({"unit": int(plan.address)} if len(plan.address) < 12 else {"address": plan.address})
            | of_each
            for plan in scenarios.parse(text).meters
        ]
        line = {"name": "bus", "kind": "tcp", "endpoint": "127.0.0.1:9", "meter": told}
        raw = {"gateway": "gw-a01", "data_dir": str(folder), "broker": {"host": "127.0.0.1"}, "line": [line]}
        self.gateway = Gateway(self.world, Settings.model_validate(raw | more))
        self._orders = itertools.count(1)

    def order(
        self, hours: float, kind: OrderKind, meter: str = METER, lives_h: float = 24, **more: object
    ) -> str:
        """Have an order arrive then; gives its id."""
        order = Order(
            gateway="gw-a01", id=f"order-{next(self._orders):04}", kind=kind, meter=meter,
            issued_at_ms=at_ms(hours), expires_at_ms=at_ms(hours + lives_h), **more,  # type: ignore[arg-type]
        )  # fmt: skip
        payload = orders.encode(order)
        self.world.at(at(hours), lambda: self.gateway.agent.commander.receive_order(payload))
        return order.id

    def readings(self, source: Source, meter: str = METER) -> list[Reading]:
        return [each for each in self.gateway.accepted() if (each.meter, each.source) == (meter, source)]

    def stamps(self, source: Source, meter: str = METER) -> list[int]:
        """Of values with a register, in hours since 00:00 UTC of the first day."""
        found = self.readings(source, meter)
        hours = [(each.at_ms - at_ms(0)) / 3_600_000 for each in found if "energy_import_wh" in each.values]
        return sorted(hours)  # type: ignore[arg-type]

    def reasons(self, meter: str = METER) -> dict[str, int]:
        found: dict[str, int] = {}
        for gap in self.gateway.agent.memory.listing(meter):
            found[gap.reason] = found.get(gap.reason, 0) + gap.slots
        return found

    def ended(self, order: str) -> Entry:
        assert order in self.gateway.ends, f"{order} has no end"
        return self.gateway.ends[order]


@pytest.fixture
def village(tmp_path: Path, in_simulated_time: Callable[[World], None]) -> Callable[..., Village]:
    def make(*meters: str, **more: object) -> Village:
        made = Village(tmp_path, meters or [f'model = "dlt645-2007-1p"\naddress = "{ADDRESS}"'], **more)
        in_simulated_time(made.world)
        return made

    return make
