"""From a gateway's message to stored readings and a `Stored`, in an order that loses nothing.

Write the readings, commit what came of the batch together with the work of the callbacks, and only then tell
the gateway: whatever dies in between, the gateway still has the batch and sends it again.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from cloud.fleet import gateways
from cloud.kit.clock import Clock
from cloud.kit.db import Database
from cloud.kit.errors import Invalid, NotFound
from cloud.metering import batches, dead_letters
from cloud.metering.batches import Arrival, Outcome
from cloud.metering.store import BatchOfReadings, ReadingStore, StoreFault, ms
from protocols.errors import MessageError
from protocols.mqtt import messages, topics
from protocols.mqtt.messages import Dropped, Health, Readings, Status, Stored
from protocols.readings import Reading

log = logging.getLogger(__name__)

AHEAD = timedelta(days=1)
"""How far ahead of our clock a reading may be dated: beyond it some clock is wrong."""
BEFORE = datetime(2000, 1, 1, tzinfo=UTC)

OnStored = Callable[[Connection, BatchOfReadings, Sequence[Reading]], None]
OnHealth = Callable[[Connection, Health, Health | None], None]
OnStatus = Callable[[Connection, Status], None]
OnDropped = Callable[[Connection, Dropped], None]
Own = TypeVar("Own", Readings, Dropped, Status, Health)


@dataclass(frozen=True, slots=True)
class Callbacks:
    """What the slices above do inside the transaction (`stored`, `health`, `status`, `dropped`) or after it.

    `health` gets the message before as well; `status` is called when a gateway turned on- or offline.
    `others` take, by topic, what is no matter of readings: (gateway, payload); MessageError buries it.
    """

    stored: Sequence[OnStored] = ()
    health: Sequence[OnHealth] = ()
    status: Sequence[OnStatus] = ()
    dropped: Sequence[OnDropped] = ()
    committed: Sequence[Callable[[BatchOfReadings], None]] = ()
    others: Mapping[str, Callable[[str, bytes], None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IngestState:
    """Counts since the start; `failing_since` and `fault` are set while nothing can be stored."""

    batches: int = 0
    readings: int = 0
    duplicates: int = 0
    dead_letters: int = 0
    dropped: int = 0
    faults: int = 0
    failing_since: datetime | None = None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Sorted:
    """A batch of which `readings` may be stored; `refused` says why others may not."""

    batch: BatchOfReadings
    refused: tuple[str, ...]


class Ingest:
    """`take` may be called from several threads. Its steps are methods, so that each can be tried alone."""

    def __init__(
        self,
        database: Database,
        store: ReadingStore,
        publish: Callable[[Stored], None],
        clock: Clock,
        callbacks: Callbacks | None = None,
        letters_bytes: int = dead_letters.MOST_BYTES,
    ) -> None:
        self.database, self.store, self.publish, self.clock = database, store, publish, clock
        self.callbacks, self.letters_bytes = callbacks or Callbacks(), letters_bytes
        self._state = IngestState()
        self._counting = Lock()

    @property
    def state(self) -> IngestState:
        return self._state

    def take(self, topic: str, payload: bytes, *, retained: bool = False) -> None:
        """Handle a message to its end; nothing a gateway can send makes this raise.

        When the store or the database fails, nothing is settled and the gateway will send it again.
        """
        try:
            self._take_or_bury(topic, payload, retained=retained)
        except (StoreFault, SQLAlchemyError) as fault:
            self._failed(fault)
        except Exception as bug:  # of a callback, say: seen in the state, and told by the caller
            self._failed(bug)
            raise

    def _take_or_bury(self, topic: str, payload: bytes, *, retained: bool) -> None:
        try:
            try:
                self._take(topic, payload, retained=retained)
            except MessageError as poison:
                self.bury(topic, payload, str(poison))
        except dead_letters.Full as full:
            self._hold_back(topic, str(full))

    def _hold_back(self, topic: str, why: str) -> None:
        """Settle nothing, so that the gateway keeps it, and tell operators once."""
        log.warning("nothing is settled on %r: %s", topic[:120], why)
        gateway = dead_letters.sender(topic)
        with self.database.write() as connection:
            if gateway is not None and gateways.known(connection, gateway):
                gateways.note(connection, gateway, gateways.LETTERS_FULL, why, self.clock.now())

    def _take(self, topic: str, payload: bytes, *, retained: bool) -> None:
        gateway, what = topics.parse_up(topic)
        self._require_known(gateway)
        if what == "readings":
            self.settle(gateway, topic, payload)
        elif what == "dropped":
            self.settle_dropped(_own(gateway, messages.decode(payload, Dropped)))
        elif what == "status":
            self._take_status(_own(gateway, messages.decode(payload, Status)), retained=retained)
        elif what == "health":
            self._take_health(_own(gateway, messages.decode(payload, Health)))
        elif take := self.callbacks.others.get(what):
            take(gateway, payload)
        else:
            raise MessageError(f"nothing of ours is called {what[:40]!r}")

    def _require_known(self, gateway: str) -> None:
        with self.database.read() as connection:
            if not gateways.known(connection, gateway):
                raise MessageError(f"gateway {gateway!r} is not in the registry")

    # readings: the three steps, in this order

    def settle(self, gateway: str, topic: str, payload: bytes) -> None:
        message = _own(gateway, messages.decode(payload, Readings))
        content = dead_letters.digest(payload)
        key = (gateway, message.epoch, message.seq)
        with self.database.read() as connection:
            seen = batches.arrival(connection, *key, content)
            sorted_ = self._sort(connection, message)
        if seen is Arrival.SAME:
            self._recovered(duplicates=1)
            self.tell(key)
            return
        if not sorted_.batch.readings:
            raise MessageError("; ".join(sorted_.refused))
        self.keep(sorted_.batch)
        self.commit(sorted_, topic, payload)
        self.tell(key)
        for told in self.callbacks.committed:
            told(sorted_.batch)

    def keep(self, batch: BatchOfReadings) -> None:
        """Step 1: the readings are durable when this returns."""
        self.store.write(batch)

    def commit(self, sorted_: Sorted, topic: str, payload: bytes) -> None:
        """Step 2: what came of the batch, and what the callbacks make of it, in one transaction."""
        batch, now = sorted_.batch, self.clock.now()
        key, content = (batch.gateway, batch.epoch, batch.seq), dead_letters.digest(payload)
        with self.database.write() as connection:
            seen = batches.arrival(connection, *key, content)
            if seen is Arrival.SAME:
                return  # another worker was faster
            if seen is Arrival.OTHER:
                detail = f"epoch {batch.epoch}: two different batches under one seq"
                gateways.note(connection, batch.gateway, gateways.EPOCH_REUSED, detail, now)
            self._commit(connection, sorted_, content, now)
            if sorted_.refused:
                why = "; ".join(sorted_.refused)
                dead_letters.bury(connection, topic, payload, why, now, key, self.letters_bytes)
        self._recovered(batches=1, readings=len(batch.readings), dead_letters=int(bool(sorted_.refused)))

    def _commit(self, connection: Connection, sorted_: Sorted, content: bytes, now: datetime) -> None:
        batch = sorted_.batch
        key = (batch.gateway, batch.epoch, batch.seq)
        batches.record(connection, key, Outcome.STORED, len(batch.readings), content, now)
        gateways.data_came(connection, batch.gateway, now)
        for work in self.callbacks.stored:
            work(connection, batch, batch.readings)

    def tell(self, key: tuple[str, str, int]) -> None:
        """Step 3: say what is settled, as the book has it."""
        gateway, epoch, seq = key
        with self.database.read() as connection:
            settled = batches.settled(connection, gateway, epoch, near=(seq,))
        if settled:
            self.publish(Stored(gateway=gateway, epoch=epoch, settled=settled))

    def _sort(self, connection: Connection, message: Readings) -> Sorted:
        """What is ours to store; a reading of another gateway's meter or another age is refused alone."""
        meters = gateways.meters_of(connection, message.gateway)
        latest = ms(self.clock.now() + AHEAD)
        good: list[Reading] = []
        refused: dict[str, None] = {}
        for row in message.readings:
            if row.meter not in meters:
                refused[f"meter {row.meter!r} is not one of gateway {message.gateway!r}"] = None
            elif not ms(BEFORE) <= row.at_ms <= latest:
                refused[f"meter {row.meter!r}: {row.at_ms} ms is no time to be believed"] = None
            else:
                good.append(messages.reading(row))
        batch = BatchOfReadings(message.gateway, message.epoch, message.seq, tuple(good))
        return Sorted(batch, tuple(refused))

    # everything else

    def settle_dropped(self, dropped: Dropped) -> None:
        """A gateway gave batches up at its disk cap: a gap that is known, and settled."""
        now = self.clock.now()
        with self.database.write() as connection:
            new = batches.record_dropped(connection, dropped, now)
            if new:
                gateways.heard(connection, dropped.gateway, now)
                for work in self.callbacks.dropped:
                    work(connection, dropped)
        self._count(dropped=int(new))
        self.tell((dropped.gateway, dropped.epoch, dropped.seqs[0][0]))

    def _take_status(self, status: Status, *, retained: bool) -> None:
        with self.database.write() as connection:
            turned = gateways.take_status(connection, status, self.clock.now(), retained=retained)
            if turned:
                for work in self.callbacks.status:
                    work(connection, status)

    def _take_health(self, health: Health) -> None:
        with self.database.write() as connection:
            before = gateways.take_health(connection, health, self.clock.now())
            for work in self.callbacks.health:
                work(connection, health, before)

    def bury(self, topic: str, payload: bytes, reason: str) -> None:
        """Put poison among the dead letters; where its batch can be told it is settled, and comes no more."""
        now, key = self.clock.now(), _settleable(topic, payload)
        with self.database.write() as connection:
            new = dead_letters.bury(connection, topic, payload, reason, now, key, self.letters_bytes)
            content = dead_letters.digest(payload)
            if key and batches.arrival(connection, *key, content) is Arrival.NEW:
                batches.record(connection, key, Outcome.DEAD_LETTERED, 0, content, now)
        if new:
            log.warning("dead letter on %r: %s", topic[:120], reason[:200])
        self._count(dead_letters=int(new))
        if key:
            self.tell(key)

    def replay(self, letter: int) -> int:
        """Try a dead letter again, now that its cause is mended; gives how many readings were stored."""
        with self.database.read() as connection:
            row = dead_letters.dead_letter(connection, letter)
            if row is None:
                raise NotFound(f"there is no dead letter {letter}")
            if row.seq is None:
                raise Invalid(f"dead letter {letter} has no batch to be replayed: its gateway still holds it")
            try:
                message = _own(row.gateway, messages.decode(row.payload, Readings))
            except MessageError as poison:
                raise Invalid(f"dead letter {letter} is still poison: {poison}") from None
            sorted_ = self._sort(connection, message)
        if sorted_.refused:
            raise Invalid(f"dead letter {letter} is still refused: {sorted_.refused[0]}", sorted_.refused)
        self.keep(sorted_.batch)
        with self.database.write() as connection:
            self._commit(connection, sorted_, dead_letters.digest(row.payload), self.clock.now())
            dead_letters.replayed(connection, letter, self.clock.now())
        return len(sorted_.batch.readings)

    def _count(self, **more: int) -> None:
        with self._counting:
            self._state = replace(
                self._state, **{name: getattr(self._state, name) + by for name, by in more.items()}
            )

    def _recovered(self, **more: int) -> None:
        self._count(**more)
        if self._state.fault is not None:
            log.warning("storing again")
            with self._counting:
                self._state = replace(self._state, failing_since=None, fault=None)

    def _failed(self, fault: Exception) -> None:
        log.error("nothing is settled: %s", fault)
        with self._counting:
            self._state = replace(
                self._state,
                faults=self._state.faults + 1,
                failing_since=self._state.failing_since or self.clock.now(),
                fault=str(fault)[:500],
            )


def _own(gateway: str, message: Own) -> Own:
    if message.gateway != gateway:
        raise MessageError(f"{message.gateway[:64]!r} speaks on the topic of {gateway!r}")
    return message


def _settleable(topic: str, payload: bytes) -> tuple[str, str, int] | None:
    """The batch a poisoned message stands for: always of the gateway whose topic it came on."""
    gateway = dead_letters.sender(topic)
    if gateway is None or topic != topics.up(gateway, "readings"):
        return None
    identity = messages.identity(payload)
    return None if identity is None else (gateway, identity[1], identity[2])
