"""A wire that plays what it is told: a real TCP port or a real pseudo-terminal with a thread behind it.

The thread hands each request frame to a reaction and writes the chunks that come back, one by one.
"""

import os
import select
import socket
import struct
import tty
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Thread
from typing import Generic, Self, TypeVar

from protocols.dlt645.frame import Decoder, Frame, encode
from protocols.modbus.rtu import crc, parse_read_request

Chunks = Iterable[bytes]
R = TypeVar("R")
Ear = Callable[[bytes], list[R]]
"""Bytes in, the requests they complete out; a new one for each connection."""
Reaction = Callable[[Frame], Chunks]


def dlt645_ear() -> Ear[Frame]:
    return Decoder().feed


class Wire(Generic[R]):
    """`requests` is what arrived, in order; `connections` how often the line was opened."""

    endpoint: str

    def __init__(self, react: Callable[[R], Chunks], ear: Callable[[], Ear[R]]) -> None:
        self.react, self._ear = react, ear
        self.requests: list[R] = []
        self.connections = 0
        self._stop_out, self._stop_in = os.pipe()
        self._thread = Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.write(self._stop_in, b"!")
        self._thread.join(10)
        assert not self._thread.is_alive()
        os.close(self._stop_in)
        os.close(self._stop_out)

    def _run(self) -> None:
        raise NotImplementedError

    def _ready(self, *files: int) -> list[int] | None:
        """Which files can be read; None when the wire is to end."""
        ready, _, _ = select.select([*files, self._stop_out], [], [])
        return None if self._stop_out in ready else ready

    def _serve(self, requests: list[R], write: Callable[[bytes], object]) -> None:
        for request in requests:
            self.requests.append(request)
            for chunk in self.react(request):
                write(chunk)


class TcpWire(Wire[R]):
    """One connection at a time, as the usual serial servers; `cut` ends it."""

    def __init__(self, react: Callable[[R], Chunks], ear: Callable[[], Ear[R]], port: int = 0) -> None:
        super().__init__(react, ear)
        self._listening = socket.create_server(("127.0.0.1", port))
        self.endpoint = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self._held: socket.socket | None = None
        self._refusing, self._refused = False, Event()

    def push(self, data: bytes) -> None:
        """Say something unasked; on loopback it has arrived when this returns."""
        assert self._held is not None
        self._held.sendall(data)

    def cut(self) -> None:
        if self._held is not None:
            with suppress(OSError):
                self._held.shutdown(socket.SHUT_RDWR)

    def refuse(self) -> None:
        """Once connected: end the connection and take no other. Returns when the port is closed."""
        self._refusing = True
        self.cut()
        assert self._refused.wait(10)

    def _run(self) -> None:
        going_on = True
        while going_on and not self._refusing and self._ready(self._listening.fileno()) is not None:
            self._held, _ = self._listening.accept()
            self.connections += 1
            with self._held:
                going_on = self._serve_connection(self._held)
        self._listening.close()
        self._refused.set()

    def _serve_connection(self, held: socket.socket) -> bool:
        held.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ear = self._ear()
        while True:
            if self._ready(held.fileno()) is None:
                return False
            try:
                data = held.recv(4096)
                if not data:
                    return True
                self._serve(ear(data), held.sendall)
            except OSError:
                return True


class PtyWire(Wire[R]):
    """The other end of a serial device."""

    def __init__(self, react: Callable[[R], Chunks], ear: Callable[[], Ear[R]]) -> None:
        super().__init__(react, ear)
        self._master, self._slave = os.openpty()
        tty.setraw(self._master)
        tty.setraw(self._slave)
        self.endpoint = os.ttyname(self._slave)

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        os.close(self._master)
        os.close(self._slave)

    def _run(self) -> None:
        ear = self._ear()
        while self._ready(self._master) is not None:
            self._serve(ear(os.read(self._master, 4096)), lambda chunk: os.write(self._master, chunk))


class Meters:
    """Meters as data: address -> {DI: the data bytes behind the DI}; what is not there is refused.

    Addresses read high digit first. A DI holds 8 digits (2007) or 4 (1997).
    """

    def __init__(self, values: Mapping[str, Mapping[str, bytes]]) -> None:
        self.values = {address: dict(items) for address, items in values.items()}

    def __call__(self, request: Frame) -> Chunks:
        reply = self.reply(request)
        return [] if reply is None else [encode(reply)]

    def reply(self, request: Frame) -> Frame | None:
        items = self.values.get(request.address)
        if items is None:
            return None
        if request.function not in (0x11, 0x01):
            return Frame(request.address, request.control | 0xC0, b"\x01")
        width = 4 if request.function == 0x11 else 2
        data = items.get(request.data[:width][::-1].hex().upper())
        if data is None:
            return Frame(request.address, request.control | 0xC0, b"\x02")
        return Frame(request.address, request.control | 0x80, request.data[:width] + data)


def byte_by_byte(chunks: Chunks) -> Iterator[bytes]:
    for chunk in chunks:
        for each in chunk:
            yield bytes((each,))


@contextmanager
def wire_of(kind: str, react: Reaction) -> Iterator[Wire[Frame]]:
    """A DL/T 645 wire of kind "tcp" or "serial"."""
    with TcpWire(react, dlt645_ear) if kind == "tcp" else PtyWire(react, dlt645_ear) as wire:
        yield wire


@dataclass(frozen=True, slots=True)
class Ask:
    """A Modbus read as it arrived; `tid` is None on RTU."""

    unit: int
    fc: int
    address: int
    count: int
    tid: int | None = None

    def answer(self, words: Sequence[int]) -> bytes:
        return self.framed(bytes((self.fc, 2 * len(words))) + struct.pack(f">{len(words)}H", *words))

    def refusal(self, code: int) -> bytes:
        return self.framed(bytes((self.fc | 0x80, code)))

    def framed(self, pdu: bytes) -> bytes:
        body = bytes((self.unit,)) + pdu
        if self.tid is None:
            return body + crc(body)
        return struct.pack(">HHH", self.tid, 0, len(body)) + body


def rtu_ear() -> Ear[Ask]:
    """Read requests have 8 bytes, and nothing else is ever sent to these wires."""
    held = bytearray()

    def hear(data: bytes) -> list[Ask]:
        held.extend(data)
        asks = [Ask(*parse_read_request(bytes(held[at : at + 8]))) for at in range(0, len(held) - 7, 8)]
        del held[: 8 * len(asks)]
        return asks

    return hear


def mbap_ear() -> Ear[Ask]:
    held = bytearray()

    def hear(data: bytes) -> list[Ask]:
        held.extend(data)
        asks = [_tcp_ask(bytes(held[at : at + 12])) for at in range(0, len(held) - 11, 12)]
        del held[: 12 * len(asks)]
        return asks

    return hear


def _tcp_ask(raw: bytes) -> Ask:
    tid, _, _, unit, fc, address, count = struct.unpack(">HHHBBHH", raw)
    return Ask(unit, fc, address, count, tid)


@contextmanager
def modbus_wire(kind: str, react: Callable[[Ask], Chunks]) -> Iterator[Wire[Ask]]:
    """A Modbus wire of kind "modbus-tcp" or "modbus-rtu"."""
    with TcpWire(react, mbap_ear) if kind == "modbus-tcp" else PtyWire(react, rtu_ear) as wire:
        yield wire
