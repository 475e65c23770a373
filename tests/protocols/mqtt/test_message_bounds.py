"""Whatever bytes come, `decode` gives a message within its bounds or a MessageError, and nothing else."""

import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import MessageError
from protocols.mqtt import messages
from protocols.readings import Reading, Source


def body(**changes: Any) -> dict[str, Any]:
    row = ["m1", 1_790_000_000_000, "polled", {"energy_import_wh": 5, "power_w": 1.5}]
    return {"v": 1, "gateway": "gw-1", "epoch": "e1", "seq": 1, "readings": [row]} | changes


def refused(payload: bytes) -> str:
    with pytest.raises(MessageError) as refusal:
        messages.decode(payload, messages.Readings)
    return str(refusal.value)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"v": 2}, "version 2"),
        ({"seq": 0}, "a seq is from 1"),
        ({"seq": 10**30}, "a seq is from 1"),
        ({"epoch": ""}, "is no epoch"),
        ({"epoch": "a\x00b"}, "is no epoch"),
        ({"readings": []}, "1 to 2000 readings"),
        ({"readings": [["m1", 10**30, "polled", {"power_w": 1}]]}, "no such meter or time"),
        ({"readings": [["m" * 65, 1, "polled", {"power_w": 1}]]}, "no such meter or time"),
        ({"readings": [["m1", 1, "polled", {}]]}, "1 to 100 values"),
        ({"readings": [["m1", 1, "polled", {"power_w": 10**400}]]}, "is no gauge"),
        ({"readings": [["m1", 1, "polled", {"energy_import_wh": -1}]]}, "is no counter"),
        ({"readings": [["m1", 1, "polled", {"energy_import_wh": 1.5}]]}, "is no counter"),
        ({"readings": [["m1", 1, "polled", {"energy_import_wh": 2**53}]]}, "is no counter"),
        ({"readings": [["m1", 1, "polled", {"height_m": 1}]]}, "no quantity is called"),
        ({"readings": [["m1", 1, "guessed", {"power_w": 1}]]}, "not a Readings message"),
        ({"readings": [["m1", 1, "polled", {"power_w": True}]]}, "not a Readings message"),
    ],
)
def test_a_batch_out_of_bounds_is_refused_with_its_reason_and_can_still_be_told_apart(
    changes: dict[str, Any], reason: str
) -> None:
    payload = zlib.compress(json.dumps(body(**changes)).encode())
    assert reason in refused(payload)
    known = "seq" not in changes and "epoch" not in changes
    assert messages.identity(payload) == (("gw-1", "e1", 1) if known else None)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"power_w": NaN}',
        zlib.compress(b"0" * (5 * 1024 * 1024)),
        zlib.compress(json.dumps(body()).encode())[:-1],
        zlib.compress(json.dumps(body()).encode()) + b"x",
        b"x" * (messages.MAX_PAYLOAD + 1),
    ],
)
def test_bytes_that_are_no_message_are_refused_and_have_no_identity(payload: bytes) -> None:
    assert refused(payload)
    assert messages.identity(payload) is None


@given(payload=st.binary(max_size=200) | st.binary(max_size=200).map(zlib.compress))
def test_no_bytes_break_the_decoder(payload: bytes) -> None:
    for kind in (messages.Readings, messages.Dropped, messages.Status, messages.Health, messages.Stored):
        with pytest.raises(MessageError):
            messages.decode(payload, kind)


@pytest.mark.parametrize("seqs", [[], [(0, 1)], [(5, 4)], [(1, 10**30)]])
def test_a_declaration_without_a_sound_range_is_refused(seqs: list[tuple[int, int]]) -> None:
    dropped = messages.Dropped(gateway="gw-1", epoch="e1", seqs=seqs, readings=1, reason="outbox_full")
    with pytest.raises(MessageError):
        messages.decode(messages.encode(dropped), messages.Dropped)


def test_a_sound_batch_comes_back_as_it_was() -> None:
    reading = Reading(
        "m1", 1_790_000_000_000, Source.FREEZE, {"energy_import_wh": 2**53 - 1, "power_w": -1.5}
    )
    batch = messages.Readings(gateway="gw-1", epoch="e1", seq=7, readings=[messages.row(reading)])
    payload = messages.encode(batch)
    assert messages.reading(messages.decode(payload, messages.Readings).readings[0]) == reading
    assert messages.identity(payload) == ("gw-1", "e1", 7)


def health(**changes: Any) -> bytes:
    meter = {"meter": "m1", "line": "l1", "asked": 5, "answered": 3, "unanswered": 2, "answered_at_ms": 5}
    plain = {
        "v": 1,
        "gateway": "gw-1",
        "at_ms": 7,
        "epoch": "e1",
        "last_seq": 1,
        "backlog_batches": 0,
        "backlog_readings": 0,
        "oldest_at_ms": None,
        "clock": "synced",
        "supply": "mains",
        "lines": [],
        "meters": [meter | changes],
    }
    return zlib.compress(json.dumps(plain).encode())


def test_a_health_message_has_no_number_that_is_no_count_or_no_time() -> None:
    assert messages.decode(health(), messages.Health).meters[0].unanswered == 2
    for wrong in ({"unanswered": -1}, {"asked": 10**30}, {"answered_at_ms": 10**18}, {"meter": ""}):
        with pytest.raises(MessageError):
            messages.decode(health(**wrong), messages.Health)
