"""Points and vouchers: nothing below zero, nothing twice, whatever is done in whatever order."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from cloud import app
from cloud.customers.intake.documents import import_customers
from cloud.kit.db import Database
from cloud.kit.errors import Conflict, NotFound
from cloud.tiers.campaigns import ledger
from cloud.tiers.campaigns.ledger import Award
from cloud.tiers.campaigns.policy import campaign_policy
from cloud.tiers.campaigns.tables import point_entry_table, voucher_table
from tests.cloud.tiers.station import ZONE

AT = datetime(2026, 6, 1, 4, tzinfo=UTC)
TODAY = AT.date()
VOUCHER = campaign_policy().voucher[0]


@pytest.fixture
def book(database: Database) -> Database:
    assert app
    with database.write() as connection:
        import_customers(
            connection,
            {
                "customer": [{"id": "C", "name": "示例户"}],
                "account": [{"no": "1", "customer": "C", "address": "示例村", "class": "household"}],
            },
        )
    return database


def given_(key: str, points: int, days: int = 100) -> Award:
    return Award(key, "1", points, TODAY + timedelta(days=days), "valley")


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("award"), st.integers(0, 4), st.integers(0, 90), st.integers(-5, 40)),
        st.tuples(st.just("spend"), st.integers(0, 4), st.integers(1, 120), st.just(0)),
        st.tuples(st.just("pass"), st.integers(0, 20), st.just(0), st.just(0)),
        st.tuples(st.just("reverse"), st.integers(1, 9), st.just(0), st.just(0)),
    ),
    max_size=25,
)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    made = Database(f"sqlite:///{Path(tmp_path_factory.mktemp('ledger')) / 'records.db'}")
    made.migrate()
    with made.write() as connection:
        import_customers(
            connection,
            {
                "customer": [{"id": "C", "name": "示例户"}],
                "account": [{"no": "1", "customer": "C", "address": "示例村", "class": "household"}],
            },
        )
    yield made
    made.close()


class Undone(Exception):
    pass


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_the_book_is_a_plain_account_of_lots(kept: Database, steps) -> None:  # type: ignore[no-untyped-def]
    """Against a slow model: a list of lots in memory; each example is rolled back."""
    with pytest.raises(Undone):
        _play(kept, steps)


def _play(kept: Database, steps) -> None:  # type: ignore[no-untyped-def]
    with kept.write() as connection:
        model: list[Any] = []
        keys: set[str] = set()
        today = TODAY
        for number, (what, key, points, days) in enumerate(steps):
            if what == "award":
                expires = today + timedelta(days=days)
                new = ledger.award(connection, Award(f"k{key}", "1", points, expires, "x"), by="t", at=AT)
                assert new == (f"k{key}" not in keys)
                if new:
                    keys.add(f"k{key}")
                    model.append([expires, len(model), points])
            elif what == "spend":
                usable = sorted(each for each in model if each[0] >= today)
                new = f"s{key}" not in keys
                if new and sum(each[2] for each in usable) < points:
                    with pytest.raises(Conflict):
                        _spend(connection, key, points, today)
                    continue
                assert _spend(connection, key, points, today) == new
                if new:
                    keys.add(f"s{key}")
                    for each in usable:
                        part = min(points, each[2])
                        each[2], points = each[2] - part, points - part
            elif what == "pass":
                today += timedelta(days=key)
                gone = sum(each[2] for each in model if each[0] < today)
                assert ledger.expire(connection, at=AT, today=today) == gone
                assert ledger.expire(connection, at=AT, today=today) == 0
                for each in model:
                    each[2] = 0 if each[0] < today else each[2]
            else:
                with pytest.raises((Conflict, NotFound)):
                    ledger.reverse(connection, 10_000 + number, why="示例", by="t", at=AT)
            assert ledger.balance(connection, "1", today) == sum(e[2] for e in model if e[0] >= today)
            assert [each.left for each in ledger.lots(connection, "1")] == [
                e[2] for e in sorted(model) if e[2]
            ]
            total = connection.scalar(select(func.coalesce(func.sum(point_entry_table.c.points), 0)))
            assert total == sum(each[2] for each in model) >= 0
        raise Undone


def _spend(connection, key: int, points: int, today) -> bool:  # type: ignore[no-untyped-def]
    return ledger.spend(connection, "1", points, key=f"s{key}", note="n", by="t", at=AT, today=today)


def test_what_was_spent_of_a_wrong_award_stays_spent(book: Database) -> None:
    with book.write() as connection:
        ledger.award(connection, given_("a", 100), by="t", at=AT)
        ledger.spend(connection, "1", 30, key="s", note="n", by="t", at=AT, today=TODAY)
        entry = next(each.id for each in ledger.entries(connection, "1") if each.kind == "award")
        assert ledger.reverse(connection, entry, why="读数更正", by="t", at=AT) == 70
        assert ledger.balance(connection, "1", TODAY) == 0
        with pytest.raises(Conflict):
            ledger.reverse(connection, entry, why="读数更正", by="t", at=AT)


def test_a_voucher_is_bought_once_and_redeemed_once(book: Database) -> None:
    with book.write() as connection:
        ledger.award(connection, given_("a", 500), by="t", at=AT)
        code = ledger.buy(connection, "1", VOUCHER, key="form-1", by="t", at=AT, zone=ZONE)
        assert ledger.buy(connection, "1", VOUCHER, key="form-1", by="t", at=AT, zone=ZONE) == code
        assert ledger.balance(connection, "1", TODAY) == 500 - VOUCHER.points
        assert (
            ledger.redeem(connection, f" {code.lower()} ", by="desk", at=AT, today=TODAY).redeemed_by
            == "desk"
        )
        with pytest.raises(Conflict, match="has been used"):
            ledger.redeem(connection, code, by="desk", at=AT, today=TODAY)
        with pytest.raises(NotFound):
            ledger.redeem(connection, "NONE", by="desk", at=AT, today=TODAY)


def test_a_voucher_too_dear_costs_nothing_and_an_old_one_buys_nothing(book: Database) -> None:
    with book.write() as connection:
        ledger.award(connection, given_("a", 10), by="t", at=AT)
    with pytest.raises(Conflict, match="has 10 points"), book.write() as connection:
        ledger.buy(connection, "1", VOUCHER, key="form-1", by="t", at=AT, zone=ZONE)
    with book.write() as connection:
        ledger.award(connection, given_("b", 500), by="t", at=AT)
        code = ledger.buy(connection, "1", VOUCHER, key="form-2", by="t", at=AT, zone=ZONE)
        connection.execute(update(voucher_table).values(expires_on=TODAY - timedelta(days=1)))
        with pytest.raises(Conflict, match="good until"):
            ledger.redeem(connection, code, by="desk", at=AT, today=TODAY)
