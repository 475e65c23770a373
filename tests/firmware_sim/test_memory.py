"""A fleet is cheap: the bus of a whole station fits into any laptop."""

import asyncio
import gc
import tracemalloc
from pathlib import Path

from firmware_sim import history, scenario
from firmware_sim.clock import ManualClock
from firmware_sim.simulator import Simulator
from firmware_sim.village import village
from tests.firmware_sim.texts import NOON_MS

AREAS, METERS_AN_AREA = 250, 20
LIMIT_BYTES = 50_000


async def bytes_a_meter(text: str, folder: Path) -> float:
    """Built, listening, polled once, after an outage."""
    gc.collect()
    tracemalloc.start()
    try:
        simulator = Simulator(scenario.parse(text), ManualClock(NOON_MS), folder)
        await simulator.start()
        for one in simulator.meters.values():
            assert history.polled(one, NOON_MS)
            one.set_phases((False, False, False), NOON_MS)
            one.set_phases((True, True, True), NOON_MS + 1000)
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
        await simulator.stop()
        return taken / len(simulator.meters)
    finally:
        tracemalloc.stop()


def test_a_meter_of_five_thousand_takes_less_than_50_kilobytes(tmp_path: Path) -> None:
    text = village(AREAS, METERS_AN_AREA, 7)
    taken = asyncio.run(bytes_a_meter(text, tmp_path))
    print(f"{AREAS * METERS_AN_AREA} meters: {taken:.0f} bytes a meter")
    assert taken < LIMIT_BYTES
