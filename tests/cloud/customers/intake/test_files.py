"""Contracts, grades, needs, consents, persons and bills out of a file: whole or not at all, twice is once."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from cloud.billing.store import bill_table, bills
from cloud.customers.file.consents import Purpose, consented, consents_of
from cloud.customers.file.contracts import contract_table, contracts_of, contracts_on
from cloud.customers.file.grades import Grade, grades_of, grades_on
from cloud.customers.file.needs import Need, needs_at
from cloud.customers.file.persons import persons_of
from cloud.customers.intake.documents import import_customers
from cloud.kit.db import Database
from tests.cloud.customers.intake.rows import (
    BILLED,
    HOME,
    NOW,
    PARTIES,
    PLANT,
    TAKING,
    Take,
    put,
    refused,
)


def test_a_document_brings_everything_and_says_what_was_added(records: Database) -> None:
    report = put(
        records,
        contract=[HOME, PLANT],
        grade=[{"account": "102", "from_day": "2025-06-01", "grade": "second", "list_no": "示例〔2025〕1号"}],
        need=[{"account": "102", "need": "continuity", "since": "2025-06-01"}],
        consent=[{"customer": "C-1", "purpose": "offers", "given_at": "2025-06-01", "how": "示例表单"}],
        person=[{"customer": "C-2", "role": "electrician", "phone": "13900000000"}],
    )
    assert sorted(kind for kind, _ in report.added) == [
        "consent",
        "contract",
        "contract",
        "grade",
        "need",
        "person",
    ]
    assert ("contract", "102 2025-01-01") in report.added
    with records.read() as connection:
        plant = contracts_on(connection, NOW.date())["102"]
        assert (plant.class_, plant.capacity_kva, plant.standard) == ("large_industry", Decimal(500), 90)
        assert plant.price_source == "agency_purchase"  # as its tariff says
        assert grades_on(connection, NOW.date()) == {"102": Grade.SECOND}
        assert Need.CONTINUITY in needs_at(connection, NOW)["102"]
        assert consented(connection, Purpose.OFFERS, NOW) == {"C-1"}
        (person,) = persons_of(connection, "C-2")
        assert (person.role, person.name, person.reach) == ("electrician", None, "call")


def test_a_new_contract_ends_the_one_before(records: Database, table: Take) -> None:
    table([HOME])
    report = table([HOME | {"from_day": "2026-04-01", "plan": "tou"}])
    assert report.added == [("contract", "101 2026-04-01")]
    assert report.ended == [("contract", "101 2025-01-01")]
    with records.read() as connection:
        first, second = contracts_of(connection, "101")
    assert (first.to_day, second.from_day, second.to_day) == (date(2026, 4, 1), date(2026, 4, 1), None)
    assert table([HOME]).quiet  # the older file again opens nothing


def test_a_correction_is_reported_field_by_field(table: Take) -> None:
    table([HOME])
    (changed,) = table([HOME | {"persons": 4}]).changed
    assert (changed.id, changed.field, changed.old, changed.new, changed.row) == (
        "101 2025-01-01",
        "persons",
        5,
        4,
        2,
    )


def test_what_a_row_does_not_name_stays_and_a_dash_takes_it_away(records: Database, table: Take) -> None:
    table([HOME])
    assert table([{"account": "101", "from_day": "2025-01-01"}], named="contract").quiet
    table([{"account": "101", "from_day": "2025-01-01", "persons": "-"}])
    with records.read() as connection:
        assert contracts_of(connection, "101")[0].persons is None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"tariff": "zhejiang-houshold"}, "did you mean 'zhejiang-household'"),
        ({"plan": "night"}, "has no plan 'night'; it has plain, shared, shared-10kv, tou"),
        ({"tariff": "hubei-industry", "plan": "tou"}, "is for large_industry and the account is household"),
        ({"to_day": "2025-01-01"}, "later than from_day"),
        ({"account": "109"}, "there is no account '109'"),
        ({"standard": 90}, "standard: is of no household"),
        ({"standard": 87}, "standard '87'"),
        ({"voltage": ""}, "voltage: a new contract needs it"),
        ({"from_day": "1.1.2025"}, "from_day '1.1.2025'"),
        ({"account": "103"}, "is for household and the account is business"),
        (
            {"account": "103", "tariff": "guangdong-industry", "plan": "tou"},
            "persons: is of households alone",
        ),
    ],
)
def test_every_household_contract_that_may_not_be_is_refused_by_row(
    records: Database, table: Take, change: dict[str, Any], why: str
) -> None:
    report = table([HOME | {"account": "101", "from_day": "2024-01-01"}, HOME | change])
    assert {each.row for each in report.refused} == {3}
    assert why in " ".join(each.why for each in report.refused)
    with records.read() as connection:
        assert not connection.execute(select(contract_table)).all()  # not even the good row


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"basis": ""}, "large industry pays a basic charge"),
        ({"capacity_kva": 80}, "80 kVA: in two parts from 100 kVA on"),
        ({"capacity_kva": ""}, "a basic charge needs the capacity"),
        ({"basis": "contract"}, "needs the contracted demand"),
        ({"basis": "contract", "contracted_kw": 199}, "199 kW: at least 200 kW for 500 kVA"),
        ({"basis": "contract", "contracted_kw": 501}, "501 kW is over 500 kVA"),
        ({"contracted_kw": 300}, "contracted_kw: is for the basis contract alone"),
        ({"tariff": "zhejiang-industry"}, "no two-part terms"),
        (
            {"tariff": "zhejiang-industry", "basis": "", "basis_fixed_until": "2026-06-30"},
            "no basis that could",
        ),
        ({"capacity_kva": "1.2345"}, "capacity_kva '1.2345'"),
    ],
)
def test_every_basic_charge_that_cannot_be_is_refused(table: Take, change: dict[str, Any], why: str) -> None:
    (refusal,) = table([PLANT | change]).refused
    assert (refusal.row, why in refusal.why) == (2, True), refusal.why


def test_contracted_demand_at_the_least_share_is_taken(table: Take) -> None:
    assert not table([PLANT | {"basis": "合同需量", "contracted_kw": 200}]).refused


def test_contracts_of_one_account_never_overlap(records: Database, table: Take) -> None:
    table([HOME | {"to_day": "2026-01-01"}])
    (refusal,) = table([HOME | {"from_day": "2025-12-31"}]).refused
    assert "that from 2025-01-01 holds until 2026-01-01" in refusal.why
    assert table([HOME | {"from_day": "2026-01-01"}]).added
    said = refused(records, contract=[HOME | {"from_day": "2025-06-01", "to_day": "2026-02-01"}])
    assert "at once" in said


def test_an_account_does_not_change_class_under_its_contract(records: Database) -> None:
    put(records, contract=[HOME])
    shop = PARTIES["account"][0] | {"class": "business"}
    assert "its contract: tariff: zhejiang-household is for household" in refused(records, account=[shop])
    put(records, account=[shop | {"class": "household"}])


def test_a_contract_that_ended_today_in_the_station_s_zone_binds_no_class(records: Database) -> None:
    early = datetime(2026, 3, 1, 17, tzinfo=UTC)  # 01:00 on 2 March in the zone
    put(records, contract=[HOME | {"to_day": "2026-03-02"}])
    shop = PARTIES["account"][0] | {"class": "business"}
    with records.write() as connection:
        import_customers(connection, {"account": [shop]}, replace(TAKING, now=early))


@pytest.mark.parametrize(
    ("kind", "row", "why"),
    [
        ("grade", {"account": "102", "from_day": "2025-01-01", "grade": "third", "list_no": "x"}, "grade"),
        ("grade", {"account": "102", "from_day": "2025-01-01", "grade": "first", "list_no": ""}, "list_no"),
        ("need", {"account": "101", "need": "help", "since": "2025-01-01"}, "say which help"),
        ("need", {"account": "101", "need": "price", "since": "2027-01-01"}, "is to come"),
        (
            "need",
            {"account": "101", "need": "price", "since": "2025-02-01", "ended_at": "2025-01-01"},
            "ended_at must be later than since",
        ),
        ("consent", {"customer": "C-1", "purpose": "ads", "given_at": "2025-01-01", "how": "x"}, "purpose"),
        ("consent", {"customer": "C-1", "purpose": "roof", "given_at": "2025-01-01", "how": ""}, "how"),
        ("consent", {"customer": "C-9", "purpose": "roof", "given_at": "2025-01-01", "how": "x"}, "'C-9'"),
        ("consent", {"customer": "C-1", "purpose": "roof", "given_at": "2026-09-01", "how": "x"}, "to come"),
        ("person", {"customer": "C-1", "role": "boss", "phone": "13900000000"}, "role"),
        ("person", {"customer": "C-1", "role": "owner", "phone": "call me"}, "phone"),
        (
            "person",
            {"customer": "C-1", "role": "owner", "phone": "13900000000", "quiet_from": "22:00"},
            "come together",
        ),
        ("bill", BILLED | {"account": "109"}, "there is no account"),
        ("bill", BILLED | {"month": "2026-04"}, "2026-04 is to come"),
        ("bill", BILLED | {"month": "2026-01-15"}, "write the month, as 2026-01"),
        ("bill", BILLED | {"due_on": "2025-12-31"}, "before the month it is for"),
        ("bill", BILLED | {"paid_on": "2026-03-03"}, "is to come"),
        ("bill", BILLED | {"paid_on": "2025-12-31"}, "paid_on: 2025-12-31 is before"),
        ("bill", BILLED | {"amount": "1.234"}, "amount '1.234'"),
        ("bill", BILLED | {"kwh": "-1"}, "kwh '-1'"),
    ],
)
def test_every_other_row_that_may_not_be_is_refused(
    records: Database, table: Take, kind: str, row: dict[str, Any], why: str
) -> None:
    (refusal,) = table([row], named=kind).refused
    assert (refusal.row, why in refusal.why) == (2, True), refusal.why


def test_grades_that_follow_one_another_do_not_overlap(records: Database, table: Take) -> None:
    row = {"account": "102", "grade": "一级", "list_no": "示例〔2025〕1号"}
    table([row | {"from_day": "2025-01-01"}, row | {"from_day": "2026-01-01", "grade": "二级"}])
    with records.read() as connection:
        first, second = grades_of(connection, "102")
        assert (first.grade, first.to_day, first.ended_by) == ("first", date(2026, 1, 1), "import")
        assert second.to_day is None
    (refusal,) = table([row | {"from_day": "2024-01-01", "to_day": "2025-02-01"}]).refused
    assert "two at once" in refusal.why


def test_a_withdrawn_consent_is_not_given_back_by_a_file(records: Database) -> None:
    row = {"customer": "C-1", "purpose": "offers", "given_at": "2025-06-01", "how": "示例表单"}
    put(records, consent=[row | {"withdrawn_at": "2026-01-01"}])
    assert put(records, consent=[row]).quiet
    assert "a withdrawal is not taken back" in refused(records, consent=[row | {"withdrawn_at": None}])
    assert "end it first" in refused(records, consent=[row | {"given_at": "2025-12-01"}])
    put(records, consent=[row | {"given_at": "2026-02-01"}])
    with records.read() as connection:
        assert consented(connection, Purpose.OFFERS, NOW) == {"C-1"}
        assert len(consents_of(connection, "C-1")) == 2


def test_what_rested_on_a_consent_ends_with_it_whichever_way_it_is_withdrawn(records: Database) -> None:
    ended: list[tuple[str, Purpose]] = []

    def note(_: Any, customer: str, purpose: Purpose, __: Any) -> None:
        ended.append((customer, purpose))

    def take_in(**more: str) -> None:
        row = {"customer": "C-1", "purpose": "offers", "given_at": "2025-06-01", "how": "示例表单"} | more
        with records.write() as connection:
            import_customers(connection, {"consent": [row]}, replace(TAKING, withdrawn=note))

    take_in()
    assert ended == []
    for _ in range(2):
        take_in(withdrawn_at="2026-01-01")
    assert ended == [("C-1", Purpose.OFFERS)]
    take_in(given_at="2026-02-01")
    take_in(given_at="2024-02-01", withdrawn_at="2024-05-01")
    assert len(ended) == 1, "an old one that ended long ago ends nothing of the one that stands"


def test_bills_come_in_and_are_paid_later(records: Database, table: Take) -> None:
    table([BILLED])
    (changed,) = table([BILLED | {"paid_on": "2026-02-20"}]).changed
    assert (changed.field, changed.old, changed.new) == ("paid_on", None, "2026-02-20")
    with records.read() as connection:
        (row,) = bills(connection, date(2026, 1, 1), date(2026, 1, 1))
    assert (row.kwh, row.amount, row.days_late(NOW.date())) == (Decimal("210.500"), Decimal("113.25"), 5)


def test_a_bill_of_our_own_is_not_overwritten(records: Database, table: Take) -> None:
    table([BILLED])
    with records.write() as connection:
        connection.execute(bill_table.update().values(origin="wattpost"))
    (refusal,) = table([BILLED | {"amount": "1.00"}]).refused
    assert "changes only by a credit note" in refusal.why
