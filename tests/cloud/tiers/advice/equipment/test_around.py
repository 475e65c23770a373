"""What is around: peers by class and size, the weather, needs, areas; read of a station's own records."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import insert

from cloud.customers.file.needs import need_table
from cloud.insight import weather
from cloud.insight.areas.tables import day_table
from cloud.insight.profile.tables import profile_table
from cloud.kit.db import Database
from cloud.tiers import parts  # noqa: F401 - all tables
from cloud.tiers.advice.equipment.around import Around, Sized, gather
from cloud.tiers.advice.equipment.policy import equipment_policy
from cloud.tiers.overload import overload_policy
from tests.cloud.tiers.station import NOW, ZONE, Made, made


@pytest.fixture
def station(database: Database) -> Made:
    return made(database, 60, months=13)


def around(database: Database) -> Around:
    with database.read() as connection:
        return gather(connection, equipment_policy(), overload_policy(), NOW, ZONE)


def test_bases_are_of_the_class_and_of_twelve_months(database: Database, station: Made) -> None:
    found = around(database)
    assert set(found.bases) == {"household", "business", "farm", "large_industry"}
    homes = found.bases["household"]
    known = [each for each in station.of("household") if each is not station.unmetered]
    assert len(homes.values) == len(known)
    assert list(homes.sizes) == sorted(homes.sizes)


def test_among_like_are_those_from_half_to_twice_the_size() -> None:
    sized = Sized((1.0, 2.0, 3.0, 4.0, 9.0), np.array([10.0, 20.0, 30.0, 40.0, 90.0]))
    assert sized.near(2.0, 2.0).tolist() == [10.0, 20.0, 30.0, 40.0]
    assert sized.near(100.0, 2.0).tolist() == []


def test_slopes_stand_beside_the_base_of_their_days(database: Database, station: Made) -> None:
    homes, [shop, *_] = station.of("household")[:3], station.of("business")
    with database.write() as connection:
        connection.execute(
            insert(profile_table), [_profile(each.point, 2.0 + at) for at, each in enumerate(homes)]
        )
        connection.execute(insert(profile_table), [_profile(shop.point, None)])
    found = around(database)
    assert sorted(found.cooling["household"].values.tolist()) == [2.0, 3.0, 4.0]
    assert "business" not in found.cooling
    assert found.heating == {}


def test_weather_is_by_day_and_unknown_days_are_no_number(database: Database, station: Made) -> None:
    first = datetime(2026, 7, 1, tzinfo=ZONE).astimezone(UTC)
    hours = {round((first + timedelta(hours=each)).timestamp()) // 3600: 30.0 for each in range(48)}
    with database.write() as connection:
        weather.keep(connection, hours, file="t.csv", digest="t", now=NOW)
    days = around(database).degrees(date(2026, 6, 30), date(2026, 7, 3))
    assert np.isnan(days).tolist() == [True, False, False, True]
    assert days[1] == 30.0
    assert np.isnan(around(database).degrees(date(1990, 1, 1), date(1990, 1, 2))).all()


def test_needs_and_the_areas_voltage_are_those_of_now(database: Database, station: Made) -> None:
    account, area = station.accounts[0].account, station.accounts[0].area
    need = {
        "account": account, "need": "voltage", "detail": "", "origin": "declared", "evidence": {},
        "since": NOW - timedelta(days=1), "by": "operator", "ended_at": None, "ended_by": None,
    }  # fmt: skip
    with database.write() as connection:
        connection.execute(insert(need_table), [need])
        connection.execute(
            insert(day_table),
            [_area_day(area, 3, 0.9), _area_day(area, 4, 1.0), _area_day(area, 400, 0.1)],
        )
    found = around(database)
    assert found.needs[account] == {"voltage"}
    assert found.voltage == {area: pytest.approx(0.95)}
    assert found.near == {}, "without a forecast nothing is known"


def _profile(point: str, slope: float | None) -> dict[str, Any]:
    temperature = {
        "days": 300,
        "base_kwh": 8.0,
        "cooling_kwh_per_c": slope,
        "cooling_above_c": 26.0,
        "r2": 0.8,
    }
    return {
        "point": point, "area": "A000", "month": date(2026, 10, 1), "version": 1, "at": NOW, "inputs": "",
        "first": date(2025, 11, 1), "last": date(2026, 10, 31), "valid_days": 300, "temperature": temperature,
    }  # fmt: skip


def _area_day(area: str, back: int, rate: float) -> dict[str, Any]:
    return {
        "kind": "area", "subject": area, "day": NOW.date() - timedelta(days=back), "version": 1, "inputs": "",
        "made_at": NOW, "customers": 10, "voltage_rate": rate, "detail": {},
    }  # fmt: skip
