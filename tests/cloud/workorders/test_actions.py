"""Orders on real databases: who moves them, whose estimate stands, and which order answers a report."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, Row

from cloud.alerts.actions import Alarms, Cause
from cloud.alerts.notify import Notices
from cloud.alerts.outages import Opened
from cloud.alerts.policy import AlertKind, alert_policy, notice_policy
from cloud.customers.intake.documents import import_customers
from cloud.fleet.registry import import_registry
from cloud.kit.db import Database
from cloud.kit.errors import Conflict, Invalid, NotFound, TooMany
from cloud.workorders import store
from cloud.workorders.actions import Moved, Orders
from cloud.workorders.deadlines import deadline_policy
from cloud.workorders.rules import OrderEvent, OrderState, Origin
from tests.cloud.alerts.village import customers, registry

NOW = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
POLICY = deadline_policy()
ZONE = ZoneInfo("Asia/Shanghai")
ORDERS = Orders(POLICY, ZONE)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def records(database: Database) -> Database:
    with database.write() as connection:
        import_registry(connection, registry(("A01", "A02")))
        import_customers(connection, customers(("A01", "A02")))
    return database


def outage(connection: Connection, area: str = "A01", at: datetime = NOW) -> tuple[int, str]:
    """An open outage and its order's number."""
    alarms = Alarms(alert_policy(), Notices(notice_policy()))
    alert = alarms.open(connection, Cause(AlertKind.AREA_OUTAGE, f"area_outage:{area}", "0" * 16, area), at)
    return alert, ORDERS.open_for_alert(connection, Opened(alert, area, 4, at, "0" * 16)).order


def report(
    connection: Connection, customer: str = "C-A01-01", now: datetime = NOW, text: str = "停电"
) -> str:
    return ORDERS.create_report(connection, customer, f"N-{customer[2:]}", text, True, now)


def act(connection: Connection, number: str, *done: str, now: datetime = NOW) -> Row[Any]:
    for event in done:
        row = ORDERS.move(connection, number, Moved(OrderEvent(event), "operator"), now)
    return row


def test_numbers_name_the_stations_own_day_and_are_never_given_twice(records: Database) -> None:
    """At 15:30 UTC it is still the 2nd at the station, an hour later the 3rd."""
    with records.write() as connection:
        numbers = [outage(connection, area)[1] for area in ("A01", "A02")]
        [first] = store.orders(connection, area="A01")
        ORDERS.supply_returned(connection, first.alert, NOW)
        numbers.append(report(connection, "C-A01-03", now=NOW + timedelta(hours=1)))
    assert numbers == ["WO-20260302-0001", "WO-20260302-0002", "WO-20260303-0001"]


def test_an_alert_has_one_order_however_often_it_is_asked_for(records: Database) -> None:
    with records.write() as connection:
        alert, number = outage(connection)
        again = ORDERS.open_for_alert(connection, Opened(alert, "A01", 7, NOW, "0" * 16))
        assert again.order == number
        assert store.order(connection, number).customers == 7
        assert len(store.orders(connection)) == 1


def test_every_move_is_in_the_history_with_who_and_when(records: Database) -> None:
    with records.write() as connection:
        _, number = outage(connection)
        moved = Moved(OrderEvent.ACCEPT, "operator", "on it", crew="crew 2", cause="fuse")
        order = ORDERS.move(connection, number, moved, NOW + MINUTE)
        assert (order.state, order.crew, order.cause) == ("accepted", "crew 2", "fuse")
        steps = [(s.event, s.state, s.who, s.note) for s in store.ORDERS.events(connection, order.id)]
    assert steps == [("open", "new", "system", ""), ("accept", "accepted", "operator", "on it")]


def test_an_outage_is_restored_by_the_meters_and_not_by_hand(records: Database) -> None:
    with records.write() as connection:
        alert, number = outage(connection)
        act(connection, number, "accept", "send_crew", "arrive", "start_repair")
        with pytest.raises(Conflict, match="finish_repair does not fit"):
            act(connection, number, "finish_repair")
        ORDERS.supply_returned(connection, alert, NOW + MINUTE)
        order = store.order(connection, number)
        assert (order.state, order.restored_at) == (OrderState.RESTORED, NOW + MINUTE)
        assert act(connection, number, "close").state == OrderState.CLOSED
        ORDERS.supply_returned(connection, alert, NOW + 2 * MINUTE)
        assert store.order(connection, number).state == OrderState.CLOSED


def test_a_reported_fault_is_finished_by_hand(records: Database) -> None:
    with records.write() as connection:
        number = report(connection)
        order = act(connection, number, "accept", "send_crew", "arrive", "start_repair", "finish_repair")
        assert order.state == OrderState.RESTORED


def test_cancelling_needs_a_reason(records: Database) -> None:
    with records.write() as connection:
        _, number = outage(connection)
        with pytest.raises(Invalid, match="needs a note"):
            act(connection, number, "cancel")
        ORDERS.move(connection, number, Moved(OrderEvent.CANCEL, "operator", "exercise"), NOW)
        assert store.order(connection, number).ended_at == NOW


def test_a_crews_estimate_outlives_its_arrival_a_computed_one_follows_it(records: Database) -> None:
    with records.write() as connection:
        _, computed = outage(connection, "A01")
        _, given = outage(connection, "A02")
        before = store.order(connection, computed)
        earliest, latest = NOW + 30 * MINUTE, NOW + 50 * MINUTE
        ORDERS.set_estimate(connection, given, earliest, latest, Origin.CREW, "operator", NOW)
        for number in (computed, given):
            act(connection, number, "accept", "send_crew", "arrive", now=NOW + 10 * MINUTE)
        after, kept = store.order(connection, computed), store.order(connection, given)
    assert after.latest < before.latest
    assert after.estimate_origin == "computed"
    assert (kept.earliest, kept.latest, kept.estimate_origin) == (earliest, latest, "crew")
    assert kept.restore_by == after.restore_by


def test_a_computed_estimate_is_refused_over_a_persons(records: Database) -> None:
    with records.write() as connection:
        _, number = outage(connection)
        span = (NOW, NOW + 50 * MINUTE)
        ORDERS.set_estimate(connection, number, *span, Origin.OPERATOR, "operator", NOW)
        with pytest.raises(Conflict, match="it stands"):
            ORDERS.set_estimate(connection, number, *span, Origin.COMPUTED, "system", NOW)


def test_nothing_is_estimated_when_it_is_over(records: Database) -> None:
    with records.write() as connection:
        alert, number = outage(connection)
        ORDERS.supply_returned(connection, alert, NOW)
        with pytest.raises(Conflict, match="nothing left"):
            ORDERS.set_estimate(connection, number, NOW, NOW + MINUTE, Origin.CREW, "operator", NOW)


def test_a_report_in_an_open_outage_joins_its_order(records: Database) -> None:
    with records.write() as connection:
        _, number = outage(connection)
        assert report(connection, "C-A01-01") == report(connection, "C-A01-03") == number
        order = store.order(connection, number)
        assert [each.customer for each in store.reports(connection, order.id)] == ["C-A01-01", "C-A01-03"]
        assert len(store.orders(connection)) == 1


def test_a_report_without_an_outage_is_an_order_of_its_own_and_the_next_joins_it(records: Database) -> None:
    with records.write() as connection:
        number = report(connection)
        assert report(connection, text="还没来电") == number
        assert report(connection, "C-A01-03") != number
        order = store.order(connection, number)
        assert (order.kind, order.area, order.account) == ("customer_report", "A01", "N-A01-01")
        assert order.backfeed_risk == "unknown"


def test_a_report_after_the_outage_is_over_is_not_swallowed_by_it(records: Database) -> None:
    with records.write() as connection:
        alert, number = outage(connection)
        ORDERS.supply_returned(connection, alert, NOW)
        assert report(connection) != number


def test_reports_that_came_first_name_the_outage_when_it_is_known(records: Database) -> None:
    with records.write() as connection:
        mine = report(connection)
        elsewhere = report(connection, "C-A02-01")
        _, number = outage(connection)
        assert store.order(connection, mine).outage_order == store.order(connection, number).id
        assert store.order(connection, elsewhere).outage_order is None


def test_a_report_for_somebody_elses_account_finds_no_account(records: Database) -> None:
    with records.write() as connection, pytest.raises(NotFound, match="no account"):
        ORDERS.create_report(connection, "C-A01-01", "N-A01-03", "停电", False, NOW)


def test_one_customer_cannot_flood_the_desk(records: Database) -> None:
    with records.write() as connection:
        for _ in range(POLICY.reports.per_hour):
            report(connection)
        with pytest.raises(TooMany):
            report(connection)
        report(connection, "C-A01-03")
        report(connection, now=NOW + timedelta(hours=1))
