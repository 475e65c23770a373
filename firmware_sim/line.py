"""A DL/T 645 line: many meters on one bus, reached over TCP (a serial server) or a pseudo-serial port.

One talks at a time: requests queue, and a reply takes its delay (and its air time when the line has a baud
rate). A cut bus stays open and says nothing; a line that is down refuses or hangs up.
"""

import asyncio
import os
import tty
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from firmware_sim.clock import Clock
from firmware_sim.dlt645_meter import Dlt645Meter
from firmware_sim.noise import Wire, collide
from firmware_sim.scenario import LinePlan, ScenarioError
from protocols.dlt645.frame import Decoder, Frame, encode

LOOPBACK = "127.0.0.1"
QUIET_S = 0.5
"""The longest gap between two bytes of one frame; what is older belongs to no frame."""
_BITS_A_BYTE = 11
_CHUNK = 4096


class Line(Protocol):
    plan: LinePlan
    wire: Wire
    cut: bool

    @property
    def endpoint(self) -> str:
        """Where a client reaches it: host:port or a device path."""
        ...

    async def open(self) -> None: ...

    async def close(self) -> None: ...


class Bus:
    """The meters of one line and what the wire carries back when a frame is sent to them."""

    __slots__ = ("_by_address", "_clock", "_meters")

    def __init__(self, meters: Sequence[Dlt645Meter], clock: Clock) -> None:
        self._meters = meters
        self._by_address = {meter.meter.address: meter for meter in meters}
        self._clock = clock

    def send(self, request: Frame) -> bytes:
        """All replies to a request as they arrive, laid over one another; empty when nobody answers."""
        one = self._by_address.get(request.address)
        now = self._clock.now_ms()
        answers = [meter.answer(request, now) for meter in ((one,) if one else self._meters)]
        replies = [encode(answer) for answer in answers if answer is not None]
        return collide(replies) if len(replies) > 1 else b"".join(replies)


class Conversation:
    """One client on a line: finds its frames and sends it what the bus says."""

    def __init__(self, line: "Dlt645Line", send: Callable[[bytes], None]) -> None:
        self._line = line
        self._send = send
        self._decoder = Decoder()
        self._heard_s = 0.0

    async def hear(self, data: bytes) -> None:
        now_s = asyncio.get_running_loop().time()
        frames = self._decoder.idle() if now_s - self._heard_s > QUIET_S else []
        self._heard_s = now_s
        if self._line.plan.echo and not self._line.cut:
            self._send(data)
        for frame in [*frames, *self._decoder.feed(data)]:
            await self._line.exchange(frame, self._send)


class Dlt645Line:
    """The part that a TCP and a serial line share."""

    def __init__(self, plan: LinePlan, bus: Bus, wire: Wire) -> None:
        self.plan = plan
        self.wire = wire
        self.cut = False
        self._bus = bus
        self._turn = asyncio.Lock()

    async def exchange(self, request: Frame, send: Callable[[bytes], None]) -> None:
        if self.cut:
            return
        async with self._turn:
            reply = self._bus.send(request)
            if wait_s := self._wait_s(request, reply):
                await asyncio.sleep(wait_s)
            carried = self.wire.carry(reply)
            if carried and not self.cut:
                send(carried)

    def _wait_s(self, request: Frame, reply: bytes) -> float:
        wait_s = self.plan.delay_ms / 1000 if reply else 0.0
        if self.plan.baud:
            wait_s += (len(encode(request)) + len(reply)) * _BITS_A_BYTE / self.plan.baud
        return wait_s


class TcpLine(Dlt645Line):
    """The line behind a serial server; several clients may be connected, each gets its own answers."""

    def __init__(self, plan: LinePlan, bus: Bus, wire: Wire) -> None:
        super().__init__(plan, bus, wire)
        self._server: asyncio.Server | None = None
        self._port = plan.port
        self._clients: set[asyncio.StreamWriter] = set()

    @property
    def endpoint(self) -> str:
        return f"{LOOPBACK}:{self._port}"

    async def open(self) -> None:
        if self._server is None:
            self._server = await listen(self.plan.name, self._serve, self._port)
            self._port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for client in tuple(self._clients):
            client.transport.abort()
        await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._server is None:  # it was accepted while the line went down
            writer.transport.abort()
            return
        self._clients.add(writer)
        conversation = Conversation(self, writer.write)
        try:
            while data := await reader.read(_CHUNK):
                await conversation.hear(data)
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass  # the client or the line has gone: there is nobody to tell
        finally:
            self._clients.discard(writer)
            writer.close()


class SerialLine(Dlt645Line):
    """The line as a pseudo-terminal. Down, it hangs up like a pulled adapter and comes back on a new path."""

    def __init__(self, plan: LinePlan, bus: Bus, wire: Wire, folder: Path) -> None:
        super().__init__(plan, bus, wire)
        self._link = folder / plan.link if plan.link else None
        self._master = self._slave = -1
        self._path = ""
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def endpoint(self) -> str:
        return str(self._link or self._path)

    async def open(self) -> None:
        if self._master >= 0:
            return
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self._path = os.ttyname(self._slave)
        if self._link:
            _point(self.plan.name, self._link, self._path)
        conversation = Conversation(self, self._write)
        asyncio.get_running_loop().add_reader(self._master, self._readable, conversation)

    async def close(self) -> None:
        if self._master < 0:
            return
        asyncio.get_running_loop().remove_reader(self._master)
        for task in tuple(self._tasks):
            task.cancel()
        os.close(self._master)
        os.close(self._slave)
        self._master = self._slave = -1
        if self._link:
            self._link.unlink(missing_ok=True)

    def _readable(self, conversation: Conversation) -> None:
        task = asyncio.get_running_loop().create_task(conversation.hear(os.read(self._master, _CHUNK)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _write(self, data: bytes) -> None:
        if self._master < 0:
            return
        with suppress(BlockingIOError):  # nobody reads and the buffer is full: lost, as on a wire
            os.write(self._master, data)


async def listen(
    name: str, serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], port: int
) -> asyncio.Server:
    """A loopback listener, or ScenarioError that says who wanted the port."""
    try:
        return await asyncio.start_server(serve, LOOPBACK, port)
    except OSError as error:
        raise port_taken(name, port, error.strerror or str(error)) from None


def port_taken(name: str, port: int, reason: str) -> ScenarioError:
    return ScenarioError(f"{name}: cannot listen on {LOOPBACK}:{port} ({reason}); choose another port, or 0")


def _point(name: str, link: Path, path: str) -> None:
    """Make `link` lead to the port. Only a link is ever replaced."""
    if link.exists() and not link.is_symlink():
        raise ScenarioError(f"line {name}: link {link} is a file already; name another path")
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(path)
