"""Commands on real databases: who may have what done to which meter, and what the wire then hears."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from cloud.customers import protection
from cloud.customers.protection import Protection
from cloud.fleet.commands import Wish
from cloud.kit.db import Database
from cloud.kit.errors import Conflict, Invalid, NotFound
from protocols.errors import MessageError
from protocols.mqtt.orders import Capability, OrderKind, OrderState, RelayState
from tests.cloud.fleet.station import ACCOUNT, FIRST, GATEWAY, METER, OFF, SECOND, Commanding


@pytest.fixture
def station(sqlite_url: str) -> Iterator[Commanding]:
    made = Commanding(Database(sqlite_url))
    made.prove()
    yield made
    made.database.close()


@pytest.fixture
def on_both(database: Database) -> Commanding:
    """For the tests that between them use every query."""
    made = Commanding(database)
    made.prove()
    return made


def test_a_disconnection_goes_out_after_two_people_agreed_and_not_before(on_both: Commanding) -> None:
    command = on_both.ask()
    on_both.dispatch.tick()
    assert (on_both.state(command), on_both.sent()) == ("awaiting_approval", [])
    on_both.minutes(5)
    on_both.approve(command)
    on_both.dispatch.tick()
    [order] = on_both.sent()
    assert (order.id, order.kind, order.meter, order.gateway) == (command, "relay_off", METER, GATEWAY)
    assert [each.by for each in order.approvals] == [FIRST, SECOND]
    assert order.expires_at_ms - order.issued_at_ms == 30 * 60_000
    assert order.issued_at_ms == on_both.now_ms()
    assert on_both.audit(command) == [(FIRST, "ask"), (SECOND, "issue")]


@pytest.mark.parametrize("who", [FIRST, FIRST.upper(), f" {FIRST}"])
def test_whoever_asked_is_not_a_second_person(station: Commanding, who: str) -> None:
    command = station.ask()
    with pytest.raises(Conflict, match="has approved already"):
        station.approve(command, who)
    assert station.state(command) == "awaiting_approval"


def test_a_relay_moves_for_a_reason_only(station: Commanding) -> None:
    for reason in ("", "  "):
        with pytest.raises(Invalid, match="a reason is required"):
            station.ask(replace(OFF, reason=reason))


def test_what_nobody_approved_in_time_expires(station: Commanding) -> None:
    command = station.ask()
    station.minutes(30)
    with pytest.raises(Conflict, match="expired"):
        station.approve(command)
    assert station.dispatch.tick() == 1
    assert (station.state(command), station.sent()) == ("expired", [])


def test_it_can_be_cancelled_before_it_is_issued_and_not_after(station: Commanding) -> None:
    with station.database.write() as connection:
        first = station.commands.ask(connection, OFF, FIRST, station.clock.now()).id
        station.commands.cancel(connection, first, SECOND, "paid", station.clock.now())
    assert station.state(first) == "cancelled"
    second = station.issued()
    with station.database.write() as connection, pytest.raises(Conflict, match="cancel is not possible"):
        station.commands.cancel(connection, second, SECOND, "", station.clock.now())


# what stands against it


def test_no_disconnection_in_an_area_with_an_outage(on_both: Commanding) -> None:
    command = on_both.ask()
    on_both.outage()
    with pytest.raises(Conflict, match="open outage"):
        on_both.approve(command)
    with pytest.raises(Conflict, match="open outage"):
        on_both.ask(replace(OFF, kind=OrderKind.RELAY_ON, meter="A01-04"))


def test_none_while_it_is_unproven_whom_the_meter_serves(station: Commanding) -> None:
    with pytest.raises(Conflict, match="unproven that this meter serves account N-A01-04"):
        station.ask(replace(OFF, meter="A01-04"))
    with pytest.raises(NotFound):
        station.prove("A01-04", ACCOUNT)
    station.prove("A01-04", "N-A01-04")
    assert station.ask(replace(OFF, meter="A01-04"))


def test_none_of_a_meter_that_serves_nobody_or_the_whole_area(station: Commanding) -> None:
    with pytest.raises(Conflict, match=r"area meter.*serves no account"):
        station.ask(replace(OFF, meter="A01-00"))


@pytest.mark.parametrize("kind", Protection)
def test_protected_and_important_customers_are_out_of_reach_and_may_be_given_back(
    on_both: Commanding, kind: Protection
) -> None:
    now = on_both.clock.now()
    with on_both.database.write() as connection:
        row = protection.protect(connection, ACCOUNT, kind, "示例原因", FIRST, now)
        with pytest.raises(Conflict, match="already"):
            protection.protect(connection, ACCOUNT, kind, "again", FIRST, now)
    with pytest.raises(Conflict, match="no disconnection reaches it"):
        on_both.ask()
    with on_both.database.write() as connection:
        command = on_both.commands.ask(connection, replace(OFF, kind=OrderKind.RELAY_ON), FIRST, now)
        on_both.commands.cancel(connection, command.id, FIRST, "", now)
        protection.end(connection, row.id, "示例原因", SECOND, now)
        [ended] = protection.protections(connection, ended=True)
    assert (ended.by, ended.ended_by) == (FIRST, SECOND)
    assert on_both.ask()


def test_one_at_a_time(station: Commanding) -> None:
    command = station.ask()
    with pytest.raises(Conflict, match=command):
        station.ask()


def test_the_stations_cap_counts_its_own_day(station: Commanding) -> None:
    station.policy = station.policy.model_copy(update={"relay_off_per_day": 1})
    station.start()
    station.result(station.issued(), OrderState.DONE)
    station.prove("A01-04", "N-A01-04")
    with pytest.raises(Conflict, match="cap is 1"):
        station.ask(replace(OFF, meter="A01-04"))
    station.minutes(60 * 8)  # 16:00 UTC: the station's midnight
    assert station.ask(replace(OFF, meter="A01-04"))


def test_a_meter_known_to_refuse_control_is_not_asked(station: Commanding) -> None:
    station.meter_says(capability=Capability.CLOCK)
    with pytest.raises(Conflict, match="lets us clock and no more"):
        station.ask()


# unknown


@pytest.mark.parametrize("silent", [True, False])
def test_after_an_unknown_end_the_relay_is_read_before_it_may_be_moved_again(
    station: Commanding, silent: bool
) -> None:
    command = station.issued()
    if silent:
        station.minutes(32)
        assert station.dispatch.tick() == 1
    else:
        station.result(command, OrderState.UNKNOWN, detail="no answer")
    assert station.state(command) == "unknown"
    sent = len(station.sent())
    for _ in range(5):
        station.minutes(10)
        station.dispatch.tick()
    assert len(station.sent()) == sent
    with pytest.raises(Conflict, match="read the relay's state first"):
        station.ask()
    with pytest.raises(Conflict, match="read the relay's state first"):
        station.ask(replace(OFF, kind=OrderKind.RELAY_ON))
    station.meter_says(relay_open=None)
    with pytest.raises(Conflict, match="read the relay's state first"):
        station.ask()
    assert station.ask(Wish(OrderKind.FACTS, METER))
    station.minutes(1)
    station.meter_says(relay_open=False)
    assert station.ask()


def test_what_a_gateway_says_days_later_still_ends_an_unknown(on_both: Commanding) -> None:
    command = on_both.issued()
    on_both.minutes(60 * 24)
    on_both.dispatch.tick()
    assert on_both.state(command) == "unknown"
    on_both.result(command, OrderState.DONE, relay=RelayState.OPEN)
    assert (on_both.state(command), on_both.row(command).relay) == ("done", "open")
    assert on_both.heard()[-1] == [(command, "done")]


# the wire


def test_it_is_said_again_the_same_until_the_gateway_has_it(station: Commanding) -> None:
    command = station.issued()
    for _ in range(4):
        station.minutes(1)
        station.start()  # a service that was started anew says it too
        station.dispatch.tick()
    assert len({each.payload for each in station.wire}) == 1
    assert len(station.sent()) == 5
    station.result(command, OrderState.TAKEN)
    said = len(station.sent())
    for _ in range(4):
        station.minutes(1)
        station.dispatch.tick()
    assert (station.state(command), len(station.sent())) == ("taken", said)


def test_it_is_not_said_again_at_once(station: Commanding) -> None:
    station.issued()
    for _ in range(10):
        station.dispatch.tick()
    assert len(station.sent()) == 1


def test_without_a_connection_it_waits_and_what_was_never_tried_expires(station: Commanding) -> None:
    command = station.ask()
    station.approve(command)
    station.minutes(30)
    station.dispatch.tick()
    assert (station.state(command), station.sent()) == ("expired", [])


def test_an_outage_between_approval_and_sending_holds_it_back(station: Commanding) -> None:
    command = station.ask()
    station.approve(command)
    station.outage()
    for _ in range(3):
        station.minutes(1)
        station.dispatch.tick()
    assert station.sent() == []
    assert station.audit(command).count(("system", "held_back")) == 1


def test_heard_is_said_of_what_is_written_down_and_of_nothing_else(station: Commanding) -> None:
    command = station.issued()
    station.result(command, OrderState.TAKEN)
    station.result(command, OrderState.DONE)
    station.result(command, OrderState.DONE)
    assert station.heard() == [
        [(command, "taken")],
        [(command, "taken"), (command, "done")],
        [(command, "taken"), (command, "done")],
    ]
    assert station.audit(command)[2:] == [(GATEWAY, "taken"), (GATEWAY, "done")]
    station.database.close()
    with pytest.raises(Conflict):
        station.result(command, OrderState.FAILED)
    assert len(station.heard()) == 3


def test_a_late_taken_moves_nothing_and_a_second_end_is_only_noted(station: Commanding) -> None:
    command = station.issued()
    station.result(command, OrderState.DONE)
    station.result(command, OrderState.TAKEN)
    station.result(command, OrderState.FAILED, detail="otherwise")
    assert station.state(command) == "done"
    assert station.audit(command)[2:] == [(GATEWAY, "done"), (GATEWAY, "taken"), (GATEWAY, "failed")]


def test_an_answer_to_an_order_of_a_lost_database_is_heard_so_that_it_ends(station: Commanding) -> None:
    station.result("RC-20260101-0000", OrderState.DONE)
    assert station.heard() == [[("RC-20260101-0000", "done")]]


def test_a_gateway_ends_no_command_of_another(station: Commanding) -> None:
    command = station.issued()
    with pytest.raises(MessageError, match="another gateway"):
        station.result(command, OrderState.DONE, gateway="gw-a02")
    assert (station.state(command), station.heard()) == ("issued", [])


def test_what_read_brought_is_kept(station: Commanding) -> None:
    command = station.ask(Wish(OrderKind.READ, METER))
    station.dispatch.tick()
    station.result(command, OrderState.DONE, values={"power_w": 12.5})
    assert station.row(command).values == {"power_w": 12.5}


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        (Wish(OrderKind.READ), "name it"),
        (Wish(OrderKind.UPDATE, reason="x"), "name the gateway"),
        (Wish(OrderKind.UPDATE, gateway=GATEWAY, reason="x"), "signature"),
        (Wish(OrderKind.REREAD, METER), "from_ms"),
        (Wish(OrderKind.READ, METER, "gw-a02"), "hangs on gateway"),
        (Wish(OrderKind.CLOCK, METER), "reason"),
    ],
)
def test_a_wish_that_cannot_be_carried_out_is_told_at_once(station: Commanding, wish: Wish, why: str) -> None:
    with pytest.raises(Invalid, match=why):
        station.ask(wish)
    station.dispatch.tick()
    assert station.sent() == []


def test_a_clock_far_off_is_set_with_a_billing_exception_only(station: Commanding) -> None:
    station.meter_says(clock_offset_s=-301.0)
    wish = Wish(OrderKind.CLOCK, METER, reason="示例原因")
    with pytest.raises(Conflict, match="billing exception"):
        station.ask(wish)
    station.ask(replace(wish, more={"billing_exception": "示例说明"}))
    station.dispatch.tick()
    assert [each.billing_exception for each in station.sent()] == ["示例说明"]


# facts


def test_facts_are_kept_when_they_say_something_else(on_both: Commanding) -> None:
    on_both.meter_says(clock_offset_s=1.0)
    for offset_s in (2.0, 3.0):
        on_both.minutes(1)
        on_both.meter_says(clock_offset_s=offset_s)
    assert len(on_both.told()) == 1
    on_both.minutes(1)
    on_both.meter_says(clock_offset_s=3.0, relay_open=True)
    assert [each.facts.relay_open for each in on_both.told()] == [True, None]


def test_an_older_word_of_a_meter_changes_nothing(station: Commanding) -> None:
    station.meter_says(ct_ratio=30.0)
    station.meter_says(ct_ratio=1.0, at_ms=station.now_ms() - 60_000)
    assert [each.facts.ct_ratio for each in station.told()] == [30.0]


def test_a_gateway_with_a_clock_in_the_future_does_not_have_the_last_word_for_ever(
    station: Commanding,
) -> None:
    station.meter_says(ct_ratio=1.0, at_ms=2**45)
    station.minutes(1)
    station.meter_says(ct_ratio=30.0)
    assert [each.facts.ct_ratio for each in station.told()] == [30.0, 1.0]


def test_a_gateway_speaks_of_its_own_meters_only(station: Commanding) -> None:
    with pytest.raises(MessageError, match="not one of gateway"):
        station.meter_says(gateway="gw-a02")
