"""How a bus is reached: over TCP (a serial server) or a pseudo-serial port.

A cut bus stays open and says nothing; a line that is down refuses or hangs up.
"""

import asyncio
import os
import termios
import tty
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from firmware_sim.air import Party
from firmware_sim.bus import Bus, Client
from firmware_sim.noise import Wire
from firmware_sim.scenario import LinePlan, ScenarioError

LOOPBACK = "127.0.0.1"
_CHUNK = 4096
_INPUT_SPEED, _OUTPUT_SPEED = 4, 5
_RATES = {
    getattr(termios, f"B{rate}"): rate
    for rate in (300, 600, 1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200)
}


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


class BusLine:
    """The part that a TCP and a serial line share."""

    def __init__(self, plan: LinePlan, bus: Bus) -> None:
        self.plan = plan
        self.bus = bus
        self.wire = bus.wire

    @property
    def cut(self) -> bool:
        """The bus is cut: nothing goes over it any more."""
        return self.bus.cut

    @cut.setter
    def cut(self, cut: bool) -> None:
        self.bus.cut = cut

    def _join(self, send: Callable[[bytes], None]) -> Client:
        """A new client on the wires."""

        def hear(data: bytes, _at_s: float) -> None:
            send(bytes(byte ^ 0xFF for byte in data) if self.bus.swapped else data)

        client = Client(self.bus, Party(hear, self.plan.echo, self._misset))
        self.bus.clients.append(client.party)
        return client

    def _misset(self) -> bool:
        """Whether the client's port is set to another rate; over TCP nobody can tell."""
        return False

    def _leave(self, client: Client) -> None:
        self.bus.clients.remove(client.party)


class TcpLine(BusLine):
    """The line behind a serial server; several clients may be connected, each gets its own answers."""

    def __init__(self, plan: LinePlan, bus: Bus) -> None:
        super().__init__(plan, bus)
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
        self.bus.stop()
        server.close()
        for client in tuple(self._clients):
            client.transport.abort()
        await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._server is None:  # it was accepted while the line went down
            writer.transport.abort()
            return
        self._clients.add(writer)
        client = self._join(writer.write)
        try:
            while data := await reader.read(_CHUNK):
                await client.hear(data)
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass  # the client or the line has gone: there is nobody to tell
        finally:
            self._leave(client)
            self._clients.discard(writer)
            writer.close()


class SerialLine(BusLine):
    """The line as a pseudo-terminal. Down, it hangs up like a pulled adapter and comes back on a new path."""

    def __init__(self, plan: LinePlan, bus: Bus, folder: Path) -> None:
        super().__init__(plan, bus)
        self._link = folder / plan.link if plan.link else None
        self._master = self._slave = -1
        self._path = ""
        self._client: Client | None = None
        self._serving: asyncio.Task[None] | None = None
        self._heard: asyncio.Queue[bytes] = asyncio.Queue()

    @property
    def endpoint(self) -> str:
        return str(self._link or self._path)

    async def open(self) -> None:
        if self._master >= 0:
            return
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self._set_baud()
        os.set_blocking(self._master, False)
        self._path = os.ttyname(self._slave)
        if self._link:
            _point(self.plan.name, self._link, self._path)
        self._client = self._join(self._write)
        self._serving = asyncio.get_running_loop().create_task(self._serve(self._client))
        asyncio.get_running_loop().add_reader(self._master, self._readable)

    async def close(self) -> None:
        if self._master < 0:
            return
        asyncio.get_running_loop().remove_reader(self._master)
        self.bus.stop()
        if self._serving and self._client:
            self._serving.cancel()
            await asyncio.gather(self._serving, return_exceptions=True)
            self._leave(self._client)
        os.close(self._master)
        os.close(self._slave)
        self._master = self._slave = -1
        if self._link:
            self._link.unlink(missing_ok=True)

    def _readable(self) -> None:
        self._heard.put_nowait(os.read(self._master, _CHUNK))

    async def _serve(self, client: Client) -> None:
        while True:
            data = await self._heard.get()
            client.baud = self._port_baud()
            await client.hear(data)

    def _set_baud(self) -> None:
        """Who opens the port and sets nothing has it right."""
        rate = getattr(termios, f"B{self.plan.baud}", None)
        if rate is not None:
            settings = termios.tcgetattr(self._slave)
            settings[_INPUT_SPEED] = settings[_OUTPUT_SPEED] = rate
            termios.tcsetattr(self._slave, termios.TCSANOW, settings)

    def _port_baud(self) -> int | None:
        """What the client has set its end of the port to; it tells who on the bus can understand it."""
        if not self.plan.baud or self._master < 0:
            return None
        speed = termios.tcgetattr(self._master)[_OUTPUT_SPEED]
        return _RATES.get(speed)

    def _misset(self) -> bool:
        return self._port_baud() not in (None, self.plan.baud)

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
