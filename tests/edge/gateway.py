"""What tests of the gateway's transport share: a manual clock, readings, settings, the cloud's end."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from edge.settings import Settings
from protocols.mqtt import messages, topics
from protocols.mqtt.messages import ClockState
from protocols.readings import Reading, Source
from tests.mosquitto import Mosquitto

START_MS = 1_795_000_000_000
GATEWAY = "gw-a01"


class GatewayClock:
    """Wall time and time since boot, moved together or apart."""

    def __init__(self, now_ms: int = START_MS, boot: str = "boot-1") -> None:
        self.boot = boot
        self.wall_ms = now_ms
        self.boot_ns = 1_000_000_000

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.wall_ms / 1000, UTC)

    def now_ms(self) -> int:
        return self.wall_ms

    def since_boot_ns(self) -> int:
        return self.boot_ns

    def monotonic_s(self) -> float:
        return self.boot_ns / 1e9

    def state(self) -> ClockState:
        return ClockState.UNKNOWN

    def advance(self, seconds: float) -> None:
        self.wall_ms += int(seconds * 1000)
        self.boot_ns += int(seconds * 1e9)


def reading(number: int = 0, at_ms: int | None = None, meter: str | None = None) -> Reading:
    values = {"energy_import_wh": 1_000_000 + number, "voltage_l1_v": 230.5}
    at_ms = START_MS + number * 1000 if at_ms is None else at_ms
    return Reading(meter or f"M-{number % 10:03}", at_ms, Source.POLLED, values)


def readings(count: int, start: int = 0) -> list[Reading]:
    return [reading(start + number) for number in range(count)]


def stored(epoch: str, *ranges: tuple[int, int], gateway: str = GATEWAY) -> messages.Stored:
    return messages.Stored(gateway=gateway, epoch=epoch, settled=list(ranges))


def gateway_settings(folder: Path, port: int, password_file: Path | None, **more: object) -> Settings:
    """Settings of a gateway with one meter on a line that nobody serves."""
    meter = {"id": "M-000", "model": "dlt645-2007-3p", "address": "202107072529"}
    broker: dict[str, object] = {"host": "127.0.0.1", "port": port, "keepalive_s": 5}
    if password_file:
        broker["password_file"] = str(password_file)
    broker |= more.pop("broker", {})  # type: ignore[call-overload]
    line = {"name": "north", "kind": "tcp", "endpoint": "127.0.0.1:9", "meter": [meter]}
    raw = {"gateway": GATEWAY, "data_dir": str(folder / "data"), "broker": broker, "line": [line], **more}
    return Settings.model_validate(raw)


def until(condition: Callable[[], object], what: str, timeout_s: float = 20.0) -> None:
    """Wait for real threads and processes, boundedly."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(0.01)


class CloudEnd:
    """The cloud's user on the broker: it writes down what comes, and answers only when told to."""

    def __init__(self, broker: Mosquitto, *, answering: bool = False) -> None:
        self.seen: list[tuple[str, bytes, bool]] = []
        self.answering = answering
        self._ready = threading.Event()
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            "cloud-end",
            clean_session=True,
            protocol=MQTTProtocolVersion.MQTTv311,
        )
        self._client.username_pw_set("cloud", broker.password("cloud"))
        self._client.on_connect = lambda client, *_: client.subscribe(topics.ALL_UP, 1)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = lambda _client, _data, m: self._take(m.topic, bytes(m.payload), m.retain)
        self._client.connect(broker.host, broker.port, 30)
        self._client.loop_start()
        assert self._ready.wait(10)

    def _take(self, topic: str, payload: bytes, retained: bool) -> None:
        self.seen.append((topic.rpartition("/")[2], payload, retained))
        if self.answering and topic.endswith("/readings"):
            batch = messages.decode(payload, messages.Readings)
            self.settle(stored(batch.epoch, (batch.seq, batch.seq), gateway=batch.gateway))

    def settle(self, answer: messages.Stored) -> None:
        self.say(answer.gateway, messages.encode(answer))

    def say(self, gateway: str, payload: bytes) -> None:
        self.tell(gateway, "stored", payload)

    def tell(self, gateway: str, what: str, payload: bytes, *, retain: bool = False) -> None:
        self._client.publish(topics.down(gateway, what), payload, 1, retain)

    def payloads(self, what: str) -> list[bytes]:
        return [payload for kind, payload, _ in list(self.seen) if kind == what]

    def batches(self) -> list[messages.Readings]:
        return [messages.decode(payload, messages.Readings) for payload in self.payloads("readings")]

    def seqs(self) -> list[int]:
        return [batch.seq for batch in self.batches()]

    def statuses(self) -> list[messages.Status]:
        return [messages.decode(payload, messages.Status) for payload in self.payloads("status")]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
