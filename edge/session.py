"""One MQTT connection of the gateway, and a greeting of the broker with one: the only importer of paho here.

MQTT 3.1.1 semantics throughout; version 5 is spoken where the broker offers it.
"""

import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Final

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from edge.settings import BrokerSettings, Settings
from protocols.mqtt import topics

ANSWER_S: Final = 10.0
"""How long the broker may take to answer a CONNECT or SUBSCRIBE."""
ANSWER_5_S: Final = 2.0
"""How long to wait for a broker that may not know version 5 at all, before trying 3.1.1."""
FAREWELL_S: Final = 1.0
TICK_S: Final = 0.25
_VERSIONS: Final = {"5": MQTTProtocolVersion.MQTTv5, "3.1.1": MQTTProtocolVersion.MQTTv311}


class Unreachable(Exception):
    """No session with the broker; the text is for the log."""


class NotThisVersion(Unreachable):
    """The broker may be well, but it does not speak this version of MQTT."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something paho's thread tells ours: connack, suback, puback, message or down."""

    kind: str
    mid: int = 0
    refusal: str = ""
    topic: str = ""
    payload: bytes = b""


class Session:
    """One connection, made once and thrown away: nothing of it is taken over into the next."""

    def __init__(self, broker: BrokerSettings, username: str, client_id: str, version: str) -> None:
        self._may_not_know = version == "5" and broker.protocol == "auto"
        self.events: SimpleQueue[Event | None] = SimpleQueue()
        self._broker = broker
        # Version 5 has clean_start instead, which the library asks for at a client's first connect.
        clean = None if version == "5" else True
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id,
            clean_session=clean,
            protocol=_VERSIONS[version],
            reconnect_on_failure=False,
        )
        self._client.connect_timeout = ANSWER_S
        self._client.username_pw_set(username, _password(broker))
        if broker.tls:
            files = broker.tls
            self._client.tls_set(
                str(files.ca_file),
                str(files.cert_file) if files.cert_file else None,
                str(files.key_file) if files.key_file else None,
                tls_version=ssl.PROTOCOL_TLS_CLIENT,
            )
        self._listen()

    def _listen(self) -> None:
        """paho calls these in its own thread; all they do is to hand over."""
        put, client = self.events.put, self._client
        client.on_connect = lambda _client, _data, _flags, code, _properties: put(
            Event("connack", refusal=_refusal(code))
        )
        client.on_subscribe = lambda _client, _data, mid, codes, _properties: put(
            Event("suback", mid, next(filter(None, map(_refusal, codes)), ""))
        )
        client.on_publish = lambda _client, _data, mid, code, _properties: put(
            Event("puback", mid, _refusal(code))
        )
        client.on_message = lambda _client, _data, message: put(
            Event("message", topic=message.topic, payload=bytes(message.payload))
        )
        client.on_disconnect = lambda _client, _data, _flags, code, _properties: put(
            Event("down", refusal=str(code))
        )

    def leave_will(self, topic: str, will: bytes) -> None:
        """Before `open`: what the broker says for us when we vanish."""
        self._client.will_set(topic, will, qos=1, retain=True)

    def open(self, listen_topics: Sequence[str]) -> None:
        """Connect and subscribe; both are answered when this returns."""
        try:
            self._client.connect(self._broker.host, self._broker.port, self._broker.keepalive_s)
        except (OSError, ValueError) as error:
            raise Unreachable(str(error)) from None
        self._client.loop_start()
        try:
            self._await("connack")
            self._client.subscribe([(topic, 1) for topic in listen_topics])
            self._await("suback")
        except Unreachable:
            self.close()
            raise

    def _await(self, kind: str) -> None:
        unsure = self._may_not_know and kind == "connack"
        patience_s = ANSWER_5_S if unsure else ANSWER_S
        try:
            event = self.events.get(timeout=patience_s)
            while event is None or event.kind not in (kind, "down"):
                event = self.events.get(timeout=patience_s)
        except Empty:
            raise (NotThisVersion if unsure else Unreachable)("the broker does not answer") from None
        if event.refusal.startswith("Unsupported protocol") or (unsure and event.kind == "down"):
            raise NotThisVersion("the broker does not speak this version of MQTT")
        if event.refusal:
            raise Unreachable(event.refusal)

    def next(self) -> Event | None:
        """What came, within a moment; None too where somebody woke us."""
        try:
            return self.events.get(timeout=TICK_S)
        except Empty:
            return None

    def publish(self, topic: str, payload: bytes, qos: int = 1, *, retain: bool = False) -> int:
        return self._client.publish(topic, payload, qos, retain).mid

    def say_farewell(self, topic: str, payload: bytes) -> None:
        """The last word of a clean stop; after it the broker sends no will."""
        with suppress(RuntimeError, ValueError):
            self._client.publish(topic, payload, 1, retain=True).wait_for_publish(FAREWELL_S)
        self._client.disconnect()

    def close(self) -> None:
        """Cut the connection, whatever is still under way on it."""
        connection = self._client.socket()
        if isinstance(connection, socket.socket):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._client.loop_stop()


def greet(settings: Settings) -> str:
    """Log in and subscribe as the agent does, beside one that may run; why it was refused, or nothing."""
    version = "5" if settings.broker.protocol == "auto" else settings.broker.protocol
    try:
        try:
            _hello(settings, version)
        except NotThisVersion:
            _hello(settings, "3.1.1")
    except (Unreachable, OSError) as error:
        return str(error)
    return ""


def _hello(settings: Settings, version: str) -> None:
    session = Session(settings.broker, settings.username, f"{settings.gateway}-doctor", version)
    try:
        session.open([topics.down(settings.gateway, "stored")])
    finally:
        session.close()


def _password(broker: BrokerSettings) -> str | None:
    try:
        return broker.password()
    except UnicodeDecodeError:
        raise Unreachable(f"{broker.password_file} is not text") from None


def _refusal(code: ReasonCode) -> str:
    return str(code) if code.is_failure else ""
