"""Installations partition the time of each point, whatever was changed in whatever order."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, insert, select

from cloud.fleet import history, topology
from cloud.fleet.history import Book, Note
from cloud.fleet.installed import installations, put_together
from cloud.fleet.registry import import_registry
from cloud.fleet.tables import meter_table
from cloud.kit.db import Database
from cloud.kit.errors import Conflict
from tests.cloud.fleet.test_registry import VILLAGE

DAY0 = datetime(2026, 1, 1, tzinfo=UTC)
NOTE = Note("tester", "示例", DAY0)
POINT = "M-1"
CHANGES = st.lists(
    st.tuples(
        st.integers(0, 20),
        st.sampled_from(["ratio", "area", "line", "feeder", "meter", "off"]),
        st.integers(1, 3),
    ),
    max_size=8,
)


@pytest.fixture
def village(sqlite_url: str) -> Iterator[Database]:
    made = Database(sqlite_url)
    with made.write() as connection:
        import_registry(connection, VILLAGE)
    yield made
    made.close()


def points(connection: Connection) -> list[str]:
    return sorted(connection.scalars(select(history.point_table.c.id)))


def change(book: Book, start: datetime, kind: str, value: int) -> None:
    match kind:
        case "ratio":
            book.patch(history.point_facts, POINT, start, None, {"ct_ratio": float(value)})
        case "area":
            book.patch(history.point_facts, POINT, start, None, {"area": f"A0{1 + value % 2}"})
        case "line":
            book.patch(history.line_facts, "M-1", start, None, {"line": f"rs485-{value}"})
        case "feeder":
            book.patch(history.area_facts, "A01", start, None, {"feeder": f"F{value}"})
        case "meter":
            book.end(history.point_meter, POINT, start)
            book.patch(history.point_meter, POINT, start, None, {"meter": "M-1"}, {})
        case "off":
            book.end(history.point_meter, POINT, start, start + timedelta(days=value))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CHANGES)
def test_installations_never_overlap_and_cover_all_time_at_which_a_meter_hung(
    village: Database, changes: list[tuple[int, str, int]]
) -> None:
    with village.write() as connection:
        book = Book(connection, NOTE)
        for start, kind, value in changes:
            change(book, DAY0 + timedelta(days=start), kind, value)
        book.write()
        found = topology.installations(
            connection, topology.BEGINNING, DAY0 + timedelta(days=90), points=[POINT]
        )
        everything = topology.BEGINNING, DAY0 + timedelta(days=90)
        slowly = put_together(connection, *everything, points(connection))
        assert installations(connection, *everything) == slowly, "one question for those that never changed"
        hung = history.load(connection, history.point_meter, [POINT]).get(POINT, [])
        for one, other in pairwise(found):
            assert one.end is not None
            assert one.end <= other.start
            assert one.end != other.start or (one.ct_ratio, one.area, one.line, one.feeder, one.meter) != (
                other.ct_ratio,
                other.area,
                other.line,
                other.feeder,
                other.meter,
            )
        for number in range(30):
            instant = DAY0 + timedelta(days=number, hours=12)
            covering = [
                each for each in found if each.start <= instant and (each.end is None or instant < each.end)
            ]
            assert len(covering) == sum(span.holds(instant) for span in hung) <= 1
            assert topology.at(connection, POINT, instant) == (covering[0] if covering else None)
        back = Book(connection, NOTE)
        for table, key in (
            (history.point_meter, POINT),
            (history.point_facts, POINT),
            (history.line_facts, "M-1"),
        ):
            back.end(table, key, topology.BEGINNING)
        back.patch(history.point_meter, POINT, topology.BEGINNING, None, {"meter": "M-1"}, {})
        place: dict[str, str | float | None] = {
            "area": "A01",
            "box": None,
            "role": "customer",
            "side": None,
            "phase": "l1",
            "parent": None,
        }
        place |= {"ct_ratio": 1.0, "pt_ratio": 1.0}
        back.patch(history.point_facts, POINT, topology.BEGINNING, None, place, {})
        line = {"gateway": "gw-a01", "line": "rs485-1", "interval_s": 60}
        back.patch(history.line_facts, "M-1", topology.BEGINNING, None, line, {})
        back.write()


def test_a_meter_of_todays_registry_is_its_own_point_ever_since(village: Database) -> None:
    with village.read() as connection:
        found = topology.installations(connection, DAY0, DAY0 + timedelta(days=1))
    assert [(each.point, each.meter, each.start, each.end) for each in found] == [
        (f"M-{n}", f"M-{n}", topology.BEGINNING, None) for n in (1, 2, 3)
    ]


def test_one_meter_cannot_hang_at_two_points(village: Database) -> None:
    with village.write() as connection:
        book = Book(connection, NOTE)
        book.end(history.point_meter, "M-2", DAY0)
        book.patch(history.point_meter, "M-2", DAY0, None, {"meter": "M-1"}, {})
        with pytest.raises(Conflict, match="two points at once"):
            book.write()


def test_facts_without_which_nothing_can_be_said_may_not_have_a_gap(village: Database) -> None:
    with village.write() as connection:
        book = Book(connection, NOTE)
        book.end(history.point_facts, "M-2", DAY0, DAY0 + timedelta(days=1))
        with pytest.raises(Conflict, match="nothing holds from"):
            book.write()


def test_a_changed_document_holds_from_the_day_it_is_brought_in(village: Database) -> None:
    changed: dict[str, Any] = {"meter": [VILLAGE["meter"][0] | {"ct_ratio": 40.0, "area": "A02"}]}
    with village.write() as connection:
        import_registry(connection, changed, NOTE, DAY0)
        before, after = topology.installations(
            connection, topology.BEGINNING, DAY0 + timedelta(days=1), points=[POINT]
        )
    assert (int(before.ct_ratio), before.area, before.end) == (1, "A01", DAY0)
    assert (int(after.ct_ratio), after.area, after.start) == (40, "A02", DAY0)


def test_who_was_in_service_on_a_day_and_why_not_all_of_it(village: Database) -> None:
    noon = DAY0 + timedelta(hours=12)
    with village.write() as connection:
        row = {name: value for name, value in VILLAGE["meter"][0].items() if name not in ("id", "address")}
        more = {"role": "customer", "interval_s": 60, "installed": False}
        connection.execute(insert(meter_table).values(id="N-1", address="000000000077", **row, **more))
        book = Book(connection, NOTE)
        book.end(history.point_meter, "M-1", noon)
        book.patch(history.point_meter, "M-1", noon, None, {"meter": "N-1"}, {})
        book.patch(
            history.line_facts, "N-1", noon, None, {}, {"gateway": "gw-a01", "line": "l", "interval_s": 60}
        )
        book.end(history.point_meter, "M-2", noon)
        book.end(history.point_meter, "M-3", topology.BEGINNING)
        book.write()
        found = topology.in_service(connection, DAY0, DAY0 + timedelta(days=1))
        next_day = topology.in_service(connection, DAY0 + timedelta(days=1), DAY0 + timedelta(days=2))
    assert [(each.point, each.partly) for each in found] == [("M-1", "exchanged"), ("M-2", "removed")]
    assert [each.meter for each in found[0].installations] == ["M-1", "N-1"]
    assert [(each.point, each.whole) for each in next_day] == [("M-1", True)]
