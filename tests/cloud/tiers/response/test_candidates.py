"""Who can move how many kW: from what a load can do, never from what a customer is worth."""

import inspect

import numpy as np
import pytest

from cloud.tiers.response import candidates
from cloud.tiers.response.candidates import (
    Candidate,
    Load,
    Need,
    Origin,
    Verdict,
    candidate,
    chosen,
    cover,
    need,
    ranked,
    reliability,
    spells,
)


def load(
    account: str = "1",
    kw: float = 20,
    base: float = 4,
    share: float = 0.25,
    *,
    declared: float | None = None,
    trust: float = 0.5,
    width: float = 2,
) -> Load:
    curve = np.full(8, kw)
    origin = Origin.FORECAST if declared is None else Origin.DECLARED
    sides = (curve - width, curve, curve + width)
    return Load(account, f"C-{account}", "business", *sides, base, share, declared, origin, trust, 0)


def test_it_is_the_share_of_what_is_above_base_load() -> None:
    found = candidate(load())
    assert found is not None
    assert found.kw == pytest.approx((20 - 4) * 0.25)
    assert found.expected_kw == pytest.approx(2.0)
    assert found.low_kw == pytest.approx(14 * 0.25 * 0.5)
    assert found.high_kw == pytest.approx(18 * 0.25 * 0.5)


def test_a_customers_own_word_stands_but_never_above_the_load() -> None:
    stated, boasted = (candidate(load(declared=kw)) for kw in (9.0, 90.0))
    assert stated is not None
    assert boasted is not None
    assert (stated.kw, boasted.kw) == (9.0, 20.0)


def test_nothing_known_is_nobody_and_load_at_rest_moves_nothing() -> None:
    assert candidate(load(kw=float("nan"))) is None
    resting = candidate(load(kw=3))
    assert resting is not None
    assert resting.kw == 0


def test_the_rank_is_by_kw_and_reliability() -> None:
    some = [candidate(load("big", kw=40, trust=0.2)), candidate(load("sure", kw=30, trust=0.9)),
            candidate(load("small", kw=8, trust=1.0))]  # fmt: skip
    assert [each.account for each in ranked(each for each in some if each)] == ["sure", "big", "small"]


def test_no_value_tier_is_known_here() -> None:
    assert "value" not in {name for kind in (Load, Candidate) for name in kind.__slots__}
    assert "cloud.tiers.rating" not in inspect.getsource(candidates)


def test_reliability_begins_at_the_prior_and_follows_what_was_measured() -> None:
    assert reliability([], 0.6, 2) == pytest.approx(0.6)
    assert reliability([1.0, 1.0], 0.6, 2) == pytest.approx(0.8)
    assert reliability([5.0, -3.0], 0.6, 2) == pytest.approx((1 + 0 + 1.2) / 4)


def test_the_need_is_what_is_above_the_limit_in_the_worst_slot_of_the_window() -> None:
    p50, p90 = np.full(96, 50.0), np.full(96, 60.0)
    p50[70], p90[71] = 110, 130
    found = need(p50, p90, 100, range(68, 76))
    assert found == Need(100, 10, 30, 70)
    assert need(p50, p90, 100, range(8)) == Need(100, 0, 0, 0)
    assert need(np.full(96, np.nan), p90, 100, range(8)) is None


def test_spells_join_over_a_short_pause_and_a_long_one_is_cut_to_its_worst_part() -> None:
    p50 = np.full(96, 50.0)
    high = p50.copy()
    high[40:44], high[47:50], high[60:90] = 105, 105, 105
    high[75:80] = 150
    assert spells(p50, high, 100, 16) == [(40, 50), (64, 80)]


def test_enough_likely_and_short_are_told_apart() -> None:
    some = [each for n in range(20) if (each := candidate(load(str(n), trust=0.9)))]
    told = {kw: cover(some, Need(0, kw / 2, kw, 0)) for kw in (10.0, 75.0, 300.0)}
    assert [each.verdict for each in told.values()] == [Verdict.ENOUGH, Verdict.LIKELY, Verdict.SHORT]
    assert told[300.0].lacking_kw == pytest.approx(300 - 20 * 4 * 0.9)
    assert all(each.low_kw <= each.kw <= each.high_kw for each in told.values())


def test_as_many_are_asked_as_are_expected_to_be_enough() -> None:
    some = ranked(each for n in range(20) if (each := candidate(load(str(n)))))
    assert len(chosen(some, Need(0, 5, 9, 0))) == 5
    assert len(chosen(some, Need(0, 500, 900, 0))) == 20
