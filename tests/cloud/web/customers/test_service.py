"""A customer reads their tier and why, contests it, and reads the answer; nobody else's anything is there."""

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import insert

from cloud.app import build
from cloud.billing.store import bill_table
from cloud.customers.file import needs
from cloud.customers.file.consents import Purpose, purposes_of
from cloud.customers.file.needs import Need
from cloud.customers.protection import Protection, protect
from cloud.kit.auth import Role
from cloud.settings import ArchiveSettings, BrokerSettings, HttpSettings, Settings, StationSettings
from cloud.tiers.axes import Axis
from cloud.tiers.entitlements.tables import limit_table
from cloud.tiers.rating import contests
from cloud.tiers.rating.contests import Event
from tests.clients import TestClient
from tests.clocks import ManualClock
from tests.cloud.tiers.station import NOW, made
from tests.cloud.web.markup import Page
from tests.cloud.web.village import QUICK, Village, _watch, browser, csrf

OWN, OTHER, DEBTOR, NEWCOMER, SHOP = "T000010", "T000011", "T000003", "T000001", "T000029"


@pytest.fixture(scope="module")
def village(empty_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Village]:
    """A station of sixty accounts, rated for two months; five customers have logins."""
    folder = tmp_path_factory.mktemp("service")
    shutil.copy(empty_sqlite, folder / "records.db")
    clock = ManualClock(NOW)
    settings = Settings(
        data_dir=folder,
        station=StationSettings(name="示例供电所"),
        http=HttpSettings(base_url="http://127.0.0.1:8080"),
        broker=BrokerSettings(port=0),
        archive=ArchiveSettings(folder=folder / "archive"),
    )
    application = build(settings, clock, QUICK)
    opened = Village(application, clock, _watch(application, clock))
    made(application.database, accounts=60, months=15)
    application.tiers.ratings.run(date(2026, 9, 1))
    application.tiers.ratings.run()
    for no in (OWN, OTHER, DEBTOR, NEWCOMER, SHOP):
        opened.passwords[no.lower()] = application.accounts.add(no.lower(), Role.CUSTOMER, f"C-{no}")
    opened.passwords["operator"] = application.accounts.add("operator", Role.OPERATOR)
    yield opened
    application.stop()


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("zh_CN", ("我的分级与原因", "优于", "怎样才会变化", "分级不影响电价", "服务承诺", "提出异议")),
        (
            "en",
            (
                "How you stand, and why",
                "ahead of",
                "What would change it",
                "never touches the price",
                "Contest",
            ),
        ),
    ],
)
def test_the_page_says_the_tier_why_and_what_would_change_it(
    village: Village, language: str, said: tuple[str, ...]
) -> None:
    page = browser(village, OWN.lower(), language).get("/portal/service").text
    assert Page(page).problems == []
    assert [each for each in said if each not in page] == []
    assert OTHER not in page
    assert "kWh" in page or "%" in page


def test_a_newcomer_reads_that_it_is_a_first_guess(village: Village) -> None:
    page = browser(village, NEWCOMER.lower()).get("/portal/service").text
    assert "暂定" in page
    assert "不会因此降级" in page or "第一" in page or "优于" in page


def test_a_protected_debtor_is_told_what_would_mend_it(village: Village) -> None:
    page = browser(village, DEBTOR.lower(), "en").get("/portal/service").text
    assert "A bill has been open for" in page
    assert "yuan that are due are paid" in page
    with village.application.database.write() as connection:
        protect(connection, DEBTOR, Protection.HOUSEHOLD, "示例原因", "operator", NOW)
    village.application.tiers.ratings.again(DEBTOR)
    page = browser(village, DEBTOR.lower(), "en").get("/portal/service").text
    assert "The household is protected" in page


def test_nobody_reads_another_ones_page(village: Village) -> None:
    answer = browser(village, OWN.lower()).get(f"/portal/service?account={OTHER}")
    assert answer.status_code == 404


def test_a_contest_goes_out_is_answered_and_read(village: Village) -> None:
    client = browser(village, OTHER.lower())
    form = {"csrf_token": csrf(client), "account": OTHER, "axis": "value", "text": "示例理由：电量不对"}
    sent = client.post("/portal/service/contest", data=form, follow_redirects=False)
    assert (sent.status_code, sent.headers["location"]) == (
        303,
        f"/portal/service?account={OTHER}&said=contest_open#contest",
    )
    page = client.get("/portal/service?said=contest_open").text
    assert "核查中" in page
    assert "示例理由：电量不对" in page
    again = client.post("/portal/service/contest", data=form, follow_redirects=False)
    assert "contest_refused" in again.headers["location"]
    ratings = village.application.tiers.ratings
    with village.application.database.read() as connection:
        number = contests.of_account(connection, OTHER)[0].id
    ratings.lock(OTHER, Axis.VALUE, "A", date(2027, 1, 1), "已核实", "operator")
    ratings.decide(number, Event.CHANGE, "示例答复", "operator")
    page = client.get("/portal/service").text
    assert "已更正" in page
    assert "示例答复" in page
    stranger = browser(village, OWN.lower())
    taken = stranger.post(
        f"/portal/service/contests/{number}/seen",
        data={"csrf_token": csrf(stranger)},
        follow_redirects=False,
    )
    assert "contest_refused" in taken.headers["location"]
    client.post(f"/portal/service/contests/{number}/seen", data={"csrf_token": csrf(client)})
    assert "我已阅" not in client.get("/portal/service").text


def test_a_customer_reads_that_a_tier_is_held_and_till_when_but_no_remark_of_the_staff(
    village: Village,
) -> None:
    ratings, until = village.application.tiers.ratings, date(2027, 2, 1)
    lock = ratings.lock(OTHER, Axis.VALUE, "A", until, "内部备注", "operator")
    own = browser(village, OTHER.lower(), "en")
    page, told = own.get("/portal/service").text, own.get(f"/api/v1/accounts/{OTHER}/tiers")
    assert "held by hand" not in page
    assert "The station holds it by hand until then." in page
    assert "held until Feb 1, 2027" in page
    assert told.status_code == 200
    for text in (page, told.text, own.get("/api/v1/me/file").text):
        assert "内部备注" not in text
    assert "内部备注" in browser(village, "operator").get(f"/api/v1/accounts/{OTHER}/tiers").text
    ratings.unlock(lock.id, "operator")


def test_a_customer_reads_the_limits_that_are_watched_and_no_rule_that_fitted(village: Village) -> None:
    database = village.application.database
    judged = {"account": OWN, "kind": "voltage", "rule": "need-voltage", "limit": 0.05, "made_at": NOW}
    passed = {"beyond_share": 0.31, "nominal_v": 220.0}
    days = [
        judged
        | {"day": date(2026, 11, 8), "state": "passed", "value": 0.062, "coverage": 0.98, "evidence": passed},
        judged | {"day": date(2026, 11, 9), "state": "unknown", "reason": "few_data", "evidence": {}},
    ]
    with database.write() as connection:
        needs.declare(connection, OWN, Need.VOLTAGE, "", by="operator", now=NOW)
        for each in days:
            connection.execute(insert(limit_table).values(each))
    path = f"/api/v1/accounts/{OWN}/entitlements"
    own = browser(village, OWN.lower(), "en")
    terms = own.get(path).json()["terms"]
    assert {"voltage_low", "voltage_high"} <= {each["name"] for each in terms}
    assert {each["rule"] for each in terms} == {None}
    assert all(each["rule"] for each in browser(village, "operator", "en").get(path).json()["terms"])
    page = own.get("/portal/service").text
    for said in (
        "+6.2 % off the nominal voltage, limit +5.0 %",
        "31.0 % of the time",
        "too little of it is known",
    ):
        assert said in page
    assert "偏离标称电压 +6.2%" in browser(village, OWN.lower(), "zh_CN").get("/portal/service").text
    assert "+6.2 % off the nominal voltage" in browser(village, "operator", "en").get(
        f"/console/customers/promises/{OWN}"
    ).text  # fmt: skip
    (account,) = own.get("/api/v1/me/file").json()["accounts"]
    assert [(each["state"], each["reason"]) for each in account["limits"]] == [("unknown", "few_data")]


def test_operators_see_of_what_an_account_was_reminded(village: Village) -> None:
    reminding, database = village.application.tiers.entitling.reminding, village.application.database
    with database.write() as connection:
        mine = (bill_table.c.account == OTHER, bill_table.c.month == date(2026, 9, 1))
        late = bill_table.update().where(*mine).values(paid_on=None, due_on=date(2026, 10, 25))
        assert connection.execute(late).rowcount
    assert reminding.run().debts
    assert not reminding.run().debts
    page = browser(village, "operator", "en").get(f"/console/customers/promises/{OTHER}").text
    assert "Reminders sent" in page
    assert "bill of 2026-09" in page
    told = browser(village, OTHER.lower(), "en").get("/portal/notices").text
    assert "A payment is overdue" in told
    (account,) = browser(village, OTHER.lower()).get("/api/v1/me/file").json()["accounts"]
    assert [each["step"] for each in account["reminders"]] == [10]


def test_a_customer_agrees_to_pay_in_parts_or_not_and_nobody_else_does_it_for_them(village: Village) -> None:
    plans, database = village.application.tiers.entitling.plans, village.application.database

    def offered() -> int:
        with database.write() as connection:
            found = plans.offer(connection, SHOP, [date(2026, 10, 1)], 3, date(2026, 11, 25), "operator")
        return int(found.row.id)

    first = offered()
    asked = '<a href="/portal/service#plans"><strong>You may pay a bill in parts'
    own, other = browser(village, SHOP.lower(), "en"), browser(village, OWN.lower(), "en")
    page = own.get("/portal/service").text
    assert "The bill of October 2026" in page
    assert "Nov 25, 2026" in page

    def answer(client: TestClient, plan: int, account: str, said: str) -> tuple[int, str]:
        form = {"csrf_token": csrf(client), "account": account, "answer": said}
        sent = client.post(f"/portal/service/plans/{plan}", data=form, follow_redirects=False)
        return sent.status_code, sent.headers["location"]

    assert asked in own.get("/portal").text
    assert asked not in other.get("/portal").text
    for account in (SHOP, OWN):
        assert "plan_refused" in answer(other, first, account, "yes")[1]
    assert "plan_declined" in answer(own, first, SHOP, "no")[1]
    assert "The bill of" not in own.get("/portal/service").text
    assert "plan_refused" in answer(own, first, SHOP, "yes")[1]
    assert "plan_agreed" in answer(own, offered(), SHOP, "yes")[1]
    assert "plan agreed" in own.get("/portal/service").text
    assert asked not in own.get("/portal").text
    assert "The bill of" not in other.get("/portal/service").text


def test_a_customer_gives_and_withdraws_every_consent_on_their_own_page(village: Village) -> None:
    own = browser(village, SHOP.lower(), "en")
    for agree in ("true", "false"):
        form = {"csrf_token": csrf(own), "account": SHOP, "purpose": "roof", "agree": agree}
        page = own.post("/portal/service/consents", data=form).text
        with village.application.database.read() as connection:
            assert (Purpose.ROOF in purposes_of(connection, f"C-{SHOP}")) is (agree == "true")
        assert ("No longer: The station may look whether PV" in page) is (agree == "true")
