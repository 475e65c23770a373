"""Reminders: each debt and step once, never of who is protected or keeps a plan, and nothing twice."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, func, insert, select, update

from cloud.billing.store import bill_table
from cloud.customers.protection import Protection, protect
from cloud.kit.db import Database
from cloud.tiers.entitlements import reminding
from cloud.tiers.entitlements.plans import Plans
from cloud.tiers.entitlements.reminding import Reminded, Reminding, step_of
from cloud.tiers.entitlements.tables import reminder_table
from cloud.tiers.letters import Letter
from tests.cloud.tiers.entitlements.promised import DAY, NOW, Station

BUSINESS, HOUSEHOLD = "N-A01-03", "N-A01-04"
JANUARY, DECEMBER = date(2026, 1, 1), date(2025, 12, 1)
"""Due on 20 February and 20 January; it is 2 March."""
NOBODY = Reminded(0, 0, 0)


class Post:
    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.troubled: set[str] = set()

    def tell(self, _: Connection, letter: Letter) -> None:
        self.letters.append(letter)

    def whose(self, *_: Any) -> set[str]:
        return self.troubled


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def station(plain: Database) -> Station:
    return Station(plain)


def reminder(station: Station, post: Post) -> Reminding:
    return Reminding(station.database, station.promises, station.clock, post.tell, post.whose)


@pytest.mark.parametrize(
    ("days", "step"),
    [(-4, None), (-3, -3), (0, -3), (2, -3), (3, 3), (29, 10), (30, 30), (90, 30), (91, None)],
)
def test_the_last_step_that_has_come_counts(days: int, step: int | None) -> None:
    assert step_of((-3, 3, 10, 30), date(2026, 1, 31), date(2026, 1, 31) + days * DAY, 90) == step


def test_each_step_is_told_once_and_a_customer_gets_one_letter(station: Station, post: Post) -> None:
    station.bill(BUSINESS, JANUARY, "1300.01")
    station.bill(BUSINESS, DECEMBER, "700.00")
    station.bill(HOUSEHOLD, JANUARY, "90.00", paid_on=date(2026, 2, 1))
    job = reminder(station, post)
    assert job.run() == Reminded(2, 1, 0)
    assert job.run() == NOBODY
    (letter,) = post.letters
    assert [(each["month"], each["overdue"]) for each in letter.params["debts"]] == [
        ("2025-12-01", True), ("2026-01-01", True)
    ]  # fmt: skip
    assert "1300.01" not in str(letter.params)
    with station.database.read() as connection:
        rows = reminding.of_account(connection, BUSINESS)
    assert {(row.month, row.step) for row in rows} == {(DECEMBER, 30), (JANUARY, 10)}
    station.clock.advance((20 * DAY).total_seconds())
    assert job.run() == Reminded(1, 1, 0)  # January is thirty days late now
    assert len({each.subject for each in post.letters}) == 2
    station.clock.advance((100 * DAY).total_seconds())
    assert job.run() == NOBODY


def test_who_is_protected_is_never_reminded_and_who_has_a_trouble_is_later(
    station: Station, post: Post
) -> None:
    for account in (BUSINESS, HOUSEHOLD):
        station.bill(account, JANUARY, "90.00")
    with station.database.write() as connection:
        protect(connection, HOUSEHOLD, Protection.HOUSEHOLD, "示例", "operator", NOW)
    post.troubled = {"C-A01-03"}
    job = reminder(station, post)
    assert job.run() == Reminded(0, 0, 1)
    post.troubled = set()
    assert job.run() == Reminded(1, 1, 0)
    assert [each.customer for each in post.letters] == ["C-A01-03"]


@pytest.mark.parametrize("amount", ["-20.00", "0.00", "0.99"])
def test_nobody_is_reminded_of_a_credit_or_of_next_to_nothing(
    station: Station, post: Post, amount: str
) -> None:
    station.bill(BUSINESS, JANUARY, amount)
    assert reminder(station, post).run() == NOBODY


def test_a_bill_in_a_plan_is_the_plans_parts(station: Station, post: Post) -> None:
    station.bill(BUSINESS, JANUARY, "1300.00")
    plans = Plans(station.promises, station.clock)
    first = NOW.date() + timedelta(days=5)
    with station.database.write() as connection:
        made = plans.offer(connection, BUSINESS, [JANUARY], 2, first, "operator")
        plans.agree(connection, made.row.id, "customer")
    job = reminder(station, post)
    assert job.run() == NOBODY
    station.clock.advance((2 * DAY).total_seconds())
    assert job.run() == Reminded(1, 1, 0)
    (debt,) = post.letters[-1].params["debts"]
    assert (debt["what"], debt["number"], debt["overdue"]) == ("instalment", 1, False)
    station.clock.advance((4 * DAY).total_seconds())
    with station.database.write() as connection:
        plans.run(connection)
    assert job.run() == Reminded(1, 1, 0)
    assert post.letters[-1].params["debts"][0]["overdue"]
    with station.database.write() as connection:
        plans.pay(connection, made.row.id, 1, first, "operator")
    station.clock.advance((DAY).total_seconds())
    assert job.run() == NOBODY


def test_a_crash_while_telling_leaves_nothing_told(station: Station, post: Post) -> None:
    station.bill(BUSINESS, JANUARY, "1300.00")

    def crash(_: Connection, __: Letter) -> None:
        raise ConnectionError("the process ends here")

    broken = Reminding(station.database, station.promises, station.clock, crash)
    with pytest.raises(ConnectionError):
        broken.run()
    with station.database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(reminder_table)) == 0
    assert reminder(station, post).run() == Reminded(1, 1, 0)


def test_paid_meanwhile_is_not_reminded(station: Station, post: Post) -> None:
    station.bill(BUSINESS, JANUARY, "1300.00")
    with station.database.write() as connection:
        connection.execute(update(bill_table).values(paid_on=date(2026, 3, 1)))
    assert reminder(station, post).run() == NOBODY


def test_a_years_debts_are_one_letter(station: Station, post: Post) -> None:
    months = [date(2025, month, 1) for month in range(1, 13)]
    with station.database.write() as connection:
        for month in months:
            row = {"account": BUSINESS, "month": month, "amount": 5, "origin": "import"}
            connection.execute(insert(bill_table).values(row | {"due_on": NOW.date() - 4 * DAY}))
    assert reminder(station, post).run() == Reminded(12, 1, 0)
