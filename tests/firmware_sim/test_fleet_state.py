"""A simulator that was ended, or killed, goes on as if it had not been: same counters, memory and faults."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from firmware_sim import scenario
from firmware_sim.clock import FastClock, ManualClock
from firmware_sim.dlt645_meter import Dlt645Meter
from firmware_sim.fleet_state import FILE
from firmware_sim.meter import Meter
from firmware_sim.simulator import Simulator
from protocols.dlt645 import orders
from tests.firmware_sim.texts import NOON_MS, ONE_LINE

TEXT = ONE_LINE.replace('phase = "B"', 'phase = "B"\npv = 4000\nclock_drift_ppm = 20') + (
    '\n[[life]]\nmeter = "old"\nat = 2026-11-22T12:20:00+08:00\n'
    'event = "exchange"\nvalue = "000000060508,5"\n'
)
WANTED = frozenset(
    (
        "energy_import_wh",
        "energy_export_wh",
        *(f"energy_import_t{n}_wh" for n in range(1, 5)),
        "reactive_energy_import_varh",
        "power_w",
        "voltage_l1_v",
    )
)
Seen = dict[str, dict[int, dict[str, float]]]


@asynccontextmanager
async def running(folder: Path, clock: ManualClock, text: str = TEXT) -> AsyncIterator[Simulator]:
    simulator = Simulator(scenario.parse(text), clock, folder, keep_state=True)
    await simulator.start()
    try:
        yield simulator
    finally:
        await simulator.stop()


async def an_eventful_hour(simulator: Simulator, clock: ManualClock) -> None:
    """An outage, a tripped relay, a set clock, a freeze, lost counts, an open cover; all at their times."""
    faults = simulator.faults
    steps = [
        ("area-out", "A01", True), ("area-out", "A01", False), ("relay-trip", "house", True),
        ("clock-step", "shop:120", True), ("clock-step", "old:60", True),
        ("undercount", "shop:0.8", True), ("cover-open", "shop", True),
        ("phase-lost", "shop:B", True), ("breaker-open", "house", True),
    ]  # fmt: skip
    for kind, target, on in steps:
        clock.advance(450)
        await faults.set(kind, target, on)
    clock.advance(60)
    shop = simulator.meters["shop"]
    orders_to_shop(shop, clock.now_ms())


def orders_to_shop(shop: Meter, at_ms: int) -> None:
    face = Dlt645Meter(shop)
    password = orders.Password("04", "000000")
    for request in (
        orders.freeze_request(shop.address),
        orders.write_request(shop.address, "04000B01", b"\x00\x05", password, "00000001"),
        orders.write_request(shop.address, "04010001", bytes.fromhex("030000"), password, "00000001"),
    ):
        answer = face.answer(request, at_ms)
        assert answer is not None
        assert not answer.abnormal


def seen(simulator: Simulator, clock: ManualClock) -> Seen:
    """All meters at many instants, past and present."""
    simulator.meters.life.catch_up(clock.now_ms())
    instants = range(NOON_MS - 86_400_000, clock.now_ms() + 1, 1_200_000)
    return {
        name: {at: meter.values(at, WANTED) for at in instants if at >= meter.since_ms}
        for name, meter in simulator.meters.items()
    }


def told(simulator: Simulator, at_ms: int) -> list[object]:
    return [
        (
            meter.address,
            meter.relay,
            meter.lit,
            meter.clock_ms(at_ms),
            meter.settings,
            meter.events.remembered(),
        )
        for meter in simulator.meters.values()
    ]


def given(simulator: Simulator) -> list[tuple[str, str, int]]:
    return [(fault.kind, fault.target, fault.at_ms) for fault in simulator.faults.active()]


def test_the_same_seed_and_state_give_the_same_meters(tmp_path: Path) -> None:
    async def scene() -> None:
        clock = ManualClock(NOON_MS)
        async with running(tmp_path, clock) as before:
            await an_eventful_hour(before, clock)
        async with running(tmp_path, clock) as after:
            assert seen(after, clock) == seen(before, clock)
            assert told(after, clock.now_ms()) == told(before, clock.now_ms())
            assert given(after) == given(before)
            clock.advance(7200)
            await after.faults.set("breaker-open", "house", on=False)
            watts, _ = after.meters["house"].circuit.powers(clock.now_ms() / 1000)
            assert not any(watts)  # its relay is open still

    asyncio.run(scene())


def test_a_kill_loses_nothing_that_had_happened(tmp_path: Path) -> None:
    async def scene() -> None:
        clock = ManualClock(NOON_MS)
        async with running(tmp_path, clock) as killed:
            await killed.faults.set("area-out", "A01", on=True)
            clock.advance(3600)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            kept = (tmp_path / FILE).read_bytes()  # two turns of the loop later it is on the disk
        (tmp_path / FILE).write_bytes(kept)  # what a kill would have left
        clock.advance(3600)
        async with running(tmp_path, clock) as after:
            assert seen(after, clock) == seen(killed, clock)
            assert not after.meters["shop"].answers(clock.now_ms())

    asyncio.run(scene())


def test_a_fast_fleet_goes_on_where_it_ended_though_that_is_ahead_of_the_world(tmp_path: Path) -> None:
    async def scene() -> None:
        world = ManualClock(NOON_MS)
        for _ in range(2):
            clock = FastClock(600, world)
            simulator = Simulator(scenario.parse(ONE_LINE), clock, tmp_path, keep_state=True)
            await simulator.start()
            world.advance(60)
            await simulator.stop()
        assert clock.now_ms() == NOON_MS + 2 * 36_000_000

    asyncio.run(scene())


def test_only_meters_that_something_befell_are_kept(tmp_path: Path) -> None:
    async def scene() -> None:
        clock = ManualClock(NOON_MS)
        async with running(tmp_path, clock, ONE_LINE) as simulator:
            simulator.meters["house"].set_phases((False, False, False), clock.now_ms())
        assert list(json.loads((tmp_path / FILE).read_bytes())["meters"]) == ["house"]
        async with running(tmp_path, clock, ONE_LINE) as simulator:
            assert not simulator.meters["house"].answers(clock.now_ms())
            simulator.meters["house"].set_phases((True, True, True), clock.now_ms())
            assert simulator.meters["house"].answers(clock.now_ms())

    asyncio.run(scene())


def test_the_life_of_another_fleet_is_refused_in_one_line(tmp_path: Path) -> None:
    clock = ManualClock(NOON_MS)

    async def run(text: str = TEXT) -> None:
        async with running(tmp_path, clock, text):
            pass

    asyncio.run(run())
    with pytest.raises(scenario.ScenarioError, match="seed 7, not 8; remove it"):
        asyncio.run(run(TEXT.replace("seed = 7", "seed = 8")))
    clock.advance(-60)
    with pytest.raises(scenario.ScenarioError, match="of a later time"):
        asyncio.run(run())
    (tmp_path / FILE).write_text("{")
    with pytest.raises(scenario.ScenarioError, match="cannot be read"):
        asyncio.run(run())
