"""A table of metering points: taken in whole or not at all, every refused row named, twice is once."""

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from openpyxl import Workbook

from cloud.customers import store
from cloud.customers.intake.documents import import_customers
from cloud.customers.points import registry as registry_import
from cloud.customers.points.registry import Order
from cloud.fleet import events, imports, point_rows, registry, topology
from cloud.fleet.imports import Report
from cloud.fleet.owners import Owners, owners
from cloud.fleet.registry import import_registry
from cloud.kit.db import Database
from cloud.kit.errors import Invalid
from cloud.metering.vee import dirty

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
ROWS: list[dict[str, Any]] = [
    {
        "point": f"P-{n}",
        "area": "A01",
        "area_name": "示例台区 01",
        "capacity_kva": "400",
        "feeder": "F1",
        "box": "B-1",
        "phase": "A",
        "meter": f"M-{n}",
        "address": str(n),
        "model": "dlt645-2007-1p",
        "gateway": "gw-a01",
        "line": "rs485-1",
        "account": "10A" if n == 1 else "",
        "start": "2026-01-01",
    }
    for n in (1, 2, 3)
]
Take = Callable[..., Report]


@pytest.fixture
def records(sqlite_url: str) -> Iterator[Database]:
    made = Database(sqlite_url)
    prepare(made)
    yield made
    made.close()


def prepare(database: Database) -> None:
    account = {"customer": "C-A", "address": "示例村 A", "class": "household"}
    with database.write() as connection:
        import_registry(connection, {"gateway": [{"id": "gw-a01", "name": "示例网关 01"}]})
        customers = {
            "customer": [{"id": "C-A", "name": "示例户 A"}],
            "account": [account | {"no": "10A"}, account | {"no": "10B"}],
        }
        import_customers(connection, customers)


@pytest.fixture
def take(records: Database, tmp_path: Path) -> Take:
    return taker(records, tmp_path)


def taker(records: Database, folder: Path) -> Take:
    def take(rows: list[dict[str, Any]], whose: Owners | None = None, **more: Any) -> Report:
        path = folder / "points.csv"
        path.write_bytes(as_csv(rows))
        order = replace(Order("import", NOW, ZONE), **more)
        return registry_import.from_table(records, path, order, whose or owners(None, "sole"))

    return take


def as_csv(rows: list[dict[str, Any]], encoding: str = "utf-8") -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(encoding)


def changed(rows: list[dict[str, Any]], number: int, **fields: Any) -> list[dict[str, Any]]:
    return [row | (fields if at == number else {}) for at, row in enumerate(rows)]


def test_the_same_table_again_changes_nothing(take: Take, records: Database) -> None:
    first = take(ROWS)
    assert first.counts() == {"added": 7, "changed": 0, "ended": 0, "unchanged": 0, "absent": 0, "refused": 0}
    with records.read() as connection:
        before = topology.installations(connection, topology.BEGINNING, NOW)
    for _ in range(2):
        again = take(ROWS, at=NOW + timedelta(days=1))
        assert again.quiet
        assert again.unchanged == 3
    with records.read() as connection:
        assert topology.installations(connection, topology.BEGINNING, NOW) == before
        assert [row.outcome for row in imports.newest(connection)] == ["unchanged", "unchanged", "done"]


def test_a_new_point_is_there_from_its_day_on_and_serves_its_account(take: Take, records: Database) -> None:
    take(ROWS)
    started = datetime(2026, 1, 1, tzinfo=ZONE)
    with records.read() as connection:
        found = topology.installations(connection, topology.BEGINNING, NOW)
        assert {(each.point, each.meter, each.start) for each in found} == {
            (f"P-{n}", f"M-{n}", started) for n in (1, 2, 3)
        }
        assert store.scope_of(connection, "C-A").clip("M-1", started, NOW) == [(started, NOW)]
        assert registry.meter(connection, "M-2").address == "000000000002"


def test_the_report_tells_each_field_with_what_it_was_and_is(take: Take) -> None:
    take(ROWS)
    rows = changed(changed(ROWS, 0, ct_ratio="100/5", account="10B"), 1, box="B-2", phase="-")
    found = {(each.id, each.field): (each.old, each.new, each.row) for each in take(rows).changed}
    assert found == {
        ("P-1", "ct_ratio"): (1.0, 20.0, 2),
        ("P-1", "account"): ("10A", "10B", 2),
        ("P-2", "box"): ("B-1", "B-2", 3),
        ("P-2", "phase"): ("l1", None, 3),
    }


def test_a_change_holds_from_the_day_of_the_file(take: Take, records: Database) -> None:
    take(ROWS)
    as_of = NOW - timedelta(days=3)
    take(changed(ROWS, 0, ct_ratio="20"), as_of=as_of)
    with records.read() as connection:
        found = topology.installations(connection, topology.BEGINNING, NOW, points=["P-1"])
        again = dirty.marks(connection, NOW.date())
    assert [(each[0], each[1].isoformat()) for each in again] == [
        ("M-1", f"2026-{day}") for day in ("02-27", "02-28", "03-01")
    ]
    assert [(int(each.ct_ratio), each.end) for each in found] == [(1, as_of), (20, None)]


def test_another_meter_at_a_point_is_an_exchange_without_register_values(
    take: Take, records: Database
) -> None:
    take(ROWS)
    take(changed(ROWS, 0, meter="N-1", address="91"))
    with records.read() as connection:
        [event] = events.events(connection, unproven=True)
        assert (event.removed, event.installed, event.doubts[0]["doubt"]) == (
            "M-1",
            "N-1",
            "registers_missing",
        )
        assert [each.meter for each in store.meters_of_account(connection, "10A", NOW)] == ["N-1"]
        assert not registry.meter(connection, "M-1").installed


def test_two_meters_that_changed_places_are_taken_in_one_file(take: Take, records: Database) -> None:
    take(ROWS)
    rows = [ROWS[0] | {"meter": "M-2", "address": "2"}, ROWS[1] | {"meter": "M-1", "address": "1"}, ROWS[2]]
    assert take(rows).refused == ()
    with records.read() as connection:
        assert [row.meter for row in topology.points(connection)] == ["M-2", "M-1", "M-3"]


def test_a_dry_run_tells_the_same_and_does_nothing(take: Take, records: Database) -> None:
    told = take(ROWS, dry_run=True)
    with records.read() as connection:
        assert topology.points(connection) == []
        assert imports.newest(connection) == []
    assert take(ROWS) == told


def test_a_point_that_is_not_in_the_file_stays_and_one_with_an_end_ends(
    take: Take, records: Database
) -> None:
    take(ROWS)
    rows = changed(ROWS[:2], 1, end="2026-03-01")
    report = take(rows)
    assert (report.ended, report.absent) == ([("point", "P-2")], 1)
    with records.read() as connection:
        assert [row.point for row in topology.points(connection)] == ["P-1", "P-3"]
        [last] = topology.installations(connection, topology.BEGINNING, NOW, points=["P-2"])
    assert last.end == datetime(2026, 3, 1, tzinfo=ZONE)
    assert take(rows).quiet
    assert "ended on 2026-03-01" in take(ROWS[:2]).refused[0].why


REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"point": ""}, "point"),
    ({"point": "P 2"}, "point"),
    ({"point": "P-1"}, "is in row 2 already"),
    ({"meter": "M-1"}, "meter 'M-1' is in row 2 already"),
    ({"area": "A02", "feeder": ""}, "name its feeder"),
    ({"area": ""}, "name its area"),
    ({"capacity_kva": "0"}, "capacity_kva"),
    ({"capacity_kva": "315"}, "400.0 in row 2 for the same area"),
    ({"phase": "D"}, "phase 'D': use one of A, B, C"),
    ({"phase": "D", "interval_s": "x"}, "; interval_s 'x': "),
    ({"side": "中压"}, "side"),
    ({"role": "x"}, "role"),
    ({"ct_ratio": "100/0"}, "ct_ratio"),
    ({"ct_ratio": "nan"}, "ct_ratio"),
    ({"gateway": "gw-b"}, "there is no gateway 'gw-b'"),
    ({"model": "x"}, "there is no model 'x'"),
    ({"account": "99"}, "there is no account '99'"),
    ({"parent": "P-9"}, "there is no point 'P-9'"),
    ({"parent": "P-2"}, "not deducted from itself"),
    ({"line": ""}, "line is lacking"),
    ({"meter": ""}, "name the meter"),
    ({"address": "12A"}, "address"),
    ({"interval_s": "0"}, "interval_s"),
    ({"start": "2026-13-01"}, "start"),
    ({"start": "2026-12-01"}, "a day that has come"),
    ({"end": "2025-01-01"}, "end: a day that has come"),
    ({"manager": "示例 经理"}, "manager"),
]


@pytest.mark.parametrize(("fields", "told"), REFUSALS, ids=lambda each: str(each)[:32])
def test_one_wrong_row_keeps_the_whole_table_out_and_is_named_by_its_number(
    take: Take, records: Database, fields: dict[str, Any], told: str
) -> None:
    report = take(changed(ROWS, 1, **fields))
    assert [(each.row, told in each.why) for each in report.refused if each.row is not None][:1] == [
        (3, True)
    ], report
    with records.read() as connection:
        assert topology.points(connection) == []
        assert registry.areas(connection) == []
        assert imports.newest(connection)[0].outcome == "refused"


def test_every_wrong_row_is_named(take: Take) -> None:
    report = take([row | {"gateway": "gw-b"} for row in ROWS])
    assert [each.row for each in report.refused] == [2, 3, 4]


def test_an_address_twice_on_a_line_is_refused(take: Take) -> None:
    assert "two meters answer to address" in take(changed(ROWS, 1, address="1")).refused[0].why


def test_a_file_older_than_the_last_change_undoes_nothing(take: Take) -> None:
    take(ROWS)
    take(changed(ROWS, 0, ct_ratio="20"))
    report = take(ROWS[:1] and changed(ROWS, 0, ct_ratio="30"), as_of=NOW - timedelta(days=1))
    assert "after the time of this file" in report.refused[0].why


def test_in_a_companion_a_file_changes_what_its_system_owns_and_nothing_else(take: Take) -> None:
    companion = owners(None, "companion")
    take(ROWS, companion)
    report = take(changed(changed(ROWS, 0, ct_ratio="20"), 2, line="rs485-2", manager="staff-07"), companion)
    assert [(each.row, each.why) for each in report.refused] == [
        (2, "area 'A01': manager is owned by wattpost; marketing may not change it from None to staff-07"),
        (4, "meter 'M-3': line is owned by wattpost; marketing may not change it from rs485-1 to rs485-2"),
    ]
    assert len(take(changed(ROWS, 0, ct_ratio="20"), companion).changed) == 1
    refused = take(changed(ROWS, 0, ct_ratio="40"), companion, system="acquisition").refused
    assert "ct_ratio is owned by marketing; acquisition may not change it" in refused[0].why


def test_a_document_tells_what_it_changed_too(records: Database, tmp_path: Path) -> None:
    path = tmp_path / "village.json"
    path.write_text("{}")
    area = {"id": "A01", "name": "示例台区 01", "feeder": "F1"}
    order = Order("import", NOW, ZONE)
    report, _ = registry_import.from_document(records, path, {"area": [area]}, order, owners(None, "sole"))
    assert report.added == [("area", "A01")]
    changed_area = {"area": [area | {"feeder": "F2"}]}
    report, _ = registry_import.from_document(records, path, changed_area, order, owners(None, "sole"))
    assert [(each.field, each.old, each.new) for each in report.changed] == [("feeder", "F1", "F2")]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_template_is_a_table_that_can_be_taken_in(
    records: Database, tmp_path: Path, language: str
) -> None:
    path = tmp_path / "points.csv"
    path.write_text(point_rows.template(language), encoding="utf-8")
    report = registry_import.from_table(records, path, Order("import", NOW, ZONE), owners(None, "sole"))
    assert report.counts()["added"] == 3


def test_a_spreadsheet_says_the_same_as_the_csv(records: Database, tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.append(["计量点", "台区", "线路", "变压器容量", "启用日期"])
    sheet.append(["P-1", "A01", "F1", 400, datetime(2026, 1, 1)])
    path = tmp_path / "points.xlsx"
    book.save(path)
    report = registry_import.from_table(records, path, Order("import", NOW, ZONE), owners(None, "sole"))
    assert report.added == [("area", "A01"), ("point", "P-1")]


def test_on_both_databases_a_table_comes_in_changes_and_ends(database: Database, tmp_path: Path) -> None:
    prepare(database)
    take = taker(database, tmp_path)
    assert take(ROWS).counts()["added"] == 7
    assert take(ROWS).quiet
    assert len(take(changed(ROWS, 0, ct_ratio="20", meter="N-1", address="91")).changed) == 2
    assert take(changed(ROWS[1:], 0, end="2026-03-01")).ended == [("point", "P-2")]
    with database.read() as connection:
        assert [row.meter for row in topology.points(connection)] == ["N-1", "M-3"]


@pytest.mark.parametrize("text", ["", "x", "2026-13-01", "2027-01-01", "1960-01-01"])
def test_a_day_of_the_file_that_has_not_come_is_refused(text: str) -> None:
    if text:
        with pytest.raises(Invalid):
            registry_import.order("x", NOW, ZONE, text, "", dry_run=False)
    assert registry_import.order("x", NOW, ZONE, "2026-03-01", "", dry_run=False).as_of == datetime(
        2026, 3, 1, tzinfo=ZONE
    )
