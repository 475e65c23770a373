"""The second line: what is doubted, what is asked again, what is taken, and what is marked."""

import random
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from edge.plausible import Care, Judge, Noise, Past, Rule, Verdict, check
from edge.poller import LinePoller
from edge.settings import MeterSettings
from protocols.dlt645.frame import Frame, decode, encode
from protocols.errors import FrameError, ProtocolError
from protocols.models import load, values_from_dlt645
from protocols.quantities import QUANTITIES
from protocols.readings import Quality, Value
from tests.edge.lines import ADDRESS, THREE_PHASE_VALUES, bcd, blocks, line, meter
from tests.edge.test_poller import SureClock, polling, until
from tests.edge.wire import Chunks, Meters, TcpWire, dlt645_ear

MODEL = load("dlt645-2007-3p")
RATED = meter(max_current_a=60)
GOOD: dict[str, Value] = dict(THREE_PHASE_VALUES)


def rules(
    values: dict[str, Value], past: dict[str, Value] | None = None, after_s: float = 60, **more: Any
) -> list[tuple[str, Rule]]:
    had = {name: Past(value, 0.0) for name, value in (past or {}).items()}
    told: dict[str, Any] = {"meter": RATED, "model": MODEL, "now_s": after_s} | more
    return [(doubt.quantity, doubt.rule) for doubt in check(values, had, **told)]


def test_an_ordinary_reading_is_believed_with_a_past_and_without() -> None:
    assert not rules(GOOD)
    assert not rules(GOOD, GOOD)
    assert not rules(GOOD | {"energy_import_wh": 215_940, "energy_import_t1_wh": 54_040}, GOOD, 900)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("voltage_l1_v", 1200.1), ("voltage_l2_v", -1.0), ("frequency_hz", 39.9), ("frequency_hz", 70.1),
        ("power_factor", 1.001), ("power_factor_l3", -1.001), ("current_l1_a", 90.1), ("current_l1_a", -90.1),
        ("power_w", 81_100.0), ("power_l2_w", 27_100.0), ("reactive_power_var", -81_100.0),
    ],
)  # fmt: skip
def test_what_no_such_meter_shows_is_doubted(name: str, value: float) -> None:
    assert rules(GOOD | {name: value}) == [(name, Rule.RANGE)]


@pytest.mark.parametrize(
    ("name", "value"),
    [("frequency_hz", 0.0), ("voltage_l1_v", 0.0), ("current_l1_a", 89.0), ("power_w", -80_000.0)],
)
def test_an_outage_an_overload_and_feed_in_are_believed(name: str, value: float) -> None:
    assert not rules(GOOD | {name: value})


def test_a_meter_on_the_primary_side_may_show_high_voltage() -> None:
    primary = next(
        model for name in ("abb-b2x", "acrel-adl400") if (model := load(name)).points[0].side == "primary"
    )
    by_unit = {QUANTITIES[point.quantity].unit: point for point in primary.points if point.side == "primary"}
    values: dict[str, Value] = {by_unit["V"].quantity: 10_500.0}
    on = MeterSettings(id="m1", unit=1, model=primary.name)
    assert not check(values, {}, on, primary, 0)
    assert check({by_unit["V"].quantity: 700_000.0}, {}, on, primary, 0)


def test_a_register_cannot_fall() -> None:
    assert rules(GOOD | {"energy_export_wh": 110}, GOOD) == [("energy_export_wh", Rule.FALL)]


def test_a_register_cannot_rise_by_more_than_the_rating_lets_through() -> None:
    """60 A × 1.5 × 300 V × 3 phases for two minutes: 2.7 kWh."""
    assert not rules({"energy_import_wh": 214_940 + 2_700}, GOOD)
    assert rules({"energy_import_wh": 214_940 + 2_730}, GOOD) == [("energy_import_wh", Rule.ADVANCE)]
    assert not rules({"energy_import_wh": 214_940 + 20_000}, GOOD, after_s=900)


def test_without_a_rating_what_no_meter_lets_through_is_still_doubted() -> None:
    assert rules({"energy_import_wh": 10_214_940}, GOOD, meter=meter()) == [
        ("energy_import_wh", Rule.ADVANCE)
    ]


def test_a_total_that_is_not_its_tariffs_is_doubted() -> None:
    assert rules(GOOD | {"energy_import_wh": 215_940}) == [("energy_import_wh", Rule.SUM)]
    assert rules(GOOD | {"energy_import_t2_wh": 93_740}) == [("energy_import_wh", Rule.SUM)]


def test_a_total_that_began_again_before_its_tariffs_is_still_their_sum() -> None:
    full = GOOD | {
        name: value + 10**9 - 100_000 for name, value in GOOD.items() if name == "energy_import_t2_wh"
    }
    assert rules(full | {"energy_import_wh": GOOD["energy_import_wh"] - 100_000}) == []
    assert rules(full | {"energy_import_wh": GOOD["energy_import_wh"]}) == [("energy_import_wh", Rule.SUM)]


def test_tariffs_that_are_not_read_are_no_doubt_any_more_once_they_were_said_twice() -> None:
    more = GOOD | {"energy_import_wh": 314_940}
    assert rules(more, more) == []
    assert rules(more | {"energy_import_wh": 315_100}, more) == []
    assert rules(more | {"energy_import_wh": 304_940}, more) != []


def test_on_a_noisy_line_a_jump_is_worth_a_second_question() -> None:
    assert rules(GOOD | {"voltage_l1_v": 290.1}, GOOD) == []
    assert rules(GOOD | {"voltage_l1_v": 290.1}, GOOD, noisy=True) == [("voltage_l1_v", Rule.JUMP)]
    assert rules(GOOD | {"voltage_l1_v": 235.0}, GOOD, noisy=True) == []


@pytest.mark.parametrize(
    ("load", "care"), [(0.3, Care.THRICE), (0.31, Care.JUMPS), (0.45, Care.JUMPS), (0.46, Care.USUAL)]
)
def test_a_line_is_read_with_care_for_thirty_days_after_a_corrupt_answer_if_it_has_the_time(
    load: float, care: Care
) -> None:
    noise = Noise(load)
    assert noise.care(0, 1000.0) is Care.USUAL
    assert noise.care(1, 1010.0) is care
    assert noise.care(1, 1010.0 + 30 * 86_400 - 1) is care
    assert noise.care(1, 1010.0 + 30 * 86_400) is Care.USUAL


def test_a_line_begun_anew_with_other_settings_is_read_with_the_same_care() -> None:
    before, after = (
        LinePoller(line("127.0.0.1:9", RATED, baud=9600), SureClock(), lambda _: True) for _ in "ab"
    )
    assert before._noise.care(1, 1000.0) is Care.THRICE
    after.take_over(before)
    assert after._noise.care(0, 2000.0) is Care.THRICE


class Bench:
    """A judge, and a meter that says one thing after another."""

    def __init__(self) -> None:
        self.judge, self.now_s, self.asked_again = Judge(), 0.0, 0

    def take(self, *said: dict[str, Value] | None, care: Care = Care.USUAL) -> Verdict:
        self.now_s += 60
        answers = iter(said)
        first = next(answers)
        assert first is not None

        def again() -> dict[str, Value] | None:
            self.asked_again += 1
            return next(answers)

        return self.judge.weigh(RATED, MODEL, first, self.now_s, again, care=care)


def test_what_is_believed_is_not_asked_twice() -> None:
    bench = Bench()
    assert bench.take(GOOD) == Verdict(GOOD, suspect=False)
    assert bench.asked_again == 0


def test_a_different_answer_that_can_be_believed_takes_the_place_of_the_doubted_one() -> None:
    bench = Bench()
    bench.take(GOOD)
    verdict = bench.take(GOOD | {"energy_import_wh": 14_940}, GOOD)
    assert (verdict.values, verdict.suspect) == (GOOD, False)
    assert [doubt.rule for doubt in verdict.doubts] == [Rule.FALL, Rule.SUM]


def test_what_is_said_twice_is_taken_marked_and_the_new_past() -> None:
    """A meter was exchanged: its register begins anew, and goes on from there without a doubt."""
    bench = Bench()
    bench.take(GOOD)
    new = GOOD | {name: 0 for name in GOOD if name.startswith("energy_import")}
    verdict = bench.take(new, new)
    assert (verdict.values, verdict.suspect) == (new, True)
    assert bench.take(new) == Verdict(new, suspect=False)


def test_no_second_answer_leaves_the_first_marked() -> None:
    bench = Bench()
    bench.take(GOOD)
    fallen = GOOD | {"energy_export_wh": 0}
    verdict = bench.take(fallen, None)
    assert (verdict.values, verdict.suspect) == (fallen, True)


def test_what_the_second_answer_lacks_or_spoils_is_kept_from_the_first() -> None:
    bench = Bench()
    bench.take(GOOD)
    second = {name: value for name, value in GOOD.items() if name != "voltage_l3_v"} | {"frequency_hz": 99.0}
    verdict = bench.take(GOOD | {"energy_export_wh": 0}, second)
    assert (verdict.values, verdict.suspect) == (GOOD, False)


def test_a_soft_doubt_said_twice_is_no_mark() -> None:
    bench = Bench()
    bench.take(GOOD)
    far = GOOD | {"power_w": 5_000.0}
    assert not bench.take(far, far, care=Care.JUMPS).suspect
    assert bench.asked_again == 1


def test_what_is_out_of_range_all_the_time_is_marked_and_not_asked_twice_each_time() -> None:
    bench = Bench()
    odd = GOOD | {"power_factor": 1.2}
    assert bench.take(odd, odd).suspect
    assert bench.take(odd).suspect
    assert bench.asked_again == 1


def test_of_three_answers_the_middle_one_is_taken_quantity_by_quantity() -> None:
    bench = Bench()
    bench.take(GOOD)
    garbled, later = GOOD | {"voltage_l1_v": 238.1}, GOOD | {"voltage_l1_v": 230.3, "power_w": 346.0}
    verdict = bench.take(garbled, GOOD, later, care=Care.THRICE)
    assert verdict == Verdict(GOOD | {"voltage_l1_v": 230.3}, suspect=False)
    assert bench.asked_again == 2


def test_of_three_answers_two_may_be_lost() -> None:
    bench = Bench()
    bench.take(GOOD)
    assert bench.take(GOOD, None, care=Care.THRICE) == Verdict(GOOD, suspect=False)
    assert bench.take(GOOD | {"frequency_hz": 90.0}, GOOD, None, GOOD, care=Care.THRICE).values == GOOD


def flaky(spoil: Callable[[int, bytes], bytes]) -> Callable[[Frame], Chunks]:
    """A meter whose total is spoilt, sound checksum and all, by how often it was asked for."""
    asked = iter(range(1000))
    well = Meters({ADDRESS: blocks()})

    def react(request: Frame) -> Chunks:
        reply = well.reply(request)
        if reply and request.data[:4] == bcd("0002FF00"):
            reply = Frame(reply.address, reply.control, spoil(next(asked), reply.data))
        return [encode(reply)] if reply else []

    return react


FALLEN = bcd("0002FF00", *["00000000"] * 5)


@pytest.mark.parametrize(
    ("spoilt", "qualities"),
    [({1}, [Quality.GOOD] * 3), ({1, 2}, [Quality.GOOD, Quality.SUSPECT, Quality.GOOD])],
)
def test_a_poller_asks_again_at_once_and_marks_what_is_said_twice(
    spoilt: Iterable[int], qualities: list[Quality]
) -> None:
    react = flaky(lambda at, data: FALLEN if at in spoilt else data)
    with TcpWire(react, dlt645_ear) as wire, polling(line(wire.endpoint, RATED, timeout_s=5)) as (_, kept):
        until(lambda: len(kept.readings) >= 3)
    assert [reading.quality for reading in kept.readings[:3]] == qualities
    fell = [reading.values["energy_export_wh"] for reading in kept.readings[:3]]
    assert fell == [120, 0 if qualities[1] is Quality.SUSPECT else 120, 120]


def test_on_a_line_that_garbled_an_answer_a_poller_asks_three_times() -> None:
    asked: list[bytes] = []
    well = Meters({ADDRESS: blocks()})

    def react(request: Frame) -> Chunks:
        asked.append(request.data)
        reply = bytearray(next(iter(well(request))))
        reply[-2] ^= len(asked) == 1
        return [bytes(reply)]

    with (
        TcpWire(react, dlt645_ear) as wire,
        polling(line(wire.endpoint, meter(interval_s=86_400), timeout_s=1), as_told=True) as (poller, kept),
    ):
        until(lambda: kept.readings)
    assert len(asked) == 1 + 3 * 8
    assert dict(kept.readings[0].values) == GOOD
    assert kept.readings[0].quality is Quality.GOOD
    assert poller.line_health().bad_frames == 1


@pytest.mark.parametrize(
    ("care", "at_most"),
    [(Care.USUAL, 1.5e-3), (Care.JUMPS, 8e-4), (Care.THRICE, 1e-5)],
)
def test_the_share_of_corrupted_frames_that_even_this_lets_through(care: Care, at_most: float) -> None:
    """Frames with two bytes changed so that the sum still fits, as one in 244 random corruptions is.

    The meter's other answers are true and differ by what a load moves. Any wrong digit that is taken and not
    marked counts, but for one between two true answers.
    """
    chance, through, tried = random.Random(7), 0, 8000
    for _ in range(tried):
        wrong = corrupted(chance)
        if wrong is not None:
            through += taken_though_wrong(wrong, care)
    assert through / tried / 244 < at_most


def taken_though_wrong(wrong: dict[str, Value], care: Care) -> bool:
    judge, true, later = Judge(), [GOOD, LATER], iter((GOOD, LATER))
    judge.weigh(RATED, MODEL, GOOD, 0, lambda: None)
    verdict = judge.weigh(RATED, MODEL, wrong, 60, lambda: next(later), care=care)
    between = all(
        min(each[name] for each in true) <= value <= max(each[name] for each in true)
        for name, value in verdict.values.items()
    )
    return not verdict.suspect and not between


LATER: dict[str, Value] = {
    name: value * 1.01 if isinstance(value, float) else value for name, value in GOOD.items()
}
LATER |= {name: 1.0 - (1.0 - GOOD[name]) / 2 for name in GOOD if name.startswith("power_factor")}


def corrupted(chance: random.Random) -> dict[str, Value] | None:
    """The values of a reading of which one answer was garbled, sum and all; None when that is noticed."""
    di, data = chance.choice(sorted(blocks().items()))
    raw = bytearray(encode(Frame(ADDRESS, 0x91, bcd(di) + data)))
    one, other = chance.sample(range(14, len(raw) - 2), 2)
    change = chance.randrange(1, 256)
    raw[one], raw[other] = (raw[one] + change) & 0xFF, (raw[other] - change) & 0xFF
    try:
        got = values_from_dlt645(MODEL, di, decode(bytes(raw)).data[4:])
    except (FrameError, ProtocolError):
        return None
    return GOOD | got if any(GOOD[name] != value for name, value in got.items()) else None
