"""A DL/T 645 meter on a line: which frames it answers, with what, and above all when it stays silent.

Silent: another's address, 99 (broadcast), 08H, wildcards for anything but reading, a function of the other
edition, and everything while it has no supply or is dead.
"""

from firmware_sim import orders
from firmware_sim.dlt645_registers import read_1997, read_2007, read_records
from firmware_sim.memory import shown_at
from firmware_sim.meter import Meter
from firmware_sim.orders import NO_SUCH_DATA, NOT_AUTHORISED, OTHER_ERROR
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

WRITE_1997 = 0x04
_REFUSED_1997 = frozenset((WRITE_1997, 0x0A, 0x0C, 0x0F, 0x10))
_LOAD_RECORDS = "06"
_NEAR_S = 300
"""How far a clock may be off for a meter with a security chip to be set by broadcast."""


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
        if request.from_meter or not self.meter.answers(at_ms) or not self.meant_by(request.address):
            return None
        if "only-698" in self.meter.nature.behaviour:
            return None
        if request.function == TIME_SYNC:
            self._set_clock(request.data, at_ms)
            return None
        if request.address == BROADCAST:
            return None
        reply = self._answer_1997(request, at_ms) if self.old else self._answer_2007(request, at_ms)
        return None if reply is None else self._by_habit(request, reply)

    def _by_habit(self, request: Frame, reply: Frame) -> Frame:
        """What the firmware of this model makes of an answer."""
        habits, address, data = self.meter.nature.behaviour, reply.address, reply.data
        if "echo-aa" in habits and "A" in request.address:
            address = request.address
        if "refuses-06" in habits and reply.abnormal and data == bytes((NO_SUCH_DATA,)):
            data = b"\x06"
        return Frame(address, reply.control, data, 0 if "no-lead-in" in habits else LEAD_IN)

    def _answer_2007(self, request: Frame, at_ms: int) -> Frame | None:
        if request.function == READ:
            return self._read(request, at_ms, 4)
        if request.function == READ_MORE:
            return self._read_more(request, 4)
        if request.function == READ_ADDRESS:
            return normal_reply(request, self.meter.address, bytes.fromhex(self.meter.address)[::-1])
        if request.address == self.meter.address:
            return orders.obey(self.meter, request, at_ms)
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
        data = self._data(raw_di[::-1].hex().upper(), request.data[width:], at_ms)
        if data is None:
            return refusal(request, address, NO_SUCH_DATA)
        room = MAX_READ_DATA - width
        self._held, self._held_di = (data[room:], raw_di) if len(data) > room else (b"", b"")
        return normal_reply(request, address, raw_di + data[:room], more=bool(self._held))

    def _data(self, di: str, behind: bytes, at_ms: int) -> bytes | None:
        if self.old:
            return read_1997(self.meter, di, at_ms)
        if di.startswith(_LOAD_RECORDS):
            return read_records(self.meter, di, behind, at_ms)
        return read_2007(self.meter, di, at_ms)

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

    def _set_clock(self, data: bytes, at_ms: int) -> None:
        """08H: ss mm hh DD MM YY. What is no date is ignored, as nobody may answer."""
        digits = data[::-1].hex()
        if len(data) != 6 or ("esam" in self.meter.nature.behaviour and not self._near(digits, at_ms)):
            return
        orders.adopt(self.meter, digits, at_ms)

    def _near(self, digits: str, at_ms: int) -> bool:
        told = orders.time_of(digits)
        return told is not None and abs((told - shown_at(self.meter, at_ms)).total_seconds()) <= _NEAR_S
