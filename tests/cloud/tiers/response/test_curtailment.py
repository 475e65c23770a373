"""A government-approved list comes in as it is, once; what it contradicts is told."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner, Result

from cloud.__main__ import app
from cloud.alerts import store
from cloud.alerts.actions import Alarms
from cloud.alerts.curtailment import CurtailmentWatch
from cloud.alerts.notify import Notices
from cloud.alerts.policy import AlertKind, alert_policy, notice_policy
from cloud.customers import protection
from cloud.customers.intake.documents import import_customers
from cloud.customers.protection import Protection
from cloud.kit.db import Database
from cloud.kit.errors import Conflict, Invalid
from cloud.settings import write_first
from cloud.tiers.response import curtailment
from cloud.tiers.response.curtailment import Against, Entry, Listing
from tests.clocks import ManualClock

NOW = datetime(2026, 7, 1, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
HEAD = "文号,批准机关,生效日期,截止日期,户号,压限负荷(kW),序位\n"
FIRST = "示例发改〔2026〕1号,示例县发改局,2026-07-01,2026-09-30,"
GOOD = f"{HEAD}{FIRST}71,120.5,2\n,,,,72,80,1\n,,,,73,40,3\n"


def listing(folder: Path, text: str = GOOD) -> Listing:
    file = folder / "list.csv"
    file.write_text(text, encoding="utf-8")
    return curtailment.read(file)


def known(database: Database) -> None:
    numbers = (71, 72, 73)
    with database.write() as connection:
        import_customers(connection, {
            "customer": [{"id": f"C{n}", "name": f"示例户 {n}", "language": "zh_CN"} for n in numbers],
            "account": [
                {"no": str(n), "customer": f"C{n}", "address": "示例", "class": "business"} for n in numbers
            ],
            "service": [],
        })  # fmt: skip


def kept(database: Database, found: Listing, *, replace: bool = False) -> curtailment.Report:
    with database.write() as connection:
        return curtailment.keep(connection, found, "op", NOW, replace=replace)


def test_a_list_is_read_in_its_order(tmp_path: Path) -> None:
    found = listing(tmp_path)
    assert found.entries == (
        Entry("72", Decimal(80), 1),
        Entry("71", Decimal("120.5"), 2),
        Entry("73", Decimal(40), 3),
    )
    assert (found.first, found.last, found.kw) == (date(2026, 7, 1), date(2026, 9, 30), Decimal("240.5"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (GOOD.replace("序位", "名次"), "no column order"),
        (GOOD.replace("72,80,1", "72,many,1"), "row 3: kw"),
        (GOOD.replace("72,80,1", "71,80,1"), "row 3: account 71 is there twice"),
        (GOOD.replace("72,80,1", "72,80,first"), "row 3: order"),
        (GOOD.replace("72,80,1", "72,-5,1"), "row 3: kw"),
        (GOOD.replace(",,,,72", "其他,,,,72"), "one file holds one document"),
        (GOOD.replace("2026-09-30", "2026-05-30"), "before valid_from"),
        (GOOD.replace("2026-09-30", "autumn"), "row 2"),
        (HEAD, "empty"),
    ],
)
def test_whatever_is_wrong_is_told_with_its_row(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(Invalid) as error:
        listing(tmp_path, text)
    assert any(told in each for each in (str(error.value), *error.value.problems))


def test_the_same_list_again_changes_nothing_and_another_under_its_number_is_refused(
    database: Database, tmp_path: Path
) -> None:
    known(database)
    assert kept(database, listing(tmp_path)).new
    assert not kept(database, listing(tmp_path)).new
    other = listing(tmp_path, GOOD.replace("120.5", "999"))
    with pytest.raises(Conflict, match="other contents"):
        kept(database, other)
    assert kept(database, other, replace=True).new
    with database.read() as connection:
        (found,) = curtailment.listings(connection, on=date(2026, 8, 1))
        assert curtailment.listings(connection, on=date(2026, 10, 1)) == []
    assert found.entries == other.entries


def test_protected_and_important_customers_on_it_are_contradictions_and_stay_as_approved(
    database: Database, tmp_path: Path
) -> None:
    known(database)
    with database.write() as connection:
        protection.protect(connection, "71", Protection.HOUSEHOLD, "test", "op", NOW)
        protection.protect(connection, "72", Protection.IMPORTANT, "test", "op", NOW)
    report = kept(database, listing(tmp_path))
    assert report.contradictions == {"71": {Against.HOUSEHOLD}, "72": {Against.IMPORTANT}}
    with database.read() as connection:
        found = curtailment.listing(connection, report.listing.document_no)
    assert len(found.entries) == 3


def test_accounts_that_nobody_knows_are_refused(database: Database, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="3 accounts that are not known"):
        kept(database, listing(tmp_path))


def typed(folder: Path, *more: str) -> Result:
    words = ["import", "curtailment", str(folder / "list.csv"), "-c", str(folder / "cloud.toml"), "--json"]
    return CliRunner().invoke(app, [*words, *more])


def test_the_command_has_a_dry_run_and_tells_contradictions(tmp_path: Path) -> None:
    write_first(tmp_path, "示例供电所", "Asia/Shanghai")
    listing(tmp_path)
    assert isinstance(typed(tmp_path).exception, Invalid)
    database = Database(f"sqlite:///{tmp_path / 'data' / 'records.db'}")
    known(database)
    with database.write() as connection:
        protection.protect(connection, "71", Protection.HOUSEHOLD, "test", "op", NOW)
    database.close()
    dry, first, again = typed(tmp_path, "--dry-run"), typed(tmp_path), typed(tmp_path)
    assert [json.loads(each.stdout)["new"] for each in (dry, first, again)] == [True, True, False]
    assert "contradiction: account 71" in dry.stderr
    assert json.loads(first.stdout)["contradictions"] == {"71": ["household"]}


def test_operators_are_told_while_a_list_concerns_today_or_tomorrow(
    database: Database, tmp_path: Path
) -> None:
    known(database)
    kept(database, listing(tmp_path))
    clock = ManualClock(datetime(2026, 6, 29, 15, tzinfo=UTC))  # 23:00 of two days before, local
    watch = CurtailmentWatch(database, Alarms(alert_policy(), Notices(notice_policy())), clock, ZONE)

    def alerts() -> list[tuple[int, bool]]:
        watch.tick()
        with database.read() as connection:
            rows = store.alerts(connection, kind=AlertKind.CURTAILMENT)
        assert all(row.customer is None and row.evidence["accounts"] == 3 for row in rows)
        return [(row.id, row.closed_at is None) for row in rows]

    assert alerts() == []
    clock.advance(2 * 3600)
    (first,) = alerts()
    assert first[1]
    clock.set(datetime(2026, 9, 30, 15, tzinfo=UTC))
    assert alerts() == [first]
    clock.advance(2 * 3600)
    assert alerts() == [(first[0], False)]


def test_a_list_that_was_replaced_is_another_alert(database: Database, tmp_path: Path) -> None:
    known(database)
    kept(database, listing(tmp_path))
    watch = CurtailmentWatch(
        database, Alarms(alert_policy(), Notices(notice_policy())), ManualClock(NOW), ZONE
    )
    watch.tick()
    kept(database, listing(tmp_path, GOOD.replace("120.5", "99")), replace=True)
    watch.tick()
    with database.read() as connection:
        rows = store.alerts(connection, kind=AlertKind.CURTAILMENT)
    assert [(row.evidence["kw"], row.closed_at is None) for row in rows] == [
        ("219.000", True),
        ("240.500", False),
    ]
