"""Money and kVA are kept to their last place, on both databases; what has more places is refused."""

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import delete, insert, select
from sqlalchemy.exc import StatementError

from cloud.billing.store import bill_table
from cloud.customers.store import account_table, customer_table
from cloud.kit.db import Database

MONTH = date(2026, 1, 1)
ROW = {"account": "1", "month": MONTH, "due_on": MONTH, "origin": "import"}


@pytest.fixture
def billed(database: Database) -> Database:
    with database.write() as connection:
        connection.execute(insert(customer_table).values(id="c", name="示例户", language="zh_CN"))
        account = {"no": "1", "customer": "c", "address": "示例村", "class": "household"}
        connection.execute(insert(account_table).values(account))
    return database


@pytest.mark.parametrize("amount", ["0.10", "0.30", "-12.34", "99999999999999.99", "0", "7"])
def test_what_goes_in_comes_out(billed: Database, amount: str) -> None:
    with billed.write() as connection:
        connection.execute(insert(bill_table).values(ROW | {"amount": Decimal(amount)}))
    with billed.read() as connection:
        row = connection.execute(select(bill_table)).one()
    assert (row.amount, row.kwh) == (Decimal(amount), None), "missing is missing, not 0"
    assert row.amount.as_tuple().exponent == -2
    with billed.write() as connection:
        connection.execute(delete(bill_table))


def test_a_place_too_many_is_refused_and_not_rounded_away(billed: Database) -> None:
    with billed.write() as connection, pytest.raises(StatementError, match=r"0\.001 has more than 2 places"):
        connection.execute(insert(bill_table).values(ROW | {"amount": Decimal("0.001")}))
