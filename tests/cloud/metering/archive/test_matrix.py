"""What was validated comes back slot for slot, whatever the registry, the clocks and the months did."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cloud.kit.errors import Conflict
from cloud.metering.archive import files, reader
from cloud.metering.archive.layout import Layer
from cloud.metering.vee.days import Channel, Flag, Method
from tests.cloud.metering.archive.village import DAY, POINTS, Village, everything, total

NEXT = DAY + timedelta(1)


def test_days_come_back_slot_for_slot_and_what_nobody_said_is_missing(either_village: Village) -> None:
    village = either_village
    wh = np.arange(96.0)
    wh[7] = np.nan
    village.validate("M-1", DAY, wh)
    village.validate("M-3", NEXT, 5.0)
    village.archive_days(DAY, NEXT)
    found = village.matrix(DAY, NEXT)
    assert found.dtype == np.float32
    assert found.shape == (4, 192)
    np.testing.assert_array_equal(found[0], np.concatenate([wh, np.full(96, np.nan)]).astype(np.float32))
    assert np.isnan(found[[1, 3]]).all()
    np.testing.assert_array_equal(found[2, 96:], np.full(96, 5.0, np.float32))


def test_points_come_in_the_order_asked_for_and_a_month_says_what_its_days_said(village: Village) -> None:
    for n, point in enumerate(POINTS):
        for day in (DAY, NEXT, DAY + timedelta(3)):
            village.validate(point, day, np.arange(96.0) + 1000 * n + day.day)
    village.archive_days(DAY, DAY + timedelta(3))
    order = ("M-4", "nobody", "M-1", "M-3")
    before = village.matrix(DAY, DAY + timedelta(3), order)
    village.compact()
    assert sum("final" in name and "2026-03.r" in name for name in village.files()) == 2
    np.testing.assert_array_equal(village.matrix(DAY, DAY + timedelta(3), order), before)
    assert before[0, 0] == 3000 + DAY.day
    assert np.isnan(before[:, 192:288]).all()
    np.testing.assert_array_equal(village.matrix(NEXT, NEXT, order), before[:, 96:192])


def test_values_are_used_where_they_lie_in_the_file(village: Village) -> None:
    village.validate("M-1", DAY, 5.0)
    village.validate("M-2", DAY, 6.0)
    village.archive_days(DAY)
    (name,) = (name for name in village.files() if name.startswith("final/A01"))
    found = files.Mapped(village.archive.folder, name).values("energy_import_wh")
    assert found is not None
    assert isinstance(found.base, pa.Buffer)
    column = pq.read_table(village.archive.folder / name).column("energy_import_wh")
    np.testing.assert_array_equal(found, column.to_numpy())


def test_flags_methods_and_the_other_channels_come_too(village: Village) -> None:
    village.validate("M-1", DAY, 5.0, flag=Flag.GAP | Flag.EXCHANGE, method=Method.LIKE_DAY)
    village.validate("M-2", DAY, 6.0, channel=Channel.EXPORT)
    village.archive_days(DAY)
    flags = village.matrix(DAY, layer=Layer.FLAGS)
    assert flags.dtype == np.uint32
    assert flags[:, 5].tolist() == [Flag.GAP | Flag.EXCHANGE, 0, 0, 0]
    method = village.matrix(DAY, layer=Layer.METHOD)
    assert method.dtype == np.uint8
    assert method[:, 5].tolist() == [Method.LIKE_DAY, Method.MISSING, 0, 0]
    export = village.matrix(DAY, channel="energy_export_wh")
    assert export[1, 0] == 6
    assert np.isnan(export[0]).all()


@pytest.mark.parametrize(("day", "slots"), [(date(2026, 3, 29), 92), (date(2026, 10, 25), 100)])
def test_a_day_of_92_or_100_slots_lies_between_its_neighbours_without_a_seam(
    tmp_path: Path, sqlite_url: str, day: date, slots: int
) -> None:
    village = Village(tmp_path, sqlite_url, ZoneInfo("Europe/Berlin"))
    before, after = day - timedelta(1), day + timedelta(1)
    for each, wh in ((before, 1.0), (day, 2.0), (after, 3.0)):
        village.validate("M-1", each, wh)
    village.archive_days(before, after)
    for _ in range(2):
        found = village.matrix(before, after, ["M-1"])[0]
        assert found.tolist() == [1.0] * 96 + [2.0] * slots + [3.0] * 96
        assert village.matrix(day, points=["M-1"]).shape == (1, slots)
        hours = village.matrix(day, points=["M-1"], layer=Layer.HOURLY, interval_s=3600)[0]
        assert hours.tolist() == [8.0] * (slots // 4)
        village.compact()
    village.close()


def test_shorter_intervals_are_added_up_and_longer_ones_are_not_made_up(village: Village) -> None:
    five = np.ones(288)
    five[4] = np.nan
    village.validate("M-1", DAY, five, interval_s=300, flag=Flag.SPIKE)
    village.validate("M-2", DAY, 40.0, interval_s=3600)
    village.archive_days(DAY)
    quarter = village.matrix(DAY)
    assert quarter[0, 0] == 3
    assert np.isnan(quarter[0, 1])
    assert np.isnan(quarter[1]).all()
    assert village.matrix(DAY, layer=Layer.FLAGS)[0, 0] == Flag.SPIKE
    hour = village.matrix(DAY, interval_s=3600)
    assert np.isnan(hour[0, 0])
    assert hour[:2, 1].tolist() == [12, 40]
    assert village.matrix(DAY, interval_s=300)[0, 3] == 1


def test_a_point_that_moved_in_the_month_is_in_one_area_a_day_and_in_one_row_of_the_matrix(
    village: Village,
) -> None:
    village.move("M-1", "A02", datetime(2026, 3, 5, 16, tzinfo=UTC))  # midnight of the 6th there
    for day, wh in ((DAY, 1.0), (NEXT, 2.0)):
        village.validate("M-1", day, wh)
        village.poll("M-1", day)
    village.archive_days(DAY, NEXT)
    for _ in range(2):
        assert village.matrix(DAY, NEXT)[0].tolist() == [1.0] * 96 + [2.0] * 96
        with village.database.read() as connection:
            for area, wh in (("A01", 1.0), ("A02", 2.0)):
                found = reader.tables(
                    connection, village.archive.folder, Layer.FINAL, DAY, NEXT, village.zone, [area]
                )
                assert [set(table.column("energy_import_wh").to_pylist()) for _, table in found] == [{wh}]
        village.compact()


def test_a_move_told_of_afterwards_leaves_nothing_behind(village: Village) -> None:
    village.validate("M-1", DAY, 1.0)
    village.poll("M-1", DAY)
    village.archive_days(DAY)
    village.compact()
    village.move("M-1", "A02", datetime(2026, 1, 1, tzinfo=UTC))
    village.archive_days(DAY)
    for _ in range(2):
        with village.database.read() as connection:
            for layer in Layer:
                found = reader.tables(connection, village.archive.folder, layer, DAY, DAY, village.zone)
                assert [area for area, _ in found] == ["A02"], layer
        assert village.matrix(DAY)[0].tolist() == [1.0] * 96
        village.compact()


def test_only_what_changed_is_written_again_under_a_new_name(village: Village) -> None:
    for point in POINTS:
        village.validate(point, DAY, 1.0)
        village.poll(point, DAY)
    assert len(village.archive_days(DAY)) == 2 * 5
    assert village.archive_days(DAY) == []
    village.validate("M-1", DAY, 2.0)
    assert {each.path for each in village.archive_days(DAY)} == {
        f"{layer}/A01/2026-03-05.r2.parquet" for layer in ("final", "hourly")
    }
    village.compact()
    assert village.archive_days(DAY) == []
    assert village.compact() == []
    village.poll("M-3", DAY, every_s=300, seq=2)
    assert [each.path for each in village.archive_days(DAY)] == ["raw/A02/2026-03-05.r3.parquet"]
    rows, conflicts = everything(village.store)
    of_area = [each for each in rows + conflicts if each.meter in ("M-3", "M-4")]
    assert len(of_area) > (96 + 288) * 3
    assert total(village.compact()) == len(of_area)


def test_a_file_that_is_gone_is_told_and_not_taken_for_missing_values(village: Village) -> None:
    village.validate("M-1", DAY, 1.0)
    village.archive_days(DAY)
    (village.archive.folder / "final/A01/2026-03-05.r1.parquet").unlink()
    with pytest.raises(Conflict, match=r"2026-03-05.r1.parquet"):
        village.matrix(DAY)
