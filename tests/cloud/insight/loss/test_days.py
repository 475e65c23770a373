"""A day's line loss from the archive: what counts as measured, what stays open, and what a night costs."""

from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from cloud.fleet.history import Book, Note, point_meter
from cloud.insight.loss import store
from cloud.insight.runs import Night
from cloud.insight.tasks import Lost
from cloud.metering.vee.point_day import Channel, Method
from tests.cloud.insight.loss.hamlet import ONE, Hamlet
from tests.cloud.metering.archive.village import DAY

NAN = float("nan")
SLOTS = 96


def test_a_measured_day_has_its_loss_on_either_database(either_hamlet: Hamlet) -> None:
    either_hamlet.fill(DAY)
    done = either_hamlet.losses.day(DAY)
    assert (done.areas, done.high, done.negative, done.not_computable) == (2, 0, 0, 0)
    found = either_hamlet.area(DAY)
    assert found.state == "normal"
    assert found.supply_kwh == pytest.approx(2 * 1.04 * SLOTS, rel=1e-6)
    assert found.loss_kwh == found.low_kwh == found.high_kwh
    assert found.rate == pytest.approx(0.04 / 1.04, rel=1e-5)
    with either_hamlet.database.read() as connection:
        feeder = store.feeders(connection, DAY)
    assert [(each.key, each.of_areas, each.points) for each in feeder] == [("F1", 2, 4)]
    assert feeder[0].rate == pytest.approx(0.04 / 1.04, rel=1e-5)


def test_reckoned_again_it_is_replaced_and_not_doubled(either_hamlet: Hamlet) -> None:
    either_hamlet.fill(DAY)
    either_hamlet.losses.day(DAY)
    either_hamlet.fill(DAY, M_1=500.0)
    either_hamlet.losses.day(DAY, ["A01"])
    with either_hamlet.database.read() as connection:
        found = store.areas(connection, DAY)
        feeders = store.feeders(connection, DAY)
    assert sorted((each.key, each.state) for each in found) == [("A01", "high"), ("A02", "normal")]
    assert feeders[0].loss_kwh == pytest.approx(sum(each.loss_kwh or 0 for each in found))


def test_a_meter_that_was_not_read_is_a_bound_and_no_loss(hamlet: Hamlet) -> None:
    for number in range(3):
        hamlet.fill(DAY + number * ONE, **({"M_1": NAN} if number == 2 else {}))
        hamlet.losses.day(DAY + number * ONE)
    found = hamlet.area(DAY + 2 * ONE)
    assert (found.state, found.reason, found.unmeasured) == ("not_computable", "meters_missing", 1)
    assert found.loss_kwh is None
    assert found.rate is None
    usual = 1.0 * SLOTS
    assert found.low_kwh == pytest.approx(0.08 * SLOTS + usual - 1.2 * usual, rel=1e-4)
    assert found.high_kwh == pytest.approx(0.08 * SLOTS + usual, rel=1e-4)
    assert hamlet.area(DAY + 2 * ONE, "A02").state == "normal"


def test_a_day_between_two_known_registers_is_measured_whatever_its_slots(hamlet: Hamlet) -> None:
    hamlet.fill(DAY, M_1=NAN)
    hamlet.registers("M-1", DAY, 1000.0, Method.REGISTER_SHAPED)
    hamlet.archive_days(DAY)
    hamlet.losses.day(DAY)
    assert (hamlet.area(DAY).state, hamlet.area(DAY).unmeasured) == ("normal", 0)


def test_an_estimated_day_is_open_however_usual_its_estimate(hamlet: Hamlet) -> None:
    hamlet.fill(DAY)
    hamlet.losses.day(DAY)
    hamlet.fill(DAY + ONE, M_1=NAN)
    hamlet.validate("M-1", DAY + ONE, 1000.0, method=int(Method.LIKE_DAY))
    hamlet.archive_days(DAY + ONE)
    hamlet.losses.day(DAY + ONE)
    found = hamlet.area(DAY + ONE)
    assert found.reason == "meters_missing"
    assert found.loss_kwh == pytest.approx(0.08 * SLOTS, rel=1e-4)
    assert found.estimated == pytest.approx(0.5, rel=1e-4)


def test_a_day_with_few_slots_missing_is_bounded_by_those(hamlet: Hamlet) -> None:
    hamlet.fill(DAY)
    hamlet.losses.day(DAY)
    lacking = np.full(SLOTS, 1000.0)
    lacking[40:44] = np.nan
    hamlet.fill(DAY + ONE, M_1=lacking)
    hamlet.losses.day(DAY + ONE)
    found = hamlet.area(DAY + ONE)
    assert found.high_kwh == pytest.approx(0.08 * SLOTS + 4, rel=1e-3)
    assert found.low_kwh == pytest.approx(0.08 * SLOTS + 4 - 1.2 * 4, rel=1e-3)
    assert (found.state, found.unmeasured, found.loss_kwh) == ("normal", 1, None)


def test_half_a_day_of_zeros_bounds_nothing_of_the_other_half(hamlet: Hamlet) -> None:
    hamlet.fill(DAY)
    hamlet.losses.day(DAY)
    dark = np.zeros(SLOTS)
    dark[60:] = np.nan
    hamlet.fill(DAY + ONE, M_1=dark)
    hamlet.losses.day(DAY + ONE)
    found = hamlet.area(DAY + ONE)
    assert found.reason == "meters_missing"
    assert (found.high_kwh or 0) - (found.low_kwh or 0) == pytest.approx(1.2 * SLOTS, rel=1e-3)


def test_an_outage_is_a_measured_zero(hamlet: Hamlet) -> None:
    hamlet.fill(DAY, M_1=NAN, M_2=NAN, T_1=NAN)
    for point in ("M-1", "M-2", "T-1"):
        hamlet.validate(point, DAY, 0.0, method=int(Method.OUTAGE_ZERO))
    hamlet.archive_days(DAY)
    hamlet.losses.day(DAY)
    found = hamlet.area(DAY)
    assert (found.state, found.reason, found.rate) == ("not_computable", "supply_zero", None)
    assert found.unmeasured == 0


def test_a_prosumer_is_on_both_sides_and_known_as_one_when_not_read(hamlet: Hamlet) -> None:
    hamlet.fill(DAY, T_1=1280.0)
    hamlet.validate("M-1", DAY, 800.0, channel=Channel.EXPORT)
    hamlet.archive_days(DAY)
    hamlet.losses.day(DAY)
    found = hamlet.area(DAY)
    assert found.supply_kwh == pytest.approx(2.08 * SLOTS, rel=1e-5)
    assert found.state == "normal"
    hamlet.fill(DAY + ONE, T_1=1280.0)
    hamlet.losses.day(DAY + ONE)
    open_day = hamlet.area(DAY + ONE)
    assert (open_day.reason, open_day.unmeasured) == ("meters_missing", 1)
    assert (open_day.high_kwh or 0) > 0.08 * SLOTS > (open_day.low_kwh or 0)


def test_a_meter_exchanged_within_the_day_is_one_customers_day(hamlet: Hamlet) -> None:
    hamlet.exchange("M-1", "M-9", hamlet.zone_instant(DAY) + timedelta(hours=9, minutes=5))
    hamlet.fill(DAY)
    hamlet.losses.day(DAY)
    found = hamlet.area(DAY)
    assert (found.state, found.points) == ("normal", 2)


def test_after_a_meter_was_taken_off_nothing_is_missing(hamlet: Hamlet) -> None:
    noon = hamlet.zone_instant(DAY) + timedelta(hours=12)
    with hamlet.database.write() as connection:
        book = Book(connection, Note("", "", hamlet.now))
        book.end(point_meter, "M-2", noon)
        book.write()
    morning = np.full(SLOTS, 1000.0)
    morning[48:] = np.nan
    area_meter = np.where(np.isnan(morning), 1040.0, 2080.0)
    hamlet.fill(DAY, M_2=morning, T_1=area_meter)
    hamlet.losses.day(DAY)
    found = hamlet.area(DAY)
    assert (found.unmeasured, found.state) == (0, "normal")
    assert found.loss_kwh == pytest.approx(0.06 * SLOTS, rel=1e-3)


def test_a_customer_counts_in_the_area_where_they_stand(hamlet: Hamlet) -> None:
    hamlet.move("M-2", "A02", hamlet.zone_instant(DAY + ONE))
    for day in (DAY, DAY + ONE):
        hamlet.fill(day)
        hamlet.losses.day(day)
    assert (hamlet.area(DAY).points, hamlet.area(DAY, "A02").points) == (2, 2)
    assert (hamlet.area(DAY + ONE).points, hamlet.area(DAY + ONE, "A02").points) == (1, 3)
    assert hamlet.area(DAY + ONE).state == "high"
    assert hamlet.area(DAY + ONE, "A02").state == "negative"


@pytest.mark.parametrize(("day", "slots"), [(date(2026, 3, 29), 92), (date(2025, 10, 26), 100)])
def test_days_of_the_clocks_change_are_whole_days(
    tmp_path: Path, sqlite_url: str, day: date, slots: int
) -> None:
    berlin = Hamlet(tmp_path, sqlite_url, zone=ZoneInfo("Europe/Berlin"))
    berlin.fill(day)
    berlin.losses.day(day)
    found = berlin.area(day)
    berlin.close()
    assert found.supply_kwh == pytest.approx(2.08 * slots, rel=1e-5)
    assert found.state == "normal"


def test_a_baseline_is_of_the_days_before_and_tells_what_is_new(hamlet: Hamlet) -> None:
    random = np.random.default_rng(1)
    supply = 40 + random.uniform(-5, 5, 40)
    kwh = np.stack([supply / 2 - 0.5 + 0.02 * random.standard_normal(40)] * 2)
    hamlet.history("A01", "F1", DAY - 40 * ONE, kwh, supply, supply**2 / SLOTS)
    hamlet.fill(DAY, M_1=200.0, M_2=170.0, T_1=416.0)
    hamlet.losses.day(DAY)
    found = hamlet.area(DAY)
    assert found.baseline_kwh == pytest.approx(1.0, abs=0.3)
    assert (found.state, found.reason) == ("high", "over_baseline")
    assert (found.z or 0) > 10


def test_a_night_reckons_all_areas_once_and_then_those_that_changed(hamlet: Hamlet) -> None:
    hamlet.fill(DAY)
    hamlet.losses.night(Night(DAY, ("A01",), newest=True))
    assert hamlet.area(DAY, "A02").state == "normal"
    hamlet.fill(DAY, M_3=100.0, M_1=100.0)
    hamlet.losses.night(Night(DAY, ("A01",), newest=False))
    assert (hamlet.area(DAY).state, hamlet.area(DAY, "A02").state) == ("high", "normal")


def test_an_area_of_which_the_archive_has_nothing_says_so(hamlet: Hamlet) -> None:
    hamlet.validate("M-3", DAY, 1000.0)
    hamlet.archive_days(DAY)
    hamlet.losses.day(DAY)
    assert hamlet.area(DAY).reason == "area_meter_missing"


def test_a_damaged_file_costs_its_own_area_and_nothing_else_of_the_night(hamlet: Hamlet) -> None:
    hamlet.fill(DAY)
    (file,) = (hamlet.archive.folder / "final" / "A01").glob("*.parquet")
    sound = file.read_bytes()
    file.write_bytes(b"not a file of ours")
    with pytest.raises(Lost, match="A01"):
        hamlet.losses.night(Night(DAY, ("A01", "A02"), newest=True))
    found = hamlet.area(DAY)
    assert (found.state, found.reason, found.points) == ("not_computable", "archive_damaged", 2)
    assert (found.loss_kwh, found.rate, found.supply_kwh) == (None, None, None)
    assert hamlet.area(DAY, "A02").state == "normal"
    with hamlet.database.read() as connection:
        (feeder,) = store.feeders(connection, DAY)
        assert {row.area for row in store.searches(connection)} == {"A01", "A02"}
    assert (feeder.of_areas, feeder.reason) == (1, "some_areas_not_computable")
    file.write_bytes(sound)
    hamlet.losses.night(Night(DAY, ("A01",), newest=False))
    assert hamlet.area(DAY).state == "normal"
