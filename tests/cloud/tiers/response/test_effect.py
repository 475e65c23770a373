"""Planted reductions and rebounds on SimBench's customers are found, and none where none was planted.

Real profiles copied with noise of their own: some 16 shapes, so what errs in one errs in its copies, too.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pytest

from cloud.analysis.grid import by_wall, day_grid
from cloud.tiers.response.baseline import (
    Baseline,
    Days,
    Errors,
    Kw,
    Rule,
    Window,
    baseline,
    bias,
    cv_rmse,
    errors,
)
from cloud.tiers.response.effect import Effect, Sureness, effect, together
from tests import simbench_station as simbench

WINDOW = Window(72, 84, 100)
"""18 to 21, and four hours after it, past midnight."""
RULE, HIGH = Rule(), 0.4
CUSTOMERS, DAYS, FIRST = 20, 128, 102
CUT = slice(72, 84)
BACK = slice(84, 92)


@dataclass(frozen=True)
class Held:
    """One day with each customer's curve, baseline and errors before anything was planted."""

    parts: tuple[tuple[Kw, Baseline, Errors], ...]

    def measured(self, share: float, back: float) -> tuple[Effect, float, float]:
        """With so much less in the event and so much of that after it; and how many kWh both are."""
        planted, less, more = [], 0.0, 0.0
        for drawn, expected, wrong in self.parts:
            changed = drawn.copy()
            cut = drawn[CUT] * share
            changed[CUT] -= cut
            changed[BACK] += back * cut.sum() / 8
            less, more = less + cut.sum() / 4, more + back * cut.sum() / 4
            planted.append((changed, expected, wrong))
        found = together(planted, WINDOW)
        assert found is not None
        return found, less, more


@pytest.fixture(scope="module")
def held() -> list[Held]:
    """Every other working day of five weeks."""
    station = simbench.station(CUSTOMERS, 2, first=date(2016, 5, 2), days=DAYS)
    kw = by_wall(station.power_w, day_grid(station.at_ms, 900, simbench.ZONE)).astype(np.float64) / 1000
    kw *= np.random.default_rng(1).lognormal(0, 0.1, kw.shape)
    wide = np.concatenate([kw[:, :-1], kw[:, 1:, :4]], axis=2)
    kinds = np.array([max(0, day % 7 - 4) for day in range(DAYS - 1)], np.int8)
    known = [Days(each, kinds, np.ones(DAYS - 1, np.bool_)) for each in wide]
    events = [day for day in range(FIRST, DAYS - 1, 2) if kinds[day] == 0]
    return [
        Held(
            tuple(
                (each.kw[day], baseline(each, day, WINDOW, RULE), errors(each, day, WINDOW, RULE, 40))
                for each in known
            )
        )
        for day in events
    ]


def test_a_planted_reduction_is_found_and_lies_within_what_is_told(held: list[Held]) -> None:
    found = [each.measured(HIGH, 0.5) for each in held]
    assert np.mean([each.reduction.sure for each, _, _ in found]) >= 0.8
    inside = [(each.reduction.low or 0) <= less <= (each.reduction.high or 0) for each, less, _ in found]
    assert np.mean(inside) >= 0.75
    missed = np.mean([each.reduction.kwh - less for each, less, _ in found])
    assert abs(missed) < 0.2 * np.mean([less for _, less, _ in found])


def test_where_nothing_was_planted_nothing_is_found(held: list[Held]) -> None:
    found = [each.measured(0, 0)[0] for each in held]
    assert np.mean([each.reduction.sure for each in found]) <= 0.15
    assert np.mean([each.rebound.sure for each in found]) <= 0.15
    assert np.median([each.chance or 0 for each in found]) > 0.1


def test_what_is_drawn_later_is_told_and_taken_off(held: list[Held]) -> None:
    for each in held:
        (plain, less, _), (back, _, more) = each.measured(HIGH, 0.0), each.measured(HIGH, 1.0)
        assert back.rebound.kwh - plain.rebound.kwh == pytest.approx(more)
        assert back.reduction.kwh == pytest.approx(plain.reduction.kwh)
        assert plain.net.kwh - back.net.kwh == pytest.approx(less)
        assert back.net.kwh == pytest.approx(back.reduction.kwh - back.rebound.kwh)


def test_the_highest_days_alone_say_too_much_and_the_correction_takes_that_off(held: list[Held]) -> None:
    """What high 5 of 10 shows of nothing, measured here: about a tenth of the load."""
    found = [each.measured(0, 0)[0] for each in held]
    plain = np.mean([each.plain_kwh for each in found])
    assert np.mean([each.bias or 0 for each in found]) > 0.05
    assert abs(np.mean([each.reduction.kwh for each in found])) < 0.5 * plain
    wrong = [each for one in held for _, _, each in one.parts]
    assert all((cv_rmse(each, WINDOW) or 0) > 0 for each in wrong)
    assert np.median([bias(each, WINDOW) or 0 for each in wrong]) > 0.05


def test_a_missing_slot_is_never_a_reduction(held: list[Held]) -> None:
    drawn, expected, wrong = held[0].parts[0]
    half = drawn.copy()
    half[72:78] = np.nan
    whole, part = (effect(each, expected, wrong, WINDOW) for each in (drawn, half))
    assert whole is not None
    assert part is not None
    assert part.known == 0.5
    assert np.isnan(part.less_kw[72:78]).all()
    assert part.reduction.kwh == pytest.approx(np.nansum(part.less_kw[78:84]) / 4)
    assert part.mean_kw == pytest.approx(part.reduction.kwh / 3)
    nothing = np.full_like(drawn, np.nan)
    assert effect(nothing, expected, wrong, WINDOW) is None
    one, other = (
        together([(drawn, expected, wrong), *more], WINDOW) for more in ([], [(nothing, expected, wrong)])
    )
    assert one is not None
    assert other is not None
    assert other.reduction.kwh == pytest.approx(one.reduction.kwh)


def test_with_few_days_to_err_on_there_is_a_figure_but_no_interval(held: list[Held]) -> None:
    drawn, expected, wrong = held[0].parts[0]
    few = Errors(wrong.kw[:5], wrong.drawn[:5], wrong.days[:5])
    found = effect(drawn, expected, few, WINDOW)
    assert found is not None
    assert (found.reduction.low, found.reduction.high, found.chance) == (None, None, None)
    assert not found.reduction.sure
    assert found.reduction.kwh == pytest.approx(found.plain_kwh)
    wide, narrow = (effect(drawn, expected, wrong, WINDOW, Sureness(share)) for share in (0.98, 0.5))
    assert wide is not None
    assert narrow is not None
    assert (wide.reduction.low or 0) < (narrow.reduction.low or 0)
