"""Be many meters with the PyPI package dlt645 3.2.0; runs in that package's own environment.

Argument: how many. A service of the package is one meter on one port. Prints one JSON object: what they take.
"""

import json
import socket
import sys
import threading
import time
from pathlib import Path

from dlt645 import MeterServerService
from loguru import logger


def main() -> None:
    logger.remove()
    meters, before, began_s = int(sys.argv[1]), megabytes(), time.monotonic()
    ports = [serve(number) for number in range(meters)]
    for port in ports:
        wait_for(port)
    taken = {"ready_seconds": time.monotonic() - began_s, "megabytes": megabytes() - before}
    print(json.dumps(taken), flush=True)
    sys.stdin.read()


def serve(number: int) -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    service = MeterServerService.new_tcp_server("127.0.0.1", port, 3000)
    service.set_address(f"{number:012d}")
    service.set_00(0x00010000, 2149.4)
    service.set_02(0x02010100, 230.1)
    threading.Thread(target=service.server.start, daemon=True).start()
    return port


def wait_for(port: int) -> None:
    end_s = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > end_s:
                raise
            time.sleep(0.01)
        else:
            return


def megabytes() -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


main()
