"""The way to the cloud: QoS 1, clean sessions; the outbox remembers, not the broker.

Only the cloud's Stored empties the outbox.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Final

from edge.back_off import BackOff
from edge.clock import Clock, can_date
from edge.outbox import BatchKey, Outbox
from edge.outbox_file import StorageFault
from edge.session import FAREWELL_S, Event, NotThisVersion, Session, Unreachable
from edge.settings import Settings
from edge.window import Window
from protocols.errors import MessageError
from protocols.mqtt import messages, topics

log = logging.getLogger(__name__)

WAITING: Final = 256
"""Words to say that may wait for a connection, the oldest forgotten first; who needs an answer asks again."""
_FIRST_RETRY_S: Final = 1.0
_LAST_RETRY_S: Final = 30.0


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
        self._session: Session | None = None
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

    def _connect(self) -> Session | None:
        try:
            return self._open_some()
        except (Unreachable, OSError) as error:  # OSError: a secret's file cannot be read
            where = f"{self._broker.host}:{self._broker.port}"
            hint = "; check broker.username and password_file" if _is_refusal(error) else ""
            self._say(logging.WARNING, f"broker {where}: no connection ({error}){hint}; readings are kept")
            return None

    def _open_some(self) -> Session:
        try:
            return self._open(self._version)
        except NotThisVersion:
            if self._broker.protocol != "auto":
                raise
        session = self._open("3.1.1")
        self._version = "3.1.1"
        return session

    def _open(self, version: str) -> Session:
        session = Session(self._broker, self._username, self._gateway, version)
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

    def _serve(self, session: Session) -> None:
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
            event = session.next()
            if event and event.kind == "down":
                self._say(logging.WARNING, f"broker: connection lost ({event.refusal}); readings are kept")
                return
            with suppress(StorageFault):  # the cloud will be asked again after it works
                self._handle(event)
        session.say_farewell(topics.up(self._gateway, "status"), self._status(online=False))

    def _handle(self, event: Event | None) -> None:
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

    def _tell(self, session: Session) -> None:
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

    def _send(self, session: Session) -> None:
        if not self._is_window_open:
            self._window.reopen()
            self._is_window_open = True
        now_s = self._clock.monotonic_s()
        for batch in self._window.next(now_s):
            mid = session.publish(topics.up(self._gateway, "readings"), batch.payload)
            self._mids[mid] = batch.key
        if now_s >= self._declare_s:
            self._declare(session, now_s)

    def _declare(self, session: Session, now_s: float) -> None:
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


def _parse_stored(payload: bytes, gateway: str) -> messages.Stored:
    stored = messages.decode(payload, messages.Stored)
    if stored.gateway != gateway:
        raise MessageError(f"it is for gateway {stored.gateway[:64]!r}")
    return stored


def _is_refusal(error: Exception) -> bool:
    return any(word in str(error).lower() for word in ("not authorized", "user name", "password", "banned"))
