"""Who reads a monthly report: its own customer by page, file and API, operators too, and nobody else."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cloud.alerts.notify import Notice
from cloud.alerts.policy import NoticeKind, Severity
from cloud.app import Application
from cloud.desk.report import changes, store
from cloud.desk.report.pieces import RULES, Billed, BillThen, DayUse, Estimate, Promised, Report, Use
from cloud.desk.report.store import Issued
from cloud.web.notices import render_notice
from tests.cloud.conftest import NOW, Browser
from tests.cloud.web.markup import Page

FEBRUARY = date(2026, 2, 1)
SITE = "https://station.example"


def made(kwh: int = 56, *, banded: bool = True) -> Report:
    """28 days of two kWh, the ninth unknown."""
    days = [
        DayUse(
            day=FEBRUARY + timedelta(days=number),
            kwh=None if number == 8 else 2.0,
            kwh_by_band=None if number == 8 or not banded else {"peak": 1.5, "valley": 0.5},
            coverage=0.0 if number == 8 else 1.0,
            estimated_share=0.0,
        )
        for number in range(28)
    ]
    use = Use(
        first=FEBRUARY,
        last=date(2026, 2, 28),
        whole=True,
        kwh=Decimal(kwh),
        kwh_by_band={"peak": Decimal(kwh - 14), "valley": Decimal(14)},
        coverage=0.9643,
        estimated_share=0.0,
        days=days,
        days_by_band=banded,
        highest_day=FEBRUARY,
        highest_kwh=2.0,
        peak_kw=Decimal("1.2"),
        peak_at=NOW - timedelta(days=9),
        peak_measured=False,
    )
    refused = Estimate(
        tariff=None, plan=None, total=None, lines=[], partial=False, refused="no_contract", params={}
    )
    then = BillThen(
        against="month_before",
        month=date(2026, 1, 1),
        kwh=Decimal(50),
        amount=Decimal(30),
        difference=Decimal(10),
        of_energy=Decimal("3.60"),
        of_price=Decimal("6.40"),
    )
    return Report(
        account="10A",
        month=FEBRUARY,
        class_="household",
        use=use,
        comparisons=[],
        billed=Billed(kwh=Decimal(56), amount=Decimal(40), due_on=date(2026, 3, 25), paid_on=None),
        bills_then=[then],
        estimate=refused,
        two_part=None,
        standings=[],
        promises=[],
        outages=[],
        orders=[],
        advice=[],
    )


@pytest.fixture
def issued(application: Application) -> Application:
    first, second = made(), made(57)
    differs = changes.between(first, second, RULES)
    rows = [
        (Issued("10A", FEBRUARY, 1, NOW, RULES, changes.digest(first), ()), first),
        (Issued("10A", FEBRUARY, 2, NOW, RULES, changes.digest(second), differs), second),
    ]
    with application.database.write() as connection:
        store.put(connection, rows)
    return application


SAID = {
    "zh_CN": (
        "2026年2月",
        "第 2 版",
        "电量，kWh：原 56，现 57",
        "1 天数据不全",
        "没有本月的合同",
        "电费比2026年1月多 10.00 元。其中电量变化 +3.60 元，平均单价变化 +6.40 元。",
    ),
    "en": (
        "February 2026",
        "Revision 2",
        "Energy, kWh: 56 before, 57 now",
        "1 day has holes.",
        "The bill is 10.00 CNY above that of January 2026.",
    ),
}


def test_a_report_is_its_customers_and_the_operators(issued: Application, browser: Browser) -> None:
    pages = (
        "/portal/reports/10A/2026-02",
        "/portal/reports/10A/2026-02/file",
        "/api/v1/me/reports/10A/2026-02",
    )
    console = "/console/customers/reports/10A/2026-02"
    got = {
        who: [browser(who).get(SITE + path, follow_redirects=False).status_code for path in (*pages, console)]
        for who in ("customer-a", "customer-b", "operator", None)
    }
    assert got == {
        "customer-a": [200, 200, 200, 403],
        "customer-b": [404, 404, 404, 403],
        "operator": [403, 403, 404, 200],
        None: [303, 303, 401, 303],
    }
    assert console in browser("operator").get(f"{SITE}/console/customer/C-A").text
    listed = {
        who: browser(who).get(f"{SITE}/api/v1/me/reports").json() for who in ("customer-a", "customer-b")
    }
    assert [each["revision"] for each in listed["customer-a"]] == [2, 1]
    assert listed["customer-b"] == []
    for language, said in SAID.items():
        the_page_and_the_file_say_the_same(browser, language, said)


def the_page_and_the_file_say_the_same(browser: Browser, language: str, said: tuple[str, ...]) -> None:
    """And the file needs nothing else."""
    client = browser("customer-a")
    client.cookies.set("wattpost_language", language)
    page = client.get(f"{SITE}/portal/reports/10A/2026-02")
    file = client.get(f"{SITE}/portal/reports/10A/2026-02/file")
    assert Page(page.text).problems == []
    for answer in (page, file):
        assert [each for each in said if each not in answer.text] == []
    assert file.headers["content-disposition"].endswith('"energy-report-10A-2026-02-r2.html"')
    assert "<style>" in file.text
    assert [each for each in ("<script", "http://", "https://", "<link", "src=") if each in file.text] == []
    assert file.text.count('class="col-peak"') >= 27
    assert said[2] not in client.get(f"{SITE}/portal/reports/10A/2026-02/file?revision=1").text
    months = client.get(f"{SITE}/portal/reports").text
    assert [each for each in said[:3] if each not in months] == []


def test_only_a_promise_that_was_kept_or_missed_is_news() -> None:
    def digest(state: str) -> str:
        more: dict[str, Any] = {"reason": None, "promised": {}, "figures": {}, "sources": {}}
        promised = Promised(part="contact", state=state, rule="x", **more)
        return changes.digest(made().model_copy(update={"promises": [promised]}))

    assert digest("not_due") == digest("not_known") == changes.digest(made())
    assert digest("missed") != digest("not_due")


def test_a_notice_of_a_report_says_nothing_of_what_is_in_it() -> None:
    params, zone = {"month": "2026-02-01", "revision": 1}, ZoneInfo("Asia/Shanghai")
    known = Notice(1, "x", None, "C-A", NoticeKind.REPORT, Severity.INFO, params, "0" * 16, NOW, None)
    title, body = render_notice(known, "zh_CN", zone)
    assert title == "2026年2月用能月报已出"
    assert not any(each.isdigit() for each in body)
    again, _ = render_notice(replace(known, params=params | {"revision": 2}), "zh_CN", zone)
    assert again == "2026年2月用能月报有修订"
