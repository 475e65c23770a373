"""The interval holds what was planted as often as it says, and nothing is found where nothing was planted."""

import numpy as np
import pytest

from cloud.tiers.campaigns import uplift
from cloud.tiers.campaigns.uplift import Effect, Sides, Verdict

SEEDS = 120


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
    asked = {"confidence": 0.95, "min_per_arm": 20, "resamples": 199} | changed
    return uplift.effect(sides, **asked)  # type: ignore[arg-type]


@pytest.mark.parametrize("planted", [0.0, 0.1, 0.3])
def test_the_interval_holds_the_planted_effect_in_about_19_of_20_draws(planted: float) -> None:
    held = shown = counted = 0
    values = []
    for seed in range(SEEDS):
        sides = lives(seed, planted)
        all_offered = found(sides).all_offered
        assert all_offered is not None
        truth = planted * 3 * np.exp(0.18) * 0.4  # of everybody offered, on average
        held += all_offered.low <= truth <= all_offered.high
        shown += not all_offered.low <= 0 <= all_offered.high
        values.append(all_offered.value)
        counted += 1
    assert held / counted >= 0.91  # where takers differ, more often than it says
    error = float(np.std(values)) / np.sqrt(SEEDS)
    assert np.mean(values) == pytest.approx(truth, abs=4 * error)
    if planted == 0:
        assert shown / counted <= 0.09
    if planted == 0.3:
        assert shown / counted > 0.8


def test_the_effect_on_those_who_took_part_is_apart_and_larger() -> None:
    effect = found(lives(3, 0.5), resamples=1000)
    assert effect.verdict is Verdict.SHOWN
    assert effect.all_offered is not None
    assert effect.takers is not None
    assert effect.take_up == pytest.approx(0.4, abs=0.08)
    assert effect.take_up is not None
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
    said = [found(lives(seed, 0.0)).findable for seed in range(40)]
    findable = float(np.mean([each for each in said if each is not None]))
    planted = findable / (3 * np.exp(0.18) * 0.4)
    shown = [found(lives(seed, planted)).verdict is Verdict.SHOWN for seed in range(120)]
    assert 0.5 < np.mean(shown) < 0.95


def test_the_interval_is_the_randomisation_test_turned_round() -> None:
    """Against a slow twin: at each end of the interval, and at no effect inside it, the test rejects."""
    sides = lives(4, 0.3, customers=120)
    effect = found(sides, resamples=999, min_per_arm=5).all_offered
    assert effect is not None
    change, random = sides.after - sides.before, np.random.default_rng(1)
    held = int((~sides.offered).sum())

    def shares(supposed: float) -> tuple[float, float]:
        left = change - supposed * sides.offered
        real = left[sides.offered].mean() - left[~sides.offered].mean()
        others = []
        for _ in range(2000):
            order = random.permutation(len(left))
            others.append(left[order[held:]].mean() - left[order[:held]].mean())
        return float(np.mean(np.array(others) >= real)), float(np.mean(np.array(others) <= real))

    assert shares(effect.low)[0] == pytest.approx(0.025, abs=0.015)
    assert shares(effect.high)[1] == pytest.approx(0.025, abs=0.015)
    assert min(shares(effect.value)) > 0.3


def test_few_giants_among_many_do_not_make_an_effect() -> None:
    """Sizes as of a town with three mills: an interval of normal means errs far more often than it says."""
    shown = 0
    for seed in range(150):
        random = np.random.default_rng(seed)
        size = np.exp(2.2 * random.standard_normal(300))
        before, after = (size * (1 + 0.2 * random.standard_normal(300)) for _ in range(2))
        offered = random.random(300) >= 0.1
        sides = Sides(before, after, offered, np.zeros(300, np.bool_))
        shown += found(sides, min_per_arm=10).verdict is Verdict.SHOWN
    assert shown / 150 <= 0.09


def test_take_up_has_wilsons_interval() -> None:
    """Brown, Cai, DasGupta (Statistical Science 16(2), 2001): 0 of 10 gives 0 to 0.2775."""
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
