"""The list of contradicting behaviour and one case, for operators alone: evidence, no class under ten."""

import pytest

from cloud.analysis.classes.groups import TOLD
from cloud.tiers.mismatch.priced import Unpriced
from cloud.tiers.mismatch.rules import Check, Event, State
from cloud.web.customers import mismatch_views as views
from tests.clients import TestClient
from tests.cloud.web.customers.contradicting import FARM, HOME, SHOP, told
from tests.cloud.web.markup import Page
from tests.cloud.web.village import Village, browser, csrf

LIST = "/console/customers/mismatch"


def page(client: TestClient, path: str) -> Page:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return Page(answer.text)


def test_every_state_event_check_sign_and_reason_has_a_word() -> None:
    assert set(views.STATES) == set(State)
    assert set(views.EVENTS) == {"found", *Event}
    assert set(views.CHECKS) == set(Check)
    assert set(views.FEATURES) == set(TOLD)
    assert set(views.UNPRICED) == set(Unpriced)


@pytest.mark.parametrize(("language", "nothing"), [("zh_CN", "暂无"), ("en", "Nothing is listed")])
def test_without_cases_the_page_says_when_there_will_be(
    looked_at: Village, language: str, nothing: str
) -> None:
    assert nothing in page(browser(looked_at, "operator", language), LIST).text


def test_the_list_tells_the_surest_first_with_its_money_and_what_it_was_worth(village: Village) -> None:
    found = told(village)
    english = browser(village, "operator", "en")
    text = page(english, LIST).text
    assert text.index(SHOP) < text.index(FARM)
    assert HOME not in text, "it is settled"
    assert "household use → shop or business" in text
    assert "+1,234.56" in text
    assert "97%" in text
    assert "daytime share, working days: 71%, usual for the class 30% – 42%" in text
    assert "balanced accuracy of 73%" in text
    assert "shop or business: 75% of 12 accounts" in text
    assert "50% of 4 accounts" not in text, "of fewer than ten nothing is told"
    assert HOME in page(english, f"{LIST}?ended=true").text
    assert page(browser(village, "operator", "zh_CN"), f"{LIST}/{found[SHOP]}").text.count("用途") >= 2


def test_a_case_is_shown_beside_the_middle_half_of_its_class_and_no_class_of_four(village: Village) -> None:
    found = told(village)
    english = browser(village, "operator", "en")
    text = page(english, f"{LIST}/{found[SHOP]}").text
    assert "middle half of household use (contract)" in text
    assert "middle half of shop or business (seems)" in text
    assert "Energy of Nov 1, 2025 to Oct 31, 2026: 3,000.00 CNY" in text
    assert "shop sign and business licence" in text
    few = page(english, f"{LIST}/{found[FARM]}").text
    assert "middle half of farm use" not in few
    assert "no contract is recorded" in few
    assert "by published profiles" in few
    assert english.get(f"{LIST}/999").status_code == 404


def test_what_is_said_of_a_case_needs_a_word_and_ends_it(village: Village) -> None:
    found = told(village)
    english = browser(village, "operator", "en")
    here = f"{LIST}/{found[SHOP]}"
    form = {"csrf_token": csrf(english), "event": "confirm", "note": " "}
    assert (
        "mismatch_lacking"
        in english.post(f"{here}/events", data=form, follow_redirects=False).headers["location"]
    )
    form["note"] = "一楼临街开店"
    assert (
        "mismatch_saved"
        in english.post(f"{here}/events", data=form, follow_redirects=False).headers["location"]
    )
    text = page(english, here).text
    assert "use differs from the contract" in text
    assert "一楼临街开店" in text
    assert "Not asked again before Nov 23, 2027" in text
    assert "objected" in english.post(f"{here}/events", data=form, follow_redirects=False).headers["location"]


def test_no_customer_sees_any_of_it(village: Village) -> None:
    found = told(village)
    mine = browser(village, "c-0302", "en")
    for path in (LIST, f"{LIST}/{found[SHOP]}"):
        assert mine.get(path).status_code in (303, 403, 404)
    for path in ("/portal", "/portal/usage"):
        assert "mismatch" not in mine.get(path).text
