"""From what meters answer to what is written down and who is told, on real databases."""

from datetime import datetime

import pytest

from cloud.alerts import store
from cloud.alerts.policy import AlertKind
from cloud.alerts.rules import Broker
from cloud.customers.intake.documents import import_customers
from cloud.fleet import gateways
from cloud.fleet.registry import import_registry
from cloud.workorders.rules import OrderState
from protocols.mqtt.messages import Status, Supply
from tests.cloud.alerts.village import PERIOD_S, POLICY, Village, customer_of, meters_of, trace_of

A01 = meters_of("A01")
THEIRS = sorted({customer_of(meter) for meter in A01[1:]})


def test_a_village_that_is_supplied_is_left_in_peace(village: Village) -> None:
    village.rounds(3)
    assert village.alerts() == []
    assert village.told() == []


def test_an_outage_is_one_alert_one_order_and_one_notice_per_customer(village: Village) -> None:
    village.supply_out(*A01)
    village.rounds(3)
    [alert] = village.alerts()
    [order] = village.orders_made()
    assert (alert.cause, alert.severity, alert.closed_at) == ("area_outage:A01", "severe", None)
    assert (order.alert, order.number, order.state) == (alert.id, alert.order_number, OrderState.NEW)
    assert order.customers == len(THEIRS)
    assert order.backfeed_risk == "unknown"
    assert village.who_was_told("outage") == THEIRS
    assert village.told("outage")[0].params["order"] == order.number


def test_a_notice_says_when_supply_is_expected_and_nothing_of_usage(village: Village) -> None:
    village.supply_out(*A01)
    village.rounds(3)
    [order] = village.orders_made()
    params = village.told("outage")[0].params
    assert datetime.fromisoformat(params["latest"]) == order.latest
    assert set(params) == {"area", "area_name", "accounts", "order", "opened_at", "earliest", "latest"}


def test_the_alert_keeps_its_evidence_and_the_trace_of_the_reading_that_told(village: Village) -> None:
    village.supply_out(*A01)
    village.rounds(2)
    [alert] = village.alerts()
    shown = {each["meter"]: (each["shows"], each["witness"]) for each in alert.evidence["meters"]}
    assert shown[A01[0]] == ("no_voltage", None)
    assert shown[A01[1]] == ("silent", A01[0])
    newest = max(datetime.fromisoformat(each["at"]) for each in alert.evidence["meters"])
    assert alert.trace == trace_of(A01[0], newest)
    assert {notice.trace for notice in village.told("outage")} == {alert.trace}


def test_supply_that_returns_restores_the_order_and_tells_everybody_once(village: Village) -> None:
    village.supply_out(*A01)
    village.rounds(5)
    village.supply_back(*A01)
    village.rounds(1)
    assert village.told("restored") == []
    village.rounds(4)
    [alert] = village.alerts()
    [order] = village.orders_made()
    assert alert.closed_at is not None
    assert (order.state, order.restored_at) == (OrderState.RESTORED, alert.closed_at)
    assert village.who_was_told("restored") == THEIRS
    assert village.open_causes() == []


def test_a_customer_is_told_restored_only_when_all_their_own_meters_are_back(village: Village) -> None:
    """01 and 02 are one customer's."""
    village.supply_out(*A01)
    village.rounds(3)
    village.supply_back(*A01[:2], *A01[3:])
    village.rounds(3)
    assert village.who_was_told("restored") == [each for each in THEIRS if each != "C-A01-01"]
    village.supply_back(A01[2])
    village.rounds(3)
    assert village.who_was_told("restored") == THEIRS


def test_a_meter_left_dark_goes_to_the_operator_and_is_told_restored_when_it_is(village: Village) -> None:
    village.supply_out(*A01)
    village.rounds(3)
    village.supply_back(*(meter for meter in A01 if meter != A01[5]))
    village.rounds(3 + int(POLICY.supply.stragglers_s / PERIOD_S))
    assert village.open_causes() == [f"meter_silent:{A01[5]}"]
    assert customer_of(A01[5]) not in village.who_was_told("restored")
    village.supply_back(A01[5])
    village.rounds(4)
    assert customer_of(A01[5]) in village.who_was_told("restored")
    assert village.open_causes() == []


def test_flapping_supply_is_one_alert_and_nobody_is_told_twice(village: Village) -> None:
    for _ in range(6):
        village.supply_out(*A01)
        village.rounds(3)
        village.supply_back(*A01)
        village.rounds(1, seconds=10)
    assert len(village.alerts()) == 1
    assert village.who_was_told("outage") == THEIRS
    assert village.told("restored") == []


def test_who_was_told_restored_and_is_dark_again_is_told_again(village: Village) -> None:
    village.supply_out(*A01)
    village.rounds(3)
    village.supply_back(A01[5])
    village.rounds(3)
    village.supply_out(A01[5])
    village.rounds(3)
    mine = [notice.kind for notice in village.told() if notice.customer == customer_of(A01[5])]
    assert mine == ["outage", "restored", "outage"]
    assert len(village.alerts(AlertKind.AREA_OUTAGE)) == 1


def test_a_second_outage_later_is_another_alert_and_another_order(village: Village) -> None:
    for _ in range(2):
        village.supply_out(*A01)
        village.rounds(3)
        village.supply_back(*A01)
        village.rounds(5)
    assert len(village.alerts()) == len(village.orders_made()) == 2
    assert village.who_was_told("outage") == sorted(THEIRS * 2)


def test_an_outage_of_both_areas_is_an_alert_and_an_order_for_each(village: Village) -> None:
    village.supply_out(*A01, *meters_of("A02"))
    village.rounds(3)
    assert village.open_causes() == ["area_outage:A01", "area_outage:A02"]
    assert len(village.orders_made()) == 2


def test_a_cut_line_is_told_to_operators_only(village: Village) -> None:
    village.fate.cut.add("A01")
    village.rounds(6)
    assert village.open_causes() == ["line_silent:gw-a01:L1"]
    assert village.told() == []
    assert village.orders_made() == []
    village.fate.cut.clear()
    village.rounds(3)
    assert village.open_causes() == []


@pytest.mark.parametrize(
    "first", ["A01-00", "A01-03"], ids=["the area meter first", "a customer's meter first"]
)
def test_a_mended_line_is_no_outage_while_its_meters_come_back_one_by_one(
    village: Village, first: str
) -> None:
    village.fate.cut.add("A01")
    village.rounds(6)
    village.fate.cut.clear()
    for meter in (first, *A01):
        village.clock.advance(0.05)
        village.poll_meters("A01", first, meter)
        village.tick()
        assert village.told() == []
    village.rounds(3)
    assert village.open_causes() == []
    assert village.orders_made() == []


def test_a_line_that_comes_back_into_an_outage_tells_it_once_the_others_miss_again(village: Village) -> None:
    village.fate.cut.add("A01")
    village.rounds(6)
    village.fate.cut.clear()
    village.fate.dead |= set(A01) - {A01[1]}
    village.rounds(2)
    assert village.open_causes() == ["area_outage:A01"]


def test_backup_supply_makes_an_outage_of_silence(village: Village) -> None:
    village.fate.cut.add("A01")
    village.fate.supplies["A01"] = Supply.BACKUP
    village.rounds(3)
    assert village.open_causes() == ["area_outage:A01"]


def test_a_dark_gateway_is_told_to_operators_only_and_ends_when_it_is_heard(village: Village) -> None:
    village.supply_out(*A01)
    village.fate.dark_gateways.add("gw-a01")
    village.rounds(6)
    assert village.open_causes() == ["gateway_dark:gw-a01"]
    assert village.told() == []
    village.supply_back(*A01)
    village.fate.dark_gateways.clear()
    village.rounds(3)
    assert village.open_causes() == []
    assert village.told() == []


def test_nobody_is_told_restored_while_the_gateway_is_dark(village: Village) -> None:
    village.supply_out(*A01)
    village.rounds(3)
    village.fate.dark_gateways.add("gw-a01")
    village.rounds(10)
    assert village.told("restored") == []
    assert village.open_causes() == ["area_outage:A01", "gateway_dark:gw-a01"]


def test_a_broker_that_is_down_is_one_alert_and_no_gateway_is_missed_for_it(village: Village) -> None:
    village.broker = Broker(False, village.clock.now())
    village.fate.dark_gateways |= {"gw-a01", "gw-a02"}
    village.rounds(10)
    assert village.open_causes() == ["broker_down"]
    village.broker = Broker(True, village.clock.now())
    village.rounds(1)
    village.fate.dark_gateways.clear()
    village.rounds(2)
    assert [alert.kind for alert in village.alerts()] == ["broker_down"]
    assert village.open_causes() == []


def test_one_dead_meter_is_an_operators_matter_after_a_while(village: Village) -> None:
    village.fate.dead.add(A01[3])
    village.rounds(5)
    assert village.open_causes() == []
    village.rounds(int(POLICY.kinds[AlertKind.METER_SILENT].after_s / PERIOD_S))
    assert village.open_causes() == [f"meter_silent:{A01[3]}"]
    assert village.told() == []
    village.fate.dead.clear()
    village.rounds(4)
    assert village.open_causes() == []


def test_meters_dead_one_after_the_other_over_days_never_make_an_outage(village: Village) -> None:
    for meter in A01[1:5]:
        village.fate.dead.add(meter)
        village.rounds(3 + int(POLICY.kinds[AlertKind.METER_SILENT].after_s / PERIOD_S))
    assert village.alerts(AlertKind.AREA_OUTAGE) == []
    assert village.told() == []


@pytest.mark.parametrize("times", [1, 3])
def test_messages_that_come_again_add_nothing(village: Village, times: int) -> None:
    village.supply_out(*A01)
    village.rounds(2)
    before = (len(village.alerts()), len(village.orders_made()), len(village.told()))
    for _ in range(times):
        village.replay()
        village.tick()
    assert (len(village.alerts()), len(village.orders_made()), len(village.told())) == before == (1, 1, 4)


def test_a_crash_leaves_all_of_it_or_nothing(village: Village) -> None:
    village.supply_out(*A01)
    village.clock.advance(PERIOD_S)
    village.poll("A01")
    village.clock.advance(PERIOD_S)
    with village.transaction(crash=True) as connection:
        village._ask("A01", A01[0])
        for meter in A01[1:]:
            village._ask("A01", meter)
        village._healthy(connection, village._health("A01"))
        assert store.open_outage(connection, "A01") is not None
    assert (village.alerts(), village.orders_made(), village.told()) == ([], [], [])
    village.rounds(1)
    assert (len(village.alerts()), len(village.orders_made()), len(village.told())) == (1, 1, 4)


def test_what_a_gateway_said_before_it_took_leave_is_no_evidence(village: Village) -> None:
    village.fate.cut.add("A01")
    village.clock.advance(PERIOD_S)
    village.poll()
    village.clock.advance(PERIOD_S)
    village.poll()
    leave = Status(gateway="gw-a01", online=False, epoch="epoch")
    village.clock.advance(1)
    with village.transaction() as connection:
        gateways.take_status(connection, leave, village.clock.now())
    village.clock.advance(POLICY.kinds[AlertKind.LINE_SILENT].after_s)
    village.tick()
    assert village.open_causes() == []


def test_who_was_never_told_of_the_outage_is_not_told_of_its_end(village: Village) -> None:
    village.supply_out(*A01)
    village.rounds(3)
    late = {
        "customer": [{"id": "C-late", "name": "示例户"}],
        "account": [{"no": "N-late", "customer": "C-late", "address": "示例村", "class": "farm"}],
        "service": [{"account": "N-late", "meter": A01[0], "start": "2025-01-01T00:00:00Z"}],
    }
    with village.transaction() as connection:
        import_customers(connection, late)
    village.supply_back(*A01)
    village.rounds(4)
    assert village.who_was_told("restored") == THEIRS


def test_a_tick_looks_only_where_time_can_bring_something(village: Village) -> None:
    assert due(village) == [[]]
    with village.transaction() as connection:
        import_registry(connection, {"gateway": [{"id": "gw-never", "name": "示例网关"}]})
    village.fate.dark_gateways.add("gw-a02")
    village.rounds(2)
    assert due(village) == [["gw-a02"]]
    village.rounds(2)
    assert village.open_causes() == ["gateway_dark:gw-a02"]
    assert due(village) == [[]]
    village.fate.dark_gateways.clear()
    village.rounds(3)
    assert village.open_causes() == []


def test_a_dark_gateway_with_an_outage_behind_it_is_looked_at_on(village: Village) -> None:
    village.supply_out(*A01)
    village.rounds(2)
    village.fate.dark_gateways.add("gw-a01")
    village.rounds(4)
    assert village.open_causes() == ["area_outage:A01", "gateway_dark:gw-a01"]
    assert due(village) == [["gw-a01"]]
    village.broker = Broker(False, village.clock.now())
    assert due(village) == [[]]


def due(village: Village) -> list[list[str]]:
    with village.database.read() as connection:
        return village.watch.due(connection)
