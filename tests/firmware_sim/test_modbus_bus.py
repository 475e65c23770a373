"""RTU meters on a bus answer who asks them, and nobody else: silence is their only other word."""

import pytest

from firmware_sim import fleet, scenario
from firmware_sim.clock import ManualClock
from firmware_sim.life import befall
from firmware_sim.meter import Meter
from firmware_sim.modbus_bus import RtuSlaves
from protocols.errors import Refused
from protocols.modbus.rtu import crc, read_reply, read_request
from tests.firmware_sim.texts import MODBUS_LINE, NOON_MS

ASK = read_request(1, 4, 0, 2)


@pytest.fixture
def meters() -> list[Meter]:
    return list(fleet.build(scenario.parse(MODBUS_LINE)).values())


@pytest.fixture
def slaves(meters: list[Meter]) -> RtuSlaves:
    return RtuSlaves(meters, ManualClock(NOON_MS))


def answered(slaves: RtuSlaves, request: bytes = ASK) -> bool:
    return slaves.hear(request) is not None


def test_each_answers_for_its_own_unit(slaves: RtuSlaves) -> None:
    for request in (ASK, read_request(2, 3, 0x2006, 2)):
        reply = slaves.hear(request)
        assert reply is not None
        assert len(read_reply(request, reply)) == 2


def test_bytes_may_come_one_by_one_and_behind_other_talk(slaves: RtuSlaves) -> None:
    other = bytes.fromhex("FE FE FE FE 68 29 25 07 07 21 20 68 11 04 33 33 34 33 4F 16")
    replies = [slaves.hear(bytes((byte,))) for byte in other + ASK]
    assert replies[-1] is not None
    assert replies[:-1] == [None] * (len(replies) - 1)


@pytest.mark.parametrize(
    "request_",
    [ASK[:-1] + bytes((ASK[-1] ^ 1,)), ASK[:-1], read_request(9, 4, 0, 2), read_request(0, 4, 0, 2)],
)
def test_a_wrong_checksum_half_a_request_and_a_strange_unit_are_met_with_silence(
    slaves: RtuSlaves, request_: bytes
) -> None:
    assert slaves.hear(request_) is None
    slaves.idle()
    assert answered(slaves)


def test_what_was_heard_before_a_silence_is_of_no_frame(slaves: RtuSlaves) -> None:
    assert slaves.hear(ASK[:5]) is None
    slaves.idle()
    assert slaves.hear(ASK[5:]) is None


@pytest.mark.parametrize(
    ("body", "code"),
    [("01 03 00 00 00 02", 1), ("01 04 70 00 00 02", 2), ("01 04 00 00 00 00", 3), ("01 06 00 00 00 02", 1),
     ("01 10 00 00 00 01 02 00 01", 1), ("01 2B 0E 01 00", 1)],
)  # fmt: skip
def test_what_a_meter_has_not_is_an_exception(slaves: RtuSlaves, body: str, code: int) -> None:
    raw = bytes.fromhex(body)
    reply = slaves.hear(raw + crc(raw))
    assert reply is not None
    assert reply[:3] == bytes((1, raw[1] | 0x80, code))
    assert crc(reply[:-2]) == reply[-2:]


def test_an_exception_is_told_by_its_name(slaves: RtuSlaves) -> None:
    request = read_request(1, 4, 0x7000, 2)
    reply = slaves.hear(request)
    assert reply is not None
    with pytest.raises(Refused, match="illegal data address"):
        read_reply(request, reply)


def test_a_dead_meter_is_silent(slaves: RtuSlaves, meters: list[Meter]) -> None:
    meters[0].dead = True
    assert not answered(slaves)
    meters[0].dead = False
    assert answered(slaves)


def test_noise_does_not_pile_up(slaves: RtuSlaves) -> None:
    for _ in range(50):
        assert slaves.hear(bytes(1000)) is None
    assert answered(slaves)


def test_an_exchange_brings_another_unit_and_a_dip_silence(meters: list[Meter], slaves: RtuSlaves) -> None:
    befall("exchange", meters[0], "11", NOON_MS)
    assert not answered(slaves)
    assert answered(slaves, read_request(11, 4, 0, 2))
    befall("brown-out", meters[0], "", NOON_MS)
    assert not answered(slaves, read_request(11, 4, 0, 2))
