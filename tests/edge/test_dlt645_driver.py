"""Reading DL/T 645 meters over real ports: what arrives, what does not, and what must not be believed."""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from edge.drivers.dlt645 import Dlt645Driver
from edge.drivers.parts import RETRY_EVERY
from edge.links import LinkDown, NoReply
from edge.settings import MeterSettings
from protocols.dlt645.frame import Frame, encode
from protocols.errors import FrameError, Refused
from tests.edge.lines import (
    ADDRESS,
    OTHER,
    THREE_PHASE_VALUES,
    bcd,
    blocks,
    dlt645_driver,
    line,
    meter,
    singles,
)
from tests.edge.wire import Chunks, Meters, Reaction, TcpWire, Wire, byte_by_byte, wire_of

METER = meter()
KINDS = ["tcp", "serial"]
WELL = Meters({ADDRESS: blocks()})


@contextmanager
def driver_on(
    react: Reaction, kind: str = "tcp", *meters: MeterSettings, retries: int = 1
) -> Iterator[tuple[Dlt645Driver, Wire[Frame]]]:
    with wire_of(kind, react) as wire:
        driver = dlt645_driver(line(wire.endpoint, *meters, kind=kind, retries=retries))
        driver.open()
        yield driver, wire
        driver.close()


def asked(wire: Wire[Frame]) -> list[str]:
    return [request.data[:4][::-1].hex().upper() for request in wire.requests]


def once(react: Reaction, first: Callable[[Frame], Chunks]) -> Reaction:
    """`first` for the first request, `react` from then on."""
    seen: list[Frame] = []

    def reaction(request: Frame) -> Chunks:
        seen.append(request)
        return first(request) if len(seen) == 1 else react(request)

    return reaction


@pytest.mark.parametrize("kind", KINDS)
def test_a_meter_with_blocks_is_read_by_blocks(kind: str) -> None:
    with driver_on(WELL, kind) as (driver, wire):
        assert driver.read(METER) == THREE_PHASE_VALUES
        assert len(wire.requests) == 8
        assert (driver.noise_bytes, driver.bad_frames) == (0, 0)
        assert {request.preamble for request in wire.requests} == {4}


@pytest.mark.parametrize("kind", KINDS)
def test_a_meter_that_refuses_blocks_is_read_singly_and_not_asked_for_blocks_again(kind: str) -> None:
    with driver_on(Meters({ADDRESS: singles()}), kind) as (driver, wire):
        assert driver.read(METER) == THREE_PHASE_VALUES
        assert "0001FF00" in asked(wire)
        wire.requests.clear()
        assert driver.read(METER) == THREE_PHASE_VALUES
        assert not [di for di in asked(wire) if "FF" in di]


def test_blocks_once_refused_are_tried_again_rarely() -> None:
    with driver_on(Meters({ADDRESS: {"0201FF00": bcd("2301", "2302", "2303"), "02800002": bcd("5001")}})) as (
        driver,
        wire,
    ):
        driver.read(METER)
        wire.requests.clear()
        for _ in range(RETRY_EVERY - 2):
            driver.read(METER)
        assert "0001FF00" not in asked(wire)
        driver.read(METER)
        assert asked(wire).count("0001FF00") == 1


def test_a_block_met_by_silence_is_told_from_a_dead_meter_by_its_singles() -> None:
    quiet_blocks = Meters({ADDRESS: singles()})

    def react(request: Frame) -> Chunks:
        return [] if request.data[2] == 0xFF or request.data[1] == 0xFF else quiet_blocks(request)

    with driver_on(react, retries=0) as (driver, wire):
        assert driver.read(METER) == THREE_PHASE_VALUES
        wire.requests.clear()
        assert driver.read(METER) == THREE_PHASE_VALUES
        assert not [di for di in asked(wire) if "FF" in di]


def test_a_meter_that_answers_some_items_gives_those_and_nothing_is_made_up() -> None:
    some = {"0201FF00": bcd("2301") + b"\xff" * 4, "02800002": bcd("5001")}
    with driver_on(Meters({ADDRESS: some})) as (driver, _):
        assert driver.read(METER) == {"voltage_l1_v": 230.1, "frequency_hz": 50.01}


def test_values_that_are_no_digits_are_absent_and_the_rest_stays() -> None:
    broken = blocks() | {"02800002": b"\x1a\x50", "0201FF00": bcd("2301") + b"\x0a\x23" + bcd("2303")}
    with driver_on(Meters({ADDRESS: broken})) as (driver, _):
        values = driver.read(METER)
        assert values == {
            name: value
            for name, value in THREE_PHASE_VALUES.items()
            if name not in ("frequency_hz", "voltage_l2_v")
        }


def test_a_meter_that_dies_midway_gives_what_it_said_before() -> None:
    left = iter(range(2))

    def react(request: Frame) -> Chunks:
        return WELL(request) if next(left, None) is not None else []

    with driver_on(react, retries=0) as (driver, wire):
        values = driver.read(METER)
        assert set(values) == {name for name in THREE_PHASE_VALUES if name.startswith("energy")}
        assert len(wire.requests) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_silence_is_no_reply_after_few_requests(kind: str) -> None:
    with driver_on(lambda _: [], kind) as (driver, wire):
        with pytest.raises(NoReply, match="meter m1"):
            driver.read(METER)
        assert len(wire.requests) == 4


def test_a_meter_that_answered_before_is_silent_after_one_question_and_its_repetition() -> None:
    dead: list[bool] = []

    def dies(request: Frame) -> Chunks:
        return [] if dead else WELL(request)

    with driver_on(dies) as (driver, wire):
        driver.read(METER)
        dead.append(True)
        wire.requests.clear()
        with pytest.raises(NoReply):
            driver.read(METER)
        assert asked(wire) == ["0001FF00"] * 2


def test_a_meter_that_refuses_everything_is_refused_and_not_silent() -> None:
    with driver_on(Meters({ADDRESS: {}})) as (driver, _), pytest.raises(Refused, match="no_requested_data"):
        driver.read(METER)


def test_a_reading_without_any_value_is_refused() -> None:
    nothing = {di: b"\xff" * len(data) for di, data in blocks().items()}
    with driver_on(Meters({ADDRESS: nothing})) as (driver, _), pytest.raises(Refused, match="no value"):
        driver.read(METER)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda reply: byte_by_byte([reply]), id="byte by byte"),
        pytest.param(
            lambda reply: [b"\x00\x68\x16\xff\x68" + b"\xfe" * 7 + reply], id="noise before the lead-in"
        ),
        pytest.param(lambda reply: [b"\xfe", reply[:5], reply[5:]], id="split"),
        pytest.param(lambda reply: [reply + reply], id="twice in one buffer"),
        pytest.param(
            lambda reply: [encode(Frame(OTHER, 0x91, bcd("02800002") + bcd("4999"))) + reply],
            id="another meter's answer first",
        ),
        pytest.param(
            lambda reply: [encode(Frame(ADDRESS, 0x91, bcd("04000401") + bcd("000000000000"))) + reply],
            id="the answer to another question first",
        ),
        pytest.param(
            lambda reply: [reply[:-2] + bytes((reply[-2] ^ 1, reply[-1])), reply],
            id="corrupt first, then sound",
        ),
    ],
)
def test_the_right_answer_is_found_in_what_arrives(kind: str, spoil: Callable[[bytes], Chunks]) -> None:
    def react(request: Frame) -> Chunks:
        reply = WELL.reply(request)
        assert reply is not None
        return spoil(encode(reply))

    with driver_on(react, kind) as (driver, wire):
        assert driver.read(METER) == THREE_PHASE_VALUES
        assert len(wire.requests) == 8


@pytest.mark.parametrize("kind", KINDS)
def test_a_local_echo_is_dropped_and_is_no_fault(kind: str) -> None:
    with driver_on(lambda request: [encode(request), *WELL(request)], kind) as (driver, _):
        assert driver.read(METER) == THREE_PHASE_VALUES
        assert (driver.noise_bytes, driver.bad_frames) == (0, 0)


def test_noise_and_wrong_answers_are_counted() -> None:
    stray = encode(Frame(OTHER, 0x91, bcd("02800002") + bcd("4999")))
    with driver_on(once(WELL, lambda request: [b"\x00\x01\x02", stray, *WELL(request)])) as (driver, _):
        driver.read(METER)
        assert driver.noise_bytes == 3
        assert driver.bad_frames == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_late_answer_is_never_taken_for_the_next_one(kind: str) -> None:
    """Each answer comes only with the next request, in front of what that one gets."""
    owed: list[bytes] = []

    def react(request: Frame) -> Chunks:
        late, owed[:] = owed[:], [encode(Frame(ADDRESS, 0x91, request.data + bcd("9999")))]
        return [*late, *WELL(request)]

    with driver_on(react, kind) as (driver, _):
        assert driver.read(METER) == THREE_PHASE_VALUES


def test_an_answer_of_an_earlier_round_that_came_meanwhile_is_thrown_away() -> None:
    with driver_on(WELL) as (driver, wire):
        assert driver.read(METER) == THREE_PHASE_VALUES
        assert isinstance(wire, TcpWire)
        old = encode(Frame(ADDRESS, 0x91, bcd("0001FF00", *["00000001"] * 5)))
        wire.push(old)
        assert driver.read(METER) == THREE_PHASE_VALUES
        assert driver.noise_bytes == len(old)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_not_answered_is_asked_again_on_a_line_made_quiet(kind: str) -> None:
    """A second try runs on a line that was made quiet: on TCP that is a new connection."""

    def react(request: Frame) -> Chunks:
        reply = WELL.reply(request)
        assert reply is not None
        if request.data in seen:
            return [encode(reply)]
        seen.append(request.data)
        return []

    seen: list[bytes] = []
    with driver_on(react, kind) as (driver, wire):
        assert driver.read(METER) == THREE_PHASE_VALUES
        assert len(wire.requests) == 16
        assert wire.connections == (9 if kind == "tcp" else 0)


@pytest.mark.parametrize("cut", [1, 9, 14, 20])
def test_a_truncated_answer_is_asked_for_again(cut: int) -> None:
    with driver_on(once(WELL, lambda request: [next(iter(WELL(request)))[:cut]])) as (driver, wire):
        assert driver.read(METER) == THREE_PHASE_VALUES
        assert len(wire.requests) == 9


def test_only_corrupt_answers_are_no_silence() -> None:
    def corrupt(request: Frame) -> Chunks:
        reply = bytearray(next(iter(WELL(request))))
        reply[-2] ^= 0x10
        return [bytes(reply)]

    with driver_on(corrupt) as (driver, _):
        with pytest.raises(FrameError, match="no_sound_answer"):
            driver.read(METER)
        assert driver.bad_frames >= 2


def test_only_another_meters_answers_are_silence() -> None:
    def other(request: Frame) -> Chunks:
        return [encode(Frame(OTHER, 0x91, request.data + bcd("2301")))]

    with driver_on(other) as (driver, _), pytest.raises(NoReply):
        driver.read(METER)


def test_a_long_answer_is_assembled_from_its_follow_ups() -> None:
    parts = [blocks()["0001FF00"][:7], blocks()["0001FF00"][7:15], blocks()["0001FF00"][15:]]

    def react(request: Frame) -> Chunks:
        if request.data[:4] != bcd("0001FF00"):
            return WELL(request)
        at = request.data[4] if request.function == 0x12 else 0
        seq = request.data[4:5]
        more = 0x20 if at < 2 else 0
        return [encode(Frame(ADDRESS, request.control | 0x80 | more, request.data[:4] + parts[at] + seq))]

    with driver_on(react) as (driver, wire):
        assert driver.read(METER) == THREE_PHASE_VALUES
        assert [request.function for request in wire.requests[:3]] == [0x11, 0x12, 0x12]


def test_a_meter_of_the_older_standard_is_read_by_its_own_identifiers() -> None:
    old = meter(model="dlt645-1997-1p")
    items = {"9010": bcd("00021494"), "B611": bcd("0230")}
    with driver_on(Meters({ADDRESS: items}), "tcp", old) as (driver, wire):
        values = driver.read(old)
        assert values["energy_import_wh"] == 214940
        assert values["voltage_l1_v"] == 230
        assert {request.function for request in wire.requests} == {0x01}


def test_a_probe_asks_one_short_question_once() -> None:
    with driver_on(WELL) as (driver, wire):
        driver.probe(METER)
        assert len(wire.requests) == 1
    with driver_on(lambda _: []) as (driver, wire):
        with pytest.raises(NoReply):
            driver.probe(METER)
        assert len(wire.requests) == 1


def test_a_refusal_answers_a_probe() -> None:
    with driver_on(Meters({ADDRESS: {}})) as (driver, _):
        driver.probe(METER)


def test_an_idle_connection_that_was_closed_is_opened_again_without_a_failure() -> None:
    with driver_on(WELL) as (driver, wire):
        driver.read(METER)
        assert isinstance(wire, TcpWire)
        wire.cut()
        assert driver.read(METER) == THREE_PHASE_VALUES
        assert wire.connections == 2


def test_a_line_that_refuses_connections_is_down() -> None:
    with driver_on(WELL) as (driver, wire):
        driver.read(METER)
        assert isinstance(wire, TcpWire)
        wire.refuse()
        with pytest.raises(LinkDown):
            driver.read(METER)
        assert not driver.connected


def test_the_trace_shows_frames_and_masks_what_another_master_writes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    written = encode(
        Frame(OTHER, 0x14, bcd("04000101") + bytes.fromhex("0212345678901234") + b"\x01\x02\x03\x04")
    )
    caplog.set_level(logging.DEBUG, "edge.drivers")
    with driver_on(once(WELL, lambda request: [written, *WELL(request)])) as (driver, _):
        driver.read(METER)
    text = caplog.text.replace("FE FE FE FE ", "")
    assert re.search(r"l1 > 68 29 25 07 07 21 20 68 11 04", text)
    assert re.search(r"l1 < .*68 29 25 07 07 21 20 68 91 18", text)
    assert "68 30 25 07 07 21 20 68 14" in text
    hidden = " ".join(f"{(byte + 0x33) & 0xFF:02X}" for byte in bytes.fromhex("12345678"))
    assert hidden not in text
