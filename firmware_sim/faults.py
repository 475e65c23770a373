"""The faults a running fleet can be given, and what each does; every one can be cleared.

A fault is active or not: giving it twice is giving it once. Phases go and come by all faults together, so
clearing one does not light what another keeps dark.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from firmware_sim.bus_faults import BUS_KINDS, SECOND_MASTER, Act, BusFaults, UnknownFault, named, unknown
from firmware_sim.clock import Clock
from firmware_sim.fault_book import FaultBook
from firmware_sim.life import MOMENTS, STATES
from firmware_sim.life_faults import BREAKER_OPEN, LIFE_KINDS, LifeFaults
from firmware_sim.line import Line
from firmware_sim.meter import Meter
from firmware_sim.relay import Relay
from firmware_sim.second_master import SecondMaster
from firmware_sim.supply_file import SupplyFile

METER_DEAD, AREA_OUT, PHASE_LOST = "meter-dead", "area-out", "phase-lost"
LINE_CUT, LINE_DOWN, LINE_NOISE = "line-cut", "line-down", "line-noise"
__all__ = ["KINDS", "SECOND_MASTER", "Faults", "Outcome", "UnknownFault"]
GATEWAY_DARK, BROKER_DOWN = "gateway-dark", "broker-down"
KINDS: Mapping[str, str] = {
    METER_DEAD: "METER: it does not answer any more; it goes on counting",
    AREA_OUT: "AREA: no supply; customers' meters fall silent, an area meter with aux_supply answers 0 V",
    PHASE_LOST: "AREA:PHASE or METER:PHASE (phase A, B or C): no voltage on that phase",
    LINE_CUT: "LINE: the bus is cut; its port stays open and every meter on it is silent",
    LINE_DOWN: "LINE: its port refuses (TCP) or hangs up (serial)",
    LINE_NOISE: "LINE: replies get lost, changed, or mixed with stray bytes",
    GATEWAY_DARK: "GATEWAY: its relay to the broker cuts and refuses",
    BROKER_DOWN: "HOST:PORT: every relay to that broker cuts and refuses",
    **BUS_KINDS,
    **LIFE_KINDS,
}


_LASTING = (METER_DEAD, AREA_OUT, PHASE_LOST, BREAKER_OPEN, LINE_CUT, LINE_NOISE, *STATES)
"""What goes on over a restart; a wire fault of a test does not."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`at_ms`: when it took effect (or was cleared); for a fault that was active already, when it began."""

    kind: str
    target: str
    active: bool
    changed: bool
    at_ms: int
    detail: str = ""


class Faults:
    def __init__(
        self,
        clock: Clock,
        meters: Mapping[str, Meter],
        lines: Mapping[str, Line],
        relays: Mapping[str, Relay],
        supply_files: Mapping[str, list[SupplyFile]],
        books: Mapping[str, FaultBook],
        masters: Mapping[str, SecondMaster],
    ) -> None:
        self._clock = clock
        self._meters = meters
        self._lines = lines
        self._relays = relays
        self._supply_files = supply_files
        self._bus = BusFaults(meters, lines, books, masters)
        self._life = LifeFaults(meters)
        self._areas: dict[str, list[Meter]] = {}
        for meter in meters.values():
            self._areas.setdefault(meter.area, []).append(meter)
        self._by_broker: dict[str, list[Relay]] = {}
        for relay in relays.values():
            self._by_broker.setdefault(relay.broker, []).append(relay)
        self._active: dict[tuple[str, str], int] = {}
        self.changed: Callable[[], None] = lambda: None
        """Called when a fault was given or cleared."""

    def active(self) -> list[Outcome]:
        """Oldest first."""
        return [Outcome(kind, target, True, False, at) for (kind, target), at in self._active.items()]

    def check(self, kind: str, target: str, options: Mapping[str, float]) -> None:
        """UnknownFault when there is no such kind or target, or it takes no options."""
        self._action(kind, target, options)

    async def set(
        self, kind: str, target: str, on: bool, options: Mapping[str, float] | None = None
    ) -> Outcome:
        """Give or clear a fault. UnknownFault when there is no such thing.

        A fault of the wire takes options: nth, times, share, delay_s; given again it begins anew.
        """
        act = self._action(kind, target, options or {})
        if ((kind, target) in self._active) == on and not options:
            at_ms = self._active.get((kind, target), self._clock.now_ms())
            return Outcome(kind, target, on, False, at_ms, self._detail(kind, target))
        at_ms = self._clock.now_ms()
        before = self._active.copy()
        if on:
            self._active[kind, target] = at_ms
        else:
            del self._active[kind, target]
        try:
            await act(on, at_ms)
        except BaseException:
            self._active = before
            raise
        self.changed()
        if kind in MOMENTS:  # it is over as soon as it has happened
            self._active.pop((kind, target), None)
            return Outcome(kind, target, False, True, at_ms)
        return Outcome(kind, target, on, True, at_ms, self._detail(kind, target))

    async def resume(self, given: Iterable[tuple[str, str, int]]) -> None:
        """The faults of the run before are still there; what is no more in the scenario is left out.

        All are in force before any of them acts: the first must not light what the second keeps dark.
        """
        acts: list[tuple[Act, int]] = []
        for kind, target, at_ms in given:
            with suppress(UnknownFault):
                if kind in _LASTING:
                    acts.append((self._action(kind, target, {}), at_ms))
                    self._active[kind, target] = at_ms
        for act, at_ms in acts:
            await act(True, at_ms)

    def _action(self, kind: str, target: str, options: Mapping[str, float]) -> Act:
        if options and kind in KINDS:
            raise UnknownFault(
                f"{kind} takes no {', '.join(options)}: only a fault of the wire does; leave out"
            )
        of_bus = self._bus.action(kind, target, options) or self._life.action(kind, target)
        if of_bus is not None:
            return of_bus
        if kind == BREAKER_OPEN:
            area = named(self._meters, "meter", target).area
            return _now(lambda _on, at_ms: self._relight(area, at_ms))
        if kind == METER_DEAD:
            return _now(self._kill(named(self._meters, "meter", target)))
        if kind == AREA_OUT:
            named(self._areas, "area", target)
            return _now(lambda _on, at_ms: self._relight(target, at_ms))
        if kind == PHASE_LOST:
            area = self._area_of_phase(target)
            return _now(lambda _on, at_ms: self._relight(area, at_ms))
        if kind in (LINE_CUT, LINE_NOISE, LINE_DOWN):
            return _on_line(kind, named(self._lines, "line", target))
        if kind == GATEWAY_DARK:
            return self._relink([named(self._relays, "gateway with a broker", target)])
        if kind == BROKER_DOWN:
            return self._relink(named(self._by_broker, "broker with a relay", target))
        raise unknown(kind, KINDS)

    def _area_of_phase(self, target: str) -> str:
        name, _, phase = target.rpartition(":")
        if phase not in ("A", "B", "C"):
            raise UnknownFault(f"{target!r} names no phase; write AREA:A, AREA:B, AREA:C or METER:A ...")
        if name in self._areas:
            return name
        return named(self._meters, "area or meter", name).area

    def _kill(self, meter: Meter) -> Callable[[bool, int], None]:
        def kill(on: bool, _at_ms: int) -> None:
            meter.dead = on

        return kill

    def _relight(self, area: str, at_ms: int) -> None:
        for meter in self._areas[area]:
            shut = (BREAKER_OPEN, meter.serves) not in self._active
            a, b, c = (
                shut and self._is_live(area, phase) and self._is_live(meter.id, phase) for phase in "ABC"
            )
            meter.set_phases((a, b, c), at_ms)
        lit = any(self._is_live(area, phase) for phase in "ABC")
        for file in self._supply_files.get(area, ()):
            file.write(lit)

    def _is_live(self, place: str, phase: str) -> bool:
        lost = (PHASE_LOST, f"{place}:{phase}") in self._active
        return not lost and (AREA_OUT, place) not in self._active

    def _relink(self, relays: Iterable[Relay]) -> Callable[[bool, int], Awaitable[None]]:
        async def act(_on: bool, _at_ms: int) -> None:
            for relay in relays:
                dark = (GATEWAY_DARK, relay.name) in self._active
                down = (BROKER_DOWN, relay.broker) in self._active
                await (relay.close() if dark or down else relay.open())

        return act

    def _detail(self, kind: str, target: str) -> str:
        """Where the line is now: a serial line may come back under another path."""
        return self._lines[target].endpoint if kind == LINE_DOWN else ""


def _now(act: Callable[[bool, int], None]) -> Callable[[bool, int], Awaitable[None]]:
    async def acted(on: bool, at_ms: int) -> None:
        act(on, at_ms)

    return acted


def _on_line(kind: str, line: Line) -> Callable[[bool, int], Awaitable[None]]:
    async def act(on: bool, _at_ms: int) -> None:
        if kind == LINE_DOWN:
            await (line.close() if on else line.open())
        elif kind == LINE_CUT:
            line.cut = on
        else:
            line.wire.noisy = on

    return act
