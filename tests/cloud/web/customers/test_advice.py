"""Advice for a customer: the money, both bills, a decision; for operators by kind, with what was refused."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from cloud.tiers.advice import store
from cloud.tiers.advice.equipment.offers import Why
from cloud.tiers.advice.rules import Reason
from cloud.tiers.advice.store import RefusalRow, State
from cloud.web.customers import advice_views as views
from cloud.web.customers import advice_words as named
from cloud.web.customers import product_words
from cloud.web.language import Words
from tests.clients import TestClient
from tests.cloud.tiers.advice.test_advising import TARIFF_KINDS
from tests.cloud.web.customers.advised import HOUSE, NEIGHBOUR, SHOP, advised
from tests.cloud.web.markup import Page
from tests.cloud.web.village import NOW, Village, browser, csrf

OWN, LIST = "/portal/advice", "/console/customers/advice"


def page(client: TestClient, path: str) -> Page:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    found = Page(answer.text)
    assert found.problems == []
    return found


def test_every_kind_and_reason_has_a_word() -> None:
    assert named.KINDS.keys() >= TARIFF_KINDS
    assert {each.value for each in Reason} == set(named.REASONS)
    told = named._WHY.keys() | product_words.PLAIN.keys() | product_words.TOLD.keys()
    counted = [*Reason, *Why]
    words = Words("zh_CN", ZoneInfo("Asia/Shanghai"))
    assert [each.value for each in counted if named.reason(each.value, words) == each.value] == []
    own = {"capacity_pending", "basis_fixed", "demand_unknown"}
    assert {each.value for each in Reason} <= told | own


@pytest.mark.parametrize(("language", "nothing"), [("zh_CN", "暂无建议"), ("en", "Nothing to advise")])
def test_before_anything_is_known_nothing_is_advised(looked_at: Village, language: str, nothing: str) -> None:
    assert nothing in page(browser(looked_at, "c-0302", language), OWN).text


def test_a_customer_sees_the_money_the_formula_and_both_bills(village: Village) -> None:
    advised(village)
    english = browser(village, "c-0103", "en")
    text = page(english, f"{OWN}?account={HOUSE}").text
    assert "about 497 CNY a year less" in text
    assert "60% of your energy lies in valley hours" in text
    assert "Σ12 C(plain) − Σ12 C(tou); 1978.80 − 1482.00 = 496.80 CNY" in text
    assert "3,600 kWh × 0.538" in text
    assert "step 2 (above 2,760 kWh) is reached about" in text
    shop = page(english, f"{OWN}?account={SHOP}").text
    assert "Power-factor adjustment" in shop
    assert "30% of your energy lies in sharp and peak hours" in shop
    assert "496.80" not in shop
    assert "一年约少付 497 元" in page(browser(village, "c-0103", "zh_CN"), f"{OWN}?account={HOUSE}").text


def test_who_lacks_months_is_told_how_many_and_when_to_look_again() -> None:
    words, today = Words("en", ZoneInfo("Asia/Shanghai")), date(2026, 11, 10)

    def said(*rows: tuple[str, dict[str, int]]) -> str:
        return views.lacking([RefusalRow("1", "x", why, of, NOW) for why, of in rows], words, today)

    few = ("few_months", {"have": 3, "need": 13})
    text = "Advice needs 12 whole months of your readings; there are 3. Look again in August 2027."
    assert said(few, ("winter_only", {"have": 3, "need": 12})) == text
    assert said(few, ("few_months", {"have": 14, "need": 13})) == text.replace(
        "needs 12", "needs 13"
    ).replace("August", "September")
    assert said(("market_price", {})) == ""


def test_looking_at_it_is_written_down(village: Village) -> None:
    advised(village)
    page(browser(village, "c-0103", "en"), f"{OWN}?account={HOUSE}")
    with village.application.database.read() as connection:
        assert {each.state for each in store.of_account(connection, HOUSE)} == {State.SEEN}
        assert {each.state for each in store.of_account(connection, SHOP)} == {State.OPEN}


def test_a_customer_takes_one_and_declines_another(village: Village) -> None:
    advised(village)
    english = browser(village, "c-0103", "en")
    ids = _ids(village, HOUSE)
    token = {"csrf_token": csrf(english)}
    answer = english.post(f"{OWN}/{ids['tou_choice']}/take", data=token, follow_redirects=False)
    assert answer.headers["location"].endswith("said=advice_taken")
    body = token | {"why": "We move out"}
    answer = english.post(f"{OWN}/{ids['step_crossing']}/decline", data=body, follow_redirects=False)
    assert answer.headers["location"].endswith("said=advice_declined")
    text = page(english, f"{OWN}?account={HOUSE}").text
    assert "Nothing to advise" in text
    assert "taken up" in text
    assert "We move out" in text
    again = english.post(f"{OWN}/{ids['tou_choice']}/decline", data=token, follow_redirects=False)
    assert again.headers["location"].endswith("said=advice_refused")


def test_nobody_decides_or_reads_anothers(village: Village) -> None:
    advised(village)
    english = browser(village, "c-0103", "en")
    other = _ids(village, NEIGHBOUR)["basic_charge"]
    answer = english.post(f"{OWN}/{other}/take", data={"csrf_token": csrf(english)}, follow_redirects=False)
    assert answer.headers["location"].endswith("said=advice_refused")
    assert english.get(f"{OWN}?account={NEIGHBOUR}").status_code == 404
    assert english.get(LIST).status_code == 403
    with village.application.database.read() as connection:
        assert store.one(connection, other).state is State.OPEN


def test_the_console_counts_by_kind_and_says_what_was_refused(village: Village) -> None:
    advised(village)
    operator = browser(village, "operator", "en")
    text = page(operator, LIST).text
    assert "Another basis for the basic charge 1 63,600" in text
    assert "Another basis for the basic charge basis is fixed 1" in text
    listed = page(operator, f"{LIST}?kind=tou_choice").text
    assert HOUSE in listed.partition("all kinds")[2]
    assert NEIGHBOUR not in listed.partition("all kinds")[2]
    one = page(operator, f"{LIST}/{_ids(village, NEIGHBOUR)['basic_charge']}").text
    assert "Basic charge by capacity" in one
    assert "= 63600.00 CNY" in one
    assert operator.get(f"{LIST}/999999").status_code == 404
    assert "不予建议及原因" in page(browser(village, "operator", "zh_CN"), LIST).text


def _ids(village: Village, account: str) -> dict[str, int]:
    table = store.advice_table.c
    query = select(table.kind, table.id).where(table.account == account)
    with village.application.database.read() as connection:
        return {row.kind: row.id for row in connection.execute(query)}
