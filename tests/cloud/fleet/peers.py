"""Clients of a real broker, and waiting for what they are to receive."""

from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from time import monotonic, sleep
from types import TracebackType
from typing import Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from cloud.fleet.broker import BrokerAddress

WITHIN_S = 15.0


def until(condition: Callable[[], object], what: str = "") -> None:
    """Wait for real processes and threads, within a bound."""
    deadline = monotonic() + WITHIN_S
    while not condition():
        assert monotonic() < deadline, what or "did not come true in time"
        sleep(0.01)


class Refused(Exception):
    """The broker did not let the client in."""


@dataclass
class Peer:
    """A client with a user's name; `got` holds what was delivered, as (topic, payload)."""

    broker: BrokerAddress
    user: str
    password: str | None
    client_id: str = ""
    will: tuple[str, bytes] | None = None
    clean: bool = True
    version: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv311
    got: list[tuple[str, bytes]] = field(default_factory=list)
    _connacks: "SimpleQueue[bool]" = field(default_factory=SimpleQueue)
    _subacks: "SimpleQueue[list[bool]]" = field(default_factory=SimpleQueue)

    def __enter__(self) -> Self:
        self.client = Client(
            CallbackAPIVersion.VERSION2,
            self.client_id or self.user,
            clean_session=None if self.version == MQTTProtocolVersion.MQTTv5 else self.clean,
            protocol=self.version,
            reconnect_on_failure=False,
        )
        if self.password is not None:
            self.client.username_pw_set(self.user, self.password)
        if self.will:
            self.client.will_set(self.will[0], self.will[1], qos=1)
        self.client.on_connect = lambda *args: self._connacks.put(not args[3].is_failure)
        self.client.on_disconnect = lambda *args: self._connacks.put(False)
        self.client.on_subscribe = lambda *args: self._subacks.put([not code.is_failure for code in args[3]])
        self.client.on_message = self._take
        try:
            self.client.connect(self.broker.host, self.broker.port, 30)
            self.client.loop_start()
            let_in = self._connacks.get(timeout=WITHIN_S)
        except (OSError, Empty):
            let_in = False
        if not let_in:
            self.client.loop_stop()
            raise Refused(self.user)
        return self

    def _take(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self.got.append((message.topic, bytes(message.payload)))

    def subscribe(self, topic: str) -> list[bool]:
        """What the SUBACK says; no proof of anything."""
        self.client.subscribe(topic, qos=1)
        return self._subacks.get(timeout=WITHIN_S)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self.client.publish(topic, payload, qos=1, retain=retain)

    @property
    def connected(self) -> bool:
        return self.client.is_connected()

    def cut(self) -> None:
        """End the connection as a power cut would: without a word."""
        connection = self.client.socket()
        assert connection is not None
        connection.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.disconnect()
        self.client.loop_stop()
