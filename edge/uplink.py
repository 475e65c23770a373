"""The way to the cloud: one MQTT connection, QoS 1, clean sessions; the outbox remembers, not the broker.

MQTT 3.1.1 semantics throughout; version 5 is spoken where the broker offers it. Only the cloud's Stored
empties the outbox.
"""

import logging
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from random import Random
from typing import Final

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from edge.back_off import BackOff
from edge.clock import Clock, can_date
from edge.outbox import BatchKey, Outbox
from edge.outbox_file import StorageFault
from edge.settings import BrokerSettings, Settings
from edge.window import Window
from protocols.errors import MessageError
from protocols.mqtt import messages, topics

log = logging.getLogger(__name__)

ANSWER_S: Final = 10.0
"""How long the broker may take to answer a CONNECT or SUBSCRIBE."""
ANSWER_5_S: Final = 2.0
"""How long to wait for a broker that may not know version 5 at all, before trying 3.1.1."""
FAREWELL_S: Final = 1.0
TICK_S: Final = 0.25
WAITING: Final = 256
"""Words to say that may wait for a connection, the oldest forgotten first; who needs an answer asks again."""
_FIRST_RETRY_S: Final = 1.0
_LAST_RETRY_S: Final = 30.0
_VERSIONS: Final = {"5": MQTTProtocolVersion.MQTTv5, "3.1.1": MQTTProtocolVersion.MQTTv311}


class _Unreachable(Exception):
    """No session with the broker; the text is for the log."""


class _NotThisVersion(_Unreachable):
    """The broker may be well, but it does not speak this version of MQTT."""


@dataclass(frozen=True, slots=True)
class _Event:
    """Something paho's thread tells ours: connack, suback, puback, message or down."""

    kind: str
    mid: int = 0
    refusal: str = ""
    topic: str = ""
    payload: bytes = b""


class _Session:
    """One connection, made once and thrown away: nothing of it is taken over into the next."""

    def __init__(self, broker: BrokerSettings, username: str, client_id: str, version: str) -> None:
        self._may_not_know = version == "5" and broker.protocol == "auto"
        self.events: SimpleQueue[_Event | None] = SimpleQueue()
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
            _Event("connack", refusal=_refusal(code))
        )
        client.on_subscribe = lambda _client, _data, mid, codes, _properties: put(
            _Event("suback", mid, next(filter(None, map(_refusal, codes)), ""))
        )
        client.on_publish = lambda _client, _data, mid, code, _properties: put(
            _Event("puback", mid, _refusal(code))
        )
        client.on_message = lambda _client, _data, message: put(
            _Event("message", topic=message.topic, payload=bytes(message.payload))
        )
        client.on_disconnect = lambda _client, _data, _flags, code, _properties: put(
            _Event("down", refusal=str(code))
        )

    def leave_will(self, topic: str, will: bytes) -> None:
        """Before `open`: what the broker says for us when we vanish."""
        self._client.will_set(topic, will, qos=1, retain=True)

    def open(self, listen_topics: Sequence[str]) -> None:
        """Connect and subscribe; both are answered when this returns."""
        try:
            self._client.connect(self._broker.host, self._broker.port, self._broker.keepalive_s)
        except (OSError, ValueError) as error:
            raise _Unreachable(str(error)) from None
        self._client.loop_start()
        try:
            self._await("connack")
            self._client.subscribe([(topic, 1) for topic in listen_topics])
            self._await("suback")
        except _Unreachable:
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
            raise (_NotThisVersion if unsure else _Unreachable)("the broker does not answer") from None
        if event.refusal.startswith("Unsupported protocol") or (unsure and event.kind == "down"):
            raise _NotThisVersion("the broker does not speak this version of MQTT")
        if event.refusal:
            raise _Unreachable(event.refusal)

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


class Uplink:
    """Runs in a thread of its own; what others call here is short and never raises."""

    def __init__(self, settings: Settings, outbox: Outbox, clock: Clock, rng: Random | None = None) -> None:
        self._broker, self._gateway, self._username = settings.broker, settings.gateway, settings.username
        self._outbox, self._clock, self._rng = outbox, clock, rng or Random()
        self._window = Window(outbox, self._rng)
        self._retry = BackOff(_FIRST_RETRY_S, _LAST_RETRY_S, self._rng)
        self._declare_wait = BackOff(2.0, 60.0, self._rng)
        self._declare_s = 0.0
        self._version = "5" if self._broker.protocol == "auto" else self._broker.protocol
        self._is_window_open = False
        self._session: _Session | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="uplink", daemon=True)
        self.settled = 0
        """How often the cloud has settled batches that were made since the start: what an earlier run left
        proves nothing of this one."""
        self._left = BatchKey(outbox.epoch, outbox.last_seq)
        self._mids: dict[int, BatchKey] = {}
        self._health: messages.Health | None = None
        self._listeners: dict[str, Callable[[bytes], None]] = {"stored": self._stored}
        self._waiting: deque[tuple[str, bytes, bool]] = deque(maxlen=WAITING)
        self._retained: dict[str, bytes] = {}
        self._told_epoch = self._said = ""
        self._warned: set[str] = set()

    @property
    def connected(self) -> bool:
        return self._session is not None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Say goodbye to the broker if it is there, and end the thread; a hanging connect is left alone."""
        self._stopping.set()
        self.wake()
        if self._thread.ident is not None:
            self._thread.join(2 * FAREWELL_S)

    def wake(self) -> None:
        """There may be something to send."""
        if session := self._session:
            session.events.put(None)

    def publish_health(self, health: messages.Health) -> None:
        """Send it if there is a connection; the next one says more than an old one would."""
        self._health = health
        self.wake()

    def listen(self, what: str, callback: Callable[[bytes], None]) -> None:
        """Before `start`: `down/<what>` goes to the callback, in the uplink's thread; it only hands over."""
        self._listeners[what] = callback

    def say(self, what: str, payload: bytes, retain: bool = False) -> None:
        """Publish on `up/<what>` once there is a connection; what is retained, at each connect again."""
        if retain:
            self._retained[what] = payload
        self._waiting.append((what, payload, retain))
        self.wake()

    def delivered(self, key: BatchKey) -> None:
        """The broker has taken the batch: the cloud's answer is due from now on."""
        self._window.delivered(key, self._clock.monotonic_s())

    # -- connecting ---------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            session = self._connect()
            if session is None:
                self._stopping.wait(self._retry.next_s())
                continue
            self._retry.reset()
            try:
                self._serve(session)
            finally:
                self._session = None
                session.close()
            if not self._stopping.is_set():
                self._stopping.wait(self._retry.next_s())

    def _connect(self) -> _Session | None:
        try:
            return self._open_some()
        except (_Unreachable, OSError) as error:  # OSError: a secret's file cannot be read
            where = f"{self._broker.host}:{self._broker.port}"
            hint = "; check broker.username and password_file" if _is_refusal(error) else ""
            self._say(logging.WARNING, f"broker {where}: no connection ({error}){hint}; readings are kept")
            return None

    def _open_some(self) -> _Session:
        try:
            return self._open(self._version)
        except _NotThisVersion:
            if self._broker.protocol != "auto":
                raise
        session = self._open("3.1.1")
        self._version = "3.1.1"
        return session

    def _open(self, version: str) -> _Session:
        session = _Session(self._broker, self._username, self._gateway, version)
        listen = [topics.down(self._gateway, what) for what in self._listeners]
        session.leave_will(topics.up(self._gateway, "status"), self._status(online=False))
        session.open(listen)
        where = f"{self._broker.host}:{self._broker.port}"
        self._say(logging.INFO, f"broker {where}: connected as {self._username} (MQTT {version})")
        return session

    def _say(self, level: int, text: str) -> None:
        if text != self._said:
            log.log(level, text)
        self._said = text

    def _status(self, *, online: bool) -> bytes:
        now_ms = self._clock.now_ms()
        status = messages.Status(
            gateway=self._gateway,
            online=online,
            epoch=self._outbox.epoch,
            at_ms=now_ms if online and can_date(now_ms) else None,
        )
        return messages.encode(status)

    # -- one session --------------------------------------------------------------------------------------

    def _serve(self, session: _Session) -> None:
        self._mids.clear()
        self._told_epoch, self._declare_s = "", 0.0
        self._declare_wait.reset()
        self._is_window_open = False
        for what, payload in list(self._retained.items()):  # the broker may have lost it, or never had it
            self._waiting.append((what, payload, True))
        self._session = session
        while not self._stopping.is_set():
            self._tell(session)
            with suppress(StorageFault):  # the outbox has said so; it is tried again at the next round
                self._send(session)
            event = _next_event(session)
            if event and event.kind == "down":
                self._say(logging.WARNING, f"broker: connection lost ({event.refusal}); readings are kept")
                return
            with suppress(StorageFault):  # the cloud will be asked again after it works
                self._handle(event)
        session.say_farewell(topics.up(self._gateway, "status"), self._status(online=False))

    def _handle(self, event: _Event | None) -> None:
        if event is None:
            return
        if event.kind == "puback":
            key = self._mids.pop(event.mid, None)
            if event.refusal:
                self._warn_once(
                    "refused", f"the broker refuses what this gateway publishes ({event.refusal})"
                )
            elif key:
                self.delivered(key)
        elif event.kind == "message" and (listener := self._listeners.get(event.topic.rpartition("/")[2])):
            listener(event.payload)

    def _stored(self, payload: bytes) -> None:
        try:
            stored = _parse_stored(payload, self._gateway)
        except MessageError as error:
            self._warn_once("garbage", f"what came as Stored is none and is ignored: {error}")
            return
        if self._outbox.settle(stored):
            self.settled += self._is_of_this_run(stored)
            self._declare_wait.reset()
        self._window.settled(stored, self._clock.monotonic_s())

    def _is_of_this_run(self, stored: messages.Stored) -> bool:
        newest = max((last for _, last in stored.settled), default=0)
        return newest > (self._left.seq if stored.epoch == self._left.epoch else 0)

    def _tell(self, session: _Session) -> None:
        """Status and health; they need no storage, so that its failure can be told."""
        if self._told_epoch != self._outbox.epoch:
            self._told_epoch = self._outbox.epoch
            session.publish(topics.up(self._gateway, "status"), self._status(online=True), retain=True)
        if health := self._health:
            self._health = None
            session.publish(topics.up(self._gateway, "health"), messages.encode(health), qos=0)
        while self._waiting:
            what, payload, retain = self._waiting.popleft()
            payload = self._retained[what] if retain else payload
            session.publish(topics.up(self._gateway, what), payload, retain=retain)

    def _send(self, session: _Session) -> None:
        if not self._is_window_open:
            self._window.reopen()
            self._is_window_open = True
        now_s = self._clock.monotonic_s()
        for batch in self._window.next(now_s):
            mid = session.publish(topics.up(self._gateway, "readings"), batch.payload)
            self._mids[mid] = batch.key
        if now_s >= self._declare_s:
            self._declare(session, now_s)

    def _declare(self, session: _Session, now_s: float) -> None:
        declarations = self._outbox.declarations()
        for declaration in declarations:
            session.publish(topics.up(self._gateway, "dropped"), messages.encode(declaration))
        if not declarations:
            self._declare_wait.reset()
        self._declare_s = now_s + self._declare_wait.next_s()

    def _warn_once(self, about: str, text: str) -> None:
        if about not in self._warned:
            self._warned.add(about)
            log.warning("%s (said once)", text)


def greet(settings: Settings) -> str:
    """Log in and subscribe as the agent does, beside one that may run; why it was refused, or nothing."""
    version = "5" if settings.broker.protocol == "auto" else settings.broker.protocol
    try:
        try:
            _hello(settings, version)
        except _NotThisVersion:
            _hello(settings, "3.1.1")
    except (_Unreachable, OSError) as error:
        return str(error)
    return ""


def _hello(settings: Settings, version: str) -> None:
    session = _Session(settings.broker, settings.username, f"{settings.gateway}-doctor", version)
    try:
        session.open([topics.down(settings.gateway, "stored")])
    finally:
        session.close()


def _password(broker: BrokerSettings) -> str | None:
    try:
        return broker.password()
    except UnicodeDecodeError:
        raise _Unreachable(f"{broker.password_file} is not text") from None


def _parse_stored(payload: bytes, gateway: str) -> messages.Stored:
    stored = messages.decode(payload, messages.Stored)
    if stored.gateway != gateway:
        raise MessageError(f"it is for gateway {stored.gateway[:64]!r}")
    return stored


def _refusal(code: ReasonCode) -> str:
    return str(code) if code.is_failure else ""


def _next_event(session: _Session) -> _Event | None:
    try:
        return session.events.get(timeout=TICK_S)
    except Empty:
        return None


def _is_refusal(error: Exception) -> bool:
    return any(word in str(error).lower() for word in ("not authorized", "user name", "password", "banned"))
