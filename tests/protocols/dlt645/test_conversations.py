"""An answer is taken only when it is the answer to what was asked."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlt645.conversations import (
    ReadConversation,
    address_matches,
    address_of,
    check_reply,
    normal_reply,
    read_address_request,
    read_reply,
    read_request,
    refusal,
    time_sync_request,
)
from protocols.dlt645.frame import Decoder, Frame, encode
from protocols.errors import FrameError, Refused

METER = "202107072529"
VOLTAGE_DI = bytes.fromhex("00010102")
LONG_DI = bytes.fromhex("010d3003")


def reason(request: Frame, reply: Frame) -> str:
    with pytest.raises(FrameError) as refused:
        read_reply(request, reply)
    return refused.value.reason


def test_a_request_is_the_published_one() -> None:
    assert encode(read_request(METER, "00000000")).hex().upper() == "FEFEFEFE68292507072120681104333333334E16"
    assert (
        encode(read_request("010003635927", "9010", "1997"))[4:].hex().upper()
        == "6827596303000168010243C3C016"
    )


def test_the_data_comes_without_the_di() -> None:
    request = read_request(METER, "02010100")
    assert read_reply(request, normal_reply(request, METER, VOLTAGE_DI + b"\x34\x23")) == b"\x34\x23"


def test_another_frame_is_not_taken_for_the_answer() -> None:
    request = read_request(METER, "02010100")
    assert reason(request, request) == "echo"
    assert reason(request, normal_reply(request, "000000000001", VOLTAGE_DI)) == "other_address"
    assert reason(request, normal_reply(request, METER, bytes.fromhex("00020102"))) == "other_di"
    assert reason(request, normal_reply(request, METER)) == "other_di"
    assert reason(request, Frame(METER, 0x92, VOLTAGE_DI)) == "other_function"


def test_an_echo_on_the_line_does_not_hide_the_answer() -> None:
    request = read_request(METER, "02010100")
    answer = normal_reply(request, METER, VOLTAGE_DI + b"\x34\x23")
    echo, reply = Decoder().feed(encode(request) + encode(answer))
    assert reason(request, echo) == "echo"
    assert read_reply(request, reply) == b"\x34\x23"


def test_a_no_says_why() -> None:
    request = read_request(METER, "02010100")
    with pytest.raises(Refused, match="no_requested_data, password_or_unauthorised") as refused:
        read_reply(request, refusal(request, METER, 0x06))
    assert refused.value.code == 6
    with pytest.raises(Refused):
        read_reply(request, Frame(METER, 0xD1))


def test_a_no_from_another_meter_is_no_answer() -> None:
    request = read_request(METER, "02010100")
    assert reason(request, refusal(request, "000000000001", 0x02)) == "other_address"


def test_wildcards_are_answered_by_those_they_mean() -> None:
    assert address_matches("A" * 12, METER)
    assert address_matches("A" * 12, "A" * 12)
    assert address_matches("AAAAAAAA2529", METER)
    assert not address_matches("AAAAAAAA2528", METER)
    assert not address_matches(METER, "A" * 12)


def test_a_meter_tells_its_address() -> None:
    request = read_address_request()
    assert encode(request).hex().upper() == "FEFEFEFE68AAAAAAAAAAAA681300DF16"
    assert address_of(Frame(METER, 0x93, bytes.fromhex("292507072120"))) == METER
    with pytest.raises(FrameError, match="value_length"):
        address_of(Frame(METER, 0x93))


def test_the_clock_is_set_seconds_first() -> None:
    request = time_sync_request(datetime(2017, 6, 5, 10, 22, 51))
    assert encode(request)[4:].hex().upper() == "6899999999999968080684554338394A4B16"


@given(st.lists(st.binary(min_size=1, max_size=190), min_size=1, max_size=12))
def test_a_long_answer_is_joined_in_order(parts: list[bytes]) -> None:
    conversation, data = ReadConversation(METER, "03300D01"), None
    for seq, part in enumerate(parts):
        request = conversation.request()
        assert request.data == LONG_DI + (bytes([seq]) if seq else b"")
        body = LONG_DI + part + (bytes([seq]) if seq else b"")
        data = conversation.accept(normal_reply(request, METER, body, more=seq < len(parts) - 1))
        assert (data is None) == (seq < len(parts) - 1)
    assert data == b"".join(parts)


def test_a_late_part_is_refused_and_asked_again() -> None:
    conversation = ReadConversation(METER, "03300D01")
    first = normal_reply(conversation.request(), METER, LONG_DI + b"ab", more=True)
    assert conversation.accept(first) is None
    with pytest.raises(FrameError, match="other_function"):
        conversation.accept(first)
    with pytest.raises(FrameError, match="other_seq"):
        conversation.accept(normal_reply(conversation.request(), METER, LONG_DI + b"cd\x02"))
    assert conversation.request().data == LONG_DI + b"\x01"
    assert conversation.accept(normal_reply(conversation.request(), METER, LONG_DI + b"cd\x01")) == b"abcd"


def test_a_refused_follow_up_ends_the_reading() -> None:
    conversation = ReadConversation(METER, "03300D01")
    conversation.accept(normal_reply(conversation.request(), METER, LONG_DI + b"ab", more=True))
    with pytest.raises(Refused):
        conversation.accept(refusal(conversation.request(), METER, 0x02))


def test_an_answer_without_end_is_cut() -> None:
    conversation = ReadConversation(METER, "03300D01")
    for seq in range(256):
        body = LONG_DI + b"x" + (bytes([seq]) if seq else b"")
        reply = normal_reply(conversation.request(), METER, body, more=True)
        if seq == 255:
            with pytest.raises(FrameError, match="too_long"):
                conversation.accept(reply)
        else:
            assert conversation.accept(reply) is None


def test_an_abbreviated_address_goes_on_with_the_real_one() -> None:
    conversation = ReadConversation("AAAAAAAA2529", "03300D01")
    conversation.accept(normal_reply(conversation.request(), METER, LONG_DI + b"ab", more=True))
    assert conversation.request().address == METER


def test_the_1997_conversation_has_two_byte_identifiers() -> None:
    conversation = ReadConversation(METER, "9010", version="1997")
    reply = normal_reply(conversation.request(), METER, bytes.fromhex("109093640000"))
    assert conversation.accept(reply) == bytes.fromhex("93640000")


def test_check_reply_judges_answers_without_a_di() -> None:
    request = Frame(METER, 0x14, b"")
    check_reply(request, Frame(METER, 0x94))
    with pytest.raises(Refused):
        check_reply(request, Frame(METER, 0xD4, b"\x04"))


def test_what_stands_behind_the_identifier_is_asked_once_and_not_with_the_follow_ups() -> None:
    conversation = ReadConversation(METER, "06000001", extra=b"\x02\x15\x10\x01\x03\x26")
    first = conversation.request()
    assert first.data.hex() == "01000006021510010326"
    assert conversation.accept(Frame(METER, 0xB1, first.data[:4] + b"abc")) is None
    assert conversation.request().data.hex() == "0100000601"
    assert conversation.accept(Frame(METER, 0x92, first.data[:4] + b"def\x01")) == b"abcdef"
