"""A meter exchange made by a fitter reaches scope, ratio and bill without anybody typing it twice."""

from dataclasses import replace
from datetime import timedelta

import pytest

from cloud.customers import protection
from cloud.customers import store as customers
from cloud.fleet import events, registry, topology
from cloud.fleet.owners import owners
from cloud.kit.db import Database
from cloud.kit.errors import Conflict, Forbidden, Invalid, NotFound
from cloud.kit.scope import WHOLE_STATION
from cloud.metering.fieldwork.actions import Fieldwork
from cloud.metering.fieldwork.requests import NewMeter, Told
from cloud.metering.sqlite.store import SqliteStore
from cloud.metering.store import BatchOfReadings, ms
from protocols.readings import Quality, Source
from tests.cloud.metering.fieldwork.conftest import AT, NOW, REGISTER, TOLD, exchange, polled


def test_the_point_stays_and_the_customer_sees_each_meter_for_its_own_time(
    work: Fieldwork, records: Database
) -> None:
    work.exchange(exchange(), TOLD)
    with records.read() as connection:
        found = topology.installations(connection, AT - timedelta(days=1), NOW, points=["M-1"])
        scope = customers.scope_of(connection, "C-A")
        served = customers.meters_of_account(connection, "10A", NOW)
    assert [(each.meter, each.start, each.end) for each in found] == [
        ("M-1", topology.BEGINNING, AT),
        ("N-1", AT, None),
    ]
    assert scope.clip("M-1", NOW - timedelta(days=1), NOW) == [(NOW - timedelta(days=1), AT)]
    assert scope.clip("N-1", NOW - timedelta(days=1), NOW) == [(AT, NOW)]
    assert [each.meter for each in served] == ["N-1"]


def test_the_registry_of_today_has_the_new_meter_and_no_longer_the_old(
    work: Fieldwork, records: Database
) -> None:
    work.exchange(exchange(), TOLD)
    with records.read() as connection:
        assert [row.id for row in registry.meters(connection)] == ["M-2", "N-1"]
        assert registry.areas(connection)[0].meters == 2
        assert not registry.meter(connection, "M-1").installed
        assert registry.meter(connection, "N-1").gateway == "gw-a01"


def test_both_register_values_are_readings_of_their_own_source(work: Fieldwork, store: SqliteStore) -> None:
    work.exchange(exchange(), TOLD)
    kept = [each for each in store.rows(WHOLE_STATION) if each.source is Source.FIELD]
    assert [(each.meter, each.at_ms, each.value, each.gateway) for each in kept] == [
        ("M-1", ms(AT) - 1, 1_043_500, "field"),
        ("N-1", ms(AT), 20, "field"),
    ]


def test_an_exchange_is_unproven_until_the_new_meter_is_heard_and_fits(
    work: Fieldwork, store: SqliteStore, records: Database
) -> None:
    work.exchange(exchange(), TOLD)
    assert work.prove() == 0
    store.write(BatchOfReadings("gw-a01", "e", 8, [polled("N-1", AT - timedelta(hours=1), 10)]))
    assert work.prove() == 0, "what it said on the bench proves nothing"
    store.write(BatchOfReadings("gw-a01", "e", 9, [polled("N-1", NOW, 1_520)]))
    assert work.prove() == 1
    with records.read() as connection:
        assert events.events(connection, "M-1")[0].proven_at == NOW
        assert events.events(connection, unproven=True) == []


@pytest.mark.parametrize("value", [10, 900_000_000])
def test_a_first_reading_that_does_not_fit_proves_nothing(
    work: Fieldwork, store: SqliteStore, value: int
) -> None:
    work.exchange(exchange(), TOLD)
    store.write(BatchOfReadings("gw-a01", "e", 9, [polled("N-1", NOW, value)]))
    assert work.prove() == 0


def test_the_old_meters_proof_is_not_the_new_ones(work: Fieldwork, records: Database) -> None:
    with records.write() as connection:
        protection.prove(connection, "M-1", "10A", "operator", AT - timedelta(days=1))
    work.exchange(exchange(), TOLD)
    with records.write() as connection:
        [before] = customers.services_of(connection, "N-1", NOW)
        assert (before.account, before.proven_at) == ("10A", None)
        protection.prove(connection, "N-1", "10A", "operator", NOW)
        [after] = customers.services_of(connection, "N-1", NOW)
        assert (after.proven_at, after.proven_by) == (NOW, "operator")
        assert customers.services_of(connection, "M-1", NOW) == []


@pytest.mark.parametrize(
    ("removed", "told"),
    [
        (1_042_000, "is less than 1043000"),
        (9_000_000, "further than the meter can have counted"),
    ],
)
def test_a_removed_value_that_is_hard_to_believe_needs_a_reason_and_stays_doubted(
    work: Fieldwork, records: Database, store: SqliteStore, removed: int, told: str
) -> None:
    with pytest.raises(Conflict, match=told):
        work.exchange(exchange(removed), TOLD)
    with records.read() as connection:
        assert events.events(connection) == []
        assert registry.meter(connection, "M-1").installed
    work.exchange(exchange(removed), replace(TOLD, despite="表计显示如此，已拍照"))
    with records.read() as connection:
        [row] = events.events(connection)
    assert told in row.doubts[0]["text"]
    assert row.doubts[0]["despite"] == "表计显示如此，已拍照"
    kept = [each for each in store.rows(WHOLE_STATION) if each.source is Source.FIELD]
    assert kept[0].quality is Quality.SUSPECT


def test_a_meter_that_is_heard_after_its_removal_is_doubted(work: Fieldwork, store: SqliteStore) -> None:
    store.write(BatchOfReadings("gw-a01", "e", 9, [polled("M-1", AT + timedelta(hours=2), 1_046_000)]))
    with pytest.raises(Conflict, match="was still heard"):
        work.exchange(exchange(), TOLD)


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        ({"removed": {REGISTER: 1_000_000_000}}, Invalid, "more digits"),
        ({"removed": {REGISTER: 1_043_501}}, Invalid, "more decimals"),
        ({"installed": {REGISTER: -1}}, Invalid, "more digits"),
        ({"removed": {}}, Invalid, "both meters"),
        ({"removed": {REGISTER: 1_043_500, "power_w": 1}}, Invalid, "same registers"),
        ({"at": NOW + timedelta(hours=1)}, Invalid, "still to come"),
        ({"point": "M-9"}, NotFound, "no metering point"),
        ({"meter": NewMeter("M-1", "1")}, Invalid, "hangs there already"),
        ({"meter": NewMeter("M-2", "3")}, Conflict, "hangs at another point"),
        ({"meter": NewMeter("N-1", "000000000002")}, Invalid, "two meters answer to address"),
        ({"meter": NewMeter("N-1", "7", model="x")}, Invalid, "there is no model"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_of_it_kept(
    work: Fieldwork, records: Database, change: dict[str, object], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        work.exchange(replace(exchange(), **change), TOLD)  # type: ignore[arg-type]
    with records.read() as connection:
        assert events.events(connection) == []
        assert len(topology.installations(connection, topology.BEGINNING, NOW, points=["M-1"])) == 1


def test_without_a_reason_nothing_is_changed(work: Fieldwork) -> None:
    with pytest.raises(Invalid, match="say why"):
        work.exchange(exchange(), Told("fitter", "  "))


def test_a_companion_leaves_exchanges_to_their_owner(work: Fieldwork) -> None:
    work._owners = owners(None, "companion")
    with pytest.raises(Forbidden, match="meter is owned by marketing"):
        work.exchange(exchange(), TOLD)


def test_a_second_exchange_cannot_come_before_the_first(work: Fieldwork) -> None:
    work.exchange(exchange(), TOLD)
    with pytest.raises(Conflict, match="came to 'M-1' only at"):
        work.exchange(exchange(at=AT - timedelta(hours=1), meter="N-2"), TOLD)


def test_a_document_that_still_has_the_old_meter_brings_it_not_back(
    work: Fieldwork, records: Database
) -> None:
    from cloud.customers.intake.documents import import_customers
    from tests.cloud.metering.fieldwork.conftest import CUSTOMERS, REGISTRY

    work.exchange(exchange(), TOLD)
    with records.write() as connection:
        registry.import_registry(connection, REGISTRY)
        import_customers(connection, CUSTOMERS)
        assert not registry.meter(connection, "M-1").installed
        assert [each.meter for each in customers.meters_of_account(connection, "10A", NOW)] == ["N-1"]


def test_seals_go_with_the_meter_and_a_number_is_used_once(work: Fieldwork, records: Database) -> None:
    work.exchange(exchange(seals=("F-001",)), TOLD)
    with records.read() as connection:
        assert [row.no for row in events.seals(connection, "N-1")] == ["F-001"]
    again = exchange(removed=100, at=AT + timedelta(hours=1), meter="N-2", seals=("F-001",))
    with pytest.raises(Conflict, match="used already"):
        work.exchange(again, TOLD)
