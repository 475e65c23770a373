"""The schedule of a line: on the slot, the living first, the silent cheaply, and an outage noticed soon."""

from collections.abc import Sequence
from itertools import pairwise

import pytest

from edge.schedule import Ask, Schedule, spread
from edge.settings import MeterSettings

DAY_S = 1_772_409_600.0  # a midnight UTC


def meters(count: int, interval_s: int = 900) -> list[MeterSettings]:
    return [
        MeterSettings(id=f"m{n}", model="dlt645-2007-1p", address=f"{n:012d}", interval_s=interval_s)
        for n in range(1, count + 1)
    ]


def schedule(of: Sequence[MeterSettings], now_s: float = DAY_S, cost_s: float = 1.0) -> Schedule:
    return Schedule(of, {meter.id: cost_s for meter in of}, now_s, probe_s=300, confirm_s=2)


def must(ask: Ask | None) -> Ask:
    assert ask is not None
    return ask


def run(plan: Schedule, now_s: float, until_s: float, silent: set[str]) -> list[tuple[float, str]]:
    """Play the line: an answer takes 0.5 s, silence 1 s. Gives (when, who) of each ask."""
    asked = []
    while now_s < until_s:
        ask = plan.next(now_s)
        if ask is None:
            now_s += max(plan.wait_s(now_s), 0.001)
            continue
        asked.append((now_s, ask.meter.id))
        if ask.meter.id in silent:
            now_s += 1.0
            plan.unanswered(ask.meter.id, now_s)
        else:
            now_s += 0.5
            if ask.read:
                plan.answered(ask.meter.id, now_s)
            else:
                plan.present(ask.meter.id)
    return asked


def test_every_meter_is_asked_at_once_after_the_start() -> None:
    plan = schedule(meters(3), DAY_S + 100)
    first = [who for when, who in run(plan, DAY_S + 100, DAY_S + 103, set())]
    assert first == ["m1", "m2", "m3"]


def test_quarter_hour_asks_fall_on_the_quarter_hour_one_after_another() -> None:
    plan = schedule(meters(3), DAY_S + 100)
    later = [each for each in run(plan, DAY_S + 100, DAY_S + 2000, set()) if each[0] > DAY_S + 200]
    assert later == [
        (DAY_S + 900, "m1"), (DAY_S + 901, "m2"), (DAY_S + 902, "m3"),
        (DAY_S + 1800, "m1"), (DAY_S + 1801, "m2"), (DAY_S + 1802, "m3"),
    ]  # fmt: skip


def test_a_slot_just_served_is_not_served_again() -> None:
    of = meters(1, interval_s=60)
    plan = schedule(of)
    plan.answered("m1", DAY_S)
    assert plan.wait_s(DAY_S) == pytest.approx(60)


def test_a_missed_slot_is_not_made_up_for() -> None:
    plan = schedule(meters(1, interval_s=60))
    plan.answered("m1", DAY_S + 1)
    must(plan.next(DAY_S + 400))
    plan.answered("m1", DAY_S + 401)
    assert plan.next(DAY_S + 402) is None
    assert plan.wait_s(DAY_S + 402) == pytest.approx(18)


def test_the_ask_says_how_late_it_is() -> None:
    plan = schedule(meters(1, interval_s=60))
    plan.answered("m1", DAY_S + 1)
    assert must(plan.next(DAY_S + 65)).late_s == pytest.approx(5)


def test_the_first_silence_is_confirmed_soon_and_by_a_probe() -> None:
    plan = schedule(meters(1))
    first = must(plan.next(DAY_S))
    assert (first.probe, first.read) == (False, True)
    assert not plan.unanswered("m1", DAY_S + 1)
    assert plan.next(DAY_S + 2.9) is None
    second = must(plan.next(DAY_S + 3))
    assert (second.probe, second.read) == (True, True)
    assert plan.unanswered("m1", DAY_S + 4)
    assert not plan.unanswered("m1", DAY_S + 5)


def test_a_first_silence_is_settled_before_everything_else_that_is_due() -> None:
    plan = schedule(meters(5))
    first = must(plan.next(DAY_S)).meter.id
    plan.unanswered(first, DAY_S)
    assert must(plan.next(DAY_S + 1)).meter.id != first, "its confirmation is not due yet"
    assert must(plan.next(DAY_S + 2.5)).meter.id == first


def test_a_silent_meter_is_asked_ever_less_often_but_at_least_every_probe_interval() -> None:
    plan = schedule(meters(1, interval_s=60))
    asked = [when for when, _ in run(plan, DAY_S, DAY_S + 2000, {"m1"})]
    gaps = [round(b - a) for a, b in pairwise(asked)]
    assert gaps[:4] == [3, 61, 121, 241]
    assert set(gaps[4:]) == {301}


def test_a_meter_read_rarely_is_probed_more_often_than_read_while_silent() -> None:
    plan = schedule(meters(1, interval_s=900))
    asked = [when for when, _ in run(plan, DAY_S, DAY_S + 1300, {"m1"})]
    assert [round(b - a) for a, b in pairwise(asked)] == [3, 301, 301, 301, 301]


def test_dead_meters_never_slow_the_others() -> None:
    of = meters(30, interval_s=60)
    dead = {f"m{n}" for n in range(1, 30, 2)}
    plan = schedule(of)
    asked = run(plan, DAY_S, DAY_S + 3600, dead)
    for living in (f"m{n}" for n in range(2, 31, 2)):
        regular = [when for when, who in asked if who == living and when > DAY_S + 120]
        assert len(regular) >= 57
        worst = max(b - a for a, b in pairwise(regular))
        assert worst < 75


def test_on_an_overfull_line_silent_meters_are_still_probed() -> None:
    of = meters(200, interval_s=60)
    asked = run(schedule(of), DAY_S, DAY_S + 3600, {"m7"})
    assert len([when for when, who in asked if who == "m7"]) >= 5


def test_when_one_meter_turns_silent_its_neighbours_are_looked_at_nearest_first() -> None:
    plan = schedule(meters(9))
    run(plan, DAY_S, DAY_S + 100, set())
    plan.unanswered("m5", DAY_S + 100)
    assert plan.unanswered("m5", DAY_S + 101)
    look = must(plan.next(DAY_S + 101))
    assert (look.meter.id, look.probe, look.read) == ("m6", True, False)


def test_an_outage_of_a_line_read_rarely_is_known_within_seconds() -> None:
    of = meters(20)
    plan = schedule(of)
    run(plan, DAY_S, DAY_S + 860, set())
    dark = {meter.id for meter in of}
    asked = run(plan, DAY_S + 900, DAY_S + 960, dark)
    twice = {who for who in dark if len([1 for _, each in asked if each == who]) >= 2}
    assert twice == dark


def test_one_dead_meter_costs_the_line_only_a_few_looks() -> None:
    plan = schedule(meters(50))
    run(plan, DAY_S, DAY_S + 800, set())
    asked = run(plan, DAY_S + 900, DAY_S + 1700, {"m5"})
    assert len(asked) <= 49 + 4 + 2 * 3


def test_when_power_is_back_all_silent_neighbours_are_found_soon() -> None:
    of = meters(20)
    plan = schedule(of)
    run(plan, DAY_S, DAY_S + 5000, {meter.id for meter in of})
    asked = run(plan, DAY_S + 5000, DAY_S + 5320, set())
    assert {who for _, who in asked} == {meter.id for meter in of}
    first, last = asked[0][0], max(when for when, who in asked if who == "m20")
    assert last - first < 15


def test_an_answer_after_silence_is_told_once() -> None:
    plan = schedule(meters(2))
    plan.unanswered("m1", DAY_S)
    assert not plan.answered("m1", DAY_S + 1)
    plan.unanswered("m1", DAY_S + 2)
    plan.unanswered("m1", DAY_S + 3)
    assert plan.answered("m1", DAY_S + 4)
    assert not plan.answered("m1", DAY_S + 5)


def test_what_is_deferred_lets_the_others_go_first_and_comes_again_soon() -> None:
    plan = schedule(meters(2))
    assert must(plan.next(DAY_S)).meter.id == "m1"
    plan.deferred("m1", DAY_S)
    assert must(plan.next(DAY_S)).meter.id == "m2"
    plan.answered("m2", DAY_S + 1)
    again = must(plan.next(DAY_S + 2))
    assert (again.meter.id, again.probe) == ("m1", False)
    plan.deferred("m1", DAY_S + 2)
    assert plan.wait_s(DAY_S + 2) == pytest.approx(4)


@pytest.mark.parametrize("step_s", [-7200.0, -86400.0 * 400, 7200.0, 86400.0 * 400])
def test_a_step_of_the_wall_clock_stops_nothing(step_s: float) -> None:
    plan = schedule(meters(2, interval_s=60))
    run(plan, DAY_S, DAY_S + 130, set())
    asked = run(plan, DAY_S + 130 + step_s, DAY_S + 260 + step_s, set())
    assert 4 <= len(asked) <= 6


def test_slots_are_served_close_to_their_boundary_and_evenly_when_they_do_not_fit() -> None:
    of = meters(4, interval_s=900)
    names = ["m1", "m2", "m3", "m4"]
    assert spread(of, dict.fromkeys(names, 2.0)) == {"m1": 0, "m2": 2, "m3": 4, "m4": 6}
    assert spread(of, dict.fromkeys(names, 400.0)) == {"m1": 0, "m2": 225, "m3": 450, "m4": 675}


def test_short_intervals_are_spread_so_that_an_outage_shows_soon() -> None:
    of = meters(12, interval_s=60)
    assert list(spread(of, {}).values()) == [5.0 * n for n in range(12)]
    plan = schedule(of)
    run(plan, DAY_S, DAY_S + 600, set())
    dark = {meter.id for meter in of}
    asked = run(plan, DAY_S + 600, DAY_S + 630, dark)
    assert all(len([1 for _, who in asked if who == each]) >= 2 for each in dark)


def test_what_may_be_an_outage_is_urgent_and_the_probe_of_a_dead_meter_is_not() -> None:
    plan = schedule(meters(3))
    assert not must(plan.next(DAY_S)).urgent
    plan.unanswered("m1", DAY_S)
    assert must(plan.next(DAY_S + 2.5)).urgent, "a first silence"
    plan.unanswered("m1", DAY_S + 3)
    look = must(plan.next(DAY_S + 3))
    assert (look.meter.id != "m1", look.urgent) == (True, True), "a look beside a meter that turned"
    for each in ("m2", "m3"):
        plan.answered(each, DAY_S + 4)
    probe = must(plan.next(DAY_S + 304))
    assert (probe.meter.id, probe.probe, probe.urgent) == ("m1", True, False)
