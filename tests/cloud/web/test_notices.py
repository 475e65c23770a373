"""The words of notices, as senders get them."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from cloud.alerts.notify import Notice
from cloud.alerts.policy import AlertKind, NoticeKind, Severity
from cloud.web.notices import render_notice, renderer
from tests.cloud.web.village import NOW

ZONE = ZoneInfo("Asia/Shanghai")
OUTAGE: dict[str, Any] = {
    "area": "A03",
    "area_name": "示例台区 03",
    "accounts": ["6003020"],
    "order": "WO-20261123-0001",
    "opened_at": (NOW - timedelta(hours=1)).isoformat(),
    "earliest": NOW.isoformat(),
    "latest": (NOW + timedelta(hours=1)).isoformat(),
}


def notice(what: NoticeKind, customer: str | None = "C-1", **params: Any) -> Notice:
    return Notice(1, "key", 1, customer, what, Severity.SEVERE, params, "trace", NOW, None)


def test_an_outage_names_place_time_estimate_order_and_the_danger() -> None:
    title, body = render_notice(notice(NoticeKind.OUTAGE, **OUTAGE), "zh_CN", ZONE)
    assert title == "停电通知"
    assert body == (
        "您所在的示例台区 03（户号 6003020）自 13:20 起停电。预计 14:20 至 15:20 复电。"
        "工单 WO-20261123-0001 正在处理，您无需再报修。请远离电线和配电设备，任何线路都应视为带电。"
    )


def test_an_outage_without_an_estimate_gives_none() -> None:
    params = OUTAGE | {"earliest": None, "latest": None}
    _, body = render_notice(notice(NoticeKind.OUTAGE, **params), "en", ZONE)
    assert "expected" not in body
    assert "since 1:20" in body or "since 13:20" in body


def test_restored_speaks_of_the_customers_own_meter() -> None:
    title, body = render_notice(notice(NoticeKind.RESTORED, **OUTAGE), "en", ZONE)
    assert title == "Your supply is back"
    assert body.startswith("Your meter (account 6003020) shows voltage again.")


def test_unusual_usage_names_day_and_account_and_no_figure() -> None:
    told = notice(NoticeKind.UNUSUAL_USAGE, day="2026-11-22", accounts=["6003020"])
    _, body = render_notice(told, "zh_CN", ZONE)
    assert body.startswith("11月22日周日，户号 6003020 有的时段用电明显高于平时。")
    assert "kWh" not in body


def test_every_kind_of_station_alert_has_words_in_both_languages() -> None:
    for kind in AlertKind:
        for language in ("zh_CN", "en"):
            told = notice(NoticeKind.STATION_ALERT, None, kind=kind.value, gateway="gw-a01")
            title, body = render_notice(told, language, ZONE)
            assert title.endswith("gw-a01")
            assert body


def test_each_notice_is_sent_in_its_readers_language() -> None:
    render = renderer(lambda customer: "zh_CN" if customer is None else "en", ZONE)
    assert render(notice(NoticeKind.RESTORED, **OUTAGE))[0] == "Your supply is back"
    assert render(notice(NoticeKind.RESTORED, None, **OUTAGE))[0] == "您家已复电"


def test_an_invitation_to_shift_load_says_when_and_no_figure() -> None:
    start, end = NOW + timedelta(hours=5), NOW + timedelta(hours=7)
    when = {"invitation": 1, "start": start.isoformat(), "end": end.isoformat()}
    for what, title in (
        ("invited", "需求响应邀约"),
        ("cancelled", "需求响应邀约已取消"),
        ("settled", "需求响应结果已核定"),
    ):
        params = {"what": what, **when}
        letter = Notice(1, "k", None, "C-1", NoticeKind.RESPONSE, Severity.INFO, params, "t", NOW, None)
        told = render_notice(letter, "zh_CN", ZONE)
        assert told[0] == title
        assert told[1].startswith("时段：19:20 至 21:20。")
        assert "kW" not in told[1]
