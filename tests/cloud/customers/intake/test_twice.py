"""Property: whatever a document says, it says once."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from cloud.customers.file.contracts import contracts_of
from cloud.customers.intake.documents import parsed
from cloud.customers.intake.take import take
from cloud.kit.db import Database
from cloud.kit.errors import Conflict
from tests.cloud.customers.intake.rows import (
    KINDS,
    TAKING,
)

DAYS = st.dates(date(2024, 1, 1), date(2026, 2, 28)).map(str)
ACCOUNTS = st.sampled_from(["101", "102", "103", "104"])


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Any document, good or bad."""
    tariffs = st.sampled_from(
        [("zhejiang-household", "plain"), ("hubei-industry", "tou"), ("guangdong-industry", "tou")]
    )
    contracts = []
    for account, day, (tariff, plan) in draw(st.lists(st.tuples(ACCOUNTS, DAYS, tariffs), max_size=6)):
        row = {"account": account, "from_day": day, "tariff": tariff, "plan": plan, "voltage": "10 kV"}
        row |= draw(
            st.sampled_from([{}, {"capacity_kva": 400, "basis": "capacity"}, {"to_day": "2026-02-28"}])
        )
        contracts.append(row)
    consents = [
        {"customer": f"C-{n}", "purpose": "offers", "given_at": day, "how": "示例"}
        for n, day in draw(st.lists(st.tuples(st.sampled_from("1234"), DAYS), max_size=4))
    ]
    grades = [
        {"account": account, "from_day": day, "grade": "first", "list_no": "示例"}
        for account, day in draw(st.lists(st.tuples(ACCOUNTS, DAYS), max_size=4))
    ]
    billed = [
        {"account": account, "month": day[:7], "amount": "10.00", "due_on": "2026-03-01"}
        for account, day in draw(st.lists(st.tuples(ACCOUNTS, DAYS), max_size=4))
    ]
    return {"contract": contracts, "consent": consents, "grade": grades, "bill": billed}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=documents())
def test_a_document_twice_is_the_document_once_and_no_contracts_overlap(
    records: Database, document: dict[str, Any]
) -> None:
    parts, problems = parsed(document, TAKING, KINDS)
    if problems:
        return
    with undone(records) as connection:
        _, wrong = take(connection, parts, TAKING, KINDS)
        if not wrong:
            once = rows(connection)
            report, wrong = take(connection, parts, TAKING, KINDS)
            assert not wrong
            assert report.quiet
            assert rows(connection) == once
            _assert_apart(connection)


@contextmanager
def undone(records: Database) -> Iterator[Connection]:
    with suppress(Conflict), records.write() as connection:
        yield connection
        raise Conflict("nothing is kept between examples")


def rows(connection: Connection) -> dict[str, Any]:
    return {kind.name: connection.execute(select(kind.table)).all() for kind in KINDS}


def _assert_apart(connection: Connection) -> None:
    for account in ("101", "102", "103", "104"):
        held = contracts_of(connection, account)
        for one, other in pairwise(held):
            assert one.to_day is not None
            assert one.to_day <= other.from_day
