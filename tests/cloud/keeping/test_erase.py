"""A customer who left is erased: no trace of the person in any record, every account still there."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from cloud.app import Application
from cloud.customers.store import account_table, contact_table, customer_table, service_table
from cloud.keeping import tables
from cloud.keeping.erase import erase
from cloud.kit.auth import user_table
from cloud.kit.errors import Conflict, Invalid, NotFound
from tests.cloud.conftest import NOW, Browser

CANARIES = ("示例户 A", "示例村 A", "13900000000", "mailto://canary.example", "一片漆黑", "customer-a")


@pytest.fixture
def left(application: Application) -> Application:
    """Customer A gave a telephone and an address for notices, and left this morning."""
    with application.database.write() as connection:
        known = update(customer_table).where(customer_table.c.id == "C-A")
        connection.execute(known.values(phone="13900000000"))
        connection.execute(contact_table.insert().values(customer="C-A", channel="mailto://canary.example"))
        mine = update(service_table).where(service_table.c.account == "10A", service_table.c.end.is_(None))
        connection.execute(mine.values(end=NOW - timedelta(hours=1)))
    return application


def whole(application: Application) -> str:
    """Everything that stands in the records, except who signed what: logs of operators."""
    with application.database.read() as connection:
        return "".join(line.decode() for table in tables.ordered() for line in tables.rows(connection, table))


def erased(application: Application) -> None:
    with application.database.write() as connection:
        erase(connection, "C-A", by="operator", why="示例原因", now=NOW)


def test_no_word_of_the_person_is_left_in_any_table(left: Application) -> None:
    before = whole(left)
    assert all(canary in before for canary in CANARIES), "the canaries are where they should be"
    erased(left)
    after = whole(left)
    assert [canary for canary in CANARIES if canary in after] == []


def test_accounts_meters_and_what_was_measured_stay(left: Application) -> None:
    erased(left)
    with left.database.read() as connection:
        accounts = connection.execute(select(account_table.c.no, account_table.c.customer)).all()
        served = connection.execute(select(service_table).where(service_table.c.account == "10A")).all()
    assert ("10A", "C-A") in [tuple(row) for row in accounts]
    assert {row.meter for row in served} == {"M-1", "M-2"}


def test_others_are_not_touched(left: Application) -> None:
    erased(left)
    with left.database.read() as connection:
        assert (
            connection.scalar(select(customer_table.c.name).where(customer_table.c.id == "C-B")) == "示例户 B"
        )
        assert set(connection.scalars(select(user_table.c.login))) == {"operator", "customer-b"}


def test_their_sessions_end_at_once(left: Application, browser: Browser) -> None:
    client = browser("customer-a")
    assert client.get("me").status_code == 200
    erased(left)
    assert client.get("me").status_code == 401


def test_who_is_still_supplied_is_not_erased(application: Application) -> None:
    with pytest.raises(Conflict, match="10A is still supplied"):
        erased(application)


def test_a_reason_is_needed_and_twice_is_refused(left: Application) -> None:
    with left.database.write() as connection, pytest.raises(Invalid, match="why"):
        erase(connection, "C-A", by="operator", why="  ", now=NOW)
    with left.database.write() as connection, pytest.raises(NotFound):
        erase(connection, "C-X", by="operator", why="示例原因", now=NOW)
    erased(left)
    with pytest.raises(Conflict, match="erased on"):
        erased(left)
