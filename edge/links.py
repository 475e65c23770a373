"""Who holds a line: one TCP connection or one serial device, and the bytes on it.

One thread owns a link. A line that is down is told by LinkDown at once; nothing here waits to try again.
"""

import errno
import os
import select
import socket
import termios
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

import serial

from edge.settings import LineSettings

CONNECT_S: Final = 5.0
KEEPALIVE_S: Final = 10
UNSENT_S: Final = 15
"""A gateway box that lost its power says no farewell: the kernel gives the connection up after this long."""
QUIET_S: Final = 0.06
"""A line without a byte for so long is quiet after an answer that was overdue."""
FLUSH_S: Final = 0.5
PARITIES: Final = {"none": serial.PARITY_NONE, "even": serial.PARITY_EVEN, "odd": serial.PARITY_ODD}
PSEUDO_TERMINALS: Final = range(136, 144)  # major device numbers of Linux
_READ_BYTES: Final = 4096


class NoReply(Exception):
    """The meter was asked and said nothing that answers: back off from this meter."""


class LinkDown(Exception):
    """There is no line to ask on: back off from the line and open it again later."""


class Interrupted(LinkDown):
    """The link was told to stop; nothing is known about line or meter."""


class Link(Protocol):
    """`read` gives what is there, b"" when nothing came in time; `discard` empties what came late.

    `heard_s`: when the last byte came, on time.monotonic(); `gap_s`: the quiet a request needs from there.
    """

    heard_s: float
    gap_s: float

    @property
    def connected(self) -> bool: ...

    def open(self) -> None: ...

    def close(self) -> None: ...

    def write(self, data: bytes) -> None: ...

    def read(self, timeout_s: float) -> bytes: ...

    def discard(self) -> int: ...

    def distrust(self) -> None:
        """An answer is overdue: see to it that it cannot be taken for the answer to a later request."""

    def set_speed(self, baud: int, parity: str) -> None:
        """For the next request; behind a network the serial server sets it."""

    def interrupt(self) -> None:
        """The one call another thread may make: whoever waits here stops waiting, for good."""


class _Waker:
    """A pipe that ends every wait at once; it is never emptied, so an interrupt is never missed."""

    def __init__(self) -> None:
        self._out, self._in = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def __del__(self) -> None:
        for each in (self._out, self._in):
            os.close(each)

    def interrupt(self) -> None:
        with suppress(BlockingIOError):
            os.write(self._in, b"!")

    def wait(self, file: int, events: int, timeout_s: float) -> bool:
        """Whether `file` became ready (or broke) in time; Interrupted when told to stop."""
        poll = select.poll()
        poll.register(file, events)
        poll.register(self._out, select.POLLIN)
        ready = [each for each, _ in poll.poll(max(0.0, timeout_s) * 1000)]
        if self._out in ready:
            raise Interrupted("told to stop")
        return file in ready


class TcpLink:
    """A transparent serial server or data terminal behind host:port."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._socket: socket.socket | None = None
        self._waker = _Waker()
        self.heard_s = self.gap_s = 0.0

    def __str__(self) -> str:
        return f"{self._host}:{self._port}"

    @property
    def connected(self) -> bool:
        return self._socket is not None

    def open(self) -> None:
        if self._socket is not None:
            return
        try:
            self._socket = self._first_that_answers()
        except (OSError, UnicodeError) as error:  # UnicodeError: a name that can be no host's
            raise LinkDown(f"{self}: cannot connect ({error})") from None

    def _first_that_answers(self) -> socket.socket:
        found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        for family, kind, protocol, _, address in found[:-1]:
            with suppress(OSError):
                return self._connect(socket.socket(family, kind, protocol), address)
        family, kind, protocol, _, address = found[-1]
        return self._connect(socket.socket(family, kind, protocol), address)

    def _connect(self, fresh: socket.socket, address: tuple[object, ...]) -> socket.socket:
        try:
            fresh.setblocking(False)
            code = fresh.connect_ex(address)
            if code == errno.EINPROGRESS:
                code = self._outcome(fresh)
            _raise(code)
            _notice_death(fresh)
        except BaseException:
            fresh.close()
            raise
        return fresh

    def _outcome(self, fresh: socket.socket) -> int:
        if not self._waker.wait(fresh.fileno(), select.POLLOUT, CONNECT_S):
            return errno.ETIMEDOUT
        return fresh.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def write(self, data: bytes) -> None:
        try:
            # A request is far smaller than a socket's buffer: a full one means nobody takes bytes there.
            self._held().sendall(data)
        except OSError as error:
            raise self._lost(f"cannot send ({error})") from None

    def read(self, timeout_s: float) -> bytes:
        held = self._held()
        if not self._waker.wait(held.fileno(), select.POLLIN, timeout_s):
            return b""
        try:
            data = held.recv(_READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise self._lost(f"connection broke ({error})") from None
        if not data:
            raise self._lost("the other side closed the connection")
        self.heard_s = time.monotonic()
        return data

    def discard(self) -> int:
        return _drain(self)

    def distrust(self) -> None:
        """A new connection: what is still under way on the old one ends with it."""
        self.close()
        self.open()

    def set_speed(self, baud: int, parity: str) -> None:
        pass

    def interrupt(self) -> None:
        self._waker.interrupt()

    def _held(self) -> socket.socket:
        if self._socket is None:
            raise LinkDown(f"{self}: not open")
        return self._socket

    def _lost(self, why: str) -> LinkDown:
        self.close()
        return LinkDown(f"{self}: {why}")


def _raise(code: int) -> None:
    if code:
        raise OSError(code, os.strerror(code))


def _notice_death(fresh: socket.socket) -> None:
    fresh.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    fresh.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", KEEPALIVE_S), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        fresh.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    fresh.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNSENT_S * 1000)


class SerialLink:
    """An RS-485 or infrared port; held alone, so that a second master on it is refused."""

    def __init__(self, device: str, baud: int = 2400, parity: str = "even") -> None:
        self._device, self._baud, self._wanted_parity = device, baud, parity
        self._port: serial.Serial | None = None
        self._waker = _Waker()
        self.heard_s = self.gap_s = 0.0

    def __str__(self) -> str:
        return self._device

    @property
    def connected(self) -> bool:
        return self._port is not None

    def open(self) -> None:
        if self._port is not None:
            return
        try:
            self._port = serial.Serial(
                self._device, self._baud, parity=self._parity(), timeout=0, write_timeout=2, exclusive=True
            )
        except (OSError, ValueError, termios.error) as error:
            raise LinkDown(f"{self}: cannot open ({error})") from None
        with suppress(OSError, ValueError, termios.error):
            self._port.set_low_latency_mode(True)  # else many USB adapters hold back what came for 16 ms

    def close(self) -> None:
        if self._port is not None:
            with suppress(OSError):
                self._port.close()
            self._port = None

    def write(self, data: bytes) -> None:
        try:
            self._held().write(data)
        except (OSError, serial.SerialException) as error:
            raise self._lost(f"cannot send ({error})") from None

    def read(self, timeout_s: float) -> bytes:
        held = self._held()
        if not self._waker.wait(held.fileno(), select.POLLIN, timeout_s):
            return b""
        try:
            data = os.read(held.fileno(), _READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise self._lost(f"device broke ({error})") from None
        if not data:
            raise self._lost("the device has gone")
        self.heard_s = time.monotonic()
        return data

    def discard(self) -> int:
        return _drain(self)

    def distrust(self) -> None:
        """Bytes on a wire cannot be called back: wait until the line is quiet."""
        end_s = time.monotonic() + FLUSH_S
        while time.monotonic() < end_s and self.read(QUIET_S):
            pass

    def set_speed(self, baud: int, parity: str) -> None:
        if (baud, parity) == (self._baud, self._wanted_parity):
            return
        self._baud, self._wanted_parity = baud, parity
        if self._port is None:
            return
        try:
            self._port.flush()  # what is being sent goes out at its own speed
            self._port.baudrate, self._port.parity = baud, self._parity()
        except (OSError, ValueError, termios.error) as error:
            raise self._lost(f"cannot be set to {baud} baud, parity {parity} ({error})") from None

    def interrupt(self) -> None:
        self._waker.interrupt()

    def _parity(self) -> str:
        """A pseudo-terminal has no parity, and refuses it from the second opening on."""
        device = Path(self._device).stat().st_rdev
        return serial.PARITY_NONE if os.major(device) in PSEUDO_TERMINALS else PARITIES[self._wanted_parity]

    def _held(self) -> serial.Serial:
        if self._port is None:
            raise LinkDown(f"{self}: not open")
        return self._port

    def _lost(self, why: str) -> LinkDown:
        self.close()
        return LinkDown(f"{self}: {why}")


def _drain(link: Link) -> int:
    """Throw away what is there now; how many bytes it was. A babbling line cannot hold us here."""
    thrown = 0
    for _ in range(64):
        late = link.read(0)
        if not late:
            break
        thrown += len(late)
    return thrown


def link_of(line: LineSettings) -> Link:
    """The link to a line as its settings tell; a device path is serial, host:port is TCP."""
    if line.is_network:
        return TcpLink(*line.host_port)
    return SerialLink(line.endpoint, line.baud, line.parity)
