"""Read a meter with the PyPI package dlt645 3.2.0; runs in that package's own environment.

Arguments: port or serial device, address as people read it. Prints one JSON object. The package puts an
address on the wire in the order of its text, so the address is handed over low byte first.
"""

import json
import sys

from dlt645 import MeterClientService
from loguru import logger


def main() -> None:
    logger.remove()
    port, address = sys.argv[1:3]
    if port.startswith("/"):
        client = MeterClientService.new_rtu_client(port, 9600, 8, 1, "N", 5.0)  # a pty has no parity
    else:
        client = MeterClientService.new_tcp_client("127.0.0.1", int(port), 5.0)
    client.set_address(_wire_order(address))
    found = client.read_address()
    told = {
        "address": _wire_order(found.value) if found else None,
        "energy_kwh": _value(client.read_00(0x00010000)),
        "voltage_v": _value(client.read_02(0x02010100)),
        "power_kw": _value(client.read_02(0x02030000)),
        "frequency_hz": _value(client.read_02(0x02800002)),
        "unknown": client.read_02(0x02070100) is None,
        "date": _value(client.read_04(0x04000101)),
    }
    print(json.dumps(told, default=str))


def _wire_order(address: str) -> str:
    return bytes.fromhex(address)[::-1].hex()


def _value(item: object) -> object:
    return None if item is None else item.value


main()
