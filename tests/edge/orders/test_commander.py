"""Orders from the cloud: at most once through any kill, and what must never happen is refused right here."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from edge.links import Interrupted
from edge.orders import rules
from edge.orders.commander import Commander
from edge.orders.ledger import read_audit
from edge.orders.states import Event, Outcome, State
from edge.orders.work import _WORK
from edge.outbox_file import StorageFault
from protocols.mqtt.messages import ClockState
from protocols.mqtt.orders import Approval, Capability, OrderKind, OrderState, RelayState
from tests.edge.orders.bench import METER, PASSWORD, Bench, Killed, at

OFF, ON, CLOCK = OrderKind.RELAY_OFF, OrderKind.RELAY_ON, OrderKind.CLOCK
DONE, REFUSED, UNKNOWN = OrderState.DONE, OrderState.REFUSED, OrderState.UNKNOWN


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


# -- what must never happen ----------------------------------------------------------------------------------


def approvals(*names: str) -> list[Approval]:
    return [Approval(by=name, at_ms=1) for name in names]


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ({"approvals": approvals()}, "2 distinct approvers"),
        ({"approvals": approvals("li")}, "2 distinct approvers"),
        ({"approvals": approvals("li", " LI ")}, "2 distinct approvers"),
        ({"approvals": approvals("li", "  ")}, "2 distinct approvers"),
        ({"meter": "M-404"}, "no line of this gateway has a meter"),
        ({"issued_at_ms": 10**13, "expires_at_ms": 10**13 + 1}, "one of the two clocks is wrong"),
        ({"expires_at_ms": 10**13}, "expires within 24 h"),
        ({"issued_at_ms": 1_700_000_000_000, "expires_at_ms": 1_800_000_000_000}, "ledger of orders"),
    ],
)
@pytest.mark.parametrize("kind", [OFF, ON])
def test_a_relay_order_that_is_not_in_order_is_refused_and_nothing_is_sent(
    bench: Bench, kind: OrderKind, order: dict[str, Any], reason: str
) -> None:
    result = bench.do(bench.order(kind, **order))
    assert (result.state, bench.sent) == (REFUSED, 0)
    assert reason in result.detail


@pytest.mark.parametrize(
    ("settings", "kind", "reason"),
    [
        ({"relay": False}, OFF, "orders.relay is off"),
        ({"relay": False}, ON, "orders.relay is off"),
        ({"clock": False}, CLOCK, "orders.clock is off"),
        ({"protected": [METER]}, OFF, "protected list"),
        ({"protected": [METER]}, ON, "protected list"),
        ({"passwords": {}}, OFF, "no password of level 02"),
        ({"relay_per_day": 0}, OFF, "at most 0 meters a day"),
    ],
)
def test_what_the_gateway_is_set_not_to_do_is_refused_whoever_approved_it(
    tmp_path: Path, settings: dict[str, Any], kind: OrderKind, reason: str
) -> None:
    bench = Bench(tmp_path, **settings)
    bench.meter.offset_s = 60
    result = bench.do(bench.order(kind))
    assert (result.state, bench.sent) == (REFUSED, 0)
    assert reason in result.detail


@pytest.mark.parametrize("kind", [OFF, ON, CLOCK])
@pytest.mark.parametrize("invalid", ["unsynced", "1970"])
def test_without_valid_time_no_relay_is_switched_and_no_clock_set(
    bench: Bench, kind: OrderKind, invalid: str
) -> None:
    order = bench.order(kind)
    bench.meter.offset_s = 60
    if invalid == "1970":
        bench.clock.wall_ms = 5_000
    else:
        bench.clock.kernel = ClockState.UNSYNCED
    result = bench.do(order)
    assert (result.state, bench.sent) == (REFUSED, 0)
    assert "clock is not valid" in result.detail


def test_an_order_past_its_expiry_is_not_begun_also_when_the_line_was_busy_meanwhile(bench: Bench) -> None:
    late = bench.order(number=1)
    bench.clock.advance(601)
    assert bench.do(late).state is OrderState.EXPIRED
    waiting = bench.order(number=2)
    bench.give(waiting)
    bench.clock.advance(601)
    bench.work()
    assert bench.result(waiting).state is OrderState.EXPIRED
    assert bench.sent == 0


def test_the_frame_itself_expires_within_five_minutes_and_never_after_the_order(bench: Bench) -> None:
    bench.do(bench.order())
    bench.do(bench.order(ON, 2, expires_at_ms=bench.clock.now_ms() + 61_000))
    first, second = (frame.data[10:16][::-1].hex() for frame in bench.meter.frames)
    assert first == "261120093600"
    assert second == "261120093401"


def test_the_daily_cap_holds_over_a_restart_and_ends_with_the_local_day(tmp_path: Path) -> None:
    bench = Bench(tmp_path, relay_per_day=2)
    assert [bench.do(bench.order(OFF, number)).state for number in (1, 2)] == [DONE, DONE]
    bench.restart()
    result = bench.do(bench.order(OFF, 3))
    assert (result.state, bench.sent) == (REFUSED, 2)
    assert "at most 2 meters a day" in result.detail
    assert bench.do(bench.order(ON, 4)).state is DONE  # nobody stays in the dark for a cap
    bench.clock.wall_ms = at(23, 59) + 120_000
    assert bench.do(bench.order(OFF, 5)).state is DONE


def test_closing_is_only_ever_permitted_and_the_customer_presses(bench: Bench) -> None:
    bench.do(bench.order(OFF, 1))
    result = bench.do(bench.order(ON, 2))
    assert [frame.data[8] for frame in bench.meter.frames] == [0x1A, 0x1B]
    assert (result.state, result.relay) == (DONE, RelayState.OPEN)
    assert "the customer presses" in result.detail


def test_there_is_no_order_that_clears_or_readdresses_and_none_reaches_more_than_one_meter(
    bench: Bench,
) -> None:
    assert {kind.value for kind in OrderKind} == {
        "read", "reread", "facts", "clock", "freeze", "relay_off", "relay_on", "update",
    }  # fmt: skip
    assert set(_WORK) == {OrderKind.READ, OrderKind.FREEZE, CLOCK, OFF, ON}
    bench.meter.offset_s = 3600
    for number, kind in enumerate(_WORK):
        bench.do(bench.order(kind, number, billing_exception="case 7"))
    assert {frame.function for frame in bench.meter.frames} == {0x14, 0x16, 0x1C}
    assert {frame.address for frame in bench.meter.frames} == {bench.meter.meter.address}


@pytest.mark.parametrize("address", ["999999999999", "AAAAAAAAAAAA", "2529AAAAAAAA"])
@pytest.mark.parametrize("kind", [OFF, ON, OrderKind.FREEZE, CLOCK])
def test_a_broadcast_or_wildcard_address_gets_no_order_even_if_it_got_into_the_settings(
    bench: Bench, kind: OrderKind, address: str
) -> None:
    bench.meter.meter = bench.meter.meter.model_copy(update={"address": address})
    bench.meter.offset_s = 3600
    result = bench.do(bench.order(kind, billing_exception="case 7"))
    assert (result.state, bench.sent) == (REFUSED, 0)


@pytest.mark.parametrize(
    ("refuses", "found", "reason"),
    [({"04000503"}, Capability.CLOCK, "status word 3"), ({"04000101"}, Capability.READ, "its clock")],
)
def test_a_meter_that_does_not_show_its_relay_is_not_switched(
    bench: Bench, refuses: set[str], found: Capability, reason: str
) -> None:
    bench.meter.refuses = refuses
    assert bench.commander.capability(METER) is None
    result = bench.do(bench.order())
    assert (result.state, bench.sent) == (REFUSED, 0)
    assert reason in result.detail
    assert bench.commander.capability(METER) is found


def test_a_capability_is_found_by_reads_alone_and_of_that_very_device(bench: Bench) -> None:
    assert bench.commander.probe(bench.meter) is Capability.CONTROL
    assert (bench.commander.capability(METER), bench.sent) == (Capability.CONTROL, 0)
    other = bench.meter.meter.model_copy(update={"address": "000000000001"})
    line = bench.settings.lines[0].model_copy(update={"meters": (other,)})
    bench.commander.settings = bench.settings.model_copy(update={"lines": (line,)})
    assert bench.commander.capability(METER) is None


def test_a_refused_password_is_not_tried_again_that_day_lest_the_meter_locks_itself(bench: Bench) -> None:
    bench.meter.no = 0x04
    result = bench.do(bench.order(OFF, 1))
    assert (result.state, bench.sent) == (REFUSED, 1)
    assert "the meter refuses" in result.detail
    bench.do(bench.order(OFF, 2))
    assert bench.sent == 1
    bench.meter.no = 0
    bench.clock.advance(86_400)
    assert bench.do(bench.order(OFF, 3)).state is DONE


def test_the_meters_password_is_in_no_file_no_log_and_no_answer(
    bench: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bench.do(bench.order())
    (told,) = [row.detail["frame"] for row in read_audit(tmp_path / "orders.db") if "frame" in row.detail]
    assert told == "202107072529 1CH 02******000000001A00003609201126"
    on_the_wire = bytes.fromhex(PASSWORD)[::-1]
    assert bench.meter.frames[0].data[1:4] == on_the_wire
    everything = (tmp_path / "orders.db").read_bytes() + caplog.text.encode() + str(bench.said).encode()
    shifted = bytes(byte + 0x33 & 0xFF for byte in on_the_wire)
    for secret in (PASSWORD.encode(), on_the_wire.hex().upper().encode(), shifted.hex().upper().encode()):
        assert secret not in everything


# -- at most once --------------------------------------------------------------------------------------------


def test_a_relay_is_read_back_and_the_result_says_what_it_reads(bench: Bench) -> None:
    result = bench.do(bench.order())
    assert (result.state, result.relay, bench.meter.relay_open) == (DONE, RelayState.OPEN, True)


def test_a_meter_that_says_yes_and_does_not_switch_is_unknown_with_the_relay_as_it_reads(
    bench: Bench,
) -> None:
    bench.meter.stuck = True
    result = bench.do(bench.order())
    assert (result.state, result.relay, bench.sent) == (UNKNOWN, RelayState.CLOSED, 1)


@pytest.mark.parametrize(("deaf", "relay"), [(False, RelayState.OPEN), (True, RelayState.CLOSED)])
def test_without_an_answer_the_end_is_unknown_the_relay_is_read_and_nothing_is_sent_again(
    bench: Bench, deaf: bool, relay: RelayState
) -> None:
    bench.meter.silent, bench.meter.deaf = not deaf, deaf
    result = bench.do(bench.order())
    assert (result.state, result.relay, bench.sent) == (UNKNOWN, relay, 1)
    assert "not sent again" in result.detail


def test_a_relay_that_cannot_be_read_is_said_to_be_unknown(bench: Bench) -> None:
    bench.meter.after_send = lambda: setattr(bench.meter, "mute", True)
    result = bench.do(bench.order())
    assert (result.state, result.relay, bench.sent) == (UNKNOWN, RelayState.UNKNOWN, 1)


def killed(*_: object) -> None:
    raise Killed


def kill_before_begin(bench: Bench) -> None:
    bench.meter.ask = killed  # type: ignore[method-assign,assignment]


def kill_before_send(bench: Bench) -> None:
    bench.meter.before_send = killed


def kill_before_answer(bench: Bench) -> None:
    bench.meter.after_send = killed


def kill_before_answer_is_kept(bench: Bench) -> None:
    kept = bench.ledger.move

    def move(order_id: str, event: Event, *rest: Any, **more: Any) -> Any:
        return killed() if event is Event.ANSWER else kept(order_id, event, *rest, **more)

    bench.ledger.move = move  # type: ignore[method-assign]


def kill_before_read_back(bench: Bench) -> None:
    kept = bench.ledger.move

    def move(order_id: str, event: Event, *rest: Any, **more: Any) -> Any:
        entry = kept(order_id, event, *rest, **more)
        return killed() if event is Event.ANSWER else entry

    bench.ledger.move = move  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("kill", "kept", "state", "relay", "sent"),
    [
        (kill_before_begin, State.TAKEN, DONE, RelayState.OPEN, 1),
        (kill_before_send, State.BEGUN, UNKNOWN, RelayState.CLOSED, 0),
        (kill_before_answer, State.BEGUN, UNKNOWN, RelayState.OPEN, 1),
        (kill_before_answer_is_kept, State.BEGUN, UNKNOWN, RelayState.OPEN, 1),
        (kill_before_read_back, State.ACTED, DONE, RelayState.OPEN, 1),
    ],
)
def test_killed_anywhere_an_order_is_sent_at_most_once_and_its_relay_is_read_first(
    tmp_path: Path, kill: Any, kept: State, state: OrderState, relay: RelayState, sent: int
) -> None:
    bench = Bench(tmp_path)
    order = bench.order()
    bench.give(order)
    meter_asks = bench.meter.ask
    kill(bench)
    with pytest.raises(Killed):
        bench.work()
    bench.meter.ask = meter_asks  # type: ignore[method-assign]
    bench.meter.before_send = bench.meter.after_send = lambda: None
    bench.restart()
    assert bench.entry(order).state is kept
    bench.give(order)  # the cloud, which has heard nothing, says it again
    bench.work()
    result = bench.result(order)
    assert (result.state, result.relay, bench.sent) == (state, relay, sent)


def test_the_line_ending_for_a_stop_leaves_the_order_for_the_next_start(bench: Bench) -> None:
    order = bench.order()
    bench.give(order)
    bench.jobs.pop().done(Interrupted("stopping"))
    bench.commander.tick(connected=True)
    assert bench.entry(order).state is State.TAKEN
    bench.restart()
    bench.work()
    assert (bench.result(order).state, bench.sent) == (DONE, 1)


def test_the_same_order_again_and_again_is_done_once_and_answered_each_time(bench: Bench) -> None:
    order = bench.order()
    bench.give(order, order, order)
    bench.work()
    assert bench.sent == 1
    bench.heard(order, DONE)
    before = len(bench.said)
    bench.give(order)
    assert [result.state for result in bench.said[before:]] == [DONE]
    assert bench.sent == 1


def test_an_id_used_for_another_order_is_refused_and_the_first_ones_state_stands(
    bench: Bench, tmp_path: Path
) -> None:
    first = bench.order(OrderKind.READ)
    assert bench.do(first).state is DONE
    bench.give(bench.order(OFF), bench.order(OFF))
    bench.work()
    assert (bench.sent, bench.said[-1].kind, bench.said[-1].state) == (0, OrderKind.READ, DONE)
    refused = [row for row in read_audit(tmp_path / "orders.db") if row.what == "refused: the id is used"]
    assert [row.detail["kind"] for row in refused] == ["relay_off"]


def test_a_relay_order_overtaken_by_a_later_one_is_refused(bench: Bench) -> None:
    off = bench.order(OFF, 1)
    bench.clock.advance(5)
    on = bench.order(ON, 2)
    bench.give(on)
    bench.work(2)
    result = bench.do(off)
    assert (result.state, [frame.data[8] for frame in bench.meter.frames]) == (REFUSED, [0x1B])
    assert "issued later" in result.detail


@pytest.mark.parametrize("payload", [b"", b"{}", b"\xff", b'{"v":1,"gateway":"gw-a02"}'])
def test_garbage_in_place_of_an_order_or_a_word_is_ignored(bench: Bench, payload: bytes) -> None:
    bench.commander.receive_order(payload)
    bench.commander.receive_heard(payload)
    bench.give(bench.order(gateway="gw-a02"))
    assert (bench.ledger.unfinished(), bench.said) == ([], [])


# -- results -------------------------------------------------------------------------------------------------


def test_a_result_is_said_until_the_cloud_has_heard_that_very_state_also_over_a_restart(bench: Bench) -> None:
    order = bench.order(OrderKind.READ)
    bench.give(order)
    assert [result.state for result in bench.said] == [OrderState.TAKEN]
    bench.work(1)
    bench.heard(order, OrderState.TAKEN)  # late: the order is done by now
    bench.said.clear()
    bench.work()
    assert {result.state for result in bench.said} == {DONE}
    assert 3 <= len(bench.said) <= 8  # at first after 2 s, then ever more rarely
    bench.restart()
    bench.said.clear()
    bench.work(1)
    assert bench.said[0].values == {"energy_import_wh": 5_000, "voltage_l1_v": 230.5}
    bench.heard(order, DONE)
    bench.said.clear()
    bench.work()
    assert bench.said == []


def test_while_there_is_no_connection_a_result_waits_and_goes_out_at_once_after(bench: Bench) -> None:
    bench.do(bench.order(OrderKind.READ))
    bench.said.clear()
    for _ in range(5):
        bench.commander.tick(connected=False)
        bench.clock.advance(100)
    assert bench.said == []
    bench.commander.tick(connected=True)
    assert [result.state for result in bench.said] == [DONE]


def test_a_silent_meter_fails_an_order_before_anything_was_sent(bench: Bench) -> None:
    bench.meter.mute = True
    assert bench.do(bench.order(OrderKind.READ, 1)).state is OrderState.FAILED
    result = bench.do(bench.order(OFF, 2))
    assert (result.state, bench.sent) == (OrderState.FAILED, 0)
    assert "nothing was sent" in result.detail


# -- clocks --------------------------------------------------------------------------------------------------


def test_a_small_offset_is_set_by_broadcast_once_a_day_and_read_back(bench: Bench) -> None:
    bench.meter.offset_s = -120.0
    result = bench.do(bench.order(CLOCK, 1))
    assert (result.state, len(bench.meter.told), bench.meter.frames) == (DONE, 1, [])
    assert "was off by -120 s; the clock is off by +0 s now" in result.detail
    (setting,) = bench.ledger.clock_settings()
    assert (setting["offset_before_s"], setting["offset_after_s"], setting["broadcast"]) == (-120.0, 0.0, 1)
    bench.restart()
    bench.meter.offset_s = 60
    result = bench.do(bench.order(CLOCK, 2))
    assert (result.state, bench.sent) == (REFUSED, 1)
    assert "one time broadcast today" in result.detail


def test_a_clock_that_is_right_is_left_alone(bench: Bench) -> None:
    bench.meter.offset_s = 1.0
    assert (bench.do(bench.order(CLOCK)).state, bench.sent) == (DONE, 0)


def test_a_broadcast_without_effect_has_failed(bench: Bench) -> None:
    bench.meter.offset_s, bench.meter.stuck = 120.0, True
    result = bench.do(bench.order(CLOCK))
    assert (result.state, result.values) == (OrderState.FAILED, {"clock_offset_s": 120.0})


def test_beyond_five_minutes_only_point_to_point_and_only_with_a_billing_exception(bench: Bench) -> None:
    bench.meter.offset_s = 301.0
    result = bench.do(bench.order(CLOCK, 1))
    assert (result.state, bench.sent) == (REFUSED, 0)
    assert "billing_exception" in result.detail
    assert bench.do(bench.order(CLOCK, 2, billing_exception="case 7")).state is DONE
    assert [frame.function for frame in bench.meter.frames] == [0x14, 0x14]
    assert bench.meter.told == []


def test_a_clock_killed_while_it_was_set_is_read_and_not_set_again(bench: Bench) -> None:
    bench.meter.offset_s = 120.0
    order = bench.order(CLOCK)
    bench.give(order)
    bench.meter.after_send = killed
    with pytest.raises(Killed):
        bench.work()
    bench.meter.after_send = lambda: None
    bench.restart()
    bench.work()
    result = bench.result(order)
    assert (result.state, result.values, bench.sent) == (UNKNOWN, {"clock_offset_s": 0.0}, 1)


@pytest.mark.parametrize(
    ("hour", "minute", "offset_s", "refused"),
    [
        (9, 30, 60.0, False), (0, 9, 60.0, True), (23, 51, 60.0, True), (0, 11, 60.0, False),
        (0, 12, -240.0, True), (23, 48, 240.0, True), (7, 50, 60.0, True), (8, 10, 60.0, True),
        (8, 11, 60.0, False), (8, 40, -1800.0, True), (8, 40, -1200.0, False), (12, 0, 90_000.0, False),
    ],
)  # fmt: skip
def test_no_clock_is_set_near_midnight_a_band_edge_or_across_one(
    tmp_path: Path, hour: int, minute: int, offset_s: float, refused: bool
) -> None:
    bench = Bench(tmp_path, quiet_minutes=[480])  # 8:00; midnight always counts
    bench.clock.wall_ms = at(hour, minute)
    bench.meter.offset_s = offset_s
    bench.ledger.begun_at_ms = 0
    result = bench.do(bench.order(CLOCK, billing_exception="case 7"))
    assert (result.state is REFUSED) is refused, result.detail
    assert not refused or "too near to" in result.detail


# -- what others do ------------------------------------------------------------------------------------------


def test_what_is_not_for_a_line_is_handed_on_and_its_end_reported(bench: Bench) -> None:
    order = bench.order(OrderKind.REREAD, 1, from_ms=1, to_ms=2)
    bench.commander.handlers[OrderKind.REREAD] = lambda got, finish: finish(
        Event.FINISH, Outcome(f"{got.from_ms}..{got.to_ms}")
    )
    assert bench.do(order).detail == "1..2"
    assert bench.do(bench.order(OrderKind.FACTS, 2, meter="")).state is REFUSED


def test_a_defect_in_what_others_do_fails_the_order_and_ends_nothing(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.commander.handlers[OrderKind.FACTS] = lambda *_: 1 // 0  # type: ignore[assignment]
    assert bench.do(bench.order(OrderKind.FACTS)).state is OrderState.FAILED
    assert "ZeroDivisionError" in caplog.text


def test_an_update_begun_before_the_start_is_concluded_by_who_knows(bench: Bench) -> None:
    order = bench.order(OrderKind.UPDATE, url="https://a", sha256="a" * 64, signature="b" * 128)
    bench.commander.handlers[OrderKind.UPDATE] = lambda *_: None
    bench.give(order)
    bench.ledger.close()
    bench.jobs.clear()
    start = Commander.start

    def resumed(self: Commander) -> None:
        self.resume[OrderKind.UPDATE] = lambda _, finish: finish(Event.FINISH, Outcome("confirmed"))
        start(self)

    Commander.start = resumed  # type: ignore[method-assign]
    try:
        bench.start()
    finally:
        Commander.start = start  # type: ignore[method-assign]
    bench.work(1)
    assert (bench.result(order).state, bench.result(order).detail) == (DONE, "confirmed")


# -- the ledger ----------------------------------------------------------------------------------------------


def test_the_audit_names_every_order_approval_frame_and_end_and_only_grows(
    bench: Bench, tmp_path: Path
) -> None:
    bench.do(bench.order())
    path = tmp_path / "orders.db"
    rows = read_audit(path)
    assert [row.what for row in rows] == ["taken", "begun", "acted", "done"]
    assert [each["by"] for each in rows[0].detail["approvals"]] == ["li", "wang"]
    with sqlite3.connect(path) as db:
        for change in ("UPDATE audit SET what = 'x'", "DELETE FROM audit"):
            with pytest.raises(sqlite3.IntegrityError, match="only grows"):
                db.execute(change)
        db.execute("DROP TRIGGER audit_stays")
        db.execute("UPDATE audit SET detail = replace(detail, 'wang', 'zhao')")
    db.close()
    with pytest.raises(StorageFault, match="was changed at row 1"):
        read_audit(path)


def test_a_broken_ledger_is_kept_aside_and_orders_from_before_are_refused(
    bench: Bench, tmp_path: Path
) -> None:
    order = bench.order()
    bench.do(order)
    bench.ledger.close()
    (tmp_path / "orders.db").write_bytes(b"no database" * 1000)
    bench.start()
    result = bench.do(order)
    assert (result.state, bench.sent) == (REFUSED, 1)
    assert "may have been carried out already" in result.detail
    assert list(tmp_path.glob("orders.corrupt-*.db"))


def test_an_order_that_cannot_be_kept_is_not_carried_out_and_is_taken_once_the_disk_works(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        full.setattr("edge.orders.ledger.Ledger.take", _disk_full)
        bench.give(bench.order())
        assert (bench.jobs, bench.said) == ([], [])
    bench.work()
    assert bench.said[-1].state is DONE


def _disk_full(*_: object) -> None:
    raise StorageFault("orders.db: database or disk is full")


def test_the_rules_know_their_meter_and_their_zone() -> None:
    assert rules.zone_of("Asia/Nowhere") is None
    assert rules.zone_of("../etc") is None


def test_an_order_whose_taking_was_cut_short_by_the_disk_goes_on_and_is_done_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        full.setattr("edge.orders.ledger.Ledger.unfinished", _disk_full)
        bench.give(bench.order())
        bench.give(bench.order())
    assert (bench.entry(bench.order()).state, bench.jobs) == (State.TAKEN, [])
    bench.give(bench.order(), bench.order())
    bench.work()
    assert (bench.result(bench.order()).state, bench.sent) == (DONE, 1)


def test_a_disk_that_fails_at_the_start_only_puts_the_orders_off(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = bench.order()
    bench.give(order)
    with monkeypatch.context() as full:
        full.setattr("edge.orders.ledger.Ledger.unfinished", _disk_full)
        bench.restart()
    bench.work()
    assert (bench.result(order).state, bench.sent) == (DONE, 1)
