"""Forecasts over HTTP: the day's real slots, the figures beside them, and nobody else's habits."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from cloud.insight.engine import Threads
from cloud.insight.forecast import api
from cloud.insight.forecast.actions import Forecasts
from cloud.insight.forecast.policy import forecast_policy
from cloud.kit.auth import Accounts, User
from cloud.kit.calendar import Calendar
from cloud.kit.days import midnight
from cloud.kit.errors import NotFound
from cloud.kit.guard import Guard
from cloud.kit.scope import WHOLE_STATION, Scope, Window
from cloud.metering.archive.layout import span_ms
from tests.cloud.insight.archived_station import ArchivedStation, Place

ZONE = ZoneInfo("Europe/Berlin")
FIRST, DAYS = date(2026, 1, 5), 83
CLOSED = FIRST + timedelta(days=DAYS - 1)
TOMORROW = date(2026, 3, 29)
"""A day of 92 slots."""


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArchivedStation]:
    start, end = span_ms(FIRST, CLOSED, ZONE)
    wh = np.random.default_rng(1).gamma(2, 50, (4, (end - start) // 900_000)).astype(np.float32)
    made = ArchivedStation(
        tmp_path_factory.mktemp("api"), [Place("A1", "F1", wh, wh.sum(axis=0))], FIRST, DAYS, zone=ZONE
    )
    policy = forecast_policy()
    quick = policy.model_copy(update={"backtest": policy.backtest.model_copy(update={"rehearse": False})})
    work = Forecasts(
        made.database, made.folder, made.zone, made.clock, quick, Calendar(country="DE"), Threads(1)
    )
    assert CLOSED + timedelta(days=1) == TOMORROW
    for day in (CLOSED - timedelta(days=1), CLOSED):
        work.run_day(day)
    yield made
    made.close()


def client(station: ArchivedStation, scope: Scope) -> TestClient:
    guard = Guard(Accounts(station.database, station.clock), lambda _: Scope(()), secure=False)
    app = FastAPI()
    app.include_router(
        api.router(
            station.database, guard, station.zone, forecast_policy(), Calendar(country="DE"), station.clock
        )
    )
    app.dependency_overrides[guard.scope] = lambda: scope
    app.dependency_overrides[guard.operator] = lambda: User("operator", "operator")
    return TestClient(app)


def served(since: datetime, until: datetime | None = None) -> Scope:
    return Scope((Window("A1-000", since, until),))


def test_a_customer_sees_their_forecast_on_the_day_s_real_slots_with_its_figures(
    station: ArchivedStation,
) -> None:
    mine = served(midnight(date(2025, 1, 1), ZONE))
    found = client(station, mine).get("/load/forecast/points/A1-000", params={"day": str(TOMORROW)}).json()
    assert len(found["p50_kw"]) == len(found["p10_kw"]) == 92
    assert found["figures"]["days"] == 1
    assert found["figures"]["wape"] > 0
    assert found["holidays"] == dict.fromkeys(found["holidays"], None) | {"days": 0}
    assert found["known_until"] == str(CLOSED)
    assert found["energy_kwh"] == pytest.approx(sum(found["p50_kw"]) / 4, rel=1e-3)


@pytest.mark.parametrize(
    "scope",
    [
        served(midnight(CLOSED - timedelta(days=40), ZONE)),
        served(midnight(date(2025, 1, 1), ZONE), midnight(CLOSED, ZONE)),
        Scope((Window("A1-001", midnight(date(2025, 1, 1), ZONE), None),)),
    ],
    ids=["came lately", "left before that day", "lives next door"],
)
def test_who_was_not_served_all_the_while_sees_none(station: ArchivedStation, scope: Scope) -> None:
    with pytest.raises(NotFound):
        client(station, scope).get("/load/forecast/points/A1-000", params={"day": str(TOMORROW)})


def test_operators_see_areas_transformers_and_feeders(station: ArchivedStation) -> None:
    asked = client(station, WHOLE_STATION)
    for kind, subject in (("areas", "A1"), ("transformers", "A1"), ("feeders", "F1")):
        every = asked.get(f"/load/forecast/{kind}", params={"day": str(TOMORROW)}).json()
        assert [each["subject"] for each in every["items"]] == [subject]
        one = asked.get(f"/load/forecast/{kind}/{subject}", params={"day": str(TOMORROW)}).json()
        assert one["peak_kw"] == pytest.approx(max(one["p50_kw"]), rel=1e-3)
        assert (one["outlook"] is None) == (kind != "transformers")
