"""Ratio changes, moves and hand-read values: new facts from an instant on, with who and why, no edits."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from cloud.fleet import events, history, registry, topology
from cloud.kit.db import Database
from cloud.kit.errors import Conflict, Invalid, NotFound
from cloud.kit.scope import WHOLE_STATION
from cloud.metering.fieldwork.actions import Fieldwork
from cloud.metering.fieldwork.requests import FieldRead, Move, RatioChange
from cloud.metering.primary import PrimaryReadings
from cloud.metering.sqlite.store import SqliteStore
from cloud.metering.store import BatchOfReadings, ms
from protocols.readings import Source
from tests.cloud.metering.fieldwork.conftest import AT, NOW, REGISTER, TOLD, exchange, polled

JPEG = b"\xff\xd8\xff\xe0" + b"\x00" * 100 + b"\xff\xd9"
HOUR = timedelta(hours=1)


def ratio_change(ct: float = 60.0, **more: object) -> RatioChange:
    return replace(RatioChange("M-2", AT, ct, 1.0, {REGISTER: 1_044_000}), **more)  # type: ignore[arg-type]


def field_read(value: int = 1_044_000, **more: object) -> FieldRead:
    return replace(FieldRead("M-1", AT, {REGISTER: value}), **more)  # type: ignore[arg-type]


def test_each_value_is_multiplied_by_the_ratio_in_force_at_its_instant(
    work: Fieldwork, records: Database, store: SqliteStore
) -> None:
    work.change_ratio(ratio_change(), TOLD)
    store.write(BatchOfReadings("gw-a01", "e", 9, [polled("M-2", AT + HOUR, 1_045_000)]))
    primary = PrimaryReadings(records, store)
    found = primary.series(WHOLE_STATION, "M-2", REGISTER, AT - HOUR, NOW)
    assert list(found.values) == [1_043_000 * 40, 1_044_000 * 60, 1_045_000 * 60]
    [newest] = primary.latest(WHOLE_STATION, ["M-2"])
    assert newest.value == 1_045_000 * 60


@pytest.mark.parametrize(
    ("registers", "expected"), [({REGISTER: 1_043_400}, 400 * 40 + 600 * 60), ({}, 500 * 40 + 500 * 60)]
)
def test_the_energy_across_a_ratio_change_is_each_part_by_its_own_ratio(
    work: Fieldwork, records: Database, store: SqliteStore, registers: dict[str, int], expected: int
) -> None:
    at = AT - HOUR / 2
    work.change_ratio(ratio_change(at=at, registers=registers), TOLD)
    store.write(BatchOfReadings("gw-a01", "e", 9, [polled("M-2", AT, 1_044_000)]))
    found = PrimaryReadings(records, store).advances(WHOLE_STATION, "M-2", REGISTER, AT - HOUR, NOW)
    assert found.values[-1] - found.values[0] == expected


def test_a_ratio_change_ends_one_installation_and_begins_the_next(work: Fieldwork, records: Database) -> None:
    work.change_ratio(ratio_change(), TOLD)
    with records.read() as connection:
        found = topology.installations(connection, AT - HOUR, NOW, points=["M-2"])
        assert registry.meter(connection, "M-2").ct_ratio == 60.0
    assert [(int(each.ct_ratio), each.start, each.end) for each in found] == [
        (40, topology.BEGINNING, AT),
        (60, AT, None),
    ]


def test_what_was_so_before_stays_written_with_who_withdrew_it(work: Fieldwork, records: Database) -> None:
    work.change_ratio(ratio_change(), TOLD)
    table = history.point_facts
    with records.read() as connection:
        rows = connection.execute(select(table).where(table.c.point == "M-2").order_by(table.c.id)).all()
    assert [(row.ct_ratio, row.end, row.withdrawn_by) for row in rows] == [
        (40.0, None, "fitter"),
        (40.0, AT, None),
        (60.0, None, None),
    ]
    assert (rows[2].by, rows[2].why, rows[2].recorded_at) == ("fitter", TOLD.why, NOW)


def test_a_ratio_change_before_a_later_one_is_refused(work: Fieldwork) -> None:
    work.change_ratio(ratio_change(), TOLD)
    with pytest.raises(Conflict, match="changed again at"):
        work.change_ratio(ratio_change(50.0, at=AT - HOUR, registers={}), TOLD)


@pytest.mark.parametrize(
    ("ct", "error"), [(40.0, Conflict), (0.0, Invalid), (1e9, Invalid), (float("nan"), Invalid)]
)
def test_a_ratio_that_is_none_or_no_change_is_refused(
    work: Fieldwork, ct: float, error: type[Exception]
) -> None:
    with pytest.raises(error):
        work.change_ratio(ratio_change(ct), TOLD)


def test_a_moved_point_belongs_to_each_area_in_its_time(work: Fieldwork, records: Database) -> None:
    work.move(Move("M-1", AT, "A02", "B-7"), TOLD)
    with records.read() as connection:
        before, after = topology.installations(connection, AT - HOUR, NOW, points=["M-1"])
        assert (before.area, before.feeder, after.area, after.feeder) == ("A01", "F1", "A02", "F2")
        assert [each.point for each in topology.installations(connection, AT, NOW, areas=["A02"])] == ["M-1"]
        assert [row.id for row in registry.meters(connection, area="A02")] == ["M-1"]
        [day] = topology.in_service(connection, AT - HOUR, AT + HOUR, areas=["A02"])
        assert day.partly == "installed"


@pytest.mark.parametrize(("area", "error"), [("A09", Invalid), ("A01", Conflict)])
def test_a_move_to_nowhere_or_to_where_it_is_is_refused(
    work: Fieldwork, area: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        work.move(Move("M-1", AT, area), TOLD)


def test_a_hand_read_value_with_its_photo_is_kept_beside_what_was_polled(
    work: Fieldwork, records: Database, store: SqliteStore
) -> None:
    number = work.read_by_hand(field_read(photo=JPEG), TOLD)
    with records.read() as connection:
        row = events.read(connection, number)
    assert (row.meter, row.registers, row.by) == ("M-1", {REGISTER: 1_044_000}, "fitter")
    assert work.photos.read(row.photo) == JPEG
    [kept] = [each for each in store.rows(WHOLE_STATION) if each.source is Source.FIELD]
    assert (kept.value, kept.at_ms, kept.gateway) == (1_044_000, ms(AT), "field")


def test_a_correction_wins_and_what_it_corrects_is_kept_as_conflict(
    work: Fieldwork, store: SqliteStore
) -> None:
    first = work.read_by_hand(field_read(1_044_900), TOLD)
    second = work.read_by_hand(field_read(1_044_000, replaces=first), TOLD)
    work.read_by_hand(field_read(1_044_100, replaces=second), TOLD)
    values = store.series(WHOLE_STATION, "M-1", REGISTER, AT, NOW, Source.FIELD).values
    assert list(values) == [1_044_100]
    assert [each.value for each in store.conflicts(WHOLE_STATION)] == [1_044_000, 1_044_900]
    with pytest.raises(Conflict, match="corrected already"):
        work.read_by_hand(field_read(1_044_200, replaces=first), TOLD)


def test_the_same_instant_twice_has_to_say_that_it_corrects(work: Fieldwork) -> None:
    work.read_by_hand(field_read(), TOLD)
    with pytest.raises(Conflict, match="correct that one"):
        work.read_by_hand(field_read(1_044_010), TOLD)


def test_a_correction_is_of_the_same_meter_and_instant(work: Fieldwork) -> None:
    number = work.read_by_hand(field_read(), TOLD)
    with pytest.raises(Invalid, match="same point, meter and instant"):
        work.read_by_hand(field_read(at=AT + HOUR, replaces=number), TOLD)


@pytest.mark.parametrize(
    "photo", [b"", b"GIF89a" + b"0" * 50, JPEG[:-2], b"\x89PNG\r\n\x1a\n", JPEG + b"\x00" * 5 * 1024 * 1024]
)
def test_a_photo_that_is_none_too_big_or_cut_short_is_refused(
    work: Fieldwork, photo: bytes, records: Database
) -> None:
    with pytest.raises(Invalid):
        work.read_by_hand(field_read(photo=photo), TOLD)
    with records.read() as connection:
        assert events.reads(connection, "M-1") == []


@pytest.mark.parametrize("name", ["../records.db", "0" * 63, "G" * 64])
def test_no_other_file_can_be_had_as_a_photo(work: Fieldwork, name: str) -> None:
    with pytest.raises(NotFound):
        work.photos.read(name)


def test_a_photo_whose_file_was_changed_is_not_shown(work: Fieldwork) -> None:
    photo = work.photos.keep(JPEG)
    (work.photos.folder / photo.sha256).write_bytes(JPEG[::-1])
    with pytest.raises(NotFound, match="was changed"):
        work.photos.read(photo.sha256)


def test_a_value_read_by_hand_before_an_exchange_is_the_old_meters(
    work: Fieldwork, records: Database
) -> None:
    work.exchange(exchange(), TOLD)
    number = work.read_by_hand(field_read(1_043_200, at=AT - HOUR / 2), TOLD)
    with records.read() as connection:
        assert events.read(connection, number).meter == "M-1"
