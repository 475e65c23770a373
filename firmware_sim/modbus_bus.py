"""Modbus RTU meters on one bus, without the bus: bytes in, the answer of the one that was asked out.

Whoever is not asked is silent, and so is everybody when the checksum is wrong.
"""

import struct
from collections.abc import Sequence
from typing import Final

from firmware_sim.clock import Clock
from firmware_sim.meter import Meter
from firmware_sim.registers import ILLEGAL_FUNCTION, READS, Refusal, registers_of
from protocols.modbus.rtu import crc

LONGEST: Final = 256
_FIXED: Final = 8
"""Requests of functions 1 to 6 have this length."""
_SHORTEST: Final = 4
_MANY: Final = (0x0F, 0x10)
"""Writes of many: the seventh byte tells how many bytes follow."""


class RtuSlaves:
    """The Modbus meters of a bus. Bytes of other protocols may go over the same bus: they are passed over."""

    def __init__(self, meters: Sequence[Meter], clock: Clock) -> None:
        self._meters = tuple(meters)
        self._clock = clock
        self._heard = bytearray()

    def hear(self, data: bytes) -> bytes | None:
        """The answer to the request that these bytes complete; None when nobody answers (yet)."""
        self._heard += data
        for start in range(len(self._heard) - _SHORTEST + 1):
            request = self._request_at(start)
            if request:
                del self._heard[: start + len(request)]
                return self._answer(request)
        del self._heard[:-LONGEST]
        return None

    def idle(self) -> None:
        """The line was quiet for longer than a frame may pause: what was heard before is of no frame."""
        self._heard.clear()

    def _meter_of(self, unit: int) -> Meter | None:
        """Whoever has that unit now: an exchange may bring another one."""
        return next((meter for meter in self._meters if meter.address == str(unit)), None)

    def _request_at(self, start: int) -> bytes:
        """The sound request to one of these meters that begins there, or nothing."""
        if self._meter_of(self._heard[start]) is None:
            return b""
        held = bytes(self._heard[start : start + LONGEST])
        function = held[1]
        if function in _MANY:
            length = 9 + held[6] if len(held) > 6 else LONGEST
        elif function in range(1, 7):
            length = _FIXED
        else:
            length = len(held)  # of unknown form: it is whole when the checksum of all that came is right
        frame = held[:length]
        return frame if len(frame) == length and crc(frame[:-2]) == frame[-2:] else b""

    def _answer(self, request: bytes) -> bytes | None:
        unit, function = request[:2]
        meter = self._meter_of(unit)
        if meter is None or not meter.answers(self._clock.now_ms()):
            return None
        try:
            pdu = self._read(meter, request)
        except Refusal as refusal:
            pdu = bytes((function | 0x80, refusal.code))
        body = bytes((unit,)) + pdu
        return body + crc(body)

    def _read(self, meter: Meter, request: bytes) -> bytes:
        function = request[1]
        if function not in READS:
            raise Refusal(ILLEGAL_FUNCTION)
        _, _, address, count = struct.unpack(">BBHH", request[:6])
        words = registers_of(meter.model).read(meter, function, address, count, self._clock.now_ms())
        return bytes((function, 2 * count)) + struct.pack(f">{count}H", *words)
