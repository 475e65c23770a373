"""One agent polls Modbus TCP meters as fast as it can; the peer is a bare pymodbus loop on the same device.

A value counts when its batch is fsynced in the agent's outbox. The agent is `wattpost edge run` as a process
of its own, the device another; there is no broker, so nothing is sent.
"""

import asyncio
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from pymodbus.client import AsyncModbusTcpClient, ModbusTcpClient

from protocols.modbus.rtu import crc, read_request
from protocols.mqtt.messages import Readings, decode
from protocols.quantities import QUANTITIES, Kind
from protocols.readings import Value
from tests.bench.register_server import FLOATS, REGISTERS, WORDS

ROOT = Path(__file__).parents[2]
VALUES = len(FLOATS)
LINES, METERS = 16, 140
WARM_S, MEASURED_S = 6.0, 10.0
PEER_S = 4.0


def run(say: Callable[[str], None]) -> Iterable[dict[str, Any]]:
    with device() as ports:
        say("the bare pymodbus loops")
        bare = _sync_peer(ports[0], convert=False)
        peers = {
            "pymodbus_values_per_second": bare,
            "pymodbus_async_values_per_second": asyncio.run(_async_peer(ports[0])),
            "pymodbus_converting_values_per_second": _sync_peer(ports[0], convert=True),
        }
        say(f"the agent: {LINES} lines of {METERS} meters, {VALUES} values a request")
        found = _agent(ports)
    yield found | peers | {"share_of_bare_loop": found["values_per_second"] / bare}


@contextmanager
def device() -> Iterator[list[int]]:
    command = [sys.executable, "-m", "tests.bench.register_server", str(LINES)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        try:
            yield [int(port) for port in started.stdout.readline().split()]
        finally:
            started.terminate()


def _sync_peer(port: int, convert: bool) -> float:
    client = ModbusTcpClient("127.0.0.1", port=port)
    assert client.connect()  # type: ignore[no-untyped-call]
    reads, until_s, began_s = 0, time.perf_counter() + PEER_S, time.perf_counter()
    while time.perf_counter() < until_s:
        registers = client.read_input_registers(0, count=REGISTERS, device_id=1).registers
        if convert:
            client.convert_from_registers(registers, client.DATATYPE.FLOAT32)
        reads += 1
    took_s = time.perf_counter() - began_s
    client.close()  # type: ignore[no-untyped-call]
    return reads * VALUES / took_s


async def _async_peer(port: int) -> float:
    client = AsyncModbusTcpClient("127.0.0.1", port=port)
    await client.connect()
    reads, until_s, began_s = 0, time.perf_counter() + PEER_S, time.perf_counter()
    while time.perf_counter() < until_s:
        await client.read_input_registers(0, count=REGISTERS, device_id=1)
        reads += 1
    took_s = time.perf_counter() - began_s
    client.close()
    return reads * VALUES / took_s


def _agent(ports: list[int]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "meter.toml").write_text(model_text())
        (folder / "gateway.toml").write_text(gateway_text(ports))
        command = [sys.executable, str(ROOT / "wattpost.py"), "edge", "run", "--config", "gateway.toml"]
        with (
            (folder / "log").open("wb") as log,
            subprocess.Popen(command, cwd=folder, stdout=log, stderr=log) as agent,
        ):
            process = psutil.Process(agent.pid)
            _wait_for(folder / "outbox.db", agent, folder / "log")
            time.sleep(WARM_S)
            began_ms, began_cpu = time.time() * 1000, process.cpu_times()
            time.sleep(MEASURED_S)
            ended_ms, ended_cpu = time.time() * 1000, process.cpu_times()
            rss_mb = process.memory_info().rss / 1e6
            agent.send_signal(signal.SIGTERM)
            agent.wait(30)
        rate = _kept(folder / "outbox.db", began_ms, ended_ms)
    cpu_s = sum(ended_cpu[:2]) - sum(began_cpu[:2])
    return {
        "values_per_second": rate * VALUES,
        "readings_per_second": rate,
        "values_per_request": VALUES,
        "rss_mb": rss_mb,
        "cores": cpu_s / ((ended_ms - began_ms) / 1000),
    }


def _wait_for(file: Path, agent: "subprocess.Popen[bytes]", log: Path) -> None:
    until_s = time.monotonic() + 60
    while not file.exists():
        assert agent.poll() is None, log.read_text()
        assert time.monotonic() < until_s, "the agent did not start"
        time.sleep(0.05)


def _kept(file: Path, began_ms: float, ended_ms: float) -> float:
    """Readings a second in the batches that began in that time; one batch is opened and held to the truth."""
    with sqlite3.connect(file) as db:
        rows = db.execute("SELECT readings, oldest_at_ms, payload FROM batch ORDER BY id").fetchall()
    inside: list[tuple[int, int, bytes]] = [row for row in rows if began_ms <= row[1] < ended_ms]
    batch = decode(inside[len(inside) // 2][2], Readings)
    assert all(row.values == truth() for row in batch.readings)
    return sum(row[0] for row in inside) / ((inside[-1][1] - inside[0][1]) / 1000)


def truth() -> dict[str, Value]:
    return {name: round(value) if is_counter(name) else value for name, value in FLOATS.items()}


def is_counter(name: str) -> bool:
    return QUANTITIES[name].kind is Kind.COUNTER


def model_text() -> str:
    """A meter that has every quantity there is, each as a float32."""
    registers = "\n".join(
        f'    {{ quantity = "{name}", fc = 4, address = {2 * at}, type = "f32", '
        f'unit = "{QUANTITIES[name].unit}", side = "primary" }},'
        for at, name in enumerate(FLOATS)
    )
    body = bytes((1, 4, 2 * REGISTERS)) + WORDS
    values = "\n".join(f"values.{name} = {value!r}" for name, value in truth().items())
    return f"""
name = "meter"
maker = "tests"
protocol = "modbus"
phases = 3
sources = ["made up"]
register = [
{registers}
]
[serial]
baud = 9600
parity = "none"
[[golden]]
origin = "constructed"
source = "the device of this bench"
request = "{read_request(1, 4, 0, REGISTERS).hex(" ")}"
response = "{(body + crc(body)).hex(" ")}"
{values}
"""


def gateway_text(ports: list[int]) -> str:
    lines = "\n".join(
        f'[[line]]\nname = "l{line}"\nkind = "modbus-tcp"\nendpoint = "127.0.0.1:{port}"\n'
        + "\n".join(
            f'[[line.meter]]\nid = "m{line}-{unit}"\nunit = {unit}\nmodel = "./meter.toml"'
            for unit in range(1, METERS + 1)
        )
        for line, port in enumerate(ports)
    )
    return f"""
gateway = "gw-bench"
data_dir = "."
interval_s = 1
health_s = 300
[broker]
host = "127.0.0.1"
port = 1
[outbox]
batch_readings = 500
[memory]
enabled = false
{lines}
"""
