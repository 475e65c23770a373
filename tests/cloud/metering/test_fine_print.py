"""How batches are settled when workers overtake one another, engines fail and gateways are put back."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from sqlalchemy import Connection, select

from cloud.fleet import gateways
from cloud.kit.db import Database
from cloud.kit.scope import WHOLE_STATION
from cloud.metering.batches import batch_table, settled_table
from cloud.metering.ingest import Callbacks
from cloud.metering.sorting import Sorted
from cloud.metering.store import BatchOfReadings, ReadingStore, StoreFault
from protocols.mqtt import messages, topics
from protocols.mqtt.messages import Dropped
from tests.cloud.metering.station import Station, payload, reading, send

READINGS = topics.up("gw-1", "readings")
WITHIN_S = 20


@dataclass
class Sent:
    """A message as the broker gives it."""

    topic: str
    payload: bytes
    retained: bool = False


def group(*payloads: bytes) -> list[Sent]:
    return [Sent(READINGS, each) for each in payloads]


def dropped(first: int, last: int) -> Sent:
    told = Dropped(gateway="gw-1", epoch="e1", seqs=[(first, last)], readings=9, reason="outbox_full")
    return Sent(topics.up("gw-1", "dropped"), messages.encode(told))


@pytest.fixture
def station(tmp_path: Path, database: Database) -> Iterator[Station]:
    made = Station(tmp_path, database=database)
    yield made
    made.store.close()


def booked(station: Station) -> list[int]:
    with station.database.read() as connection:
        return sorted(connection.scalars(select(batch_table.c.seq)))


def run_of(station: Station) -> int:
    with station.database.read() as connection:
        return connection.scalar(select(settled_table.c.upto)) or 0


def values(station: Station) -> list[int]:
    return sorted(int(each.value) for each in station.store.rows(WHOLE_STATION))


class Gate:
    """The real store; what fits `held` waits before it is written until `go` is set."""

    def __init__(self, store: ReadingStore, held: int) -> None:
        self._store, self._held = store, held
        self.reached, self.go = Event(), Event()

    def write_many(self, batches: Sequence[BatchOfReadings]) -> Any:
        if any(each.seq == self._held for each in batches):
            self.reached.set()
            assert self.go.wait(WITHIN_S)
        return self._store.write_many(batches)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def in_a_worker(station: Station, *payloads: bytes) -> Thread:
    thread = Thread(target=station.ingest.take_many, args=(group(*payloads),), daemon=True)
    thread.start()
    return thread


def test_of_two_workers_the_later_batch_may_be_committed_first_and_nothing_unstored_is_told(
    station: Station,
) -> None:
    gate = Gate(station.store, held=2)
    station.ingest.store = gate
    slow = in_a_worker(station, payload(1), payload(2))
    assert gate.reached.wait(WITHIN_S)
    in_a_worker(station, payload(3), payload(4)).join(WITHIN_S)
    assert station.published[-1].settled == [(3, 4)]
    assert run_of(station) == 0
    gate.go.set()
    slow.join(WITHIN_S)
    assert station.published[-1].settled == [(1, 4)]
    assert (run_of(station), values(station)) == (4, [1001, 1002, 1003, 1004])


def test_two_workers_with_the_same_batch_write_and_work_on_it_once(tmp_path: Path) -> None:
    worked: list[int] = []

    def work(_: Connection, batch: BatchOfReadings, __: Any) -> None:
        worked.append(batch.seq)

    station = Station(tmp_path, Callbacks(stored=[work]))
    gate = Gate(station.store, held=1)
    station.ingest.store = gate
    both = [in_a_worker(station, payload(1)) for _ in range(2)]
    assert gate.reached.wait(WITHIN_S)
    gate.go.set()
    for each in both:
        each.join(WITHIN_S)
    assert (worked, station.ingest.state.batches, values(station)) == ([1], 1, [1001])
    assert station.settled() == {1}
    station.close()


class Failing:
    """The real store, which takes one write and fails the next, before or after it is durable."""

    def __init__(self, store: ReadingStore, *, written: bool) -> None:
        self._store, self._written, self.faults = store, written, 1

    def write_many(self, batches: Sequence[BatchOfReadings]) -> Any:
        if self.faults:
            self.faults -= 1
            if self._written:
                self._store.write_many(batches)
            raise StoreFault("no space left on device")
        return self._store.write_many(batches)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@pytest.mark.parametrize("written", [False, True], ids=["nothing written", "the answer lost"])
def test_a_fault_of_the_store_settles_none_of_a_group_and_a_resend_all_of_it_once(
    station: Station, written: bool
) -> None:
    station.ingest.store = Failing(station.store, written=written)
    sent = group(payload(1), payload(2), payload(3))
    station.ingest.take_many(sent)
    assert (station.published, booked(station), run_of(station)) == ([], [], 0)
    assert station.ingest.state.fault == "no space left on device"
    station.ingest.take_many(sent)
    assert station.published[-1].settled == [(1, 3)]
    assert (booked(station), values(station)) == ([1, 2, 3], [1001, 1002, 1003])
    assert station.ingest.state.fault is None


def test_a_fault_between_two_parts_of_a_group_keeps_what_was_settled_before_it(station: Station) -> None:
    """One seq twice parts the group: the first part is settled, the fault holds back the second."""
    first = group(payload(1), payload(2))
    station.ingest.take_many(first)
    station.ingest.store = Failing(station.store, written=False)
    station.ingest.take_many(group(payload(2), payload(3), payload(4)))
    assert station.settled() == {1, 2}
    station.ingest.take_many(group(payload(3), payload(4)))
    assert station.published[-1].settled == [(1, 4)]


def test_an_old_image_put_back_is_found_within_a_group_and_both_readings_are_kept(station: Station) -> None:
    send(station, [1, 2])
    old = payload(2, reading("m12", 7))
    station.ingest.take_many(group(old, payload(3), payload(3, reading("m12", 8))))
    assert station.published[-1].settled == [(1, 3)]
    assert values(station) == [1001, 1002, 1003, 1007, 1008]
    with station.database.read() as connection:
        notes = [(row.kind, row.gateway) for row in gateways.notes(connection)]
    assert notes == [(gateways.EPOCH_REUSED, "gw-1")]
    assert booked(station) == [1, 2, 3]


def test_a_gateway_restored_from_an_image_is_told_more_than_it_has_sent(station: Station) -> None:
    """By that it knows that it was put back, and takes a new epoch; what it sends then is settled apart."""
    send(station, [1, 2, 3, 4, 5])
    station.ingest.take_many(group(payload(3)))
    assert station.published[-1].settled == [(1, 5)]
    station.ingest.take_many(group(payload(1, reading("m12", 9), epoch="e2"), payload(4)))
    assert (station.settled(epoch="e1"), station.settled(epoch="e2")) == ({1, 2, 3, 4, 5}, {1})


def test_what_is_declared_dropped_between_groups_closes_the_gap_in_order(station: Station) -> None:
    station.ingest.take_many([*group(payload(1)), dropped(2, 4), *group(payload(5), payload(9))])
    assert station.published[-1].settled == [(1, 5), (9, 9)]
    assert run_of(station) == 5
    station.ingest.take_many([dropped(6, 8), *group(payload(10))])
    assert station.published[-1].settled == [(1, 10)]
    assert (run_of(station), booked(station)) == (10, [1, 5, 9, 10])


def test_a_batch_declared_dropped_that_comes_after_all_is_stored_and_stays_settled(station: Station) -> None:
    station.ingest.take_many([*group(payload(1)), dropped(2, 3)])
    station.ingest.take_many(group(payload(3), payload(4)))
    assert station.published[-1].settled == [(1, 4)]
    assert values(station) == [1001, 1003, 1004]


def test_that_a_commit_before_the_store_would_be_seen(station: Station) -> None:
    """The check above is one that can fail: an ingest that commits first tells what no store has."""

    class Hasty(type(station.ingest)):  # type: ignore[misc]
        def _kept(self, group: list[Sorted]) -> list[Sorted]:
            self.commit(group)
            return list(super()._kept(group))

    station.ingest.__class__ = Hasty
    station.ingest.store = Failing(station.store, written=False)
    station.ingest.take_many(group(payload(1)))
    assert booked(station) == [1]
    assert values(station) == []
