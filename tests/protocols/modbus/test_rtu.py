"""The RTU form of a read matches published bytes, and another frame is not taken for the answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import FrameError, ProtocolError, Refused
from protocols.modbus.rtu import crc, parse_read_request, read_reply, read_request

REQUEST = bytes.fromhex("01 04 00 00 00 02 71 CB")
REPLY = bytes.fromhex("01 04 04 43 66 33 34 1B 38")


def test_published_bytes() -> None:
    """Eastron's worked example: phase 1 voltage, 230.2 V."""
    assert read_request(1, 4, 0, 2) == REQUEST
    assert parse_read_request(REQUEST) == (1, 4, 0, 2)
    assert read_reply(REQUEST, REPLY) == [0x4366, 0x3334]


def with_crc(raw: str) -> bytes:
    return bytes.fromhex(raw) + crc(bytes.fromhex(raw))


def test_another_frame_is_no_answer() -> None:
    for raw in ("02 04 04 43663334", "01 03 04 43663334", "01 04 02 4366", "01 04 04 4366"):
        with pytest.raises(FrameError):
            read_reply(REQUEST, with_crc(raw))
    with pytest.raises(FrameError, match="checksum"):
        read_reply(REQUEST, REPLY[:-1] + b"\x00")


def test_an_exception_is_a_no() -> None:
    with pytest.raises(Refused, match="illegal data address") as refused:
        read_reply(REQUEST, with_crc("01 84 02"))
    assert refused.value.code == 2


@given(st.binary(max_size=20))
def test_any_bytes_raise_only_protocol_errors(raw: bytes) -> None:
    with pytest.raises(ProtocolError):
        read_reply(REQUEST, raw)
    with pytest.raises(ProtocolError):
        parse_read_request(raw)
