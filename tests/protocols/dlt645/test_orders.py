"""Orders go to one meter, carry their password unseen, and cannot do what the agent must never do."""

import json
import re
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlt645 import orders
from protocols.dlt645.conversations import normal_reply, refusal, time_sync_request
from protocols.dlt645.explain import explain
from protocols.dlt645.frame import ANY_METER, BROADCAST, Frame, decode, encode, frames_in
from protocols.dlt645.orders import (
    Password,
    RelayAction,
    check_reply,
    clock_request,
    freeze_request,
    relay_request,
    write_request,
)
from protocols.errors import FrameError, Refused

METER, OPERATOR = "202107072529", "00000001"
PASSWORD = Password("02", "123456")
PUBLISHED, LATER = Password("02", "020637"), datetime(2099, 12, 30)
AT = datetime(2026, 3, 1, 10, 20, 30)
NOT_ONE_METER = [ANY_METER, BROADCAST, "AAAAAAAA2529", "2021070725AA", "12345", "", "20210707252X", "0" * 13]
ORDERS = {
    "trip": relay_request(METER, RelayAction.TRIP, AT, PASSWORD, OPERATOR),
    "close permitted": relay_request(METER, RelayAction.CLOSE_PERMITTED, AT, PASSWORD, OPERATOR),
    "freeze": freeze_request(METER),
    "clock": clock_request(METER, AT, PASSWORD, OPERATOR, in_one=True)[0],
}
VECTORS = {
    vector["id"]: vector
    for vector in json.loads((Path(__file__).parents[2] / "vectors" / "dlt645_vectors.json").read_text())
}


@pytest.mark.parametrize(
    ("vector", "request_"),
    [
        ("S-114", relay_request("151230011061", RelayAction.TRIP, LATER, PUBLISHED, "00000001")),
        ("S-117", relay_request("151230011061", RelayAction.CLOSE_PERMITTED, LATER, PUBLISHED, "00000001")),
        (
            "S-127",
            write_request("201910280004", "04600101", b"\x3c\x00", Password("02", "000000"), "31313131"),
        ),
    ],
)
def test_an_order_is_the_published_frame(vector: str, request_: Frame) -> None:
    published = VECTORS[vector]["frame_hex"].upper()
    assert encode(request_).hex().upper().removeprefix("FE" * 4) == published.removeprefix("FE" * 4)


def test_the_clock_is_set_in_two_writes_or_in_one() -> None:
    date, time = clock_request(METER, AT, PASSWORD, OPERATOR)
    assert (date.data[:4].hex(), date.data[12:].hex()) == ("01010004", "00010326")  # a Sunday is 00
    assert (time.data[:4].hex(), time.data[12:].hex()) == ("02010004", "302010")
    (both,) = clock_request(METER, AT, PASSWORD, OPERATOR, in_one=True)
    assert (both.data[:4].hex(), both.data[12:].hex()) == ("0c010004", "30201000010326")
    assert all(frame.function == 0x14 for frame in (date, time, both))


@pytest.mark.parametrize(
    ("when", "data"),
    [("now", "99999999"), ("99010000", "00000199"), ("99990000", "00009999"), ("99999915", "15999999"),
     ("03011030", "30100103")],
)  # fmt: skip
def test_a_freeze_is_ordered_now_or_for_a_time(when: str, data: str) -> None:
    assert freeze_request(METER, when) == Frame(METER, 0x16, bytes.fromhex(data), 4)


@pytest.mark.parametrize(
    "when", ["", "soon", "9999999", "99999960", "99992400", "99003000", "13010000", "99991399x"]
)
def test_a_freeze_at_no_time_is_not_sent(when: str) -> None:
    with pytest.raises(ValueError, match="no time to freeze at"):
        freeze_request(METER, when)


@pytest.mark.parametrize("address", NOT_ONE_METER)
def test_no_order_goes_to_more_than_one_meter(address: str) -> None:
    for build in (
        lambda: relay_request(address, RelayAction.TRIP, AT, PASSWORD, OPERATOR),
        lambda: write_request(address, "04000101", bytes(4), PASSWORD, OPERATOR),
        lambda: clock_request(address, AT, PASSWORD, OPERATOR),
        lambda: freeze_request(address),
    ):
        with pytest.raises(ValueError, match="point to point"):
            build()


@pytest.mark.parametrize("di", ["04000C01", "04000c0a", "04000401"])
def test_a_password_and_an_address_are_never_written(di: str) -> None:
    with pytest.raises(ValueError, match="not written from afar"):
        write_request(METER, di, bytes(4), PASSWORD, OPERATOR)


def test_nothing_here_clears_or_changes_an_address_or_closes_directly() -> None:
    source = Path(orders.__file__).read_text()
    builders = re.findall(r"def (\w+_request)", source)
    assert set(builders) == {"write_request", "clock_request", "relay_request", "freeze_request"}
    assert {frame.function for frame in ORDERS.values()} == {0x14, 0x16, 0x1C}
    assert not re.search(
        r"0x1[589AB]\b|0x0F\b", source.replace("TRIP = 0x1A", "").replace("PERMITTED = 0x1B", "")
    )
    for direct_close in (0x1C, 0x19):
        with pytest.raises(ValueError, match="is not a valid RelayAction"):
            relay_request(METER, direct_close, AT, PASSWORD, OPERATOR)  # type: ignore[arg-type]


def test_a_password_is_not_shown() -> None:
    for shown in (repr(PASSWORD), str(PASSWORD), f"{PASSWORD}", repr([PASSWORD])):
        assert "123456" not in shown
        assert "02" in shown
    explained = json.dumps([explain(encode(frame)) for frame in ORDERS.values()])
    assert "123456" not in explained
    assert "563412" not in explained


@pytest.mark.parametrize(
    ("level", "digits"), [("2", "123456"), ("10", "123456"), ("02", "12345"), ("02", "12345A")]
)
def test_a_password_has_a_level_and_six_digits(level: str, digits: str) -> None:
    with pytest.raises(ValueError, match="level") as refused:
        Password(level, digits)
    assert digits not in str(refused.value)


def test_an_operator_is_eight_digits_and_a_write_has_fifty_bytes() -> None:
    with pytest.raises(ValueError, match="operator"):
        relay_request(METER, RelayAction.TRIP, AT, PASSWORD, "1")
    assert len(write_request(METER, "04000101", bytes(38), PASSWORD, OPERATOR).data) == 50
    with pytest.raises(ValueError, match="at most 50"):
        write_request(METER, "04000101", bytes(39), PASSWORD, OPERATOR)
    with pytest.raises(ValueError, match="2007"):
        write_request(METER, "C010", bytes(4), PASSWORD, OPERATOR)


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS.keys())
def test_only_the_answer_to_an_order_is_taken(order: Frame) -> None:
    assert check_reply(order, normal_reply(order, METER)) == b""
    with pytest.raises(Refused, match="password_or_unauthorised") as refused:
        check_reply(order, refusal(order, METER, 0x04))
    assert refused.value.code == 0x04
    for stranger in (
        order,
        normal_reply(order, "000000000001"),
        Frame(METER, 0x91),
        normal_reply(order, METER, b"\x01"),
    ):
        with pytest.raises(FrameError):
            check_reply(order, stranger)


def test_the_security_module_refuses_by_name() -> None:
    asked = Frame(METER, 0x03, bytes.fromhex("0101000400000000"))
    for serr, meaning in ((b"\x08\x00", "identity_authentication_failed"), (b"\x00\x02", "bit9"),
                          (b"\x00\x00", "no reason given")):  # fmt: skip
        with pytest.raises(Refused, match=f"security module: {meaning}") as refused:
            check_reply(asked, Frame(METER, 0xC3, serr))
        assert refused.value.code == int.from_bytes(serr, "little")
    assert check_reply(asked, Frame(METER, 0x83, b"\x01\x02")) == b"\x01\x02"
    explained = explain(encode(Frame(METER, 0xC3, b"\x06\x00")))
    assert (explained["serr"], explained["error"]) == (
        "0006",
        ["recharged_twice", "esam_verification_failed"],
    )


def test_time_setting_alone_may_be_broadcast() -> None:
    assert time_sync_request(AT).address == BROADCAST
    assert time_sync_request(AT).data.hex() == "302010010326"


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS.keys())
def test_no_flipped_bit_of_an_order_gives_another(order: Frame) -> None:
    raw = encode(order)
    for bit in range(len(raw) * 8):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        found = [(frame.address, frame.control, frame.data) for frame in frames_in(bytes(flipped))]
        assert found in ([], [(order.address, order.control, order.data)])


@given(
    st.from_regex(r"[0-8][0-9]{11}", fullmatch=True),
    st.sampled_from(RelayAction),
    st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)),
    st.from_regex(r"0[0-9]", fullmatch=True),
    st.from_regex(r"[0-9]{6}", fullmatch=True),
    st.from_regex(r"[0-9]{8}", fullmatch=True),
)
def test_any_order_says_what_it_was_told(
    address: str, action: RelayAction, expires: datetime, level: str, digits: str, operator: str
) -> None:
    raw = encode(relay_request(address, action, expires, Password(level, digits), operator))
    told = explain(raw, show_secrets=True)
    assert decode(raw).address == address
    assert told["action"] == {"TRIP": "trip", "CLOSE_PERMITTED": "close_permitted"}[action.name]
    assert told["expiry_YYMMDDhhmmss"] == f"{expires:%y%m%d%H%M%S}"
    assert (told["password_level"], told["password"], told["operator"]) == (level, digits, operator)
