"""The indicators of a point as those see them who may: of tenants who followed one another each their own."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from cloud.app import Application
from cloud.insight.indicators import months, store
from cloud.insight.indicators.months import MonthRows
from cloud.insight.indicators.store import AreaDay
from cloud.metering.vee.point_day import Channel
from tests.cloud.conftest import MOVED, NOW

Browser = Callable[[str | None], Any]
ONE = timedelta(days=1)
CHANGE = MOVED.date()
"""At noon or so of this day M-1 passed from A to B: the day is neither's."""


@pytest.fixture
def reckoned(application: Application) -> Application:
    values = np.full((1, store.COLUMNS), 2.0, np.float32)
    values[0, 17], values[0, 4] = 72, np.nan
    days = [
        AreaDay("A01", CHANGE + n * ONE, Channel.IMPORT, ("M-1",), values, np.array([96]), "", 1)
        for n in (-1, 0, 1)
    ]
    month = MonthRows(
        CHANGE.replace(day=1),
        ("M-1",),
        ("A01",),
        np.array([28]),
        dict.fromkeys(months.COLUMNS, np.ones(1, np.float32)),
    )
    with application.database.write() as connection:
        store.replace(connection, [], days, NOW)
        months.save(connection, month, 1, NOW)
    return application


def days_of(browser: Browser, who: str) -> list[dict[str, Any]]:
    answer = browser(who).get(f"load/points/M-1/days?first={CHANGE - ONE}&last={CHANGE + ONE}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["days"]
    return found


@pytest.mark.usefixtures("reckoned")
def test_each_tenant_sees_the_days_that_were_wholly_theirs(browser: Browser) -> None:
    assert [day["day"] for day in days_of(browser, "operator")] == [
        (CHANGE + n * ONE).isoformat() for n in (-1, 0, 1)
    ]
    assert [day["day"] for day in days_of(browser, "customer-a")] == [(CHANGE - ONE).isoformat()]
    assert [day["day"] for day in days_of(browser, "customer-b")] == [(CHANGE + ONE).isoformat()]


@pytest.mark.usefixtures("reckoned")
def test_a_month_of_two_tenants_is_shown_to_neither(browser: Browser) -> None:
    path = f"load/points/M-1/months?first={CHANGE}&last={CHANGE}"
    assert len(browser("operator").get(path).json()["months"]) == 1
    for who in ("customer-a", "customer-b"):
        assert browser(who).get(path).json()["months"] == []


@pytest.mark.usefixtures("reckoned")
def test_what_cannot_be_said_is_null_with_its_reason_and_the_coverage_beside_it(browser: Browser) -> None:
    day = days_of(browser, "operator")[0]
    assert (day["slots"], day["coverage"]) == (96, 0.75)
    assert day["values"]["load_factor"] is None
    assert day["why"] == {"load_factor": "not_said"}
    assert day["values"]["energy_kwh"] == 2.0


@pytest.mark.usefixtures("reckoned")
def test_days_out_of_order_or_too_many_are_refused(browser: Browser) -> None:
    for first, last in ((date(2026, 2, 2), date(2026, 2, 1)), (date(2024, 1, 1), date(2026, 2, 1))):
        answer = browser("operator").get(f"load/points/M-1/days?first={first}&last={last}")
        assert answer.status_code == 422
