"""What changes in an account's life: class, points, rule, protection; and what must not follow from it."""

from datetime import date

import numpy as np
import pytest
from sqlalchemy import delete, insert, select, update

from cloud.customers.protection import Protection, protect
from cloud.customers.store import account_table, service_table
from cloud.insight.indicators.months import month_table
from cloud.tiers.axes import Axis, Credit
from cloud.tiers.rating import gather, policy
from cloud.tiers.rating.criteria import Condition
from cloud.tiers.rating.judging import Past
from cloud.tiers.rating.machine import NONE
from cloud.tiers.rating.months import back
from cloud.tiers.rating.past import past
from cloud.tiers.rating.tables import decision_table
from tests.cloud.tiers.rating.conftest import Rated, shipped
from tests.cloud.tiers.station import LAST, NOW, ZONE


def known(rated: Rated, month: date, alike: frozenset[str]) -> tuple[tuple[str, ...], Past]:
    """What is known before `month`, and of whom."""
    sources = gather.Sources(ZONE, shipped()[1].value, rated.ratings.today())
    with rated.database.read() as connection:
        found = gather.facts(connection, LAST, sources)
        return found.accounts, past(connection, month, found, 3, alike)


def test_who_was_of_another_class_in_between_begins_anew(rated: Rated) -> None:
    rated.ratings.run(back(LAST, 2))
    rated.ratings.run(back(LAST, 1))
    account = rated.made.accounts[7].account
    with rated.database.write() as connection:
        mine = (decision_table.c.account == account, decision_table.c.month == back(LAST, 1))
        connection.execute(update(decision_table).where(*mine).values({"class": "other"}))
    accounts, before = known(rated, LAST, frozenset({"2026-01"}))
    at = accounts.index(account)
    assert before.value[at] == NONE
    assert before.sub[at] is None
    assert np.isnan(before.scores[at]).all()


def test_scores_of_a_rule_that_weighed_otherwise_are_no_evidence_under_the_new_one(rated: Rated) -> None:
    rated.ratings.run(back(LAST, 1))
    _, same = known(rated, LAST, frozenset({"2026-01"}))
    _, other = known(rated, LAST, frozenset({"2026-02"}))
    assert np.isfinite(same.scores[:, -1]).sum() > 100
    assert np.isnan(other.scores).all()
    assert (other.value == same.value).all(), "the tier that was reached stays"


def test_rules_that_differ_in_anything_but_the_value_compare() -> None:
    rule = policy.read(None).rule[0]
    sooner = rule.model_copy(update={"version": "2025-01", "to": rule.from_, "from_": date(2025, 1, 1)})
    cut = {name: each.model_copy(update={"least_share": 0.4}) for name, each in rule.value.items()}
    older = sooner.model_copy(update={"version": "2024-01", "value": cut})
    several = policy.read(None).model_copy(update={"rule": (older, sooner, rule)})
    assert several.alike(rule) == {"2025-01", "2026-01"}


def test_a_second_point_of_which_nothing_is_known_makes_use_unknown_and_never_double(rated: Rated) -> None:
    one, other = rated.made.of("household")[2:4]
    table = service_table.c
    with rated.database.write() as connection:
        moved = connection.execute(select(service_table).where(table.account == other.account)).one()
        connection.execute(delete(service_table).where(table.account == other.account))
        row = dict(moved._mapping) | {"account": one.account}
        connection.execute(insert(service_table).values(row))
        connection.execute(delete(month_table).where(month_table.c.point == row["point"]))
    sources = gather.Sources(ZONE, shipped()[1].value, rated.ratings.today())
    with rated.database.read() as connection:
        found = gather.facts(connection, LAST, sources)
    at = found.accounts.index(one.account)
    assert np.isnan(found.of("annual_kwh")[at])
    assert found.valid_days[at] <= 366, "two points' days are no longer time"


def test_who_is_protected_is_at_once_no_longer_at_risk_whether_judged_or_locked_so(rated: Rated) -> None:
    debtor, other = rated.made.debtor.account, rated.made.of("household")[5].account
    rated.ratings.run()
    today = rated.ratings.today()
    rated.ratings.lock(other, Axis.CREDIT, "risk", today.replace(year=today.year + 1), "示例", "operator")
    assert {rated.standing(each, Axis.CREDIT).value for each in (debtor, other)} == {Credit.RISK}
    with rated.database.write() as connection:
        for each in (debtor, other):
            protect(connection, each, Protection.HOUSEHOLD, "示例", "operator", NOW)
    for each in (debtor, other):
        found = rated.standing(each, Axis.CREDIT)
        assert found.value == Credit.WATCH
        assert found.reasons[-1] == {"code": "protected"}


def test_an_account_that_nothing_serves_any_more_keeps_its_tier_and_harms_nobody(rated: Rated) -> None:
    rated.ratings.run(back(LAST, 1))
    closed = rated.made.of("business")[3].account
    before = rated.standing(closed, Axis.VALUE).value
    with rated.database.write() as connection:
        mine = service_table.c.account == closed
        connection.execute(update(service_table).where(mine).values(end=NOW.replace(month=10, day=10)))
    rated.ratings.run()
    found = rated.standing(closed, Axis.VALUE)
    assert found.value == before
    with rated.database.read() as connection:
        assert connection.scalar(select(account_table.c.no).where(account_table.c.no == closed)) == closed


@pytest.mark.parametrize("size", ["nan", "inf"])
def test_a_policy_of_what_is_no_number_is_refused(size: str) -> None:
    rule = policy.read(None).rule[0].value
    some = next(iter(rule.values())).model_dump()
    with pytest.raises(ValueError, match="finite"):
        policy.ValueRule(**some | {"weights": some["weights"] | {"growth": float(size)}})
    with pytest.raises(ValueError, match="finite"):
        Condition(at_least=float(size))
