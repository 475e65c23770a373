"""Products for a customer: what fits, its money, why not the others, signing up; the console counts them."""

import pytest

from cloud.tiers.advice.equipment import KINDS, offers
from cloud.tiers.advice.product_documents import Aim
from cloud.tiers.advice.rules import Reason
from cloud.web.customers import product_words as named
from tests.clients import TestClient
from tests.cloud.web.customers.recommended import HOUSE, NEIGHBOUR, SHOP, told
from tests.cloud.web.markup import Page
from tests.cloud.web.village import Village, browser, csrf

OWN, LIST = "/portal/advice/products", "/console/customers/advice/products"


def page(client: TestClient, path: str) -> Page:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    found = Page(answer.text)
    assert found.problems == []
    return found


def test_every_kind_and_reason_has_a_word() -> None:
    assert set(named.KINDS) == set(KINDS) | {each.value for each in Aim}
    assert set(named.SENTENCES) == set(KINDS)
    of_rules = {each.value for each in offers.Why}
    assert of_rules <= named.PLAIN.keys() | named.TOLD.keys()
    of_others = {
        Reason.FEW_MONTHS,
        Reason.ESTIMATED,
        Reason.MARKET_PRICE,
        Reason.CONSENT_MISSING,
        Reason.LEADING,
    }
    assert {each.value for each in of_others} <= named.PLAIN.keys() | named.TOLD.keys()


@pytest.mark.parametrize(
    ("language", "nothing"), [("zh_CN", "节能用电手册"), ("en", "Handbook on saving energy")]
)
def test_before_anything_is_known_what_is_free_may_be_asked_for(
    looked_at: Village, language: str, nothing: str
) -> None:
    text = page(browser(looked_at, "c-0302", language), OWN).text
    assert nothing in text


def test_two_accounts_of_a_customer_get_different_products_with_their_money(village: Village) -> None:
    told(village)
    english = browser(village, "c-0103", "en")
    house = page(english, f"{OWN}?account={HOUSE}").text
    assert "Standby power strip" in house
    assert "44 pieces" in house
    assert "Heat pump water heater" in house
    shop = page(english, f"{OWN}?account={SHOP}").text
    assert "LED lighting" in shop
    assert "pays back in" in shop
    assert "You have not agreed to a survey of the roof." in shop
    assert "Standby power strip" not in shop.partition("What does not fit")[0]
    assert "年省" in page(browser(village, "c-0103", "zh_CN"), f"{OWN}?account={SHOP}").text.replace(
        "一年", "年"
    )


def test_advice_on_equipment_says_what_was_seen(village: Village) -> None:
    told(village)
    english = browser(village, "c-0103", "en")
    house = page(english, f"/portal/advice?account={HOUSE}").text
    assert "2.00 kW never go off, more than a year ago" in house
    assert "Assumed: 20% of your energy goes there, and 65% of that is saved." in house
    assert "free of charge" in page(english, f"/portal/advice?account={SHOP}").text


def test_signing_up_is_kept_shown_and_taken_back(village: Village) -> None:
    told(village)
    english, operator = browser(village, "c-0103", "en"), browser(village, "operator", "en")
    form = {"csrf_token": csrf(english), "account": SHOP, "product": "energy-training"}
    answer = english.post("/portal/advice/signups", data=form, follow_redirects=False)
    assert answer.headers["location"].endswith("said=signed_up")
    assert "signed up" in page(english, f"{OWN}?account={SHOP}").text
    assert SHOP in page(operator, f"{LIST}/energy-training").text
    answer = english.post("/portal/advice/signups/end", data=form, follow_redirects=False)
    assert answer.headers["location"].endswith("said=signup_ended")
    assert "Nobody yet." in page(operator, f"{LIST}/energy-training").text


@pytest.mark.parametrize(
    "form", [{"account": NEIGHBOUR, "product": "energy-handbook"}, {"account": SHOP, "product": "storage"}]
)
def test_nobody_signs_up_anothers_account_or_for_what_is_not_there(
    looked_at: Village, form: dict[str, str]
) -> None:
    english = browser(looked_at, "c-0103", "en")
    answer = english.post(
        "/portal/advice/signups", data=form | {"csrf_token": csrf(english)}, follow_redirects=False
    )
    assert answer.headers["location"].endswith("said=objected")
    assert english.get(f"{OWN}?account={NEIGHBOUR}").status_code == 404


def test_the_console_counts_whom_each_product_fits_and_why_not_the_others(village: Village) -> None:
    told(village)
    operator = browser(village, "operator", "en")
    text = page(operator, LIST).text
    assert "Standby power strip Find what stands by 1 0 2,792 2,640 60.00 CNY a piece" in text
    assert "45.00 CNY a tube to be checked 8 Business, Large industry" in text
    assert text.index("LED lighting") < text.index("Rooftop PV"), "those that fit most accounts come first"
    one = page(operator, f"{LIST}/led").text
    assert "under 1,500 hours" in one
    assert operator.get(f"{LIST}/no-such").status_code == 404
    assert "适合户数" in page(browser(village, "operator", "zh_CN"), LIST).text
