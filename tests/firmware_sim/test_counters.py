"""Counters under faults: they stand still in the dark, go on afterwards, and never fall."""

import asyncio
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim import scenario
from firmware_sim.clock import ManualClock
from firmware_sim.meter import Meter
from firmware_sim.simulator import Simulator
from tests.firmware_sim.texts import NOON_MS, ONE_LINE

COUNTERS = frozenset(
    ("energy_import_wh", *(f"energy_import_t{n}_wh" for n in range(1, 5)), "reactive_energy_import_varh")
)
FAULTS = [
    ("area-out", "A01"),
    *(("phase-lost", f"{place}:{phase}") for place in ("A01", "shop", "house") for phase in "ABC"),
    ("meter-dead", "shop"),
]
steps = st.lists(
    st.tuples(st.floats(0, 90_000), st.sampled_from(FAULTS), st.booleans()), min_size=1, max_size=12
)


def simulator(clock: ManualClock) -> Simulator:
    return Simulator(scenario.parse(ONE_LINE), clock, Path("unused"))


def counters(meter: Meter, at_ms: int) -> dict[str, float]:
    return meter.values(at_ms, COUNTERS)


def power(meter: Meter, at_ms: int) -> float:
    return meter.values(at_ms, frozenset(("power_w",)))["power_w"]


def set_fault(fleet: Simulator, kind: str, target: str, on: bool) -> None:
    asyncio.run(fleet.faults.set(kind, target, on))


@settings(max_examples=150, deadline=None)
@given(steps)
def test_no_counter_ever_falls_whatever_goes_wrong(
    happenings: list[tuple[float, tuple[str, str], bool]],
) -> None:
    clock = ManualClock(NOON_MS)
    fleet = simulator(clock)
    last = {name: counters(meter, clock.now_ms()) for name, meter in fleet.meters.items()}
    for seconds, (kind, target), on in happenings:
        for part in (seconds, 0.0):
            clock.advance(part)
            for name, meter in fleet.meters.items():
                now = counters(meter, clock.now_ms())
                assert all(now[counter] >= last[name][counter] for counter in COUNTERS), name
                last[name] = now
            if part:
                set_fault(fleet, kind, target, on)


@settings(max_examples=60, deadline=None)
@given(steps)
def test_the_area_meter_counts_its_customers_and_the_losses(
    happenings: list[tuple[float, tuple[str, str], bool]],
) -> None:
    clock = ManualClock(NOON_MS)
    fleet = simulator(clock)
    names = ("house", "shop", "old")

    def sums() -> tuple[float, float]:
        now = clock.now_ms()
        customers = sum(counters(fleet.meters[name], now)["energy_import_wh"] for name in names)
        return counters(fleet.meters["area"], now)["energy_import_wh"], customers

    area_before, customers_before = sums()
    for seconds, (kind, target), on in happenings:
        clock.advance(seconds)
        set_fault(fleet, kind, target, on)
    clock.advance(60)
    area, customers = sums()
    taken, sold = area - area_before, customers - customers_before
    elapsed_h = (clock.now_ms() - NOON_MS) / 3_600_000
    assert 1.01 * sold - 1 <= taken <= 1.04 * sold + 200 * elapsed_h + 1


def test_an_outage_stops_customers_counters_and_the_rest_goes_on_where_it_was() -> None:
    clock = ManualClock(NOON_MS)
    fleet, undisturbed = simulator(clock), simulator(clock)
    house, area = fleet.meters["house"], fleet.meters["area"]
    set_fault(fleet, "area-out", "A01", on=True)
    before = counters(house, clock.now_ms())
    clock.advance(3 * 3600)
    assert counters(house, clock.now_ms()) == before
    assert power(house, clock.now_ms()) == power(area, clock.now_ms()) == 0
    set_fault(fleet, "area-out", "A01", on=False)
    clock.advance(7200)
    after = counters(house, clock.now_ms())["energy_import_wh"]
    free = undisturbed.meters["house"]
    grown = free.values(clock.now_ms(), COUNTERS)["energy_import_wh"]
    grown -= free.values(clock.now_ms() - 7_200_000, COUNTERS)["energy_import_wh"]
    assert 0 <= after - before["energy_import_wh"] - grown < 0.01
    assert power(house, clock.now_ms()) == power(free, clock.now_ms())


def test_a_lost_phase_takes_its_share_and_darkens_who_hangs_on_it() -> None:
    clock = ManualClock(NOON_MS)
    fleet = simulator(clock)
    whole = power(fleet.meters["shop"], clock.now_ms())
    set_fault(fleet, "phase-lost", "A01:B", on=True)
    wanted = frozenset(("voltage_l1_v", "voltage_l2_v", "voltage_l3_v", "current_l2_a"))
    for name in ("shop", "area"):
        seen = fleet.meters[name].values(clock.now_ms(), wanted)
        assert seen["voltage_l2_v"] == seen["current_l2_a"] == 0
        assert min(seen["voltage_l1_v"], seen["voltage_l3_v"]) > 200
    assert 0.5 * whole < power(fleet.meters["shop"], clock.now_ms()) < 0.8 * whole
    assert not fleet.meters["house"].answers(clock.now_ms())  # it hangs on phase B
    assert fleet.meters["old"].answers(clock.now_ms())


def test_what_one_fault_keeps_dark_another_does_not_light() -> None:
    clock = ManualClock(NOON_MS)
    fleet = simulator(clock)
    set_fault(fleet, "phase-lost", "house:B", on=True)
    set_fault(fleet, "area-out", "A01", on=True)
    set_fault(fleet, "area-out", "A01", on=False)
    assert not fleet.meters["house"].answers(clock.now_ms())
    assert fleet.meters["shop"].answers(clock.now_ms())
    set_fault(fleet, "phase-lost", "house:B", on=False)
    assert fleet.meters["house"].answers(clock.now_ms())


def test_the_past_stays_what_it_was_after_a_fault() -> None:
    clock = ManualClock(NOON_MS)
    fleet = simulator(clock)
    shop, seen = fleet.meters["shop"], {}
    for step in range(12):
        if step in (3, 7):
            set_fault(fleet, "area-out", "A01", on=step == 3)
        seen[clock.now_ms()] = counters(shop, clock.now_ms())
        clock.advance(1800)
    for at_ms, then in seen.items():
        again = counters(shop, at_ms)
        assert all(abs(again[name] - then[name]) < 0.01 for name in COUNTERS)


def test_volts_amperes_and_watts_agree() -> None:
    fleet = simulator(ManualClock(NOON_MS))
    kinds = ("voltage_l{}_v", "current_l{}_a", "power_l{}_w", "power_factor_l{}")
    names = {kind.format(n) for kind in kinds for n in (1, 2, 3)}
    wanted = frozenset(names | {"power_w", "reactive_power_var"})
    for meter in fleet.meters.values():
        seen = meter.values(NOON_MS, wanted)
        for n in range(1, len(meter.wires) + 1):
            watts = seen[f"voltage_l{n}_v"] * seen[f"current_l{n}_a"] * seen[f"power_factor_l{n}"]
            assert abs(watts - seen[f"power_l{n}_w"]) < 1e-6
        assert (
            abs(sum(seen[f"power_l{n}_w"] for n in range(1, len(meter.wires) + 1)) - seen["power_w"]) < 1e-6
        )
        assert seen["reactive_power_var"] > 0
