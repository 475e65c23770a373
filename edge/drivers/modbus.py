"""Reads Modbus meters through pymodbus: TCP, RTU on a serial line, RTU through a TCP serial server.

pymodbus builds and decodes the messages. Lines, time-outs and what counts as an answer are ours, because an
RTU answer does not say which registers it brings.
"""

import logging
import struct
import time
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Final

from pymodbus.client import ModbusBaseSyncClient
from pymodbus.exceptions import ModbusIOException
from pymodbus.framer import FramerType
from pymodbus.pdu import ModbusPDU
from pymodbus.pdu.register_message import ReadHoldingRegistersResponse
from pymodbus.transport import CommParams, CommType

from edge.drivers import nobody_waits
from edge.drivers.answers import Answers
from edge.drivers.parts import Part, Refusals, gather
from edge.drivers.patience import Patience
from edge.drivers.sunspec import FC as SUNSPEC_FC
from edge.drivers.sunspec import find_block
from edge.drivers.talk import GAP_S, listen, say
from edge.links import Link, NoReply, link_of
from edge.settings import LineSettings, MeterSettings
from protocols.errors import FrameError, Refused
from protocols.modbus import plan
from protocols.modbus.rtu import exception_meaning
from protocols.modbus.values import Reader
from protocols.models import MeterModel, Point
from protocols.readings import Value

log = logging.getLogger(__name__)

Request = plan.Request[Point]

RETRIES: Final = 1
LONGEST_FRAME: Final = 260
_LASTING: Final = (1, 2, 3)
MARKS: Final = 6
"""Before a mark has the size of an earlier one, the answer to that has come or is lost."""
_NOT_THERE: Final = (0x0A, 0x0B)
"""A gateway says so of the meter behind it: no path to it, or no answer from it."""


class _Holding(ReadHoldingRegistersResponse):
    """What pymodbus makes of an answer, in one step instead of one for each register."""

    def decode(self, data: bytes) -> None:
        count = data[0] // 2
        if 1 + 2 * count > len(data):
            raise ModbusIOException(f"{data[0]} bytes are told, {len(data) - 1} came")
        self.registers = list(struct.unpack_from(f">{count}H", data, 1))

    def __str__(self) -> str:
        """pymodbus makes this text for its log at every answer, read or not."""
        return f"{len(self.registers)} registers"


class _Input(_Holding):
    function_code = 4


class _LineClient(ModbusBaseSyncClient):
    """A pymodbus client on one of our links: one request in flight, no retries or reconnects of its own."""

    def __init__(self, line: LineSettings, link: Link) -> None:
        self.rtu = line.kind != "modbus-tcp"  # also beside DL/T 645 meters on one bus
        self.link, self._name = link, line.name
        self.byte_s = 0.0
        self.expect(line.timeout_s, 0, 0.0)
        self.noise_bytes = self.bad_frames = 0
        self._sent = b""
        framer = FramerType.RTU if self.rtu else FramerType.SOCKET
        params = CommParams(
            comm_type=CommType.SERIAL if self.rtu else CommType.TCP, timeout_connect=line.timeout_s
        )
        super().__init__(framer, 0, params, None, None, None)
        for answer in (_Holding, _Input):
            self.register(answer)

    def expect(self, wait_s: float, count: int, pause_s: float) -> None:
        """What the next request waits for, and the quiet it needs before it (on a line, not in a network)."""
        self._wait_s, self._count, self._pause_s = wait_s, count, pause_s if self.rtu else 0.0

    def connect(self) -> bool:
        self.link.open()
        return True

    def close(self) -> None:
        self.link.close()

    def send(self, request: bytes, addr: object = None) -> int:
        del addr
        self.noise_bytes += say(self.link, request, self._pause_s)
        log.debug("%s > %s", self._name, _Hex(request))
        self._sent = request
        return len(request)

    def recv(self, size: int | None) -> bytes:
        del size
        answers = Answers(self.rtu, self._sent, self._count)
        wait_s = self._wait_s + len(self._sent) * self.byte_s
        try:
            for chunk in listen(self.link, wait_s, LONGEST_FRAME * self.byte_s):
                log.debug("%s < %s", self._name, _Hex(chunk))
                frame = answers.feed(chunk)
                if frame:
                    return frame
        finally:
            self.noise_bytes += answers.noise_bytes
            self.bad_frames += answers.strays
        if answers.spoke:
            self.bad_frames += 1
            raise FrameError("no_sound_answer", f"{self._count} registers were asked for")
        raise NoReply(f"no answer within {wait_s:.2f} s")


class ModbusDriver:
    def __init__(
        self,
        line: LineSettings,
        models: Mapping[str, MeterModel],
        *,
        retries: int = RETRIES,
        link: Link | None = None,
    ) -> None:
        self._models, self._retries = models, retries
        self.between, self._line = nobody_waits, line
        self._parts = {name: parts_of(model) for name, model in models.items()}
        self._client = _LineClient(line, link or link_of(line))
        self._patience = Patience(min(GAP_S, line.timeout_s), line.timeout_s)
        self._refusals: Refusals[Request] = Refusals()
        self._marks = {name: cycle(marks_of(model, self._parts[name])) for name, model in models.items()}
        self._owing: dict[str, set[int]] = {}
        self._starts: dict[str, int] = {}
        self._readers: dict[Request, Reader] = {}

    @property
    def connected(self) -> bool:
        return self._client.link.connected

    @property
    def noise_bytes(self) -> int:
        return self._client.noise_bytes

    @property
    def bad_frames(self) -> int:
        """Answers that were corrupt, or sound and to another question."""
        return self._client.bad_frames

    def open(self) -> None:
        self._client.connect()

    def close(self) -> None:
        self._client.close()

    def interrupt(self) -> None:
        self._client.link.interrupt()

    def read(self, meter: MeterSettings) -> dict[str, Value]:
        start = self._start(meter)

        def ask(request: Request) -> Mapping[str, Value]:
            words = self._asked(meter, request.fc, start + request.address, request.count)
            return self._reader(request).values(words)

        try:
            return gather(
                meter.id, self._parts[meter.model], ask, self._refusals, lambda code: code in _LASTING
            )
        except Refused:
            self._starts.pop(meter.id, None)  # a SunSpec map may have moved: it is searched for anew
            raise

    def _start(self, meter: MeterSettings) -> int:
        """Where the addresses of the model count from: searched for once in a SunSpec meter, else 0."""
        wanted = self._models[meter.model].sunspec
        if wanted and meter.id not in self._starts:
            self._starts[meter.id] = find_block(
                wanted, lambda address, count: self._asked(meter, SUNSPEC_FC, address, count)
            )
        return self._starts.get(meter.id, 0)

    def _reader(self, request: Request) -> Reader:
        if request not in self._readers:
            self._readers[request] = Reader(request.points, request.address, request.count)
        return self._readers[request]

    def probe(self, meter: MeterSettings) -> None:
        self.between(meter)
        try:
            self._mark(meter, self._patience.wait_s(meter.id))
        except Refused as refused:
            log.debug("%s: %s, so it is there", meter.id, refused)
        except (NoReply, FrameError):
            self._owing.setdefault(meter.id, set())
            raise

    def registers(self, meter: MeterSettings, fc: int, address: int, count: int) -> list[int]:
        """Any registers of a meter, with the usual retry; raises as `read` does."""
        return self._asked(meter, fc, address, count)

    def _asked(self, meter: MeterSettings, fc: int, address: int, count: int) -> list[int]:
        wait_s = self._patience.wait_s(meter.id)
        for attempt in range(self._retries + 1):
            self.between(meter)
            try:
                self._bring_into_step(meter)
                return self._exchange(meter, fc, address, count, wait_s)
            except (NoReply, FrameError) as failure:
                log.debug("%s: %s", meter.id, failure)
                self._distrust(meter, count)
                wait_s = self._patience.ceiling_s
                if attempt == self._retries:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _distrust(self, meter: MeterSettings, count: int) -> None:
        self._owing.setdefault(meter.id, set()).add(count)
        self._client.link.distrust()

    def _bring_into_step(self, meter: MeterSettings) -> None:
        """An RTU answer that is overdue looks like the answer to any request of its size.

        So the next request has a size that no other has, and that the marks before it did not have; once it
        is answered, nothing is owed any more. A refusal has no size and may itself be overdue: try the next.
        """
        for _ in range(MARKS if self._client.rtu and meter.id in self._owing else 0):
            try:
                self._mark(meter, self._patience.ceiling_s)
            except Refused as refused:
                log.debug("%s: %s, perhaps overdue", meter.id, refused)
            else:
                break
        self._owing.pop(meter.id, None)

    def _mark(self, meter: MeterSettings, wait_s: float) -> None:
        marks, owed = self._marks[meter.model], self._owing.get(meter.id, ())
        fc, address, count = next(mark for mark in marks if mark[2] not in owed)
        start = self._starts.get(meter.id, 0)
        self._exchange(meter, fc, start + address, count, wait_s)

    def _exchange(self, meter: MeterSettings, fc: int, address: int, count: int, wait_s: float) -> list[int]:
        assert meter.unit is not None, "settings give each meter of such a line a unit"
        read = self._client.read_holding_registers if fc == 3 else self._client.read_input_registers
        self._client.byte_s = self._line.byte_s(meter) if self._client.rtu else 0.0
        self._client.expect(wait_s, count, self._models[meter.model].pause_ms / 1000)
        began_s = time.monotonic()
        reply: ModbusPDU = read(address, count=count, device_id=meter.unit)
        self._patience.learn(meter.id, time.monotonic() - began_s)
        if not reply.isError():
            return list(reply.registers)
        code = reply.exception_code
        if code in _NOT_THERE:
            raise NoReply(f"the gateway before it says so ({code:02X}H)")
        raise Refused(code, exception_meaning(code))


def parts_of(model: MeterModel) -> tuple[Part[Request], ...]:
    """The reads that bring all of a model, each with the reads of its single points to fall back to."""

    def part(request: Request) -> Part[Request]:
        alone = [single for point in request.points for single in plan.group([point])]
        return Part(request, tuple(Part(each) for each in alone) if len(alone) > 1 else ())

    return tuple(part(request) for request in model.requests())


def marks_of(model: MeterModel, parts: Sequence[Part[Request]]) -> list[tuple[int, int, int]]:
    """Reads (fc, address, count) of sizes that no other request to this meter has.

    First such as end between two values, for some meters refuse to cut one. Then small ones, even and odd
    by turns: some refuse odd counts, some all but the smallest.
    """
    taken = {each.what.count for part in parts for each in (part, *part.singles)}
    first = model.points[0]
    whole = {mark[2]: mark for part in parts for mark in _prefixes(part.what) if mark[2] not in taken}
    free = [count for count in range(1, plan.MAX_REGISTERS) if count not in taken and count not in whole]
    even, odd = (count for count in free if count % 2 == 0), (count for count in free if count % 2)
    small = [count for pair in zip(even, odd, strict=False) for count in pair]
    best = [whole[count] for count in sorted(whole)][: MARKS // 2]
    return [*best, *((first.fc, first.first, count) for count in small)][:MARKS]


def _prefixes(request: Request) -> list[tuple[int, int, int]]:
    ends = sorted({point.first + point.span for point in request.points})
    return [(request.fc, request.address, end - request.address) for end in ends]


class _Hex:
    """Bytes that become hex only when somebody reads the log."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def __str__(self) -> str:
        return self._raw.hex(" ")
