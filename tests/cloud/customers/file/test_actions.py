"""What people write into a customer's file, each with its limits; a withdrawal is taken whoever owns it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cloud.customers.file import consents, grades, needs
from cloud.customers.file.actions import CustomerFile
from cloud.customers.file.consents import Purpose
from cloud.customers.file.contract_terms import contract_terms
from cloud.customers.file.contracts import contracts_of
from cloud.customers.file.grades import Grade
from cloud.customers.file.needs import Need, NeedOrigin
from cloud.customers.intake.documents import import_customers
from cloud.fleet.owners import Owners, owners
from cloud.kit.db import Database
from cloud.kit.errors import Conflict, Forbidden, Invalid, NotFound
from cloud.policies.current import fixed
from cloud.tariffs import catalogue
from tests.clocks import ManualClock

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
DOCUMENT = {
    "customer": [{"id": f"C-{n}", "name": f"示例户 {n}"} for n in "12"],
    "account": [
        {"no": f"10{n}", "customer": f"C-{n}", "address": "示例村", "class": "household"} for n in "12"
    ],
}
CONTRACT = {
    "account": "101",
    "from_day": "2026-01-01",
    "tariff": "zhejiang-household",
    "plan": "plain",
    "voltage": "220 V",
}


@pytest.fixture
def records(sqlite_url: str) -> Iterator[Database]:
    made = Database(sqlite_url)
    with made.write() as connection:
        import_customers(connection, DOCUMENT)
    yield made
    made.close()


def book(records: Database, whose: Owners | None = None, **more: Any) -> CustomerFile:
    whose = whose or owners(None, "sole")
    terms = (fixed(catalogue.read()), fixed(contract_terms(None)))
    return CustomerFile(records, ZoneInfo("Asia/Shanghai"), *terms, whose, ManualClock(NOW), **more)


def test_a_contract_begins_and_the_one_before_ends(records: Database) -> None:
    file = book(records)
    file.begin_contract("operator", CONTRACT)
    file.begin_contract("operator", CONTRACT | {"from_day": "2026-04-01", "plan": "tou"})
    with records.read() as connection:
        assert [each.to_day for each in contracts_of(connection, "101")] == [date(2026, 4, 1), None]
    with pytest.raises(Invalid, match="has no plan"):
        file.begin_contract("operator", CONTRACT | {"from_day": "2026-05-01", "plan": "night"})


def test_a_grade_names_its_list_and_ends_with_a_reason(records: Database) -> None:
    file = book(records)
    with pytest.raises(Invalid, match="never inferred"):
        file.declare_grade("operator", "101", Grade.FIRST, " ", date(2026, 1, 1))
    file.declare_grade("operator", "101", Grade.FIRST, "示例名单 1", date(2026, 1, 1))
    file.declare_grade("operator", "101", Grade.SECOND, "示例名单 2", date(2026, 2, 1))
    with pytest.raises(Conflict):
        file.declare_grade("operator", "101", Grade.FIRST, "示例名单 3", date(2026, 1, 15))
    with pytest.raises(Invalid, match="say why"):
        file.end_grade("operator", "101", date(2026, 3, 1), "")
    with pytest.raises(Invalid, match="cannot end before"):
        file.end_grade("operator", "101", date(2026, 2, 1), "示例")
    file.end_grade("operator", "101", date(2026, 3, 1), "示例")
    with pytest.raises(NotFound):
        file.end_grade("operator", "101", date(2026, 3, 1), "示例")
    with records.read() as connection:
        assert grades.grades_on(connection, date(2026, 1, 31)) == {"101": Grade.FIRST}
        assert grades.grades_on(connection, date(2026, 2, 28)) == {"101": Grade.SECOND}
        assert grades.grades_on(connection, date(2026, 3, 1)) == {}


def test_a_need_stands_once_and_with_other_words_anew(records: Database) -> None:
    file = book(records)
    with pytest.raises(Invalid, match="which help"):
        file.declare_need("operator", "101", Need.HELP, "")
    assert file.declare_need("operator", "101", Need.HELP, "示例") == 1
    assert file.declare_need("operator", "101", Need.HELP, "示例") is None
    assert file.declare_need("operator", "101", Need.HELP, "别的示例") == 2
    with pytest.raises(Conflict):
        file.end_need("operator", 1)
    with pytest.raises(NotFound):  # another's is not there
        file.end_need("c-2", 2, "C-2")
    file.end_need("c-1", 2, "C-1")
    with records.read() as connection:
        assert needs.needs_at(connection, NOW + timedelta(days=1)) == {}


def test_a_need_is_observed_only_of_who_agreed_and_never_over_their_own_word(records: Database) -> None:
    told: Any = {"by": "job", "now": NOW}
    with pytest.raises(Forbidden, match="did not agree"), records.write() as connection:
        needs.observe(connection, "101", Need.PRICE, {"share": 0.4}, **told)
    with records.write() as connection:
        consents.give(connection, "C-1", Purpose.OBSERVATION, how="示例", by="x", now=NOW)
        assert needs.observe(connection, "101", Need.PRICE, {"share": 0.4}, **told) == 1
        needs.declare(connection, "101", Need.PRICE, "", **told)
        assert needs.observe(connection, "101", Need.PRICE, {"share": 0.5}, **told) is None
        found = needs.needs_at(connection, NOW)["101"][Need.PRICE]
    assert found["origin"] == NeedOrigin.DECLARED


def test_a_withdrawal_is_never_refused_and_ends_what_rested_on_it(records: Database) -> None:
    ended = []
    whose = owners(None, "companion")
    theirs = whose.policy.model_copy(update={"fields": whose.policy.fields | {"consent": "marketing"}})
    file = book(records, Owners(theirs, True), withdrawn=lambda _, *given: ended.append(given))
    with pytest.raises(Forbidden, match="owned by marketing"):
        file.give_consent("operator", "C-1", Purpose.OFFERS, "示例")
    with records.write() as connection:
        consents.give(connection, "C-1", Purpose.OFFERS, how="示例", by="import", now=NOW)
    file.withdraw_consent("c-1", "C-1", Purpose.OFFERS)
    with records.read() as connection:
        assert consents.consented(connection, Purpose.OFFERS, NOW) == set()
    assert ended == [("C-1", Purpose.OFFERS, NOW)]


def test_a_person_is_there_once_and_can_come_back(records: Database) -> None:
    file = book(records)
    row = {"customer": "C-1", "role": "owner", "phone": "00000000000"}
    number = file.add_person("operator", row)
    with pytest.raises(Conflict):
        file.add_person("operator", row)
    with pytest.raises(Invalid, match="come together"):
        file.add_person("operator", row | {"role": "duty", "quiet_from": "22:00"})
    file.end_person("operator", number)
    with pytest.raises(Conflict):
        file.end_person("operator", number)
    assert file.add_person("operator", row) == number + 1
