"""What is promised, for any standing: at least what everybody has; graded first; never worse by credit."""

from dataclasses import replace
from datetime import date, time
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from cloud.customers.file.grades import Grade
from cloud.customers.file.needs import Need
from cloud.customers.protection import Protection
from cloud.policies.deadlines import Place, deadline_policy
from cloud.tiers.axes import Credit, Value
from cloud.tiers.entitlements.orders import best
from cloud.tiers.entitlements.policy import read
from cloud.tiers.entitlements.rules import Entitlements, Standing, decide
from cloud.tiers.entitlements.terms import CLASSES, Manager, Reach, better, flat

POLICY = read()
DEADLINES = deadline_policy()
STATION = DEADLINES.profiles[DEADLINES.profile]
DAY = date(2026, 11, 23)

standings = some.builds(
    Standing,
    some.sampled_from(CLASSES),
    some.none(),
    some.none() | some.sampled_from(Grade),
    some.frozensets(some.sampled_from(Need)),
    some.none() | some.sampled_from(Value),
    some.sampled_from(Credit),
    some.frozensets(some.sampled_from(Protection)),
)


def entitled(standing: Standing, account: str = "N-1", day: date = DAY) -> Entitlements:
    return decide(POLICY, STATION, account, standing, day)


@settings(max_examples=80, deadline=None)
@given(standings)
def test_no_tier_ever_lengthens_a_promise(standing: Standing) -> None:
    """Against the base of the class and the station's own deadlines, term by term and place by place."""
    found = entitled(standing)
    [base] = [each for each in POLICY.base if each.class_ == standing.class_ and each.holds(DAY)]
    for name, value in flat(base).items():
        assert not better(name, value, found.terms[name].value), name
    for place in Place:
        assert found.on_site(place) <= STATION.on_site_min.at(place)
        assert found.restore(place) <= STATION.restore_min.at(place)


@settings(max_examples=80, deadline=None)
@given(standings, some.sampled_from(Value), some.sampled_from(Credit))
def test_more_grounds_never_make_a_promise_worse(standing: Standing, value: Value, credit: Credit) -> None:
    plain = Standing(standing.class_)
    bare, full = entitled(plain), entitled(standing)
    assert all(not better(name, each.value, full.terms[name].value) for name, each in bare.terms.items())
    protected = Standing(
        standing.class_, None, standing.grade, standing.needs, value, credit, frozenset(Protection)
    )
    good = Standing(
        standing.class_, None, standing.grade, standing.needs, value, Credit.GOOD, frozenset(Protection)
    )
    assert entitled(protected).terms == entitled(good).terms  # whoever is protected: however they pay
    assert entitled(protected).instalments == entitled(good).instalments
    assert not entitled(protected).dunned


@settings(max_examples=80, deadline=None)
@given(standings)
def test_no_ground_taken_away_betters_a_term(standing: Standing) -> None:
    """So the best of all rules wins, in whatever order the file has them."""
    full = entitled(standing)
    for less in (
        replace(standing, value=None),
        replace(standing, needs=frozenset()),
        replace(standing, grade=None),
        replace(standing, protections=frozenset(), credit=Credit.UNKNOWN),
    ):
        for name, each in entitled(less).terms.items():
            assert not better(name, each.value, full.terms[name].value), name


@given(standings, standings)
def test_an_important_customer_is_mended_before_anybody_else(one: Standing, other: Standing) -> None:
    if one.grade is None or other.grade is not None:
        return
    assert entitled(one).order_priority < entitled(other).order_priority
    served = best([entitled(other, "N-1"), entitled(one, "N-2")])
    assert served is not None
    assert (served.account, served.grade) == ("N-2", one.grade.value)


@pytest.mark.parametrize(("grade", "value"), list(product(Grade, Value)))
def test_value_never_ranks_important_customers(grade: Grade, value: Value) -> None:
    large = entitled(Standing("large_industry", None, grade, value=value))
    assert (
        large.terms["order_priority"] == entitled(Standing("household", None, grade)).terms["order_priority"]
    )


def test_the_best_of_all_rules_wins_and_says_which_it_was() -> None:
    found = entitled(
        Standing("large_industry", needs=frozenset({Need.CONTINUITY, Need.VOLTAGE}), value=Value.A)
    )
    assert found.terms["on_site_min.city"].value == 35
    assert found.terms["on_site_min.city"].rule == "large-industry-a"
    assert found.terms["on_site_min.city"].when == {"class": "large_industry", "value": "A"}
    assert (found.terms["voltage_low"].value, found.terms["voltage_low"].rule) == (-0.05, "need-voltage")
    assert found.terms["quiet.start"].rule == "base"
    assert found.manager is Manager.KEY_ACCOUNT_DESK


def test_two_customers_of_one_class_and_different_standing_get_different_service() -> None:
    one = entitled(Standing("business", value=Value.A, credit=Credit.GOOD))
    other = entitled(Standing("business", value=Value.D, credit=Credit.RISK))
    assert (one.interval_s, other.interval_s) == (300, 900)
    assert (one.order_priority, other.order_priority) == (7, 8)
    assert (one.instalments, other.instalments) == (6, 0)
    assert one.least_instalment == Decimal("200.00")


def test_each_order_of_a_term_is_as_people_mean_it() -> None:
    assert better("quiet.start", time(21), time(22))
    assert better("quiet.start", time(22), time(0))
    assert better("quiet.end", time(8), time(7))
    assert better("voltage_low", -0.05, -0.07)
    assert better("reach", Reach.CALL, Reach.PUSH)
    assert better("instalment_credit", Credit.RISK, Credit.WATCH)
    assert better("order_priority", 1, 2)


def test_a_rule_holds_only_on_its_days() -> None:
    assert "interval_s" not in entitled(Standing("business"), day=date(2025, 1, 1)).terms


def test_where_nobody_is_known_nothing_is_owed() -> None:
    assert best([]) is None
