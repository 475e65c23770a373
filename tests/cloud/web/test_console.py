"""What an operator sees and does, without JavaScript, on the real service."""

import re
from datetime import timedelta

import pytest

from cloud.workorders import store as orders
from tests.cloud.web.markup import Page
from tests.cloud.web.village import NOW, OUT_AREA, Village, browser, csrf, meter_id

PAGES = (
    "/console",
    "/console/areas",
    "/console/areas/A03",
    "/console/meters",
    "/console/meters/A01-03",
    "/console/meters/A02-00?day=2026-11-22",
    "/console/alerts",
    "/console/work-orders",
    "/console/work-orders/WO-20261123-0001",
    "/console/gateways",
)


@pytest.mark.parametrize("language", ["zh_CN", "en"])
@pytest.mark.parametrize("address", PAGES)
def test_every_page_is_whole_in_both_languages(looked_at: Village, address: str, language: str) -> None:
    answer = browser(looked_at, "operator", language).get(address)
    page = Page(answer.text)
    assert answer.status_code == 200
    assert page.problems == []
    assert page.language == ("zh-CN" if language == "zh_CN" else "en")
    assert "%(" not in page.text


def test_now_shows_the_outage_first_and_counts_what_is_heard(looked_at: Village) -> None:
    text = Page(browser(looked_at, "operator").get("/console").text).text
    assert "供电中的台区 4 / 6 1 个停电 1 个不明" in text
    assert "有应答的电能表 37 / 54 17 块无应答" in text
    assert "在线网关 5 / 6 1 个失联" in text
    assert "台区停电 · 示例台区 03 河沿" in text
    assert text.index("示例台区 03 河沿 停电") < text.index("示例台区 01 村东")


def test_a_meter_whose_gateway_tells_of_its_silence_is_not_heard_however_young_its_reading(
    village: Village,
) -> None:
    village.tell(1, NOW, out=True)
    operator = browser(village, "operator")
    assert "有应答的电能表 29 / 54 25 块无应答" in Page(operator.get("/console").text).text
    assert "A01-01 无应答" in Page(operator.get("/console/areas/A01").text).text
    assert "无应答" in Page(operator.get("/console/meters/A01-01").text).text


def test_silence_is_called_not_known_and_never_an_outage(looked_at: Village) -> None:
    text = Page(browser(looked_at, "operator").get("/console/areas/A06").text).text
    assert "不明" in text
    assert "停电" not in text.replace("作业前必须停电", "")


def test_a_silent_meter_shows_its_register_value_and_no_power_or_voltage_of_then(looked_at: Village) -> None:
    text = Page(browser(looked_at, "operator").get("/console/areas/A03").text).text
    assert re.search(r"A03-01 无应答 用电户表 [\d,.]+ – – 38分钟前", text)


def test_the_moving_part_comes_alone(looked_at: Village) -> None:
    part = browser(looked_at, "operator").get("/console/now").text
    assert part.lstrip().startswith("<div")
    assert "<html" not in part
    assert 'value="/console"' in part  # its forms come back to the whole page


def test_meters_are_found_by_number_address_and_area(looked_at: Village) -> None:
    client = browser(looked_at, "operator")
    assert "1 块电能表" in Page(client.get("/console/meters?q=a01-03").text).text
    assert "1 块电能表" in Page(client.get("/console/meters?q=000001000003").text).text
    assert "9 块电能表" in Page(client.get("/console/meters?q=河沿").text).text
    assert "17 块电能表" in Page(client.get("/console/meters?only=silent").text).text
    assert "没有符合的电能表" in Page(client.get("/console/meters?q=nothing").text).text


def test_a_meters_day_has_a_sentence_a_table_and_a_hole_that_stays_a_hole(looked_at: Village) -> None:
    client = browser(looked_at, "operator")
    page = Page(client.get("/console/meters/A01-03").text)
    assert "有 1 段没有读数，图中留空。" in page.text
    assert "用表格查看，每刻钟一行" in page.text
    day = client.get("/console/meters/A01-03/day.json").json()
    seconds, power = day["columns"][:2]
    assert power.count(None) == 1
    hole = power.index(None)
    assert seconds[hole + 1] - seconds[hole - 1] > 2 * 3600
    assert day["to"] - day["from"] == 86_400


def test_a_meter_or_area_that_is_not_there_is_not_found(looked_at: Village) -> None:
    client = browser(looked_at, "operator")
    for address in ("meters/none", "meters/none/day.json", "areas/none", "work-orders/none"):
        assert client.get(f"/console/{address}").status_code == 404


def test_an_alert_is_acknowledged_by_a_plain_form(village: Village) -> None:
    client = browser(village, "operator")
    answer = client.post(
        "/console/alerts/1/acknowledge", data={"csrf_token": csrf(client), "next": "/console"}
    )
    assert answer.url.path == "/console"
    assert "告警已确认。" in answer.text
    assert "operator 已确认" in answer.text


def test_a_change_without_the_forms_proof_is_refused(village: Village) -> None:
    client = browser(village, "operator")
    assert client.post("/console/alerts/1/acknowledge", data={}).status_code == 403
    assert "operator 已确认" not in client.get("/console").text


def test_an_order_goes_its_way_and_the_estimate_is_the_stations_time(village: Village) -> None:
    client = browser(village, "operator")
    number = "WO-20261123-0001"

    def move(**data: str) -> str:
        answer = client.post(f"/console/work-orders/{number}/move", data={"csrf_token": csrf(client), **data})
        assert answer.status_code == 200
        return Page(answer.text).text

    assert "已确认" in move(event="accept")
    assert "示例抢修一班" in move(event="send_crew", crew="示例抢修一班")
    assert "此期间有变化" in move(event="close")  # no repair yet: refused, and said
    sent = {"earliest": "2026-11-23T15:00", "latest": "2026-11-23T15:50", "origin": "crew"}
    answer = client.post(f"/console/work-orders/{number}/estimate", data={"csrf_token": csrf(client), **sent})
    assert "15:00 至 15:50（抢修人员预计）" in Page(answer.text).text
    with village.application.database.read() as connection:
        row = orders.order(connection, number)
    assert row.latest == NOW + timedelta(minutes=90)
    assert row.estimate_origin == "crew"


@pytest.mark.parametrize(
    ("earliest", "latest"),
    [("2026-11-23T16:00", "2026-11-23T15:00"), ("2026-11-23T10:00", "2026-11-23T11:00"), ("soon", "later")],
)
def test_an_estimate_that_makes_no_sense_is_not_saved(village: Village, earliest: str, latest: str) -> None:
    client = browser(village, "operator")
    sent = {"csrf_token": csrf(client), "earliest": earliest, "latest": latest}
    answer = client.post("/console/work-orders/WO-20261123-0001/estimate", data=sent)
    assert "没有保存" in answer.text


def test_every_open_order_warns_of_back_feed(looked_at: Village) -> None:
    text = Page(browser(looked_at, "operator").get("/console/work-orders/WO-20261123-0001").text).text
    assert "反送电" in text


def test_an_empty_station_says_what_to_do(empty_village: Village) -> None:
    client = browser(empty_village, "operator")
    text = Page(client.get("/console").text).text
    assert "还没有网关上传" in text
    assert "从未" in text
    assert "这块电能表从未应答" in Page(client.get(f"/console/meters/{meter_id(OUT_AREA, 1)}").text).text


def test_a_visitor_is_sent_to_the_door_and_back(looked_at: Village) -> None:
    client = browser(looked_at)
    answer = client.get("/console/meters?q=A01", follow_redirects=False)
    assert answer.headers["location"].startswith("/login?next=/console/meters")
    sent = {"login": "operator", "password": looked_at.passwords["operator"], "next": "/console/meters?q=A01"}
    assert client.post("/login", data=sent, follow_redirects=False).headers["location"] == sent["next"]


@pytest.mark.parametrize("address", ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere"])
def test_the_door_sends_nobody_to_a_foreign_site(looked_at: Village, address: str) -> None:
    client = browser(looked_at)
    sent = {"login": "operator", "password": looked_at.passwords["operator"], "next": address}
    assert client.post("/login", data=sent, follow_redirects=False).headers["location"] == "/console"
    answer = client.post("/language", data={"language": "en", "next": address}, follow_redirects=False)
    assert answer.headers["location"] == "/"


def test_a_wrong_password_is_told_in_the_readers_language_and_kept_out(looked_at: Village) -> None:
    client = browser(looked_at, language="en")
    answer = client.post("/login", data={"login": "nobody", "password": "wrong-password"})
    assert answer.status_code == 401
    assert "Login or password is wrong." in answer.text


def test_signing_out_ends_the_session(looked_at: Village) -> None:
    client = browser(looked_at, "operator")
    client.post("/logout", data={"csrf_token": csrf(client)})
    assert client.get("/console", follow_redirects=False).status_code == 303
