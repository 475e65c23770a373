"""A customer is told when a promised limit was passed, once, and when it is kept again."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import insert, select

from cloud.alerts import store
from cloud.alerts.actions import Alarms
from cloud.alerts.limits import LimitWatch
from cloud.alerts.notify import Notices, inbox
from cloud.alerts.policy import AlertKind, NoticeKind, alert_policy, notice_policy
from cloud.customers.file.contracts import contract_table
from cloud.customers.file.needs import need_table
from cloud.customers.intake.documents import import_customers
from cloud.customers.store import account_table, service_table
from cloud.insight import runs
from cloud.insight.areas.policy import quality_policy
from cloud.insight.energies import store as energies
from cloud.insight.indicators.store import COLUMNS, AreaDay, replace
from cloud.insight.runs import WHOLE, Run
from cloud.kit.days import bounds
from cloud.metering.vee.point_day import Channel
from cloud.tiers.entitlements.preferences import preferred
from cloud.tiers.entitlements.store import Promises, keep, of_many, promises
from cloud.tiers.entitlements.tables import limit_table
from cloud.tiers.entitlements.watching import Watchman
from tests.cloud.insight.areas.small_station import DAY, SmallStation
from tests.cloud.metering.archive.village import NOW, SHANGHAI

LARGE, HOME = "N-1", "N-2"
PHASES = ("voltage_l1_v", "voltage_l2_v", "voltage_l3_v")
ONE = timedelta(days=1)


class Watched:
    """N-1 is a large industry of 100 kVA at M-1, N-2 a household that is sensitive to voltage at M-2."""

    def __init__(self, station: SmallStation) -> None:
        self.station, self.database, self.clock = station, station.database, station.clock
        self.promises: Promises = promises(None, SHANGHAI)
        with self.database.write() as connection:
            import_customers(connection, _document())
            connection.execute(insert(contract_table).values(_contract()))
            connection.execute(insert(need_table).values(_need()))
            began = datetime(2026, 1, 2, tzinfo=UTC)
            keep(connection, of_many(connection, self.promises, began).values(), began)
        notices = Notices(notice_policy(), prefer=preferred)
        folder = station.archive.folder
        watchman = Watchman(self.database, folder, self.promises, quality_policy(), self.clock)
        alarms = Alarms(alert_policy(), notices)
        self.watch = LimitWatch(self.database, watchman, alarms, notices, self.clock)
        self.revision = 0

    def day(self, day: date, kw: float, valid: int = 96, estimated: int = 0) -> None:
        """The day's demand of M-1 was reckoned, anew if it was before."""
        values = np.full((1, COLUMNS), np.nan, np.float32)
        values[0, [1, 17, 18]] = kw, valid, estimated
        self.revision += 1
        run = Run("indicators", WHOLE, day, day, str(self.revision), 1, runs.State.DONE, None, 1, NOW)
        made = AreaDay("A01", day, Channel.IMPORT, ("M-1",), values, np.array([96]), "", 1)
        self.clock.set(datetime.combine(day, datetime.min.time(), UTC) + ONE)
        with self.database.write() as connection:
            replace(connection, [("A01", day, day)], [made], NOW)
            runs.save(connection, [run])
        self.watch.run()

    def also_large(self, account: str, point: str) -> None:
        """This account is a large industry too, at this point alone, and always was."""
        with self.database.write() as connection:
            connection.execute(
                account_table.update()
                .where(account_table.c.no == account)
                .values({"class": "large_industry"})
            )
            mine = service_table.c.account == account
            connection.execute(service_table.update().where(mine).values(point=point))
            began = datetime(2026, 1, 3, tzinfo=UTC)
            keep(connection, of_many(connection, self.promises, began).values(), began)

    def alerts(self, *, only_open: bool = False) -> list[tuple[str, str]]:
        with self.database.read() as connection:
            rows = store.alerts(connection, only_open=only_open)
        return [(row.kind, row.evidence["account"]) for row in rows]

    def told(self, customer: str) -> list[NoticeKind]:
        with self.database.read() as connection:
            return [each.kind for each in reversed(inbox(connection, customer))]

    def rows(self, account: str, kind: str) -> list[Any]:
        with self.database.read() as connection:
            query = select(limit_table).where(limit_table.c.account == account, limit_table.c.kind == kind)
            return list(connection.execute(query.order_by(limit_table.c.day)))


def _is_raw_of(area: str, file: Path) -> bool:
    return {"raw", area} <= {part.partition("=")[2] or part for part in file.parts}


def _document() -> dict[str, Any]:
    accounts = ((LARGE, "large_industry", "M-1"), (HOME, "household", "M-2"), ("N-3", "household", "M-3"))
    since = datetime(2025, 1, 1, tzinfo=UTC).isoformat()
    return {
        "customer": [{"id": f"C-{no}", "name": f"示例户 {no}", "language": "zh_CN"} for no, *_ in accounts],
        "contact": [{"customer": f"C-{LARGE}", "channel": "json://example.invalid"}],
        "account": [
            {"no": no, "customer": f"C-{no}", "address": "示例村", "class": kind} for no, kind, _ in accounts
        ],
        "service": [{"account": no, "meter": meter, "start": since} for no, _, meter in accounts],
    }


def _contract() -> dict[str, Any]:
    return {
        "account": LARGE, "from_day": date(2025, 1, 1), "tariff": "hubei-industry", "plan": "tou",
        "voltage": "10kV", "capacity_kva": Decimal(100), "basis": "capacity", "price_source": "market",
    }  # fmt: skip


def _need() -> dict[str, Any]:
    return {
        "account": HOME, "need": "voltage", "detail": "", "origin": "declared", "evidence": {},
        "since": datetime(2026, 1, 1, tzinfo=UTC), "by": "operator",
    }  # fmt: skip


@pytest.fixture
def watched(tmp_path: Path, sqlite_url: str) -> Iterator[Watched]:
    station = SmallStation(tmp_path, sqlite_url)
    yield Watched(station)
    station.close()


@pytest.fixture
def either(tmp_path: Path, database_url: str) -> Iterator[Watched]:
    station = SmallStation(tmp_path, database_url)
    yield Watched(station)
    station.close()


def test_one_alert_while_a_limit_is_passed_and_its_end_after_days_within(either: Watched) -> None:
    days = iter(date(2026, 3, 1) + n * ONE for n in range(20))
    either.day(next(days), 90.0)
    assert either.alerts() == []
    for kw in (101.0, 130.0):
        either.day(next(days), kw)
    either.watch.run()
    assert either.alerts() == [("demand_limit", LARGE)]
    assert either.told(f"C-{LARGE}") == [NoticeKind.LIMIT]
    for kw, valid in ((90.0, 96), (90.0, 96), (0.0, 20), (np.nan, 0)):
        either.day(next(days), kw, valid)
    assert either.alerts(only_open=True), "days of which too little is known end nothing"
    either.day(next(days), 90.0)
    assert either.alerts(only_open=True) == []
    either.day(next(days), 99.0)
    assert either.told(f"C-{LARGE}") == [NoticeKind.LIMIT, NoticeKind.LIMIT_OVER]
    either.day(next(days), 102.0)
    assert either.alerts() == [("demand_limit", LARGE)] * 2
    assert [row.state for row in either.rows(LARGE, "demand")] == [
        "within", "passed", "passed", "within", "within", "unknown", "unknown", "within", "within", "passed"
    ]  # fmt: skip
    assert all((row.alert is not None) == (row.state == "passed") for row in either.rows(LARGE, "demand"))


def test_evidence_names_day_value_limit_and_coverage_and_the_notice_no_figure(watched: Watched) -> None:
    watched.day(DAY, 125.0)
    with watched.database.read() as connection:
        (alert,) = store.alerts(connection, kind=AlertKind.DEMAND_LIMIT)
        (notice,) = inbox(connection, f"C-{LARGE}")
    assert {name: alert.evidence[name] for name in ("day", "value", "limit", "coverage", "of", "rule")} == {
        "day": "2026-03-05", "value": 1.25, "limit": 1.0, "coverage": 1.0, "of": "capacity_kva",
        "rule": "base",
    }  # fmt: skip
    assert notice.params == {"account": LARGE, "limit": "demand", "day": "2026-03-05"}


def test_a_day_that_comes_otherwise_is_judged_anew_and_not_told_twice(watched: Watched) -> None:
    watched.day(DAY, 125.0)
    watched.day(DAY, 126.0)
    assert watched.told(f"C-{LARGE}") == [NoticeKind.LIMIT]
    (row,) = watched.rows(LARGE, "demand")
    assert (row.value, row.alert is not None) == (1.26, True)
    for number in (1, 2, 3):
        watched.day(DAY + number * ONE, 50.0)
    watched.day(DAY, 127.0)  # after the alert has ended
    assert [row.alert for row in watched.rows(LARGE, "demand")[:2]] == [row.alert, None]
    assert watched.told(f"C-{LARGE}") == [NoticeKind.LIMIT, NoticeKind.LIMIT_OVER]


def test_voltages_are_read_against_each_accounts_own_limits(watched: Watched) -> None:
    """6 % above is within GB/T 12325 and beyond the 5 % of who is sensitive; N-3 is promised nothing."""
    station = watched.station
    for seq, (point, volts) in enumerate((("M-1", 234.0), ("M-2", 234.0), ("M-3", 250.0)), 1):
        station.curve(point, 1.0)
        station.gauges(point, dict.fromkeys(PHASES, volts), seq=seq)
    station.archive_days(DAY)
    watched.day(DAY, 50.0)
    assert watched.alerts() == [("voltage_limit", HOME)]
    (row,) = watched.rows(HOME, "voltage")
    assert (row.limit, row.coverage, row.rule) == (0.05, 1.0, "need-voltage")
    assert row.value == pytest.approx(234 / 220 - 1, abs=1e-4)
    assert [row.state for row in watched.rows(LARGE, "voltage")] == ["within"]
    assert watched.rows("N-3", "voltage") == []


def test_a_damaged_file_costs_the_voltages_of_its_own_area_and_is_read_again(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    station = watched.station
    watched.also_large("N-3", "M-5")
    for seq, point in enumerate(("M-1", "M-5"), 1):
        station.curve(point, 1.0)
        station.gauges(point, dict.fromkeys(PHASES, 250.0), seq=seq)
    station.archive_days(DAY)
    (file,) = (each for each in station.archive.folder.rglob("*.parquet") if _is_raw_of("A01", each))
    whole = file.read_bytes()
    file.write_bytes(whole[:-9] + bytes(9))
    watched.day(DAY, 125.0)
    assert sorted(watched.alerts()) == [("demand_limit", LARGE), ("voltage_limit", "N-3")]
    assert "A01" in caplog.text
    file.write_bytes(whole)
    watched.watch.run()
    assert sorted(watched.alerts())[1:] == [("voltage_limit", LARGE), ("voltage_limit", "N-3")]


def test_a_day_on_which_one_of_two_points_came_says_nothing_of_the_account(watched: Watched) -> None:
    with watched.database.write() as connection:
        came = {"account": LARGE, "meter": "M-4", "start": bounds(DAY, SHANGHAI)[0] + timedelta(hours=9)}
        connection.execute(insert(service_table).values(came))
    watched.day(DAY - ONE, 90.0)
    watched.day(DAY, 90.0)
    watched.day(DAY + ONE, 90.0)
    assert [(row.day, row.reason) for row in watched.rows(LARGE, "demand")] == [
        (DAY - ONE, None), (DAY + ONE, "not_measured")
    ]  # fmt: skip


@pytest.mark.parametrize("passed", [True, False])
def test_who_takes_an_account_over_hears_nothing_of_what_the_one_before_was_told(
    watched: Watched, passed: bool
) -> None:
    watched.day(DAY, 125.0)
    with watched.database.write() as connection:
        connection.exec_driver_sql("UPDATE account SET customer = 'C-N-2' WHERE no = 'N-1'")
    watched.watch.run()
    assert watched.alerts(only_open=True) == []
    watched.day(DAY + ONE, 125.0 if passed else 50.0)
    assert watched.told(f"C-{LARGE}") == [NoticeKind.LIMIT], "nobody says that it is kept again"
    assert watched.told(f"C-{HOME}") == [NoticeKind.LIMIT] * passed


@pytest.mark.parametrize("ends", ["promise", "service"])
def test_the_alert_of_who_is_promised_it_no_more_ends(watched: Watched, ends: str) -> None:
    watched.day(DAY, 125.0)
    later = watched.clock.now() + 2 * ONE
    watched.clock.set(later)
    with watched.database.write() as connection:
        if ends == "service":
            mine = service_table.c.account == LARGE
            connection.execute(service_table.update().where(mine).values(end=later))
        else:
            connection.exec_driver_sql("UPDATE account SET class = 'other' WHERE no = 'N-1'")
            keep(connection, of_many(connection, watched.promises, later).values(), later)
    watched.watch.run()
    assert watched.alerts(only_open=True) == []
    assert watched.told(f"C-{LARGE}") == [NoticeKind.LIMIT], "that it is kept again is not known"


def test_a_power_factor_is_judged_as_energies_are_reckoned(either: Watched) -> None:
    def reckoned(last: date, kvarh: float, area: str = "A01", point: str = "M-1") -> None:
        head = [date(2026, 3, 1).toordinal(), last.toordinal(), 960, 960, 0, 10.0, 0, 1, kvarh, np.nan]
        content = np.array([[*head, 0, 0, 1000.0, 0, 0]], np.float64)
        made = energies.Block(date(2026, 3, 1), area, ("flat",), (point,), content)
        with either.database.write() as connection:
            energies.replace(connection, [made], either.clock.now())
        either.watch.run()

    either.clock.set(datetime(2026, 3, 7, tzinfo=UTC))
    either.also_large("N-3", "M-5")
    reckoned(date(2026, 3, 6), 900.0, "A02", "M-5")  # of whom nothing comes after the 6th
    reckoned(date(2026, 3, 6), 900.0)
    assert [row.reason for row in either.rows(LARGE, "power_factor")] == ["young_month"]
    for number, kvarh in enumerate((900.0, 400.0, 400.0, 400.0)):
        either.clock.advance(86_400)
        reckoned(date(2026, 3, 10 + number), kvarh)
    assert [row.value for row in either.rows(LARGE, "power_factor")] == [None, 0.74, 0.93, 0.93, 0.93]
    assert [row.value for row in either.rows("N-3", "power_factor")] == [None]
    assert either.alerts() == [("power_factor_limit", LARGE)]
    assert either.alerts(only_open=True) == []
