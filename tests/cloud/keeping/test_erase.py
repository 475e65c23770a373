"""A customer who left is erased: no trace of the person in any record, every account still there."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from cloud.alerts.notify import delivery_table, notice_table
from cloud.app import Application
from cloud.customers.file import consents, needs, persons
from cloud.customers.protection import protection_table
from cloud.customers.store import account_table, contact_table, customer_table, service_table
from cloud.exchange.store import import_table
from cloud.fleet import current, imports
from cloud.fleet.command_store import command_table
from cloud.fleet.events import read_table
from cloud.fleet.history import point_table
from cloud.fleet.imports import Changed, Refusal, Report
from cloud.keeping import tables
from cloud.keeping.erase import erase, erase_with_photos
from cloud.kit.auth import user_table
from cloud.kit.errors import Conflict, Invalid, NotFound
from cloud.metering.fieldwork.requests import FieldRead, Told
from cloud.metering.vee import exception_store
from cloud.tiers.rating.tables import contest_table, lock_table
from tests.cloud.conftest import NOW, Browser

CANARIES = (
    *("示例户 A", "示例村 A", "13900000000", "mailto://canary.example", "一片漆黑", "customer-a"),
    *("电量不对头", "电量已核实", "老客户"),
    *("门口有狗", "冰柜坏过", "灯常亮", "怕停电", "晚上在家"),
    *("示例联系人", "13911111111", "上门签字", "氧气机"),
)
MET = NOW - timedelta(days=3)
PHOTO = b"\xff\xd8\xff" + b"0" * 20 + b"\xff\xd9"


@pytest.fixture
def left(application: Application) -> Application:
    """Customer A gave a telephone and an address for notices, and left this morning."""
    with application.database.write() as connection:
        known = update(customer_table).where(customer_table.c.id == "C-A")
        connection.execute(known.values(phone="13900000000"))
        connection.execute(contact_table.insert().values(customer="C-A", channel="mailto://canary.example"))
        mine = update(service_table).where(service_table.c.account == "10A", service_table.c.end.is_(None))
        connection.execute(mine.values(end=NOW - timedelta(hours=1)))
        write_about_a(connection)
    read_by_hand(application, "M-2", "门口有狗", PHOTO)
    return application


def read_by_hand(application: Application, point: str, why: str, photo: bytes, at: datetime = MET) -> None:
    wanted = FieldRead(point, at, {"energy_import_wh": 10}, photo, None)
    application.fieldwork.read_by_hand(wanted, Told("fitter", why, despite=why))


def write_about_a(connection: Connection) -> None:
    """Everywhere where people write: names in the registry and what was imported, notes, reasons."""
    current.add_missing(connection, point_table, [{"id": "M-2", "name": None}])
    connection.execute(update(point_table).where(point_table.c.id == "M-2").values(name="示例户 A 楼下"))
    change = Changed("point", "M-2", "name", "示例户 A01 旧", "示例户 A, 示例村 A", 7)
    refusal = Refusal(8, "示例村 A, 13900000000: no such meter")
    row = {"file": "示例户 A.csv", "sha256": "0" * 64, "system": "", "at": NOW, "by": "operator"}
    imports.keep(connection, row, Report(changed=[change], refused=[refusal]))
    row = {"digest": "0" * 64, "file": "示例户 A.csv", "by": "x", "at": NOW, "report": '["示例户 A"]'}
    connection.execute(import_table.insert().values(row))
    spell = {"point": "M-2", "channel": "energy_import_wh", "day": MET.date()}
    number = exception_store.EXCEPTIONS.add(
        connection,
        {**spell, "area": "A01", "meter": "M-2", "code": "V13", "severity": "error", "first_slot": 1}
        | {"last_slot": 1, "state": "closed", "evidence": b"", "opened_at": NOW, "changed_at": NOW},
    )
    note = {"exception": number, "at": NOW, "who": "operator", "event": "correct", "state": "closed"}
    connection.execute(exception_store.event_table.insert().values(**note, note="冰柜坏过"))
    edit = {**spell, "slot": 1, "value_wh": 1, "by": "operator", "why": "灯常亮", "at": NOW}
    connection.execute(exception_store.edit_table.insert().values(edit))
    connection.execute(
        update(command_table).where(command_table.c.meter == "M-2").values(reason="晚上在家", asked_at=MET)
    )
    connection.execute(update(protection_table).values(why="怕停电"))
    told: Any = {"by": "operator", "now": MET}
    person = {"customer": "C-A", "role": "deputy", "phone": "13911111111", "name": "示例联系人"}
    persons.add(connection, person, **told)
    consents.give(connection, "C-A", consents.Purpose.OFFERS, how="上门签字", **told)
    needs.declare(connection, "10A", needs.Need.HELP, "氧气机", **told)
    write_about_tiers(connection)


def write_about_tiers(connection: Connection) -> None:
    of: dict[str, Any] = {"account": "10A", "axis": "value", "value": "C", "at": MET}
    asked = {"text": "电量不对头", "by": "customer-a", "due_on": NOW.date(), "state": "withdrawn"}
    ended = {"answer": "电量已核实", "decided_by": "customer-a", "decided_at": MET}
    connection.execute(contest_table.insert().values(**of, **asked, **ended))
    span = {"since": MET.date(), "until": NOW.date(), "why": "老客户", "by": "operator"}
    connection.execute(lock_table.insert().values(**of, **span))


def whole(application: Application) -> str:
    """Everything that stands in the records, except who signed what: logs of operators."""
    with application.database.read() as connection:
        return "".join(line.decode() for table in tables.ordered() for line in tables.rows(connection, table))


def erased(application: Application) -> None:
    photos = application.fieldwork.photos
    erase_with_photos(application.database, photos, "C-A", by="operator", why="示例原因", now=NOW)


def photos_of(application: Application) -> int:
    return len(list(application.fieldwork.photos.folder.iterdir()))


def test_no_word_of_the_person_is_left_in_any_table(left: Application) -> None:
    before = whole(left)
    assert all(canary in before for canary in CANARIES), "the canaries are where they should be"
    erased(left)
    after = whole(left).replace("示例户 A01", "")
    assert [canary for canary in CANARIES if canary in after] == []


def test_their_photos_go_and_what_was_read_by_hand_stays(left: Application) -> None:
    read_by_hand(left, "M-3", "示例原因", PHOTO[:-3] + b"1\xff\xd9")
    assert photos_of(left) == 2
    erased(left)
    assert photos_of(left) == 1
    with left.database.read() as connection:
        reads = {row.point: row for row in connection.execute(select(read_table))}
    assert reads["M-2"].registers == {"energy_import_wh": 10}
    assert (reads["M-2"].photo, reads["M-3"].why) == (None, "示例原因")


def test_a_picture_that_is_anothers_too_stays(left: Application) -> None:
    read_by_hand(left, "M-3", "示例原因", PHOTO)
    erased(left)
    assert photos_of(left) == 1


def test_what_was_written_before_and_after_their_time_stays(left: Application) -> None:
    """M-1 is another's since; and a name that only begins like theirs is not theirs."""
    read_by_hand(left, "M-1", "新户说的", PHOTO)
    erased(left)
    after = whole(left)
    assert "新户说的" in after
    assert "示例户 A01 旧" in after


def test_a_family_that_shares_an_address_of_notices_still_gets_theirs(left: Application) -> None:
    with left.database.write() as connection:
        (alert,) = connection.scalars(select(notice_table.c.alert).limit(1))
        row = {
            "key": "b",
            "alert": alert,
            "customer": "C-B",
            "kind": "outage",
            "round": 9,
            "severity": "severe",
        }
        row |= {"params": {}, "trace": "0" * 16, "created_at": NOW}
        number = connection.execute(notice_table.insert().values(row)).inserted_primary_key
        assert number is not None
        sent = {"notice": number[0], "channel": "mailto://canary.example", "state": "pending", "attempts": 0}
        connection.execute(delivery_table.insert().values(**sent, next_at=NOW))
    erased(left)
    with left.database.read() as connection:
        theirs = select(delivery_table.c.channel).where(delivery_table.c.notice == number[0])
        assert list(connection.scalars(theirs)) == ["mailto://canary.example"]


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
