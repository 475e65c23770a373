"""A night reckoned from arrays alone: what was estimated, what is to come, and what it must not touch."""

from dataclasses import replace

import numpy as np
import pytest

from cloud.analysis.forecast import choice, model, night
from cloud.analysis.forecast.choice import Method, Reason
from cloud.analysis.forecast.figures import SUMS
from cloud.analysis.forecast.night import SCORE, Days, History, Issued, Past, Rules

POINTS, DAYS, SLOTS = 3, 91, 96
KINDS = np.array([0, 0, 0, 0, 0, 1, 2] * 14, np.int8)[: DAYS + 2]
WEEKDAYS = (np.arange(DAYS + 2) % 7).astype(np.int8)
FIRST_ERROR = 2 * len(SUMS)


def history(seed: int = 1) -> History:
    random = np.random.default_rng(seed)
    kw = (2 + random.normal(0, 0.5, (POINTS, DAYS, SLOTS))).clip(0).astype(np.float32)
    unsure = np.zeros((POINTS, DAYS), np.float32)
    return History(kw, kw[:, -1].copy(), unsure, unsure)


def past(scored_days: int = 0, errors: tuple[float, float, float, float] = (10, 10, 10, 10)) -> Past:
    blank = np.full((POINTS, SLOTS), np.nan, np.float32)
    zero = np.zeros(POINTS, np.int8)
    issued = Issued(
        blank, blank, blank, blank, np.ones((POINTS, 2), np.float32), zero, zero,
        zero.astype(np.int16), zero.astype(np.float32),
    )  # fmt: skip
    scores = np.zeros((POINTS, SCORE))
    scores[:, FIRST_ERROR:] = errors
    return Past(issued, scores, np.full(POINTS, scored_days))


def run(of: History, before: Past | None = None, ahead: int = 1) -> night.Night:
    groups = np.zeros(POINTS, np.int64)
    return night.run(of, Days(KINDS, WEEKDAYS), before or past(), None, Rules(), groups, ahead=ahead)


def width(of: Issued) -> np.ndarray:
    found: np.ndarray = (of.p90 - of.p10).mean(axis=1)
    return found


def test_estimates_do_not_make_the_interval_look_surer_than_it_is() -> None:
    plain = history()
    guessed = plain.kw.copy()
    guessed[0, -42:-2:2] = 2.0  # every other day is the mean of days alike, and marked so
    marks = plain.estimated.copy()
    marks[0, -42:-2:2] = 1
    sure, unsure = run(plain).ahead[0], run(replace(plain, kw=guessed, estimated=marks)).ahead[0]
    assert width(unsure)[0] >= 0.95 * width(sure)[0]
    np.testing.assert_array_equal(unsure.p90[1:], sure.p90[1:])


def test_a_day_of_outage_is_no_day_like_others() -> None:
    plain = history()
    dark = plain.kw.copy()
    marks = plain.outage.copy()
    alike = np.flatnonzero(KINDS[:DAYS] == KINDS[DAYS])[-1]
    dark[0, alike], marks[0, alike] = 0, 1
    found = run(replace(plain, kw=dark, outage=marks)).ahead[0]
    assert found.p50[0].mean() == pytest.approx(2, abs=0.15)
    assert found.p10[0].mean() > 1


def test_who_wins_speaks_and_its_interval_is_narrower_by_as_much() -> None:
    plain = run(history(), past(28)).ahead[0]
    better = run(history(), past(28, (10, 5, np.nan, np.nan))).ahead[0]
    assert plain.method.tolist() == [Method.SIMILAR] * POINTS
    assert better.method.tolist() == [Method.WEIGHTED] * POINTS
    assert better.reason.tolist() == [Reason.WINS] * POINTS
    np.testing.assert_allclose(width(better), width(plain) / 2, rtol=0.05)
    valid = np.ones((POINTS, DAYS), np.bool_)
    known = model.lags(history().kw, valid, KINDS, WEEKDAYS, DAYS, Rules().alike)
    wanted = choice.contenders(known, None)
    np.testing.assert_allclose(better.p50, wanted[Method.WEIGHTED], rtol=1e-5)
    np.testing.assert_allclose(plain.p50, wanted[Method.SIMILAR], rtol=1e-5)


def test_what_came_is_scored_against_what_had_been_said_and_missing_slots_nowhere() -> None:
    found, before = history(), past(3)
    said = np.full((POINTS, SLOTS), 2, np.float32)
    before = replace(before, issued=replace(before.issued, p10=said - 1, p50=said, p90=said + 1))
    truth = found.truth.copy()
    truth[0, :48], truth[1] = np.nan, np.nan
    score = run(replace(found, truth=truth), before).score
    at = {name: number for number, name in enumerate(SUMS)}
    assert score[0, at["slots"]] == 48
    assert np.isnan(score[1]).all()
    missed = np.abs(truth[2] - 2)
    assert score[2, at["abs_error"]] == pytest.approx(missed.sum(), rel=1e-5)
    assert score[2, at["covered"]] == (missed <= 1).sum()
    assert score[2, at["naive_error"]] == pytest.approx(np.abs(found.kw[2, -8] - truth[2]).sum(), rel=1e-5)


def test_the_day_that_came_counts_among_those_by_which_methods_are_chosen() -> None:
    thirteen = past(13, (1000, 500, np.nan, np.nan))
    said = np.full((POINTS, SLOTS), 2, np.float32)
    issued = replace(thirteen.issued, p10=said - 1, p50=said, p90=said + 1)
    assert run(history(), thirteen).ahead[0].reason.tolist() == [Reason.FEW_DAYS] * POINTS
    counted = run(history(), replace(thirteen, issued=issued)).ahead[0]
    assert counted.reason.tolist() == [Reason.WINS] * POINTS
