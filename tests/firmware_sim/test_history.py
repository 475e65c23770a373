"""A history is what polling would have read: it joins live values digit for digit."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim import fleet, history, scenario
from firmware_sim.dlt645_registers import read_1997, read_2007
from firmware_sim.meter import Meter
from firmware_sim.registers import words_of
from firmware_sim.village import village
from protocols.models import values_from_dlt645, values_from_registers
from protocols.readings import Value
from tests.firmware_sim.texts import NOON_MS

SCENARIO = scenario.parse(village(6, 10, 7), folder=Path())
METERS = fleet.build(SCENARIO)
FRESH = fleet.build(SCENARIO)


def polled_by_wire(meter: Meter, at_ms: int) -> dict[str, Value]:
    """What a gateway makes of the bytes."""
    model = meter.model
    if model.protocol == "modbus":
        exact = meter.values(at_ms, frozenset(point.quantity for point in model.points))
        words = {
            (point.fc, point.address + at): word
            for point in model.points
            for at, word in enumerate(words_of(point, exact.get(point.quantity)))
        }
        return values_from_registers(model, words)
    read = read_1997 if model.protocol == "dlt645-1997" else read_2007
    found: dict[str, Value] = {}
    for di in [*(block.di for block in model.blocks), *(point.di for point in model.singles)]:
        data = read(meter, di, at_ms)
        assert data is not None, di
        found |= values_from_dlt645(model, di, data)
    return found


@settings(max_examples=40, deadline=None)
@given(st.integers(NOON_MS - 300 * 86_400_000, NOON_MS))
def test_every_model_gives_on_the_wire_what_its_history_says(at_ms: int) -> None:
    shown = {}
    for name, meter in METERS.items():
        if meter.model.name not in shown:
            shown[meter.model.name] = name
            assert history.polled(FRESH[name], at_ms) == polled_by_wire(meter, at_ms), meter.model.name
    assert len(shown) == 5


def test_counters_of_a_history_never_fall_and_are_whole() -> None:
    instants = history.instants_ms(SCENARIO, NOON_MS, 3, 900)
    for name in ("A01-00", "A01-01", "A06-00", "A06-01"):
        last = 0
        for at_ms in instants:
            counter = history.polled(METERS[name], at_ms)["energy_import_wh"]
            assert isinstance(counter, int)
            assert counter >= last
            last = counter


def test_a_line_holds_meter_instant_source_and_values() -> None:
    rows = [json.loads(row) for row in history.lines(METERS.values(), NOON_MS).splitlines()]
    assert [row["meter"] for row in rows] == list(METERS)
    assert rows[0]["at_ms"] == NOON_MS
    assert rows[0]["source"] == "polled"
    assert rows[0]["values"] == history.polled(METERS["A01-00"], NOON_MS)


def test_some_quantities_of_one_area_are_the_same_digits_as_all() -> None:
    own, only = history.meters_of(SCENARIO, "A01", METERS), history.quantities(["energy_import_wh"])
    rows = [json.loads(row) for row in history.lines(own, NOON_MS, only).splitlines()]
    assert [row["meter"] for row in rows] == [name for name in METERS if name.startswith("A01-")]
    for row in rows:
        whole = history.polled(METERS[row["meter"]], NOON_MS)
        assert row["values"] == {"energy_import_wh": whole["energy_import_wh"]}
    with pytest.raises(scenario.ScenarioError, match="no area 'A99'"):
        history.meters_of(SCENARIO, "A99", METERS)
    with pytest.raises(scenario.ScenarioError, match="no quantity 'energy'"):
        history.quantities(["energy"])


def test_at_a_local_midnight_the_meters_that_freeze_have_frozen_their_register() -> None:
    midnight_ms = history.instant_ms("2026-03-10T00:00:00+08:00")
    rows = [
        json.loads(row) for row in history.frozen(METERS.values(), midnight_ms, SCENARIO.zone).splitlines()
    ]
    freezing = [name for name, meter in METERS.items() if meter.model.protocol == "dlt645-2007"]
    assert [row["meter"] for row in rows] == freezing
    register = history.polled(METERS[freezing[0]], midnight_ms)["energy_import_wh"]
    assert (rows[0]["source"], rows[0]["values"]) == ("freeze", {"energy_import_wh": register})
    assert history.frozen(METERS.values(), midnight_ms + 900_000, SCENARIO.zone) == b""


def test_instants_are_whole_intervals_before_the_end() -> None:
    instants = history.instants_ms(SCENARIO, NOON_MS + 1, 1, 900)
    assert len(instants) == 96
    assert instants[-1] == NOON_MS
    assert all(at_ms % 900_000 == 0 for at_ms in instants)


def test_what_lies_before_installation_is_refused() -> None:
    with pytest.raises(scenario.ScenarioError, match=r"before station\.installed 2024-01-01"):
        history.instants_ms(SCENARIO, NOON_MS, 2000, 900)


@pytest.mark.parametrize("text", ["tomorrow", "2026-11-23T00:00:00"])
def test_an_end_without_a_zone_is_refused(text: str) -> None:
    with pytest.raises(scenario.ScenarioError, match="--end"):
        history.instant_ms(text)
