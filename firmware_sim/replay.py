"""A meter that says again what a real one said when it was captured; all else is its own."""

from collections.abc import Sequence

from firmware_sim.scenario import AnswerPlan
from firmware_sim.stations import Request, Station
from firmware_sim.wire_forms import Form
from protocols.dlt645.conversations import (
    LEAD_IN,
    READ,
    READ_1997,
    READ_MORE,
    address_matches,
    normal_reply,
    refusal,
)
from protocols.dlt645.frame import MAX_READ_DATA, Frame, encode
from protocols.modbus.rtu import crc

_MORE = {READ_MORE: 4}
_WIDTHS = {READ: 4, READ_1997: 2, **_MORE}


class ReplayStation:
    """`answers` come from a scenario; a long one is given in parts, as a meter would."""

    __slots__ = ("_by_di", "_registers", "_station", "form", "meter")

    def __init__(self, station: Station, answers: Sequence[AnswerPlan]) -> None:
        self._station = station
        self.form: Form = station.form
        self.meter = station.meter
        self._by_di = {answer.di: answer for answer in answers if answer.di}
        self._registers = [answer for answer in answers if answer.fc]

    def answer(self, request: Request, at_ms: int) -> bytes | None:
        if not self.meter.answers(at_ms):
            return None
        replayed = self._replayed_645(request.frame) if request.frame else self._replayed_rtu(request.raw)
        return replayed or self._station.answer(request, at_ms)

    def _replayed_645(self, request: Frame | None) -> bytes | None:
        if request is None or not address_matches(request.address, self.meter.address) or request.from_meter:
            return None
        width = _WIDTHS.get(request.function)
        answer = self._by_di.get(request.data[:width][::-1].hex().upper()) if width else None
        if width is None or answer is None:
            return None
        if answer.error is not None:
            reply = refusal(request, self.meter.address, answer.error)
        else:
            reply = self._part(request, answer.data, width)
        return encode(Frame(reply.address, reply.control, reply.data, LEAD_IN))

    def _part(self, request: Frame, data: bytes, width: int) -> Frame:
        first = MAX_READ_DATA - width
        di, address = request.data[:width], self.meter.address
        if request.function not in _MORE:
            return normal_reply(request, address, di + data[:first], more=len(data) > first)
        room, seq = first - 1, request.data[width] if len(request.data) > width else 0
        start = first + (seq - 1) * room
        if seq < 1 or start >= len(data):
            return refusal(request, address, 2)
        part = data[start : start + room]
        return normal_reply(request, address, di + part + bytes((seq,)), more=start + room < len(data))

    def _replayed_rtu(self, raw: bytes) -> bytes | None:
        if str(raw[0]) != self.meter.address or len(raw) != 8:
            return None
        fc, address, count = raw[1], int.from_bytes(raw[2:4], "big"), int.from_bytes(raw[4:6], "big")
        for answer in self._registers:
            if answer.error is not None and (answer.fc, answer.first_register) == (fc, address):
                body = bytes((raw[0], fc | 0x80, answer.error))
                return body + crc(body)
            words = answer.words[address - answer.first_register :][:count]
            if answer.fc == fc and address >= answer.first_register and len(words) == count:
                body = bytes((raw[0], fc, 2 * count)) + b"".join(word.to_bytes(2, "big") for word in words)
                return body + crc(body)
        return None
