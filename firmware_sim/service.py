"""The program around a fleet: control socket, state file, ready line, a clean end on SIGTERM or Ctrl-C."""

import asyncio
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from firmware_sim.clock import Clock
from firmware_sim.control import Control, write_state
from firmware_sim.scenario import Scenario
from firmware_sim.simulator import Simulator
from firmware_sim.transcript import Transcript


async def serve(
    scenario: Scenario,
    clock: Clock,
    state_dir: Path,
    tell: Callable[[dict[str, object]], None],
    keep: Transcript | None = None,
) -> None:
    """Run until told to end; `tell` gets the ready line when every listener is up.

    `keep` is the transcript to write into, when somebody wants it afterwards.
    """
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    simulator = Simulator(scenario, clock, state_dir, keep_state=True, transcript=keep)
    control = Control(simulator.faults)
    async with AsyncExitStack() as opened:
        opened.push_async_callback(simulator.stop)
        await simulator.start()
        await control.open()
        opened.push_async_callback(control.close)
        state = write_state(state_dir, control)
        opened.callback(state.unlink, missing_ok=True)
        tell({**simulator.ready(), "control": control.endpoint, "token": control.token})
        await ended.wait()
