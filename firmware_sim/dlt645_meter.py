"""A DL/T 645 meter on a line: which frames it answers, with what, and above all when it stays silent.

Silent: another's address, 99 (broadcast), 08H, wildcards for anything but reading, a function of the other
edition, and everything while it has no supply or is dead.
"""

from datetime import datetime

from firmware_sim.dlt645_registers import read_1997, read_2007
from firmware_sim.meter import Meter
from protocols.dlt645.conversations import (
    LEAD_IN,
    READ,
    READ_1997,
    READ_ADDRESS,
    READ_MORE,
    READ_MORE_1997,
    TIME_SYNC,
    address_matches,
    normal_reply,
    refusal,
)
from protocols.dlt645.frame import ANY_METER, BROADCAST, MAX_READ_DATA, Frame

WRITE = 0x14
WRITE_1997 = 0x04
OTHER_ERROR, NO_SUCH_DATA, NOT_AUTHORISED = 0x01, 0x02, 0x04
PASSWORDS = {0x02: "111111", 0x04: "000000"}
"""Level and password (as people write it) that every simulated meter takes; 02 has more right than 04."""
_REFUSED_2007 = frozenset((0x03, WRITE, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x1B, 0x1C, 0x1D))
_REFUSED_1997 = frozenset((WRITE_1997, 0x0A, 0x0C, 0x0F, 0x10))
_CLOCK_DATE, _CLOCK_TIME, _CLOCK = "04000101", "04000102", "0400010C"


class Dlt645Meter:
    """Turns frames for one meter into its replies. It keeps the last long answer for its follow-ups."""

    __slots__ = ("_held", "_held_di", "meter", "old")

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        self.old = meter.model.protocol == "dlt645-1997"
        self._held: bytes = b""
        self._held_di: bytes = b""

    def meant_by(self, address: str) -> bool:
        if address == self.meter.address or address in (ANY_METER, BROADCAST):
            return True
        return not self.old and "A" in address and address_matches(address, self.meter.address)

    def answer(self, request: Frame, at_ms: int) -> Frame | None:
        """The reply, or None for silence."""
        if request.from_meter or not self.meter.answers or not self.meant_by(request.address):
            return None
        if request.function == TIME_SYNC:
            self._set_clock(request.data, at_ms)
            return None
        if request.address == BROADCAST:
            return None
        reply = self._answer_1997(request, at_ms) if self.old else self._answer_2007(request, at_ms)
        if reply is None:
            return None
        return Frame(reply.address, reply.control, reply.data, LEAD_IN)

    def _answer_2007(self, request: Frame, at_ms: int) -> Frame | None:
        if request.function == READ:
            return self._read(request, at_ms, 4)
        if request.function == READ_MORE:
            return self._read_more(request, 4)
        if request.function == READ_ADDRESS:
            return normal_reply(request, self.meter.address, bytes.fromhex(self.meter.address)[::-1])
        if request.function in _REFUSED_2007 and request.address == self.meter.address:
            return self._write(request, at_ms)
        return None

    def _answer_1997(self, request: Frame, at_ms: int) -> Frame | None:
        if request.function == READ_1997:
            return self._read(request, at_ms, 2)
        if request.function == READ_MORE_1997:
            return refusal(request, self.meter.address, NO_SUCH_DATA)
        if request.function in _REFUSED_1997 and request.address == self.meter.address:
            return refusal(request, self.meter.address, NOT_AUTHORISED)
        return None

    def _read(self, request: Frame, at_ms: int, width: int) -> Frame:
        address, raw_di = self.meter.address, request.data[:width]
        if len(raw_di) < width:
            return refusal(request, address, OTHER_ERROR)
        di = raw_di[::-1].hex().upper()
        data = read_1997(self.meter, di, at_ms) if self.old else read_2007(self.meter, di, at_ms)
        if data is None:
            return refusal(request, address, NO_SUCH_DATA)
        room = MAX_READ_DATA - width
        self._held, self._held_di = (data[room:], raw_di) if len(data) > room else (b"", b"")
        return normal_reply(request, address, raw_di + data[:room], more=bool(self._held))

    def _read_more(self, request: Frame, width: int) -> Frame:
        """The part of the long answer with that SEQ; the same SEQ again gives the same part."""
        raw_di, seq = request.data[:width], request.data[width] if len(request.data) == width + 1 else 0
        room = MAX_READ_DATA - width - 1
        start = (seq - 1) * room
        if seq == 0 or raw_di != self._held_di or start >= len(self._held):
            return refusal(request, self.meter.address, NO_SUCH_DATA)
        part = self._held[start : start + room]
        more = start + room < len(self._held)
        return normal_reply(request, self.meter.address, raw_di + part + bytes((seq,)), more=more)

    def _write(self, request: Frame, at_ms: int) -> Frame:
        """Only the clock can be written, with a known password; all else is refused by its error bit."""
        address, data = self.meter.address, request.data
        if request.function != WRITE:
            return refusal(request, address, OTHER_ERROR)
        if len(data) < 12 or not _authorised(data[4:8]):
            return refusal(request, address, NOT_AUTHORISED)
        if not self._write_clock(data[3::-1].hex().upper(), data[12:], at_ms):
            return refusal(request, address, NO_SUCH_DATA)
        self.meter.events.programmings += 1
        return normal_reply(request, address)

    def _write_clock(self, di: str, value: bytes, at_ms: int) -> bool:
        now = self.meter.calendar.local(self.meter.clock_ms(at_ms))
        digits = value[::-1].hex()
        if di == _CLOCK_DATE and len(value) == 4:
            return self._adopt(f"{digits[:6]}{now:%H%M%S}", at_ms)
        if di == _CLOCK_TIME and len(value) == 3:
            return self._adopt(f"{now:%y%m%d}{digits}", at_ms)
        if di == _CLOCK and len(value) == 7:
            return self._adopt(digits[:6] + digits[8:], at_ms)
        return False

    def _set_clock(self, data: bytes, at_ms: int) -> None:
        """08H: ss mm hh DD MM YY. What is no date is ignored, as nobody may answer."""
        if len(data) == 6:
            self._adopt(data[::-1].hex(), at_ms)

    def _adopt(self, digits: str, at_ms: int) -> bool:
        try:
            told = datetime.strptime(digits, "%y%m%d%H%M%S")  # noqa: DTZ007  (a meter's clock has no zone)
        except ValueError:
            return False
        delta = told - self.meter.calendar.local(at_ms)
        self.meter.clock_offset_ms = round(delta.total_seconds() * 1000)
        self.meter.events.clock_sets += 1
        return True


def _authorised(password: bytes) -> bool:
    return PASSWORDS.get(password[0]) == password[:0:-1].hex()
