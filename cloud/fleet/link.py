"""The cloud's one way to its gateways: keeps a connection that was seen to deliver, and makes it anew.

It is proven at the start, after each reconnect, and from time to time. Acknowledging holds the broker back
and promises nothing; only `Stored` does.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from queue import Empty
from random import Random

from cloud.fleet.broker import BrokerAddress
from cloud.fleet.intake import DEPTH, Intake
from cloud.fleet.session import Event, LinkLost, LinkRefused, Login, NotThisVersion, Session
from cloud.kit.clock import Clock
from cloud.kit.errors import Invalid
from protocols.mqtt import messages, topics
from protocols.mqtt.messages import Stored

log = logging.getLogger(__name__)

FAREWELL_S = 5.0
_FIRST_RETRY_S = 0.5
_LAST_RETRY_S = 30.0


@dataclass(frozen=True, slots=True)
class LinkState:
    """`connected` means proven: what gateways send arrives here."""

    connected: bool
    since: datetime
    detail: str


class Link:
    """Keeps a proven connection; what others call here is short."""

    def __init__(
        self,
        broker: BrokerAddress,
        login: Login,
        intake: Intake,
        clock: Clock,
        on_state: Callable[[LinkState], None] = lambda _: None,
        *,
        prove_within_s: float = 10.0,
        prove_every_s: float = 60.0,
        rng: Random | None = None,
        shared: bool = False,
    ) -> None:
        self._shared = shared
        self._broker, self._login, self._intake, self._clock = broker, login, intake, clock
        self._on_state = on_state
        self._prove_within_s, self._prove_every_s = prove_within_s, prove_every_s
        self._rng = rng or Random()
        self._version = "3.1.1" if broker.protocol == "3.1.1" else "5"
        self._session: Session | None = None
        self._state = LinkState(False, clock.now(), "not started")
        self._stopping, self._renewal = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="link", daemon=True)

    @property
    def state(self) -> LinkState:
        return self._state

    def start(self) -> None:
        """Connect and prove; Invalid when the broker is there but does not serve us.

        A broker that cannot be reached is waited for in the background, and `state` says so.
        """
        self._intake.start()
        try:
            self._session = self._connect()
        except LinkRefused as refused:
            self._intake.stop(0)
            raise Invalid(f"broker {self._where}: {refused}") from None
        except LinkLost as lost:
            self._lost(lost)
        self._thread.start()

    def publish_stored(self, stored: Stored) -> None:
        """Without a connection it is not said: the gateway asks again by sending its batch again."""
        session = self._session
        if session is not None:
            session.publish(topics.down(stored.gateway, "stored"), messages.encode(stored))

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Whether there was a connection to say it on; that it arrived, only an answer proves."""
        session = self._session
        if session is None:
            return False
        session.publish(topic, payload, retain=retain)
        return True

    def renew(self) -> None:
        """Soon, subscribe again and prove it, for somebody misses what should come; else connect anew."""
        self._renewal.set()
        if session := self._session:
            session.events.put(Event("renew"))

    def stop(self) -> None:
        """Finish what was taken in, say so, and go."""
        self._stopping.set()
        self._intake.stop(FAREWELL_S)
        if session := self._session:
            session.events.put(None)
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        wait_s = _FIRST_RETRY_S
        while not self._stopping.is_set():
            try:
                wait_s = self._keep(wait_s)
            except Exception:  # without this thread no gateway would be heard again
                log.exception("the link failed and is made anew")
                self._drop(farewell=False)
            self._stopping.wait(wait_s * self._rng.uniform(0.5, 1.0))
            wait_s = min(wait_s * 2, _LAST_RETRY_S)
        self._drop(farewell=True)

    def _keep(self, wait_s: float) -> float:
        """One connection from its beginning to its end; how long to wait for the next."""
        try:
            if self._session is None:
                self._session = self._connect()
            wait_s = _FIRST_RETRY_S
            self._watch(self._session)
        except LinkLost as lost:
            self._drop(farewell=False)
            self._lost(lost)
        return wait_s

    def _drop(self, *, farewell: bool) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close(farewell=farewell)

    def _connect(self) -> Session:
        """A session that was seen to deliver."""
        try:
            session = self._open(self._version)
        except NotThisVersion as refused:
            if self._broker.protocol != "auto" or self._version == "3.1.1":
                raise LinkRefused(str(refused)) from None
            session = self._open("3.1.1")
            self._version = "3.1.1"
        self._became(connected=True, detail=f"proven, MQTT {self._version}")
        return session

    def _open(self, version: str) -> Session:
        session = Session(self._broker, self._login, version, self._intake, shared=self._shared)
        try:
            session.open()
            session.prove(self._prove_within_s)
        except BaseException:
            session.close()
            raise
        return session

    def _watch(self, session: Session) -> None:
        """Until it is lost; proven again from time to time, except while the intake holds the broker back."""
        while not self._stopping.is_set():
            if self._renewal.is_set() and self._intake.waiting < DEPTH:
                self._renewal.clear()
                session.subscribe()
                session.prove(self._prove_within_s)
                log.info("broker %s: subscribed again and proven", self._where)
            try:
                event = session.events.get(timeout=self._prove_every_s)
            except Empty:
                if self._intake.waiting < DEPTH:
                    session.prove(self._prove_within_s)
                continue
            if event is not None and event.kind == "down":
                raise LinkLost(f"connection lost: {event.refusal}")

    def _lost(self, lost: LinkLost) -> None:
        self._became(connected=False, detail=str(lost))

    def _became(self, *, connected: bool, detail: str) -> None:
        turned = self._state.connected != connected or self._state.detail == "not started"
        since = self._clock.now() if turned else self._state.since
        self._state = LinkState(connected, since, detail)
        if turned:
            log.log(logging.INFO if connected else logging.WARNING, "broker %s: %s", self._where, detail)
            self._on_state(self._state)

    @property
    def _where(self) -> str:
        return f"{self._broker.host}:{self._broker.port}"
