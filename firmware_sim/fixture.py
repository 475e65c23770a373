"""Fleets for tests: what `wattpost_fleet` hands out.

A fleet runs in a thread of the test's own process, on free loopback ports, and ends with the test. Its
methods wait for their effect and serve sync and asyncio tests alike.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

from firmware_sim import scenario
from firmware_sim.bus_faults import named
from firmware_sim.clock import Clock, ManualClock, clock_of
from firmware_sim.faults import Outcome
from firmware_sim.judge import Judgement, judge
from firmware_sim.meter import Meter
from firmware_sim.simulator import Simulator
from firmware_sim.transcript import Transcript

_T = TypeVar("_T")
_PATIENCE_S = 30


class RunningFleet:
    """One running scenario."""

    def __init__(self, parsed: scenario.Scenario, clock: Clock | None, folder: Path) -> None:
        self.scenario = parsed
        self.clock = clock or clock_of(parsed.speed)
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="meters", daemon=True)
        self._thread.start()
        try:
            self._simulator = self._do(self._start(folder))
        except BaseException:
            self._end_loop()
            raise

    async def _start(self, folder: Path) -> Simulator:
        simulator = Simulator(self.scenario, self.clock, folder)
        await simulator.start()
        return simulator

    @property
    def seed(self) -> int:
        return self.scenario.seed

    def endpoint(self, line: str) -> str:
        """host:port of a TCP line, the device path of a serial one."""
        return named(self._simulator.lines, "line", line).endpoint

    def port(self, line: str) -> int:
        return int(self.endpoint(line).rpartition(":")[2])

    def uplink(self, gateway: str) -> str:
        """host:port of the relay that stands between a gateway and its broker."""
        return named(self._simulator.relays, "gateway with a broker", gateway).endpoint

    def meter(self, name: str) -> Meter:
        """The meter itself, to look at what it really measures."""
        return named(self._simulator.meters, "meter", name)

    def truth(self, meter: str, t: int | datetime | None = None) -> int:
        """The energy that really went through a meter up to `t`, exact, in mWh.

        `t`: an aware datetime, Unix ms, or now.
        """
        return self._simulator.meters.truth(self.meter(meter).id, self._at_ms(t))

    def _at_ms(self, t: int | datetime | None) -> int:
        if t is None:
            return self.clock.now_ms()
        if isinstance(t, datetime):
            return round(t.timestamp() * 1000)
        return t

    @property
    def ready(self) -> dict[str, object]:
        """What `wattpost sim run` prints when it is ready."""
        return self._simulator.ready()

    @property
    def transcript(self) -> Transcript:
        """Who asked what and when, and what came back; `print(fleet.transcript)` shows it."""
        return self._simulator.transcript

    def verdict(self, master: str = "master") -> Judgement:
        """How the master that was connected has behaved, clause by clause; true when all is well."""
        return judge(self.transcript, master)

    def fault(self, kind: str, target: str, **options: float) -> Outcome:
        """Give a fault such as ("area-out", "A01"), or one of the wire: ("lost-reply", "A01-01", nth=2).

        Options of the wire's faults: nth, times, share, delay_s.
        """
        return self._do(self._simulator.faults.set(kind, target, True, options))

    def clear(self, kind: str, target: str) -> Outcome:
        return self._do(self._simulator.faults.set(kind, target, on=False))

    def faults(self) -> list[Outcome]:
        """The faults in force, oldest first."""
        return self._do(self._active())

    async def _active(self) -> list[Outcome]:
        return self._simulator.faults.active()

    def advance(self, seconds: float) -> None:
        """Move a ManualClock on; what the scenario has in store happens on the way, in the order of time."""
        self.run_until(self.clock.now_ms() + round(seconds * 1000))

    def run_until(self, at_ms: int) -> None:
        """The same, to an instant (Unix ms)."""
        if not isinstance(self.clock, ManualClock):
            raise TypeError("this fleet's clock runs by itself: give it firmware_sim.clock.ManualClock(...)")
        self._do(self._simulator.script.play_until(at_ms))

    def catch_up(self) -> None:
        """Return when what has reached the lines is taken up, however busy the machine is."""
        for _ in range(3):  # the bytes are noticed, taken, and answered
            self._do(asyncio.sleep(0))

    def stop(self) -> None:
        """End it; the second time does nothing."""
        if self._loop.is_closed():
            return
        try:
            self._do(self._simulator.stop())
        finally:
            self._end_loop()

    def _do(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_S)

    def _end_loop(self) -> None:
        asyncio.run_coroutine_threadsafe(_finish_tasks(), self._loop).result(_PATIENCE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE_S)
        self._loop.close()


async def _finish_tasks() -> None:
    """Let what serves connections come to its end, so that no task is torn down half way."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class MeterFleet:
    """Starts fleets for one test and ends them with it; `near`: where scenario files are looked for."""

    def __init__(self, folder: Path, near: Path | None = None) -> None:
        self._folder = folder
        self._near = near or folder
        self._open = ExitStack()
        self._fleets: list[RunningFleet] = []

    def __call__(self, text: str | Path, clock: Clock | None = None) -> RunningFleet:
        """Run a scenario: its text, or the path of its TOML file; without a clock, in real time."""
        running = RunningFleet(self._parsed(text), clock, self._folder)
        self._open.callback(running.stop)
        self._fleets.append(running)
        return running

    def _parsed(self, text: str | Path) -> scenario.Scenario:
        if isinstance(text, Path) or ("\n" not in text and text.endswith(".toml")):
            return scenario.load(self._near / text)
        return scenario.parse(text, folder=self._folder)

    def sections(self) -> list[tuple[str, str]]:
        """What a report of a failed test shows of its fleets."""
        return [
            (f"wattpost fleet {number}: seed {fleet.seed}", str(fleet.transcript) or "(nothing was said)")
            for number, fleet in enumerate(self._fleets, 1)
        ]

    def stop(self) -> None:
        self._open.close()
