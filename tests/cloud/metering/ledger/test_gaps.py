"""What is missing becomes a gap with a cause; it is asked for again, and what came of it is told."""

from datetime import timedelta

import pytest

from cloud.alerts.policy import AlertKind
from cloud.fleet import command_store
from cloud.fleet.commands import Wish
from cloud.kit.errors import Conflict
from cloud.metering import batches
from cloud.metering.ledger import gaps as gap_list
from cloud.metering.ledger.exclusions import LeftOut, Place
from cloud.metering.ledger.reasons import Cause, Excluded, GapEvent, GapState, move
from cloud.metering.ledger.rereads import ACTOR
from cloud.metering.store import ms
from protocols.mqtt.messages import ClockState, Dropped
from protocols.mqtt.orders import OrderKind, OrderState
from protocols.readings import Source
from tests.cloud.fleet.station import GATEWAY, METER
from tests.cloud.metering.ledger.collecting import AREA, DAY, Collecting, at

OTHERS = [meter for meter in AREA if meter != METER]
WHOLE = "read again; every slot has its value"


def holed(station: Collecting, until: int = 24) -> None:
    """The others are read all the time; METER not in the slots 8 to 12."""
    station.poll(8)
    station.poll(12, OTHERS, first=8)
    station.poll(until, first=12)


def test_missing_slots_that_follow_on_one_another_are_one_gap(station: Collecting) -> None:
    holed(station)
    station.count()
    assert station.spans() == [(8, 12, "open")]
    assert station.gaps(OTHERS[0]) == []


def test_a_slot_is_no_gap_before_its_hour_and_a_gap_grows_with_time(light: Collecting) -> None:
    light.poll(8)
    light.clock.set(at(3))
    light.count()
    assert light.figures()[:2] == (11, 8)
    assert light.spans() == []
    light.clock.set(at(3.3))
    light.count()
    assert light.spans() == [(8, 9, "open")]
    light.clock.set(at(4.3))
    light.count()
    assert light.spans() == [(8, 13, "open")]
    assert light.gaps()[0].missing == 5


def test_a_gap_that_is_filled_in_its_middle_stays_until_all_of_it_is_there(station: Collecting) -> None:
    holed(station)
    station.count()
    station.come(METER, station.quarters(9, 10), Source.PROFILE)
    station.count()
    assert (station.spans(), station.gaps()[0].missing) == ([(8, 12, "open")], 3)
    station.come(METER, station.quarters(8, 12), Source.PROFILE)
    station.count()
    assert (station.spans(), station.gaps()[0].missing) == ([(8, 12, "repaired")], 0)


def test_a_gap_in_an_outage_is_excluded_and_open_again_when_that_is_withdrawn(light: Collecting) -> None:
    holed(light)
    light.count()
    with light.database.write() as connection:
        what = LeftOut(Excluded.PLANNED_OUTAGE, Place.METER, METER, at(2), at(3))
        number = light.ledger.leave_out(connection, what, "示例检修", "operator-1")
    light.count()
    assert light.spans() == [(8, 12, "excluded")]
    with light.database.write() as connection:
        light.ledger.count_again(connection, number, "operator-1")
    light.count()
    assert light.spans() == [(8, 12, "open")]


@pytest.mark.parametrize("state", GapState)
@pytest.mark.parametrize("event", GapEvent)
def test_a_gap_moves_as_the_table_has_it_and_not_otherwise(state: GapState, event: GapEvent) -> None:
    ends = {GapState.REPAIRED: set(), GapState.EXCLUDED: {GapEvent.INCLUDE}}
    try:
        moved = move(state, event)
    except Conflict:
        return
    assert event in ends.get(state, {event})
    assert moved is not state


# causes


def cause(station: Collecting) -> tuple[str, list[str]]:
    station.count()
    (row,) = station.gaps()
    return row.cause, [each["cause"] for each in row.evidence]


def test_nothing_known_is_unknown(light: Collecting) -> None:
    holed(light)
    assert cause(light) == ("unknown", [])


@pytest.mark.parametrize(
    ("kind", "where", "named"),
    [
        (AlertKind.BROKER_DOWN, {}, "broker"),
        (AlertKind.GATEWAY_DARK, {"gateway": GATEWAY}, "gateway"),
        (AlertKind.LINE_SILENT, {"gateway": GATEWAY, "line": "L1"}, "line"),
        (AlertKind.LINE_DOWN, {"gateway": GATEWAY, "line": "L1"}, "line"),
        (AlertKind.METER_SILENT, {"meter": METER, "gateway": GATEWAY}, "meter"),
    ],
)
def test_an_alert_that_covers_a_gap_is_its_cause(
    light: Collecting, kind: AlertKind, where: dict[str, str], named: str
) -> None:
    holed(light)
    light.alert(kind, at(2.3), at(3), **where)
    assert cause(light) == (named, [named])
    (evidence,) = light.gaps()[0].evidence
    assert (evidence["what"], evidence["share"]) == (kind, 1.0)  # it opened after the trouble had begun
    assert evidence["alert"] == 1


def test_an_alert_of_another_place_or_time_is_no_cause(light: Collecting) -> None:
    holed(light)
    light.alert(AlertKind.GATEWAY_DARK, at(2), at(3), gateway="gw-a02")
    light.alert(AlertKind.METER_SILENT, at(2), at(3), meter=OTHERS[0], gateway=GATEWAY)
    light.alert(AlertKind.GATEWAY_DARK, at(4), at(5), gateway=GATEWAY)
    assert cause(light) == ("unknown", [])


def test_what_covers_less_than_half_is_kept_as_evidence_only(light: Collecting) -> None:
    holed(light)
    light.alert(AlertKind.GATEWAY_DARK, at(1.9), at(2.2), gateway=GATEWAY)
    assert cause(light) == ("unknown", ["gateway"])


def test_of_two_causes_the_one_that_covers_more_is_named(light: Collecting) -> None:
    holed(light)
    light.alert(AlertKind.GATEWAY_DARK, at(2), at(2.7), gateway=GATEWAY)
    light.alert(AlertKind.METER_SILENT, at(2), at(3), meter=METER, gateway=GATEWAY)
    assert cause(light) == ("meter", ["meter", "gateway"])


def test_a_drop_that_the_gateway_declared_comes_first(station: Collecting) -> None:
    station.poll(8)
    with station.database.write() as connection:
        batches.record(connection, (GATEWAY, "e1", 8), batches.Outcome.STORED, 6, b"8" * 16, at(2))
    station.poll(12, OTHERS, first=8)
    with station.database.write() as connection:
        told = Dropped(gateway=GATEWAY, epoch="e1", seqs=[(9, 12)], readings=24, reason="disk cap")
        batches.record_dropped(connection, told, at(4))
    station.poll(24, first=12)
    station.alert(AlertKind.GATEWAY_DARK, at(2), at(3), gateway=GATEWAY)
    assert cause(station)[0] == "declared_drop"
    assert station.gaps()[0].evidence[0]["why"] == "disk cap"


def test_a_gateway_without_time_is_a_clock(station: Collecting) -> None:
    station.poll(8)
    station.health(clock=ClockState.SYNCED)
    station.health(clock=ClockState.UNSYNCED)
    station.poll(12, OTHERS, first=8)
    station.health(clock=ClockState.UNSYNCED)
    station.health(clock=ClockState.SYNCED)
    station.poll(24, first=12)
    assert cause(station)[0] == "clock"


def test_a_meter_whose_clock_is_far_off_is_a_clock_when_nothing_else_is_known(light: Collecting) -> None:
    holed(light)
    light.meter_says(clock_offset_s=-4000.0)
    assert cause(light)[0] == "clock"
    assert light.gaps()[0].evidence[0]["offset_s"] == -4000.0


def test_a_meter_that_leaves_asks_unanswered_is_silent(light: Collecting) -> None:
    light.poll(8)
    light.poll(24, OTHERS, first=8)
    light.health(silent=[METER])
    assert cause(light)[0] == "meter"


def test_a_gateway_that_holds_data_back_or_is_not_heard_is_the_cause(light: Collecting) -> None:
    light.poll(8)
    light.poll(20, OTHERS, first=8)
    light.health(backlog_batches=3, backlog_readings=9, oldest_at_ms=ms(at(2)))
    assert cause(light)[0] == "gateway"
    assert light.gaps()[0].evidence[0]["what"] == "backlog"


def test_when_no_meter_of_a_gateway_was_read_it_is_the_gateway(light: Collecting) -> None:
    light.poll(8)
    light.poll(24, first=12)
    assert cause(light)[0] == "gateway"
    assert light.gaps()[0].evidence[0]["meters"] == len(AREA)


def test_when_no_meter_of_one_line_was_read_it_is_the_line(light: Collecting) -> None:
    for meter in AREA[:3]:
        light.line(meter, "L2")
    light.poll(8)
    light.poll(12, AREA[:3], first=8)
    light.poll(24, first=12)
    assert cause(light)[0] == "line"
    assert light.gaps()[0].evidence[0]["key"] == f"{GATEWAY}/L1"


# re-reads


def waited(station: Collecting, hours: float = 6.1) -> None:
    """The gateway had its time to fill the gap by itself, and is there."""
    holed(station)
    station.count()
    station.clock.set(at(hours))
    station.health()


def test_a_gap_is_asked_for_again_and_repaired_by_what_comes(station: Collecting) -> None:
    waited(station, 4)
    assert station.count() == 0  # the gateway's own backfill still has its time
    waited(station, 6.1)
    assert station.count() == 1
    (order,) = station.rereads()
    assert (order.meter, order.from_ms, order.to_ms) == (METER, ms(at(2)), ms(at(3)))
    assert order.approvals == []
    row = station.row_of(order.id)
    assert (row.asked_by, row.state) == (ACTOR, "issued")
    assert station.spans() == [(8, 12, "ordered")]
    assert station.count() == 0  # one order is enough
    station.clock.advance(120)
    station.come(METER, station.quarters(8, 12), Source.PROFILE)
    station.says(order, OrderState.DONE, WHOLE)
    station.count()
    assert station.spans() == [(8, 12, "repaired")]
    (given,) = station.orders_of(station.gaps()[0].id)
    assert (given.outcome, given.missing_before, given.missing_after) == ("done", 4, 0)
    assert station.rate().on_demand.share == 1.0
    assert station.figures()[2] == 4  # it came late, and that is shown


def test_what_the_meter_does_not_have_is_given_up_with_the_gateways_reason(station: Collecting) -> None:
    waited(station)
    station.count()
    (order,) = station.rereads()
    station.come(METER, station.quarters(8, 10), Source.PROFILE)
    station.says(order, OrderState.DONE, "read again; without a value: 2 not_recorded")
    station.count()
    assert station.spans() == [(8, 12, "ordered")]  # its readings may still be on their way
    station.clock.advance(31 * 60)
    station.health()
    station.count()
    (row,) = station.gaps()
    assert (row.state, row.reason, row.missing) == ("not_repairable", "meter_has_none", 2)
    assert "2 not_recorded" in row.detail
    station.come(METER, station.quarters(8, 12), Source.IMPORT)
    station.count()
    assert station.gaps()[0].state == "repaired"


def test_an_answer_without_its_readings_is_no_repair(light: Collecting) -> None:
    waited(light)
    light.count()
    (order,) = light.rereads()
    light.says(order, OrderState.DONE, WHOLE)
    light.clock.advance(31 * 60)
    light.health()
    light.count()
    assert light.spans()[0] == (8, 12, "open")
    (given,) = light.orders_of(light.gaps()[0].id)
    assert (given.outcome, given.missing_after) == ("done", 4)


def test_after_so_many_tries_in_vain_nobody_asks_any_more(light: Collecting) -> None:
    waited(light)
    for number in range(light.rules.reread.tries):
        assert light.count() == 1, number
        order = light.rereads()[-1]
        light.says(order, OrderState.FAILED, "4 slots were not reached in time")
        light.clock.advance(31 * 60)
        light.health()
        assert light.count() == 0  # not at once again
        light.clock.advance(6.1 * 3600)
        light.health()
    assert light.count() == 0
    row = light.gaps()[0]
    assert (row.state, row.reason, row.tries) == ("not_repairable", "tries_spent", 3)


def test_nobody_is_asked_who_cannot_answer(light: Collecting) -> None:
    waited(light)
    light.clock.advance(600)
    assert light.count() == 0  # the gateway is not heard
    light.health(clock=ClockState.UNSYNCED)
    assert light.count() == 0
    light.health(silent=[METER])
    assert light.count() == 0
    light.health(backlog_batches=2, backlog_readings=4, oldest_at_ms=ms(at(2.5)))
    assert light.count() == 0  # what is missing may be on its way
    light.health(backlog_batches=2, backlog_readings=4, oldest_at_ms=ms(at(4)))
    assert light.count() == 1


def test_a_gateway_gets_no_more_orders_a_day_than_the_policy_allows(light: Collecting) -> None:
    light.rules = light.with_rereads(per_gateway_day=3, at_once=2)
    light.start()
    light.poll(8)
    light.poll(12, AREA[:1], first=8)
    light.poll(24, first=12)
    light.clock.set(at(6.1))
    light.health()
    assert [light.count() for _ in range(2)] == [2, 0]
    for order in light.rereads():
        light.says(order, OrderState.FAILED)
    assert [light.count() for _ in range(2)] == [1, 0]
    light.says(light.rereads()[-1], OrderState.FAILED)
    assert light.count() == 0
    light.clock.set(at(24.1))
    light.health()
    assert light.count() == 2  # of the new day


def test_near_gaps_of_a_meter_are_one_order_and_far_ones_are_not(light: Collecting) -> None:
    light.poll(8)
    for first, until, who in (
        (8, 10, OTHERS),
        (10, 12, AREA),
        (12, 14, OTHERS),
        (14, 30, AREA),
        (30, 32, OTHERS),
    ):
        light.poll(until, who, first=first)
    light.poll(40, first=32)
    light.clock.set(at(12))
    light.health()
    assert light.count() == 2
    spans = {(order.from_ms, order.to_ms) for order in light.rereads()}
    assert spans == {(ms(at(2)), ms(at(3.5))), (ms(at(7.5)), ms(at(8)))}


def test_a_meter_without_memory_and_a_gap_too_old_are_given_up_without_an_order(light: Collecting) -> None:
    light.model(OTHERS[1], "dlt645-1997-1p")
    light.poll(8)
    light.poll(12, OTHERS[:1], first=8)
    light.poll(24, first=12)
    light.clock.set(at(6.5))
    light.count()
    assert [row.reason for row in light.gaps(OTHERS[1])] == ["no_memory"]
    light.clock.set(at(6, DAY + timedelta(days=10)))
    light.health()
    light.count()
    assert [row.reason for row in light.gaps(METER)] == ["too_old"]


def test_nothing_is_ordered_when_the_policy_says_so(light: Collecting) -> None:
    light.rules = light.with_rereads(enabled=False)
    light.start()
    waited(light)
    assert light.count() == 0
    assert light.spans() == [(8, 12, "open")]


def test_a_person_may_ask_for_the_same_meter_meanwhile(light: Collecting) -> None:
    waited(light)
    light.ask(Wish(OrderKind.REREAD, METER, more={"from_ms": ms(at(2)), "to_ms": ms(at(3))}))
    assert light.count() == 1
    with light.database.read() as connection:
        kinds = {row.kind for row in command_store.commands(connection)}
        assert Cause.UNKNOWN in {row.cause for row in gap_list.counted(connection, DAY, DAY)}
    assert kinds == {OrderKind.REREAD}
