"""The interval holds what was planted as often as it says, and nothing is found where nothing was planted."""

import numpy as np
import pytest

from cloud.tiers.campaigns import uplift
from cloud.tiers.campaigns.uplift import Effect, Sides, Verdict

SEEDS = 400


def lives(seed: int, planted: float, customers: int = 400, take_up: float = 0.4) -> Sides:
    """Households of very different size, a season that moves all of them, days of their own; `planted` is
    the effect on those who take part, in parts of what they use."""
    random = np.random.default_rng(seed)
    size = np.exp(0.6 * random.standard_normal(customers)) * 3
    before = size * (1 + 0.10 * random.standard_normal(customers))
    after = size * 0.9 * (1 + 0.10 * random.standard_normal(customers))
    offered = random.random(customers) >= 0.1
    took = offered & (random.random(customers) < take_up)
    after = np.where(took, after + planted * size, after)
    return Sides(before, after, offered, took)


def found(sides: Sides, **changed: object) -> Effect:
    asked = {"confidence": 0.95, "min_per_arm": 20, "resamples": 200} | changed
    return uplift.effect(sides, **asked)  # type: ignore[arg-type]


@pytest.mark.parametrize("planted", [0.0, 0.1, 0.3])
def test_the_interval_holds_the_planted_effect_in_about_19_of_20_draws(planted: float) -> None:
    held = shown = counted = 0
    values = []
    for seed in range(SEEDS):
        sides = lives(seed, planted)
        all_offered = found(sides, resamples=1).all_offered
        assert all_offered is not None
        truth = planted * 3 * np.exp(0.18) * 0.4  # of everybody offered, on average
        held += all_offered.low <= truth <= all_offered.high
        shown += not all_offered.low <= 0 <= all_offered.high
        values.append(all_offered.value)
        counted += 1
    assert 0.92 <= held / counted <= 0.98
    error = float(np.std(values)) / np.sqrt(SEEDS)
    assert np.mean(values) == pytest.approx(truth, abs=4 * error)
    if planted == 0:
        assert 0.02 <= shown / counted <= 0.08
    if planted == 0.3:
        assert shown / counted > 0.95


def test_the_effect_on_those_who_took_part_is_apart_and_larger() -> None:
    effect = found(lives(3, 0.5), resamples=1000)
    assert effect.verdict is Verdict.SHOWN
    assert effect.all_offered is not None
    assert effect.takers is not None
    assert effect.take_up == pytest.approx(0.4, abs=0.08)
    assert effect.takers.value == pytest.approx(effect.all_offered.value / effect.take_up)
    assert effect.takers.low < effect.takers.value < effect.takers.high
    assert effect == found(lives(3, 0.5), resamples=1000)  # of the seed alone


def test_a_customer_without_enough_days_counts_nowhere_and_is_told() -> None:
    sides = lives(1, 0.3)
    before = sides.before.copy()
    before[:7] = np.nan
    effect = found(Sides(before, sides.after, sides.offered, sides.took))
    assert effect.offered.left_out + effect.held_out.left_out == 7
    assert effect.offered.customers + effect.held_out.customers == len(before) - 7


def test_too_few_on_a_side_say_nothing() -> None:
    effect = found(lives(1, 3.0, customers=100))
    assert effect.verdict is Verdict.TOO_FEW
    assert effect.all_offered is None
    assert effect.takers is None
    nobody = Sides(np.array([]), np.array([]), np.array([], np.bool_), np.array([], np.bool_))
    assert found(nobody).verdict is Verdict.TOO_FEW


def test_a_campaign_that_finds_nothing_says_what_it_could_have_found() -> None:
    said = [found(lives(seed, 0.0), resamples=1).findable for seed in range(100)]
    findable = float(np.mean([each for each in said if each is not None]))
    planted = findable / (3 * np.exp(0.18) * 0.4)
    shown = [found(lives(seed, planted), resamples=1).verdict is Verdict.SHOWN for seed in range(300)]
    assert 0.7 < np.mean(shown) < 0.9


def test_welch_and_wilson_agree_with_published_numbers() -> None:
    """Welch: R, t.test(extra ~ group, data = sleep): t = -1.8608, df = 17.776, 95 % -3.3654832 to 0.2054832.
    Wilson: Brown, Cai, DasGupta (Statistical Science 16(2), 2001): 0 of 10 gives 0 to 0.2775."""
    one = np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0])
    other = np.array([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])
    interval, error = uplift.welch(one, other, 0.95)
    assert (interval.low, interval.high) == pytest.approx((-3.3654832, 0.2054832), abs=1e-7)
    assert interval.value / error == pytest.approx(-1.8608, abs=1e-4)
    taken = uplift.share_taken(0, 10, 0.95)
    assert taken is not None
    assert (taken.low, taken.high) == pytest.approx((0, 0.2775), abs=1e-4)
    assert uplift.share_taken(0, 0, 0.95) is None


def test_an_effect_without_spread_is_its_own_interval() -> None:
    sides = Sides(
        np.ones(80), np.where(np.arange(80) < 40, 2.0, 1.0), np.arange(80) < 40, np.zeros(80, np.bool_)
    )
    effect = found(sides)
    assert effect.all_offered is not None
    assert (effect.all_offered.low, effect.all_offered.value, effect.all_offered.high) == (1, 1, 1)
    assert effect.takers is None
