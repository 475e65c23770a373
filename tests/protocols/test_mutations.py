"""What a wire may do to golden answers of either protocol: never a crash, never a hang, and no wrong value
out of a flipped bit. What DL/T 645's sum of 8 bits cannot see is counted, and stays what arithmetic says.
"""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edge.drivers.answers import Answers
from protocols import models
from protocols.dlt645.conversations import ReadConversation, read_reply
from protocols.dlt645.frame import Decoder, decode
from protocols.dlt645.identifiers import lookup, lookup_1997
from protocols.dlt645.values import decode_value
from protocols.errors import ProtocolError
from protocols.modbus import rtu
from protocols.modbus.values import Reader
from protocols.models import Golden, MeterModel

VECTORS = Path(__file__).parents[1] / "vectors" / "dlt645_vectors.json"
HEAD_TCP = 9
TRANSACTION = b"\x12\x34\0\0"


@dataclass(frozen=True, slots=True)
class Exchange:
    """`take`: everything that would be believed of these bytes, in pieces as they arrive."""

    name: str
    answer: bytes
    take: Callable[[list[bytes]], list[Any]]

    @property
    def truth(self) -> list[Any]:
        return self.take([self.answer])


def taker_645(
    address: str, di: str, version: str, value: Callable[[bytes], Any]
) -> Callable[[list[bytes]], list[Any]]:
    def take(pieces: list[bytes]) -> list[Any]:
        decoder, conversation = Decoder(), ReadConversation(address, di, version)
        found = [frame for piece in pieces for frame in decoder.feed(piece)] + decoder.idle()
        taken: list[Any] = []
        for frame in found:
            try:
                data = conversation.accept(frame)
                if data is not None:
                    taken.append(value(data))
            except ProtocolError:
                continue
        return taken

    return take


def of_models() -> Iterator[Exchange]:
    for name in models.names():
        model = models.load(name)
        if model.protocol == "modbus":
            continue
        for golden in model.golden:
            asked = decode(golden.request)
            width = 4 if model.version == "2007" else 2
            di = asked.data[:width][::-1].hex().upper()

            def value(data: bytes, model: MeterModel = model, di: str = di) -> Any:
                return models.values_from_dlt645(model, di, data)

            yield Exchange(
                f"{name} {di}", golden.response, taker_645(asked.address, di, model.version, value)
            )


def of_vectors() -> Iterator[Exchange]:
    """Published answers to reads, whatever they bring: numbers, demands with times, status words, text."""
    for vector in json.loads(VECTORS.read_text()):
        told = vector["expect"]
        if not told["valid"] or told.get("function") not in ("01", "11") or not told.get("from_meter"):
            continue
        item = lookup(told.get("di") or "") or lookup_1997(told.get("di") or "")
        if item is None or told["abnormal"] or told["more"]:
            continue
        version = "2007" if told["function"] == "11" else "1997"

        def value(data: bytes, item: Any = item) -> Any:
            return decode_value(data, item)

        take = taker_645(told["address"], told["di"], version, value)
        yield Exchange(vector["id"], bytes.fromhex(vector["frame_hex"]), take)


def of_modbus(as_tcp: bool) -> Iterator[Exchange]:
    for name in models.names():
        model = models.load(name)
        for golden in model.golden if model.protocol == "modbus" else ():
            yield modbus(model, golden, as_tcp)


def modbus(model: MeterModel, golden: Golden, as_tcp: bool) -> Exchange:
    """A golden exchange as the driver finds it in whatever arrives; as RTU, or with an MBAP header."""
    _, fc, address, count = rtu.parse_read_request(golden.request)
    first = address - golden.start
    there = [p for p in model.points if p.fc == fc and first <= p.first and p.first + p.span <= first + count]
    reader = Reader(there, first, count)
    request, answer = golden.request, golden.response
    if as_tcp:
        request, answer = (
            TRANSACTION + (len(raw) - 2).to_bytes(2, "big") + raw[:-2] for raw in (request, answer)
        )

    def take(pieces: list[bytes]) -> list[Any]:
        answers = Answers(not as_tcp, request, count)
        for piece in pieces:
            try:
                frame = answers.feed(piece)
            except ProtocolError:
                return []
            if frame and frame[7 if as_tcp else 1] & 0x80:
                return []  # a refusal, made of an answer
            if frame:
                words = frame[HEAD_TCP:] if as_tcp else frame[3:-2]
                return [
                    reader.values(
                        [int.from_bytes(words[at : at + 2], "big") for at in range(0, len(words), 2)]
                    )
                ]
        return []

    return Exchange(f"{model.name} {fc}:{address}", answer, take)


DLT645 = [each for each in (*of_models(), *of_vectors()) if each.truth]
RTU, TCP = [*of_modbus(False)], [*of_modbus(True)]


def test_there_is_enough_to_spoil_and_every_golden_answer_is_taken() -> None:
    assert (len(DLT645) > 60, len(RTU) > 20, len(TCP) > 20) == (True, True, True)
    for each in (*DLT645, *RTU, *TCP):
        assert len(each.truth) == 1, each.name


def flips(raw: bytes, upto: int | None = None) -> Iterator[bytes]:
    for bit in range(8 * len(raw[:upto])):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        yield bytes(changed)


@pytest.mark.parametrize("exchanges", [DLT645, RTU], ids=["dlt645", "rtu"])
def test_no_flipped_bit_brings_a_wrong_value(exchanges: list[Exchange]) -> None:
    for each in exchanges:
        truth = each.truth
        for changed in flips(each.answer):
            assert each.take([changed]) in ([], truth), (each.name, changed.hex(" "))


def test_no_flipped_bit_of_a_modbus_tcp_header_brings_a_wrong_value() -> None:
    """The data behind it has no sum of its own: TCP's and the network's are all there is."""
    for each in TCP:
        for changed in flips(each.answer, HEAD_TCP):
            assert each.take([changed]) in ([], each.truth), (each.name, changed.hex(" "))


def test_one_byte_more_or_less_in_a_modbus_tcp_answer_shifts_no_value() -> None:
    for each in TCP:
        raw = each.answer
        for at in range(len(raw)):
            for changed in (
                raw[:at] + raw[at + 1 :],
                raw[:at] + b"\x00" + raw[at:],
                raw[:at] + raw[at : at + 1] + raw[at:],
            ):
                assert each.take([changed]) == [], (each.name, changed.hex(" "))


def _bit(raw: bytearray, at: int, draw: random.Random) -> None:
    raw[at] ^= 1 << draw.randrange(8)


def _byte(raw: bytearray, at: int, draw: random.Random) -> None:
    raw[at] ^= draw.randrange(1, 256)


def _delete(raw: bytearray, at: int, draw: random.Random) -> None:
    del raw[at : at + draw.choice((1, 1, 2, 5))]


def _insert(raw: bytearray, at: int, draw: random.Random) -> None:
    raw[at:at] = draw.randbytes(draw.choice((1, 1, 2, 5)))


def _double(raw: bytearray, at: int, draw: random.Random) -> None:
    raw[at:at] = raw[at : at + draw.choice((1, 2, 8, 300))]


def _swap(raw: bytearray, at: int, draw: random.Random) -> None:
    other = draw.randrange(len(raw))
    raw[at], raw[other] = raw[other], raw[at]


def _cut(raw: bytearray, at: int, draw: random.Random) -> None:
    del draw
    del raw[at:]


def _zero(raw: bytearray, at: int, draw: random.Random) -> None:
    length = min(draw.choice((1, 4, 300)), len(raw) - at)
    raw[at : at + length] = bytes((draw.choice((0, 255)),)) * length


MUTATIONS = (_bit, _byte, _delete, _insert, _double, _swap, _cut, _zero)


def mutated(exchange: Exchange, others: list[Exchange], draw: random.Random) -> list[bytes]:
    """One to three changes, sometimes another question's answer before or behind, in one to four pieces.

    Not one that fits this question too: an RTU answer does not say which registers it brings.
    """
    raw = bytearray(exchange.answer)
    for _ in range(draw.choice((1, 1, 2, 2, 3))):
        if raw:
            draw.choice(MUTATIONS)(raw, draw.randrange(len(raw)), draw)
    where = draw.randrange(8)
    other = draw.choice(others).answer if where < 2 else b""
    if other and exchange.take([other]):
        other = b""
    whole = bytes(raw) + other if where else other + bytes(raw)
    cuts = sorted(draw.randrange(len(whole) + 1) for _ in range(draw.choice((0, 0, 1, 3))))
    return [whole[one:two] for one, two in zip([0, *cuts], [*cuts, len(whole)], strict=True)]


@pytest.mark.parametrize(
    ("exchanges", "tries", "at_most"),
    # A sum sees no swapped bytes and 255 in 256 other changes; a CRC of 16 bits, all but one in 65,536; and
    # the data in a Modbus TCP answer are looked after by TCP alone.
    [(DLT645, 150_000, 0.004), (RTU, 60_000, 1e-4), (TCP, 40_000, 0.12)],
    ids=["dlt645", "rtu", "tcp"],
)
def test_mutated_answers_are_taken_as_they_were_or_not_at_all(
    exchanges: list[Exchange], tries: int, at_most: float
) -> None:
    draw, wrong, none = random.Random(7), 0, 0
    truths = [each.truth for each in exchanges]
    for number in range(tries):
        each = exchanges[number % len(exchanges)]
        taken = each.take(mutated(each, exchanges, draw))
        none += not taken
        wrong += any(value not in truths[number % len(exchanges)] for value in taken)
    assert wrong / tries <= at_most, wrong
    assert none > tries / 4


def test_a_decoder_takes_random_bytes_of_any_length_in_a_bounded_time() -> None:
    """Bytes that begin frames everywhere and end none: every one is looked at, and few are kept."""
    draw = random.Random(7)
    decoder = Decoder()
    for _ in range(2_000):
        for frame in decoder.feed(
            bytes(draw.choice((0x68, 0x16, 0xFE, draw.randrange(256))) for _ in range(50))
        ):
            with pytest.raises(ProtocolError):
                read_reply(decode(GOLDEN_REQUEST), frame)
    decoder.idle()
    assert decoder.noise_bytes > 90_000


GOLDEN_REQUEST = models.load("dlt645-2007-1p").golden[0].request
