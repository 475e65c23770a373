"""A running fleet: the meters of a scenario on their lines, with faults on demand. Builds all, owns all."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from firmware_sim import fleet
from firmware_sim.clock import Clock
from firmware_sim.dlt645_meter import Dlt645Meter
from firmware_sim.faults import Faults
from firmware_sim.line import Bus, Line, SerialLine, TcpLine
from firmware_sim.meter import Meter
from firmware_sim.noise import Wire
from firmware_sim.relay import Relay
from firmware_sim.scenario import LinePlan, Scenario, ScenarioError
from firmware_sim.supply_file import SupplyFile


class Simulator:
    """`state_dir` is where links of serial lines and supply files go that the scenario names relatively."""

    def __init__(self, scenario: Scenario, clock: Clock, state_dir: Path) -> None:
        self._scenario = scenario
        self._clock = clock
        self._state_dir = state_dir.resolve()
        self.meters = fleet.build(scenario)
        _check_clock(scenario, self.meters, clock)
        self.lines = {plan.name: self._line(plan) for plan in scenario.lines}
        self.relays = {
            plan.id: Relay(plan.id, plan.broker, plan.relay_port) for plan in scenario.gateways if plan.broker
        }
        self._supply_files = {
            plan.id: SupplyFile(self._state_dir / plan.supply_file)
            for plan in scenario.gateways
            if plan.supply_file
        }
        by_area: dict[str, list[SupplyFile]] = {}
        for plan in scenario.gateways:
            if plan.area and plan.id in self._supply_files:
                by_area.setdefault(plan.area, []).append(self._supply_files[plan.id])
        self.faults = Faults(clock, self.meters, self.lines, self.relays, by_area)
        self._open = AsyncExitStack()

    async def start(self) -> None:
        """Open every listener, or none: ScenarioError when one cannot be had."""
        async with AsyncExitStack() as opened:
            parts: list[Line | Relay] = [*self.lines.values(), *self.relays.values()]
            for part in parts:
                await part.open()
                opened.push_async_callback(part.close)
            for file in self._supply_files.values():
                file.write(lit=True)
            self._open = opened.pop_all()

    async def stop(self) -> None:
        await self._open.aclose()

    def ready(self) -> dict[str, object]:
        """What a program that drives the fleet needs to know of it, for one line of JSON."""
        return {
            "ready": True,
            "lines": [
                {"name": line.plan.name, "kind": _short(line.plan.kind), "endpoint": line.endpoint}
                for line in self.lines.values()
            ],
            "gateways": [self._gateway(plan.id, plan.area) for plan in self._scenario.gateways],
            "meters": len(self.meters),
        }

    def _gateway(self, gateway: str, area: str | None) -> dict[str, object]:
        supply = self._supply_files.get(gateway)
        relay = self.relays.get(gateway)
        return {
            "id": gateway,
            "area": area,
            "uplink": relay.endpoint if relay else None,
            "supply_file": str(supply.path) if supply else None,
        }

    def _line(self, plan: LinePlan) -> Line:
        meters = [meter for meter in self.meters.values() if meter.line == plan.name]
        wire = Wire(self._scenario.seed, plan.name, plan.noise)
        if plan.kind == "modbus-tcp":
            return _modbus_line(plan, meters, wire, self._clock)
        bus = Bus([Dlt645Meter(meter) for meter in meters], self._clock)
        if plan.kind == "dlt645-serial":
            return SerialLine(plan, bus, wire, self._state_dir)
        return TcpLine(plan, bus, wire)


def _modbus_line(plan: LinePlan, meters: Sequence[Meter], wire: Wire, clock: Clock) -> Line:
    from firmware_sim.modbus_meter import ModbusLine  # pymodbus is slow to import and often not needed

    return ModbusLine(plan, meters, wire, clock)


def _short(kind: str) -> str:
    """The kind as a gateway's settings name it."""
    return {"dlt645-tcp": "tcp", "dlt645-serial": "serial"}.get(kind, kind)


def _check_clock(scenario: Scenario, meters: dict[str, Meter], clock: Clock) -> None:
    if any(clock.now_ms() < meter.calendar.origin_s * 1000 for meter in meters.values()):
        raise ScenarioError(f"station.installed: {scenario.installed} is still to come; set an earlier day")
