"""What ingest promises a gateway, whatever dies in between and whatever bytes come."""

import resource
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from cloud.fleet import gateways
from cloud.fleet.registry import import_registry
from cloud.kit.db import Database
from cloud.kit.errors import Invalid, NotFound
from cloud.kit.scope import WHOLE_STATION
from cloud.metering.batches import batch_table, dropped_table, merged, missing, prune
from cloud.metering.dead_letters import dead_letter_table
from cloud.metering.ingest import Callbacks, Ingest
from cloud.metering.sorting import Sorted
from cloud.metering.store import BatchOfReadings
from protocols.mqtt import messages, topics
from protocols.mqtt.messages import Dropped, Stored
from tests.cloud.metering.station import NOW, Station, payload, reading, registry, send

READINGS = topics.up("gw-1", "readings")


@pytest.fixture
def station(tmp_path: Path, database: Database) -> Iterator[Station]:
    station = Station(tmp_path, database=database)
    yield station
    station.store.close()


def rows(station: Station, table: Any) -> list[Any]:
    with station.database.read() as connection:
        return list(connection.execute(select(table)))


def kept(station: Station) -> list[tuple[str, int]]:
    return [(each.meter, int(each.value)) for each in station.store.rows(WHOLE_STATION)]


def test_a_batch_is_stored_and_its_gateway_told(station: Station) -> None:
    station.ingest.take(READINGS, payload(1, reading("m11"), reading("m12")))
    assert kept(station) == [("m11", 1000), ("m12", 1000)]
    assert station.published == [Stored(gateway="gw-1", epoch="e1", settled=[(1, 1)])]
    assert (station.ingest.state.batches, station.ingest.state.readings) == (1, 2)


def test_settled_seqs_are_told_in_as_few_ranges_as_can_be(station: Station) -> None:
    send(station, [1, 2, 5, 3, 4, 900, 901])
    assert [stored.settled for stored in station.published] == [
        [(1, 1)],
        [(1, 2)],
        [(1, 2), (5, 5)],
        [(1, 3), (5, 5)],
        [(1, 5)],
        [(1, 5), (900, 900)],
        [(1, 5), (900, 901)],
    ]


def test_a_duplicate_is_told_again_and_neither_written_nor_worked_on_again(tmp_path: Path) -> None:
    worked: list[int] = []
    station = Station(tmp_path, Callbacks(stored=[lambda _, batch, __: worked.append(batch.seq)]))
    send(station, [1, 1, 1])
    assert worked == [1]
    assert [stored.settled for stored in station.published] == [[(1, 1)]] * 3
    assert station.ingest.state.duplicates == 2
    station.close()


class Crash(BaseException):
    """Stands for the end of the process at that instant."""


class DiesBeforeCommit(Ingest):
    def commit(self, group: Sequence[Sorted]) -> None:
        raise Crash


class DiesBeforeTelling(Ingest):
    def tell(self, keys: Sequence[tuple[str, str, int]]) -> None:
        raise Crash


class TellsTooEarly(Ingest):
    """The fault that must be found: the gateway is told before the batch is in the book."""

    def commit(self, group: Sequence[Sorted]) -> None:
        for gateway, epoch, seq in (each.key for each in group):
            self.publish(Stored(gateway=gateway, epoch=epoch, settled=[(seq, seq)]))
        super().commit(group)


class TellsBeforeKeeping(Ingest):
    """The other one: told before the readings are on the disk."""

    def keep(self, batches: Sequence[BatchOfReadings]) -> None:
        for batch in batches:
            self.publish(Stored(gateway=batch.gateway, epoch=batch.epoch, settled=[(batch.seq, batch.seq)]))
        super().keep(batches)


def fails(connection: Connection, batch: BatchOfReadings, readings: Any) -> None:
    raise Crash


def told_without_being_kept(folder: Path, kind: type[Ingest]) -> set[int]:
    """Send a batch whose transaction fails, start anew: which seqs were told and are not in the book?"""
    station = Station(folder, Callbacks(stored=[fails]), kind)
    with pytest.raises(Crash):
        send(station, [1])
    booked = {row.seq for row in rows(station, batch_table)}
    told = station.settled()
    station.close()
    return told - booked


def test_nothing_is_told_before_it_is_committed(tmp_path: Path) -> None:
    assert told_without_being_kept(tmp_path, Ingest) == set()


@pytest.mark.parametrize("faulty", [TellsTooEarly, TellsBeforeKeeping])
def test_that_check_finds_an_ingest_that_tells_too_early(tmp_path: Path, faulty: type[Ingest]) -> None:
    assert told_without_being_kept(tmp_path, faulty) == {1}


@pytest.mark.parametrize("dying", [DiesBeforeCommit, DiesBeforeTelling])
def test_after_a_death_between_two_steps_a_resend_is_stored_once_and_told(
    tmp_path: Path, dying: type[Ingest]
) -> None:
    station = Station(tmp_path, kind=dying)
    with pytest.raises(Crash):
        send(station, [1])
    assert station.published == []
    station.close()
    again = Station(tmp_path)
    send(again, [1, 2])
    assert kept(again) == [("m11", 1001), ("m11", 1002)]
    assert again.settled() == {1, 2}
    again.close()


def test_a_callback_shares_the_batchs_fate(tmp_path: Path) -> None:
    def writes_then_fails(connection: Connection, batch: BatchOfReadings, _: Any) -> None:
        gateways.note(connection, batch.gateway, "alert", "from a callback", NOW)
        if batch.seq == 1:
            raise ValueError("a rule broke")

    station = Station(tmp_path, Callbacks(stored=[writes_then_fails]))
    with pytest.raises(ValueError, match="a rule broke"):
        send(station, [1])
    assert (rows(station, gateways.note_table), rows(station, batch_table), station.published) == ([], [], [])
    assert station.ingest.state.fault == "a rule broke"
    send(station, [2])
    assert len(rows(station, gateways.note_table)) == 1
    assert station.ingest.state.fault is None
    station.close()


def test_after_the_commit_others_are_told_of_new_batches_only(tmp_path: Path) -> None:
    seen: list[int] = []
    station = Station(
        tmp_path, Callbacks(committed=[lambda batches: seen.extend(each.seq for each in batches)])
    )
    send(station, [1, 1, 2])
    assert seen == [1, 2]
    station.close()


def test_a_full_disk_settles_nothing_shows_in_the_state_and_passes(station: Station) -> None:
    send(station, range(1, 80))
    wal = (Path(station.store._path).parent / "readings.db-wal").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    big = payload(80, *(reading("m12", -minute, energy_import_wh=minute) for minute in range(1, 1500)))
    resource.setrlimit(resource.RLIMIT_FSIZE, (wal + 4096, hard))
    try:
        station.ingest.take(READINGS, big)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert 80 not in station.settled()
    assert station.ingest.state.failing_since == NOW
    assert "readings.db" in (station.ingest.state.fault or "")
    station.ingest.take(READINGS, big)
    assert 80 in station.settled()
    assert station.ingest.state.fault is None


STATUS_OF_GW_2 = messages.encode(messages.Status(gateway="gw-2", online=False, epoch="e1"))
POISON = {
    "another version": messages.encode(
        messages.Readings(v=9, gateway="gw-1", epoch="e1", seq=5, readings=[messages.row(reading())])
    ),
    "another gateway's name": payload(5, gateway="gw-2"),
    "another gateway's name and meter": payload(5, reading("m21"), gateway="gw-2"),
    "a meter nobody knows": payload(5, reading("m99")),
    "a meter of another gateway": payload(5, reading("m21")),
    "far in the future": payload(5, reading(minute=60 * 24 + 1)),
    "before time began": payload(5, reading(minute=-60 * 24 * 365 * 40)),
}


@pytest.mark.parametrize("kind", POISON)
def test_poison_whose_batch_can_be_told_is_a_dead_letter_and_settled(station: Station, kind: str) -> None:
    station.ingest.take(READINGS, POISON[kind])
    station.ingest.take(READINGS, POISON[kind])
    assert kept(station) == []
    assert station.settled() == {5}
    assert [(row.outcome, row.gateway) for row in rows(station, batch_table)] == [("dead-lettered", "gw-1")]
    (letter,) = rows(station, dead_letter_table)
    assert letter.payload == POISON[kind]
    assert letter.reason
    assert letter.topic == READINGS


@pytest.mark.parametrize(
    ("topic", "content"),
    [
        (READINGS, b"\xff\xfenot text"),
        (READINGS, b"x\x9c broken zlib"),
        (READINGS, b"9" * 300_000),
        ("wattpost/v1/gw-1/up/nonsense", b"{}"),
        ("wattpost/v1/gw-1/up/health", b"{}"),
        ("wattpost/v1/gw-1/up/status", payload(5)),
        ("wattpost/v1/gw-99/up/health", b"{}"),
        ("wattpost/v1/gw-1/up/status", STATUS_OF_GW_2),
        ("wattpost/v1/GW 1/up/readings", payload(5)),
        ("elsewhere", payload(5)),
    ],
)
def test_what_has_no_batch_to_settle_is_a_dead_letter_counted_when_it_comes_again(
    station: Station, topic: str, content: bytes
) -> None:
    for _ in range(3):
        station.ingest.take(topic, content)
    (letter,) = rows(station, dead_letter_table)
    assert (letter.times, letter.payload_bytes, letter.seq) == (3, len(content), None)
    assert len(letter.payload) <= 4096
    assert station.published == []
    assert station.ingest.state.fault is None


def test_a_gateway_cannot_settle_anothers_batches(station: Station) -> None:
    station.ingest.take(topics.up("gw-2", "readings"), payload(5, gateway="gw-1"))
    assert station.settled("gw-1") == set()
    assert station.settled("gw-2") == {5}


def test_good_readings_of_a_batch_are_stored_though_others_are_refused(station: Station) -> None:
    mixed = payload(1, reading("m11"), reading("m21"), reading("m99"))
    station.ingest.take(READINGS, mixed)
    assert kept(station) == [("m11", 1000)]
    assert station.settled() == {1}
    (letter,) = rows(station, dead_letter_table)
    assert "'m21' is not one of gateway 'gw-1'" in letter.reason
    assert "'m99'" in letter.reason
    assert letter.payload == mixed


def test_a_dead_letter_is_replayed_once_its_cause_is_mended(station: Station) -> None:
    station.ingest.take(READINGS, payload(1, reading("m13")))
    with pytest.raises(Invalid, match="still refused: meter 'm13'"):
        station.ingest.replay(1)
    with station.database.write() as connection:
        import_registry(connection, registry({"gw-1": ("m11", "m12", "m13"), "gw-2": ("m21",)}))
    assert station.ingest.replay(1) == 1
    assert kept(station) == [("m13", 1000)]
    assert rows(station, dead_letter_table)[0].replayed_at == NOW
    assert rows(station, batch_table)[0].outcome == "stored"
    with pytest.raises(NotFound):
        station.ingest.replay(7)


def test_poison_beyond_what_a_gateway_may_fill_is_left_with_the_gateway(station: Station) -> None:
    poison = [payload(seq, reading("m13")) for seq in (1, 2, 3)]
    station.ingest.letters_bytes = len(poison[0]) + len(poison[1])
    for each in [*poison, poison[0], payload(4, reading("m11"), reading("m13"))]:
        station.ingest.take(READINGS, each)
    assert len(rows(station, dead_letter_table)) == 2
    assert station.settled() == {1, 2}
    assert kept(station) == [("m11", 1000)]
    assert [note.kind for note in rows(station, gateways.note_table)] == ["dead_letters_full"]
    station.ingest.take(topics.up("gw-2", "readings"), payload(1, reading("m13"), gateway="gw-2"))
    assert station.settled("gw-2") == {1}
    with station.database.write() as connection:
        import_registry(connection, registry({"gw-1": ("m11", "m12", "m13"), "gw-2": ("m21",)}))
    station.ingest.replay(1)
    for seq, each in enumerate([*poison[2:], payload(4, reading("m11"), reading("m13"))], 3):
        station.ingest.take(READINGS, each)
        assert seq in station.settled()


def test_what_a_gateway_declares_dropped_is_settled_and_shows_as_a_gap(tmp_path: Path) -> None:
    told: list[int] = []
    station = Station(tmp_path, Callbacks(dropped=[lambda _, dropped: told.append(dropped.readings)]))
    dropped = Dropped(gateway="gw-1", epoch="e1", seqs=[(2, 70_000)], readings=9, reason="outbox_full")
    for _ in range(2):
        station.ingest.take(topics.up("gw-1", "dropped"), messages.encode(dropped))
    assert station.published[-1].settled == [(2, 70_000)]
    send(station, [1, 70_001])
    assert station.published[-1].settled == [(1, 70_001)]
    (row,) = rows(station, dropped_table)
    assert (row.readings, row.reason) == (9, "outbox_full")
    assert told == [9]
    station.close()


def test_an_old_image_put_back_loses_nothing_and_is_noted(station: Station) -> None:
    send(station, [1])
    station.ingest.take(READINGS, payload(1, reading("m12", 7)))
    assert kept(station) == [("m11", 1001), ("m12", 1007)]
    (note,) = rows(station, gateways.note_table)
    assert (note.kind, note.gateway) == (gateways.EPOCH_REUSED, "gw-1")


def test_a_gateway_that_is_heard_but_brings_no_data_is_found(station: Station) -> None:
    old = NOW - timedelta(hours=1)
    health = messages.Health(
        gateway="gw-1",
        at_ms=int(NOW.timestamp() * 1000),
        epoch="e1",
        last_seq=9,
        backlog_batches=3,
        backlog_readings=30,
        oldest_at_ms=int(old.timestamp() * 1000),
        clock=messages.ClockState.SYNCED,
        supply=messages.Supply.MAINS,
        lines=[],
        meters=[],
    )
    station.ingest.take(topics.up("gw-1", "health"), messages.encode(health))

    def overdue() -> set[str]:
        with station.database.read() as connection:
            minutes = timedelta(minutes=1)
            return gateways.data_overdue(connection, NOW, heard_within=2 * minutes, after=5 * minutes)

    assert overdue() == {"gw-1"}
    send(station, [1])
    assert overdue() == set()


def test_in_whatever_order_seqs_come_exactly_those_are_told(tmp_path: Path) -> None:
    station, numbers = Station(tmp_path), count(1)

    @settings(max_examples=60, deadline=None)
    @given(seqs=st.lists(st.integers(1, 12), max_size=30))
    def in_any_order(seqs: list[int]) -> None:
        epoch = f"epoch-{next(numbers)}"
        for seq in seqs:
            station.ingest.take(READINGS, payload(seq, epoch=epoch))
        assert station.settled(epoch=epoch) == set(seqs)
        if seqs:
            assert station.published[-1].settled == merged((seq, seq) for seq in seqs)

    in_any_order()
    station.close()


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 5)), max_size=20))
def test_merged_ranges_hold_the_same_seqs_and_never_touch(spans: list[tuple[int, int]]) -> None:
    ranges = [(first, first + length) for first, length in spans]
    joined = merged(ranges)
    assert {seq for low, high in joined for seq in range(low, high + 1)} == {
        seq for low, high in ranges for seq in range(low, high + 1)
    }
    assert all(before[1] + 1 < after[0] for before, after in pairwise(joined))


def test_a_long_backlog_behind_a_gap_is_told_in_a_message_of_bounded_size(station: Station) -> None:
    with station.database.write() as connection:
        row = {
            "gateway": "gw-1",
            "epoch": "e1",
            "outcome": "stored",
            "readings": 1,
            "digest": b"0" * 16,
            "at": NOW,
        }
        connection.execute(batch_table.insert(), [{**row, "seq": seq} for seq in range(3, 9000, 2)])
    send(station, [8001 + 1])
    settled = station.published[-1].settled
    assert (8001, 8003) in settled
    assert len(messages.encode(station.published[-1])) < 16_384


@dataclass
class Sent:
    """A message as the broker gives it."""

    topic: str
    payload: bytes
    retained: bool = False


def test_poison_in_a_group_hurts_none_of_its_neighbours(station: Station) -> None:
    bad = [payload(2, reading("m99")), b"\xff\xfe", payload(3, gateway="gw-2")]
    group = [Sent(READINGS, each) for each in [payload(1), *bad, payload(4)]]
    group.append(Sent(topics.up("gw-2", "readings"), payload(1, reading("m21"), gateway="gw-2")))
    station.ingest.take_many(group)
    assert [meter for meter, _ in kept(station)] == ["m11", "m11", "m21"]
    assert (station.settled(), station.settled("gw-2")) == ({1, 2, 3, 4}, {1})
    assert len(rows(station, dead_letter_table)) == 3


def test_a_group_is_told_once_to_each_gateway(station: Station) -> None:
    station.ingest.take_many([Sent(READINGS, payload(seq)) for seq in (1, 2, 3, 3)])
    assert station.published[-1].settled == [(1, 3)]
    assert len(station.published) == 2
    assert station.ingest.state.duplicates == 1


def test_a_rule_that_breaks_on_one_batch_of_a_group_holds_back_that_one_alone(tmp_path: Path) -> None:
    def breaks(_: Connection, batch: BatchOfReadings, __: Any) -> None:
        if batch.seq == 2:
            raise ValueError("a rule broke")

    station = Station(tmp_path, Callbacks(stored=[breaks]))
    station.ingest.take_many([Sent(READINGS, payload(seq)) for seq in (1, 2, 3)])
    assert station.settled() == {1, 3}
    station.close()


def test_old_batches_are_forgotten_and_stay_settled(station: Station) -> None:
    send(station, [1, 2, 3, 5])
    assert prune(station.database, NOW + timedelta(seconds=1)) == 3
    assert [row.seq for row in rows(station, batch_table)] == [5]
    send(station, [2, 6])  # one that comes again changes nothing
    assert station.published[-1].settled == [(1, 3), (5, 6)]
    assert len(kept(station)) == 5


def test_seqs_that_did_not_come_are_found_after_a_while(station: Station) -> None:
    send(station, [1, 4, 5, 9])
    dropped = Dropped(gateway="gw-1", epoch="e1", seqs=[(6, 7)], readings=9, reason="outbox_full")
    station.ingest.take(topics.up("gw-1", "dropped"), messages.encode(dropped))
    with station.database.read() as connection:
        assert missing(connection, "gw-1", "e1", NOW) == []
        found = missing(connection, "gw-1", "e1", NOW + timedelta(minutes=10))
    assert [(gap.first, gap.last, gap.since) for gap in found] == [(2, 3, NOW), (8, 8, NOW)]


def test_what_works_on_batches_together_is_called_once_for_a_group(tmp_path: Path) -> None:
    calls: list[tuple[list[int], list[str]]] = []

    def works(_: Connection, batches: Sequence[BatchOfReadings], readings: Sequence[Any]) -> None:
        calls.append(([each.seq for each in batches], [each.meter for each in readings]))

    station = Station(tmp_path, Callbacks(together=[works]))
    group = [("gw-1", READINGS, payload(seq, reading("m11"), reading("m12"))) for seq in (1, 2)]
    station.ingest.settle_many(group)
    station.ingest.settle_many(group)
    assert calls == [([1, 2], ["m11", "m12"] * 2)]
    station.close()
