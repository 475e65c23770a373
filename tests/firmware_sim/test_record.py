"""A hex log of a real line becomes a scenario whose meters say what was captured."""

import socket
from pathlib import Path

import pytest

from firmware_sim.capture import CaptureError, read
from firmware_sim.pytest_plugin import MeterFleet
from firmware_sim.record import scenario_of
from firmware_sim.scenario import parse
from protocols.dlt645.conversations import (
    ReadConversation,
    normal_reply,
    read_more_request,
    read_request,
    refusal,
)
from protocols.dlt645.frame import Decoder, Frame, encode
from protocols.modbus import rtu
from tests.firmware_sim.test_commands import sim
from tests.firmware_sim.texts import HOUSE, OLD, SHOP

READ = read_request(HOUSE, "00010000")
ANSWER = encode(normal_reply(READ, HOUSE, READ.data + bytes.fromhex("78563412")))
BLOCK = read_request(SHOP, "0201FF00")
BLOCK_ANSWER = encode(normal_reply(BLOCK, SHOP, BLOCK.data + bytes.fromhex("312230220123")))
OLD_READ = read_request(OLD, "9010", "1997")
OLD_ANSWER = encode(normal_reply(OLD_READ, OLD, OLD_READ.data + bytes.fromhex("99000000")))
NO = encode(refusal(read_request(HOUSE, "02030000"), HOUSE, 2))
RTU_READ = rtu.read_request(3, 4, 0, 4)
_BODY = bytes((3, 4, 8)) + bytes.fromhex("4366800043670000")
RTU_ANSWER = _BODY + rtu.crc(_BODY)
LONG = read_request(HOUSE, "03300201")
PARTS = (bytes(range(190)), bytes(range(50, 62)))


def hexed(raw: bytes | Frame) -> str:
    return (encode(raw) if isinstance(raw, Frame) else raw).hex(" ").upper()


MARKED = f"""
# from the bench, COM3
2026-11-23 08:00:00.100 TX: {hexed(READ)}
2026-11-23 08:00:00.250 RX: {hexed(ANSWER)[:30]}
2026-11-23 08:00:00.260 RX: {hexed(ANSWER)[30:]}
[08:00:01] → {hexed(BLOCK)}
[08:00:01] ← {hexed(BLOCK_ANSWER)}
1.250 >> {hexed(OLD_READ).replace(" ", "")}
1.400 << {hexed(OLD_ANSWER).replace(" ", "")}
12:00:02,500 SEND {hexed(read_request(HOUSE, "02030000"))}
12:00:02,600 RECV {hexed(NO)}
TX {hexed(RTU_READ)}
RX {hexed(RTU_ANSWER)}
TX {hexed(LONG)}
RX {hexed(normal_reply(LONG, HOUSE, LONG.data + PARTS[0], more=True))}
TX {hexed(read_more_request(HOUSE, "03300201", 1))}
RX {hexed(normal_reply(read_more_request(HOUSE, "03300201", 1), HOUSE, LONG.data + PARTS[1] + bytes((1,))))}
"""
UNMARKED = "\n".join(hexed(raw) for raw in (READ, ANSWER, RTU_READ, RTU_ANSWER, BLOCK, BLOCK_ANSWER))


def ask(connection: socket.socket, raw: bytes, wanted: int) -> bytes:
    connection.sendall(raw)
    data = b""
    while len(data) < wanted:
        data += connection.recv(4096)
    return data


def frames(connection: socket.socket, request: Frame) -> Frame:
    connection.sendall(encode(request))
    decoder = Decoder()
    while True:
        found = decoder.feed(connection.recv(4096))
        if found:
            return found[0]


def test_meters_models_and_answers_come_out_of_a_log() -> None:
    text, unused = scenario_of(MARKED)
    made = parse(text)
    assert unused == []
    assert [(meter.address, meter.model) for meter in made.meters] == [
        (HOUSE, "dlt645-2007-1p"),
        (SHOP, "dlt645-2007-3p"),
        (OLD, "dlt645-1997-1p"),
        ("3", "eastron-sdm630"),
    ]


def test_the_scenario_says_again_what_was_captured(meter_fleet: MeterFleet) -> None:
    fleet = meter_fleet(scenario_of(MARKED)[0])
    with socket.create_connection(("127.0.0.1", fleet.port("captured")), timeout=5) as connection:
        assert frames(connection, READ).data[4:] == bytes.fromhex("78563412")
        assert frames(connection, BLOCK).data[4:] == bytes.fromhex("312230220123")
        assert frames(connection, OLD_READ).data[2:] == bytes.fromhex("99000000")
        assert frames(connection, read_request(HOUSE, "02030000")).abnormal
        assert ask(connection, RTU_READ, len(RTU_ANSWER)) == RTU_ANSWER
        half = rtu.read_request(3, 4, 2, 2)
        assert rtu.read_reply(half, ask(connection, half, 9)) == [0x4367, 0]
        assert frames(connection, read_request(HOUSE, "02010100")).data  # what was not captured is its own


def test_a_long_answer_is_replayed_in_parts(meter_fleet: MeterFleet) -> None:
    fleet = meter_fleet(scenario_of(MARKED)[0])
    with socket.create_connection(("127.0.0.1", fleet.port("captured")), timeout=5) as connection:
        conversation = ReadConversation(HOUSE, "03300201")
        data = None
        while data is None:
            data = conversation.accept(frames(connection, conversation.request()))
    assert data == b"".join(PARTS)


def test_a_log_without_directions_is_read_too() -> None:
    made = parse(scenario_of(UNMARKED)[0])
    assert [meter.address for meter in made.meters] == [HOUSE, "3", SHOP]
    assert len(made.answers) == 3


def test_noise_is_told_with_its_line_and_left_out() -> None:
    heard, stray = read(f"TX {hexed(READ)}\nRX FF FB 00\nRX {hexed(ANSWER)}")
    assert len(heard) == 2
    assert stray == ["line 2: 3 bytes belong to no frame"]


@pytest.mark.parametrize(
    ("log", "told"),
    [
        ("TX: hello world", "line 1: 'hello' is neither a time, a direction"),
        ("# only talk", "there are no bytes in it"),
        (f"TX {hexed(READ)}\n\nRX:", "line 3: there are no bytes"),
        ("TX 68 11 22 33", "no frame of DL/T 645 or Modbus RTU"),
        (f"TX {hexed(READ)}", "no question with its answer"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line(log: str, told: str) -> None:
    with pytest.raises(CaptureError) as caught:
        scenario_of(log)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_command_prints_a_scenario_and_nothing_else(tmp_path: Path) -> None:
    log = tmp_path / "capture.hex"
    log.write_text(UNMARKED, encoding="utf-8")
    done = sim("record", log)
    assert (done.returncode, done.stderr) == (0, "")
    assert parse(done.stdout).meters
    log.write_text("nonsense", encoding="utf-8")
    refused = sim("record", log)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.count("\n") == 1
