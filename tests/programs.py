"""The programs that tests start: where they are, and a free port for them."""

import os
import shutil
import socket
from pathlib import Path

import pytest

PLACES = ["/usr/sbin", "/usr/lib/postgresql/15/bin"]
APT = {
    "mosquitto": "mosquitto",
    "mosquitto_passwd": "mosquitto",
    "influxd": "influxdb",
    "mosquitto_sub": "mosquitto-clients",
    "postgres": "postgresql",
    "initdb": "postgresql",
    "chromium": "chromium",
    "mbpoll": "mbpoll",
    "socat": "socat",
    "openssl": "openssl",
}


def require_program(name: str) -> Path:
    """The path of a program that a test needs; without it a test is skipped, but in CI it fails."""
    found = shutil.which(name, path=os.pathsep.join(PLACES)) or shutil.which(name)
    if found:
        return Path(found)
    lacking = f"{name} is not installed: apt-get install {APT[name]}"
    if os.environ.get("CI"):
        pytest.fail(lacking)
    pytest.skip(lacking)


def free_port() -> int:
    """A loopback port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
