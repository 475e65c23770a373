"""Hours from register values: what is not known is a gap, and energy is never invented or lost."""

from hypothesis import given
from hypothesis import strategies as st

from cloud.web import usage
from cloud.web.charts import bar_chart
from cloud.web.usage import Slot

HOUR = 3_600_000
DAY = [n * HOUR for n in range(25)]
ALWAYS = [(0, 25 * HOUR)]


def quarters(last_hour: float, wh_per_hour: int = 400) -> list[usage.Reading]:
    count = int(last_hour * 4) + 1
    return [(n * HOUR // 4, 1000 + n * wh_per_hour // 4) for n in range(count)]


def slots(
    readings: list[usage.Reading], now_h: float, windows: list[usage.Span] = ALWAYS
) -> list[Slot | None]:
    return usage.slots(readings, DAY, windows, int(now_h * HOUR))


def test_a_whole_hour_is_the_difference_of_its_two_register_values() -> None:
    found = slots(quarters(5), now_h=5)
    assert [slot.wh for slot in found[:5] if slot] == [400.0] * 5


def test_an_hour_inside_a_hole_is_a_gap_and_not_zero() -> None:
    readings = [each for each in quarters(8) if not 2.1 * HOUR < each[0] < 4.9 * HOUR]
    found = slots(readings, now_h=8)
    assert [slot.wh for slot in found[:8] if slot] == [400, 400, None, None, None, 400, 400, 400]


def test_the_total_of_the_day_spans_a_hole() -> None:
    readings = [each for each in quarters(8) if not 2.1 * HOUR < each[0] < 4.9 * HOUR]
    whole = usage.total(readings, 0, 8 * HOUR)
    assert whole is not None
    assert whole.wh == 3200
    assert whole.whole


def test_a_day_read_from_late_on_says_so() -> None:
    late = usage.total([each for each in quarters(8) if each[0] >= 6 * HOUR], 0, 8 * HOUR)
    assert late is not None
    assert not late.whole
    assert late.from_ms == 6 * HOUR


def test_one_reading_is_no_consumption() -> None:
    assert usage.total([(HOUR, 5)], 0, 8 * HOUR) is None


def test_the_running_hour_is_open_and_the_next_ones_are_ahead() -> None:
    found = slots(quarters(3.5), now_h=3.6)
    assert found[3] == Slot(3 * HOUR, 4 * HOUR, 200.0, open=True)
    assert all(slot is not None and slot.ahead and slot.wh is None for slot in found[4:])


def test_an_hour_that_has_just_begun_is_no_gap_yet() -> None:
    last = slots(quarters(3), now_h=3.1)[3]
    assert last is not None
    assert last.ahead


def test_a_register_that_fell_gives_no_figure() -> None:
    readings = [*quarters(2), (int(2.25 * HOUR), 5), (int(2.5 * HOUR), 50), (3 * HOUR, 300)]
    found = slots(readings, now_h=3)
    assert found[2] is not None
    assert found[2].wh is None
    assert usage.total(readings, 0, 3 * HOUR) is None


def test_hours_before_the_meter_was_theirs_are_not_there_at_all() -> None:
    found = slots(quarters(6), now_h=6, windows=[(3 * HOUR, 25 * HOUR)])
    assert found[:3] == [None, None, None]
    assert found[3] is not None
    assert found[3].wh == 400


def test_an_hour_that_was_cut_short_is_a_gap_once_its_rest_will_not_come() -> None:
    read = quarters(4)[:8]
    assert [(slot.wh, slot.open) for slot in slots(read, now_h=25)[1:2] if slot] == [(300, True)]
    assert [(slot.wh, slot.open) for slot in slots(read, now_h=27)[1:2] if slot] == [(None, False)]


def test_what_a_meter_showed_when_it_was_taken_off_ends_its_last_hour() -> None:
    off_ms = HOUR + HOUR // 2
    read = [*(each for each in quarters(4) if each[0] < off_ms), (off_ms - 1, 1610)]
    found = usage.slots(read, [0, HOUR, 2 * HOUR], [(0, off_ms)], 4 * HOUR)[1]
    assert found is not None
    assert (found.wh, found.open) == (210, False)


def test_two_meters_add_up_and_one_unknown_hour_makes_a_gap() -> None:
    one, other = slots(quarters(4), now_h=4), slots(quarters(4, 100)[:8], now_h=4)
    first, second, third = usage.add([one, other])[:3]
    assert first is not None
    assert second is not None
    assert third is not None
    assert (first.wh, first.open) == (500, False)
    assert (second.wh, second.open) == (475, True)  # the other one was read up to a quarter to
    assert third.wh is None


def test_a_meter_exchanged_during_the_day_adds_only_where_it_served() -> None:
    old = slots(quarters(3), now_h=6, windows=[(0, 3 * HOUR)])
    new = slots([each for each in quarters(6, 800) if each[0] >= 3 * HOUR], 6, [(3 * HOUR, 25 * HOUR)])
    assert [slot.wh for slot in usage.add([old, new])[:6] if slot] == [400, 400, 400, 800, 800, 800]


@given(st.lists(st.integers(0, 3000), min_size=8, max_size=96))
def test_hours_without_a_hole_add_up_to_the_total(steps: list[int]) -> None:
    value, readings = 0, [(0, 0)]
    for number, step in enumerate(steps, 1):
        value += step
        readings.append((number * HOUR // 4, value))
    end = readings[-1][0]
    found = usage.slots(readings, DAY, ALWAYS, end)
    whole = usage.total(readings, 0, end)
    assert whole is not None
    assert sum(slot.wh or 0 for slot in found if slot) == whole.wh == value


def test_a_gap_is_drawn_over_the_whole_height_and_zero_as_nothing() -> None:
    chart = bar_chart([Slot(0, 1, 0.0), Slot(1, 2, None), Slot(2, 3, 900.0), Slot(3, 4, None, ahead=True)])
    kinds = [bar.kind for bar in chart.bars]
    assert kinds == ["full", "gap", "full", "ahead"]
    zero, gap, high, _ = chart.bars
    assert zero.height == 0
    assert gap.height > high.height > 0
    assert max(tick.kwh for tick in chart.ticks) >= 0.9
