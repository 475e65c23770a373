"""What an operator gets of the load of areas: pages of a day, a history, and refusals in words."""

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest

from cloud.app import Application
from cloud.insight.areas import store
from cloud.insight.areas.store import AreaDay, Contribution, Kind, Reason
from tests.clients import TestClient

DAY = date(2026, 2, 27)


def row(subject: str, kind: Kind = Kind.AREA) -> AreaDay:
    at = datetime(2026, 2, 27, 11, tzinfo=UTC)
    top = (Contribution("M-2", 3.0, 0.6, 1.0), Contribution("M-1", 2.0, 0.4, 0.5))
    reasons = {"loading": Reason.NO_CAPACITY}
    return AreaDay(kind, subject, DAY, 2, 2, 1.0, 0.0, 0.71, 5.0, at, 7.0, top, reasons=reasons)


@pytest.fixture
def reckoned(application: Application) -> Application:
    with application.database.write() as connection:
        rows = [row("A01"), row("A02"), row("F1", Kind.FEEDER)]
        store.save(connection, rows, inputs={"A01": "x"}, version=1, now=datetime(2026, 3, 1, tzinfo=UTC))
    return application


@pytest.mark.usefixtures("reckoned")
def test_areas_of_the_newest_day_come_page_by_page(browser: Callable[[str], TestClient]) -> None:
    operator = browser("operator")
    first = operator.get("load/areas", params={"limit": 1}).json()
    assert (first["day"], first["next"], len(first["items"])) == ("2026-02-27", "A01", 1)
    assert first["items"][0]["contributions"][0] == {"subject": "M-2", "kw": 3.0, "share": 0.6, "factor": 1.0}
    second = operator.get("load/areas", params={"limit": 1, "after": "A01"}).json()
    assert (second["next"], second["items"][0]["subject"]) == (None, "A02")
    assert operator.get("load/feeders").json()["items"][0]["coincidence"] == 0.71


@pytest.mark.usefixtures("reckoned")
def test_a_history_has_its_days_and_no_others(browser: Callable[[str], TestClient]) -> None:
    operator = browser("operator")
    span = {"first": "2026-02-01", "last": "2026-02-28"}
    assert [each["day"] for each in operator.get("load/areas/A01", params=span).json()] == ["2026-02-27"]
    assert operator.get("load/areas/A09", params=span).json() == []
    refused = operator.get("load/areas/A01", params={"first": "2026-02-02", "last": "2026-02-01"})
    assert (refused.status_code, "at least one day" in refused.json()["detail"]) == (422, True)
