"""The frame of DL/T 645 (2007 and 1997): FE.. 68 A0..A5 68 C L DATA CS 16, and the stream it is found in.

A frame is found by its structure, never by looking for 16H: 68H, 16H and FEH are legal inside it.
Corrupt is not incomplete: a corrupt candidate costs one byte and the search goes on behind it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from protocols.errors import FrameError

START = 0x68
END = 0x16
LEAD_IN = 0xFE
ANY_METER = "A" * 12
BROADCAST = "9" * 12
OVERHEAD = 12
"""Bytes of a frame besides its data."""
MAX_DATA = 255
MAX_READ_DATA = 200
"""What the standard lets a meter send; more is taken when the frame is otherwise sound."""

_PLUS_33 = bytes((value + 0x33) & 0xFF for value in range(256))
_MINUS_33 = bytes((value - 0x33) & 0xFF for value in range(256))
_HEX_DIGITS = frozenset("0123456789ABCDEF")
_MAX_LEAD_IN = 64


@dataclass(frozen=True, slots=True)
class Frame:
    """`address` reads high digit first (the wire is low byte first); `data` is without the 33H."""

    address: str
    control: int
    data: bytes = b""
    preamble: int = 0

    @property
    def function(self) -> int:
        return self.control & 0x1F

    @property
    def from_meter(self) -> bool:
        return bool(self.control & 0x80)

    @property
    def abnormal(self) -> bool:
        return bool(self.control & 0x40)

    @property
    def more(self) -> bool:
        return bool(self.control & 0x20)


def encode(frame: Frame) -> bytes:
    """The bytes on the wire, lead-in first. ValueError when the frame cannot exist."""
    if len(frame.address) != 12 or not _HEX_DIGITS.issuperset(frame.address):
        raise ValueError(f"address {frame.address!r} is not 12 digits (0-9, A as wildcard)")
    if len(frame.data) > MAX_DATA or not 0 <= frame.control <= 0xFF:
        raise ValueError(f"{len(frame.data)} data bytes or control {frame.control} do not fit a frame")
    address = bytes.fromhex(frame.address)[::-1]
    head = b"\x68" + address + bytes((START, frame.control, len(frame.data)))
    body = head + frame.data.translate(_PLUS_33)
    return b"\xfe" * frame.preamble + body + bytes((sum(body) & 0xFF, END))


def decode(raw: bytes) -> Frame:
    """The one frame in `raw`, noise around it forgiven; FrameError names the first check that failed."""
    frames = list(frames_in(raw))
    if len(frames) == 1:
        return frames[0]
    if frames:
        raise FrameError("several_frames", f"{len(frames)} frames where one was expected")
    raise diagnose(raw).error


def frames_in(raw: bytes) -> Iterator[Frame]:
    """Every frame in a finished buffer."""
    decoder = Decoder()
    yield from decoder.feed(raw)
    yield from decoder.idle()


class Decoder:
    """Finds frames in a stream, however it is chopped; holds no more than one frame's worth of bytes."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.noise_bytes = 0
        self.bad_frames = 0

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes, in order."""
        if not self._buffer and (end := _whole(data)):
            at = data.find(START)
            return [_frame(data, at, end, at)]
        self._buffer += data
        return self._scan(finished=False)

    def idle(self) -> list[Frame]:
        """The line has been quiet: what is not complete now never will be. Frames behind it, if any."""
        return self._scan(finished=True)

    def reset(self) -> None:
        """Forget what has arrived (before a request); the counters stay."""
        self._buffer.clear()

    def _scan(self, finished: bool) -> list[Frame]:
        buffer, frames, settled = self._buffer, [], 0
        at = buffer.find(START)
        while at >= 0:
            end = _end_of_frame(buffer, at)
            if end == _INCOMPLETE and not finished:
                # Perhaps noise whose length byte promises too much: a sound frame behind it proves so.
                later = _next_sound(buffer, at + 1)
                if later < 0:
                    break
                at, end = later, _end_of_frame(buffer, later)
            if end > 0:
                frames.append(self._take(at, end, settled))
                settled = end
                at = buffer.find(START, end)
            else:
                self.bad_frames += end != _NO_FRAME and len(buffer) > at + 7
                at = buffer.find(START, at + 1)
        self._keep_from(len(buffer) if at < 0 else at, settled, finished)
        return frames

    def _take(self, at: int, end: int, settled: int) -> Frame:
        lead_in = _lead_in_before(self._buffer, at, settled)
        self.noise_bytes += at - lead_in - settled
        return _frame(self._buffer, at, end, lead_in)

    def _keep_from(self, at: int, settled: int, finished: bool) -> None:
        """Drop everything before the candidate at `at` but the lead-in that may belong to it."""
        keep = at if finished else at - min(_lead_in_before(self._buffer, at, settled), _MAX_LEAD_IN)
        self.noise_bytes += keep - settled
        del self._buffer[:keep]


_NO_FRAME, _INCOMPLETE, _CORRUPT = 0, -1, -2


def _end_of_frame(buffer: bytes | bytearray, at: int) -> int:
    """Index behind the sound frame whose 68H is at `at`, or why there is none (0 or below)."""
    available = len(buffer) - at
    if available > 7 and buffer[at + 7] != START:
        return _NO_FRAME
    if available < OVERHEAD or available < OVERHEAD + buffer[at + 9]:
        return _INCOMPLETE
    end = at + OVERHEAD + buffer[at + 9]
    if buffer[end - 1] != END or sum(buffer[at : end - 2]) & 0xFF != buffer[end - 2]:
        return _CORRUPT
    return end


def _whole(data: bytes) -> int:
    """The length of `data` when it is one sound frame with nothing but its lead-in before it, else 0."""
    at = data.find(START)
    if at < 0 or data.count(LEAD_IN, 0, at) != at:
        return 0
    return end if (end := _end_of_frame(data, at)) == len(data) else 0


def _next_sound(buffer: bytearray, at: int) -> int:
    """Where the next complete and sound frame starts, or -1."""
    at = buffer.find(START, at)
    while at >= 0 and _end_of_frame(buffer, at) <= 0:
        at = buffer.find(START, at + 1)
    return at


def _lead_in_before(buffer: bytearray, at: int, floor: int) -> int:
    start = at
    while start > floor and buffer[start - 1] == LEAD_IN:
        start -= 1
    return at - start


def _frame(buffer: bytes | bytearray, at: int, end: int, lead_in: int) -> Frame:
    address = buffer[at + 6 : at : -1].hex().upper()
    data = bytes(buffer[at + 10 : end - 2]).translate(_MINUS_33)
    return Frame(address, buffer[at + 8], data, lead_in)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why a buffer holds no frame: where its best candidate starts (-1: none) and which byte is wrong."""

    error: FrameError
    start: int
    wrong_at: int


def diagnose(raw: bytes) -> Diagnosis:
    """The first check the first candidate fails: start, length, end marker, checksum, in this order."""
    start = raw.find(START)
    while start >= 0 and len(raw) - start > 7 and raw[start + 7] != START:
        start = raw.find(START, start + 1)
    if not raw:
        return Diagnosis(FrameError("empty", "there are no bytes"), -1, 0)
    if start < 0:
        return Diagnosis(FrameError("start_marker", "no 68H with another 68H seven bytes on"), -1, 0)
    if len(raw) - start < 10:
        return Diagnosis(FrameError("incomplete", "the bytes end before the length"), start, len(raw))
    return _diagnose_length(raw, start)


def _diagnose_length(raw: bytes, start: int) -> Diagnosis:
    length, there = raw[start + 9], len(raw) - start - OVERHEAD
    ends = there >= 0 and raw[-1] == END
    promise = f"the length byte says {length}, {max(there, 0)} data bytes are there"
    if there < length and length > MAX_READ_DATA:
        return Diagnosis(
            FrameError("length_over_limit", f"{promise}, at most 200 are legal"), start, start + 9
        )
    if there < length:
        reason = "length_mismatch" if ends and _sum_fits(raw, start, len(raw)) else "incomplete"
        return Diagnosis(FrameError(reason, promise), start, start + 9)
    end = start + OVERHEAD + length
    if raw[end - 1] != END:
        if there > length and ends:
            return Diagnosis(FrameError("length_mismatch", promise), start, start + 9)
        return Diagnosis(FrameError("end_marker", f"{raw[end - 1]:02X}H where 16H must be"), start, end - 1)
    return _diagnose_checksum(raw, start, end)


def _diagnose_checksum(raw: bytes, start: int, end: int) -> Diagnosis:
    right = sum(raw[start : end - 2]) & 0xFF
    detail = f"{raw[end - 2]:02X}H in the frame, {right:02X}H is right"
    return Diagnosis(FrameError("checksum", detail), start, end - 2)


def _sum_fits(raw: bytes, start: int, end: int) -> bool:
    return sum(raw[start : end - 2]) & 0xFF == raw[end - 2]
