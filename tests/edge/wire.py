"""A wire that plays what it is told: a real TCP port or a real pseudo-terminal with a thread behind it.

The thread hands each request frame to a reaction and writes the chunks that come back, one by one.
"""

import os
import select
import socket
import tty
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Self

from protocols.dlt645.frame import Decoder, Frame, encode

Chunks = Iterable[bytes]
Reaction = Callable[[Frame], Chunks]


class Wire:
    """`requests` is what arrived, in order; `connections` how often the line was opened."""

    endpoint: str

    def __init__(self, react: Reaction) -> None:
        self.react = react
        self.requests: list[Frame] = []
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

    def _serve(self, data: bytes, decoder: Decoder, write: Callable[[bytes], object]) -> None:
        for request in decoder.feed(data):
            self.requests.append(request)
            for chunk in self.react(request):
                write(chunk)


class TcpWire(Wire):
    """One connection at a time, as the usual serial servers; `cut` ends it."""

    def __init__(self, react: Reaction) -> None:
        super().__init__(react)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self._held: socket.socket | None = None
        self._refusing, self._refused = False, Event()

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
        decoder = Decoder()
        while True:
            if self._ready(held.fileno()) is None:
                return False
            try:
                data = held.recv(4096)
                if not data:
                    return True
                self._serve(data, decoder, held.sendall)
            except OSError:
                return True


class PtyWire(Wire):
    """The other end of a serial device."""

    def __init__(self, react: Reaction) -> None:
        super().__init__(react)
        self._master, self._slave = os.openpty()
        tty.setraw(self._master)
        tty.setraw(self._slave)
        self.endpoint = os.ttyname(self._slave)

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        os.close(self._master)
        os.close(self._slave)

    def _run(self) -> None:
        decoder = Decoder()
        while self._ready(self._master) is not None:
            self._serve(os.read(self._master, 4096), decoder, lambda chunk: os.write(self._master, chunk))


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


def bcd(digits: str) -> bytes:
    """Digits as a meter sends them: BCD, low byte first."""
    return bytes.fromhex(digits)[::-1]


def byte_by_byte(chunks: Chunks) -> Iterator[bytes]:
    for chunk in chunks:
        for each in chunk:
            yield bytes((each,))


@contextmanager
def wire_of(kind: str, react: Reaction) -> Iterator[Wire]:
    """A wire of kind "tcp" or "serial"."""
    with TcpWire(react) if kind == "tcp" else PtyWire(react) as wire:
        yield wire
