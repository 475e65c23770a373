"""One simulated meter: its quantities at any instant, its clock, its events. No bytes here.

Values are exact; a protocol rounds them to what its registers hold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, pi, sin, sqrt

from firmware_sim.calendar import Calendar
from firmware_sim.circuit import AreaCircuit, LoadCircuit
from firmware_sim.supply import Supply
from protocols.models import MeterModel

Phases3 = tuple[bool, bool, bool]
DEMAND_S = 900
KEPT_RECORDS = 10
_BANDS = tuple(f"energy_import_t{n}_wh" for n in range(1, 5))
_REACTIVE = frozenset(("reactive_energy_import_varh", "reactive_energy_q1_varh"))
_ZEROS = frozenset(
    (
        "energy_export_wh",
        "reactive_energy_export_varh",
        *(f"energy_export_t{n}_wh" for n in range(1, 5)),
        *(f"reactive_energy_q{n}_varh" for n in range(2, 5)),
    )
)


@dataclass(slots=True)
class Stretch:
    """A time without supply; `end_ms` is None while it lasts."""

    start_ms: int
    end_ms: int | None = None


class Events:
    """What a meter counts and the last ten power-downs and phase failures it keeps."""

    __slots__ = ("clock_sets", "lost_phases", "power_downs", "powered_down", "programmings")

    def __init__(self) -> None:
        self.powered_down: list[Stretch] = []
        self.power_downs = 0
        self.lost_phases: dict[int, tuple[int, int, int | None]] = {}
        """By phase: how often, ms in all of those that are over, since when."""
        self.clock_sets = 0
        self.programmings = 0

    def power_went(self, at_ms: int) -> None:
        self.powered_down = [*self.powered_down, Stretch(at_ms)][-KEPT_RECORDS:]

    def power_came(self, at_ms: int) -> None:
        self.powered_down[-1].end_ms = at_ms
        self.power_downs += 1

    def phase_went(self, phase: int, at_ms: int) -> None:
        count, lasted_ms, since = self.lost_phases.get(phase, (0, 0, None))
        if since is None:
            self.lost_phases[phase] = (count + 1, lasted_ms, at_ms)

    def phase_came(self, phase: int, at_ms: int) -> None:
        count, lasted_ms, since = self.lost_phases.get(phase, (0, 0, None))
        if since is not None:
            self.lost_phases[phase] = (count, lasted_ms + at_ms - since, None)

    def phase_failure(self, phase: int, at_ms: int) -> tuple[int, int]:
        """(count, minutes) of that phase up to now."""
        count, lasted_ms, since = self.lost_phases.get(phase, (0, 0, None))
        return count, (lasted_ms + (at_ms - since if since is not None else 0)) // 60_000


class Meter:
    """`wires` are the area phases its terminals hang on: (0, 1, 2), or one of them."""

    __slots__ = (
        "_drop_ohm", "address", "area", "aux_supply", "calendar", "circuit", "clock_offset_ms", "dead",
        "events", "id", "line", "model", "role", "supply", "wires",
    )  # fmt: skip

    def __init__(
        self,
        id: str,  # noqa: A002
        address: str,
        model: MeterModel,
        area: str,
        line: str,
        role: str,
        wires: Sequence[int],
        aux_supply: bool,
        circuit: LoadCircuit | AreaCircuit,
        supply: Supply,
        calendar: Calendar,
        drop_ohm: float,
    ) -> None:
        self.id = id
        self.address = address
        self.model = model
        self.area = area
        self.line = line
        self.role = role
        self.wires = tuple(wires)
        self.aux_supply = aux_supply
        self.circuit = circuit
        self.supply = supply
        self.calendar = calendar
        self.dead = False
        self.clock_offset_ms = 0
        self.events = Events()
        self._drop_ohm = drop_ohm

    @property
    def powered(self) -> bool:
        """Whether mains reaches a terminal of it."""
        return any(self.circuit.live(phase) for phase in self.wires)

    @property
    def answers(self) -> bool:
        return not self.dead and (self.aux_supply or self.powered)

    def set_phases(self, live: Phases3, at_ms: int) -> None:
        """What the area's phases A, B, C bring to this meter from now on."""
        was_powered = self.powered
        for phase in self.wires:
            if self.circuit.live(phase) != live[phase]:
                change = self.circuit.relight if live[phase] else self.circuit.darken
                change(phase, at_ms / 1000)
        if not self.aux_supply and was_powered != self.powered:
            (self.events.power_came if self.powered else self.events.power_went)(at_ms)
        self._note_phases(at_ms)

    def _note_phases(self, at_ms: int) -> None:
        """A phase failure is a phase gone while another lives; with all gone it is a power-down."""
        for phase in self.wires if len(self.wires) == 3 else ():
            failed = self.powered and not self.circuit.live(phase)
            (self.events.phase_went if failed else self.events.phase_came)(phase, at_ms)

    def clock_ms(self, at_ms: int) -> int:
        return at_ms + self.clock_offset_ms

    def values(self, at_ms: int, wanted: frozenset[str]) -> dict[str, float]:
        """Those of the wanted quantities that this meter measures; the rest is left out."""
        t_s = at_ms / 1000
        found = dict.fromkeys(wanted & _ZEROS, 0.0)
        if "energy_import_wh" in wanted:
            found["energy_import_wh"] = self.circuit.energy_mwh(t_s) / 1000
        if not wanted.isdisjoint(_BANDS):
            bands = zip(_BANDS, self.circuit.bands_mwh(t_s), strict=True)
            found |= {name: energy / 1000 for name, energy in bands}
        if not wanted.isdisjoint(_REACTIVE):
            found |= dict.fromkeys(_REACTIVE, self.circuit.reactive_varh(t_s))
        if "demand_power_w" in wanted:
            found["demand_power_w"] = self.demand_w(t_s)
        if "temperature_c" in wanted:
            found["temperature_c"] = 24 + 6 * sin(2 * pi * (self.calendar.split(t_s)[1] / 86_400 - 0.35))
        found |= self._instant(t_s)
        return {quantity: value for quantity, value in found.items() if quantity in wanted}

    def demand_w(self, t_s: float) -> float:
        """Mean power of the last quarter-hour."""
        before = max(t_s - DEMAND_S, float(self.calendar.origin_s))
        return (self.circuit.energy_mwh(t_s) - self.circuit.energy_mwh(before)) * 3.6 / DEMAND_S

    def _instant(self, t_s: float) -> dict[str, float]:
        watts, vars_ = self.circuit.powers(t_s)
        total, reactive = sum(watts), sum(vars_)
        apparent = hypot(total, reactive)
        found = {
            "power_w": total,
            "reactive_power_var": reactive,
            "apparent_power_va": apparent,
            "power_factor": total / apparent if apparent else 1.0,
            "frequency_hz": self.supply.hertz(t_s) if self.powered else 0.0,
        }
        amperes = [0.0, 0.0, 0.0]
        for terminal, phase in enumerate(self.wires, 1):
            power, var = watts[phase], vars_[phase]
            volts = self._volts(phase, t_s, power)
            va = hypot(power, var)
            amperes[phase] = va / volts if volts else 0.0
            found[f"voltage_l{terminal}_v"] = volts
            found[f"current_l{terminal}_a"] = amperes[phase]
            found[f"power_l{terminal}_w"] = power
            found[f"reactive_power_l{terminal}_var"] = var
            found[f"apparent_power_l{terminal}_va"] = va
            found[f"power_factor_l{terminal}"] = power / va if va else 1.0
        found["current_n_a"] = _neutral(amperes) if len(self.wires) == 3 else sum(amperes)
        return found

    def _volts(self, phase: int, t_s: float, power: float) -> float:
        if not self.circuit.live(phase):
            return 0.0
        volts = self.supply.volts(phase, t_s)
        return volts - self._drop_ohm * power / volts


def _neutral(amperes: Sequence[float]) -> float:
    """The neutral current of three currents 120 degrees apart."""
    a, b, c = amperes
    return hypot(a - (b + c) / 2, sqrt(3) / 2 * (b - c))
