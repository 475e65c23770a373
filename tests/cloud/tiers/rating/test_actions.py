"""Months are judged whole, again, and resumed; locks hold and end by themselves; contests are answered."""

import json
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, select, update

from cloud.billing.store import bill_table
from cloud.customers import protection
from cloud.customers.file.consents import consent_table
from cloud.customers.file.needs import need_table
from cloud.customers.store import account_table, service_table
from cloud.insight.indicators.months import month_table
from cloud.kit.db import Database
from cloud.kit.errors import Conflict, Forbidden, Invalid, NotFound
from cloud.tiers.axes import Axis, Credit, Value
from cloud.tiers.rating import contests, locks, runs, store
from cloud.tiers.rating.actions import AT_ONCE
from cloud.tiers.rating.contests import Event, State
from cloud.tiers.rating.tables import contest_table, decision_table, run_table
from tests.clocks import ManualClock
from tests.cloud.tiers.rating.conftest import Rated, ratings_on
from tests.cloud.tiers.station import LAST, NOW, made


def decisions(connection: Connection) -> list[Any]:
    query = select(decision_table).order_by(decision_table.c.account, decision_table.c.month)
    return [tuple(row) for row in connection.execute(query)]


def test_everybody_has_a_value_with_reasons_inputs_and_what_would_change_it(rated: Rated) -> None:
    report = rated.ratings.run()
    values = rated.all()
    usual = [each for each in values.values() if each.value != store.UNRATED]
    assert report.accounts == len(values) == 120
    assert len(usual) == 118
    assert {each.value for each in usual} == set(Value)
    for each in usual:
        assert 1 <= len(each.reasons) <= 3
        assert each.rule == "2026-01"
        assert each.since == date(2026, 11, 1)
        sizes = [abs(reason["part"]) for reason in each.reasons]
        assert sizes == sorted(sizes, reverse=True)
        assert each.change is not None
    with rated.database.read() as connection:
        newest = store.history(connection, usual[0].account)[0]
    assert newest.month == LAST
    assert newest.detail.inputs["annual_kwh"]
    assert len(newest.inputs) == 24
    assert newest.detail.compared >= 10


def test_one_class_and_different_behaviour_stand_differently(rated: Rated) -> None:
    rated.ratings.run()
    subs = {each.sub for each in rated.all(Axis.CLASS).values()}
    found = rated.all()
    for class_ in ("household", "business", "farm", "large_industry"):
        values = {found[each.account].value for each in rated.made.of(class_)}
        assert len(values - {store.UNRATED}) >= 3
        assert len([sub for sub in subs if sub and sub.startswith(class_)]) >= 2


def test_a_newcomer_is_provisional_and_who_has_no_data_is_not_rated_and_none_is_worse_for_it(
    rated: Rated,
) -> None:
    rated.ratings.run()
    values, paying = rated.all(), rated.all(Axis.CREDIT)
    assert values[rated.made.newcomer.account].provisional
    assert not values[rated.made.accounts[7].account].provisional
    unmetered = values[rated.made.unmetered.account]
    assert unmetered.value == store.UNRATED
    assert unmetered.reasons == [{"code": "too_little_known"}]
    billless = paying[rated.made.billless.account]
    assert billless.value == Credit.UNKNOWN
    assert billless.reasons == [{"code": "no_bills"}]


def test_who_owes_for_long_is_at_risk_unless_the_household_is_protected(rated: Rated) -> None:
    debtor = rated.made.debtor.account
    rated.ratings.run()
    found = rated.standing(debtor, Axis.CREDIT)
    assert found.value == Credit.RISK
    assert found.reasons[0] == {"input": "days_late", "value": 77, "limit": 60}
    assert found.change is not None
    assert found.change["code"] == "pay"
    with rated.database.write() as connection:
        kind = protection.Protection.HOUSEHOLD
        protection.protect(connection, debtor, kind, "示例原因", "operator", NOW)
    rated.ratings.again(debtor)
    assert rated.standing(debtor, Axis.CREDIT).value == Credit.WATCH
    with pytest.raises(Forbidden, match="protected"):
        rated.ratings.lock(debtor, Axis.CREDIT, "risk", date(2026, 12, 1), "示例", "operator")


def test_judging_a_month_again_changes_nothing_and_an_older_one_is_refused(rated: Rated) -> None:
    rated.ratings.run(date(2026, 9, 1))
    rated.ratings.run()
    with rated.database.read() as connection:
        before = decisions(connection)
    rated.ratings.run()
    with rated.database.read() as connection:
        assert decisions(connection) == before
    with pytest.raises(Conflict, match="2026-10 is judged already"):
        rated.ratings.run(date(2026, 9, 1))
    with pytest.raises(Invalid, match="not over"):
        rated.ratings.run(date(2026, 11, 1))


def test_a_run_that_broke_off_is_done_again_and_gives_the_same(
    rated: Rated, monkeypatch: pytest.MonkeyPatch
) -> None:
    rated.ratings.run(date(2026, 9, 1))
    monkeypatch.setattr("cloud.tiers.rating.actions.AT_ONCE", 50)

    class PulledPlugError(Exception):
        pass

    def pull(_: int) -> None:
        raise PulledPlugError

    with pytest.raises(PulledPlugError):
        rated.ratings.run(more=pull)
    with rated.database.read() as connection:
        assert not runs.finished(connection, LAST)
        half = decisions(connection)
    assert len(half) == 120 + 50
    assert rated.ratings.due() is not None
    assert rated.ratings.due() is None
    with rated.database.read() as connection:
        whole = decisions(connection)
    with rated.database.write() as connection:
        connection.execute(delete(decision_table).where(decision_table.c.month == LAST))
        connection.execute(delete(run_table))
    rated.ratings.run()
    with rated.database.read() as connection:
        assert decisions(connection) == whole
    assert AT_ONCE == 2000


def test_the_job_waits_for_the_month_and_its_indicators(rated: Rated) -> None:
    rated.clock.set(NOW.replace(day=1))
    assert rated.ratings.due() is None
    rated.clock.set(NOW)
    with rated.database.write() as connection:
        connection.execute(delete(month_table).where(month_table.c.month == LAST))
    assert rated.ratings.due() is None


def test_the_order_of_accounts_does_not_matter(rated: Rated) -> None:
    rated.ratings.run()
    before = rated.all()
    with rated.database.read() as connection:
        scores = {row[0]: row[7] for row in decisions(connection)}
    renamed = {row.account: f"Z{999_999 - number}" for number, row in enumerate(before.values())}
    with rated.database.write() as connection:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        connection.execute(delete(decision_table))
        for old, new in renamed.items():
            connection.execute(update(account_table).where(account_table.c.no == old).values(no=new))
            for table in ("service", "contract", "bill"):
                connection.exec_driver_sql(f"UPDATE {table} SET account = ? WHERE account = ?", (new, old))
    rated.ratings.run()
    with rated.database.read() as connection:
        after = {row[0]: row[7] for row in decisions(connection)}
    assert {renamed[old]: score for old, score in scores.items()} == pytest.approx(after)


def test_a_class_of_few_has_no_value_tier_and_is_told_so(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    made(database, accounts=20, months=13, mix={"household": 0.8, "farm": 0.2})
    ratings = ratings_on(database, ManualClock(NOW))
    ratings.run()
    with database.read() as connection:
        found = store.standings(connection, ratings.today(), axis=Axis.VALUE)
        farms = connection.scalars(select(account_table.c.no).where(account_table.c["class"] == "farm"))
        for no in farms:
            assert found[no][Axis.VALUE].value == store.UNRATED
            assert found[no][Axis.VALUE].reasons == [{"code": "too_few"}]
    assert sum(each[Axis.VALUE].value != store.UNRATED for each in found.values()) == 14
    database.close()


def test_months_of_the_tenant_before_are_not_ones_own(rated: Rated) -> None:
    no = rated.made.accounts[20].account
    with rated.database.write() as connection:
        mine = update(service_table).where(service_table.c.account == no)
        connection.execute(mine.values(start=NOW - timedelta(days=60)))
    rated.ratings.run()
    found = rated.standing(no, Axis.VALUE)
    assert found.provisional
    with rated.database.read() as connection:
        inputs = store.history(connection, no)[0].detail.inputs
        month = select(month_table.c.energy_kwh).where(
            month_table.c.point == rated.made.accounts[20].point, month_table.c.month == LAST
        )
        kwh = connection.scalar(month)
    assert kwh is not None
    assert inputs["annual_kwh"] == pytest.approx(kwh * 365 / 31, rel=1e-3)
    assert "growth" not in inputs


def test_a_lock_wins_until_its_day_and_ends_by_itself(rated: Rated) -> None:
    rated.ratings.run()
    no = next(account for account, each in rated.all().items() if each.value == Value.D)
    row = rated.ratings.lock(no, Axis.VALUE, "A", date(2026, 12, 10), "示例原因", "operator")
    held = rated.standing(no, Axis.VALUE)
    assert (held.value, held.locked_until) == ("A", date(2026, 12, 10))
    rated.clock.set(NOW + timedelta(days=29))
    assert rated.standing(no, Axis.VALUE).value == "A"
    rated.clock.set(NOW + timedelta(days=30))
    assert rated.standing(no, Axis.VALUE).value == "D"
    with pytest.raises(Conflict, match="ended"):
        rated.ratings.unlock(row.id, "operator")


@pytest.mark.parametrize(
    ("axis", "value", "until", "why", "said"),
    [
        (Axis.GRADE, "first", date(2026, 12, 1), "x", "only value and credit"),
        (Axis.VALUE, "E", date(2026, 12, 1), "x", "one of A, B, C, D"),
        (Axis.VALUE, "A", date(2026, 12, 1), " ", "say why"),
        (Axis.VALUE, "A", date(2026, 11, 10), "x", "a day after"),
        (Axis.VALUE, "A", date(2028, 1, 1), "x", "within a year"),
    ],
)
def test_a_lock_without_sense_is_refused(
    rated: Rated, axis: Axis, value: str, until: date, why: str, said: str
) -> None:
    with pytest.raises(Invalid, match=said):
        rated.ratings.lock("T000010", axis, value, until, why, "operator")


def test_a_second_lock_takes_the_place_of_the_first(rated: Rated) -> None:
    rated.ratings.run()
    first = rated.ratings.lock("T000010", Axis.VALUE, "A", date(2026, 12, 1), "示例", "operator")
    rated.ratings.lock("T000010", Axis.VALUE, "B", date(2026, 12, 1), "示例", "operator")
    assert rated.standing("T000010", Axis.VALUE).value == "B"
    with rated.database.read() as connection:
        assert locks.one(connection, first.id).ended_by == "operator"


def test_a_contest_is_answered_by_a_day_and_the_customer_reads_the_answer(rated: Rated) -> None:
    rated.ratings.run()
    sample = rated.made.accounts[10]
    made_ = rated.ratings.contest(
        sample.account, Axis.VALUE, "示例理由", by="customer-a", customer=sample.customer
    )
    assert (made_.state, made_.due_on) == (State.OPEN, date(2026, 11, 25))
    with pytest.raises(Conflict, match="contested already"):
        rated.ratings.contest(sample.account, Axis.VALUE, "再说", by="customer-a", customer=sample.customer)
    with pytest.raises(Conflict, match="not answered"):
        rated.ratings.seen(made_.id, sample.customer)
    with pytest.raises(Invalid, match="answer"):
        rated.ratings.decide(made_.id, Event.UPHOLD, " ", "operator")
    done = rated.ratings.decide(made_.id, Event.UPHOLD, "示例答复", "operator")
    assert (done.state, done.answer, done.became) == (State.UPHELD, "示例答复", made_.value)
    rated.ratings.seen(made_.id, sample.customer)
    with pytest.raises(Conflict, match="upheld: reject is not possible"):
        rated.ratings.decide(made_.id, Event.REJECT, "示例", "operator")


def test_nobody_contests_for_another_or_a_grade(rated: Rated) -> None:
    rated.ratings.run()
    mine, other = rated.made.accounts[10], rated.made.accounts[11]
    with pytest.raises(NotFound):
        rated.ratings.contest(mine.account, Axis.VALUE, "示例", by="x", customer=other.customer)
    with pytest.raises(Invalid, match="government"):
        rated.ratings.contest(mine.account, Axis.GRADE, "示例", by="x", customer=mine.customer)
    row = rated.ratings.contest(mine.account, Axis.VALUE, "示例", by="x", customer=mine.customer)
    with pytest.raises(NotFound):
        rated.ratings.withdraw(row.id, by="y", customer=other.customer)
    assert rated.ratings.withdraw(row.id, by="x", customer=mine.customer).state == State.WITHDRAWN


def test_a_contest_changes_a_standing_only_on_corrected_data(rated: Rated) -> None:
    """The bills of a household were booked as unpaid, which they were not."""
    rated.ratings.run()
    debtor = rated.made.debtor
    row = rated.ratings.contest(
        debtor.account, Axis.CREDIT, "都已缴清", by="customer-a", customer=debtor.customer
    )
    with pytest.raises(Conflict, match="as before"):
        rated.ratings.decide(row.id, Event.CHANGE, "已核实", "operator")
    with rated.database.write() as connection:
        mine = (bill_table.c.account == debtor.account, bill_table.c.due_on < NOW.date())
        paid = update(bill_table).where(*mine).values(paid_on=bill_table.c.due_on)
        connection.execute(paid)
        before = store.history(connection, debtor.account)[0]
    done = rated.ratings.decide(row.id, Event.CHANGE, "已核实", "operator")
    assert (done.state, done.value, done.became) == (State.CHANGED, "risk", "good")
    with rated.database.read() as connection:
        after = store.history(connection, debtor.account)[0]
        assert contests.MACHINE.events(State.CHANGED) == ()
    assert after.inputs != before.inputs
    assert rated.standing(debtor.account, Axis.CREDIT).value == Credit.GOOD


def test_needs_are_observed_only_with_consent_and_end_without_it(rated: Rated) -> None:
    agreed, other = rated.made.accounts[50], rated.made.accounts[51]
    with rated.database.write() as connection:
        for each in (agreed, other):
            now = (month_table.c.point == each.point, month_table.c.month >= date(2026, 7, 1))
            connection.execute(update(month_table).where(*now).values(valley_share=0.9))
    rated.ratings.run()
    found = rated.all(Axis.NEED)
    assert found[agreed.account].value == "price"
    assert found[agreed.account].reasons[0]["origin"] == "observed"
    assert found[agreed.account].reasons[0]["evidence"]["valley_shift"] > 0.05
    assert other.account not in found
    with rated.database.write() as connection:
        mine = update(consent_table).where(consent_table.c.customer == agreed.customer)
        connection.execute(mine.values(withdrawn_at=NOW, withdrawn_by="customer"))
    rated.ratings.run()
    assert agreed.account not in rated.all(Axis.NEED)
    with rated.database.read() as connection:
        assert connection.scalar(select(need_table.c.ended_by)) == "rule 2026-01"


def test_nothing_is_read_off_days_that_were_estimated_and_what_was_used_still_counts(rated: Rated) -> None:
    agreed, business = rated.made.accounts[50], rated.made.of("business")[0]
    with rated.database.write() as connection:
        now = (month_table.c.point == agreed.point, month_table.c.month >= date(2026, 7, 1))
        connection.execute(update(month_table).where(*now).values(valley_share=0.9))
        both = month_table.c.point.in_((agreed.point, business.point))
        connection.execute(update(month_table).where(both).values(estimated_share=1.0))
    rated.ratings.run()
    assert agreed.account not in rated.all(Axis.NEED), "the shift into the valley is an estimate's"
    with rated.database.read() as connection:
        detail = store.history(connection, business.account)[0].detail
    assert not {"load_factor", "valley_share"} & {name for name, value in detail.inputs.items() if value}
    assert detail.inputs["annual_kwh"]


def test_the_step_a_household_reaches_makes_its_sub_tier(rated: Rated) -> None:
    rated.ratings.run()
    with rated.database.read() as connection:
        for each in rated.made.of("household"):
            newest = store.history(connection, each.account)[0]
            inputs = newest.detail.inputs
            if newest.sub == "third_step":
                assert inputs["step"] == 3
            if (persons := inputs.get("persons")) is not None and "pv_kwp" not in inputs:
                assert (newest.sub == "large_family") == (float(persons) >= 5)


def test_a_new_rule_is_named_in_the_decisions_it_makes(rated: Rated) -> None:
    rated.ratings.run()
    with rated.database.read() as connection:
        row = runs.listed(connection)[0]
    assert (row.rule, row.report["accounts"]) == ("2026-01", 120)
    assert json.dumps(row.report)
    assert Decimal(row.report["rated"]) == 118


def test_reads_are_the_same_on_both_databases(database: Database) -> None:
    station = made(database, accounts=60, months=15)
    ratings = ratings_on(database, ManualClock(NOW))
    report = ratings.run()
    assert (report.rated, report.provisional) == (58, 2)
    with database.write() as connection:
        no = station.accounts[30].account
        row = {"account": no, "axis": "value", "value": "A", "text": "x", "by": "x", "at": NOW}
        row |= {"due_on": LAST, "state": "open"}
        connection.execute(insert(contest_table).values(row))
        assert len(contests.listed(connection)) == 1
        assert store.standing(connection, ratings.today(), no)[Axis.VALUE].reasons
