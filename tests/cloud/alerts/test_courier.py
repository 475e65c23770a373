"""Notices leave at least once, through a real HTTP channel, and every copy carries the notice's key."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Row, delete, select

from cloud.alerts import courier as couriers
from cloud.alerts.actions import Alarms, Cause
from cloud.alerts.courier import Courier, after_quiet, by_apprise
from cloud.alerts.notify import News, Notice, Notices, delivery_table, inbox, notice_key
from cloud.alerts.policy import AlertKind, NoticeKind, Severity, alert_policy, notice_policy
from cloud.alerts.store import alerts
from cloud.customers.intake.documents import import_customers
from cloud.customers.store import contact_table
from cloud.kit.db import Database
from tests.clocks import ManualClock
from tests.cloud.alerts.sink import Sink

ZONE = ZoneInfo("Asia/Shanghai")
POLICY = notice_policy()
NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 2, 16, tzinfo=UTC)


def words(notice: Notice) -> tuple[str, str]:
    return notice.kind.value, f"order {notice.params['order']}"


class Post:
    """A customer with one channel, and what is queued to it."""

    def __init__(self, database: Database, channel: str, now: datetime) -> None:
        self.database = database
        self.clock = ManualClock(now)
        self.notices = Notices(POLICY)
        self.alarms = Alarms(alert_policy(), self.notices)
        with database.write() as connection:
            import_customers(
                connection,
                {
                    "customer": [{"id": "C-1", "name": "示例户 1"}],
                    "contact": [{"customer": "C-1", "channel": channel}],
                },
            )
            cause = Cause(AlertKind.AREA_OUTAGE, "area_outage:A01", "0" * 16, "A01")
            self.alert = self.alarms.open(connection, cause, now)

    def tell(self, kind: NoticeKind = NoticeKind.OUTAGE, severity: Severity = Severity.SEVERE) -> str:
        news = News(self.alert, kind, severity, {"order": "WO-1"}, "0" * 16, self.clock.now())
        with self.database.write() as connection:
            self.notices.tell_customer(connection, "C-1", news)
        return notice_key(self.alert, "C-1", kind, 1)

    def courier(self, send: couriers.Send = by_apprise) -> Courier:
        return Courier(self.database, self.clock, POLICY, ZONE, self.alarms, words, send)

    def deliveries(self) -> list[Row[Any]]:
        with self.database.read() as connection:
            return list(connection.execute(select(delivery_table).order_by(delivery_table.c.id)).all())

    def open_alerts(self) -> list[str]:
        with self.database.read() as connection:
            return [row.kind for row in alerts(connection, only_open=True)]


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink().open() as opened:
        yield opened


@pytest.fixture
def post(database: Database, sink: Sink) -> Post:
    return Post(database, sink.channel, NOON)


def test_a_notice_leaves_once_with_its_words_and_its_key(post: Post, sink: Sink) -> None:
    key = post.tell()
    courier = post.courier()
    assert courier.deliver_due() == 1
    assert courier.deliver_due() == 0
    [message] = sink.received
    assert (message["title"], message["message"]) == ("outage", f"order WO-1\n[{key}]")
    assert [(row.state, row.attempts) for row in post.deliveries()] == [("sent", 1)]


def test_a_refused_notice_is_tried_again_later_and_later(post: Post, sink: Sink) -> None:
    post.tell()
    sink.refusals = 2
    courier = post.courier()
    assert courier.deliver_due() == 1
    post.clock.advance(POLICY.delivery.backoff_s - 1)
    assert courier.deliver_due() == 0
    post.clock.advance(1)
    assert courier.deliver_due() == 1
    post.clock.advance(2 * POLICY.delivery.backoff_s)
    assert courier.deliver_due() == 1
    assert sink.asked == 3
    assert len(sink.received) == 1
    assert [(row.state, row.attempts, row.error) for row in post.deliveries()] == [("sent", 3, None)]


def test_a_courier_that_dies_after_sending_leaves_a_copy_with_the_same_key(post: Post, sink: Sink) -> None:
    class Dies(BaseException):
        pass

    def send_and_die(channel: str, title: str, body: str) -> None:
        by_apprise(channel, title, body)
        raise Dies

    key = post.tell()
    with pytest.raises(Dies):
        post.courier(send_and_die).deliver_due()
    survivor = post.courier()
    assert survivor.deliver_due() == 0
    post.clock.advance(POLICY.delivery.lease_s)
    assert survivor.deliver_due() == 1
    assert [re.findall(r"\[(\w+)\]$", each["message"]) for each in sink.received] == [[key], [key]]
    assert survivor.deliver_due() == 0


def test_a_courier_that_dies_before_sending_loses_nothing(post: Post, sink: Sink) -> None:
    class Dies(BaseException):
        pass

    def die(channel: str, title: str, body: str) -> None:
        raise Dies

    post.tell()
    with pytest.raises(Dies):
        post.courier(die).deliver_due()
    post.clock.advance(POLICY.delivery.lease_s)
    assert post.courier().deliver_due() == 1
    assert len(sink.received) == 1


def test_a_channel_that_never_works_is_given_up_and_the_station_is_told(post: Post, sink: Sink) -> None:
    post.tell()
    sink.refusals = 1000
    courier = post.courier()
    for _ in range(POLICY.delivery.attempts):
        assert courier.deliver_due() == 1
        post.clock.advance(POLICY.delivery.longest_s)
    assert courier.deliver_due() == 0
    assert [row.state for row in post.deliveries()] == ["dead"]
    assert post.open_alerts() == ["delivery_failed", "area_outage"]
    sink.refusals = 0
    post.clock.set(NOON + timedelta(days=1))
    post.tell(NoticeKind.RESTORED, Severity.INFO)
    assert courier.deliver_due() == 1
    assert post.open_alerts() == ["area_outage"]


def test_what_is_no_channel_is_not_tried_for_ever(database: Database) -> None:
    post = Post(database, "nosuch://127.0.0.1/", NOON)
    post.tell()
    assert post.courier().deliver_due() == 1
    assert post.deliveries()[0].error == "this is no channel that apprise knows"


def test_words_that_fail_hold_nobody_else_up(post: Post, sink: Sink) -> None:
    post.tell()
    post.tell(NoticeKind.RESTORED)

    def broken_for_outages(notice: Notice) -> tuple[str, str]:
        if notice.kind is NoticeKind.OUTAGE:
            raise KeyError("area_name")
        return words(notice)

    courier = Courier(post.database, post.clock, POLICY, ZONE, post.alarms, broken_for_outages)
    assert courier.deliver_due() == 2
    assert [each["title"] for each in sink.received] == ["restored"]
    assert [row.state for row in post.deliveries()] == ["pending", "sent"]


def test_at_night_only_what_is_severe_leaves(database: Database, sink: Sink) -> None:
    post = Post(database, sink.channel, MIDNIGHT)
    post.tell()
    post.tell(NoticeKind.RESTORED, Severity.INFO)
    courier = post.courier()
    assert courier.deliver_due() == 1
    assert [each["title"] for each in sink.received] == ["outage"]
    post.clock.advance(7 * 3600)
    assert courier.deliver_due() == 1
    assert [each["title"] for each in sink.received] == ["outage", "restored"]


def test_what_waits_for_the_morning_holds_nothing_severe_up(database: Database, sink: Sink) -> None:
    post = Post(database, sink.channel, MIDNIGHT)
    post.tell(NoticeKind.RESTORED, Severity.INFO)
    post.tell()
    one_at_once = POLICY.model_copy(update={"delivery": POLICY.delivery.model_copy(update={"at_once": 1})})
    courier = Courier(database, post.clock, one_at_once, ZONE, post.alarms, words)
    assert [courier.deliver_due(), courier.deliver_due()] == [0, 1]
    assert [each["title"] for each in sink.received] == ["outage"]


def test_a_retry_does_not_slip_into_the_night(database: Database, sink: Sink) -> None:
    post = Post(database, sink.channel, datetime(2026, 3, 2, 13, 59, 50, tzinfo=UTC))
    post.tell(NoticeKind.RESTORED, Severity.INFO)
    sink.refusals = 1
    courier = post.courier()
    assert courier.deliver_due() == 1
    post.clock.advance(60)
    assert courier.deliver_due() == 0
    post.clock.advance(9 * 3600)
    assert courier.deliver_due() == 1
    assert len(sink.received) == 1


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        ("2026-03-02 21:59", "2026-03-02 21:59"),
        ("2026-03-02 22:00", "2026-03-03 07:00"),
        ("2026-03-03 00:30", "2026-03-03 07:00"),
        ("2026-03-03 06:59", "2026-03-03 07:00"),
        ("2026-03-03 07:00", "2026-03-03 07:00"),
    ],
)
def test_when_the_quiet_hours_end(local: str, expected: str) -> None:
    at = datetime.fromisoformat(local).replace(tzinfo=ZONE)
    assert after_quiet(at, POLICY.quiet, ZONE) == datetime.fromisoformat(expected).replace(tzinfo=ZONE)


def test_the_thread_carries_what_comes_and_stops(post: Post, sink: Sink) -> None:
    courier = post.courier()
    courier.start()
    try:
        post.tell()
        deadline = time.monotonic() + 20
        while not sink.received and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        courier.stop()
    assert len(sink.received) == 1


def test_a_customer_without_a_channel_still_has_an_inbox(post: Post) -> None:
    with post.database.write() as connection:
        connection.execute(delete(contact_table))
    post.tell()
    assert post.deliveries() == []
    with post.database.read() as connection:
        assert [each.kind for each in inbox(connection, "C-1")] == ["outage"]
