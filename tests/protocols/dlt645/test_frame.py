"""A frame survives the line: noise, lead-ins, chopping, false starts; what is corrupt never comes out."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlt645.frame import Decoder, Frame, decode, encode, frames_in
from protocols.errors import FrameError

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "dlt645_vectors.json").read_text()
)
VALID = [v for v in VECTORS if v["expect"]["valid"] and "frames" not in v["expect"]]

REASONS = {
    "empty",
    "start_marker",
    "incomplete",
    "length_over_limit",
    "length_mismatch",
    "end_marker",
    "checksum",
}
VOLTAGE = Frame("202107072529", 0x91, bytes.fromhex("000101023423"), preamble=4)

frames = st.builds(
    Frame,
    address=st.text("0123456789A", min_size=12, max_size=12),
    control=st.integers(0, 255),
    data=st.binary(max_size=255),
    preamble=st.integers(0, 9),
)


def in_chunks(raw: bytes, sizes: list[int]) -> list[Frame]:
    decoder, found, at = Decoder(), [], 0
    for size in sizes:
        found += decoder.feed(raw[at : at + size])
        at += size
    return found + decoder.feed(raw[at:]) + decoder.idle()


def test_address_and_data_are_low_byte_first_on_the_wire() -> None:
    assert encode(VOLTAGE).hex() == "fefefefe682925070721206891063334343567569116"
    assert decode(encode(VOLTAGE)) == VOLTAGE


@given(frames)
def test_any_frame_comes_back_as_it_went(frame: Frame) -> None:
    assert decode(encode(frame)) == frame


@given(st.lists(frames, max_size=4), st.lists(st.integers(1, 60), max_size=30))
def test_frames_come_out_however_the_stream_is_chopped(sent: list[Frame], sizes: list[int]) -> None:
    assert in_chunks(b"".join(map(encode, sent)), sizes) == sent


@given(frames, st.binary(max_size=40), st.binary(max_size=40), st.lists(st.integers(1, 9), max_size=60))
def test_a_frame_is_found_between_noise(frame: Frame, before: bytes, after: bytes, sizes: list[int]) -> None:
    noise = bytes(byte for byte in before if byte not in (0x68, 0xFE))
    tail = bytes(byte for byte in after if byte != 0x68)
    assert in_chunks(noise + encode(frame) + tail, sizes) == [frame]


@given(st.binary(max_size=600), st.lists(st.integers(1, 50), max_size=30))
def test_any_bytes_give_frames_or_nothing(raw: bytes, sizes: list[int]) -> None:
    for frame in in_chunks(raw, sizes):
        assert encode(frame)[frame.preamble :] in raw


@given(st.binary(max_size=60))
def test_bytes_without_a_frame_are_refused_with_a_stable_reason(raw: bytes) -> None:
    if list(frames_in(raw)):
        return
    with pytest.raises(FrameError) as refused:
        decode(raw)
    assert refused.value.reason in REASONS


@given(st.lists(st.sampled_from([0x68, 0x16, 0xFE, 0x00, 0xFF]), max_size=1500))
def test_a_stream_of_markers_neither_hangs_nor_grows(raw: list[int]) -> None:
    decoder = Decoder()
    for byte in raw:
        decoder.feed(bytes([byte]))
    assert len(decoder._buffer) <= 267 + 64
    decoder.idle()
    assert not decoder._buffer


@pytest.mark.parametrize("vector", VALID, ids=lambda v: v["id"])
def test_no_flipped_bit_goes_unseen(vector: dict[str, Any]) -> None:
    frame = decode(bytes.fromhex(vector["frame_hex"]))
    raw = encode(frame)[frame.preamble :]
    content = (frame.address, frame.control, frame.data)
    for bit in range(len(raw) * 8):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        assert content not in [(f.address, f.control, f.data) for f in frames_in(bytes(flipped))]


@pytest.mark.parametrize("vector", VALID, ids=lambda v: v["id"])
def test_a_published_frame_arrives_byte_by_byte(vector: dict[str, Any]) -> None:
    raw = bytes.fromhex(vector["frame_hex"])
    assert in_chunks(raw, [1] * len(raw)) == [decode(raw)]


def test_markers_inside_address_data_and_checksum_are_content() -> None:
    awkward = Frame("166816FE6816", 0x91, bytes.fromhex("e335e335cbfe"), preamble=2)
    assert in_chunks(encode(awkward) * 2, [3] * 40) == [awkward, awkward]


def test_a_false_start_does_not_hide_the_frame_behind_it() -> None:
    promise = bytes.fromhex("68 00 00 00 00 00 00 68 91 ff")  # claims 255 bytes that never come
    decoder = Decoder()
    assert decoder.feed(promise + encode(VOLTAGE)) == [VOLTAGE]
    assert decoder.noise_bytes == len(promise)


@pytest.mark.parametrize("starts", range(1, 12))
def test_start_markers_right_before_a_frame_are_noise(starts: int) -> None:
    raw = encode(Frame(VOLTAGE.address, VOLTAGE.control, VOLTAGE.data))
    for chunk in (1, 5, 100):
        found = in_chunks(b"\x68" * starts + raw, [chunk] * 40)
        assert [frame.data for frame in found] == [VOLTAGE.data]


def test_a_corrupt_frame_costs_only_itself() -> None:
    corrupt = bytearray(encode(VOLTAGE))
    corrupt[-3] ^= 1
    decoder = Decoder()
    assert decoder.feed(bytes(corrupt) + encode(VOLTAGE)) == [VOLTAGE]
    assert decoder.bad_frames == 1
    assert decoder.noise_bytes == len(corrupt)


def test_an_incomplete_frame_waits_until_the_line_is_idle() -> None:
    raw = encode(VOLTAGE)
    decoder = Decoder()
    assert decoder.feed(raw[:-1]) == []
    assert decoder.bad_frames == 0
    assert decoder.feed(raw[-1:]) == [VOLTAGE]
    assert decoder.feed(raw[:-1]) == []
    assert decoder.idle() == []
    assert decoder.bad_frames == 1
    assert decoder.feed(raw[-1:] + raw) == [VOLTAGE]


def test_reset_forgets_the_late_half_of_an_answer() -> None:
    raw = encode(VOLTAGE)
    decoder = Decoder()
    decoder.feed(raw[:10])
    decoder.reset()
    assert decoder.feed(raw[10:]) == []


def test_a_frame_that_cannot_exist_is_not_sent() -> None:
    for frame in (Frame("1234", 0x11), Frame("12345678901x", 0x11), Frame("1" * 12, 0x11, bytes(256))):
        with pytest.raises(ValueError, match=r"address|fit"):
            encode(frame)
