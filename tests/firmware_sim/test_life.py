"""What befalls meters: seen on the line as it would be, and never hidden from the truth."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim import history, scenario
from firmware_sim.clock import ManualClock
from firmware_sim.faults import UnknownFault
from firmware_sim.life import MOMENTS, STATES, BadLife, befall, enter
from firmware_sim.meter import Meter
from firmware_sim.simulator import Simulator
from protocols.dlt645 import events
from tests.firmware_sim.asked import Line
from tests.firmware_sim.texts import AREA_METER, HOUSE, MODBUS_LINE, NOON_MS, ONE_LINE, SHOP

DAY_MS = 86_400_000
NEW = "202600019901"
COUNTERS = frozenset(
    ("energy_import_wh", "energy_export_wh", *(f"energy_import_t{n}_wh" for n in range(1, 5)))
)


def with_keys(meter: str, keys: str, more: str = "") -> str:
    return ONE_LINE.replace(f'id = "{meter}"\n', f'id = "{meter}"\n{keys}\n') + more


def life(meter: str, at: str, event: str, value: str = "", begins: bool = True) -> str:
    ending = "" if begins else "begins = false\n"
    return f'\n[[life]]\nmeter = "{meter}"\nat = {at}\nevent = "{event}"\nvalue = "{value}"\n{ending}'


def kwh(line: Line, address: str, di: str = "00010000") -> Decimal:
    found = line.value(address, di)
    assert isinstance(found, Decimal)
    return found


def counters(meter: Meter, at_ms: int) -> Mapping[str, float]:
    return meter.values(at_ms, COUNTERS)


def test_an_exchange_brings_another_address_other_registers_and_another_asset_number() -> None:
    line = Line()
    asset = line.value(HOUSE, "04000403")
    befall("relay-trip", line.meters["house"], "", line.now_ms)
    befall("exchange", line.meters["house"], f"{NEW},12.5", line.now_ms)
    assert line.hear_read(HOUSE) == b""
    assert kwh(line, NEW) == Decimal("12.50")
    assert line.value(NEW, "04000401") == NEW
    assert line.value(NEW, "04000403") != asset
    truth = line.meters.truth("house", line.now_ms)
    line.clock.advance(86_400)
    grown = line.meters.truth("house", line.now_ms) - truth
    assert grown > 1_000_000  # the old meter's relay was open; the new one's is not
    assert 0 <= Decimal(grown) / 10**6 - (kwh(line, NEW) - Decimal("12.5")) < Decimal("0.02")


def test_a_full_register_begins_again_and_the_truth_goes_on() -> None:
    line = Line()
    befall("roll-over", line.meters["shop"], "1", line.now_ms)
    assert kwh(line, SHOP) == Decimal("999999.00")
    truth = line.meters.truth("shop", line.now_ms)
    line.clock.advance(86_400)
    grown = Decimal(line.meters.truth("shop", line.now_ms) - truth) / 10**6
    assert grown > 1
    assert 0 <= grown - 1 - kwh(line, SHOP) < Decimal("0.02")


def test_a_clock_that_lost_its_battery_begins_in_2000_and_says_so() -> None:
    line = Line()
    befall("clock-battery", line.meters["house"], "", line.now_ms)
    line.clock.advance(61)
    assert line.value(HOUSE, "0400010C") == "2000-01-01T00:01:01 week=6"
    word = line.value(HOUSE, "04000501")
    assert isinstance(word, int)
    assert word >> 2 & 1


def test_a_meter_that_loses_counts_shows_less_than_the_truth() -> None:
    line = Line()
    before, truth = kwh(line, SHOP), line.meters.truth("shop", line.now_ms)
    watts = kwh(line, SHOP, "02030000")
    befall("undercount", line.meters["shop"], "0.9", line.now_ms)
    assert kwh(line, SHOP) == before
    assert kwh(line, SHOP, "02030000") == pytest.approx(watts * 9 / 10, abs=Decimal("0.0002"))
    line.clock.advance(10 * 86_400)
    grown = Decimal(line.meters.truth("shop", line.now_ms) - truth) / 10**6
    assert kwh(line, SHOP) - before == pytest.approx(grown * 9 / 10, abs=Decimal("0.02"))


def test_a_dip_restarts_the_meter_which_is_silent_while_it_boots() -> None:
    line = Line()
    befall("brown-out", line.meters["house"], "", line.now_ms)
    assert line.hear_read(HOUSE) == b""
    line.clock.advance(6)
    assert line.value(HOUSE, "03110000") == 1


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, (_, name) in STATES.items()])
def test_what_lasts_is_counted_and_recorded_with_the_registers_before_and_after(kind: str, name: str) -> None:
    line = Line()
    event = events.EVENTS[name]
    enter(kind, line.meters["house"], True, line.now_ms)
    before = kwh(line, HOUSE)
    line.clock.advance(3600)
    enter(kind, line.meters["house"], False, line.now_ms)
    assert line.value(HOUSE, event.count_di) == 1
    record = events.decode_record(event.record_di(1), line.read(HOUSE, event.record_di(1)))
    assert (str(record.start), str(record.end)) == ("2026-11-22 12:00:00", "2026-11-22 13:00:00")
    assert record.fields["import_kwh_before"] == before
    assert record.fields["import_kwh_after"] == kwh(line, HOUSE)


def test_a_roof_feeds_back_at_noon_and_never_while_it_draws() -> None:
    line = Line(with_keys("house", "pv = 6000"))
    meter = line.meters["house"]
    back, drawn = 0, 0
    for quarter in range(96 * 3):
        at = NOON_MS + quarter * 900_000
        power = meter.values(at, frozenset(("power_w",)))["power_w"]
        fed = sum(meter.counting.fed_mwh(at + 900_000)) - sum(meter.counting.fed_mwh(at))
        taken = meter.counting.total_mwh(at + 900_000) - meter.counting.total_mwh(at)
        assert not (fed and taken)
        assert (power <= 0) if fed else (power >= 0)
        back, drawn = back + fed, drawn + taken
    assert back > 10_000_000
    assert drawn > 1_000_000
    assert kwh(line, HOUSE, "02030000") < 0
    assert kwh(line, HOUSE, "00020000") > 0
    assert isinstance(word := line.value(HOUSE, "04000501"), int)
    assert word >> 4 & 1


def test_an_area_with_a_roof_keeps_its_balance() -> None:
    line = Line(with_keys("house", "pv = 6000"))
    names = ("house", "shop", "old")

    def balance() -> tuple[float, float]:
        found = [counters(meter, line.now_ms) for name, meter in line.meters.items() if name in names]
        area = counters(line.meters["area"], line.now_ms)
        net = sum(one["energy_import_wh"] - one["energy_export_wh"] for one in found)
        return area["energy_import_wh"] - area["energy_export_wh"], net

    before = balance()
    line.clock.advance(2 * 86_400)
    after = balance()
    assert kwh(line, AREA_METER, "00020000") > 0
    assert 0 < after[0] - before[0] - (after[1] - before[1]) < 15_000  # copper and iron


def test_mixed_wires_count_a_neighbours_load_and_fall_dark_with_his_breaker() -> None:
    text = with_keys("house", 'serves = "old"').replace('id = "old"\n', 'id = "old"\nserves = "house"\n')
    simulator, straight = (
        Simulator(scenario.parse(one), ManualClock(NOON_MS), Path()) for one in (text, ONE_LINE)
    )
    mixed, right = simulator.meters, straight.meters
    assert counters(mixed["house"], NOON_MS) == counters(right["old"], NOON_MS)
    assert mixed.truth("house", NOON_MS) == right.truth("old", NOON_MS)
    assert (mixed.serves("house"), mixed.served_by("house")) == ("old", "old")
    asyncio.run(simulator.faults.set("breaker-open", "house", True))
    assert mixed["house"].answers(NOON_MS)
    assert not mixed["old"].answers(NOON_MS)


def test_a_wrong_ratio_shows_against_the_truth_and_the_papers() -> None:
    line = Line(with_keys("shop", "ratio = 40\nwrong_ratio = 30"))
    truth = Decimal(line.meters.truth("shop", line.now_ms)) / 10**6
    shown = kwh(line, SHOP)
    assert abs(shown * 30 - truth) < Decimal("0.5")
    assert line.value(SHOP, "04000306") == 40
    plain = Line()
    assert kwh(line, SHOP, "02030000") * 30 == pytest.approx(
        kwh(plain, SHOP, "02030000"), abs=Decimal("0.01")
    )


def test_a_wrong_slot_table_moves_energy_between_tariffs_and_not_the_total() -> None:
    line = Line(with_keys("shop", 'slot_table = ["00:00 4", "08:00 1"]'))
    plain = Line()
    ours, right = line.value(SHOP, "0001FF00"), plain.value(SHOP, "0001FF00")
    assert isinstance(ours, list)
    assert isinstance(right, list)
    assert ours[0] == right[0]
    assert ours[2:4] == [0, 0]
    assert ours[4] > right[4]
    assert abs(sum(ours[1:]) - ours[0]) < Decimal("0.05")
    assert line.value(SHOP, "04010001") == ["000004", "080001"]


def test_the_script_has_happened_for_whoever_asks_later_live_or_as_history() -> None:
    text = ONE_LINE + life("house", "2026-11-20T10:07:00+08:00", "exchange", f"{NEW},3")
    text += life("shop", "2026-11-21T00:00:00+08:00", "undercount", "0.5")
    text += life("house", "2026-11-22T11:00:00+08:00", "cover-open")
    text += life("house", "2026-11-22T11:30:00+08:00", "cover-open", begins=False)
    live, past = Line(text), Line(text)
    told = {}
    for at_ms in range(NOON_MS - 4 * DAY_MS, NOON_MS + 1, 3_600_000):
        past.meters.life.catch_up(at_ms)
        told[at_ms] = {name: history.polled(meter, at_ms) for name, meter in past.meters.items()}
    assert kwh(live, NEW) * 1000 == told[NOON_MS]["house"]["energy_import_wh"]
    assert kwh(live, SHOP) * 1000 == told[NOON_MS]["shop"]["energy_import_wh"]
    houses = [values["house"]["energy_import_wh"] for values in told.values()]
    falls = [1 for before, now in pairwise(houses) if now < before]
    assert len(falls) == 1
    assert live.value(NEW, "03300D00") == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (with_keys("house", 'serves = "shop"'), "meter house: shop has another number of phases"),
        (with_keys("house", 'serves = "area"'), "serves 'area', no customer's place"),
        (with_keys("house", 'behaviour = ["rude"]'), "there is no behaviour 'rude'; known: no-blocks"),
        (with_keys("house", 'slot_table = ["08:00 2"]'), "the first at 00:00"),
        (with_keys("area", "pv = 100"), "an area meter has no pv"),
        (ONE_LINE + life("nobody", "2026-11-22T11:00:00+08:00", "press"), "there is no meter 'nobody'"),
        (
            ONE_LINE + life("house", "2026-11-22T11:00:00+08:00", "pres"),
            "there is no event 'pres'; did you mean 'press'? known:",
        ),
    ],
)
def test_a_wrong_life_is_told_in_one_line(wrong: str, message: str) -> None:
    with pytest.raises(scenario.ScenarioError) as error:
        scenario.parse(wrong)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_life_comes_by_order_as_faults_do() -> None:
    simulator = Simulator(scenario.parse(ONE_LINE), ManualClock(NOON_MS), Path())

    def order(kind: str, target: str, on: bool = True) -> bool:
        return asyncio.run(simulator.faults.set(kind, target, on)).active

    assert not order("clock-step", "house:300")
    assert simulator.meters["house"].clock_ms(NOON_MS) == NOON_MS + 300_000
    assert not order("clock-step", "house:300")  # it happens again
    assert simulator.meters["house"].clock_ms(NOON_MS) == NOON_MS + 600_000
    assert order("cover-open", "house")
    assert not order("cover-open", "house", on=False)
    for kind, target in (("clock-step", "house:soon"), ("exchange", "house:1"), ("undercount", "house:7")):
        with pytest.raises(UnknownFault):
            order(kind, target)
    assert simulator.faults.active() == []


def test_every_moment_can_befall_a_modbus_meter_or_says_why_not() -> None:
    simulator = Simulator(scenario.parse(MODBUS_LINE), ManualClock(NOON_MS), Path())
    values = {"exchange": "9", "registers": "5", "clock-step": "5", "clock-drift": "5", "undercount": "0.5"}
    for kind in MOMENTS:
        befall(kind, simulator.meters["workshop"], values.get(kind, ""), NOON_MS)
    assert simulator.meters["workshop"].address == "9"
    with pytest.raises(BadLife):
        befall("exchange", simulator.meters["workshop"], "202600019901", NOON_MS)


happenings = st.lists(
    st.tuples(
        st.floats(60, 90_000),
        st.sampled_from(
            [("undercount", "0.5"), ("clock-step", "7200"), ("clock-step", "-3600"), ("clock-battery", ""),
             ("relay-trip", ""), ("press", ""), ("brown-out", ""), ("clock-drift", "500")]
        ),
    ),
    min_size=1,
    max_size=8,
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(happenings)
def test_whatever_befalls_it_no_counter_falls_and_the_past_stays(
    steps: list[tuple[float, tuple[str, str]]],
) -> None:
    line = Line(with_keys("shop", "pv = 4000"))
    meter = line.meters["shop"]
    seen = {line.now_ms: counters(meter, line.now_ms)}
    for seconds, (kind, value) in steps:
        line.clock.advance(seconds)
        befall(kind, meter, value, line.now_ms)
        seen[line.now_ms] = counters(meter, line.now_ms)
    line.clock.advance(3600)
    seen[line.now_ms] = counters(meter, line.now_ms)
    series = [seen[at] for at in sorted(seen)]
    for before, now in pairwise(series):
        assert all(now[name] >= before[name] - 0.02 for name in COUNTERS)
    for at, then in seen.items():
        again = counters(meter, at)
        assert all(abs(again[name] - then[name]) < 0.05 for name in COUNTERS)


def test_an_instant_has_its_day() -> None:
    line = Line()
    day, _ = line.meters["house"].calendar.split(NOON_MS / 1000)
    assert line.meters["house"].calendar.date(day) == datetime(2026, 11, 22).date()
