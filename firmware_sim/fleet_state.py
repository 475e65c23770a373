"""What happened to a fleet, kept over a restart: a small JSON file, replaced as a whole and fsynced.

Only meters that something befell are in it; all else follows from the seed and the time. The same seed and
the same file give the same counters: an outage of yesterday stays the energy that was not taken.
"""

import asyncio
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from firmware_sim.circuit import Interruptions
from firmware_sim.clock import Clock, FastClock
from firmware_sim.counting import Stretch
from firmware_sim.fleet import Fleet
from firmware_sim.load_relay import RelayState
from firmware_sim.meter import Meter, Phases3, Settings
from firmware_sim.meter_clock import Stretch as ClockStretch
from firmware_sim.meter_events import Kept
from firmware_sim.scenario import ScenarioError

FILE = "fleet.json"
_REST_S = 0.2
"""How long after the file was written it is not written again, however much happens."""
ActiveFault = tuple[str, str, int]


@dataclass(slots=True)
class MeterState:
    address: str
    asset: str
    since_ms: int
    relay: RelayState
    restart_ms: int
    lit: Phases3
    clock: tuple[ClockStretch, ...]
    counting: list[Stretch]
    settings: Settings | None
    events: dict[str, Kept] | None
    circuit: Interruptions | None


@dataclass(slots=True)
class State:
    seed: int
    at_ms: int
    meters: dict[str, MeterState] = field(default_factory=dict)
    faults: list[ActiveFault] = field(default_factory=list)


def remembered(meter: Meter) -> MeterState | None:
    """All that time and seed do not tell of a meter; None when there is nothing."""
    circuit, events = meter.circuit.remembered(), meter.events.remembered()
    plain = meter.counting.plain and meter.clock.plain and meter.as_delivered
    if plain and circuit is None and events is None:
        return None
    settings = None if meter.as_delivered else meter.settings
    return MeterState(
        meter.address, meter.asset, meter.since_ms, meter.relay, meter.restart_ms, meter.lit,
        meter.clock.stretches, meter.counting.remembered(), settings, events, circuit,
    )  # fmt: skip


def remember(meter: Meter, state: MeterState) -> None:
    """Be as that meter was when it was kept."""
    meter.address, meter.asset, meter.since_ms = state.address, state.asset, state.since_ms
    meter.relay, meter.restart_ms = state.relay, state.restart_ms
    meter.take_lit(state.lit)
    meter.clock.take(state.clock)
    meter.counting.remember(state.counting)
    if state.settings is not None:
        meter.settings = state.settings
    if state.events is not None:
        meter.events.remember(state.events)
    if state.circuit is not None:
        meter.circuit.remember(state.circuit)


class FleetState:
    """The file of one fleet. `faults` are told when it is written."""

    def __init__(
        self, folder: Path, seed: int, fleet: Fleet, clock: Clock, faults: Callable[[], Iterable[ActiveFault]]
    ) -> None:
        self.path = folder / FILE
        self._seed, self._fleet, self._clock, self._faults = seed, fleet, clock, faults
        self._planned: asyncio.TimerHandle | None = None
        self._written_s = float("-inf")

    def restore(self, now_ms: int) -> list[ActiveFault]:
        """Take over what the file says, if there is one, before anything happens; the active faults."""
        state = _read(self.path)
        if state is None:
            return []
        self._check(state, now_ms)
        self._fleet.life.skip(state.at_ms)
        for name, kept in state.meters.items():
            if name in self._fleet:  # a meter may have been taken out of the scenario
                remember(self._fleet[name], kept)
        return state.faults

    def watch(self) -> None:
        """From now on whatever happens is kept."""
        touch = self.touch
        for meter in self._fleet.values():
            meter.changed = touch

    def touch(self) -> None:
        """Something happened: write the file as soon as this turn of the loop is over."""
        if self._planned is None:
            loop = asyncio.get_running_loop()
            wait_s = max(0.0, self._written_s + _REST_S - loop.time())
            self._planned = loop.call_later(wait_s, self.save)

    def save(self) -> None:
        if self._planned is not None:
            self._planned.cancel()
            self._written_s, self._planned = asyncio.get_running_loop().time(), None
        at_ms = self._clock.now_ms()  # first: asking it lets happen what is due
        meters = {name: kept for name, meter in self._fleet.items() if (kept := remembered(meter))}
        state = State(self._seed, at_ms, meters, list(self._faults()))
        self._write(msgspec.json.encode(state))

    def _write(self, data: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_name(self.path.name + ".new")
        with fresh.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _check(self, state: State, now_ms: int) -> None:
        if state.seed != self._seed:
            raise ScenarioError(
                f"{self.path}: it is the life of the fleet with seed {state.seed}, not {self._seed}; "
                "remove it, or name another --state-dir"
            )
        if state.at_ms > now_ms:
            raise ScenarioError(
                f"{self.path}: it is of a later time than now; remove it, name another --state-dir, "
                "or go on with a `speed` as before"
            )


def go_on(folder: Path, clock: Clock) -> None:
    """A fast clock of a fleet that lives ahead of the world carries on where the run before ended."""
    if isinstance(clock, FastClock):
        state = _read(folder / FILE)
        if state is not None and state.at_ms > clock.now_ms():
            clock.go_on_from(state.at_ms)


def _read(path: Path) -> State | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=State)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise ScenarioError(f"{path}: cannot be read ({error}); remove it to begin a new life") from None
