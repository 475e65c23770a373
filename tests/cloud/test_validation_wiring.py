"""Validation as the service has it: its job, outages from the alerts, accounts from the customers."""

from datetime import timedelta

import numpy as np

from cloud.alerts import darkness
from cloud.alerts import store as alerts
from cloud.alerts.restoration import OutMeter
from cloud.app import Application
from cloud.customers.supplied import supplied
from cloud.metering.vee import days, exception_store
from cloud.metering.vee.days import Flag
from tests.clocks import ManualClock
from tests.cloud.conftest import NOW

DAY = timedelta(days=1)


def test_outages_of_alerts_are_told_with_what_is_not_known_left_out(application: Application) -> None:
    hour = timedelta(hours=1)
    with application.database.write() as connection:
        row = {
            "kind": "area_outage", "cause": "area_outage:A01", "severity": "severe", "area": "A01",
            "opened_at": NOW, "closed_at": NOW + 3 * hour, "trace": "0" * 16, "evidence": {},
        }  # fmt: skip
        alert = alerts.add(connection, row)
        back, given_up = OutMeter("M-1", NOW, NOW + hour, NOW + 2 * hour), OutMeter("M-2", NOW, None, None)
        alerts.save_out_meters(connection, alert, [back, given_up])
        told = darkness.dark(connection, ["M-1", "M-2"], NOW, NOW + DAY)
        assert told == {"M-1": [(NOW, NOW + hour)], "M-2": [(NOW, NOW + 3 * hour)]}
        assert darkness.dark(connection, ["M-1"], NOW + 2 * hour, NOW + DAY) == {}
        assert darkness.areas_out(connection, NOW, NOW + DAY) == {"A01": [(NOW, NOW + 3 * hour)]}
        assert darkness.areas_out(connection, NOW + 3 * hour, NOW + DAY) == {}


def test_accounts_are_told_by_class_and_time_and_without_a_name(application: Application) -> None:
    with application.database.read() as connection:
        found = supplied(connection, ["M-2", "no-such"])
    assert set(found) == {"M-2"}
    assert all(each.kind and each.times[0].tzinfo for each in found["M-2"])


def test_the_job_validates_what_is_closed_once_and_catches_up(
    application: Application, clock: ManualClock
) -> None:
    clock.set(NOW + 2 * DAY)
    application.validation.run()
    clock.set(NOW + 4 * DAY)
    application.validation.run()
    application.validation.run()
    today = (NOW + 4 * DAY).astimezone(application.settings.station.zone).date()
    with application.database.read() as connection:
        kept = list(days.newest(connection, today - 30 * DAY, today, points=["M-2"]))
        done = exception_store.done(connection)
    assert [(today - each.day).days for each in kept] == [3, 2, 1]
    assert {each.revision for each in kept} == {1}
    assert set(done.values()) == {today - DAY}
    assert all(np.isnan(each.final_wh).all() and (each.flags & Flag.GAP).all() for each in kept)
