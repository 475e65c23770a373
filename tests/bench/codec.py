"""Frames a second of our DL/T 645 codec and of the PyPI package dlt645, over the same published frames.

Decoding goes from the bytes of a stream to a frame to a value. Ours also holds each reply against the
request it must answer (meter, function, identifier); the peer only parses. Rounds alternate, medians count.
"""

import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Self

from protocols.dlt645.conversations import read_reply, read_request
from protocols.dlt645.frame import Decoder, Frame, decode, encode
from protocols.dlt645.identifiers import Kind, lookup
from protocols.dlt645.values import decode_value
from tests.peer_environments import peer_python

ROUNDS, SECONDS, PASSES = 7, 0.5, 20
_TESTS = Path(__file__).parents[1]
_PEER = _TESTS / "system" / "peers" / "dlt645" / "codec.py"
_VECTORS = _TESTS / "vectors" / "dlt645_vectors.json"

Asked = tuple[bytes, Frame, str]


def run(say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    exchanges = _exchanges()
    requests = [(frame.address, di) for _, frame, di in exchanges]
    say(f"{len(exchanges)} published replies, {ROUNDS} rounds of {SECONDS} s each way")
    with _Peer(exchanges) as peer:
        if [float(value) for value in _decode(exchanges)] != peer.values:
            raise SystemExit("codec: the two codecs read the same frames differently")
        rates: dict[str, list[float]] = {
            name: [] for name in ("decode", "encode", "peer decode", "peer encode")
        }
        for at in range(ROUNDS):
            rates["decode"].append(_rate(_decode, exchanges))
            rates["peer decode"].append(peer.rate("decode"))
            rates["encode"].append(_rate(_encode, requests))
            rates["peer encode"].append(peer.rate("encode"))
            say(f"round {at + 1} of {ROUNDS}")
    yield from _results({name: median(each) for name, each in rates.items()})


def _results(rate: dict[str, float]) -> Iterator[dict[str, Any]]:
    yield {
        "tool": "wattpost",
        "decode_frames_per_second": rate["decode"],
        "encode_frames_per_second": rate["encode"],
        "decode_ratio": rate["decode"] / rate["peer decode"],
        "encode_ratio": rate["encode"] / rate["peer encode"],
    }
    yield {
        "tool": "dlt645 3.2.0",
        "decode_frames_per_second": rate["peer decode"],
        "encode_frames_per_second": rate["peer encode"],
        "decode_ratio": 1.0,
        "encode_ratio": 1.0,
    }


def _exchanges() -> list[Asked]:
    """The published replies of 2007 with one number, each with the request that it answers."""
    found: list[Asked] = []
    for vector in json.loads(_VECTORS.read_text()):
        expect = vector["expect"]
        if not expect.get("value") or expect.get("control") != "91" or "available" in expect:
            continue
        item = lookup(expect["di"])
        if item is None or item.kind is not Kind.NUMBER or expect["di"][:2] not in ("00", "02"):
            continue
        raw = bytes.fromhex(vector["frame_hex"])
        found.append((raw, read_request(decode(raw).address, expect["di"]), expect["di"]))
    return found


def _decode(exchanges: Sequence[Asked]) -> list[Decimal]:
    values: list[Decimal] = []
    decoder = Decoder()
    for raw, request, di in exchanges:
        for frame in decoder.feed(raw):
            item = lookup(di)
            assert item is not None
            value = decode_value(read_reply(request, frame), item)
            assert isinstance(value, Decimal)
            values.append(value)
    return values


def _encode(requests: Sequence[tuple[str, str]]) -> list[bytes]:
    return [encode(read_request(address, di)) for address, di in requests]


def _rate(work: Callable[[Any], object], frames: Sequence[Any]) -> float:
    done, began = 0, perf_counter()
    while (spent := perf_counter() - began) < SECONDS:
        for _ in range(PASSES):
            work(frames)
        done += PASSES * len(frames)
    return done / spent


class _Peer:
    """The other codec, in an environment of its own; it works only while it is asked for a rate."""

    def __init__(self, exchanges: Sequence[Asked]) -> None:
        command = [str(peer_python("dlt645")), str(_PEER)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        requests = [(bytes.fromhex(frame.address)[::-1].hex(), di) for _, frame, di in exchanges]
        replies = [raw.hex() for raw, _, _ in exchanges]
        self.values: list[float] = self._ask(json.dumps({"replies": replies, "requests": requests}))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)

    def rate(self, work: str) -> float:
        found: float = self._ask(f"{work} {SECONDS}")
        return found

    def _ask(self, line: str) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())
