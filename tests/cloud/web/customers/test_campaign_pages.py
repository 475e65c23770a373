"""A campaign from the builder to a customer's answer, page by page and without JavaScript."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from cloud.customers.file.consents import Purpose, give, purposes_of
from cloud.kit.auth import Role
from cloud.tiers.campaigns import ledger, store
from cloud.tiers.campaigns.ledger import Award
from cloud.tiers.campaigns.rules import held_out
from tests.clients import TestClient
from tests.cloud.web.village import NOW, Village, browser, csrf

CUSTOMERS = "/console/customers"
WORDS = {"title_zh": "节能培训", "title_en": "Training", "text_zh": "欢迎参加。", "text_en": "Join us."}


@pytest.fixture
def desk(village: Village) -> TestClient:
    return browser(village, "operator", "en")


def post(client: TestClient, path: str, **data: object) -> str:
    """The page after a form; as a browser follows it."""
    answer = sent(client, path, data)
    assert answer.status_code == 200, answer.text[:400]
    return str(answer.text)


def sent(client: TestClient, path: str, data: Mapping[str, object]) -> Any:
    return client.post(path, data={"csrf_token": csrf(client), **data}, follow_redirects=True)


def campaign(village: Village, desk: TestClient) -> int:
    """A message to everybody, written by the operator."""
    post(desk, f"{CUSTOMERS}/segments", step="save", name="Everybody")
    today = village.application.tiers.campaigns.today
    page = post(
        desk, f"{CUSTOMERS}/campaigns", name="Training", segment="1", subject="message:",
        from_day=str(today), to_day=str(today + timedelta(days=20)), **WORDS,
    )  # fmt: skip
    assert "The draft is kept" in page
    return 1


def running(village: Village, desk: TestClient) -> str:
    """The campaign started, with a customer who may answer: their login."""
    made = campaign(village, desk)
    tiers = village.application.tiers
    with village.application.database.write() as connection:
        for customer in ("C-0103", "C-0104"):
            give(connection, customer, Purpose.OFFERS, how="desk", by="operator", now=NOW)
        tiers.campaigns.approve(connection, made, "bob")
        row = store.campaign(connection, made)
    post(desk, f"{CUSTOMERS}/campaigns/{made}/start")
    return next(c for c in ("C-0103", "C-0104") if not held_out(row.seed, c, row.holdout_permille)).lower()


def test_the_builder_previews_and_keeps_a_segment(village: Village, desk: TestClient) -> None:
    page = desk.get(f"{CUSTOMERS}/segments/new").text
    assert 'hx-post="/console/customers/segments/preview"' in page
    part = post(desk, f"{CUSTOMERS}/segments/preview", **{"class": "household"})
    assert part.lstrip().startswith('<div id="preview"')
    assert "accounts fit" in part
    few = post(desk, f"{CUSTOMERS}/segments/preview", **{"class": "business"})
    assert "Of fewer than ten nothing but their number is shown." in few
    assert "Agreed to offers" not in few
    form = {"class": "household", "indicator": "valley_share", "least": "", "most": "30"}
    page = post(desk, f"{CUSTOMERS}/segments", step="preview", name="Night", **form)
    assert 'value="Night"' in page
    assert "share of the valley band, %: not known" in page
    page = post(desk, f"{CUSTOMERS}/segments", step="save", name="Night", **form)
    assert "The segment is kept." in page
    assert "≤ 30" in page
    assert 'value="30"' in desk.get(f"{CUSTOMERS}/segments/1").text
    assert "already" in post(desk, f"{CUSTOMERS}/segments", step="save", name="Night", **form)
    assert "as numbers" in post(
        desk, f"{CUSTOMERS}/segments", step="save", name="B", **(form | {"most": "x"})
    )
    assert "Give the segment a name" in post(desk, f"{CUSTOMERS}/segments", step="save", **form)


def test_a_campaign_says_whom_it_would_reach_and_who_may_approve_it(
    village: Village, desk: TestClient
) -> None:
    made = campaign(village, desk)
    page = desk.get(f"{CUSTOMERS}/campaigns/{made}").text
    assert "Written by you: another person approves it." in page
    assert "no consent to offers" in page
    assert "Too few to be measured" in page
    refused = post(desk, f"{CUSTOMERS}/campaigns/{made}/approve")
    assert "another person approves what you wrote" in refused
    village.passwords["other"] = village.application.accounts.add("other", Role.OPERATOR, None)
    other = browser(village, "other", "en")
    page = post(other, f"{CUSTOMERS}/campaigns/{made}/approve")
    assert "Start: draw the hold-out" in page
    assert "Every field is needed" in post(desk, f"{CUSTOMERS}/campaigns", name="x", subject="message:")
    assert "Cancelled" in post(desk, f"{CUSTOMERS}/campaigns/{made}/cancel", why="示例原因")


def test_a_customer_takes_part_and_leaves_again(village: Village, desk: TestClient) -> None:
    login = running(village, desk)
    client = browser(village, login, "zh_CN")
    assert "活动：节能培训" in client.get("/portal/notices").text
    page = client.get("/portal/offers").text
    assert "节能培训" in page
    assert "欢迎参加" in page
    with village.application.database.read() as connection:
        offer = store.offers_to(connection, login.upper())[0]
    assert offer.state == "seen"
    page = post(client, "/portal/offers/1", account=offer.account, answer="accept")
    assert "您的答复" in page or "已记录" in page
    with village.application.database.read() as connection:
        assert store.offers_to(connection, login.upper())[0].state == "accepted"
    post(client, "/portal/offers/consent", yes="no")
    with village.application.database.read() as connection:
        assert Purpose.OFFERS not in purposes_of(connection, login.upper())
    stranger = browser(village, "c-0302", "zh_CN")
    assert "节能培训" not in stranger.get("/portal/offers").text
    assert (
        sent(stranger, "/portal/offers/1", {"account": offer.account, "answer": "decline"}).status_code == 404
    )


def test_points_become_a_voucher_that_the_desk_redeems_once(village: Village, desk: TestClient) -> None:
    with village.application.database.write() as connection:
        given = Award(
            "k", "6003020", 250, village.application.tiers.campaigns.today + timedelta(days=90), "示例"
        )
        ledger.award(connection, given, by="t", at=NOW)
    client = browser(village, "c-0302", "en")
    assert "50 points to go" in client.get("/portal/offers").text
    form = {"account": "6003020", "voucher": "led-bulbs", "key": "form-0001"}
    page = post(client, "/portal/offers/vouchers", **form)
    assert "The voucher is yours" in page
    post(client, "/portal/offers/vouchers", **form)  # sent twice, it buys once
    with village.application.database.read() as connection:
        (voucher,) = ledger.vouchers(connection, "6003020")
        assert ledger.balance(connection, "6003020", village.application.tiers.campaigns.today) == 50
    assert voucher.code in client.get("/portal/offers").text
    redeem = f"{CUSTOMERS}/campaigns/vouchers/redeem"
    assert "The voucher is used" in post(desk, redeem, code=voucher.code)
    assert "no such voucher" in post(desk, redeem, code=voucher.code)
    stranger = browser(village, "c-0303", "en")
    assert sent(stranger, "/portal/offers/vouchers", form | {"key": "form-0002"}).status_code == 404
    assert voucher.code not in stranger.get("/portal/offers").text


@pytest.mark.parametrize("path", ["campaigns", "campaigns/new", "campaigns/1", "segments", "segments/new"])
def test_customers_see_none_of_the_consoles_pages(looked_at: Village, path: str) -> None:
    assert browser(looked_at, "c-0302").get(f"{CUSTOMERS}/{path}").status_code == 403


def test_what_is_wrong_in_a_form_is_said_in_the_readers_language(village: Village) -> None:
    desk = browser(village, "operator", "zh_CN")
    wrong = {"class": "household", "indicator": "valley_share", "least": "40", "most": "30"}
    assert "下限不高于上限" in post(desk, f"{CUSTOMERS}/segments/preview", **wrong)
    assert "下限不高于上限" in post(desk, f"{CUSTOMERS}/segments/preview", **(wrong | {"least": "viel"}))
    post(desk, f"{CUSTOMERS}/segments", step="save", name="全部")
    today = village.application.tiers.campaigns.today
    days = {"from_day": str(today), "to_day": str(today + timedelta(days=360))}
    form = {"name": "示例", "segment": "1", "subject": "promotion:household-valley", **days, **WORDS}
    assert "并非全程有效" in post(desk, f"{CUSTOMERS}/campaigns", **form)
    assert "已不存在" in post(desk, f"{CUSTOMERS}/campaigns", **(form | {"segment": "77"}))
    hours = form | {"subject": "message:", "metric": "kwh_in_hours"}
    assert "只有促销才有" in post(desk, f"{CUSTOMERS}/campaigns", **hours)
