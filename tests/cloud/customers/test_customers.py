"""Who is served through which meter and since when, taken in from a document, whole or not at all."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from cloud.customers import store
from cloud.customers.intake.documents import Imported, import_customers
from cloud.fleet.registry import import_registry
from cloud.kit.db import Database
from cloud.kit.errors import Invalid, NotFound
from cloud.kit.scope import Window
from tests.cloud.alerts.village import registry

START = datetime(2025, 1, 1, tzinfo=UTC)
MOVED = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 3, 2, tzinfo=UTC)
DOCUMENT: dict[str, Any] = {
    "customer": [{"id": f"C-{n}", "name": f"示例户 {n}"} for n in (1, 2)],
    "account": [
        {"no": f"10{n}", "customer": f"C-{n}", "address": "示例村", "class": "household"} for n in (1, 2)
    ],
    "service": [
        {"account": "101", "meter": "A01-01", "start": START.isoformat(), "end": MOVED.isoformat()},
        {"account": "102", "meter": "A01-01", "start": MOVED.isoformat()},
        {"account": "101", "meter": "A02-01", "start": MOVED.isoformat()},
    ],
    "contact": [{"customer": "C-1", "channel": "json://127.0.0.1:9/c1"}],
}


@pytest.fixture
def records(database: Database) -> Database:
    with database.write() as connection:
        import_registry(connection, registry(("A01", "A02")))
        import_customers(connection, DOCUMENT)
    return database


def refused(records: Database, **parts: Any) -> str:
    with pytest.raises(Invalid) as told, records.write() as connection:
        import_customers(connection, parts)
    return str(told.value)


def test_the_same_document_again_changes_nothing(records: Database) -> None:
    with records.write() as connection:
        assert import_customers(connection, DOCUMENT) == Imported(2, 2, 3, 1)
        assert len(store.customers(connection)) == 2
        assert len(store.scope_of(connection, "C-1").windows or ()) == 2


def test_points_have_the_class_of_the_account_they_serve_then(records: Database) -> None:
    with records.read() as connection:
        assert store.classes_of_points(connection, START) == {"A01-01": "household"}
        assert store.classes_of_points(connection, NOW) == dict.fromkeys(("A01-01", "A02-01"), "household")
        assert store.classes_of_points(connection, START - timedelta(days=1)) == {}


def test_a_scope_is_each_meter_for_as_long_as_it_served_the_customer(records: Database) -> None:
    with records.read() as connection:
        assert store.scope_of(connection, "C-1").windows == (
            Window("A01-01", START, MOVED),
            Window("A02-01", MOVED, None),
        )
        assert store.scope_of(connection, "C-2").windows == (Window("A01-01", MOVED, None),)
        assert store.scope_of(connection, "nobody").windows == ()


def test_whom_an_area_serves_is_a_question_of_when(records: Database) -> None:
    with records.read() as connection:
        before = store.customers_of_area(connection, "A01", MOVED - timedelta(seconds=1))
        assert [(each.customer, each.account) for each in before] == [("C-1", "101")]
        assert [each.customer for each in store.customers_of_area(connection, "A01", MOVED)] == ["C-2"]
        assert [each.customer for each in store.customers_of_meters(connection, ["A02-01"], NOW)] == ["C-1"]
        assert [each.meter for each in store.meters_of_account(connection, "101", NOW)] == ["A02-01"]
        assert store.areas_of(connection, "C-1", NOW) == ["A02"]


def test_a_service_can_be_ended_by_a_later_document(records: Database) -> None:
    ended = {"account": "102", "meter": "A01-01", "start": MOVED.isoformat(), "end": NOW.isoformat()}
    with records.write() as connection:
        import_customers(connection, {"service": [ended]})
        assert store.customers_of_area(connection, "A01", NOW) == []


def test_somebody_elses_account_is_not_found(records: Database) -> None:
    with records.read() as connection:
        assert store.account(connection, "101", "C-1").customer == "C-1"
        with pytest.raises(NotFound):
            store.account(connection, "101", "C-2")


def test_a_meter_never_serves_two_accounts_at_once(records: Database) -> None:
    start = (NOW - timedelta(days=1)).isoformat()
    told = refused(records, service=[{"account": "101", "meter": "A01-01", "start": start}])
    assert "meter 'A01-01' serves account 102 and 101 at once" in told
    with records.read() as connection:
        assert len(store.customers_of_area(connection, "A01", NOW)) == 1


def test_an_account_never_passes_to_another_customer(records: Database) -> None:
    account = {"no": "101", "customer": "C-2", "address": "示例村", "class": "household"}
    assert "end its service and open a new account" in refused(records, account=[account])


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"customers": []}, "customers: no such part; did you mean 'customer'? the parts are customer,"),
        ({"customer": {}}, "customer: should be a list of tables"),
        ({"customer": [{"id": "C-1"}]}, "customer 1: name: Field required"),
        ({"customer": [{"id": "a", "name": "x"}] * 2}, "customer 2: customer ('a',) is there twice"),
        ({"contact": [{"customer": "C-1", "channel": "call me"}]}, "contact 1: channel"),
        (
            {"account": [{"no": "9", "customer": "C-9", "address": "x", "class": "farm"}]},
            "there is no customer 'C-9'; import it first",
        ),
        (
            {"service": [{"account": "101", "meter": "M-9", "start": START.isoformat()}]},
            "there is no meter 'M-9'; import it first",
        ),
        (
            {"service": [{"account": "101", "meter": "A02-02", "start": "2026-01-01T00:00:00"}]},
            "service 1: start: Input should have timezone info",
        ),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_kept(
    records: Database, parts: dict[str, Any], said: str
) -> None:
    assert said in refused(records, **parts)


def test_everything_wrong_is_told_in_one_round_and_nothing_that_only_follows_from_it(
    records: Database,
) -> None:
    """C-8 has no name: what stands on it is not called unknown. Rows keep their number in the document."""
    customers = [{"id": "C-8"}, {"id": "C-9", "name": "示例户"}]
    accounts = [
        {"no": "801", "customer": "C-8", "address": "x", "class": "farm"},
        {"no": "901", "customer": "C-9", "address": "x", "class": "castle"},
        {"no": "902", "customer": "C-9", "address": "x", "class": "business"},
        {"no": "101", "customer": "C-9", "address": "x", "class": "business"},
        {"no": "903", "customer": "C-7", "address": "x", "class": "business"},
    ]
    contracts = [
        {"account": "801", "from_day": "2026-01-01", "tariff": "none", "plan": "tou", "voltage": "10 kV"},
        {"account": "901", "from_day": "2026-01-01", "tariff": "none", "plan": "tou", "voltage": "10 kV"},
        {"account": "902", "from_day": "soon", "tariff": "none", "plan": "tou", "voltage": "10 kV"},
        {"account": "904", "from_day": "2026-01-01", "tariff": "none", "plan": "tou", "voltage": "10 kV"},
        {"account": "102", "from_day": "2026-01-01", "tariff": "none", "plan": "tou", "voltage": "10 kV"},
    ]
    with pytest.raises(Invalid) as told, records.write() as connection:
        import_customers(connection, {"customer": customers, "account": accounts, "contract": contracts})
    assert [each.partition(": ")[0] for each in told.value.problems] == [
        "customer 1",
        "account 2",
        "contract 3",
        "account 5",
        "account 4",
        "contract 4",
        "contract 5",
    ]
    with records.read() as connection:
        assert (
            connection.scalar(select(store.customer_table.c.id).where(store.customer_table.c.id == "C-9"))
            is None
        )
