"""The made-up papers of the village are such as the service takes, whatever the day, and name nobody."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from cloud.billing.store import bill_table
from cloud.customers.file.consents import consent_table
from cloud.customers.file.contracts import contract_table, contracts_on
from cloud.customers.intake.documents import import_customers
from cloud.demo.papers import papers
from cloud.demo.prepare import _take_papers
from cloud.demo.programs import ROOT
from cloud.demo.station import Station
from cloud.fleet.registry import import_registry
from cloud.kit.db import Database


@pytest.fixture(scope="module")
def village() -> Station:
    return Station.read(ROOT / "firmware_sim" / "scenarios" / "village.toml")


@pytest.fixture
def records(sqlite_url: str, village: Station) -> Iterator[Database]:
    made = Database(sqlite_url)
    with made.write() as connection:
        import_registry(connection, village.registry(5))
        import_customers(connection, village.customers("2026-10-01T00:00:00+08:00"))
    yield made
    made.close()


def test_every_customer_gets_a_contract_and_a_year_of_bills(records: Database, village: Station) -> None:
    with records.write() as connection:
        _take_papers(connection, village)
        _take_papers(connection, village)  # twice is once
        accounts = len(village.customers("x")["account"])
        assert connection.scalar(select(func.count()).select_from(contract_table)) == accounts
        assert connection.scalar(select(func.count()).select_from(bill_table)) == accounts * 13
        assert connection.scalar(select(func.count()).select_from(consent_table))
        today = datetime.now(UTC).date()
        assert len(contracts_on(connection, today)) == accounts
        assert connection.scalars(select(bill_table.c.account).where(bill_table.c.paid_on.is_(None))).all()


@pytest.mark.parametrize("day", [0, 30, 59, 200, 365])
def test_on_any_day_no_paper_is_of_the_future(village: Station, day: int) -> None:
    today = date(2027, 12, 31) + timedelta(days=day)
    for bill in papers(village, today)["bill"]:
        assert bill["month"] < today.replace(day=1)
        assert bill.get("paid_on", today) <= today


def test_papers_name_nobody(village: Station) -> None:
    rows: list[dict[str, Any]] = [
        row for rows in papers(village, date(2026, 11, 23)).values() for row in rows
    ]
    assert not [row for row in rows if "name" in row]
    assert {row["phone"][:8] for row in rows if "phone" in row} == {"000-0000"}
