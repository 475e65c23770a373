"""From a gateway's message to stored readings and a `Stored`, in an order that loses nothing.

Write the readings, commit what came of the batch together with the work of the callbacks, and only then tell
the gateway: whatever dies in between, the gateway still has the batch and sends it again.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain
from threading import Lock
from typing import Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError

from cloud.fleet import gateways
from cloud.kit.clock import Clock
from cloud.kit.db import Database
from cloud.kit.errors import Invalid, NotFound
from cloud.metering import batches, dead_letters
from cloud.metering.batches import Arrival, Key, Outcome
from cloud.metering.sorting import Opened, Sorted, meters_of, opened, sort, taken
from cloud.metering.store import BatchOfReadings, ReadingStore, Refused, StoreFault
from protocols.errors import MessageError
from protocols.mqtt import messages, topics
from protocols.mqtt.messages import Dropped, Health, Status, Stored
from protocols.readings import Reading

log = logging.getLogger(__name__)

GROUP_BYTES = 32 * 1024 * 1024
"""What the messages settled together may be deflated to: a bound for memory."""

OnStored = Callable[[Connection, BatchOfReadings, Sequence[Reading]], None]
OnStoredTogether = Callable[[Connection, Sequence[BatchOfReadings], Sequence[Reading]], None]
OnHealth = Callable[[Connection, Health, Health | None], None]
OnStatus = Callable[[Connection, Status], None]
OnDropped = Callable[[Connection, Dropped], None]
Own = TypeVar("Own", Dropped, Status, Health)


@dataclass(frozen=True, slots=True)
class Callbacks:
    """What the slices above do inside the transaction (`stored`, `health`, `status`, `dropped`) or after it.

    `together` is as `stored`, but called once for all batches settled in one transaction, with all their
    readings: what costs a question to the database belongs here.
    `health` gets the message before as well; `status` is called when a gateway turned on- or offline.
    `others` take, by topic, what is no matter of readings: (gateway, payload); MessageError buries it.
    """

    stored: Sequence[OnStored] = ()
    together: Sequence[OnStoredTogether] = ()
    health: Sequence[OnHealth] = ()
    status: Sequence[OnStatus] = ()
    dropped: Sequence[OnDropped] = ()
    committed: Sequence[Callable[[Sequence[BatchOfReadings]], None]] = ()
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


class Incoming(Protocol):
    """A message as the broker gave it."""

    @property
    def topic(self) -> str: ...
    @property
    def payload(self) -> bytes: ...
    @property
    def retained(self) -> bool: ...


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

    def take_many(self, messages: Sequence[Incoming]) -> None:
        """As `take` of each, in order; readings that follow one another are settled together.

        What is wrong with one of them concerns none of the others.
        """
        group: list[tuple[str, str, bytes]] = []
        for each in messages:
            gateway = dead_letters.sender(each.topic)
            if gateway is not None and each.topic == topics.up(gateway, "readings"):
                group.append((gateway, each.topic, each.payload))
                continue
            self._take_group(group)
            group = []
            self.take(each.topic, each.payload, retained=each.retained)
        self._take_group(group)

    def _take_group(self, group: Sequence[tuple[str, str, bytes]]) -> None:
        try:
            self.settle_many(group)
        except (StoreFault, OperationalError, InterfaceError) as fault:
            self._failed(fault)
        except dead_letters.Full:
            self._take_apart(group)
        except Exception:  # one of them makes a callback or the database fail: which?
            log.exception("%d batches are taken one by one", len(group))
            self._take_apart(group)

    def _take_apart(self, group: Sequence[tuple[str, str, bytes]]) -> None:
        for _, topic, payload in group:
            try:
                self.take(topic, payload)
            except Exception:  # counted by `take`; the gateway keeps it
                log.exception("message on %r was not handled", topic[:120])

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

    def _bury_or_hold(self, topic: str, payload: bytes, reason: str) -> None:
        try:
            self.bury(topic, payload, reason)
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
        if what == "readings":
            self.settle_many([(gateway, topic, payload)])
            return
        self._require_known(gateway)
        if what == "dropped":
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

    # readings: the three steps, in this order, for all that are settled together

    def settle_many(self, group: Sequence[tuple[str, str, bytes]]) -> None:
        """(gateway, topic, payload) of each; a StoreFault settles none of those it concerns."""
        waiting: dict[Key, Opened] = {}
        size = 0
        for gateway, topic, payload in group:
            try:
                each = opened(gateway, topic, payload)
            except MessageError as poison:
                self._bury_or_hold(topic, payload, str(poison))
                continue
            if each.key in waiting or size > GROUP_BYTES:
                self._settle(list(waiting.values()))
                waiting, size = {}, 0
            waiting[each.key] = each
            size += each.plain_bytes
        self._settle(list(waiting.values()))

    def _settle(self, group: Sequence[Opened]) -> None:
        if not group:
            return
        good, known = self._sorted(group)
        if good:
            good = self._kept(good)
            self.commit(good)
        self._recovered(duplicates=len(known))
        self.tell([*known, *(each.key for each in good)])
        if good:
            for told in self.callbacks.committed:
                told([each.batch for each in good])

    def _sorted(self, group: Sequence[Opened]) -> tuple[list[Sorted], list[Key]]:
        """(what is to be stored, what is settled already); poison goes its own way."""
        with self.database.read() as connection:
            seen = batches.arrivals(connection, {each.key: each.content for each in group})
            meters = meters_of(connection, {each.message.gateway for each in group})
        good: list[Sorted] = []
        known = [key for key, arrival in seen.items() if arrival is Arrival.SAME]
        for each in group:
            if seen[each.key] is Arrival.SAME:
                continue
            try:
                good.append(sort(each, meters.get(each.message.gateway), self.clock.now()))
            except MessageError as poison:
                self._bury_or_hold(each.topic, each.payload, str(poison))
        return good, known

    def _kept(self, group: list[Sorted]) -> list[Sorted]:
        """Step 1; what the engine will not take goes to the dead letters, and is never called stored."""
        try:
            self.keep([each.batch for each in group])
        except Refused as told:
            left = taken(group, told)
            for each in left:
                if not each.batch.readings:
                    self._bury_or_hold(each.topic, each.payload, "; ".join(each.refused))
            return [each for each in left if each.batch.readings]
        return group

    def keep(self, batches: Sequence[BatchOfReadings]) -> None:
        """Step 1: the readings are durable when this returns."""
        self.store.write_many(batches)

    def commit(self, group: Sequence[Sorted]) -> None:
        """Step 2: what came of the batches, and what the callbacks make of them, in one transaction."""
        now = self.clock.now()
        with self.database.write() as connection:
            seen = batches.arrivals(connection, {each.key: each.content for each in group})
            # another worker may have been faster
            mine = [each for each in group if seen[each.key] is not Arrival.SAME]
            batches.record_new(
                connection, [each.booked for each in mine if seen[each.key] is Arrival.NEW], now
            )
            for each in mine:
                if seen[each.key] is Arrival.OTHER:
                    self._note_reused(connection, each, now)
            self._work(connection, mine, now)
            for each in mine:
                if each.refused:
                    self._keep_refused(connection, each, now)
        self._recovered(
            batches=len(mine),
            readings=sum(len(each.batch.readings) for each in mine),
            dead_letters=sum(bool(each.refused) for each in mine),
        )

    def _note_reused(self, connection: Connection, each: Sorted, now: datetime) -> None:
        gateway, epoch, _ = each.key
        detail = f"epoch {epoch}: two different batches under one seq"
        gateways.note(connection, gateway, gateways.EPOCH_REUSED, detail, now)
        batches.record(connection, each.key, Outcome.STORED, len(each.batch.readings), each.content, now)

    def _keep_refused(self, connection: Connection, each: Sorted, now: datetime) -> None:
        why = "; ".join(each.refused)
        dead_letters.bury(connection, each.topic, each.payload, why, now, each.key, self.letters_bytes)

    def _work(self, connection: Connection, group: Sequence[Sorted], now: datetime) -> None:
        if not group:
            return
        gateways.data_came_from(connection, {each.batch.gateway for each in group}, now)
        for each in group:
            for work in self.callbacks.stored:
                work(connection, each.batch, each.batch.readings)
        together = [each.batch for each in group]
        readings = list(chain.from_iterable(batch.readings for batch in together))
        for all_work in self.callbacks.together:
            all_work(connection, together, readings)

    def tell(self, keys: Sequence[Key]) -> None:
        """Step 3: say what is settled, as the book has it: once to each gateway."""
        runs: dict[tuple[str, str], list[int]] = {}
        for gateway, epoch, seq in keys:
            runs.setdefault((gateway, epoch), []).append(seq)
        with self.database.read() as connection:
            told = batches.settled_all(connection, runs)
        for (gateway, epoch), settled in told.items():
            if settled:
                self.publish(Stored(gateway=gateway, epoch=epoch, settled=settled))

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
        self.tell([(dropped.gateway, dropped.epoch, dropped.seqs[0][0])])

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
            self.tell([key])

    def replay(self, letter: int) -> int:
        """Try a dead letter again, now that its cause is mended; gives how many readings were stored."""
        with self.database.read() as connection:
            row = dead_letters.dead_letter(connection, letter)
            if row is None:
                raise NotFound(f"there is no dead letter {letter}")
            if row.seq is None:
                raise Invalid(f"dead letter {letter} has no batch to be replayed: its gateway still holds it")
            try:
                letter_ = opened(row.gateway, row.topic, row.payload)
                meters = meters_of(connection, {row.gateway})
                sorted_ = sort(letter_, meters.get(row.gateway), self.clock.now())
            except MessageError as poison:
                raise Invalid(f"dead letter {letter} is still refused: {poison}") from None
        if sorted_.refused:
            raise Invalid(f"dead letter {letter} is still refused: {sorted_.refused[0]}", sorted_.refused)
        try:
            self.keep([sorted_.batch])
        except Refused as told:
            raise Invalid(f"dead letter {letter} is still refused: {told}") from None
        now = self.clock.now()
        with self.database.write() as connection:
            booked = sorted_.booked
            batches.record(connection, booked.key, booked.outcome, booked.readings, booked.content, now)
            self._work(connection, [sorted_], now)
            dead_letters.replayed(connection, letter, now)
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
