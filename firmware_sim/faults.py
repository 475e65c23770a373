"""The faults a running fleet can be given, and what each does; every one can be cleared.

A fault is active or not: giving it twice is giving it once. Phases go and come by all faults together, so
clearing one does not light what another keeps dark.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from firmware_sim.clock import Clock
from firmware_sim.line import Line
from firmware_sim.meter import Meter
from firmware_sim.relay import Relay
from firmware_sim.supply_file import SupplyFile

_T = TypeVar("_T")
METER_DEAD, AREA_OUT, PHASE_LOST = "meter-dead", "area-out", "phase-lost"
LINE_CUT, LINE_DOWN, LINE_NOISE = "line-cut", "line-down", "line-noise"
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
}


class UnknownFault(Exception):
    """No such kind or target; the text lists what there is."""


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
    ) -> None:
        self._clock = clock
        self._meters = meters
        self._lines = lines
        self._relays = relays
        self._supply_files = supply_files
        self._areas: dict[str, list[Meter]] = {}
        for meter in meters.values():
            self._areas.setdefault(meter.area, []).append(meter)
        self._by_broker: dict[str, list[Relay]] = {}
        for relay in relays.values():
            self._by_broker.setdefault(relay.broker, []).append(relay)
        self._active: dict[tuple[str, str], int] = {}

    def active(self) -> list[Outcome]:
        """Oldest first."""
        return [Outcome(kind, target, True, False, at) for (kind, target), at in self._active.items()]

    async def set(self, kind: str, target: str, on: bool) -> Outcome:
        """Give or clear a fault. UnknownFault when there is no such thing."""
        act = self._action(kind, target)
        if ((kind, target) in self._active) == on:
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
        return Outcome(kind, target, on, True, at_ms, self._detail(kind, target))

    def _action(self, kind: str, target: str) -> Callable[[bool, int], Awaitable[None]]:
        if kind == METER_DEAD:
            return _now(self._kill(_named(self._meters, "meter", target)))
        if kind == AREA_OUT:
            _named(self._areas, "area", target)
            return _now(lambda _on, at_ms: self._relight(target, at_ms))
        if kind == PHASE_LOST:
            area = self._area_of_phase(target)
            return _now(lambda _on, at_ms: self._relight(area, at_ms))
        if kind in (LINE_CUT, LINE_NOISE, LINE_DOWN):
            return _on_line(kind, _named(self._lines, "line", target))
        if kind == GATEWAY_DARK:
            return self._relink([_named(self._relays, "gateway with a broker", target)])
        if kind == BROKER_DOWN:
            return self._relink(_named(self._by_broker, "broker with a relay", target))
        raise UnknownFault(f"there is no fault {kind!r}; known: {', '.join(KINDS)}")

    def _area_of_phase(self, target: str) -> str:
        name, _, phase = target.rpartition(":")
        if phase not in ("A", "B", "C"):
            raise UnknownFault(f"{target!r} names no phase; write AREA:A, AREA:B, AREA:C or METER:A ...")
        if name in self._areas:
            return name
        return _named(self._meters, "area or meter", name).area

    def _kill(self, meter: Meter) -> Callable[[bool, int], None]:
        def kill(on: bool, _at_ms: int) -> None:
            meter.dead = on

        return kill

    def _relight(self, area: str, at_ms: int) -> None:
        for meter in self._areas[area]:
            a, b, c = (self._is_live(area, phase) and self._is_live(meter.id, phase) for phase in "ABC")
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


def _named(things: Mapping[str, _T], what: str, name: str) -> _T:
    if name not in things:
        some = ", ".join(sorted(things)[:12]) or "none"
        raise UnknownFault(f"there is no {what} {name!r}; known: {some}{' ...' if len(things) > 12 else ''}")
    return things[name]


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
