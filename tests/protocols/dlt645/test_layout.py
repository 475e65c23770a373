"""A technician sees every byte with its meaning and the first failing check, but never a password."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlt645.frame import Frame, encode
from protocols.dlt645.layout import lay_out

METER = "202107072529"
PASSWORD, NEW_PASSWORD, OPERATOR = bytes.fromhex("563412"), bytes.fromhex("985634"), bytes.fromhex("01020304")

# frame, where password bytes are in its data
SECRET: dict[str, tuple[Frame, list[int]]] = {
    "write": (Frame(METER, 0x14, bytes.fromhex("0404000402") + PASSWORD + OPERATOR + b"\x30"), [5]),
    "write of a password": (
        Frame(METER, 0x14, bytes.fromhex("010c000402") + PASSWORD + OPERATOR + b"\x02" + NEW_PASSWORD),
        [5, 13],
    ),
    "password change": (
        Frame(METER, 0x18, bytes.fromhex("010c000402") + PASSWORD + b"\x02" + NEW_PASSWORD), [5, 9],
    ),
    "password change, reply": (Frame(METER, 0x98, b"\x02" + NEW_PASSWORD), [1]),
    "demand clear": (Frame(METER, 0x19, b"\x02" + PASSWORD + OPERATOR), [1]),
    "event clear": (Frame(METER, 0x1B, b"\x02" + PASSWORD + OPERATOR + b"\xff" * 4), [1]),
    "relay": (Frame(METER, 0x1C, b"\x02" + PASSWORD + OPERATOR + bytes.fromhex("1a00000000301299")), [1]),
    "1997 write": (Frame(METER, 0x04, bytes.fromhex("10c002") + PASSWORD + b"\x01"), [3]),
    "1997 password change": (Frame(METER, 0x0F, b"\x02" + PASSWORD + b"\x02" + NEW_PASSWORD), [1, 5]),
}  # fmt: skip


def shown(raw: bytes, show_secrets: bool = False) -> str:
    return "\n".join(lay_out(raw, show_secrets))


def leaks(text: str, raw: bytes, places: list[int]) -> bool:
    squeezed = text.replace(" ", "").upper()
    wire = [raw[10 + at : 13 + at] for at in places]
    plain = [bytes((byte - 0x33) & 0xFF for byte in part) for part in wire]
    forms = [*wire, *plain, *(part[::-1] for part in plain)]
    return any(part.hex().upper() in squeezed for part in forms)


@pytest.mark.parametrize(("frame", "places"), SECRET.values(), ids=SECRET.keys())
def test_a_password_stays_hidden_even_in_a_frame_with_one_wrong_bit(frame: Frame, places: list[int]) -> None:
    raw = encode(frame)
    assert not leaks(shown(raw), raw, places)
    assert leaks(shown(raw, show_secrets=True), raw, places)
    for bit in range(len(raw) * 8):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        assert not leaks(shown(bytes(flipped)), bytes(flipped), places)
    sound = encode(Frame(METER, 0x91, bytes.fromhex("000101023423")))
    for cut in range(1, len(raw)):
        assert not leaks(shown(raw[:cut] + sound + raw[cut:]), raw, places)
        assert not leaks(shown(raw[cut:]), raw, places)


def test_the_checksum_of_a_hidden_password_is_hidden_too() -> None:
    raw = encode(SECRET["relay"][0])
    wrong = raw[:-2] + bytes([raw[-2] ^ 1]) + raw[-1:]
    assert f"{raw[-2]:02X}" not in shown(raw)
    assert f"{raw[-2]:02X}" not in shown(wrong).replace("\n", " ").split()
    assert "no valid frame" in shown(wrong)


def test_every_byte_of_a_reading_has_its_meaning() -> None:
    text = shown(bytes.fromhex("FEFEFEFE681111111111116891063334343567565A16"))
    for part in (
        "FE FE FE FE               lead-in, 4 bytes",
        "address 111111111111",
        "answer of the meter; function 11H, read (DL/T 645-2007)",
        "33 34 34 35 67 56         data, less 33H: 00 01 01 02 34 23",
        "02010100: voltage, phase A (XXX.X V)",
        "value                     233.4 V",
        "checksum, right",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ("6812907856341268910833333433896745335417", "end_marker: 17H where 16H must be (byte 19"),
        ("680172007200006891083333343333333333E816", "checksum: E8H in the frame, E7H is right (byte 18"),
        (
            "6832000000000068910A3332353533333333333232323232323416",
            "length_mismatch: the length byte says 10",
        ),
        ("6812907856341268 91FF3333", "length_over_limit: the length byte says 255"),
        ("681290785634", "incomplete"),
        ("00112233", "start_marker: no 68H with another 68H seven bytes on"),
        ("", "empty: there are no bytes"),
    ],
)
def test_a_bad_frame_says_which_check_fails_and_where(raw: str, told: str) -> None:
    assert told in shown(bytes.fromhex(raw))


def test_a_refusal_says_why() -> None:
    text = shown(bytes.fromhex("6812907856341268D101399116"))
    assert "refusal by the meter" in text
    assert "no requested data" in text
    assert "password or unauthorised" in text


def test_a_time_that_does_not_exist_is_said() -> None:
    text = shown(bytes.fromhex("FEFEFEFE689999999999996808065844354567897A16"))
    assert "all meters, no answer" in text
    assert "this time does not exist" in text


@given(st.binary(max_size=80), st.booleans())
def test_any_bytes_are_laid_out(raw: bytes, show_secrets: bool) -> None:
    assert lay_out(raw, show_secrets)


@given(st.integers(0, 255), st.binary(max_size=40))
def test_any_frame_is_laid_out(control: int, data: bytes) -> None:
    assert "checksum, right" in shown(encode(Frame(METER, control, data, preamble=2)))
