"""Any bytes are explained, none upset it, and no password gets out by any field."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlt645.explain import explain, explain_frame
from protocols.dlt645.frame import Frame, encode

METER = "202107072529"
PASSWORD = bytes.fromhex("563412")
NEW_PASSWORD = bytes.fromhex("785634")
OPERATOR = bytes.fromhex("01020304")

WITH_PASSWORD = {
    "write": Frame(METER, 0x14, bytes.fromhex("04000404") + b"\x02" + PASSWORD + OPERATOR + b"\x30\x31"),
    "write of a password": Frame(
        METER, 0x14, bytes.fromhex("010c0004") + b"\x02" + PASSWORD + OPERATOR + b"\x02" + NEW_PASSWORD
    ),
    "write of odd length": Frame(METER, 0x14, bytes.fromhex("04000404") + PASSWORD),
    "password change": Frame(
        METER, 0x18, bytes.fromhex("010c0004") + b"\x02" + PASSWORD + b"\x02" + NEW_PASSWORD
    ),
    "password change, reply": Frame(METER, 0x98, b"\x02" + NEW_PASSWORD),
    "demand clear": Frame(METER, 0x19, b"\x02" + PASSWORD + OPERATOR),
    "meter clear": Frame(METER, 0x1A, b"\x02" + PASSWORD + OPERATOR),
    "event clear": Frame(METER, 0x1B, b"\x02" + PASSWORD + OPERATOR + b"\xff" * 4),
    "relay": Frame(METER, 0x1C, b"\x02" + PASSWORD + OPERATOR + bytes.fromhex("1a00000000301299")),
    "relay of odd length": Frame(METER, 0x1C, PASSWORD + b"\x02"),
    "echo from a meter": Frame(METER, 0x9C, b"\x02" + PASSWORD + OPERATOR),
    "read of a password": Frame(METER, 0x91, bytes.fromhex("010c0004") + NEW_PASSWORD),
    "1997 write": Frame(METER, 0x04, bytes.fromhex("10c0") + b"\x02" + PASSWORD + b"\x01"),
    "1997 password change": Frame(METER, 0x0F, b"\x02" + PASSWORD + b"\x02" + NEW_PASSWORD),
}


def texts(password: bytes) -> list[str]:
    return [password.hex().upper(), password[::-1].hex().upper()]


@pytest.mark.parametrize("frame", WITH_PASSWORD.values(), ids=WITH_PASSWORD.keys())
def test_no_field_shows_a_password(frame: Frame) -> None:
    shown = json.dumps(explain(encode(frame))).upper()
    for text in texts(PASSWORD) + texts(NEW_PASSWORD):
        assert text not in shown
    assert "**" in shown


def test_secrets_are_shown_when_asked_for() -> None:
    explained = explain(encode(WITH_PASSWORD["password change"]), show_secrets=True)
    assert explained["password"] == "123456"
    assert explained["new_password"] == "345678"
    assert explained["data_hex"] == "010C00040256341202785634"


def test_masked_data_keeps_its_length_and_the_rest() -> None:
    explained = explain(encode(WITH_PASSWORD["relay"]))
    assert explained["data_hex"] == "02******010203041A00000000301299"
    assert explained["password"] == "******"
    assert explained["operator"] == "04030201"
    assert explained["action"] == "trip"
    written = explain(encode(WITH_PASSWORD["write of a password"]))
    assert written["write_data_hex"] == "********"


@given(st.binary(max_size=80))
def test_any_bytes_are_explained(raw: bytes) -> None:
    explained = explain(raw)
    assert explained["valid"] or explained["reason"]
    json.dumps(explained)


@given(st.integers(0, 255), st.binary(max_size=40))
def test_any_frame_is_explained(control: int, data: bytes) -> None:
    explained = explain_frame(Frame(METER, control, data))
    assert explained["length"] == len(data)
    json.dumps(explained)


@given(st.text(max_size=40))
def test_any_text_is_explained(text: str) -> None:
    assert explain(text)["valid"] in (True, False)


@pytest.mark.parametrize(
    "text",
    ["68 29 25 07 07 21 20 68 11 04 33 33 33 33 4E 16", "68:29:25:07:07:21:20:68:11:04:33:33:33:33:4e:16",
     "0x68 0x29 0x25 0x07 0x07 0x21 0x20 0x68 0x11 0x04 0x33 0x33 0x33 0x33 0x4E 0x16"]
)  # fmt: skip
def test_hex_is_read_as_people_write_it(text: str) -> None:
    assert explain(text)["di"] == "00000000"


def test_what_is_no_hex_says_so() -> None:
    assert explain("68 2") == {"valid": False, "reason": "not_hex"}
    assert explain("") == {"valid": False, "reason": "empty"}
    assert explain("zz") == {"valid": False, "reason": "not_hex"}
    assert explain("00 11 22") == {"valid": False, "reason": "start_marker"}


def test_one_bad_value_does_not_hide_the_block() -> None:
    explained = explain(encode(Frame(METER, 0x91, bytes.fromhex("00ff0102" + "5622" + "0e00" + "ffff"))))
    assert explained["values"] == ["225.6", None, None]
    assert explained["reason"] == "non_bcd_data"


def test_a_value_of_the_wrong_length_is_not_guessed() -> None:
    explained = explain(encode(Frame(METER, 0x91, bytes.fromhex("00010102" + "562200"))))
    assert (explained["value"], explained["available"], explained["reason"]) == (None, False, "value_length")


def test_a_1997_block_ends_with_aa() -> None:
    frame = Frame(METER, 0x81, bytes.fromhex("1f90" + "64930000" + "10000000" * 4 + "aa"))
    assert explain(encode(frame))["values"] == ["93.64", *["0.10"] * 4]
