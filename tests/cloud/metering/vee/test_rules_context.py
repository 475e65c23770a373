"""The rules with a context of their own, each on a made-up day: what it marks and what it leaves alone."""

from pathlib import Path

import numpy as np
import pytest

from cloud.kit.errors import Invalid
from cloud.metering.vee import rules_context as rules
from cloud.metering.vee.findings import FLAG, Finding
from cloud.metering.vee.point_day import Flag
from cloud.metering.vee.policy import Code, Severity, vee_policy
from cloud.metering.vee.rules_interval import scan, told

POLICY = vee_policy()
DAY = 96
NAN = float("nan")


def codes(found: list[Finding]) -> list[str]:
    return [each.code.value for each in found]


def test_every_rule_has_its_bit_and_its_severity() -> None:
    assert [code.value for code in FLAG] == [f"V{number:02}" for number in range(1, 21)]
    assert [FLAG[code] for code in FLAG] == [Flag(1 << number) for number in range(20)]
    assert {code for code in Code if code.value[0] == "V"} == set(POLICY.severity)


def test_a_second_value_under_one_key_is_told_where_it_stood() -> None:
    assert rules.duplicate([], POLICY) == []
    (found,) = rules.duplicate([7, 3], POLICY)
    assert (found.code, found.first, found.last, found.severity) == (Code.DUPLICATE, 3, 7, Severity.WARN)


@pytest.mark.parametrize(
    ("offset", "severity"), [(179.0, None), (-181.0, Severity.WARN), (601.0, Severity.FAIL)]
)
def test_a_clock_is_warned_of_beyond_three_minutes_and_fails_beyond_ten(
    offset: float, severity: Severity | None
) -> None:
    found = rules.clock(np.array([0.0, offset]), np.array([1, 2]), POLICY)
    assert [each.severity for each in found] == ([] if severity is None else [severity])
    assert all((each.first, each.observed) == (2, offset) for each in found)


def test_half_hours_under_a_point_of_quarter_hours_fail_and_one_missing_stamp_does_not() -> None:
    half = np.arange(48, dtype=np.int64) * 1_800_000
    (found,) = rules.interval_size(half, 900, DAY, POLICY)
    assert (found.severity, found.observed, found.limit) == (Severity.FAIL, 1800.0, 900.0)
    quarter = np.delete(np.arange(96, dtype=np.int64), 5) * 900_000
    assert rules.interval_size(quarter, 900, DAY, POLICY) == []
    assert rules.interval_size(np.arange(1440, dtype=np.int64) * 60_000, 900, DAY, POLICY) == []


def test_energy_is_held_against_the_usual_day() -> None:
    assert rules.high_low(10_000, 10_000, DAY, POLICY) == []
    assert codes(rules.high_low(31_000, 10_000, DAY, POLICY)) == ["V11"]
    assert codes(rules.high_low(2_900, 10_000, DAY, POLICY)) == ["V11"]
    assert rules.high_low(10, 900, DAY, POLICY) == [], "a flat nobody lives in"
    assert rules.high_low(None, 10_000, DAY, POLICY) == []
    assert rules.high_low(10_000, None, DAY, POLICY) == []


def test_the_sum_may_be_off_by_two_steps_or_one_in_a_hundred() -> None:
    assert rules.sum_check(1000, 1020, 10, DAY, POLICY) == []
    assert codes(rules.sum_check(1000, 1021, 10, DAY, POLICY)) == ["V12"]
    assert rules.sum_check(100_900, 100_000, 10, DAY, POLICY) == []
    assert codes(rules.sum_check(101_001, 100_000, 10, DAY, POLICY)) == ["V12"]
    assert rules.sum_check(NAN, 100.0, 10, DAY, POLICY) == []


def test_a_register_that_fell_is_told_by_its_slots() -> None:
    falls = np.zeros(DAY, bool)
    assert rules.register_fall(falls, POLICY) == []
    falls[[5, 9]] = True
    (found,) = rules.register_fall(falls, POLICY)
    assert (found.first, found.last, found.severity) == (5, 9, Severity.FAIL)


def test_a_change_by_just_the_ratio_is_suspected_and_any_other_is_not() -> None:
    for day in (300_000, 10_000 / 30):
        assert codes(rules.multiplier(day, 10_000, [30.0], DAY, POLICY)) == ["V14"]
    assert rules.multiplier(20_000, 10_000, [30.0], DAY, POLICY) == []
    assert rules.multiplier(10_000, 10_000, [1.0], DAY, POLICY) == []


def gauges(**values: float) -> dict[str, np.ndarray]:
    return {name: np.full(5, value) for name, value in values.items()}


@pytest.mark.parametrize(
    ("values", "bad"),
    [
        (gauges(voltage_l1_v=0.0, current_l1_a=3.0), True),
        (gauges(voltage_l1_v=0.0, current_l1_a=0.0), False),
        (gauges(voltage_l1_v=230.0, current_l1_a=0.0, power_l1_w=500.0), True),
        (gauges(voltage_l1_v=230.0, current_l1_a=2.2, power_l1_w=500.0), False),
        (gauges(power_l1_w=300.0, power_l2_w=300.0, power_l3_w=300.0, power_w=900.0), False),
        (gauges(power_l1_w=300.0, power_l2_w=300.0, power_l3_w=0.0, power_w=900.0), True),
        (gauges(power_l1_w=300.0, power_l2_w=300.0, power_w=900.0), False),
        (gauges(voltage_l1_v=NAN, current_l1_a=3.0), False),
        ({}, False),
    ],
)
def test_phases_that_contradict_one_another_fail(values: dict[str, np.ndarray], bad: bool) -> None:
    slots = np.arange(5) + 10
    found = rules.phases(values, slots, POLICY)
    assert codes(found) == (["V15"] if bad else [])
    once = {name: value[:1] for name, value in values.items()}
    assert rules.phases(once, slots[:1], POLICY) == [], "one moment is noise"


def test_reactive_energy_is_held_against_active_energy_and_its_quadrants() -> None:
    assert rules.reactive(10_000, 8_000, None, DAY, POLICY) == []
    assert codes(rules.reactive(1_000, 8_000, None, DAY, POLICY)) == ["V16"]
    assert codes(rules.reactive(0, 8_000, None, DAY, POLICY)) == ["V16"]
    assert codes(rules.reactive(10_000, 8_000, 2_000, DAY, POLICY)) == ["V16"]
    assert rules.reactive(10_000, None, None, DAY, POLICY) == []


def test_energy_without_an_account_fails_and_a_hole_is_no_energy() -> None:
    wh, nobody = np.array([0.0, NAN, 5.0, 7.0]), np.array([True, True, True, False])
    (found,) = rules.inactive_use(wh, nobody, POLICY)
    assert (found.first, found.last, found.observed, found.severity) == (2, 2, 5.0, Severity.FAIL)
    assert rules.inactive_use(wh[:2], nobody[:2], POLICY) == []


def test_a_register_that_stays_away_while_its_sibling_comes_is_told() -> None:
    assert codes(rules.sibling(1.0, 0.0, DAY, POLICY)) == ["V18"]
    assert rules.sibling(0.2, 0.0, DAY, POLICY) == []
    assert rules.sibling(1.0, 0.9, DAY, POLICY) == []


def test_the_fourth_estimated_day_in_a_row_needs_somebody() -> None:
    assert rules.prolonged(3, DAY, POLICY) == []
    assert codes(rules.prolonged(4, DAY, POLICY)) == ["V19"]


def test_a_reading_ahead_of_our_clock_or_of_a_billed_day_fails() -> None:
    now = 1_000_000_000
    assert rules.future(np.array([now + 600_000]), now, 95, POLICY) == []
    assert codes(rules.future(np.array([now + 600_001]), now, 95, POLICY)) == ["V20"]
    assert rules.future(np.array([], np.int64), now, 95, POLICY) == []
    assert codes(rules.past(63, changed=True, slots=DAY, policy=POLICY)) == ["V20"]
    assert rules.past(63, changed=False, slots=DAY, policy=POLICY) == []
    assert rules.past(62, changed=True, slots=DAY, policy=POLICY) == []


# the interval rules, told


def interval(
    values: list[float], *, zeros: int = 0, capacity: float = 1000.0, outage: bool = False
) -> list[Finding]:
    wh = np.array([values])
    room = np.array([capacity])
    found = scan(wh, room, np.zeros(1, bool), np.array([zeros], np.int32), POLICY)
    return told(wh[0], found.flags[0], capacity, zeros, np.full(len(values), outage), POLICY)


def test_a_finding_tells_its_worst_value_and_the_limit() -> None:
    (found,) = [each for each in interval([100.0, 900.0, 100.0, 100.0]) if each.code is Code.SPIKE]
    assert (found.first, found.observed, found.limit) == (1, 8.0, 1.8)
    (found,) = [each for each in interval([900.0, 1300.0, 900.0]) if each.code is Code.CAP]
    assert (found.first, found.observed, found.limit, found.severity) == (1, 1300.0, 1200.0, Severity.FAIL)
    (found,) = interval([100.0, NAN, NAN, 100.0])
    assert (found.code, found.first, found.last, found.observed) == (Code.GAP, 1, 2, 2.0)


def test_a_day_of_zeros_warns_a_week_of_them_fails_and_an_outage_is_neither() -> None:
    (found,) = interval([0.0] * 96)
    assert (found.code, found.severity, found.observed) == (Code.ZERO_RUN, Severity.WARN, 96.0)
    (found,) = interval([0.0] * 96, zeros=576)
    assert (found.severity, found.observed) == (Severity.FAIL, 672.0)
    assert interval([0.0] * 96, outage=True) == []


def test_a_policy_that_contradicts_itself_is_refused_at_start(tmp_path: Path) -> None:
    folder = tmp_path
    text = (Path(rules.__file__).parents[2] / "policies" / "vee.toml").read_text(encoding="utf-8")
    for wrong in (
        text.replace('V20 = "fail"', ""),
        text.replace("interval_s = 900 ", "interval_s = 700 "),
        text.replace("[clock]", "[clock]\nwhat = 1"),
    ):
        assert wrong != text
        (folder / "vee.toml").write_text(wrong, encoding="utf-8")
        with pytest.raises(Invalid):
            vee_policy(folder)
