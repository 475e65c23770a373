"""The meters of a bus and the frames they listen for: DL/T 645 and Modbus RTU, side by side."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from firmware_sim.clock import Clock
from firmware_sim.dlt645_meter import Dlt645Meter
from firmware_sim.meter import Meter
from firmware_sim.modbus_bus import RtuSlaves
from firmware_sim.wire_forms import Form
from protocols.dlt645.frame import Decoder, Frame, encode
from protocols.modbus.rtu import crc

_LONGEST = 256
_FIXED, _MANY = range(1, 7), (0x0F, 0x10)


@dataclass(frozen=True, slots=True)
class Request:
    """What was heard; `frame` is there for DL/T 645."""

    form: Form
    raw: bytes
    frame: Frame | None = None

    @property
    def to(self) -> str:
        """The address or unit that is asked."""
        return self.frame.address if self.frame else str(self.raw[0])


class Station(Protocol):
    """A meter as a bus knows it."""

    form: Form
    meter: Meter

    def answer(self, request: Request, at_ms: int) -> bytes | None: ...


class Dlt645Station:
    __slots__ = ("_meter", "form", "meter")

    def __init__(self, meter: Meter) -> None:
        self.form: Form = "dlt645"
        self.meter = meter
        self._meter = Dlt645Meter(meter)

    def answer(self, request: Request, at_ms: int) -> bytes | None:
        assert request.frame is not None
        reply = self._meter.answer(request.frame, at_ms)
        return None if reply is None else encode(reply)


class RtuStation:
    __slots__ = ("_slave", "form", "meter")

    def __init__(self, meter: Meter, clock: Clock) -> None:
        self.form: Form = "rtu"
        self.meter = meter
        self._slave = RtuSlaves((meter,), clock)

    def answer(self, request: Request, at_ms: int) -> bytes | None:  # noqa: ARG002  (it has the clock)
        self._slave.idle()
        return self._slave.hear(request.raw)


class Stations:
    """Finds who is asked, fast; addresses may change while the fleet runs (a meter is exchanged)."""

    __slots__ = ("_by_address", "all")

    def __init__(self, stations: Sequence[Station]) -> None:
        self.all = stations
        self._by_address: dict[tuple[Form, str], list[Station]] = {}

    def asked(self, request: Request) -> Sequence[Station]:
        """The one meter, or its twins; all of that protocol when none has just this address."""
        found = self._found(request)
        if found or request.form == "rtu":
            return found
        return [station for station in self.all if station.form == request.form]

    def _found(self, request: Request) -> list[Station]:
        found = [
            station
            for station in self._by_address.get((request.form, request.to), ())
            if station.meter.address == request.to
        ]
        if not found and any(s.meter.address == request.to for s in self.all if s.form == request.form):
            self._by_address = {}
            for station in self.all:
                self._by_address.setdefault((station.form, station.meter.address), []).append(station)
            found = self._by_address[request.form, request.to]
        return found


class Ear:
    """Finds requests in what one talker says, however it is chopped, and passes over the rest."""

    def __init__(self, forms: Iterable[Form]) -> None:
        self._decoder = Decoder() if "dlt645" in forms else None
        self._held = bytearray() if "rtu" in forms else None

    def hear(self, data: bytes) -> list[Request]:
        """The requests these bytes complete."""
        found: list[Request] = []
        if self._decoder is not None:
            found += [_of_frame(frame) for frame in self._decoder.feed(data)]
        if self._held is not None:
            self._held += data
            found += self._rtu(self._held)
        return found

    def idle(self) -> list[Request]:
        """The line was quiet: what is not complete never will be. Requests behind it, if any."""
        if self._held is not None:
            self._held.clear()
        return [] if self._decoder is None else [_of_frame(frame) for frame in self._decoder.idle()]

    def _rtu(self, held: bytearray) -> list[Request]:
        found, start = [], 0
        while start < len(held) - 3:
            frame = _rtu_at(held, start)
            if frame:
                found.append(Request("rtu", frame))
                del held[: start + len(frame)]
                start = -1
            start += 1
        del held[:-_LONGEST]
        return found


def _of_frame(frame: Frame) -> Request:
    return Request("dlt645", encode(frame), frame)


def _rtu_at(held: bytearray, start: int) -> bytes:
    """The sound request that begins there, or nothing."""
    function = held[start + 1]
    if held[start] > 247 or function not in (*_FIXED, *_MANY, 0x11, 0x2B):
        return b""
    if function in _MANY:
        length = 9 + held[start + 6] if len(held) > start + 6 else _LONGEST
    else:
        length = {0x11: 4, 0x2B: 7}.get(function, 8)
    frame = bytes(held[start : start + length])
    return frame if len(frame) == length and crc(frame[:-2]) == frame[-2:] else b""
