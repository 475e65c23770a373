"""One simulated meter: its quantities at any instant, its clock, its registers, its relay. No bytes here.

Values are exact; a protocol rounds them to what its registers hold. What a real meter remembers (freezes,
load records, maxima) is not stored but computed for the instant it was made at.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import hypot, pi, sin, sqrt

from firmware_sim.calendar import Calendar
from firmware_sim.circuit import WHOLE, AreaCircuit, LoadCircuit
from firmware_sim.counting import Counting, Totals
from firmware_sim.load_relay import RelayOrder, RelayState, moved
from firmware_sim.meter_clock import MeterClock
from firmware_sim.meter_events import Events, Moment, Period, phase_key
from firmware_sim.slot_tables import STANDARD, SlotTable
from firmware_sim.supply import Supply
from protocols.models import MeterModel

Phases3 = tuple[bool, bool, bool]
DEMAND_S = 900
ALL_CLASSES = 0x3F
RECORD_MINUTES = 15
_SLOT_MATTERS_S = 60
_ALL_LIVE: Phases3 = (True, True, True)
_DRAWN = tuple(f"energy_import_t{n}_wh" for n in range(1, 5))
_FED = tuple(f"energy_export_t{n}_wh" for n in range(1, 5))
_EXPORT = frozenset((*_FED, "energy_export_wh"))
_REACTIVE = frozenset(("reactive_energy_import_varh", "reactive_energy_q1_varh"))
_ZEROS = frozenset(("reactive_energy_export_varh", *(f"reactive_energy_q{n}_varh" for n in range(2, 5))))


@dataclass(frozen=True, slots=True)
class Nature:
    """What is built into a meter or its place and nobody sets: one object for all meters that are alike.

    `ratio` is what the papers say of its current transformers, `hung_ratio` what really hangs there;
    `behaviour` names the habits of its firmware.
    """

    behaviour: frozenset[str] = frozenset()
    rating_a: float = 60
    ratio: int = 1
    hung_ratio: int = 1


SOUND = Nature()


@dataclass(slots=True)
class Settings:
    """What has been written to a meter or frozen by order, beside what it came with."""

    written: dict[str, bytes] = field(default_factory=dict)
    """By DI, as it stands behind it."""
    passwords: dict[int, str] = field(default_factory=dict)
    frozen: list[int] = field(default_factory=list)
    """Instants of the freezes by order, oldest first."""
    timed: tuple[int, str] | None = None
    """Since when, and MMDDhhmm at which it freezes; 99 is any."""
    recording: list[tuple[int, int, int]] = field(default_factory=list)
    """Since when load records are made every so many minutes, of which classes."""
    held: bool = False
    alarmed: bool = False
    battery_low: bool = False


_AS_DELIVERED = Settings()


class Meter:
    """`wires` are the area phases its terminals hang on: (0, 1, 2), or one of them.

    `serves` names the place whose load it measures: its own, unless the wires were mixed up.
    """

    __slots__ = (
        "_drop_ohm", "_lit", "address", "area", "asset", "aux_supply", "calendar", "changed", "circuit",
        "clock", "counting", "dead", "events", "id", "line", "model", "nature", "peaks", "relay",
        "restart_ms", "role", "serves", "settings", "since_ms", "supply", "wires",
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
        nature: Nature = SOUND,
        serves: str = "",
        clock_ppm: float = 0,
    ) -> None:
        self.id = id
        self.address = address
        self.asset = id
        self.model = model
        self.area = area
        self.line = line
        self.role = role
        self.wires = tuple(wires)
        self.aux_supply = aux_supply
        self.circuit = circuit
        self.supply = supply
        self.calendar = calendar
        self.nature = nature
        self.serves = serves or id
        self.since_ms = calendar.origin_s * 1000
        self.clock = MeterClock(self.since_ms, clock_ppm)
        self.counting = Counting(circuit, calendar)
        self.dead = False
        self.events = Events()
        self.relay = RelayState.CLOSED
        self.restart_ms = 0
        """Until then it boots and says nothing."""
        self.settings = _AS_DELIVERED
        self.peaks: dict[int, Period] | None = None
        """Maximum demands by settlement period, as far as they were ever asked for."""
        self.changed: Callable[[], None] = _nothing
        """Called when something befell it that seed and time do not tell."""
        self._lit = _ALL_LIVE
        self._drop_ohm = drop_ohm

    @property
    def powered(self) -> bool:
        """Whether mains reaches a terminal of it."""
        return any(self.circuit.live(phase) for phase in self.wires)

    def answers(self, at_ms: int) -> bool:
        """Whether it says anything then, to whoever asks: it lives, has supply, and has booted."""
        return not self.dead and at_ms >= self.restart_ms and (self.aux_supply or self.powered)

    def supplied(self, at_ms: int) -> bool:
        """Whether it lived then: without supply no meter freezes or records."""
        return self.aux_supply or self._lit_at(at_ms / 1000)

    def own_settings(self) -> Settings:
        """Settings to be changed; until then all meters share those they were delivered with."""
        if self.settings is _AS_DELIVERED:
            self.settings = Settings()
        self.changed()
        return self.settings

    @property
    def as_delivered(self) -> bool:
        return self.settings is _AS_DELIVERED

    def exchange(self, at_ms: int, address: str, asset: str, start_mwh: int = 0) -> None:
        """Another meter hangs here now: what was set, seen and remembered went with the old one."""
        if self.relay is not RelayState.CLOSED:
            self.switch(RelayOrder.CLOSE, at_ms)
        self.address, self.asset, self.since_ms = address, asset, at_ms
        self.settings, self.events, self.peaks = _AS_DELIVERED, Events(), None
        self.clock = MeterClock(at_ms)
        self.begin_at(at_ms, start_mwh)

    def begin_at(self, at_ms: int, start_mwh: int, slots: SlotTable = STANDARD) -> None:
        """Count from that value on, all of it standing in the last tariff's register."""
        start = Totals((0, 0, 0, start_mwh))
        self.counting.change(at_ms, WHOLE, self.nature.hung_ratio, slots, 0, start)
        self.changed()

    def brown_out(self, at_ms: int, lasting_ms: int, boot_ms: int) -> None:
        """A dip: it loses its supply for a moment, notes it, and says nothing until it has booted."""
        self.events.happen("power_down", Moment(at_ms, at_ms + lasting_ms))
        self.restart_ms = at_ms + lasting_ms + boot_ms

    def set_phases(self, live: Phases3, at_ms: int) -> None:
        """What the area's phases A, B, C bring to this meter from now on."""
        if live == self._lit:
            return
        was_powered, self._lit = any(self._lit[phase] for phase in self.wires), live
        for phase in self.wires:
            if self.circuit.live(phase) != live[phase]:
                change = self.circuit.relight if live[phase] else self.circuit.darken
                change(phase, at_ms / 1000)
        powered = any(live[phase] for phase in self.wires)
        if not self.aux_supply and was_powered != powered:
            (self.events.end if powered else self.events.begin)("power_down", at_ms)
        self._note_phases(powered, at_ms)
        self.changed()

    @property
    def lit(self) -> Phases3:
        return self._lit

    def take_lit(self, live: Phases3) -> None:
        """What it saw last, before a restart of the simulator."""
        self._lit = live

    def _note_phases(self, powered: bool, at_ms: int) -> None:
        """A phase failure is a phase gone while another lives; with all gone it is a power-down."""
        for phase in self.wires if len(self.wires) == 3 else ():
            failed = powered and not self._lit[phase]
            (self.events.begin if failed else self.events.end)(phase_key(phase), at_ms)

    def switch(self, order: RelayOrder, at_ms: int, operator: str = "00000000") -> None:
        """Move the relay, and the load with it; the meter notes what it did."""
        before, self.relay = self.relay, moved(self.relay, order)
        if (before is RelayState.CLOSED) == (self.relay is RelayState.CLOSED):
            return
        closed = self.relay is RelayState.CLOSED
        assert isinstance(self.circuit, LoadCircuit)  # an area meter has no relay
        self.circuit.switch(closed, at_ms / 1000)
        self.changed()
        self.events.happen("relay_close" if closed else "relay_trip", Moment(at_ms, operator=operator))

    def clock_ms(self, at_ms: int) -> int:
        return self.clock.shows(at_ms)

    def set_clock(self, at_ms: int, shown_ms: int, operator: str = "00000000") -> None:
        """Somebody sets it; it notes what it showed before and after."""
        moment = Moment(at_ms, before=self.clock.shows(at_ms), after=shown_ms, operator=operator)
        self.step_clock(at_ms, shown_ms)
        self.events.happen("clock_set", moment)

    def step_clock(self, at_ms: int, shown_ms: int) -> None:
        """It shows another time from now on, unnoticed by itself; its slots come when it thinks."""
        self.clock.set(at_ms, shown_ms)
        self.changed()
        shift_s = (shown_ms - at_ms) // 1000
        if abs(shift_s) >= _SLOT_MATTERS_S or not self.counting.plain:
            self.counting.change(at_ms, shift_s=shift_s if abs(shift_s) >= _SLOT_MATTERS_S else 0)

    def values(self, at_ms: int, wanted: frozenset[str]) -> dict[str, float]:
        """Those of the wanted quantities that this meter measures; the rest is left out."""
        t_s = at_ms / 1000
        found = dict.fromkeys(wanted & _ZEROS, 0.0)
        if "energy_import_wh" in wanted:
            found["energy_import_wh"] = self.counting.total_mwh(at_ms) / 1000
        if not wanted.isdisjoint(_DRAWN):
            bands = zip(_DRAWN, self.counting.drawn_mwh(at_ms), strict=True)
            found |= {name: energy / 1000 for name, energy in bands}
        if not wanted.isdisjoint(_EXPORT):
            fed = self.counting.fed_mwh(at_ms)
            found |= {name: energy / 1000 for name, energy in zip(_FED, fed, strict=True)}
            found["energy_export_wh"] = sum(fed) / 1000
        if not wanted.isdisjoint(_REACTIVE):
            found |= dict.fromkeys(_REACTIVE, self.counting.reactive_varh(at_ms))
        if "demand_power_w" in wanted:
            found["demand_power_w"] = self.demand_w(at_ms)
        if "temperature_c" in wanted:
            found["temperature_c"] = 24 + 6 * sin(2 * pi * (self.calendar.split(t_s)[1] / 86_400 - 0.35))
        if not wanted <= found.keys():
            found |= self._instant(at_ms)
        return {quantity: value for quantity, value in found.items() if quantity in wanted}

    def demand_w(self, at_ms: int) -> float:
        """Mean power of the last quarter-hour."""
        before = max(at_ms - DEMAND_S * 1000, self.since_ms)
        return (self.counting.total_mwh(at_ms) - self.counting.total_mwh(before)) * 3.6 / DEMAND_S

    def _instant(self, at_ms: int) -> dict[str, float]:
        t_s = at_ms / 1000
        watts, vars_ = self.circuit.powers(t_s)
        gain = self.counting.gain(at_ms)
        if gain != 1:
            watts = (watts[0] * gain, watts[1] * gain, watts[2] * gain)
            vars_ = (vars_[0] * gain, vars_[1] * gain, vars_[2] * gain)
        total, reactive = sum(watts), sum(vars_)
        apparent = hypot(total, reactive)
        found = {
            "power_w": total,
            "reactive_power_var": reactive,
            "apparent_power_va": apparent,
            "power_factor": total / apparent if apparent else 1.0,
            "frequency_hz": self.supply.hertz(t_s) if self._lit_at(t_s) else 0.0,
        }
        amperes = [0.0, 0.0, 0.0]
        for terminal, phase in enumerate(self.wires, 1):
            power, var = watts[phase], vars_[phase]
            volts = self._volts(phase, t_s, power / gain if gain else 0.0)
            va = hypot(power, var)
            amperes[phase] = va / volts if volts else 0.0
            found[f"voltage_l{terminal}_v"] = volts
            found[f"current_l{terminal}_a"] = amperes[phase]
            found[f"power_l{terminal}_w"] = power
            found[f"reactive_power_l{terminal}_var"] = var
            found[f"apparent_power_l{terminal}_va"] = va
            found[f"power_factor_l{terminal}"] = power / va if va else 1.0
        if len(self.wires) == 3:
            a, b, c = (found[f"voltage_l{terminal}_v"] for terminal in (1, 2, 3))
            found |= {
                "voltage_l12_v": _between(a, b),
                "voltage_l23_v": _between(b, c),
                "voltage_l31_v": _between(c, a),
            }
        found["current_n_a"] = _neutral(amperes) if len(self.wires) == 3 else sum(amperes)
        return found

    def _lit_at(self, t_s: float) -> bool:
        return any(self.circuit.live_at(phase, t_s) for phase in self.wires)

    def _volts(self, phase: int, t_s: float, power: float) -> float:
        if not self.circuit.live_at(phase, t_s):
            return 0.0
        volts = self.supply.volts(phase, t_s)
        return volts - self._drop_ohm * power / volts


def _nothing() -> None:
    """Nobody keeps what happens."""


def _between(one: float, other: float) -> float:
    """The voltage between two phases 120 degrees apart."""
    return sqrt(one * one + other * other + one * other)


def _neutral(amperes: Sequence[float]) -> float:
    """The neutral current of three currents 120 degrees apart."""
    a, b, c = amperes
    return hypot(a - (b + c) / 2, sqrt(3) / 2 * (b - c))
