"""Which broker this process runs: a mosquitto child, the embedded one, or none because it has one."""

import os
import shutil
from pathlib import Path
from typing import Literal

from cloud.fleet.broker import Broker
from cloud.fleet.broker_mosquitto import ManagedMosquitto
from cloud.kit.errors import Invalid

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def choose(
    kind: Literal["auto", "embedded", "mosquitto", "external"], data_dir: Path, host: str, port: int
) -> Broker | None:
    """The broker to run, None for an external one; `auto` is mosquitto where it is installed, port 0 any."""
    if kind == "external":
        return None
    if host not in LOOPBACK:
        raise Invalid(f"broker.host {host!r}: our own broker listens on loopback only; use kind = external")
    program = find_mosquitto()
    if kind == "embedded" or (kind == "auto" and program is None):
        from cloud.fleet.broker_amqtt import EmbeddedBroker  # slow to load, and only here wanted

        return EmbeddedBroker(port)
    if program is None:
        raise Invalid("broker.kind is mosquitto, but it is not installed: apt-get install mosquitto")
    return ManagedMosquitto(program, data_dir / "mosquitto", port)


def find_mosquitto() -> Path | None:
    found = shutil.which("mosquitto", path=os.pathsep.join(("/usr/sbin", "/usr/local/sbin", os.defpath)))
    return Path(found) if found else None
