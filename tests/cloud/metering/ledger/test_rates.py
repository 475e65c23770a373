"""What a day comes to: expected, received, late and left out; three rates, each with its denominator."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from cloud.fleet.commands import Wish
from cloud.kit.days import midnight
from cloud.kit.db import Database
from cloud.metering.ledger.exclusions import LeftOut, Place
from cloud.metering.ledger.rates import By
from cloud.metering.ledger.reasons import Excluded
from protocols.mqtt.orders import OrderKind, OrderState
from protocols.readings import Source
from tests.cloud.fleet.station import GATEWAY, METER
from tests.cloud.metering.ledger.collecting import AREA, DAY, Collecting, at, opened


def test_a_slot_is_expected_once_it_is_over_and_received_once_it_was_read(station: Collecting) -> None:
    station.poll(8)
    station.count()
    assert station.figures() == (7, 7, 0, 0)  # the eighth ended this very moment
    station.clock.advance(180)
    station.count()
    assert station.figures() == (8, 8, 0, 0)
    assert station.rate().curve.share == 0.5  # the other area of the station said nothing
    assert [(each.key, each.curve.received, each.curve.expected) for each in station.rates(By.AREA)] == [
        ("A01", 48, 48),
        ("A02", 0, 48),
    ]
    assert [each.silent for each in station.rates(By.GATEWAY)] == [0, 6]


def test_missing_is_missing_and_never_zero(station: Collecting) -> None:
    station.poll(4)
    station.poll(8, [meter for meter in AREA if meter != METER], first=4)
    station.clock.advance(180)
    station.count()
    assert station.figures() == (8, 4, 0, 0)
    assert station.slots_heard() == [0, 1, 2, 3]


def test_a_value_that_came_late_is_received_and_called_late(station: Collecting) -> None:
    station.poll(4)
    station.clock.set(at(2) + timedelta(seconds=1))  # the fourth slot's end is 60 min and a second ago
    station.come(METER, station.quarters(3, 8))
    station.count()
    assert station.figures() == (7, 7, 0, 0)  # it had come in time before
    station.clock.set(at(4))
    station.come(METER, station.quarters(8, 15))
    station.count()
    assert station.figures() == (15, 15, 3, 0)
    station.come(METER, station.quarters(0, 15))  # all of it once more
    station.count()
    assert station.figures() == (15, 15, 3, 0)


def test_a_closed_day_is_counted_again_when_something_comes_for_it(station: Collecting) -> None:
    station.poll(90)
    station.clock.set(at(26))
    station.count()
    assert station.figures() == (96, 90, 0, 0)
    station.clock.set(at(60))
    station.come(METER, station.quarters(90, 96), Source.PROFILE)
    station.count()
    assert station.figures() == (96, 96, 6, 0)
    received = {each.key: each.curve.received for each in station.rates(By.AREA)}
    assert received == {"A01": 5 * 90 + 96, "A02": 0}


@pytest.mark.parametrize(
    ("day", "slots"), [(date(2026, 3, 29), 92), (date(2026, 3, 28), 96), (date(2026, 10, 25), 100)]
)
def test_a_day_of_summer_time_has_92_or_100_slots(
    sqlite_url: str, tmp_path: Path, day: date, slots: int
) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    database = Database(sqlite_url)
    station = opened(database, tmp_path, zone=berlin)
    station.clock.set(midnight(day, berlin))
    station.poll(slots, [METER], day=day)
    assert station.clock.now() == midnight(day + timedelta(days=1), berlin)
    station.clock.advance(180)
    station.ledger.recount(day)
    station.count()
    assert station.figures(day=day) == (slots, slots, 0, 0)
    station.close()
    database.close()


def test_a_meter_read_less_often_has_fewer_slots(light: Collecting) -> None:
    light.interval(METER, 3600)
    light.poll(96)
    light.clock.advance(180)
    light.count()
    assert light.figures() == (24, 24, 0, 0)


def test_what_was_read_by_hand_fills_no_slot_but_is_seen_as_a_source(light: Collecting) -> None:
    light.clock.set(at(10))
    light.come(METER, light.quarters(4, 5), Source.FIELD)
    light.count()
    row = light.row()
    assert (row.received, row.sources) == (0, 1 << 3)


# the daily freeze


def test_the_freeze_counts_when_it_came_by_eight(station: Collecting) -> None:
    station.freeze(AREA[0], at(7))
    station.count()
    assert station.row(AREA[0]).freeze == "on_time"
    before = station.rate().freeze
    assert (before.received, before.expected, before.pending) == (1, 1, 11)
    station.freeze(AREA[1], at(8))
    station.freeze(AREA[2], at(8.01))
    station.clock.set(at(9))
    station.count()
    assert [station.row(meter).freeze for meter in AREA[:4]] == ["on_time", "on_time", "late", "missing"]
    rate = station.rate().freeze
    assert (rate.received, rate.expected, rate.late, rate.pending) == (2, 12, 1, 0)


def test_a_meter_that_makes_no_freezes_is_in_no_rate_of_freezes(light: Collecting) -> None:
    light.model(METER, "dlt645-1997-1p")
    light.clock.set(at(9))
    light.count()
    assert light.row().freeze == "not_due"
    assert light.rate().freeze.expected == 11


# on demand


def test_what_was_asked_on_demand_counts_by_its_end(station: Collecting) -> None:
    station.clock.set(at(9))
    ids = [station.ask(Wish(OrderKind.READ, METER)) for _ in range(4)]
    station.dispatch.tick()
    sent = {each.id: each for each in station.sent()}
    station.says(sent[ids[0]], OrderState.DONE)
    station.says(sent[ids[1]], OrderState.FAILED)
    with station.database.write() as connection:
        wish = Wish(OrderKind.REREAD, METER, more={"from_ms": 1, "to_ms": 2})
        again = station.commands.ask(connection, wish, "operator-1", station.clock.now()).id
    station.dispatch.tick()
    sent = {each.id: each for each in station.sent()}
    station.says(sent[again], OrderState.DONE, "read again; without a value: 1 not_recorded")
    station.count()
    rate = station.rate().on_demand
    assert (rate.received, rate.expected, rate.pending) == (1, 3, 2)


# what is left out


def test_what_is_left_out_is_shown_with_its_reason_whether_it_was_heard_or_not(station: Collecting) -> None:
    station.poll(40, AREA[:3])
    with station.database.write() as connection:
        what = LeftOut(Excluded.PLANNED_OUTAGE, Place.AREA, "A01", at(1) + timedelta(minutes=5), at(2))
        number = station.ledger.leave_out(connection, what, "示例检修", "operator-1")
    station.count()
    assert station.figures(AREA[0]) == (35, 35, 0, 4)
    assert station.figures(AREA[5]) == (35, 0, 0, 4)
    rate = station.rate().curve
    assert (rate.expected, rate.excluded) == (6 * 35 + 6 * 39, {Excluded.PLANNED_OUTAGE: 24})
    with station.database.write() as connection:
        station.ledger.count_again(connection, number, "operator-1")
    station.count()
    assert station.figures(AREA[0]) == (39, 39, 0, 0)
    assert station.rate().curve.excluded == {}


def test_of_two_reasons_the_first_of_the_list_counts(light: Collecting) -> None:
    light.clock.set(at(10))
    with light.database.write() as connection:
        for reason in (Excluded.PLANNED_OUTAGE, Excluded.DISCONNECTED):
            what = LeftOut(reason, Place.METER, METER, at(0), at(3))
            light.ledger.leave_out(connection, what, "示例", "operator-1")
    light.count()
    assert light.row().reasons == {"disconnected": 12}
    assert light.row().freeze == "excluded"
    assert light.rate().freeze.excluded == {Excluded.DISCONNECTED: 1}


def test_a_proven_outage_is_left_out_until_supply_is_back(station: Collecting) -> None:
    station.clock.set(at(10))
    station.dark(METER, at(2), at(4) + timedelta(minutes=1))
    station.count()
    assert station.row().reasons == {"confirmed_outage": 9}
    assert station.figures()[0] == 30


def test_a_meter_that_stayed_dark_after_its_outage_is_missing_and_not_left_out(light: Collecting) -> None:
    light.clock.set(at(10))
    light.dark(METER, at(2), None, closed=at(4))
    light.count()
    assert light.row().excluded == 8


def test_a_new_meter_is_not_commissioned_until_it_answers_but_not_for_ever(light: Collecting) -> None:
    light.new_meter("A01-09", at(9.1))
    light.clock.set(at(12) + timedelta(minutes=5))
    light.come("A01-09", [at(11)])
    light.count()
    row = light.row("A01-09")
    # in service from 9:15 on; nothing was heard before 11:00
    assert (row.expected, row.received, row.reasons) == (4, 1, {"not_commissioned": 7})
    light.new_meter("A01-08", at(9.1))
    light.clock.set(at(12, DAY + timedelta(days=7)))
    light.ledger.recount(DAY + timedelta(days=6))
    light.count()
    assert light.row("A01-08", DAY + timedelta(days=6)).reasons == {"not_commissioned": 96}
    assert light.row("A01-08", DAY + timedelta(days=7)).reasons is None
    assert light.row("A01-09", DAY + timedelta(days=6)).reasons is None


def test_who_was_not_known_yet_was_not_missed_unless_it_had_been_heard_before(light: Collecting) -> None:
    """A document does not say since when its meters hang, and a ledger that is new counts days back."""
    light.register_on(DAY + timedelta(days=2), "A01-08", "A01-09")
    light.clock.set(at(12, DAY + timedelta(days=3)))
    light.come("A01-09", [at(6)])
    for number in (2, 1, 0):
        light.ledger.recount(DAY + timedelta(days=number))
    reasons = [light.row("A01-09", DAY + timedelta(days=number)).reasons for number in range(3)]
    assert reasons == [{"not_commissioned": 24}, None, None]
    assert light.row("A01-09", DAY + timedelta(days=1)).expected == 96
    reasons = [light.row("A01-08", DAY + timedelta(days=number)).reasons for number in range(3)]
    assert reasons == [{"not_commissioned": 96}, {"not_commissioned": 96}, None]


# what was lost on the way to the ledger is found in the store


def test_what_nobody_noted_is_found_in_the_store_and_as_late_as_can_be_known(station: Collecting) -> None:
    station.poll(8)
    station.clock.set(at(2) + timedelta(minutes=3))
    station.count()
    station.clock.set(at(2) + timedelta(minutes=20))
    station.come(METER, station.quarters(8, 9), noted=False)
    station.start()  # the process died before it was counted
    station.clock.set(at(9))
    station.count()
    assert station.figures() == (35, 9, 0, 0)
    station.come(METER, station.quarters(9, 10), noted=False)
    station.clock.set(at(25.1))
    station.count()
    assert station.figures() == (96, 10, 1, 0)  # it came after the count of nine o'clock


def test_a_station_older_than_its_ledger_is_counted_back_to_its_first_reading(light: Collecting) -> None:
    for back in (3, 2, 1):
        light.come(METER, light.quarters(0, 96, DAY - timedelta(days=back)), noted=False)
    light.clock.set(at(12))
    for _ in range(8):
        light.count()
    days = [each.key for each in light.days_counted()]
    assert days == [(DAY - timedelta(days=back)).isoformat() for back in (3, 2, 1, 0)]
    assert light.figures(day=DAY - timedelta(days=3)) == (96, 96, 0, 0)


def test_what_could_not_be_counted_is_counted_at_the_next_turn(light: Collecting) -> None:
    light.poll(8)
    light.count()
    light.come(METER, [at(2)])
    light.clock.set(at(3))
    whole = light.ledger.station
    light.ledger.station = replace(whole, outages=light.fails)
    with pytest.raises(OSError, match="full"):
        light.count()
    light.ledger.station = whole
    light.count()
    assert light.figures()[1] == 9
    assert GATEWAY in {each.key for each in light.rates(By.GATEWAY)}
