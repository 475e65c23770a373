"""My load: a customer's own days in plain words, and nothing of anybody else's."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import update

from cloud.customers.store import service_table
from cloud.web.load import own_views
from tests.clients import TestClient
from tests.cloud.web.load.analysed import LAST, listed, used
from tests.cloud.web.markup import Page
from tests.cloud.web.village import MIDNIGHT, Village, browser

OWN = "/portal/load"


def page(client: TestClient, path: str = OWN) -> Page:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return Page(answer.text)


def moved_in(village: Village, at: datetime) -> None:
    """A01-03's customer has been there only since."""
    with village.application.database.write() as connection:
        mine = service_table.c.meter == "A01-03"
        connection.execute(update(service_table).where(mine).values(start=at))


@pytest.mark.parametrize("language", ["zh_CN", "en"])
def test_the_page_is_whole_for_everybody(seen: Village, language: str) -> None:
    for login in ("c-0103", "c-0104", "c-0302", "c-0001"):
        shown = page(browser(seen, login, language))
        assert shown.problems == [], login
        assert "None" not in shown.text


def test_it_says_when_use_is_highest_how_much_and_what_is_expected(seen: Village) -> None:
    shown = page(browser(seen, "c-0103", "en"))
    assert "You use most in the afternoon" in shown.text or "You use most around noon" in shown.text
    assert f"{used('A01-03', 30) / 30:,.1f} kWh a day" in shown.text
    assert "from 30 days · coverage 100%" in shown.text
    assert "in at least eight of ten cases" in shown.text
    assert "It is an estimate, no bill and no limit." in shown.text
    assert (
        "of 15 customers with days like yours" in shown.text or "customers with days like" not in shown.text
    )
    own = page(browser(seen, "c-0103"))
    assert "您的典型一天" in own.text
    assert "用电规律" in own.text


def test_another_customers_account_is_not_there(seen: Village) -> None:
    client = browser(seen, "c-0103")
    assert client.get(f"{OWN}?account=6003020").status_code == 404
    assert client.get(f"{OWN}?account=6001040").status_code == 404
    assert page(client, f"{OWN}?account=6001030").problems == []
    assert browser(seen, "operator").get(OWN).status_code == 403


def test_who_moved_in_this_morning_sees_nothing_of_those_before(seen: Village) -> None:
    shown = page(browser(seen, "c-0104", "en"))
    assert "Nothing to show yet" in shown.text
    assert "kWh" not in shown.text


def test_days_before_the_service_are_in_no_number_no_picture_and_no_forecast(changed: Village) -> None:
    moved_in(changed, MIDNIGHT - timedelta(days=6) + timedelta(hours=9))
    shown = page(browser(changed, "c-0103", "en"))
    assert f"{used('A01-03', 5) / 5:,.1f} kWh a day" in shown.text
    assert "from 5 days" in shown.text
    assert "Your typical day" not in shown.text
    assert "No forecast for you yet" in shown.text
    assert "30 days before" not in shown.text


def test_nothing_of_losses_or_looks_is_on_a_customers_page(changed: Village) -> None:
    listed(changed)
    client = browser(changed, "c-0103")
    for path in (OWN, f"{OWN}?account=6001031", "/portal"):
        text = client.get(path).text
        for word in ("线损", "稽查", "线索", "核查", "A02-05", "/console"):
            assert word not in text, (path, word)


def test_others_are_compared_with_only_where_they_are_ten(
    seen: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, home = browser(seen, "c-0103", "en"), f"{OWN}?account=6001031"
    assert "customers with days like" in page(client, home).text
    assert "customers with days like" not in page(client).text, "few have days like a workshop's"
    monkeypatch.setattr(own_views, "LEAST_OTHERS", 999)
    assert "customers with days like" not in page(client, home).text


def test_the_month_before_is_compared_only_when_both_were_read_nearly_whole() -> None:
    from cloud.insight.indicators.store import COLUMNS, DaySeries
    from cloud.web.language import Words
    from cloud.web.load.columns import COLUMN
    from tests.cloud.web.village import NOW

    def month(kwh: float, days: int, valid: int = 96) -> DaySeries:
        values = np.full((days, COLUMNS), np.nan, np.float32)
        values[:, COLUMN["energy_kwh"]], values[:, COLUMN["valid_slots"]] = kwh, valid
        listed_days = tuple(LAST - timedelta(days=n) for n in range(days))
        return DaySeries(listed_days, values, np.full(days, 96))

    words = Words("en", NOW.astimezone().tzinfo)  # type: ignore[arg-type]
    assert "10% less" in own_views.compared(month(9, 30), month(10, 30), words)
    assert "20% more" in own_views.compared(month(12, 30), month(10, 30), words)
    assert "About as much" in own_views.compared(month(10.1, 30), month(10, 30), words)
    assert own_views.compared(month(9, 30), month(10, 20), words) == ""
    assert own_views.compared(month(9, 30), month(10, 30, valid=80), words) == ""
