"""What simulated meters take: memory and time to be ready, of one `wattpost sim run` with 1,000 and 10,000.

Memory is the whole process after every meter was read once and lived through an outage of its area; the
peer's is what its meters add to its own process, as it has a service and a port for each.
"""

import json
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

from firmware_sim import scenario
from firmware_sim.control import ask
from firmware_sim.scenario import Scenario
from firmware_sim.village import village
from protocols.dlt645.conversations import read_request
from protocols.dlt645.frame import Decoder, encode
from tests.peer_environments import peer_python

AREAS = {1_000: 50, 10_000: 500}
METERS_AN_AREA = 20
PEER_METERS = 20
_PEER = Path(__file__).parents[1] / "system" / "peers" / "dlt645" / "fleet.py"
_PATIENCE_S = 30


def run(say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    ours = [_ours(meters, say) for meters in AREAS]
    yield from ours
    say(f"{PEER_METERS} meters of the peer")
    peer = _peer()
    yield {**peer, "times_ours": peer["kilobytes_a_meter"] / ours[-1]["kilobytes_a_meter"]}


def _ours(meters: int, say: Callable[[str], None]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "village.toml"
        path.write_text(village(AREAS[meters], METERS_AN_AREA, 7), encoding="utf-8")
        command = [sys.executable, "-m", "firmware_sim", "run", str(path), "--state-dir", folder]
        say(f"{meters} meters")
        began_s = perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            ready_s = perf_counter() - began_s
            ready_mb = _megabytes(process.pid)
            _read_all(scenario.load(path), told)
            for area in ("A01", "A02"):
                for clear in (False, True):
                    ask(told["control"], told["token"], "area-out", area, clear)
            megabytes = _megabytes(process.pid)
        finally:
            process.terminate()
            process.wait(_PATIENCE_S)
    return {
        "tool": "wattpost",
        "meters": told["meters"],
        "megabytes": megabytes,
        "megabytes_when_ready": ready_mb,
        "ready_seconds": ready_s,
        "kilobytes_a_meter": megabytes * 1024 / told["meters"],
    }


def _read_all(known: Scenario, told: dict[str, Any]) -> None:
    """Ask every DL/T 645 meter on a TCP line for its total."""
    endpoints = {line["name"]: line["endpoint"] for line in told["lines"] if line["kind"] == "tcp"}
    for line, endpoint in endpoints.items():
        host, _, port = endpoint.rpartition(":")
        meters = [plan for plan in known.meters if plan.line == line]
        with socket.create_connection((host, int(port)), _PATIENCE_S) as connection:
            for plan in meters:
                old = known.models[plan.model].protocol == "dlt645-1997"
                request = read_request(plan.address, "9010" if old else "00010000", "1997" if old else "2007")
                connection.sendall(encode(request))
                _await_frame(connection)


def _await_frame(connection: socket.socket) -> None:
    decoder = Decoder()
    while not decoder.feed(connection.recv(4096)):
        pass


def _peer() -> dict[str, Any]:
    process = subprocess.Popen(
        [str(peer_python("dlt645")), str(_PEER), str(PEER_METERS)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
    finally:
        process.communicate(timeout=_PATIENCE_S)
    return {
        "tool": "dlt645 3.2.0",
        "meters": PEER_METERS,
        "megabytes": told["megabytes"],
        "ready_seconds": told["ready_seconds"],
        "kilobytes_a_meter": told["megabytes"] * 1024 / PEER_METERS,
    }


def _megabytes(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.split("VmRSS:")[1].split()[0]) / 1024
