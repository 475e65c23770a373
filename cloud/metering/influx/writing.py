"""The writing side of the InfluxDB store: what is newer than all its meter has is written unseen, anything
else is first compared with what is there, so that the lowest (gateway, epoch, seq) wins whatever the order.

That is right because a meter is in one hand from the look to the write (`turns`), and because the instant up
to which a meter is known is raised before anything is sent: a write that fails or is never answered only
makes us look once too often. The order: losers into the records database, lines into the engine, losers that
won after all out again; a stop in between is mended when the gateway sends the batch again.
"""

import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from cloud.kit.clock import Clock
from cloud.kit.db import Database
from cloud.kit.scope import WHOLE_STATION
from cloud.metering.claims import Claim
from cloud.metering.influx import conflicts as beside
from cloud.metering.influx import line_protocol
from cloud.metering.influx import reading as influx_read
from cloud.metering.influx.conflicts import Place, Refusal
from cloud.metering.influx.contest import Identity, Settled, settle
from cloud.metering.influx.faults import LinesRefused
from cloud.metering.influx.known import Known, Track
from cloud.metering.influx.line_protocol import Key
from cloud.metering.influx.reading import Piece
from cloud.metering.influx.turns import Turns
from cloud.metering.influx.unseen import Unseen
from cloud.metering.store import BatchOfReadings, Latest, Refused, StoreFault
from protocols.readings import Reading, Value

LINES = 5000
"""In one request, as InfluxDB 2.x likes them."""


class Wire(Protocol):
    """The engine, as far as writing goes."""

    def ready(self) -> None:
        """StoreFault while the engine is better left alone."""
        ...

    def post(self, lines: Sequence[str]) -> None:
        """All are durable when it returns. LinesRefused, StoreFault."""
        ...

    def ask(self, statement: str) -> Iterator[Piece]: ...


class Said(NamedTuple):
    """One reading of a write, and its line as it is when nothing stands against it."""

    batch: BatchOfReadings
    reading: Reading
    line: str

    @property
    def identity(self) -> Identity:
        return self.batch.gateway, self.batch.epoch, self.batch.seq


@dataclass(frozen=True, slots=True)
class Plan:
    """`lines` to be sent, each with the readings it stands for; what became of contested keys."""

    lines: Sequence[tuple[str, Sequence[Said]]]
    settled: Mapping[Key, Settled]
    newer: list[Key]
    between: list[Key]


class Writer:
    def __init__(self, wire: Wire, database: Database, turns: Turns, clock: Clock) -> None:
        self._wire, self._database, self._turns, self._clock = wire, database, turns, clock
        self.unseen = Unseen()
        self._term, self._known = -1, Known()
        self._swap = threading.Lock()
        with database.read() as connection:
            self._quarantined = beside.identities(connection)

    def write(self, batches: Sequence[BatchOfReadings]) -> None:
        """ValueError before anything is written; Refused after all else is."""
        said = [each for batch in batches for each in _said(batch)]
        with self._turns.hold({each.reading.meter for each in said}) as term:
            self._wire.ready()  # before the look: what was sent into silence has landed, or never will
            known = self._known_in(term)
            plan = self._plan(said, known)
            with self.unseen.writing(plan.newer, plan.between), _newest_told(known, said, plan):
                refused = self._carry_out(plan)
                if refused and known:
                    known.newest.drop(each.reading.meter for each, _ in refused)
        if refused or self._quarantined:
            self._quarantine(said, refused)
        if refused:
            raise Refused([(each.batch, each.reading, reason) for each, reason in refused])

    def latest(self, meters: Collection[str]) -> dict[str, list[Latest]] | None:
        """The newest values of each, out of memory once they were looked up; None: nothing is remembered."""
        if not self._turns.remembers():
            return None
        found = {meter: held for meter in meters if (held := self._known.newest.of(meter)) is not None}
        for part in influx_read.some(set(meters) - found.keys()):
            with self._turns.hold(part) as term:
                told = {meter: list[Latest]() for meter in part}
                for each in influx_read.latest(self._wire.ask, WHOLE_STATION, part):
                    told[each.meter].append(each)
                if known := self._known_in(term):
                    for meter, values in told.items():
                        known.newest.fill(meter, values)
            found |= told
        return found

    def forget(self, meters: Collection[str]) -> None:
        """Somebody wrote these behind our back: look into the engine before they are written again."""
        with self._turns.hold(meters) as term:
            if known := self._known_in(term):
                known.forget(meters)

    def _known_in(self, term: int | None) -> Known | None:
        if term is None:
            return None
        with self._swap:
            if self._term != term:
                self._term, self._known = term, Known()
            return self._known

    # what is to be done

    def _plan(self, said: Sequence[Said], known: Known | None) -> Plan:
        under: dict[Key, list[Said]] = {}
        for each in said:
            reading = each.reading
            under.setdefault((reading.meter, reading.at_ms, reading.source), []).append(each)
        old, between = (set(under), set()) if known is None else self._admit(under.keys(), known)
        twice = {key for key, same in under.items() if len(same) > 1}
        found = influx_read.points(self._wire.ask, old) if old else {}
        settled = {
            key: settle(key, found.get(key), [(each.identity, each.reading) for each in under[key]])
            for key in (found.keys() | twice)
        }
        newer = [key for key in under if key not in old and key not in between]
        if known and (unfound := old - found.keys()):
            self._learn(known, unfound, between, newer)
        lines: list[tuple[str, Sequence[Said]]] = []
        for key, same in under.items():
            line = settled[key].line if key in settled else same[0].line
            if line is not None:
                lines.append((line, same))
        return Plan(lines, settled, newer, [*between, *(old - found.keys())])

    def _admit(self, keys: Collection[Key], known: Known) -> tuple[set[Key], set[Key]]:
        """As `Known.admit`; meters that are new to us are looked up first."""
        if unmet := known.unmet(key[0] for key in keys):
            first_ms = min(key[1] for key in keys if key[0] in unmet)
            known.meet(unmet, influx_read.newest(self._wire.ask, unmet, first_ms), first_ms - 1)
        return known.admit(keys)

    def _learn(
        self, known: Known, unfound: Iterable[Key], between: Iterable[Key], newer: Iterable[Key]
    ) -> None:
        """Who fills a gap that is not remembered, as after a restart, will go on: how far does it reach?"""
        last: dict[Track, Key] = {}
        for key in sorted([*unfound, *between], key=lambda each: each[1]):
            last[key[0], key[2]] = key
        new: dict[Track, int] = {}
        for meter, at_ms, source in newer:
            new[meter, source] = min(at_ms, new.get((meter, source), at_ms))
        for (meter, _, source), after_ms, next_ms in influx_read.gaps(self._wire.ask, last.values()):
            track = meter, source
            known.learn(track, after_ms, new.get(track) if next_ms is None else next_ms)

    # doing it

    def _carry_out(self, plan: Plan) -> list[tuple[Said, str]]:
        lost, won = self._changes(plan.settled)
        if lost:
            with self._records() as connection:
                beside.keep(connection, lost)
        refused = [
            (each, reason)
            for first in range(0, len(plan.lines), LINES)
            for place, reason in self._send([line for line, _ in plan.lines[first : first + LINES]])
            for each in plan.lines[first + place][1]
        ]
        if won and not refused:
            with self._records() as connection:
                beside.drop(connection, won)
        return refused

    def _changes(
        self, settled: Mapping[Key, Settled]
    ) -> tuple[list[tuple[Place, Claim]], list[tuple[Place, Value]]]:
        """What has to be among the conflicts, and what may not stay there once the winners are written."""
        if not settled:
            return [], []
        instants = [at_ms for _, at_ms, _ in settled]
        try:
            with self._database.read() as connection:
                held = beside.held(connection, {key[0] for key in settled}, min(instants), max(instants))
        except SQLAlchemyError as error:
            raise _fault(error) from error
        lost: list[tuple[Place, Claim]] = []
        won: list[tuple[Place, Value]] = []
        for key, outcome in settled.items():
            for quantity, winner in outcome.winners.items():
                place = Place(*key, quantity)
                known = {claim.value: claim for claim in held.get(place, ())}
                if winner in known:
                    won.append((place, winner))
                losers = outcome.losers.get(quantity, ())
                lost += [(place, each) for each in losers if each < known.get(each.value, _LAST)]
        return lost, won

    def _send(self, lines: Sequence[str]) -> list[tuple[int, str]]:
        """(place, reason) of the lines that the engine refuses; the others are durable.

        Halves are sent again until each is found: writing a line twice is writing it once.
        """
        try:
            self._wire.post(lines)
        except LinesRefused as refused:
            if len(lines) == 1 or refused.dropped == len(lines):
                return [(place, refused.message) for place in range(len(lines))]
            half = len(lines) // 2
            behind = self._send(lines[half:])
            return self._send(lines[:half]) + [(half + place, reason) for place, reason in behind]
        return []

    def _quarantine(self, said: Sequence[Said], refused: Sequence[tuple[Said, str]]) -> None:
        """Keep what was refused, and let go of what was and is no longer."""
        still = {id(each) for each, _ in refused}
        taken = [each for each in said if each.identity in self._quarantined and id(each) not in still]
        rows = [_refusal(each, reason) for each, reason in refused]
        if taken or rows:
            with self._records() as connection:
                beside.release(connection, [_refusal(each, "") for each in taken])
                beside.quarantine(connection, rows, self._clock.now())
            self._quarantined |= {each.identity for each, _ in refused}

    @contextmanager
    def _records(self) -> Iterator[Connection]:
        try:
            with self._database.write() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise _fault(error) from error


@contextmanager
def _newest_told(known: Known | None, said: Sequence[Said], plan: Plan) -> Iterator[None]:
    """What the block writes is the newest, or, where it fails or was contested, is looked up again."""
    if known is None:
        yield
        return
    try:
        yield
    except BaseException:
        known.newest.drop(each.reading.meter for each in said)
        raise
    known.newest.drop(key[0] for key in plan.settled)
    known.newest.take(each.reading for each in said)


_LAST = Claim("\U0010ffff", "", 0, 0, 0)
"""Later than every claim."""


def _said(batch: BatchOfReadings) -> Iterator[Said]:
    readings = [reading for reading in batch.readings if reading.values]
    told = BatchOfReadings(batch.gateway, batch.epoch, batch.seq, readings)
    for reading, line in zip(readings, line_protocol.lines(told), strict=True):
        yield Said(batch, reading, line)


def _refusal(each: Said, reason: str) -> Refusal:
    reading = each.reading
    return Refusal(*each.identity, reading.meter, reading.at_ms, reading.source, each.line, reason)


def _fault(error: SQLAlchemyError) -> StoreFault:
    return StoreFault(f"the records database keeps no conflicts: {str(error).splitlines()[0][:200]}")
