"""A Modbus TCP device made for speed: the same registers (60 float32) whoever asks, whatever the unit.

It stands in for meters where pymodbus' own server would be the bottleneck: it looks at nothing but the
transaction, the unit and the count. `python -m tests.bench.register_server` N` listens on so many ports and
prints them.
"""

import asyncio
import re
import struct
import sys

from protocols.quantities import QUANTITIES

USUAL = {
    "Wh": 1000.0,
    "varh": 250.0,
    "VAh": 1000.0,
    "V": 230.125,
    "A": 4.5,
    "Hz": 50.0,
    "1": 0.875,
    "°C": 25.5,
    "s": 0.0,
}
"""What its registers hold, by the unit: nothing that is hard to believe, and whole in eighths, so exact."""
FLOATS = {
    name: 250.0 if re.search(r"_t\d_", name) else USUAL.get(quantity.unit, 900.25)
    for name, quantity in QUANTITIES.items()
}
REGISTERS = 2 * len(FLOATS)
WORDS = struct.pack(f">{len(FLOATS)}f", *FLOATS.values())


class Device(asyncio.Protocol):
    def __init__(self) -> None:
        self._held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        data = self._held + data
        while len(data) >= 12:
            unit, function, _, count = struct.unpack_from(">BBHH", data, 6)
            head = struct.pack(">HHBBB", 0, 3 + 2 * count, unit, function, 2 * count)
            self._transport.write(data[:2] + head + WORDS[: 2 * count])
            data = data[12:]
        self._held = data


async def serve(ports: int) -> None:
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(Device, "127.0.0.1", 0) for _ in range(ports)]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
