"""One MQTT connection of the cloud: QoS 1, a clean session, acknowledged by hand only once handled.

It is made once and thrown away, and proves with a message of its own that its subscription delivers.
"""

import logging
import secrets
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from time import monotonic

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from cloud.fleet.broker import CLOUD, BrokerAddress, TlsFiles
from cloud.fleet.intake import DEPTH, Intake, Message
from protocols.errors import MessageError
from protocols.mqtt import messages, topics
from protocols.mqtt.messages import Probe

log = logging.getLogger(__name__)

ANSWER_S = 10.0
ANSWER_TO_5_S = 3.0
"""amqtt misreads a CONNECT of MQTT 5 with a password and waits for more: silence is its refusal."""
KEEPALIVE_S = 60
_MAX_UNSENT = 1000
_VERSIONS = {"5": MQTTProtocolVersion.MQTTv5, "3.1.1": MQTTProtocolVersion.MQTTv311}
SHARE = "$share/ingest/"
"""Before the filter where several processes share what gateways send."""
PROBE_AGAIN_S = 0.2
PROBE_TOPIC = topics.up(topics.PROBE_GATEWAY, "probe")


class LinkLost(Exception):
    """There is no connection, or none that delivers; the text is for people."""


class LinkRefused(LinkLost):
    """The broker is there and does not serve us: waiting will not mend it."""


class NotThisVersion(LinkLost):
    """The broker may be well, but it does not speak this version of MQTT."""


@dataclass(frozen=True, slots=True)
class Login:
    password: str
    username: str = CLOUD


@dataclass(frozen=True, slots=True)
class Event:
    """What the library's thread tells ours: connack, suback, probe or down."""

    kind: str
    refusal: str = ""
    nonce: str = ""


class Session:
    """One connection, made once and thrown away: nothing of it is taken over into the next."""

    def __init__(
        self, broker: BrokerAddress, login: Login, version: str, intake: Intake, *, shared: bool
    ) -> None:
        self.events: SimpleQueue[Event | None] = SimpleQueue()
        self._broker, self._intake, self._version = broker, intake, version
        self._shared = shared
        self._filter = f"{SHARE}{topics.ALL_UP}" if shared else topics.ALL_UP
        # one of many has a name of its own: a broker ends the connection of a name that comes again
        name = f"{login.username}-{secrets.token_hex(4)}" if shared else login.username
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            name,
            clean_session=None if version == "5" else True,
            protocol=_VERSIONS[version],
            reconnect_on_failure=False,
            manual_ack=True,
        )
        self._client.connect_timeout = ANSWER_S
        self._client.max_queued_messages_set(_MAX_UNSENT)
        self._client.username_pw_set(login.username, login.password)
        if broker.tls:
            self._encrypt(broker.tls)
        self._listen()

    def _encrypt(self, tls: TlsFiles) -> None:
        ca, cert, key = (str(file) if file else None for file in (tls.ca_file, tls.cert_file, tls.key_file))
        try:
            self._client.tls_set(ca, cert, key, tls_version=ssl.PROTOCOL_TLS_CLIENT)
        except (OSError, ValueError) as error:  # an SSLError is an OSError
            named = ", ".join(filter(None, (ca, cert, key)))
            raise LinkRefused(f"cannot be spoken to: broker.tls: one of {named}: {error}") from None

    def _listen(self) -> None:
        put, client = self.events.put, self._client
        client.on_connect = lambda _client, _data, _flags, code, _properties: put(
            Event("connack", _refusal(code))
        )
        client.on_subscribe = lambda _client, _data, _mid, codes, _properties: put(
            Event("suback", next(filter(None, map(_refusal, codes)), ""))
        )
        client.on_disconnect = lambda _client, _data, _flags, code, _properties: put(Event("down", str(code)))
        client.on_message = lambda _client, _data, message: self._take(message)

    def _take(self, message: MQTTMessage) -> None:
        """In the library's thread: while the intake is full, nothing more is read from the broker."""
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = "not UTF-8"
        if topic == PROBE_TOPIC:
            self._done(message)
            with suppress(MessageError):
                self.events.put(Event("probe", nonce=messages.decode(bytes(message.payload), Probe).nonce))
            return
        self._intake.offer(
            Message(topic, bytes(message.payload), message.retain, lambda: self._done(message))
        )

    def _done(self, message: MQTTMessage) -> None:
        self._client.ack(message.mid, message.qos)

    def open(self) -> None:
        """Connect and subscribe; both are answered when this returns."""
        properties = None
        if self._version == "5":
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.ReceiveMaximum = DEPTH
        try:
            self._client.connect(self._broker.host, self._broker.port, KEEPALIVE_S, properties=properties)
        except (OSError, ValueError) as error:
            raise LinkLost(f"cannot be reached: {error}") from None
        self._client.loop_start()
        connack = self._connack()
        if connack.refusal:
            raise LinkRefused(f"refuses us: {connack.refusal}")
        self.subscribe()

    def subscribe(self) -> None:
        """Again, if need be: a broker that knows it changes nothing, one that lost it has it back."""
        self._client.subscribe(self._filter, qos=1)
        suback = self._await("suback")
        if suback.refusal:
            raise LinkRefused(f"refuses the subscription {self._filter}: {suback.refusal}")

    def _connack(self) -> Event:
        if self._version != "5":
            return self._await("connack")
        event = self._next("connack", ANSWER_TO_5_S)
        if event is None or event.kind == "down" or event.refusal.startswith("Unsupported protocol"):
            raise NotThisVersion("does not speak MQTT 5")
        return event

    def prove(self, within_s: float) -> None:
        """Send a message that must come back through the subscription.

        A shared one gives it to any of those who share: it is sent again until one comes to us.
        """
        nonce = secrets.token_hex(8)
        deadline, again = monotonic() + within_s, 0.0
        while (now := monotonic()) < deadline:
            if now >= again:
                self._client.publish(PROBE_TOPIC, messages.encode(Probe(nonce=nonce)), qos=1)
                again = now + PROBE_AGAIN_S if self._shared else deadline
            event = self._next("probe", min(again, deadline) - now)
            if event is None:
                continue
            if event.kind == "down":
                raise LinkLost(f"closed the connection: {event.refusal}")
            if event.nonce == nonce:
                return
        raise LinkRefused(
            f"took the subscription {self._filter}, but within {within_s:g} s delivered nothing through it: "
            f"the user needs to read {topics.ALL_UP} and to write {PROBE_TOPIC}"
        )

    def _await(self, kind: str) -> Event:
        event = self._next(kind, ANSWER_S)
        if event is None:
            raise LinkLost("does not answer")
        return event

    def _next(self, kind: str, within_s: float) -> Event | None:
        """The next event of that kind, or that the connection is down; None when neither came."""
        deadline = monotonic() + within_s
        while (left := deadline - monotonic()) > 0:
            try:
                event = self.events.get(timeout=left)
            except Empty:
                return None
            if event is None:
                raise LinkLost("we are stopping")
            if event.kind in (kind, "down"):
                return event
        return None

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self._client.publish(topic, payload, qos=1, retain=retain)

    def close(self, *, farewell: bool = False) -> None:
        if farewell:
            self._client.disconnect()
        else:
            connection = self._client.socket()
            if isinstance(connection, socket.socket):
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self._client.loop_stop()


def _refusal(code: ReasonCode) -> str:
    return str(code) if code.is_failure else ""
