"""An hour far above the customer's own habit is told once a day; what is not known is never judged."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from cloud.alerts.notify import Notices
from cloud.alerts.policy import AlertKind, alert_policy, notice_policy
from cloud.alerts.usage import UsageCheck, judge, register_at, same_hours
from cloud.customers.intake.documents import import_customers
from cloud.customers.store import scope_of
from cloud.kit.db import Database
from cloud.metering.primary import PrimaryReadings
from cloud.metering.store import BatchOfReadings, ms
from protocols.readings import Reading, Source
from tests.cloud.alerts.village import POLICY, ZONE, Village

HOUR = timedelta(hours=1)
USUAL = [500, 520, 480, 510, 490, 500, 505, 495]


@pytest.mark.parametrize(
    ("used", "history", "unusual"),
    [
        (500, USUAL, False),
        (1400, USUAL, False),
        (1600, USUAL, True),
        (900, [10] * 8, False),
        (1100, [10] * 8, True),
        (6000, [1000, 4000] * 4, False),
        (None, USUAL, False),
        (9000, USUAL[:6], False),
        (9000, [], False),
    ],
    ids=[
        "as always",
        "below three times the median",
        "above it",
        "below the floor",
        "above the floor of somebody who uses nothing",
        "within the spread of somebody unsteady",
        "a missing reading",
        "too few days",
        "no history",
    ],
)
def test_verdict(used: float | None, history: list[float], unusual: bool) -> None:
    assert (judge(used, history, POLICY.usage) is not None) is unusual


@pytest.mark.parametrize(
    ("at", "expected"),
    [(0, 100), (10, 110), (5, 105), (15, 130), (-1, None), (100, None), (50, None), (91, None)],
)
def test_the_register_at_an_instant(at: int, expected: float | None) -> None:
    """Between 20 and 90 nothing was read for too long; from 90 to 95 the register fell."""
    times, values = [0, 10, 20, 90, 95], [100, 110, 150, 900, 0]
    assert register_at(at, times, values, 30) == expected


def test_the_same_hour_is_the_stations_local_one_also_over_a_clock_change() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    hour = datetime(2026, 3, 30, 0, tzinfo=UTC)
    assert [start.isoformat() for start in same_hours(hour, 3, berlin)] == [
        "2026-03-28T01:00:00+00:00",
        "2026-03-27T01:00:00+00:00",
    ]


class House:
    """A village whose customers' registers we write ourselves, a reading every quarter of an hour."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.village = Village(database, folder, ("A01",))
        self.village.clock.set(datetime(2026, 3, 2, 8, 15, tzinfo=UTC))
        self.seq = 0
        notices = Notices(notice_policy())
        self.check = UsageCheck(
            database,
            PrimaryReadings(database, self.village.store),
            alert_policy(),
            notices,
            ZONE,
            self.village.clock,
        )

    def write(self, meter: str, now: datetime, watts: dict[datetime, int], usual: int = 500) -> None:
        """16 days of register values up to `now`, with other watts in the hours named."""
        at = (now - timedelta(days=16)).replace(minute=0)
        register, rows = 0, []
        while at <= now:
            rows.append(Reading(meter, ms(at), Source.POLLED, {"energy_import_wh": register}))
            register += watts.get(at.replace(minute=0), usual) // 4
            at += timedelta(minutes=15)
        self.seq += 1
        self.village.store.write(BatchOfReadings("gw-a01", "history", self.seq, rows))


@pytest.fixture
def house(database: Database, tmp_path: Path) -> Iterator[House]:
    made = House(database, tmp_path)
    yield made
    made.village.close()


SEVEN = datetime(2026, 3, 2, 7, tzinfo=UTC)


def test_an_unusual_hour_is_one_alert_and_one_notice_without_figures(house: House) -> None:
    house.write("A01-03", house.village.clock.now(), {SEVEN: 6000})
    house.check.run()
    [alert] = house.village.alerts(AlertKind.UNUSUAL_USAGE)
    [notice] = house.village.told()
    assert (alert.customer, alert.evidence["used_wh"]) == ("C-A01-03", 6000)
    assert (notice.customer, notice.kind) == ("C-A01-03", "unusual_usage")
    assert notice.params == {"day": "2026-03-02", "accounts": ["N-A01-03"]}


def test_a_customer_hears_of_it_once_a_day(house: House) -> None:
    later = house.village.clock.now() + 3 * HOUR
    house.write("A01-03", later, {SEVEN: 6000, SEVEN + HOUR: 6000, SEVEN + 2 * HOUR: 6000})
    for _ in range(3):
        house.check.run()
        house.check.run()
        house.village.clock.advance(3600)
    assert len(house.village.alerts(AlertKind.UNUSUAL_USAGE)) == 1
    assert len(house.village.told()) == 1


def test_the_next_day_ends_the_alert_and_may_tell_again(house: House) -> None:
    tomorrow = SEVEN + timedelta(days=1)
    house.write("A01-03", tomorrow + timedelta(minutes=80), {SEVEN: 6000, tomorrow: 8000})
    house.check.run()
    house.village.clock.set(tomorrow + timedelta(minutes=80))
    house.check.run()
    first, second = house.village.alerts(AlertKind.UNUSUAL_USAGE)
    assert first.closed_at is not None
    assert second.closed_at is None
    assert len(house.village.told()) == 2


def test_a_customer_of_two_meters_of_which_one_is_missing_is_not_judged(house: House) -> None:
    """01 and 02 are one customer's."""
    house.write("A01-01", house.village.clock.now(), {SEVEN: 6000})
    house.check.run()
    assert house.village.alerts() == []
    house.write("A01-02", house.village.clock.now(), {})
    with house.village.database.read() as connection:
        theirs = scope_of(connection, "C-A01-01")
    assert house.check.used_wh(theirs, SEVEN) == 6500


def test_the_history_of_the_tenant_before_is_not_theirs(house: House) -> None:
    """Whoever moved in five days ago has too short a history for a verdict."""
    now = house.village.clock.now()
    moved = (now - timedelta(days=5)).isoformat()
    before = {"account": "N-A01-03", "meter": "A01-03", "start": "2025-01-01T00:00:00+00:00", "end": moved}
    since = {"account": "N-A01-04", "meter": "A01-03", "start": moved}
    with house.village.database.write() as connection:
        import_customers(connection, {"service": [before, since]})
    house.write("A01-03", now, {SEVEN: 6000})
    house.write("A01-04", now, {})
    house.check.run()
    assert "C-A01-03" not in [alert.customer for alert in house.village.alerts()]
