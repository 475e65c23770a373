"""One question on a line and all that came back, judged: sound answers, echo, garbled bytes, silence."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from edge.drivers.talk import listen, say
from edge.drivers.trace import shown
from edge.links import Link
from edge.tools import dlt698
from edge.tools.hearing import Heard, Traffic, understand
from protocols.dlt645.conversations import check_reply
from protocols.dlt645.frame import Decoder, Frame, encode
from protocols.errors import FrameError, Refused
from protocols.modbus import rtu

FRAME_BYTES: Final = 267
STRAY_BYTES: Final = 3
"""So many bytes beside an answer are a bad start of it, not another meter's."""


@dataclass(frozen=True, slots=True)
class Exchange:
    sent: bytes
    received: bytes
    took_s: float

    @property
    def hex(self) -> str:
        """The bytes as a person may see them: what can hold a password is masked."""
        return f"> {shown(self.sent)}  < {shown(self.received) or '(nothing)'}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`answers` are sound frames of meters to this question; `garbled` bytes belong to no sound frame."""

    exchange: Exchange
    answers: tuple[Frame, ...] = ()
    others: tuple[Frame, ...] = ()
    garbled: int = 0
    echo: bool = False

    @property
    def silent(self) -> bool:
        return not self.answers and self.garbled == 0 and not self.others

    @property
    def collided(self) -> bool:
        """More than one meter spoke, or what came is no sound frame at all."""
        if not self.answers:
            return self.garbled > 0
        return len(self.answers) > 1 or self.garbled > STRAY_BYTES


def judged(exchange: Exchange, request: Frame) -> Verdict:
    """What an exchange in DL/T 645 was."""
    echo = exchange.received.startswith(exchange.sent)
    decoder = Decoder()
    raw = exchange.received[len(exchange.sent) if echo else 0 :]
    frames = [*decoder.feed(raw), *decoder.idle()]
    answers: list[Frame] = []
    others: list[Frame] = []
    for frame in frames:
        (answers if _answers(request, frame) else others).append(frame)
    echo |= any(frame.control == request.control and frame.address == request.address for frame in others)
    others = [frame for frame in others if frame.from_meter]
    return Verdict(exchange, tuple(answers), tuple(others), decoder.noise_bytes, echo)


def _answers(request: Frame, frame: Frame) -> bool:
    try:
        check_reply(request, frame)
    except Refused:
        return True
    except FrameError:
        return False
    return True


@dataclass(slots=True)
class Asker:
    """Speaks on an open link; `wait_s` is how long an answer may take to begin."""

    link: Link
    wait_s: float
    byte_s: float
    said: list[Exchange] = field(default_factory=list)

    def ask(self, request: Frame, *, whole: bool = False) -> Verdict:
        """`whole`: wait the full time for a second answer, where several meters may be meant."""
        raw = encode(request)
        if whole:
            return judged(self._exchange(raw, lambda _: False), request)
        return judged(
            self._exchange(raw, lambda got: bool(judged(Exchange(raw, got, 0), request).answers)), request
        )

    def ask_unit(self, unit: int, fc: int, address: int, count: int = 1) -> tuple[Exchange, bool]:
        """A Modbus RTU read, and whether a sound answer (a refusal is one too) came."""
        raw = rtu.read_request(unit, fc, address, count)
        exchange = self._exchange(raw, lambda got: _modbus_answered(raw, got))
        return exchange, _modbus_answered(raw, exchange.received)

    def ask_698(self) -> tuple[Exchange, tuple[dlt698.Frame698, ...]]:
        """The one read of DL/T 698.45 that is known here: who is there?"""
        exchange = self._exchange(dlt698.LINK_PROBE, lambda got: bool(_meters_698(got)))
        return exchange, _meters_698(exchange.received)

    def _exchange(self, raw: bytes, done: Callable[[bytes], bool]) -> Exchange:
        say(self.link, raw, self.byte_s * 4)
        began_s, received = time.monotonic(), b""
        for chunk in listen(self.link, self.wait_s + len(raw) * self.byte_s, FRAME_BYTES * self.byte_s):
            received += chunk
            if done(received):
                break
        exchange = Exchange(raw, received, time.monotonic() - began_s)
        self.said.append(exchange)
        return exchange


def _modbus_answered(request: bytes, received: bytes) -> bool:
    raw = received.removeprefix(request)
    heard: tuple[Heard, ...] = understand([(0.0, raw)], 0).heard
    return any(not each.request and each.raw[0] == request[0] for each in heard)


def _meters_698(received: bytes) -> tuple[dlt698.Frame698, ...]:
    return tuple(frame for frame in dlt698.frames_in(received) if frame.from_meter)


def overhear(link: Link, seconds: float, tell: Callable[[float], None] = lambda _: None) -> Traffic:
    """Listen and say nothing; `tell` hears how much of the time has gone (0..1)."""
    began_s = time.monotonic()
    chunks: list[tuple[float, bytes]] = []
    while (gone_s := time.monotonic() - began_s) < seconds:
        tell(gone_s / seconds)
        data = link.read(min(0.25, seconds - gone_s))
        if data:
            chunks.append((time.monotonic() - began_s, data))
    tell(1.0)
    return understand(chunks, seconds)
