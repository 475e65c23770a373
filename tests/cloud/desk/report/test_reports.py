"""A monthly report says what the archive, the tariff and the books say; issued once, revised in the open."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import insert, update

from cloud.alerts.policy import AlertKind
from cloud.alerts.store import alert_table, out_meter_table
from cloud.billing.store import bill_table
from cloud.desk.report import comparing, store
from cloud.desk.report.actions import KIND
from cloud.desk.report.days import Day
from cloud.insight import runs
from cloud.kit.days import midnight
from cloud.kit.errors import Conflict, NotFound
from cloud.metering.vee.dirty import dirty_table
from cloud.tiers.entitlements import book
from cloud.tiers.entitlements.evidence import Outside
from cloud.tiers.entitlements.gathering import month_of
from cloud.tiers.entitlements.ledger import Ledger
from cloud.tiers.entitlements.tables import given_table
from tests.cloud.desk.report.made import MOVED, NOW, OCTOBER, Station
from tests.cloud.insight.archived_station import ZONE


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    made = Station(tmp_path_factory.mktemp("reports"))
    yield made
    made.close()


def test_the_days_the_bands_and_the_priced_lines_are_of_one_sum(station: Station) -> None:
    found = station.reports.compose("F-000", OCTOBER)
    use = found.use
    assert use.whole
    assert len(use.days) == 31
    assert use.kwh is not None
    assert use.kwh_by_band is not None
    assert sum(use.kwh_by_band.values()) == use.kwh
    assert sum(day.kwh or 0 for day in use.days) == pytest.approx(float(use.kwh), rel=1e-6)
    lines = {each.what: each for each in found.estimate.lines if each.kind == "energy"}
    assert {band: each.quantity.quantize(Decimal("0.001")) for band, each in lines.items()} == use.kwh_by_band
    assert found.estimate.total == sum(each.amount for each in found.estimate.lines)
    assert found.two_part is not None
    assert (found.two_part.cos, found.two_part.adjustment) == (80, Decimal("5.0"))
    assert found.two_part.demand_kw == pytest.approx(Decimal(360))
    assert use.peak_at == midnight(date(2026, 10, 21), ZONE) + timedelta(hours=10)
    assert use.highest_day == date(2026, 10, 21)


def test_a_month_is_compared_by_days_that_may_be_and_refused_where_none_are(station: Station) -> None:
    before, ago = station.reports.compose("F-000", OCTOBER).comparisons
    assert before.change == pytest.approx(0.1, abs=0.001)
    assert {each.kind for each in before.kinds} == {"workday", "day_off"}
    assert (ago.change, ago.refused) == (None, "nothing_stored")


def test_holes_are_said_and_keep_their_days_out_and_the_price_away(station: Station) -> None:
    found = station.reports.compose("F-001", OCTOBER)
    assert found.use.coverage == pytest.approx(27 / 31, abs=1e-3)
    assert [day.kwh for day in found.use.days if not day.coverage] == [None] * 4
    half = Day(OCTOBER, 50.0, None, 0.5, 0.0)
    assert not comparing.usable(half)
    assert comparing.usable(replace(half, coverage=1.0))
    assert found.estimate.refused == "holes"
    assert found.estimate.total is None
    assert found.comparisons[0].change == pytest.approx(0.1, abs=0.001)


def test_a_tenant_is_told_nothing_of_the_one_before_nor_the_one_after(station: Station) -> None:
    came, left = (station.reports.compose(name, OCTOBER) for name in ("F-NEW", "F-002"))
    assert (came.use.first, came.use.last) == (date(2026, 10, 15), date(2026, 10, 31))
    assert (left.use.first, left.use.last) == (OCTOBER, date(2026, 10, 14))
    assert came.comparisons[0].refused == "not_served"
    assert left.comparisons[0].change is not None
    assert came.estimate.refused == "part_month"


def test_steps_of_a_year_are_not_priced_without_the_year_before_them(station: Station) -> None:
    found = station.reports.compose("H-000", OCTOBER)
    assert (found.estimate.refused, found.estimate.params) == ("few_months", {"have": 30, "need": 273})
    assert found.two_part is None


def test_an_outage_is_told_to_whom_it_befell(station: Station) -> None:
    dark = MOVED - timedelta(days=2)
    with station.database.write() as connection:
        alert = {"id": 77, "kind": AlertKind.AREA_OUTAGE.value, "cause": "outage", "severity": "severe"}
        more = {"opened_at": dark, "closed_at": dark, "trace": "0" * 16, "evidence": {}}
        connection.execute(insert(alert_table).values(alert | more))
        back = dark + timedelta(minutes=45)
        row = {"alert": 77, "meter": "F-002", "dark_at": dark, "back_at": back, "restored_at": back}
        connection.execute(insert(out_meter_table).values(row))
    told = {name: station.reports.compose(name, OCTOBER).outages for name in ("F-002", "F-NEW", "F-000")}
    assert [each.minutes for each in told["F-002"]] == [45]
    assert told["F-NEW"] == told["F-000"] == []


def test_a_month_that_runs_and_an_account_that_is_not_have_no_report(station: Station) -> None:
    with pytest.raises(Conflict, match="2026-11 is not over yet"):
        station.reports.compose("F-000", date(2026, 11, 1))
    with pytest.raises(NotFound):
        station.reports.compose("F-X", OCTOBER)


def test_one_is_issued_once_the_days_are_settled_and_a_late_bill_makes_a_revision_that_says_so(
    station: Station,
) -> None:
    reports, letters = station.reports, station.letters
    with station.database.write() as connection:
        terms = {"report_monthly": {"value": True, "rule": "large-industry-a", "when": {}}}
        given = {"since": datetime(2026, 1, 1, tzinfo=UTC), "version": "x", "terms": terms}
        connection.execute(insert(given_table), [given | {"account": "F-000"}, given | {"account": "F-001"}])
        dirty = {"meter": "F-001", "day": date(2026, 10, 9), "times": 1}
        connection.execute(insert(dirty_table).values(dirty))
        bill = {"account": "F-000", "month": date(2026, 9, 1), "kwh": Decimal("0.5"), "amount": Decimal(50)}
        row = bill | {"due_on": date(2026, 10, 25), "paid_on": date(2026, 10, 20), "origin": "import"}
        connection.execute(insert(bill_table).values(row))
    station.clock.set(NOW - timedelta(days=3))
    assert set(reports.issue_all(OCTOBER).waiting) == {"F-000", "F-001"}  # for the bill, until the 7th
    station.clock.set(NOW)
    made = reports.issue_all(OCTOBER)
    assert (made.accounts, made.issued, made.waiting) == (2, 1, ["F-001"])
    assert reports.issue_all(OCTOBER).same == 1
    with station.database.write() as connection:
        bill = {"account": "F-000", "month": OCTOBER, "kwh": Decimal(1), "amount": Decimal("98765.43")}
        row = bill | {"due_on": date(2026, 11, 25), "paid_on": None, "origin": "import"}
        connection.execute(insert(bill_table).values(row))
    assert reports.issue_all(OCTOBER).revised == 1
    with station.database.read() as connection:
        second, first = store.of_account(connection, "F-000")
        assert store.one(connection, "F-000", OCTOBER, 1)[1].billed is None
        assert store.issued_days(connection, OCTOBER, ZONE) == {"F-000": date(2026, 11, 8)}
        report = store.one(connection, "F-000", OCTOBER)[1]
    assert (first.revision, second.revision) == (1, 2)
    assert [(each.of_energy, each.of_price, each.difference) for each in report.bills_then] == [
        (Decimal("50.00"), Decimal("98665.43"), Decimal("98715.43"))
    ]
    assert list(second.changes) == [{"what": "bill", "before": None, "after": "98765.43"}]
    assert [each.params for each in letters] == [
        {"month": "2026-10-01", "revision": number} for number in (1, 2)
    ]
    with station.database.write() as connection:  # that it was paid is no late fact of the month
        connection.execute(update(bill_table).values(paid_on=date(2026, 11, 20)))
    assert reports.issue_all(OCTOBER).same == 1


def test_the_ledger_of_promises_counts_what_was_issued(station: Station) -> None:
    outside = Outside(reports=partial(store.issued_days, zone=ZONE))
    Ledger(station.database, station.reports.promises, station.clock, outside).judge(month_of(OCTOBER, ZONE))
    with station.database.read() as connection:
        rows = {name: book.rows_of(connection, name) for name in ("F-000", "F-001")}
    [mine] = [row for row in rows["F-000"] if row.part == "report"]
    [other] = [row for row in rows["F-001"] if row.part == "report"]
    assert (mine.state, mine.figures["last"]) == ("delivered", "2026-11-08")
    assert mine.sources["recorded"] == "issued_report"
    assert (other.state, other.reason) == ("not_due", "not_yet")
    station.clock.set(datetime(2026, 11, 10, 17, tzinfo=UTC))  # the 11th: its day has passed
    for known, said in ((outside, ("missed", "not_issued")), (Outside(), ("not_known", "nothing_recorded"))):
        Ledger(station.database, station.reports.promises, station.clock, known).judge(
            month_of(OCTOBER, ZONE)
        )
        with station.database.read() as connection:
            [other] = [row for row in book.rows_of(connection, "F-001") if row.part == "report"]
        assert (other.state, other.reason) == said
    station.clock.set(NOW)


def test_a_month_that_the_archive_has_not_reached_waits(station: Station) -> None:
    station.clock.set(datetime(2026, 12, 9, tzinfo=UTC))
    assert station.reports.issue_all(date(2026, 11, 1)).waiting == ["F-000", "F-001"]
    station.clock.set(NOW)


def test_the_job_composes_nothing_where_nothing_changed(station: Station, tmp_path: Path) -> None:
    station.clock.set(NOW)
    with station.database.write() as connection:
        connection.execute(dirty_table.delete())
    station.reports.tick()
    told = len(station.letters)
    with station.database.read() as connection:
        ran = runs.newest(connection)
    station.clock.advance(60)
    assert [each.subject for each in station.letters].count("report F-001 2026-10 1") == 1
    station.reports.tick()
    assert len(station.letters) == told
    with station.database.read() as connection:
        again = {each.first: each.at for each in runs.newest(connection) if each.kind == KIND}
    assert again[OCTOBER] == next(each.at for each in ran if each.kind == KIND and each.first == OCTOBER)
