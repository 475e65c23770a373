"""The named faults of a wire: each does something, none brings a wrong value to a master that checks."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from firmware_sim.fault_book import FaultBook, emissions
from firmware_sim.wire_faults import WIRE_FAULTS, WireFault
from firmware_sim.wire_forms import Form
from protocols.dlt645.conversations import normal_reply, read_reply, read_request
from protocols.dlt645.frame import Frame, encode, frames_in
from protocols.dlt645.identifiers import lookup
from protocols.dlt645.values import decode_value
from protocols.errors import FrameError, Refused
from protocols.modbus import rtu

HOUSE = "202600010001"
DI = "00010000"
ASKED = read_request(HOUSE, DI)
_DATA = bytes.fromhex("00010000")[::-1] + bytes.fromhex("78563412")
_ANSWER = normal_reply(ASKED, HOUSE, _DATA)
REPLY = encode(Frame(_ANSWER.address, _ANSWER.control, _ANSWER.data, 4))
BEFORE = encode(normal_reply(read_request(HOUSE, "02010100"), HOUSE, bytes.fromhex("00010102") + b"\x12\x22"))
WORDS = [0x4364, 0x1234, 0x0001, 0xFFFE]
RTU_ASKED = rtu.read_request(7, 4, 0x34, 4)
_BODY = bytes((7, 4, 8)) + b"".join(word.to_bytes(2, "big") for word in WORDS)
RTU_REPLY = _BODY + rtu.crc(_BODY)
TCP_ASKED = bytes.fromhex("00110000000607040034 0004".replace(" ", ""))
TCP_REPLY = bytes.fromhex("00110000000B") + _BODY
TCP_BEFORE = bytes.fromhex("00100000000B") + _BODY[:3] + b"\x11" * 8
FORMS: dict[Form, tuple[bytes, bytes, bytes]] = {
    "dlt645": (encode(ASKED), REPLY, BEFORE),
    "rtu": (RTU_ASKED, RTU_REPLY, b""),
    "tcp": (TCP_ASKED, TCP_REPLY, TCP_BEFORE),
}
CASES = [(form, fault) for fault in WIRE_FAULTS.values() for form in sorted(fault.forms)]
SEEDS = range(12)


def struck(fault: WireFault, form: Form, seed: int) -> list[bytes]:
    """What comes over the wire of one exchange with that fault."""
    book = FaultBook(seed, "bus")
    book.give(fault.name, "bus", {})
    request, reply, before = FORMS[form]
    return [e.data for e in emissions(book.striking(form, ["house"]), form, request, reply, before, 0.001)]


def accepted_645(raw: bytes) -> list[object]:
    """Every value that a master takes from these bytes as the answer to its question."""
    item = lookup(DI)
    assert item is not None
    taken: list[object] = []
    for frame in frames_in(raw):
        try:
            data = read_reply(ASKED, frame)
            if frame.more:
                continue  # there is a follow-up to ask for, and it will be refused
            taken.append(decode_value(data, item))
        except (FrameError, Refused):
            continue
    return taken


def accepted_rtu(raw: bytes) -> list[list[int]]:
    try:
        return [rtu.read_reply(RTU_ASKED, raw)]
    except (FrameError, Refused):
        return []


def accepted_tcp(raw: bytes) -> list[list[int]]:
    """The checks a Modbus TCP master has: transaction, protocol, length, unit, function, byte count."""
    whole = len(raw) >= 9 and raw[:4] == TCP_ASKED[:4] and int.from_bytes(raw[4:6], "big") == len(raw) - 6
    if not whole or raw[6:8] != TCP_ASKED[6:8] or raw[8] != 8 or len(raw) != 9 + raw[8]:
        return []
    return [[int.from_bytes(raw[at : at + 2], "big") for at in range(9, len(raw), 2)]]


ACCEPTED: dict[Form, tuple[Callable[[bytes], list[object]], object]] = {
    "dlt645": (accepted_645, Decimal("123456.78")),
    "rtu": (accepted_rtu, WORDS),  # type: ignore[dict-item]
    "tcp": (accepted_tcp, WORDS),  # type: ignore[dict-item]
}


def test_the_undisturbed_answers_are_taken() -> None:
    for form, (take, right) in ACCEPTED.items():
        assert take(FORMS[form][1]) == [right], form


def test_there_are_at_least_forty_for_each_of_the_serial_protocols() -> None:
    assert len([case for case in CASES if case[0] == "dlt645"]) >= 50
    assert len([case for case in CASES if case[0] == "rtu"]) >= 40
    assert len([case for case in CASES if case[0] == "tcp"]) >= 30


@pytest.mark.parametrize(("form", "fault"), CASES, ids=[f"{f}-{w.name}" for f, w in CASES])
def test_no_fault_brings_a_wrong_value(form: Form, fault: WireFault) -> None:
    take, right = ACCEPTED[form]
    for seed in SEEDS:
        pieces = struck(fault, form, seed)
        for heard in (b"".join(pieces), *pieces):
            assert all(value in (right, None) for value in take(heard)), (seed, heard.hex(" "))


@pytest.mark.parametrize(("form", "fault"), CASES, ids=[f"{f}-{w.name}" for f, w in CASES])
def test_every_fault_is_seen_on_the_wire_and_comes_again_from_its_seed(form: Form, fault: WireFault) -> None:
    timing = {"late-reply", "slow-reply", "reply-after-next-request"}
    assert struck(fault, form, 7) == struck(fault, form, 7)
    assert fault.name in timing or struck(fault, form, 7) != [FORMS[form][1]]


def test_a_fault_strikes_the_exchange_that_was_named_and_so_often_as_was_said() -> None:
    book = FaultBook(7, "bus")
    book.give("lost-reply", "house", {"nth": 3})
    assert [bool(book.striking("dlt645", ["house"])) for _ in range(5)] == [False, False, True, False, False]
    assert not book.striking("dlt645", ["shop"])
    book.clear("lost-reply", "house")
    book.give("lost-reply", "bus", {"times": 2})
    assert [bool(book.striking("rtu", ["any"])) for _ in range(4)] == [True, True, False, False]
    book.clear("lost-reply", "bus")
    book.give("lost-reply", "bus", {"share": 0.5})
    hits = [bool(book.striking("rtu", [])) for _ in range(400)]
    assert 150 < sum(hits) < 250


def test_two_faults_act_one_after_the_other() -> None:
    book = FaultBook(7, "bus")
    book.give("noise-before", "bus", {})
    book.give("lost-reply", "bus", {})
    request, reply, before = FORMS["dlt645"]
    given = book.striking("dlt645", ["house"])
    assert [e.data != reply for e in emissions(given, "dlt645", request, reply, before, 0.0)] == [True]
