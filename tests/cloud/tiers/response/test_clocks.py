"""Hours of the wall clock stay the same on the days on which clocks change, and a day ends at midnight."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from cloud.kit.errors import Invalid
from cloud.tiers.response import planning
from cloud.tiers.response.baseline import Days, Rule, Window, baseline, errors
from cloud.tiers.response.effect import effect
from cloud.tiers.response.measuring import placed
from cloud.tiers.response.rules import Times

BERLIN = ZoneInfo("Europe/Berlin")
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)


@pytest.mark.parametrize("day", [SPRING, AUTUMN, date(2026, 6, 1)])
def test_six_in_the_evening_is_slot_72_on_every_day(day: date) -> None:
    start, end = planning.instants(day, (72, 80), BERLIN)
    assert start.astimezone(BERLIN).hour == 18
    assert planning.hours_of(start, end, BERLIN).slots == tuple(range(72, 80))
    assert placed(Times(start, start, end), 4, BERLIN) == (day, Window(72, 80, 96))
    assert placed(Times(start, start, planning.instants(day, (72, 96), BERLIN)[1]), 4, BERLIN)[1].end == 96


@pytest.mark.parametrize("day", [SPRING, AUTUMN])
def test_hours_in_which_the_clocks_change_are_no_event(day: date) -> None:
    start, end = planning.instants(day, (4, 16), BERLIN)
    with pytest.raises(Invalid, match="clocks change"):
        planning.hours_of(start, end, BERLIN)


def test_an_event_over_midnight_is_refused_and_one_up_to_it_is_none() -> None:
    start = datetime(2026, 6, 1, 21, tzinfo=UTC)  # 23:00
    assert planning.hours_of(start, start + timedelta(hours=1), BERLIN).slots == (92, 93, 94, 95)
    with pytest.raises(Invalid, match="within one day"):
        planning.hours_of(start, start + timedelta(hours=2), BERLIN)


def test_a_reduction_and_its_rebound_reckoned_by_hand() -> None:
    """Ten days at 10 kW. On the day: 11 kW before it (a tenth more), 7 kW for two hours, 13 kW for the next.

    Factor 1.1, baseline 11 kW: less (11 - 7) · 2 h = 8 kWh, rebound (13 - 11) · 1 h = 2 kWh, net 6 kWh.
    One of eight slots is not read: 7 · 0.25 · 4 = 7 kWh then, and 7/8 known: what is missing is no reduction.
    """
    kw = np.full((11, 96), 10.0)
    kw[10, :72], kw[10, 72:80], kw[10, 80:84] = 11, 7, 13
    known = Days(kw, np.zeros(11, np.int8), np.ones(11, np.bool_))
    window, rule = Window(72, 80, 84), Rule()
    expected, wrong = baseline(known, 10, window, rule), errors(known, 10, window, rule, 40)
    assert expected.factor == pytest.approx(1.1)
    found = effect(kw[10], expected, wrong, window)
    assert found is not None
    assert [each.kwh for each in (found.reduction, found.rebound, found.net)] == pytest.approx([8, 2, 6])
    assert found.reduction.low is None  # two days alone tell of the baseline's own error
    kw[10, 75] = np.nan
    found = effect(kw[10], expected, wrong, window)
    assert found is not None
    assert (found.reduction.kwh, found.known) == pytest.approx((7, 7 / 8))
    assert found.mean_kw == pytest.approx(3.5)
