"""Payment plans: exact to the cent, on bills that are there, moved by a table; a shield while kept."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as some
from sqlalchemy import update

from cloud.billing.store import bill_table
from cloud.customers.protection import Protection, protect
from cloud.kit.db import Database
from cloud.kit.errors import Conflict, Invalid, NotFound
from cloud.tiers.entitlements import plans
from cloud.tiers.entitlements.instalments import (
    PLAN,
    Instalment,
    PlanEvent,
    PlanState,
    due_event,
    split,
)
from cloud.tiers.entitlements.plans import Plans, may_remind
from tests.cloud.tiers.entitlements.promised import DAY, NOW, Station

BUSINESS, HOUSEHOLD = "N-A01-03", "N-A01-04"
JANUARY, DECEMBER = date(2026, 1, 1), date(2025, 12, 1)
FIRST_DUE = date(2026, 3, 20)
cents = some.integers(1, 10_000_000).map(lambda n: Decimal(n) / 100)


@given(cents, some.integers(1, 24), some.dates(date(2020, 1, 1), date(2030, 12, 31)))
def test_parts_add_up_to_the_amount_and_differ_by_a_cent_at_most(
    amount: Decimal, parts: int, day: date
) -> None:
    if amount < parts * Decimal("0.01"):
        with pytest.raises(Invalid):
            split(amount, parts, day)
        return
    found = split(amount, parts, day)
    assert sum(each.amount for each in found) == amount
    assert max(each.amount for each in found) - min(each.amount for each in found) <= Decimal("0.01")
    assert all(each.amount > 0 and each.amount == each.amount.quantize(Decimal("0.01")) for each in found)
    months = [each.due_on.year * 12 + each.due_on.month for each in found]
    assert months == list(range(months[0], months[0] + parts))
    assert all(each.due_on.day <= day.day for each in found)


@pytest.mark.parametrize("amount", ["0", "-5", "1.005"])
def test_what_is_no_sum_of_cents_is_not_split(amount: str) -> None:
    with pytest.raises(Invalid):
        split(Decimal(amount), 2, FIRST_DUE)


def test_every_move_is_in_the_table() -> None:
    possible = {(state.value, event.value): None for state in PlanState for event in PLAN.events(state)}
    assert set(possible) == {
        ("offered", "agree"),
        ("offered", "withdraw"),
        ("agreed", "begin"),
        ("agreed", "withdraw"),
        ("running", "finish"),
        ("running", "miss"),
    }
    for state in (PlanState.KEPT, PlanState.BROKEN, PlanState.WITHDRAWN):
        with pytest.raises(Conflict):
            PLAN.move(state, PlanEvent.AGREE)


def test_a_plan_is_broken_only_after_its_grace() -> None:
    part = [Instalment(1, FIRST_DUE, Decimal(10))]
    assert due_event(PlanState.RUNNING, part, FIRST_DUE + timedelta(days=3), 3) is None
    assert due_event(PlanState.RUNNING, part, FIRST_DUE + timedelta(days=4), 3) is PlanEvent.MISS
    assert due_event(PlanState.AGREED, part, FIRST_DUE - DAY, 3) is None
    assert due_event(PlanState.AGREED, part, FIRST_DUE, 3) is PlanEvent.BEGIN


@pytest.fixture
def station(plain: Database) -> Station:
    made = Station(plain)
    made.bill(BUSINESS, DECEMBER, "700.00")
    made.bill(BUSINESS, JANUARY, "1300.01")
    made.bill(HOUSEHOLD, JANUARY, "90.00")
    return made


@pytest.fixture
def both(database: Database) -> Station:
    made = Station(database)
    made.bill(BUSINESS, DECEMBER, "700.00")
    made.bill(BUSINESS, JANUARY, "1300.01")
    made.bill(HOUSEHOLD, JANUARY, "90.00")
    return made


def test_an_agreed_plan_is_paid_part_by_part_and_kept(both: Station) -> None:
    house = Plans(both.promises, both.clock)
    with both.database.write() as connection:
        assert may_remind(connection, both.promises, BUSINESS, JANUARY, NOW).may
        offered = house.offer(connection, BUSINESS, [JANUARY, DECEMBER], 3, FIRST_DUE, "operator")
        assert offered.row.amount == offered.owed == Decimal("2000.01")
        assert [each.amount for each in offered.instalments] == [Decimal("666.67")] * 3
        assert may_remind(connection, both.promises, BUSINESS, JANUARY, NOW).may  # an offer shields nobody
        house.agree(connection, offered.row.id, "customer")
        assert may_remind(connection, both.promises, BUSINESS, JANUARY, NOW).why_not == "in_plan"
        paid = house.pay(connection, offered.row.id, 1, NOW.date(), "operator")
        assert (paid.state, paid.owed) == (PlanState.RUNNING, Decimal("1333.34"))
        house.pay(connection, offered.row.id, 2, NOW.date(), "operator")
        assert house.pay(connection, offered.row.id, 3, NOW.date(), "operator").state is PlanState.KEPT
        events = [each.event for each in plans.history(connection, offered.row.id)]
        assert events == ["offer", "agree", "pay", "begin", "pay", "pay", "finish"]
        with pytest.raises(Conflict):
            house.pay(connection, offered.row.id, 3, NOW.date(), "operator")


def test_a_part_that_stays_away_breaks_the_plan_and_reminders_go_on(station: Station) -> None:
    house = Plans(station.promises, station.clock)
    with station.database.write() as connection:
        made = house.offer(connection, BUSINESS, [JANUARY], 2, FIRST_DUE, "operator")
        house.agree(connection, made.row.id, "customer")
        station.clock.advance(22 * 86_400)
        house.run(connection)
        assert plans.plan(connection, made.row.id).state is PlanState.BROKEN
        assert may_remind(connection, station.promises, BUSINESS, JANUARY, station.clock.now()).may


def test_a_bill_that_is_paid_whole_otherwise_ends_its_plan_well(station: Station) -> None:
    house = Plans(station.promises, station.clock)
    with station.database.write() as connection:
        made = house.offer(connection, BUSINESS, [JANUARY], 2, FIRST_DUE, "operator")
        house.agree(connection, made.row.id, "customer")
        mine = (bill_table.c.account == BUSINESS, bill_table.c.month == JANUARY)
        connection.execute(update(bill_table).where(*mine).values(paid_on=NOW.date()))
        house.run(connection)
        assert plans.plan(connection, made.row.id).state is PlanState.KEPT


def test_an_offer_that_nobody_answers_lapses(station: Station) -> None:
    house = Plans(station.promises, station.clock)
    with station.database.write() as connection:
        made = house.offer(connection, BUSINESS, [JANUARY], 2, FIRST_DUE, "operator")
        station.clock.advance(15 * 86_400)
        assert house.run(connection) == 1
        assert plans.plan(connection, made.row.id).state is PlanState.WITHDRAWN


def test_an_offer_whose_first_part_is_past_cannot_be_agreed_to_and_broken_at_once(station: Station) -> None:
    house = Plans(station.promises, station.clock)
    with station.database.write() as connection:
        offered = house.offer(connection, BUSINESS, [JANUARY], 2, NOW.date(), "operator")
    station.clock.set(NOW + 5 * DAY)
    with station.database.write() as connection, pytest.raises(Conflict, match="first part was due"):
        house.agree(connection, offered.row.id, "customer")


def test_a_lapsed_offer_is_not_agreed_to_though_nobody_took_it_back_yet(station: Station) -> None:
    house = Plans(station.promises, station.clock)
    with station.database.write() as connection:
        offered = house.offer(connection, BUSINESS, [JANUARY], 2, date(2026, 6, 1), "operator")
    station.clock.set(NOW + 15 * DAY)
    with station.database.write() as connection, pytest.raises(Conflict, match="lapsed"):
        house.agree(connection, offered.row.id, "customer")


def test_no_plan_without_its_bill_its_promise_or_twice(station: Station) -> None:
    house = Plans(station.promises, station.clock)
    with station.database.write() as connection:
        with pytest.raises(NotFound, match="no bill of 2026-02"):
            house.offer(connection, BUSINESS, [date(2026, 2, 1)], 2, FIRST_DUE, "operator")
        with pytest.raises(Conflict, match="no payment plan is promised"):
            house.offer(connection, HOUSEHOLD, [JANUARY], 2, FIRST_DUE, "operator")
        with pytest.raises(Conflict, match="2 to 3"):
            house.offer(connection, BUSINESS, [JANUARY], 4, FIRST_DUE, "operator")
        with pytest.raises(Conflict, match=r"less than 500\.00 yuan each"):
            house.offer(connection, BUSINESS, [JANUARY], 3, FIRST_DUE, "operator")
        house.offer(connection, BUSINESS, [JANUARY], 2, FIRST_DUE, "operator")
        with pytest.raises(Conflict, match="in a payment plan already"):
            house.offer(connection, BUSINESS, [JANUARY], 2, FIRST_DUE, "operator")


def test_who_is_protected_is_never_reminded(station: Station) -> None:
    with station.database.write() as connection:
        assert may_remind(connection, station.promises, HOUSEHOLD, JANUARY, NOW).may
        protect(connection, HOUSEHOLD, Protection.HOUSEHOLD, "示例原因", "operator", NOW)
        assert may_remind(connection, station.promises, HOUSEHOLD, JANUARY, NOW).why_not == "protected"
        early = NOW - 20 * DAY
        assert may_remind(connection, station.promises, BUSINESS, JANUARY, early).why_not == "not_due"
        assert may_remind(connection, station.promises, BUSINESS, date(2025, 1, 1), NOW).why_not == "no_bill"
