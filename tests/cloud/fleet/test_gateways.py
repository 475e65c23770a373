"""What is known of gateways and their meters, and what is not taken for knowledge."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from sqlalchemy import Connection

from cloud.fleet import gateways
from cloud.fleet.registry import import_registry
from cloud.kit.db import Database
from protocols.mqtt.messages import ClockState, Health, LineHealth, MeterHealth, Status, Supply

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
REGISTRY = {
    "area": [{"id": area, "name": area, "feeder": "f1"} for area in ("a1", "a2")],
    "gateway": [{"id": gateway, "name": gateway} for gateway in ("gw-1", "gw-2")],
    "meter": [
        {
            "id": meter,
            "address": address,
            "model": "dlt645-2007-1p",
            "area": area,
            "gateway": gateway,
            "line": line,
            "role": role,
        }
        for meter, address, area, gateway, line, role in (
            ("m1", "1", "a1", "gw-1", "l1", "customer"),
            ("m2", "2", "a1", "gw-1", "l1", "customer"),
            ("total", "3", "a1", "gw-1", "l2", "area"),
            ("m4", "4", "a1", "gw-2", "l1", "customer"),
            ("m5", "5", "a2", "gw-2", "l1", "customer"),
        )
    ],
}


def health(
    gateway: str = "gw-1",
    epoch: str = "e1",
    unanswered: dict[str, int] | None = None,
    *,
    supply: Supply = Supply.MAINS,
    backlog: int = 0,
    at: datetime = NOW,
) -> Health:
    meters = {"m1": 0, "m2": 0, "total": 0} | (unanswered or {})
    return Health(
        gateway=gateway,
        at_ms=_ms(at),
        epoch=epoch,
        last_seq=9,
        backlog_batches=backlog,
        backlog_readings=backlog,
        oldest_at_ms=_ms(at - 10 * MINUTE) if backlog else None,
        clock=ClockState.SYNCED,
        supply=supply,
        lines=[LineHealth(line="l1", connected=True, noise_bytes=0, bad_frames=0)],
        meters=[
            MeterHealth(
                meter=meter,
                line="l1",
                asked=10,
                answered=10 - count,
                unanswered=count,
                answered_at_ms=_ms(at - count * MINUTE),
            )
            for meter, count in meters.items()
        ],
    )


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def status(*, online: bool, epoch: str = "e1") -> Status:
    return Status(gateway="gw-1", online=online, epoch=epoch, at_ms=_ms(NOW) if online else None)


@pytest.fixture
def filled(database: Database) -> Database:
    with database.write() as connection:
        import_registry(connection, REGISTRY)
    return database


def online(connection: Connection) -> tuple[bool, datetime | None, datetime | None]:
    row = gateways.state(connection, "gw-1")
    assert row is not None
    return row.online, row.online_since, row.heard_at


def test_the_registry_says_which_meters_a_gateway_may_speak_of(filled: Database) -> None:
    with filled.read() as connection:
        assert gateways.meters_of(connection, "gw-2") == {"m4", "m5"}
        assert gateways.known(connection, "gw-1")
        assert not gateways.known(connection, "gw-99")


def test_a_retained_status_tells_what_was_and_is_not_being_heard(filled: Database) -> None:
    with filled.write() as connection:
        assert gateways.take_status(connection, status(online=True), NOW, retained=True)
        assert online(connection) == (True, NOW, None)
        assert gateways.missed(connection, NOW + 2 * MINUTE, within_a_minute) == set()
        assert not gateways.take_status(connection, status(online=True), NOW + MINUTE)
        assert online(connection) == (True, NOW, NOW + MINUTE)
        assert gateways.missed(connection, NOW + 2 * MINUTE, within_a_minute) == set()
        assert gateways.missed(connection, NOW + 3 * MINUTE, within_a_minute) == {"gw-1"}


def test_a_gateway_that_speaks_seldom_is_not_missed_sooner_than_it_said(filled: Database) -> None:
    def within(every_s: float) -> timedelta:
        return max(MINUTE, timedelta(seconds=2.5 * every_s))

    with filled.write() as connection:
        gateways.take_health(connection, msgspec.structs.replace(health(), every_s=300.0), NOW)
        assert gateways.missed(connection, NOW + 12 * MINUTE, within) == set()
        assert gateways.missed(connection, NOW + 13 * MINUTE, within) == {"gw-1"}


def within_a_minute(_every_s: float) -> timedelta:
    return MINUTE


def test_the_last_will_turns_a_gateway_offline_and_is_not_heard_from_it(filled: Database) -> None:
    with filled.write() as connection:
        gateways.take_status(connection, status(online=True), NOW)
        assert gateways.take_status(connection, status(online=False), NOW + MINUTE)
        assert online(connection) == (False, NOW + MINUTE, NOW)
        assert not gateways.take_status(connection, status(online=False), NOW + 2 * MINUTE)
        assert online(connection)[1] == NOW + MINUTE


def test_whoever_speaks_is_online_whatever_a_late_will_said(filled: Database) -> None:
    with filled.write() as connection:
        gateways.take_status(connection, status(online=False), NOW)
        gateways.take_health(connection, health(), NOW + MINUTE)
        assert online(connection) == (True, NOW + MINUTE, NOW + MINUTE)
        gateways.take_status(connection, status(online=False), NOW + 2 * MINUTE)
        gateways.data_came(connection, "gw-1", NOW + 3 * MINUTE)
        assert online(connection) == (True, NOW + 3 * MINUTE, NOW + 3 * MINUTE)


def test_a_new_epoch_is_noted_once_and_an_old_will_or_retained_word_is_no_change(filled: Database) -> None:
    with filled.write() as connection:
        gateways.take_health(connection, health(), NOW)
        assert gateways.notes(connection) == []
        gateways.take_status(connection, status(online=True, epoch="e2"), NOW)
        gateways.take_health(connection, health(epoch="e2"), NOW)
        gateways.take_status(connection, status(online=False, epoch="e1"), NOW)
        gateways.take_status(connection, status(online=True, epoch="e1"), NOW, retained=True)
        (note,) = gateways.notes(connection)
        assert (note.gateway, note.kind, note.detail) == ("gw-1", gateways.EPOCH_CHANGED, "e1 to e2")
        assert gateways.notes(connection, after=note.id) == []


def test_the_health_before_is_given_back(filled: Database) -> None:
    with filled.write() as connection:
        assert gateways.take_health(connection, health(), NOW) is None
        assert gateways.take_health(connection, health(unanswered={"m1": 2}), NOW) == health()
        assert gateways.health_of(connection, "gw-1") == health(unanswered={"m1": 2})
        assert gateways.health_of(connection, "gw-2") is None


def test_an_areas_meters_are_seen_through_every_gateway_that_reaches_into_it(filled: Database) -> None:
    with filled.write() as connection:
        gateways.take_health(connection, health(unanswered={"m1": 2, "m2": 1}), NOW)
        found = {each.meter: each for each in gateways.meters_of_areas(connection, ["a1"])}
    assert list(found) == ["m1", "m2", "m4", "total"]
    assert {meter for meter, each in found.items() if each.silent} == {"m1"}
    assert (found["m4"].unanswered, found["m4"].heard_at, found["m4"].silent) == (None, None, False)
    assert (found["total"].role, found["total"].answered_at, found["total"].heard_at) == ("area", NOW, NOW)


def test_a_line_has_a_witness_only_in_a_meter_that_answered_lately(filled: Database) -> None:
    with filled.write() as connection:
        gateways.take_health(connection, health(unanswered={"m1": 3}), NOW)
        assert gateways.line_witness(connection, "gw-1", "l1", NOW - MINUTE) == "m2"
        assert gateways.line_witness(connection, "gw-1", "l1", NOW + MINUTE) is None
        gateways.take_health(connection, health(unanswered={"m1": 3, "m2": 1}), NOW)
        assert gateways.line_witness(connection, "gw-1", "l1", NOW - 10 * MINUTE) is None
        assert gateways.line_witness(connection, "gw-2", "l1", NOW) is None


def test_what_feeds_a_gateway_is_its_own_word(filled: Database) -> None:
    with filled.write() as connection:
        assert gateways.supply(connection, "gw-1") is Supply.UNKNOWN
        gateways.take_health(connection, health(supply=Supply.BACKUP), NOW)
        assert gateways.supply(connection, "gw-1") is Supply.BACKUP


def test_a_gateway_that_is_heard_and_holds_data_that_do_not_come_is_overdue(filled: Database) -> None:
    def overdue(connection: Connection, now: datetime) -> set[str]:
        return gateways.data_overdue(connection, now, heard_within=2 * MINUTE, after=5 * MINUTE)

    with filled.write() as connection:
        gateways.take_health(connection, health(backlog=3), NOW)
        assert overdue(connection, NOW) == {"gw-1"}
        assert overdue(connection, NOW + 3 * MINUTE) == set()
        gateways.data_came(connection, "gw-1", NOW)
        assert overdue(connection, NOW + MINUTE) == set()
        gateways.take_health(connection, health(at=NOW + 6 * MINUTE, backlog=3), NOW + 6 * MINUTE)
        assert overdue(connection, NOW + 6 * MINUTE) == {"gw-1"}
        gateways.take_health(connection, health(at=NOW + 6 * MINUTE), NOW + 6 * MINUTE)
        assert overdue(connection, NOW + 6 * MINUTE) == set()


def test_a_gateway_that_changes_its_epoch_all_the_time_fills_no_disk(filled: Database) -> None:
    with filled.write() as connection:
        for number in range(gateways.KEPT_NOTES + 3):
            gateways.note(connection, "gw-1", gateways.EPOCH_CHANGED, f"{number}", NOW)
        gateways.note(connection, "gw-2", gateways.EPOCH_CHANGED, "one", NOW)
        kept = [note.detail for note in gateways.notes(connection)]
    assert kept == [str(number) for number in range(3, gateways.KEPT_NOTES + 3)] + ["one"]
