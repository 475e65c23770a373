"""Promises at work: orders, notices, quiet hours, limits and intervals follow an account's standing."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from cloud.alerts.actions import Alarms, Cause
from cloud.alerts.courier import Courier, after_quiet
from cloud.alerts.notify import News, Notice, Notices, delivery_table
from cloud.alerts.outages import Opened
from cloud.alerts.policy import AlertKind, NoticeKind, QuietHours, Severity, alert_policy, notice_policy
from cloud.alerts.usage import finer
from cloud.customers.store import contact_table
from cloud.fleet import configs
from cloud.kit.db import Database
from cloud.tiers.entitlements import preferences
from cloud.tiers.entitlements.actions import Entitling
from cloud.tiers.entitlements.evidence import Outside
from cloud.tiers.entitlements.polling import Outcome, states
from cloud.workorders import store
from cloud.workorders.actions import Moved
from cloud.workorders.rules import OrderEvent
from protocols.mqtt.orders import Applied, ConfigState
from tests.cloud.tiers.entitlements.promised import MINUTE, NOW, ZONE, Station

ACCOUNT, CUSTOMER = "N-A01-04", "C-A01-04"
LINE: dict[str, Any] = {
    "name": "L1",
    "kind": "tcp",
    "endpoint": "10.0.0.5:4001",
    "baud": 9600,
    "meter": [
        {"id": f"A01-{n:02d}", "model": "dlt645-2007-1p", "address": f"{n:012}", "interval_s": 600}
        for n in range(6)
    ],
}


@pytest.fixture
def station(plain: Database) -> Station:
    return Station(plain)


@pytest.fixture
def both(database: Database) -> Station:
    return Station(database)


def outage(station: Station, area: str = "A01") -> Any:
    with station.database.write() as connection:
        alarms = Alarms(alert_policy(), Notices(notice_policy()))
        cause = Cause(AlertKind.AREA_OUTAGE, f"area_outage:{area}", "0" * 16, area)
        alert = alarms.open(connection, cause, NOW)
        number = station.orders.open_for_alert(connection, Opened(alert, area, 4, NOW, "0" * 16)).order
        return store.order(connection, number)


def test_an_outage_comes_as_soon_as_the_best_promised_of_its_area_is_owed(both: Station) -> None:
    plain = outage(both, "A02")
    assert (plain.priority, plain.on_site_by) == (8, NOW + 90 * MINUTE)
    both.grade(ACCOUNT, "special")
    order = outage(both, "A01")
    assert (order.priority, order.on_site_by) == (1, NOW + 60 * MINUTE)
    assert order.restore_by == NOW + 60 * MINUTE + 180 * MINUTE
    assert (order.promised["account"], order.promised["grade"]) == (ACCOUNT, "special")
    assert order.promised["on_site_rule"] == "grade-special"
    with both.database.read() as connection:
        [first, _] = sorted(store.orders(connection), key=lambda row: (row.priority, row.on_site_by))
    assert first.number == order.number


def test_a_report_is_owed_what_its_own_account_is(station: Station) -> None:
    station.grade(ACCOUNT, "special")
    with station.database.write() as connection:
        number = station.orders.create_report(connection, "C-A01-05", "N-A01-05", "停电", True, NOW)
        order = store.order(connection, number)
    assert (order.priority, order.on_site_by) == (8, NOW + 90 * MINUTE)
    assert order.promised["account"] == "N-A01-05"


def test_an_arrival_counts_with_what_was_owed_when_the_order_opened(station: Station) -> None:
    station.grade(ACCOUNT, "special")
    order = outage(station)
    with station.database.write() as connection:
        for event in (OrderEvent.ACCEPT, OrderEvent.SEND_CREW, OrderEvent.ARRIVE):
            station.orders.move(connection, order.number, Moved(event, "operator"), NOW + 10 * MINUTE)
        assert store.order(connection, order.number).restore_by == NOW + 190 * MINUTE


# notices


class Post:
    """A courier whose messages stay here."""

    def __init__(self, station: Station) -> None:
        self.sent: list[str] = []
        policy = notice_policy()
        self.notices = Notices(policy, (), preferences.preferred)
        alarms = Alarms(alert_policy(), self.notices)
        self.courier = Courier(
            station.database,
            station.clock,
            policy,
            ZONE,
            alarms,
            _plain,
            lambda channel, *_: self.sent.append(channel),
            preferences.quiet_of,
        )


def _plain(_: Notice) -> tuple[str, str]:
    return "示例", "示例"


def tell(station: Station, post: Post, severity: Severity, customer: str = CUSTOMER) -> list[str]:
    """The channels that a notice is queued to."""
    with station.database.write() as connection:
        alarms = Alarms(alert_policy(), Notices(notice_policy()))
        key = f"unusual_usage:{severity}:{customer}:{station.clock.now()}"
        alert = alarms.open(connection, Cause(AlertKind.UNUSUAL_USAGE, key, "0" * 16), station.clock.now())
        news = News(alert, NoticeKind.UNUSUAL_USAGE, severity, {}, "0" * 16, station.clock.now())
        before = set(connection.scalars(select(delivery_table.c.id)))
        post.notices.tell_customer(connection, customer, news)
        rows = connection.execute(select(delivery_table)).all()
    return sorted(row.channel for row in rows if row.id not in before)


def entitling(station: Station, said: list[str] | None = None) -> Entitling:
    say = (said if said is not None else []).append
    return Entitling(station.database, station.promises, station.clock, Outside(say_config=say))


def test_a_wished_channel_is_kept_to_below_severe(both: Station) -> None:
    with both.database.write() as connection:
        connection.execute(
            insert(contact_table).values(customer=CUSTOMER, channel="mailto://示例@example.org")
        )
    both.need(ACCOUNT, "channel", "email")
    entitling(both).apply()
    post = Post(both)
    assert tell(both, post, Severity.INFO) == ["mailto://示例@example.org"]
    assert len(tell(both, post, Severity.SEVERE)) == 2


def test_who_asked_for_a_channel_they_do_not_have_is_told_on_all(station: Station) -> None:
    station.need(ACCOUNT, "channel", "sms")
    entitling(station).apply()
    assert len(tell(station, Post(station), Severity.INFO)) == 1


def test_own_quiet_hours_hold_besides_the_stations(station: Station) -> None:
    """Who needs help sleeps from 21:00 to 8:00; others from 22:00 to 7:00; severe is told at any time."""
    station.need(ACCOUNT, "help")
    entitling(station).apply()
    post = Post(station)
    station.clock.set(datetime(2026, 3, 2, 21, 30, tzinfo=ZONE))
    tell(station, post, Severity.INFO)
    tell(station, post, Severity.INFO, "C-A01-05")
    post.courier.deliver_due()
    assert [channel[-8:] for channel in post.sent] == ["C-A01-05"]
    tell(station, post, Severity.SEVERE)
    post.courier.deliver_due()
    assert [channel[-8:] for channel in post.sent] == ["C-A01-05", CUSTOMER]
    station.clock.set(datetime(2026, 3, 3, 7, 30, tzinfo=ZONE))
    assert post.courier.deliver_due() == 0
    station.clock.set(datetime(2026, 3, 3, 8, 0, tzinfo=ZONE))
    assert post.courier.deliver_due() == 1


def test_quiet_hours_that_meet_the_stations_are_waited_out_together() -> None:
    station = QuietHours(start=datetime.min.time().replace(hour=22), end=datetime.min.time().replace(hour=7))
    at = datetime(2026, 3, 2, 23, tzinfo=ZONE)
    assert after_quiet(at, station, ZONE) == datetime(2026, 3, 3, 7, tzinfo=ZONE)


def test_the_watch_for_unusual_usage_is_finer_for_whom_it_is_promised_and_never_coarser(
    station: Station,
) -> None:
    entitling(station).apply()
    with station.database.read() as connection:
        assert preferences.usage_factors(connection, [CUSTOMER]) == {CUSTOMER: 3.0}
        assert preferences.usage_factors(connection, ["C-nobody"]) == {}
    policy = alert_policy().usage
    assert finer(policy, 2.0).factor == 2.0
    assert finer(policy, 9.0) is policy
    assert finer(policy, None) is policy


# intervals


def push(station: Station, document: dict[str, Any], state: ConfigState | None = ConfigState.APPLIED) -> None:
    """A person writes settings, and the gateway answers so; None: it has not answered."""
    with station.database.write() as connection:
        now = station.clock.now()
        row, _ = configs.push(connection, "gw-a01", document, by="operator", note="", now=now)
        if state is not None:
            said = {
                "version": row.version,
                "offered": row.version,
                "state": state,
                "at_ms": int(now.timestamp() * 1000),
            }
            configs.take(connection, Applied(gateway="gw-a01", **said), now)


def newest(station: Station) -> Any:
    with station.database.read() as connection:
        return configs.newest(connection, "gw-a01")


def test_a_gateway_is_planned_anew_once_and_no_setting_is_lost(both: Station) -> None:
    said: list[str] = []
    house = entitling(both, said)
    assert house.apply()[Outcome.LEFT_ALONE] == 2
    push(both, {"interval_s": 900, "probe_s": 20, "line": [LINE]})
    assert (house.apply()[Outcome.AS_PROMISED], said) == (1, [])  # 600 s is better than promised
    both.grade(ACCOUNT, "first")
    assert (house.apply()[Outcome.SET], said) == (1, ["gw-a01"])
    document = newest(both).document
    assert [meter["interval_s"] for meter in document["line"][0]["meter"]] == [600] * 4 + [60, 600]
    assert (document["interval_s"], document["probe_s"]) == (900, 20)
    assert (house.apply()[Outcome.AS_PROMISED], newest(both).version) == (1, 2)


def test_new_settings_come_no_sooner_than_the_policy_allows(station: Station) -> None:
    house = entitling(station)
    push(station, {"line": [LINE]})
    station.grade(ACCOUNT, "first")
    house.apply()
    station.grade("N-A01-05", "first")
    assert house.apply()[Outcome.WAITING] == 1
    with station.database.read() as connection:
        assert [row.detail for row in states(connection)] == ["again_after", "no_settings"]
    station.clock.advance(timedelta(hours=7).total_seconds())
    assert house.apply()[Outcome.SET] == 1
    assert newest(station).version == 3


def test_settings_without_lines_are_left_alone(station: Station) -> None:
    house = entitling(station)
    push(station, {"interval_s": 900})
    station.grade(ACCOUNT, "first")
    assert house.apply()[Outcome.LEFT_ALONE] == 2
    assert newest(station).version == 1


@pytest.mark.parametrize(
    ("state", "wanted", "detail"),
    [(None, Outcome.WAITING, "unanswered"), (ConfigState.REFUSED, Outcome.REFUSED, "")],
)
def test_settings_of_a_person_are_answered_before_anything_is_planned_on_them(
    station: Station, state: ConfigState | None, wanted: Outcome, detail: str
) -> None:
    house = entitling(station)
    push(station, {"line": [LINE]}, state)
    station.grade(ACCOUNT, "first")
    assert house.apply()[wanted] == 1
    assert newest(station).version == 1
    with station.database.read() as connection:
        assert states(connection)[0].detail == detail
