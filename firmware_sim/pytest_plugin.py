"""Fleets for tests: `pytest_plugins = ["firmware_sim.pytest_plugin"]` in conftest.py gives `meter_fleet`.

The fleet runs in a thread of the test's own process, on free loopback ports, and ends with the test.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

import pytest

from firmware_sim import scenario
from firmware_sim.clock import Clock, SystemClock
from firmware_sim.faults import Outcome
from firmware_sim.meter import Meter
from firmware_sim.simulator import Simulator

_T = TypeVar("_T")
_PATIENCE_S = 30


class RunningFleet:
    """A fleet in a thread of its own; its methods may be called from any thread and wait for their effect."""

    def __init__(self, text: str, clock: Clock, folder: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="meters", daemon=True)
        self._thread.start()
        try:
            self._simulator = self._do(self._start(text, clock, folder))
        except BaseException:
            self._end_loop()
            raise

    async def _start(self, text: str, clock: Clock, folder: Path) -> Simulator:
        simulator = Simulator(scenario.parse(text, folder=folder), clock, folder)
        await simulator.start()
        return simulator

    def endpoint(self, line: str) -> str:
        """host:port of a TCP line, the device path of a serial one."""
        return self._simulator.lines[line].endpoint

    def port(self, line: str) -> int:
        return int(self.endpoint(line).rpartition(":")[2])

    def uplink(self, gateway: str) -> str:
        """host:port of the relay that stands between a gateway and its broker."""
        return self._simulator.relays[gateway].endpoint

    def meter(self, name: str) -> Meter:
        """The meter itself, to look at what it really measures."""
        return self._simulator.meters[name]

    @property
    def ready(self) -> dict[str, object]:
        """What `wattpost sim run` prints when it is ready."""
        return self._simulator.ready()

    def fault(self, kind: str, target: str) -> Outcome:
        """Give a fault such as ("area-out", "A01")."""
        return self._do(self._simulator.faults.set(kind, target, on=True))

    def clear(self, kind: str, target: str) -> Outcome:
        return self._do(self._simulator.faults.set(kind, target, on=False))

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
    """Starts fleets for one test and ends them with it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open = ExitStack()

    def __call__(self, text: str, clock: Clock | None = None) -> RunningFleet:
        """Run a scenario text; without a clock, in real time."""
        running = RunningFleet(text, clock or SystemClock(), self._folder)
        self._open.callback(running.stop)
        return running

    def stop(self) -> None:
        self._open.close()


@pytest.fixture
def meter_fleet(tmp_path: Path) -> Iterator[MeterFleet]:
    """Call it with a scenario text; the running fleet is the answer."""
    fleets = MeterFleet(tmp_path)
    yield fleets
    fleets.stop()
