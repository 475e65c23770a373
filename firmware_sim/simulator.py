"""A running fleet: the meters of a scenario on their lines, with faults on demand. Builds all, owns all."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from firmware_sim import fleet
from firmware_sim.bus import Bus
from firmware_sim.clock import Clock
from firmware_sim.fault_book import FaultBook
from firmware_sim.faults import SECOND_MASTER, Faults, UnknownFault
from firmware_sim.fleet_state import ActiveFault, FleetState, go_on
from firmware_sim.line import BusLine, Line, SerialLine, TcpLine
from firmware_sim.meter import Meter
from firmware_sim.noise import Wire
from firmware_sim.relay import Relay
from firmware_sim.replay import ReplayStation
from firmware_sim.scenario import LinePlan, MasterPlan, Scenario, ScenarioError
from firmware_sim.script import Instant, Script
from firmware_sim.second_master import SecondMaster
from firmware_sim.stations import Dlt645Station, RtuStation, Station
from firmware_sim.supply_file import SupplyFile
from firmware_sim.transcript import Transcript

_SERIAL = ("dlt645-serial", "serial")


class Simulator:
    """`state_dir` is where links of serial lines and supply files go that the scenario names relatively."""

    def __init__(
        self,
        scenario: Scenario,
        clock: Clock,
        state_dir: Path,
        keep_state: bool = False,
        transcript: Transcript | None = None,
    ) -> None:
        self._scenario = scenario
        self._state_dir = state_dir.resolve()
        self.meters = fleet.build(scenario)
        if keep_state:
            go_on(state_dir, clock)
        _check_clock(scenario, self.meters, clock)
        self._clock = self.meters.clock(clock)
        self._state = FleetState(self._state_dir, scenario.seed, self.meters, self._clock, self._given)
        self._keep_state = keep_state
        self._resumed = self._state.restore(clock.now_ms()) if keep_state else []
        self.transcript = Transcript() if transcript is None else transcript
        self._plans = {plan.id: plan for plan in scenario.meters}
        self._books = {plan.name: FaultBook(scenario.seed, plan.name) for plan in scenario.lines}
        self.lines = {plan.name: self._line(plan) for plan in scenario.lines}
        self.masters = {plan.name: self._master(plan) for plan in scenario.masters}
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
        self.faults = Faults(
            self._clock, self.meters, self.lines, self.relays, by_area, self._books, self.masters
        )
        self.script = Script(clock)
        self._write_script()
        self._open = AsyncExitStack()

    async def start(self) -> None:
        """Open every listener, or none: ScenarioError when one cannot be had."""
        self.transcript.origin_s = asyncio.get_running_loop().time()
        async with AsyncExitStack() as opened:
            parts: list[Line | Relay] = [*self.lines.values(), *self.relays.values()]
            for part in parts:
                await part.open()
                opened.push_async_callback(part.close)
            for master in self.masters.values():
                opened.push_async_callback(master.stop)
            for file in self._supply_files.values():
                file.write(lit=True)
            await self._resume()
            await self.script.play_due()
            self.script.start()
            opened.push_async_callback(self.script.stop)
            self._open = opened.pop_all()

    async def stop(self) -> None:
        if self._keep_state:
            self._state.save()
        await self._open.aclose()

    async def _resume(self) -> None:
        """Go on where the run before ended: its faults are still there."""
        if not self._keep_state:
            return
        await self.faults.resume(self._resumed)
        self._state.watch()
        self.faults.changed = self._state.touch

    def _given(self) -> list[ActiveFault]:
        return [(fault.kind, fault.target, fault.at_ms) for fault in self.faults.active()]

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

    def _write_script(self) -> None:
        """Everything the scenario says is to happen, at its time."""
        for fault in self._scenario.faults:
            try:
                self.faults.check(fault.kind, fault.target, fault.options)
            except UnknownFault as error:
                raise ScenarioError(f"fault {fault.kind} of {fault.target}: {error}") from None
            self._between(fault.at, fault.until, fault.kind, fault.target, fault.options)
        for master in self._scenario.masters:
            self._between(master.at, master.until, SECOND_MASTER, master.name, {})

    def _between(
        self, at: Instant, until: Instant | None, kind: str, target: str, options: Mapping[str, float]
    ) -> None:
        self.script.add(at, partial(self.faults.set, kind, target, True, options))
        if until is not None:
            self.script.add(until, partial(self.faults.set, kind, target, False))

    def _master(self, plan: MasterPlan) -> SecondMaster:
        line = self.lines[plan.line]
        assert isinstance(line, BusLine)  # a master on modbus-tcp is refused with the scenario
        return SecondMaster(plan, line.bus)

    def _line(self, plan: LinePlan) -> Line:
        meters = [meter for meter in self.meters.values() if meter.line == plan.name]
        wire = Wire(self._scenario.seed, plan.name, plan.noise)
        book = self._books[plan.name]
        if plan.kind == "modbus-tcp":
            return _modbus_line(plan, meters, wire, self._clock, self.transcript, book)
        stations = [self._station(meter) for meter in meters]
        bus = Bus(plan, stations, self._plans, wire, self._clock, self.transcript, book)
        return SerialLine(plan, bus, self._state_dir) if plan.kind in _SERIAL else TcpLine(plan, bus)

    def _station(self, meter: Meter) -> Station:
        modbus = meter.model.protocol == "modbus"
        station = RtuStation(meter, self._clock) if modbus else Dlt645Station(meter)
        captured = [answer for answer in self._scenario.answers if answer.meter == meter.id]
        return ReplayStation(station, captured) if captured else station


def _modbus_line(
    plan: LinePlan,
    meters: Sequence[Meter],
    wire: Wire,
    clock: Clock,
    transcript: Transcript,
    book: FaultBook,
) -> Line:
    from firmware_sim.modbus_meter import ModbusLine  # pymodbus is slow to import and often not needed

    return ModbusLine(plan, meters, wire, clock, transcript, book)


def _short(kind: str) -> str:
    """The kind as a gateway's settings name it."""
    return {"dlt645-tcp": "tcp", "dlt645-serial": "serial"}.get(kind, kind)


def _check_clock(scenario: Scenario, meters: Mapping[str, Meter], clock: Clock) -> None:
    if any(clock.now_ms() < meter.calendar.origin_s * 1000 for meter in meters.values()):
        raise ScenarioError(f"station.installed: {scenario.installed} is still to come; set an earlier day")
