"""The customer file: every section there is, out of its own book; without what is not the reader's to see."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from cloud.alerts.policy import AlertKind, Severity
from cloud.alerts.store import alert_table
from cloud.customers import protection
from cloud.customers.file import consents, grades, needs, persons
from cloud.customers.file.consents import Purpose
from cloud.customers.file.grades import Grade
from cloud.customers.file.needs import Need
from cloud.customers.protection import Protection
from cloud.customers.store import account_table, service_table
from cloud.desk.file import Desk, file
from cloud.desk.outs import CustomerFile
from cloud.kit.auth import User
from cloud.kit.db import Database
from cloud.kit.errors import NotFound
from cloud.metering.store import ms
from cloud.tiers.advice.store import advice_table
from cloud.tiers.axes import Axis
from cloud.tiers.campaigns.tables import campaign_table, offer_table, segment_table
from cloud.tiers.entitlements.store import promises
from cloud.tiers.entitlements.tables import promise_table
from cloud.tiers.rating import locks
from tests.cloud.tiers import station
from tests.cloud.tiers.station import NOW, ZONE, Made, Sample

OPERATOR = User("operator", "operator")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database, Made]]:
    url = f"sqlite:///{tmp_path_factory.mktemp('file') / 'records.db'}"
    database = Database(url)
    database.migrate()
    made = station.made(database, accounts=20, months=3)
    with database.write() as connection:
        subject = made.of("large_industry")[0]
        _fill(connection, subject)
    yield database, made
    database.close()


def _fill(connection: Any, subject: Sample) -> None:
    """One of each that the made-up station does not have of itself."""
    told: Any = {"by": "operator-7", "now": NOW - timedelta(days=9)}
    grades.declare(connection, subject.account, Grade.SECOND, "示例名单", from_day=date(2025, 1, 1), **told)
    needs.declare(connection, subject.account, Need.CONTINUITY, "", **told)
    consents.give(connection, subject.customer, Purpose.RESPONSE, how="示例表单", **told)
    persons.add(
        connection, {"customer": subject.customer, "role": "electrician", "phone": "00000000000"}, **told
    )
    protection.protect(
        connection, subject.account, Protection.IMPORTANT, "示例原因", "operator-7", told["now"]
    )
    alert = {
        "kind": AlertKind.UNUSUAL_USAGE.value,
        "cause": "x",
        "severity": Severity.WARNING.value,
        "opened_at": NOW,
    }
    others = {"trace": "0" * 16, "evidence": {}}
    connection.execute(insert(alert_table).values(alert | others | {"meter": subject.point}))
    advice = {
        "account": subject.account,
        "kind": "capacity_basis",
        "state": "open",
        "made_at": NOW,
        "month": date(2026, 10, 1),
        "version": 1,
        "inputs": "x",
        "saving": 1234,
        "formula": "12 x 1",
        "evidence": {"md_kw": 1.0},
        "confidence": "high",
        "needs": [],
        "valid_until": date(2027, 1, 1),
    }
    connection.execute(insert(advice_table).values(advice))
    _offered(connection, subject)
    promise = {
        "account": subject.account,
        "part": "orders",
        "promised": {},
        "figures": {},
        "sources": {},
        "rule": "base",
        "made_at": NOW,
        "reopened": 0,
    }
    for month, state in ((date(2026, 9, 1), "delivered"), (date(2026, 10, 1), "missed")):
        connection.execute(insert(promise_table).values(promise | {"month": month, "state": state}))


def _offered(connection: Any, subject: Sample) -> None:
    told: Any = {"by": "operator-7", "at": NOW, "changed_by": "operator-7", "changed_at": NOW}
    connection.execute(insert(segment_table).values(id=1, name="示例", conditions={}, **told))
    title = {"zh_CN": "示例活动", "en": "Sample offer"}
    row = {
        "id": 1,
        "name": "示例",
        "state": "running",
        "segment": 1,
        "conditions": {},
        "subject_kind": "message",
    }
    row |= {"subject": "", "title": title, "text": title, "measure": {}, "seed": "0", "holdout_permille": 100}
    row |= {"cap_offers": 3, "cap_days": 90, "left_out": {}, "written_by": "operator-7"}
    days = {"from_day": NOW.date(), "to_day": NOW.date(), "written_at": NOW, "changed_at": NOW}
    connection.execute(insert(campaign_table).values(row | days))
    offer = {"campaign": 1, "account": subject.account, "customer": subject.customer, "state": "sent"}
    connection.execute(insert(offer_table).values(offer | {"drawn_at": NOW, "sent_at": NOW}))


@pytest.fixture
def desk() -> Desk:
    return Desk(promises(None, ZONE), ZONE)


def read(kept: tuple[Database, Made], desk: Desk, customer: str, user: User = OPERATOR) -> CustomerFile:
    with kept[0].read() as connection:
        return file(connection, desk, customer, user, NOW)


def test_every_section_of_the_file_is_filled_from_its_own_book(
    kept: tuple[Database, Made], desk: Desk
) -> None:
    subject = kept[1].of("large_industry")[0]
    found = read(kept, desk, subject.customer)
    (account,) = found.accounts
    assert (account.no, account.customer_class) == (subject.account, "large_industry")
    assert account.contracts[0].tariff == "hubei-industry"
    assert [each.title["en"] for each in found.offers] == ["Sample offer"]
    assert [each.grade for each in account.grades] == [Grade.SECOND]
    assert [each.need for each in account.needs] == [Need.CONTINUITY]
    assert account.protections == ["important"]
    assert [each.meter for each in account.points[0].meters] == [subject.point]
    assert [each.month for each in account.months] == sorted(kept[1].months, reverse=True)
    month = account.months[0]
    assert month.kwh_by_band is not None
    assert sum(month.kwh_by_band.values()) == pytest.approx(month.kwh, rel=1e-3)
    assert len(account.bills) == 3
    assert {each.axis for each in account.tiers} >= {"class", "grade", "need"}
    assert account.entitlements["order_priority"].rule
    assert account.promises == {"orders": {"delivered": 1, "missed": 1}}
    assert [str(each.saving) for each in account.advice] == ["1234.00"]
    assert [each.kind for each in found.alerts] == ["unusual_usage"]
    assert [each.role for each in found.persons] == ["electrician"]
    assert Purpose.RESPONSE in [each.purpose for each in found.consents]


def test_a_customer_does_not_see_what_the_staff_wrote_about_them(
    kept: tuple[Database, Made], desk: Desk
) -> None:
    subject = kept[1].of("large_industry")[0]
    own = read(kept, desk, subject.customer, User("customer", "customer", subject.customer))
    text = own.model_dump_json()
    assert "operator-7" not in text
    assert own.alerts == []
    assert own.accounts[0].protections == []
    assert {each.rule for each in own.accounts[0].entitlements.values()} == {None}
    inside = read(kept, desk, subject.customer).model_dump_json()
    assert "operator-7" in inside


def test_nobody_elses_numbers_are_in_a_file(kept: tuple[Database, Made], desk: Desk) -> None:
    subject = kept[1].of("household")[6]
    text = read(kept, desk, subject.customer).model_dump_json()
    others = [each for each in kept[1].accounts if each is not subject]
    assert not [each.account for each in others if each.account in text or each.point in text]


def test_no_quarter_hours_are_in_a_file(kept: tuple[Database, Made], desk: Desk) -> None:
    """No list is as long as a day of quarters, and nothing is dated within a day but events."""
    found = json.loads(read(kept, desk, kept[1].of("business")[0].customer).model_dump_json())
    assert max(_lengths(found)) < 60


def _lengths(part: Any) -> Iterator[int]:
    if isinstance(part, list):
        yield len(part)
    for each in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from _lengths(each)


def test_months_before_somebody_came_are_not_theirs(kept: tuple[Database, Made], desk: Desk) -> None:
    """The newcomer came at noon of 1 October: of the point's October not all was theirs."""
    newcomer = kept[1].newcomer
    assert read(kept, desk, newcomer.customer).accounts[0].months == []


def test_the_next_tenant_of_a_point_has_none_of_its_months(database: Database, desk: Desk) -> None:
    made = station.made(database, accounts=10, months=2)
    old = made.accounts[8]
    left = datetime(2026, 10, 15, tzinfo=UTC)
    with database.write() as connection:
        served = service_table.c
        connection.execute(service_table.update().where(served.account == old.account).values(end=left))
        new = {"no": "NEW", "customer": made.accounts[9].customer, "address": "示例村", "class": "household"}
        connection.execute(insert(account_table).values(new))
        stay = {"account": "NEW", "meter": old.point, "start": left, "point": old.point}
        connection.execute(insert(service_table).values(stay))
        accounts = file(connection, desk, made.accounts[9].customer, OPERATOR, NOW).accounts
        left_file = file(connection, desk, old.customer, OPERATOR, NOW).accounts[0]
    assert [each.months for each in accounts if each.no == "NEW"] == [[]]
    assert [each.month for each in left_file.months] == [date(2026, 9, 1)]
    assert ms(left_file.points[0].meters[0].end or NOW) == ms(left)


def test_why_a_tier_was_locked_is_not_told_to_the_customer(database: Database, desk: Desk) -> None:
    subject = station.made(database, accounts=10, months=1).accounts[7]
    until, today = date(2026, 12, 1), date(2026, 11, 10)
    with database.write() as connection:
        why = "示例备注"
        lock = (Axis.CREDIT, "watch", until, why)
        locks.lock(connection, subject.account, *lock, by="operator-7", now=NOW, today=today)
        inside = file(connection, desk, subject.customer, OPERATOR, NOW).model_dump_json()
        reader = User("customer", "customer", subject.customer)
        own = file(connection, desk, subject.customer, reader, NOW)
    assert why in inside
    assert why not in own.model_dump_json()
    assert [each.locked_until for each in own.accounts[0].tiers if each.axis == "credit"] == [until]


def test_there_is_no_file_of_nobody(kept: tuple[Database, Made], desk: Desk) -> None:
    with pytest.raises(NotFound):
        read(kept, desk, "C-nobody")
