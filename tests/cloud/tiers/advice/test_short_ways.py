"""Short ways of reckoning give what long ones give, to the last digit: sums, bills, quartiles, silence."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.insight.energies.store import BANDS, HEAD
from cloud.insight.pricing import part_of
from cloud.tiers.advice import pricing
from cloud.tiers.advice.actions import judge
from cloud.tiers.advice.by_plan import Exact, kwh_of, millionths_of
from cloud.tiers.advice.energies import One
from cloud.tiers.advice.equipment.around import quartiles
from cloud.tiers.advice.policy import advice_policy
from cloud.tiers.advice.pricing import bill
from cloud.tiers.advice.registry import tariff_rules
from cloud.tiers.advice.rules import Facts, MonthUse
from cloud.tiers.advice.tariff import steps
from tests.bench.advice import _advising
from tests.bench.advised import Advised, station

FIRST, LAST = date(2026, 10, 1), date(2026, 10, 31)
Kwh = st.lists(
    st.one_of(st.just(0.0), st.floats(0, 1e9), st.integers(0, 10**9).map(lambda each: (each + 0.5) / 1e6)),
    min_size=BANDS, max_size=BANDS,
)  # fmt: skip


@given(Kwh)
def test_a_month_in_millionths_is_the_part_that_is_billed(kwh: list[float]) -> None:
    head = [float(FIRST.toordinal()), float(LAST.toordinal()), *[0.0] * (len(HEAD) - 2), *kwh]
    found, part = One(head, {"plain": len(HEAD)}), part_of(FIRST, LAST, kwh)
    assert {band: kwh_of(each) for band, each in found.millionths("plain").items()} == part.kwh
    assert list(found.millionths("plain")) == list(part.kwh)
    assert found["plain"] == (part,)
    use = MonthUse(FIRST, FIRST, LAST, True, found, 1.0, 0.0)
    assert use.total_kwh("plain") == part.total_kwh
    assert use.total_kwh("tou") == 0


@given(st.floats(0, 1e13))
def test_a_millionth_is_rounded_as_the_exact_number_is(kwh: float) -> None:
    assert kwh_of(millionths_of(kwh)) == Decimal(kwh).quantize(Decimal("0.000001"))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60))
def test_quartiles_are_those_of_numpy(values: list[float]) -> None:
    assert quartiles(np.sort(values)) == np.quantile(values, (0.25, 0.5, 0.75)).tolist()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Advised]:
    found = station(tmp_path_factory.mktemp("made"), 150)
    yield found
    found.database.close()


def _every(made: Advised) -> list[Facts]:
    advising = _advising(made)
    with made.database.read() as connection:
        return list(advising._gathered(connection, made.clock.now()).facts())


def test_all_rules_say_the_same_with_every_short_way_and_with_none(
    made: Advised, monkeypatch: pytest.MonkeyPatch
) -> None:
    advising = _advising(made)
    with made.database.read() as connection:
        rules = advising._rules(connection, advising.policy.value, made.clock.now())
        short = [judge(facts, rules) for facts in _every(made)]
        monkeypatch.setattr(steps, "_far", lambda *_: False)
        monkeypatch.setattr(pricing, "_one_price", lambda *_: False)
        monkeypatch.setattr(pricing, "as_it_is", bill)
        monkeypatch.setattr("cloud.tiers.advice.equipment.offers.as_it_is", bill)
        plain = [judge(_exact(facts), rules) for facts in _every(made)]
    assert sum(len(each) for each in short) > 200
    assert short == plain


def _exact(facts: Facts) -> Facts:
    """The same energies as parts that somebody named, of which there is no short way."""

    def named(month: MonthUse) -> MonthUse:
        return replace(month, kwh=Exact(dict(month.kwh)))

    current = facts.current and named(facts.current)
    return replace(facts, months=tuple(map(named, facts.months)), current=current)


def test_who_is_silent_for_being_far_from_a_step_would_be_silent_anyway(
    made: Advised, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At many paces, some of which end close to a limit."""
    rule = next(each.rule for each in tariff_rules(advice_policy()) if each.kind == steps.KIND)
    homes = [each for each in _every(made) if each.class_ == "household" and each.current][:12]
    paced = [_paced(facts, times) for facts in homes for times in (0.2, 0.7, 1.0, 1.6, 2.2, 3.0, 5.0)]
    short = [rule(each) for each in paced]
    monkeypatch.setattr(steps, "_far", lambda *_: False)
    assert [rule(each) for each in paced] == short
    assert {each is None for each in short} == {True, False}


def _paced(facts: Facts, times: float) -> Facts:
    def faster(month: MonthUse) -> MonthUse:
        assert isinstance(month.kwh, One)
        head = month.kwh._head
        kwh = [each * times for each in head[len(HEAD) :]]
        return replace(month, kwh=One([*head[: len(HEAD)], *kwh], month.kwh._at))

    assert facts.current is not None
    return replace(facts, months=tuple(map(faster, facts.months)), current=faster(facts.current))
