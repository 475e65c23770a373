"""Raw readings go only when the archive holds them, proved; hours stay; what comes late is taken in."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from cloud.kit.errors import Conflict
from cloud.metering.archive import due, manifest
from cloud.metering.archive.due import LateReadings
from cloud.metering.archive.hourly import KINDS
from cloud.metering.archive.layout import Layer
from cloud.metering.archive.nightly import Nightly, Upkeep
from cloud.metering.archive.retention import Retention
from cloud.metering.points import Point
from cloud.metering.sqlite.store import SqliteStore
from cloud.metering.store import BatchOfReadings
from cloud.settings import ArchiveSettings, RetentionSettings
from protocols.readings import Source
from tests.cloud.metering.archive.village import DAY, NOW, POINTS, Village, everything

NEXT = DAY + timedelta(1)


def retention(village: Village, **days: int) -> Retention:
    return Retention(village.archive, RetentionSettings(**({"raw_days": 30} | days)))


def nightly(village: Village, keep_days: int = 0) -> Nightly:
    return Nightly(village.archive, ArchiveSettings(after_days=1, compact_after_days=5), keep_days)


def test_raw_readings_go_when_the_archive_holds_them_and_only_those_old_enough(village: Village) -> None:
    for meter in POINTS:
        village.poll(meter, DAY)
        village.poll(meter, DAY, every_s=1800, seq=2)
    village.poll("M-1", DAY + timedelta(30))
    village.archive_days(DAY)
    village.archive_days(DAY + timedelta(30))
    values = sum(len(each) for each in everything(village.store)) - 288
    done = retention(village).run()
    assert (done.days, done.values, done.kept) == (1, values, {})
    assert len(everything(village.store)[0]) == 288
    assert retention(village).run().days == 0


def test_for_ever_is_for_ever(village: Village) -> None:
    village.poll("M-1", DAY)
    village.archive_days(DAY)
    assert retention(village, raw_days=0).run().days == 0
    assert len(everything(village.store)[0]) == 288


def test_a_damaged_file_keeps_the_readings_it_should_hold(village: Village) -> None:
    village.poll("M-1", DAY)
    village.archive_days(DAY)
    path = village.archive.folder / "raw/A01/2026-03-05.r1.parquet"
    broken = bytearray(path.read_bytes())
    broken[99] ^= 1
    path.write_bytes(broken)
    done = retention(village).run()
    assert done.days == 0
    assert "sha256" in done.kept[DAY]
    assert len(everything(village.store)[0]) == 288


def test_days_that_have_to_stay_do_not_stop_those_behind_them(
    village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.metering.archive.retention.DAYS_A_RUN", 1)
    for day in (DAY, NEXT):
        village.poll("M-1", day)
        village.archive_days(day)
    (village.archive.folder / "raw/A01/2026-03-05.r1.parquet").unlink()
    done = retention(village).run()
    assert (done.days, list(done.kept)) == (1, [DAY])


def test_what_the_archive_lacks_stays_and_is_archived_before_it_goes(village: Village) -> None:
    village.poll("M-1", DAY)
    village.archive_days(DAY)
    village.read(village.reading("M-2", village.zone_instant(DAY), 0))
    assert "not what the store holds" in retention(village).run().kept[DAY]
    assert len(everything(village.store)[0]) == 288 + 3
    nightly(village).run()
    assert retention(village).run().values == 288 + 3
    assert everything(village.store) == ([], [])


def test_a_reading_that_comes_between_comparing_and_letting_go_keeps_its_meters(village: Village) -> None:
    village.poll("M-1", DAY)
    village.archive_days(DAY)
    late = village.reading("M-1", village.zone_instant(DAY), 0, Source.PROFILE)

    class Meanwhile(SqliteStore):
        def let_go(self, *args: object) -> int:
            self.write(BatchOfReadings("gw-1", "e1", 9, [late]))
            return super().let_go(*args)  # type: ignore[arg-type]

    village.store.close()
    village.store = Meanwhile(village.folder / "readings.db")
    object.__setattr__(village.archive, "store", village.store)
    assert "something came" in retention(village).run().kept[DAY]
    assert len(everything(village.store)[0]) == 288 + 3


def test_what_comes_late_to_a_forgotten_day_joins_it_and_goes_too(village: Village) -> None:
    village.poll("M-1", DAY)
    village.archive_days(DAY)
    retention(village).run()
    village.clock.advance(1)
    late = village.reading("M-1", village.zone_instant(DAY) + timedelta(seconds=450), 1)
    batch = BatchOfReadings("gw-1", "e1", 5, [late])
    village.store.write(batch)
    with village.database.write() as connection:
        LateReadings(village.zone, village.clock).on_stored(connection, batch, batch.readings)
    assert nightly(village).run().files == 2
    hours = village.matrix(DAY, layer=Layer.HOURLY, channel="power_w_max", interval_s=3600)
    assert hours[0, 0] == 43
    assert retention(village).run().values == 3
    with village.database.read() as connection:
        (raw_file,) = manifest.live(connection, Layer.RAW, DAY, DAY)
    assert raw_file.rows == 288 + 3


def test_space_that_was_let_go_is_used_again(village: Village) -> None:
    path = village.folder / "readings.db"
    sizes = []
    for n in range(4):
        day = DAY + timedelta(n)
        village.poll("M-1", day, every_s=20, seq=n + 1)
        start = village.zone_instant(day)
        village.store.let_go(["M-1"], start, start + timedelta(1), 4320 * 3)
        village.store.close()
        sizes.append(path.stat().st_size)
        village.store = SqliteStore(path)
    assert sizes[0] > 200_000
    assert sizes[3] <= sizes[1] * 1.05


def test_layers_are_kept_as_long_as_each_may_be(village: Village) -> None:
    village.validate("M-1", DAY, 1.0)
    village.poll("M-1", DAY)
    village.archive_days(DAY)
    assert retention(village, raw_days=0, archive_days=40, hourly_days=40).run().files == 0
    assert retention(village, raw_days=0, archive_days=30, hourly_days=40).run().files == 4
    assert np.isnan(village.matrix(DAY)).all()
    assert village.matrix(DAY, layer=Layer.HOURLY, interval_s=3600)[0, 0] == 4
    assert retention(village, raw_days=0, archive_days=30, hourly_days=30).run().files == 1
    village.validate("M-1", DAY, 2.0)
    assert DAY not in nightly(village, keep_days=30).days()
    assert DAY in nightly(village).days()


def test_hours_have_their_energy_and_the_least_most_and_mean_of_what_was_measured(village: Village) -> None:
    wh = np.arange(96.0)
    wh[4] = np.nan
    village.validate("M-1", DAY, wh)
    village.poll("M-1", DAY)
    village.read(village.reading("M-1", village.zone_instant(DAY), 3, Source.FREEZE), seq=7)
    village.archive_days(DAY)

    def hour(channel: str) -> list[float]:
        found = village.matrix(DAY, points=["M-1"], layer=Layer.HOURLY, channel=channel, interval_s=3600)
        return list(found[0, :3])

    assert hour("energy_import_wh")[0] == 0 + 1 + 2 + 3
    assert np.isnan(hour("energy_import_wh")[1])
    assert hour("energy_import_wh")[2] == 8 + 9 + 10 + 11
    assert hour("power_w_min") == [40] * 3
    assert hour("power_w_max") == [43] * 3
    assert hour("power_w_mean") == [41.5] * 3  # the freeze of the same instant is not counted beside
    assert hour("voltage_v_mean") == [222.0] * 3


def test_the_job_archives_what_is_over_and_validated_then_what_changed_then_months(village: Village) -> None:
    village.clock.set(datetime(2026, 3, 6, 16, tzinfo=UTC))  # midnight of the 7th there
    assert nightly(village).run().days == 0
    village.validate("M-1", DAY, 1.0)
    village.validate("M-1", NEXT, 1.0)
    assert nightly(village).days() == [DAY]
    assert nightly(village).run().files == 4
    village.clock.advance(86_400)
    assert nightly(village).days() == [NEXT]
    assert nightly(village).run().months == 0
    assert nightly(village).days() == []
    village.validate("M-1", DAY, 2.0)
    assert nightly(village).days() == [DAY]
    nightly(village).run()
    village.clock.set(NOW)
    # days without any validation are waited for, a week
    assert nightly(village).days()[-1] == datetime(2026, 4, 1).date()
    done = nightly(village).run()
    assert done.months == 4
    assert village.matrix(DAY, NEXT)[0].tolist() == [2.0] * 96 + [1.0] * 96
    village.clock.advance(2 * 86_400)
    assert nightly(village).run().swept > 0
    assert len(village.files()) == 4


def test_late_readings_mark_their_closed_days_and_live_ones_do_not(village: Village) -> None:
    village.clock.set(village.zone_instant(NEXT) + timedelta(hours=5))
    late = LateReadings(village.zone, village.clock)
    live = [village.reading("M-1", village.zone_instant(NEXT) + timedelta(hours=n), n) for n in range(4)]
    old = [village.reading("M-1", village.zone_instant(NEXT) - timedelta(milliseconds=1), 0)]
    for readings in (live, [], old, old):
        batch = BatchOfReadings("gw-1", "e1", 1, readings)
        with village.database.write() as connection:
            late.on_stored(connection, batch, readings)
    with village.database.write() as connection:
        assert due.marks(connection) == {DAY: 2}
        due.done(connection, DAY, 1, 0, NOW)  # it was read before the second mark
        assert due.marks(connection) == {DAY: 2}
        due.done(connection, DAY, 2, 0, NOW)
        assert due.marks(connection) == {}


def test_both_in_one_job_and_a_station_without_readings_gets_no_folder(village: Village) -> None:
    job = Upkeep(village.archive, ArchiveSettings(), RetentionSettings(raw_days=30))
    job.run()
    assert not village.archive.folder.exists()
    village.validate("M-1", DAY, 1.0)
    village.poll("M-1", DAY)
    job.run()
    assert everything(village.store) == ([], [])
    with village.archive.turn(), pytest.raises(Conflict):
        job.run()


def test_a_store_that_boards_ask_is_given_the_hours_and_again_when_they_change(village: Village) -> None:
    class Shown(SqliteStore):
        def write_points(self, measurement: str, rows: Iterable[Point]) -> None:
            told.extend((measurement, row) for row in rows)

    told: list[tuple[str, Point]] = []
    village.store.close()
    village.store = Shown(village.folder / "readings.db")
    object.__setattr__(village.archive, "store", village.store)
    village.validate("M-1", DAY, 5.0)
    village.poll("M-2", DAY)
    village.archive_days(DAY)
    assert len(told) == 2 * 24
    start = village.zone_instant(DAY)
    assert told[0] == ("point_hour", Point({"point": "M-1"}, start, {"energy_import_wh": 20.0}))
    assert set(told[24][1].fields) == {f"{stem}_{what}" for stem in KINDS for what in ("min", "max", "mean")}
    told.clear()
    village.archive_days(DAY)
    assert told == []
    village.validate("M-1", DAY, 6.0)
    village.archive_days(DAY)
    assert told[0][1].fields == {"energy_import_wh": 24.0}
