"""What a customer sees and does on the phone: their own, the truth, never a zero for what was not read."""

import re
from datetime import timedelta

import pytest

from cloud.alerts import notify
from tests.cloud.web.markup import Page
from tests.cloud.web.village import NOW, OUT_AREA, Village, browser, csrf, reading

PAGES = ("/portal", "/portal/notices", "/portal/report")


@pytest.mark.parametrize("login", ["c-0103", "c-0104", "c-0302", "c-0001"])
@pytest.mark.parametrize("language", ["zh_CN", "en"])
@pytest.mark.parametrize("address", PAGES)
def test_every_page_is_whole_in_both_languages(
    looked_at: Village, address: str, language: str, login: str
) -> None:
    answer = browser(looked_at, login, language).get(address)
    page = Page(answer.text)
    assert answer.status_code == 200
    assert page.problems == []
    assert "%(" not in page.text


def test_usage_says_how_much_until_when_and_against_yesterday(looked_at: Village) -> None:
    text = Page(browser(looked_at, "c-0103").get("/portal").text).text
    assert "最近读数 14:19" in text
    assert re.search(r"今天 最近读数 14:19 \d+\.\d kWh 零点至 14:19。", text)
    assert "昨天同一时段" in text


def test_hours_that_were_not_read_are_blank_in_the_bars_and_named_in_words(looked_at: Village) -> None:
    answer = browser(looked_at, "c-0103").get("/portal").text
    assert answer.count('<rect class="gap"') == 4 + 1  # four hours and the legend
    text = Page(answer).text
    assert "有 4 个小时没有读数，图中留空，不是零。" in text
    assert "03:00–04:00 没有读数" in text
    assert "03:00–04:00 0.00" not in text


def test_who_moved_in_this_morning_sees_nothing_from_before(looked_at: Village) -> None:
    client = browser(looked_at, "c-0104")
    answer = client.get("/portal").text
    text = Page(answer).text
    assert "只读到 09:00 至 14:19" in text
    assert "08:00–09:00" not in text
    yesterday = Page(client.get("/portal?day=2026-11-22").text).text
    assert "kWh 。" not in yesterday
    assert "这不等于零" in yesterday


def test_several_accounts_can_be_chosen_and_the_choice_stays(looked_at: Village) -> None:
    client = browser(looked_at, "c-0103")
    answer = client.get("/portal?account=6001031").text
    assert "示例集市 1 号铺" in answer
    assert "/portal/report?account=6001031" in answer


def test_an_account_of_another_customer_is_not_there(looked_at: Village) -> None:
    client = browser(looked_at, "c-0104")
    for address in PAGES:
        assert client.get(f"{address}?account=6001030").status_code == 404


def test_no_page_of_one_customer_shows_anything_of_another(looked_at: Village) -> None:
    client = browser(looked_at, "c-0104")
    seen = "".join(client.get(address).text for address in PAGES)
    for foreign in ("6001030", "6003020", "A01-03", "示例户 0103", "WO-2026"):
        assert foreign not in seen


def test_a_report_number_of_another_customer_is_not_confirmed(looked_at: Village) -> None:
    text = browser(looked_at, "c-0104").get("/portal/report?number=WO-20261123-0001").text
    assert "报修已收到" not in text


def test_customers_and_operators_keep_to_their_own_pages(looked_at: Village) -> None:
    customer, operator = browser(looked_at, "c-0104"), browser(looked_at, "operator")
    for address in ("/console", "/console/now", "/console/meters/A01-03/day.json", "/console/stream"):
        assert customer.get(address).status_code == 403
    assert operator.get("/portal").status_code == 403


def test_the_outage_card_tells_stage_estimate_origin_update_and_size(looked_at: Village) -> None:
    text = Page(browser(looked_at, "c-0302").get("/portal").text).text
    assert "您家停电了" in text
    assert re.search(r"预计 .* 至 .* 复电。 按服务承诺推算", text)
    assert "电能表上报" in text
    assert "您附近的少数几户" in text  # eight customers: a group too small to be counted out
    assert "最近更新 13:" in text
    assert "任何线路都应视为带电" in text


def test_supply_is_back_when_the_customers_own_meter_says_so_whatever_the_others_say(
    village: Village,
) -> None:
    for minute in (1, 2, 3):
        village.clock.advance(60)
        at = NOW + timedelta(minutes=minute)
        village.store(OUT_AREA, [reading(OUT_AREA, 2, at)])
        village.tell(OUT_AREA, at, out=True)
    back = Page(browser(village, "c-0302").get("/portal").text).text
    still = Page(browser(village, "c-0303").get("/portal").text).text
    assert "您的电能表自 14:22 起重新有电压" in back
    assert "您家停电了" in still
    assert "您的电能表自" not in still


def test_customers_outside_the_outage_are_not_told_of_one(looked_at: Village) -> None:
    assert "您家停电了" not in browser(looked_at, "c-0103").get("/portal").text


def test_a_notice_is_unread_until_it_is_marked(village: Village) -> None:
    client = browser(village, "c-0302")
    assert "1 条未读" in client.get("/portal").text
    assert "您所在的示例台区 03 河沿" in client.get("/portal/notices").text
    client.post("/portal/notices/read", data={"csrf_token": csrf(client)})
    assert "条未读" not in client.get("/portal").text
    with village.application.database.read() as connection:
        assert notify.unread(connection, "C-0302") == 0
        assert notify.unread(connection, "C-0303") == 1  # nobody else's was touched


def test_notices_carry_no_usage(looked_at: Village) -> None:
    for language in ("zh_CN", "en"):
        text = Page(browser(looked_at, "c-0302", language).get("/portal/notices").text).text
        assert "kWh" not in text


def test_who_is_in_a_known_outage_is_shown_it_before_the_form(looked_at: Village) -> None:
    text = Page(browser(looked_at, "c-0302").get("/portal/report").text).text
    assert text.index("这起停电已经知道了") < text.index("提交报修")


def test_a_fault_is_reported_by_one_tap_and_its_number_is_told(village: Village) -> None:
    client = browser(village, "c-0103")
    answer = client.post("/portal/report", data={"csrf_token": csrf(client), "account": "6001030"})
    text = Page(answer.text).text
    assert "报修已收到" in text
    assert re.search(r"您的工单编号： WO-20261123-\d{4}", text)
    orders = Page(browser(village, "operator").get("/console/work-orders").text).text
    assert "客户报修" in orders


def test_a_report_from_a_known_outage_joins_its_order(village: Village) -> None:
    client = browser(village, "c-0302")
    answer = client.post("/portal/report", data={"csrf_token": csrf(client), "account": "6003020"})
    text = Page(answer.text).text
    assert "您的工单编号： WO-20261123-0001" in text
    assert "它属于一起正在处理的停电。" in text


def test_a_report_for_another_customers_account_is_refused(village: Village) -> None:
    client = browser(village, "c-0104")
    sent = {"csrf_token": csrf(client), "account": "6001030"}
    assert client.post("/portal/report", data=sent).status_code == 404


def test_what_a_customer_writes_is_shown_as_text_and_nothing_else(village: Village) -> None:
    client = browser(village, "c-0302")
    sent = {"csrf_token": csrf(client), "account": "6003020", "text": "<script>alert(1)</script>"}
    client.post("/portal/report", data=sent)
    page = browser(village, "operator").get("/console/work-orders/WO-20261123-0001").text
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page


def test_too_many_reports_are_asked_to_wait(village: Village) -> None:
    client = browser(village, "c-0103")
    sent = {"csrf_token": csrf(client), "account": "6001030"}
    answers = [client.post("/portal/report", data=sent).status_code for _ in range(7)]
    assert answers == [200] * 6 + [429]


def test_the_language_is_switched_by_a_form_and_stays(looked_at: Village) -> None:
    client = browser(looked_at, "c-0103")
    client.post("/language", data={"language": "en", "next": "/portal"})
    page = Page(client.get("/portal").text)
    assert page.language == "en"
    assert "last reading at 14:19" in page.text


def test_a_customer_is_first_greeted_in_their_own_language(looked_at: Village) -> None:
    client = browser(looked_at)
    client.cookies.delete("wattpost_language")
    client.post("/login", data={"login": "c-0303", "password": looked_at.passwords["c-0303"]})
    assert Page(client.get("/portal").text).language == "en"


def test_a_customer_without_readings_is_told_that_it_is_not_zero(empty_village: Village) -> None:
    text = Page(browser(empty_village, "c-0103").get("/portal").text).text
    assert "还没有读数" in text
    assert "这不等于零" in text
    assert "0.0 kWh" not in text


def test_a_customer_without_an_account_is_told_what_to_do(looked_at: Village) -> None:
    assert "请带上户号到供电所柜台办理" in browser(looked_at, "c-0001").get("/portal").text


def test_nonsense_in_an_address_shows_today(looked_at: Village) -> None:
    client = browser(looked_at, "c-0103")
    for day in ("yesterday", "2026-13-40", "9999-01-01", "<b>"):
        assert "最近读数 14:19" in client.get("/portal", params={"day": day}).text
