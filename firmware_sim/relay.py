"""A TCP relay between a gateway and its broker, so that a scenario can cut the gateway's uplink."""

import asyncio
from contextlib import suppress

from firmware_sim.line import LOOPBACK, listen

_CHUNK = 65_536


class Relay:
    """Down, it cuts what is connected and refuses; up again it listens on the same port."""

    def __init__(self, name: str, broker: str, port: int) -> None:
        host, _, broker_port = broker.rpartition(":")
        self.name, self.broker = name, broker
        self._broker = (host, int(broker_port))
        self._port = port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def endpoint(self) -> str:
        return f"{LOOPBACK}:{self._port}"

    async def open(self) -> None:
        if self._server is None:
            self._server = await listen(f"gateway {self.name}", self._serve, self._port)
            self._port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for writer in tuple(self._writers):
            writer.transport.abort()
        await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            broker_reader, broker_writer = await asyncio.open_connection(*self._broker)
        except OSError:
            writer.transport.abort()  # no broker: the gateway sees it as it would see it there
            return
        ends = (writer, broker_writer)
        if self._server is None:  # cut while it was being connected
            for end in ends:
                end.transport.abort()
            return
        self._writers.update(ends)
        try:
            pumps = (_pump(reader, broker_writer), _pump(broker_reader, writer))
            await asyncio.gather(*pumps)
        except asyncio.CancelledError:
            pass  # the simulator ends
        finally:
            self._writers.difference_update(ends)
            for end in ends:
                end.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One direction until either end goes; then the other direction has no use."""
    with suppress(ConnectionError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    writer.close()
