"""Modbus meters on one TCP line; the only importer of pymodbus in this package.

A meter without supply, a dead one and a unit nobody has are silent, as on a real bus: their replies are made
and then kept back, for pymodbus itself would answer with an exception.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.server.requesthandler import ServerRequestHandler
from pymodbus.simulator import DataType, SimData, SimDevice

from firmware_sim.clock import Clock
from firmware_sim.fault_book import FaultBook
from firmware_sim.line import LOOPBACK, port_taken
from firmware_sim.meter import Meter
from firmware_sim.noise import Wire
from firmware_sim.registers import Refusal, Registers, registers_of
from firmware_sim.scenario import LinePlan
from firmware_sim.tcp_wire import TcpWire
from firmware_sim.transcript import Transcript

logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # clients that send nonsense are our daily bread
_UNIT_AT = 6
"""Where the unit stands in a Modbus TCP packet."""


@dataclass(frozen=True, slots=True)
class RegisterMap:
    """What all meters of a model share: the span of registers, and which of them exist.

    `words` is a scratch pad: a meter writes its present values there just before they are read, with no
    other task in between, so one is enough for all.
    """

    start: int
    words: list[int]
    flags: list[int]

    @classmethod
    def of(cls, registers: Registers) -> "RegisterMap":
        there = frozenset[int]().union(*registers.there.values())
        start, end = min(there), max(there) + 1
        flags = [int(DataType.REGISTERS if at in there else DataType.INVALID) for at in range(start, end + 1)]
        return cls(start, [0] * len(flags), flags)


class _Device(SimDevice):
    """A SimDevice on the registers of its model; its own would cost tens of kilobytes a meter."""

    shared: RegisterMap

    def build_device(self) -> tuple[int, list[int], list[int]]:
        return self.shared.start, self.shared.words, self.shared.flags


class _Server(ModbusTcpServer):
    """Gives each connection a wire of its own."""

    line: "ModbusLine"

    def callback_new_connection(self) -> ServerRequestHandler:
        return self.line.connection(self)


class ModbusLine:
    """Modbus TCP for all meters of a line, told apart by their unit."""

    def __init__(
        self,
        plan: LinePlan,
        meters: Sequence[Meter],
        wire: Wire,
        clock: Clock,
        transcript: Transcript,
        book: FaultBook,
    ) -> None:
        self.plan = plan
        self.wire = wire
        self.cut = False
        self._meters = {int(meter.address): meter for meter in meters}
        self._clock = clock
        self._transcript, self._book = transcript, book
        self._port = plan.port
        self._server: ModbusTcpServer | None = None
        self._maps = {meter.model: RegisterMap.of(registers_of(meter.model)) for meter in meters}

    @property
    def endpoint(self) -> str:
        return f"{LOOPBACK}:{self._port}"

    async def open(self) -> None:
        if self._server is not None:
            return
        server = _Server(self._devices(), address=(LOOPBACK, self._port))
        server.line = self
        if not await server.listen():
            raise port_taken(f"line {self.plan.name}", self._port, "it is taken or not allowed")
        self._server = server
        listener = server.transport
        assert isinstance(listener, asyncio.Server)
        self._port = listener.sockets[0].getsockname()[1]

    async def close(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            await server.shutdown()  # type: ignore[no-untyped-call]

    def _devices(self) -> list[SimDevice]:
        nobody = SimDevice(0, [SimData(0, values=0, datatype=DataType.REGISTERS)])
        return [nobody, *(self._device(unit, meter) for unit, meter in self._meters.items())]

    def _device(self, unit: int, meter: Meter) -> SimDevice:
        placeholder = [SimData(0, values=0, datatype=DataType.REGISTERS)]
        device = _Device(unit, placeholder, action=partial(self._fill, meter))
        device.shared = self._maps[meter.model]
        return device

    async def _fill(
        self,
        meter: Meter,
        fc: int,
        start: int,
        address: int,
        count: int,
        words: list[int],
        written: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        """Put the present values of the asked registers into place; nothing can be written."""
        if self.plan.delay_ms:
            await asyncio.sleep(self.plan.delay_ms / 1000)
        if written is not None:
            return ExcCodes.ILLEGAL_FUNCTION
        try:
            present = registers_of(meter.model).read(meter, fc, address, count, self._clock.now_ms())
        except Refusal as refusal:
            return ExcCodes(refusal.code)
        words[address - start : address - start + count] = present
        return None

    def connection(self, server: ModbusTcpServer) -> ServerRequestHandler:
        """What serves one client; bytes go through its wire on their way out."""
        wire = TcpWire(self.plan.name, self.wire, self._clock, self._transcript, self._book, self._name_of)

        def trace(sending: bool, packet: bytes) -> bytes:
            if not sending:
                self._follow(packet)
                wire.asked(packet)
                return packet
            return b"" if self.cut else wire.reply(self._said(packet), write)

        def write(data: bytes) -> None:
            transport = handler.transport
            if (
                data
                and isinstance(transport, asyncio.WriteTransport)
                and self._server is not None
                and not self.cut
            ):
                transport.write(data)

        handler = ServerRequestHandler(server, trace, None, None)  # type: ignore[no-untyped-call]
        return handler

    def _follow(self, packet: bytes) -> None:
        """Know who has the unit that is asked, also when an exchange has brought it another."""
        unit = packet[_UNIT_AT] if len(packet) > _UNIT_AT else 0
        known = self._meters.get(unit)
        if self._server is None or (known is not None and known.address == str(unit)):
            return
        now = {int(meter.address): meter for meter in self._meters.values()}
        if now != self._meters:
            devices = self._server.context.devices  # type: ignore[union-attr]  # a SimCore, of SimDevices
            of = {meter.id: devices.pop(was) for was, meter in self._meters.items()}
            devices.update({is_: of[meter.id] for is_, meter in now.items()})
            self._meters = now

    def _said(self, packet: bytes) -> bytes:
        """A unit nobody has, a dead meter and a line that is down say nothing."""
        meter = self._meters.get(packet[_UNIT_AT]) if len(packet) > _UNIT_AT else None
        heard = self._server is not None and meter is not None and meter.answers(self._clock.now_ms())
        return packet if heard else b""

    def _name_of(self, unit: int) -> str | None:
        meter = self._meters.get(unit)
        return meter.id if meter else None
