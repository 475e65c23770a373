"""Read meters over and over with the PyPI package dlt645 3.2.0; runs in that package's own environment.

Arguments: port, seconds, addresses as people read them. Prints one JSON object: the bytes that its exchanges
have on the wire, how many were answered, and how long they took.
"""

import json
import sys
import time

from dlt645 import MeterClientService
from loguru import logger

ITEMS = [
    (0x00010000, 4), (0x00010100, 4), (0x00020000, 4), (0x02010100, 2), (0x02010200, 2), (0x02010300, 2),
    (0x02020100, 3), (0x02030000, 3), (0x02060000, 2), (0x02800002, 2),
]  # fmt: skip
OVERHEAD, DI = 12, 4


def main() -> None:
    logger.remove()
    port, seconds, addresses = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]
    client = MeterClientService.new_tcp_client("127.0.0.1", port, 5.0)
    size, answers, failures = 0, 0, 0
    client.set_address(bytes.fromhex(addresses[0])[::-1].hex())
    client.read_00(0x00010000)
    began_s = time.monotonic()
    while time.monotonic() - began_s < seconds:
        for address in addresses:
            client.set_address(bytes.fromhex(address)[::-1].hex())
            for di, width in ITEMS:
                read = client.read_02 if di >> 24 == 2 else client.read_00
                if read(di) is None:
                    failures += 1
                else:
                    answers += 1
                    size += 2 * (4 + OVERHEAD + DI) + width
    taken_s = time.monotonic() - began_s
    print(json.dumps({"bytes": size, "answers": answers, "failures": failures, "taken_s": taken_s}))


main()
