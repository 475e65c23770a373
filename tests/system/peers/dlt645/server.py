"""Be a meter with the PyPI package dlt645 3.2.0; runs in that package's own environment.

Arguments: address as people read it, and perhaps a serial device. Prints one JSON object with its port, then
answers until it is ended.
The package puts an address on the wire in the order of its text, so it is handed over low byte first.
"""

import json
import socket
import sys
import threading

from dlt645 import MeterServerService
from loguru import logger

VALUES_00 = {0x00010000: 2149.4, 0x00010100: 530.4, 0x00020000: 1.2}
VALUES_02 = {
    0x02010100: 230.1, 0x02010200: 230.2, 0x02020100: 1.5, 0x02030000: 0.345, 0x02060000: 0.99,
    0x02800002: 50.01,
}  # fmt: skip


BAUD = 9600


def main() -> None:
    logger.remove()
    if len(sys.argv) > 2:
        port = sys.argv[2]
        service = MeterServerService.new_rtu_server(port, 8, 1, BAUD, "N", 0.1)  # a pty has no parity
    else:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        service = MeterServerService.new_tcp_server("127.0.0.1", port, 3000)
    service.set_address(bytes.fromhex(sys.argv[1])[::-1].hex())
    for di, value in VALUES_00.items():
        service.set_00(di, value)
    for di, value in VALUES_02.items():
        service.set_02(di, value)
    threading.Thread(target=service.server.start, daemon=True).start()
    print(json.dumps({"port": port}), flush=True)
    sys.stdin.read()


main()
