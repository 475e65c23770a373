"""The meters of a scenario, built: who hangs on which phase, with which load, behind which area meter."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from firmware_sim import curves
from firmware_sim.calendar import Calendar
from firmware_sim.circuit import WHOLE, AreaCircuit, LoadCircuit, Shares
from firmware_sim.clock import Clock
from firmware_sim.draws import between
from firmware_sim.draws import key as key_of
from firmware_sim.kinds import FEED, with_roof
from firmware_sim.life import BadLife, Life, LifePlan
from firmware_sim.loads import ConstantLoad, Load, SeededLoad
from firmware_sim.making import Making
from firmware_sim.meter import Meter
from firmware_sim.registers import FLOATS
from firmware_sim.scenario import CurvePlan, MeterPlan, Scenario, ScenarioError
from firmware_sim.slot_tables import STANDARD
from firmware_sim.supply import Supply

ALL_PHASES = (0, 1, 2)
_IRON_W = (60, 160)
_IRON_POWER_FACTOR = 0.4
_COPPER = (0.015, 0.035)
_DROP_OHM = (0.03, 0.3)


class Fleet(Mapping[str, Meter]):
    """All meters by id, in the scenario's order, and what is really true of them."""

    def __init__(self, meters: dict[str, Meter], life: Iterable[LifePlan]) -> None:
        self._meters = meters
        self.life = Life(life, meters)

    def __getitem__(self, meter: str) -> Meter:
        return self._meters[meter]

    def __iter__(self) -> Iterator[str]:
        return iter(self._meters)

    def __len__(self) -> int:
        return len(self._meters)

    def clock(self, clock: Clock) -> Clock:
        """That clock; whoever asks it finds everything happened that was to happen by then."""
        return _LivingClock(clock, self.life)

    def truth(self, meter: str, at_ms: int) -> int:
        """Whole mWh drawn through that meter since installation, whatever it shows of them."""
        return self._meters[meter].circuit.energy_mwh(at_ms / 1000)

    def truth_fed(self, meter: str, at_ms: int) -> int:
        """Whole mWh fed back through it."""
        return sum(self._meters[meter].circuit.fed_mwh(at_ms / 1000))

    def serves(self, meter: str) -> str:
        """The place whose load that meter measures: its own, unless the wires were mixed up."""
        return self._meters[meter].serves

    def served_by(self, place: str) -> str:
        """The meter through which that customer's energy really flows."""
        return next(meter.id for meter in self._meters.values() if meter.serves == place)


class _LivingClock:
    def __init__(self, clock: Clock, life: Life) -> None:
        self._clock, self._life = clock, life

    def now_ms(self) -> int:
        now_ms = self._clock.now_ms()
        self._life.catch_up(now_ms)
        return now_ms


def build(scenario: Scenario) -> Fleet:
    """The fleet of a scenario. ScenarioError when a curve file or an event of its life cannot be used."""
    calendar = Calendar.since(scenario.installed, scenario.zone)
    supplies = {area.id: Supply(scenario.seed, area.id, calendar) for area in scenario.areas}
    loads = _Loads(scenario, calendar)
    plans = {plan.id: plan for plan in scenario.meters}
    circuits = {
        plan.id: LoadCircuit(loads.of(plan), _shares(scenario.seed, plan), loads.feed_of(plan))
        for plan in scenario.meters
        if plan.role == "customer"
    }
    members: dict[str, list[LoadCircuit]] = {area.id: [] for area in scenario.areas}
    for place, circuit in circuits.items():
        members[plans[place].area].append(circuit)
    meters: dict[str, Meter] = {}
    for plan in scenario.meters:
        served = plans[plan.making.serves or plan.id]
        through: LoadCircuit | AreaCircuit = (
            circuits[served.id]
            if plan.role == "customer"
            else _area_circuit(scenario.seed, plan, members[plan.area], calendar)
        )
        meters[plan.id] = _meter(scenario, plan, served, through, supplies[plan.area], calendar)
    _check_measured({meter.model: meter for meter in meters.values()}.values())
    try:
        return Fleet(meters, scenario.life)
    except BadLife as error:
        raise ScenarioError(f"life: {error}") from None


class _Loads:
    """Makes loads; a curve file is read once however many meters use it."""

    def __init__(self, scenario: Scenario, calendar: Calendar) -> None:
        self._scenario = scenario
        self._calendar = calendar
        self._curves: dict[Path, tuple[curves.Curve, int]] = {}

    def feed_of(self, plan: MeterPlan) -> Load | None:
        """What the panels on that roof feed back."""
        if not plan.making.pv_w:
            return None
        seed, size = self._scenario.seed, plan.making.pv_w
        return SeededLoad(FEED, seed, plan.id, self._calendar, size, own_hours=False)

    def of(self, plan: MeterPlan) -> Load:
        if not isinstance(plan.load, CurvePlan):
            kind = plan.load or "household"
            if plan.making.pv_w:
                roofed = with_roof(kind)
                return SeededLoad(roofed, self._scenario.seed, plan.id, self._calendar, own_hours=False)
            return SeededLoad(kind, self._scenario.seed, plan.id, self._calendar)
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
    served: MeterPlan,
    circuit: LoadCircuit | AreaCircuit,
    supply: Supply,
    calendar: Calendar,
) -> Meter:
    customer, making = plan.role == "customer", plan.making
    meter = Meter(
        id=plan.id,
        address=plan.address,
        model=scenario.models[plan.model],
        area=plan.area,
        line=plan.line,
        role=plan.role,
        wires=ALL_PHASES if served.phase is None else (served.phase,),
        aux_supply=plan.aux_supply,
        circuit=circuit,
        supply=supply,
        calendar=calendar,
        drop_ohm=between(key_of(scenario.seed, plan.id, "wire"), 0, *_DROP_OHM) if customer else 0.0,
        nature=making.nature,
        serves=served.id,
        clock_ppm=making.clock_drift_ppm,
    )
    _set_up(meter, making)
    return meter


def _check_measured(samples: Iterable[Meter]) -> None:
    """A register of a quantity that is not simulated, and has no pattern for that, would say 0."""
    for meter in samples:
        if meter.model.protocol != "modbus":
            continue
        measured = meter.values(meter.since_ms, frozenset(point.quantity for point in meter.model.points))
        for point in meter.model.points:
            if point.quantity not in measured and not point.not_available and point.type not in FLOATS:
                raise ScenarioError(
                    f"meter {meter.id}: {point.quantity} of its model {meter.model.name} is not simulated "
                    "and would read 0; give its register a `not_available` pattern, or leave it out"
                )


def _set_up(meter: Meter, making: Making) -> None:
    """What was wrong with it, or not from zero, from the day it was installed."""
    since_ms = meter.since_ms
    if making.start_kwh or making.nature.hung_ratio != 1 or making.slots != STANDARD or making.counts != 1:
        meter.begin_at(since_ms, round(making.start_kwh * 1_000_000), making.slots)
    if making.counts != 1:
        meter.counting.lose(since_ms, making.counts)
    if making.clock_offset_s:
        meter.step_clock(since_ms, since_ms + round(making.clock_offset_s * 1000))
