"""A month without a link: does it fit the outbox, how fast does it drain, and do live readings wait for it?

Real parts: the gateway's outbox and uplink, mosquitto, and `wattpost cloud run` with its SQLite store, which
settles what it has stored. The peer is a bare paho-mqtt loop that publishes the same payloads to the same
broker, QoS 1, and waits for the broker alone.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from cloud.demo.prepare import free_port
from cloud.demo.programs import Program, python
from cloud.fleet.registry import import_registry
from cloud.kit.db import Database
from cloud.settings import load
from edge.clock import SystemClock
from edge.metrics import bytes_written
from edge.outbox import Outbox
from edge.settings import Settings
from edge.uplink import Uplink
from protocols.mqtt import topics
from protocols.mqtt.messages import Stored
from protocols.readings import Reading, Source
from tests.mosquitto import Mosquitto
from tests.programs import require_program

METERS, INTERVAL_S, DAYS, BATCH = 500, 900, 30, 200
SLOW_METERS = 60
GATEWAY, CAP_BYTES = "gw-a01", 1 << 30
WINDOW_S, LIVE_EVERY_S, PEER_BATCHES = 60.0, 1.0, 500
MIB: Final = 1 << 20


def run(say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    with TemporaryDirectory(prefix="wattpost-drain-") as folder, ExitStack() as open_:
        root = Path(folder)
        outbox = Outbox(root / "outbox.db", GATEWAY, SystemClock(), CAP_BYTES)
        open_.callback(outbox.close)
        say(f"{METERS} meters, a reading each {INTERVAL_S} s, {DAYS} days without a link")
        yield _fill(outbox, root)
        broker = open_.enter_context(closing(_Broker(root)))
        say("one day of 60 meters on a slow line: a batch of two every few seconds, settled at once")
        yield _wear(root)
        say(f"the peer publishes {PEER_BATCHES} of these batches")
        yield _peer(broker.port, broker.secret(GATEWAY).read_text().strip(), outbox)
        open_.enter_context(closing(_Cloud(root, broker)))
        say(f"draining for {WINDOW_S:.0f} s, with a live reading each {LIVE_EVERY_S:.0f} s")
        yield _drain(broker, outbox)


def _fill(outbox: Outbox, root: Path) -> dict[str, Any]:
    """Slot by slot, as the agent commits them."""
    rng, began_s, before = Random(7), time.monotonic(), bytes_written() or 0
    energies = [rng.randrange(10**7) for _ in range(METERS)]
    first_ms = SystemClock().now_ms() - DAYS * 86_400_000
    for slot in range(DAYS * 86_400 // INTERVAL_S):
        at_ms = first_ms + slot * INTERVAL_S * 1000
        readings = [_reading(meter, at_ms + meter * 120, energies, rng) for meter in range(METERS)]
        for start in range(0, METERS, BATCH):
            outbox.append(readings[start : start + BATCH])
    taken_s = time.monotonic() - began_s
    size = sum(file.stat().st_size for file in root.glob("outbox.db*"))
    count = outbox.backlog().readings
    return {
        "tool": "wattpost", "what": "fill", "readings": count, "outbox_mib": size / MIB,
        "cap_mib": CAP_BYTES / MIB, "days_until_full": DAYS * CAP_BYTES / size,
        "bytes_per_reading": size / count, "accepted_per_second": count / taken_s,
        "written_mib_per_day": ((bytes_written() or 0) - before) / DAYS / MIB,
    }  # fmt: skip


def _wear(root: Path) -> dict[str, Any]:
    """What a day of small batches has the disk write, the deletion of what is settled included."""
    outbox = Outbox(root / "wear.db", GATEWAY, SystemClock(), CAP_BYTES)
    rng, energies, before = Random(9), [10**6] * METERS, bytes_written() or 0
    with closing(outbox):
        for number in range(SLOW_METERS * 86_400 // INTERVAL_S // 2):
            at_ms = SystemClock().now_ms()
            pair = [
                _reading((2 * number + each) % SLOW_METERS, at_ms + each, energies, rng) for each in (0, 1)
            ]
            key = outbox.append(pair)
            outbox.settle(Stored(gateway=GATEWAY, epoch=key.epoch, settled=[(key.seq, key.seq)]))
    written = (bytes_written() or 0) - before
    return {"tool": "wattpost", "what": "wear", "meters": SLOW_METERS, "written_mib_per_day": written / MIB}


def _reading(meter: int, at_ms: int, energies: list[int], rng: Random) -> Reading:
    """What a single-phase meter with four bands says."""
    power_w = rng.randrange(30, 3000)
    energies[meter] += power_w // 4
    energy = energies[meter]
    values = {
        "energy_import_wh": energy, "energy_import_t1_wh": energy // 10, "energy_import_t2_wh": energy // 4,
        "energy_import_t3_wh": energy // 3, "energy_import_t4_wh": energy // 5, "energy_export_wh": 0,
        "voltage_l1_v": rng.randrange(2200, 2400) / 10, "current_l1_a": power_w // 23 / 10,
        "power_w": float(power_w), "power_factor": rng.randrange(900, 1000) / 1000,
        "frequency_hz": rng.randrange(4998, 5003) / 100,
    }  # fmt: skip
    return Reading(_name(meter), at_ms, Source.POLLED, values)


def _name(meter: int) -> str:
    return f"M-{meter:03}"


class _Broker(Mosquitto):
    def __init__(self, root: Path) -> None:
        (root / "broker").mkdir()
        program, passwd = require_program("mosquitto"), require_program("mosquitto_passwd")
        super().__init__(root / "broker", program, passwd, free_port(), (GATEWAY, "cloud"))

    def secret(self, user: str) -> Path:
        return self.password_file(user)

    def close(self) -> None:
        self.stop()


class _Cloud:
    """`wattpost cloud run` with the gateway and its meters in the registry."""

    def __init__(self, root: Path, broker: _Broker) -> None:
        data = root / "cloud"
        data.mkdir(mode=0o700)
        config = root / "cloud.toml"
        config.write_text(
            f'data_dir = "{data}"\n[http]\nport = {free_port()}\n[broker]\nkind = "external"\n'
            f'host = "127.0.0.1"\nport = {broker.port}\npassword_file = "{broker.secret("cloud")}"\n'
        )
        with closing(Database(load(config).records_url)) as database:
            database.migrate()
            with database.write() as connection:
                import_registry(connection, _registry())
        self._program = Program(
            "cloud", [*python("cloud"), "run", "--config", str(config)], root / "cloud.log"
        )
        self._program.start()

    def close(self) -> None:
        self._program.stop()


def _registry() -> dict[str, Any]:
    meters = [
        {"id": _name(meter), "address": f"{meter:012}", "model": "dlt645-2007-1p", "area": "A01",
         "gateway": GATEWAY, "line": "north", "phase": "l1", "interval_s": INTERVAL_S}
        for meter in range(METERS)
    ]  # fmt: skip
    return {
        "area": [{"id": "A01", "name": "A01", "feeder": "F01"}],
        "gateway": [{"id": GATEWAY, "name": GATEWAY}],
        "meter": meters,
    }


def _drain(broker: _Broker, outbox: Outbox) -> dict[str, Any]:
    uplink = Uplink(_settings(broker, outbox), outbox, SystemClock())
    before = outbox.backlog().readings
    uplink.start()
    try:
        _await(lambda: outbox.backlog().readings < before, 60)
        start, began_s = outbox.backlog().readings, time.monotonic()
        waits_s, sent = _live(outbox, uplink, began_s + WINDOW_S)
        drained = start + sent - outbox.backlog().readings
        took_s = time.monotonic() - began_s
    finally:
        uplink.stop()
    return {
        "tool": "wattpost", "what": "drain", "store": "sqlite", "readings_per_second": drained / took_s,
        "live_median_s": median(waits_s), "live_longest_s": max(waits_s), "live_readings": len(waits_s),
        "month_drains_in_min": before / (drained / took_s) / 60,
    }  # fmt: skip


def _live(outbox: Outbox, uplink: Uplink, until_s: float) -> tuple[list[float], int]:
    """How long each live reading waits for the cloud's `Stored`, and how many there were."""
    rng, energies, waits_s, pause = Random(8), [10**8] * METERS, [], threading.Event()
    number = 0
    while time.monotonic() < until_s:
        outbox.append([_reading(number % METERS, SystemClock().now_ms(), energies, rng)])
        mine, asked_s = outbox.newest_id(), time.monotonic()
        uplink.wake()
        number += 1
        _await(lambda mine=mine: outbox.batch(mine) is None, 60)  # type: ignore[misc]
        waits_s.append(time.monotonic() - asked_s)
        pause.wait(max(0.0, LIVE_EVERY_S - waits_s[-1]))
    return waits_s, number


def _settings(broker: _Broker, outbox: Outbox) -> Settings:
    meter = {"id": "M-000", "model": "dlt645-2007-1p", "address": "000000000001"}
    return Settings.model_validate(
        {
            "gateway": GATEWAY,
            "data_dir": "/nonexistent",
            "broker": {
                "host": "127.0.0.1",
                "port": broker.port,
                "password_file": str(broker.secret(GATEWAY)),
            },
            "line": [{"name": "north", "kind": "tcp", "endpoint": "127.0.0.1:9", "meter": [meter]}],
        }
    )


def _peer(port: int, password: str, outbox: Outbox) -> dict[str, Any]:
    """paho alone: as many batches as fast as the broker acknowledges them. Nothing is stored anywhere."""
    batches = outbox.unsettled(PEER_BATCHES)
    client = mqtt.Client(CallbackAPIVersion.VERSION2, "bench-peer")
    client.username_pw_set(GATEWAY, password)
    client.max_inflight_messages_set(32)
    client.connect("127.0.0.1", port)
    client.loop_start()
    began_s = time.monotonic()
    topic = topics.up(GATEWAY, "readings")
    sent = [client.publish(topic, batch.payload, qos=1) for batch in batches]
    for each in sent:
        each.wait_for_publish(60)
    took_s = time.monotonic() - began_s
    client.disconnect()
    client.loop_stop()
    count = sum(batch.readings for batch in batches)
    return {"tool": "paho-mqtt", "what": "publish only", "readings_per_second": count / took_s}


def _await(done: Callable[[], bool], seconds: float) -> None:
    deadline_s, pause = time.monotonic() + seconds, threading.Event()
    while not done():
        if time.monotonic() > deadline_s:
            raise SystemExit(f"drain: nothing more was stored within {seconds:.0f} s")
        pause.wait(0.005)
