"""The console's pages about load, as an operator meets them without JavaScript: texts, numbers, reasons."""

import numpy as np
import pytest

from cloud.analysis.indicators.daily import INDICATORS
from cloud.analysis.loss.evidence import Check, Fact, Kind
from cloud.analysis.loss.states import Reason, State
from cloud.insight.areas import store as areas
from cloud.insight.forecast.store import Method
from cloud.insight.forecast.store import Reason as Why
from cloud.insight.loss.rules import Event, Result
from cloud.insight.loss.rules import State as Standing
from cloud.web.load import (
    columns,
    forecast_views,
    forecasts,
    inspection_views,
    loss_views,
    measured,
    transformer_views,
)
from tests.clients import TestClient
from tests.cloud.web.load.analysed import LAST, day_of, listed, used
from tests.cloud.web.markup import Page
from tests.cloud.web.village import NOW, Village, browser, csrf

PAGES = (
    "/console/load",
    "/console/load?area=A02&sort=factor",
    "/console/load/points/A01-03",
    "/console/load/points/A03-01",
    "/console/load/forecast",
    "/console/load/forecast/feeder/F1",
    "/console/load/forecast/area/A01",
    "/console/load/forecast/transformer/A01",
    "/console/load/forecast/point/A01-03",
    "/console/load/loss",
    "/console/load/loss/A01",
    "/console/load/loss/A03",
    "/console/load/inspections",
    "/console/load/transformers",
    "/console/load/transformers/A01",
)


def page(client: TestClient, path: str) -> Page:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return Page(answer.text)


@pytest.fixture(scope="module")
def english(seen: Village) -> TestClient:
    return browser(seen, "operator", "en")


@pytest.mark.parametrize("language", ["zh_CN", "en"])
def test_every_page_is_whole_in_both_languages(seen: Village, language: str) -> None:
    client = browser(seen, "operator", language)
    for path in PAGES:
        shown = page(client, path)
        assert shown.problems == [], path
        assert "nan" not in shown.text.lower().split(), path
        assert "None" not in shown.text, path
    for path in ("/console/areas/A01", "/console/meters/A01-03", "/console/data/registry/points/A01-03"):
        assert "/console/load" in client.get(path).text


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/console/load", "No month has been reckoned yet."),
        ("/console/load/points/A01-03", "No indicators of this point yet."),
        ("/console/load/forecast", "There is no forecast of this day."),
        ("/console/load/loss", "No balance of this day."),
        ("/console/load/inspections", "as soon as it has 60 days"),
        ("/console/load/transformers", "Nothing was reckoned for this day."),
    ],
)
def test_an_empty_page_says_what_is_missing_and_when_it_comes(
    looked_at: Village, path: str, said: str
) -> None:
    assert said in page(browser(looked_at, "operator", "en"), path).text


def test_what_is_not_there_is_not_found(english: TestClient) -> None:
    for path in (
        "points/ghost",
        "forecast/area/ghost",
        "forecast/moon/A01",
        "forecast/feeder/F9",
        "loss/ghost",
    ):
        assert english.get(f"/console/load/{path}").status_code == 404
    assert english.get("/console/load/inspections/99").status_code == 404


@pytest.mark.parametrize("section", ["loss", "forecast", "transformers", "forecast/area/A01"])
def test_a_day_that_is_none_or_long_ago_shows_a_page(english: TestClient, section: str) -> None:
    for day in ("0001-01-01", "9999-12-31", "2026-02-30", "x", "1899-01-01"):
        assert english.get(f"/console/load/{section}?day={day}").status_code == 200, day


def test_a_points_numbers_are_those_of_its_days(english: TestClient) -> None:
    shown = page(english, "/console/load/points/A01-03")
    assert f"Energy, 30 days {used('A01-03', 30):,.1f} kWh coverage 100% · 0% estimated" in shown.text
    assert "provisional" in shown.text  # its typical day stands on few days
    assert "Typical working day" in shown.text or "typical working day" in shown.text
    assert "No temperatures are imported" in shown.text
    html = english.get("/console/load/points/A01-03").text
    assert html.count('class="plot for-desk"') == html.count('class="plot for-phone"') >= 4


def test_a_day_that_was_not_read_makes_a_sum_provisional(english: TestClient) -> None:
    shown = page(english, "/console/load/points/A01-08?days=30")
    assert "coverage 97%" in shown.text
    short = page(english, "/console/load/points/A04-01?days=30")
    assert "coverage 13% · 0% estimated · provisional" in short.text


def test_the_list_is_sorted_searched_and_knows_area_meters_apart(english: TestClient) -> None:
    every = page(english, "/console/load")
    assert "32 points fit." in every.text
    assert "A01-00" not in every.text
    found = page(english, "/console/load?q=A02-05")
    assert "1 point fits." in found.text
    ranked = english.get("/console/load?area=A02").text
    assert ranked.index("A02-06") < ranked.index("A02-05")


def test_a_forecast_shows_its_band_what_came_and_what_it_stands_on(english: TestClient) -> None:
    shown = page(english, "/console/load/forecast/area/A01")
    assert "in eight of ten cases between" in shown.text
    assert "quarter-hours came: off by" in shown.text
    assert "days it was off by" in shown.text or "no day of it has been scored" in shown.text
    html = english.get("/console/load/forecast/area/A01").text
    assert 'class="band-a"' in html
    assert 'class="line-real"' in html


def test_of_many_areas_what_came_is_in_the_archive_or_the_page_says_so(
    seen: Village, english: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forecasts, "MOST_SUMMED", 1)
    shown = page(english, "/console/load/forecast")
    assert "What came is not added up while the day runs: these are more than 1 area meters." in shown.text
    settings = seen.application.settings
    with seen.application.database.read() as connection:
        kw = measured.archived_kw(
            connection, settings.archive.folder, LAST, settings.station.zone, ["A01", "A02"]
        )
        lacking = measured.archived_kw(
            connection, settings.archive.folder, LAST, settings.station.zone, ["A01", "A04"]
        )
    made = dict(day_of(LAST))
    real = np.rint(made["A01-00"]) + np.rint(made["A02-00"])
    np.testing.assert_allclose(kw, real / 250, rtol=1e-5)
    assert np.isnan(lacking).all()  # of A04 nothing was read: no sum of the others is called the station's


def test_the_outlook_names_the_small_transformer_and_those_without_capacity(english: TestClient) -> None:
    shown = page(english, "/console/load/forecast")
    assert "Transformers that may be overloaded 1" in shown.text
    assert "12 kVA" in shown.text
    assert "its capacity is not in the registry" in shown.text


def test_losses_tell_high_negative_and_not_computable_apart_with_reasons(english: TestClient) -> None:
    shown = page(english, "/console/load/loss")
    for said in (
        "negative more was sold than supplied",
        "not computable the area meter has no measured day",
        "not computable meters are missing, and they decide it",
    ):
        assert said in shown.text
    assert (
        "2 / 3 9 / 24" in shown.text
    )  # of a feeder's areas those in its sum, of its meters those not measured
    whole = page(english, "/console/load/loss/A02")
    assert "it shows in the rate, not in z. Above 12% the state is high whatever z is" in whole.text
    one = page(english, "/console/load/loss/A01")
    assert "between -" in one.text
    assert "Points without a measured day 1 A01-08" in one.text
    assert "Have the missing meters read" in one.text


def test_transformers_show_load_rate_spells_and_why_a_figure_lacks(english: TestClient) -> None:
    shown = page(english, "/console/load/transformers")
    assert "Of 4 transformers" in shown.text
    assert "its capacity is not in the registry" in shown.text
    one = page(english, "/console/load/transformers/A01")
    assert "heavy load" in one.text
    assert "power factor assumed: 0.95" in one.text
    assert "who drew most then" in one.text


def test_voltage_and_imbalance_are_drawn_with_their_limits(changed: Village) -> None:
    day = areas.AreaDay(
        areas.Kind.AREA, "A02", LAST, 8, 8, 1.0, 0.0, 0.8, 9.0, NOW, 11.0,
        imbalance=areas.Imbalance("max_min", 0.15, 0.31, 0.2, NOW, 45, 300, 1440),
        voltage=areas.Voltage(0.9781, 1, 1440, 10, 21.5, 0, 237.2, 197.0, 1.0),
    )  # fmt: skip
    with changed.application.database.write() as connection:
        areas.save(connection, [day], inputs={}, version=1, now=NOW)
    shown = page(browser(changed, "operator", "en"), "/console/load/transformers/A02")
    assert "Within its limits at the area meter for 97.8% of the time" in shown.text
    assert "between 197.0 and 237.2 V" in shown.text
    assert "31% by (Imax − Imin) / Imax; beyond the limit for 45 of 300 minutes" in shown.text


def send(client: TestClient, path: str, **form: object) -> Page:
    answer = client.post(path, data=form | {"csrf_token": csrf(client)})
    assert answer.status_code == 200, answer.text
    return Page(answer.text)


def test_an_inspection_is_evidence_and_its_result_is_written_back(changed: Village) -> None:
    number, client = listed(changed), browser(changed, "operator", "en")
    shown = page(client, "/console/load/inspections")
    assert shown.problems == []
    assert "may register less than is used" in shown.text
    assert "171 120 – 230 91%" in shown.text
    one = page(client, f"/console/load/inspections/{number}")
    assert one.problems == []
    assert (
        "48% of the real use may not be registered, 171.4 kWh a month (80% sure: 120.0 to 230.0)" in one.text
    )
    assert "Evidence, no verdict" in one.text
    for word in ("theft", "thief", "steal", "fraud", "guilt"):
        assert word not in one.text.lower()
    path = f"/console/load/inspections/{number}"
    assert "say what was seen" in send(client, f"{path}/result", result="confirmed", note=" ").text
    assert "say what was seen" in send(client, f"{path}/result", result="other", note="示例").text
    assert "kWh as a number" in send(client, f"{path}/result", result="confirmed", note="示例", kwh="x").text
    assert "ordered" in send(client, f"{path}/order").text
    done = send(client, f"{path}/result", result="confirmed", note="示例情况", kwh="160")
    assert "it was as listed · 160 kWh a month are registered again" in done.text
    assert "示例情况" in done.text
    assert "Of the last 1 looks 100% found something" in page(client, "/console/load/inspections").text
    again = send(client, f"{path}/result", result="nothing", note="示例")
    assert "something stands against it" in again.text


def test_the_chinese_words_for_suspicion_are_clues_and_never_a_charge(changed: Village) -> None:
    number, client = listed(changed), browser(changed, "operator")
    text = page(client, f"/console/load/inspections/{number}").text
    assert "这是线索，不是结论" in text
    assert "窃电" not in text
    assert "偷电" not in text


def test_every_word_of_the_stores_has_its_own_here() -> None:
    assert [each.name for each in INDICATORS] == list(columns.NAMES)
    assert set(loss_views.STATES) == set(State)
    assert set(loss_views.REASONS) == set(Reason)
    assert set(forecast_views.METHODS) == {each.value for each in Method}
    assert set(forecast_views.REASONS) == {each.value for each in Why}
    assert set(inspection_views.KINDS) == set(Kind)
    assert set(inspection_views.CHECKS) == set(Check)
    assert set(inspection_views.FACTS) == set(Fact)
    assert set(inspection_views.STATES) == set(Standing)
    assert set(inspection_views.RESULTS) == set(Result)
    assert set(inspection_views.EVENTS) == set(Event)
    assert set(transformer_views.REASONS) == set(areas.Reason)
    assert set(transformer_views.STATES) == set(areas.State)
    assert set(transformer_views.FACTORS) == set(areas.PowerFactor)
