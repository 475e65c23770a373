"""Reads a hex log of a real line: times and directions may stand there or not; DL/T 645 and Modbus RTU.

Lines are such as `12:00:01.250 TX: FE FE 68 ...`, `<- 68 ...`, `2026-11-23 08:00:00,123 → 01 03 ...`, or hex
alone. What cannot be read is told with its line.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from firmware_sim.wire_forms import Form
from protocols.dlt645.frame import Decoder, encode
from protocols.modbus.rtu import crc

_OUT = ("→", "->", "=>", ">>", ">", "TX", "SEND", "SENT", "OUT", "REQ", "REQUEST", "发送", "发")
_IN = ("←", "<-", "<=", "<<", "<", "RX", "RECV", "RECEIVED", "IN", "RESP", "REPLY", "RESPONSE", "接收", "收")
_TIME = re.compile(
    r"^(\[?\d{4}[-/.]\d{1,2}[-/.]\d{1,2}[T ]?\]?|\[?\d{1,2}:\d{2}(:\d{2}([.,:]\d+)?)?Z?\]?|\[?\d+[.,]\d+\]?)$"
)
_HEX = re.compile(r"^(0[xX])?([0-9A-Fa-f]{2})+$")
_LONGEST_RTU = 256


class CaptureError(Exception):
    """A capture cannot be used; the text names the line and what to do."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One sound frame of the log. `from_meter` is settled for DL/T 645 and where the log says so."""

    line: int
    form: Form
    raw: bytes
    from_meter: bool | None


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    from_meter: bool | None
    data: bytes


def read(text: str) -> tuple[list[Heard], list[str]]:
    """The frames of a log in its order, and what belongs to no frame, a line of talk each."""
    rows = [row for number, line in enumerate(text.splitlines(), 1) if (row := _row(number, line))]
    if not rows:
        raise CaptureError("there are no bytes in it; a line is hex, with a time and TX/RX before it or not")
    heard: list[Heard] = []
    stray: list[str] = []
    waiting: list[_Row] = []
    for row in rows:
        waiting = [*[before for before in waiting if before.from_meter == row.from_meter][-3:], row]
        frames = _frames(waiting)
        heard += frames
        if frames:
            waiting = []
        elif not _may_go_on(row.data):
            stray.append(f"line {row.line}: {len(row.data)} bytes belong to no frame")
            waiting = []
    stray += [f"line {row.line}: a frame begins and does not end" for row in waiting[:1]]
    if not heard:
        raise CaptureError(f"no frame of DL/T 645 or Modbus RTU is in it ({len(rows)} lines of bytes)")
    return heard, stray


def _row(number: int, line: str) -> _Row | None:
    """The bytes of a line; None for an empty one and a comment."""
    line = line.strip().lstrip("\ufeff")
    if not line or line.startswith(("#", "//", ";")):
        return None
    from_meter: bool | None = None
    digits: list[str] = []
    for word in _words(line):
        bare = word.strip("[]():").upper()
        if not bare or _TIME.match(word.strip("():")) or (word.isdecimal() and len(word) > 6 and not digits):
            continue
        if not digits and bare in (*_OUT, *_IN):
            from_meter = bare in _IN
        elif _HEX.match(bare):
            digits.append(bare.removeprefix("0X"))
        else:
            raise CaptureError(
                f"line {number}: {word!r} is neither a time, a direction (TX, RX, →, ←) nor hex; "
                "bytes are two hex digits each, comments begin with #"
            )
    if not digits:
        raise CaptureError(f"line {number}: there are no bytes; take the line out or put # before it")
    return _Row(number, from_meter, bytes.fromhex("".join(digits)))


def _words(line: str) -> Iterator[str]:
    """The words of a line; a comma parts bytes, but not a time."""
    for word in re.split(r"[\s|;]+", _spaced(line)):
        yield from (word,) if _TIME.match(word.strip("():")) else word.split(",")


def _spaced(line: str) -> str:
    """Directions stand apart from what follows them; times keep their colons."""
    for mark in ("→", "←", "发送", "接收", "->", "<-", "=>", "<=", ">>", "<<"):
        line = line.replace(mark, f" {mark} ")
    return re.sub(
        r"(?i)\b(TX|RX|SEND|SENT|RECV|RECEIVED|REQ|RESP|REQUEST|REPLY|RESPONSE|IN|OUT)\s*[:>=]+", r"\1 ", line
    )


def _frames(rows: list[_Row]) -> list[Heard]:
    """The sound frames that these rows hold together; Modbus RTU frames end where a row ends."""
    data, last = b"".join(row.data for row in rows), rows[-1]
    decoder = Decoder()
    found = decoder.feed(data)
    if found:
        return [Heard(last.line, "dlt645", encode(frame), frame.from_meter) for frame in found]
    return [Heard(last.line, "rtu", raw, last.from_meter) for raw in _rtu(data)]


def _rtu(data: bytes) -> Iterator[bytes]:
    """The whole as one frame, or a request and its answer run together."""
    if _is_rtu(data):
        yield data
    elif _is_rtu(data[:8]) and _is_rtu(data[8:]):
        yield from (data[:8], data[8:])


def _is_rtu(raw: bytes) -> bool:
    return 4 < len(raw) <= _LONGEST_RTU and raw[0] <= 247 and crc(raw[:-2]) == raw[-2:]


def _may_go_on(data: bytes) -> bool:
    """Whether a frame may begin here that the next row ends."""
    return b"\x68" in data or data[:1] < b"\xf8"


def questions(heard: Iterable[Heard]) -> Iterator[tuple[Heard, Heard]]:
    """Each answer with the question it follows."""
    question: Heard | None = None
    for one in heard:
        if _is_answer(one, question):
            if question is not None:
                yield question, one
            question = None
        else:
            question = one


def _is_answer(one: Heard, question: Heard | None) -> bool:
    if one.form == "dlt645" or one.from_meter is not None:
        return bool(one.from_meter)
    return question is not None and question.form == "rtu" and question.raw[0] == one.raw[0] and (
        bool(one.raw[1] & 0x80) or len(one.raw) == 5 + one.raw[2]
    )  # fmt: skip
