"""The meters of a scenario, built: who hangs on which phase, with which load, behind which area meter."""

from collections.abc import Sequence
from pathlib import Path

from firmware_sim import curves
from firmware_sim.calendar import Calendar
from firmware_sim.circuit import WHOLE, AreaCircuit, LoadCircuit, Shares
from firmware_sim.draws import between
from firmware_sim.draws import key as key_of
from firmware_sim.loads import ConstantLoad, Load, SeededLoad
from firmware_sim.meter import Meter
from firmware_sim.scenario import CurvePlan, MeterPlan, Scenario, ScenarioError
from firmware_sim.supply import Supply

ALL_PHASES = (0, 1, 2)
_IRON_W = (60, 160)
_IRON_POWER_FACTOR = 0.4
_COPPER = (0.015, 0.035)
_DROP_OHM = (0.03, 0.3)


def build(scenario: Scenario) -> dict[str, Meter]:
    """All meters by id, in the scenario's order. ScenarioError when a curve file cannot be used."""
    calendar = Calendar.since(scenario.installed, scenario.zone)
    supplies = {area.id: Supply(scenario.seed, area.id, calendar) for area in scenario.areas}
    loads = _Loads(scenario, calendar)
    meters: dict[str, Meter] = {}
    for plan in scenario.meters:
        if plan.role == "customer":
            circuit = LoadCircuit(loads.of(plan), _shares(scenario.seed, plan))
            meters[plan.id] = _meter(scenario, plan, circuit, supplies[plan.area], calendar)
    members: dict[str, list[LoadCircuit]] = {area.id: [] for area in scenario.areas}
    for meter in meters.values():
        assert isinstance(meter.circuit, LoadCircuit)
        members[meter.area].append(meter.circuit)
    for plan in scenario.meters:
        if plan.role == "area":
            area = _area_circuit(scenario.seed, plan, members[plan.area], calendar)
            meters[plan.id] = _meter(scenario, plan, area, supplies[plan.area], calendar)
    return {plan.id: meters[plan.id] for plan in scenario.meters}


class _Loads:
    """Makes loads; a curve file is read once however many meters use it."""

    def __init__(self, scenario: Scenario, calendar: Calendar) -> None:
        self._scenario = scenario
        self._calendar = calendar
        self._curves: dict[Path, tuple[curves.Curve, int]] = {}

    def of(self, plan: MeterPlan) -> Load:
        if not isinstance(plan.load, CurvePlan):
            return SeededLoad(plan.load or "household", self._scenario.seed, plan.id, self._calendar)
        path = self._scenario.folder / plan.load.file
        try:
            if path not in self._curves:
                self._curves[path] = curves.read(path, self._calendar)
        except curves.CurveError as error:
            raise ScenarioError(f"meter {plan.id}: {error}") from None
        curve, weekday = self._curves[path]
        return curves.CurveLoad(curve, weekday, plan.load.scale, plan.load.power_factor, self._calendar)


def _shares(seed: int, plan: MeterPlan) -> Shares:
    """How the load spreads over the phases: all on one, or about a third on each."""
    if plan.phase is not None:
        a, b, c = (WHOLE * (phase == plan.phase) for phase in ALL_PHASES)
        return a, b, c
    of = key_of(seed, plan.id, "shares")
    x, y, z = (between(of, phase, 0.8, 1.2) for phase in ALL_PHASES)
    a, b = (int(WHOLE * weight / (x + y + z)) for weight in (x, y))
    return a, b, WHOLE - a - b


def _area_circuit(
    seed: int, plan: MeterPlan, members: Sequence[LoadCircuit], calendar: Calendar
) -> AreaCircuit:
    of = key_of(seed, plan.area, "losses")
    iron = ConstantLoad(between(of, 0, *_IRON_W), _IRON_POWER_FACTOR, calendar)
    third = WHOLE // 3
    return AreaCircuit(
        members, between(of, 1, *_COPPER), LoadCircuit(iron, (third, third, WHOLE - 2 * third))
    )


def _meter(
    scenario: Scenario,
    plan: MeterPlan,
    circuit: LoadCircuit | AreaCircuit,
    supply: Supply,
    calendar: Calendar,
) -> Meter:
    customer = plan.role == "customer"
    return Meter(
        id=plan.id,
        address=plan.address,
        model=scenario.models[plan.model],
        area=plan.area,
        line=plan.line,
        role=plan.role,
        wires=ALL_PHASES if plan.phase is None else (plan.phase,),
        aux_supply=plan.aux_supply,
        circuit=circuit,
        supply=supply,
        calendar=calendar,
        drop_ohm=between(key_of(scenario.seed, plan.id, "wire"), 0, *_DROP_OHM) if customer else 0.0,
    )
