"""The ledger of promises on the console, and one account's promises, records and payment plans."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import insert

from cloud.billing.store import bill_table
from cloud.customers.file.grades import grade_table
from cloud.customers.protection import Protection, protect
from cloud.tiers.entitlements.instalments import PlanEvent, PlanState
from cloud.tiers.entitlements.plans import plans_of
from cloud.tiers.entitlements.polling import Outcome
from cloud.tiers.entitlements.records import How
from cloud.tiers.entitlements.terms import RANKS, Manager, Reach
from cloud.tiers.entitlements.verdicts import Part, State
from cloud.web.customers import promise_words as named
from tests.clients import TestClient
from tests.cloud.web.conftest import copied
from tests.cloud.web.markup import Page
from tests.cloud.web.sharing import Pattern
from tests.cloud.web.village import NOW, OUT_AT, Village, browser, csrf

LEDGER = "/console/customers/promises"
SHOP, HOUSE, DARK = "6001031", "6001030", "6003030"


def page(client: TestClient, path: str) -> Page:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return Page(answer.text)


@pytest.fixture(scope="module")
def promised(pattern: Pattern, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Village]:
    """What is promised was written down on the first; the outage of today is one of its orders. The shop has
    two bills to pay, a house is protected, another an important customer."""
    copies = copied(pattern, tmp_path_factory.mktemp("promised"))
    village = next(copies)
    with village.application.database.write() as connection:
        for month in (date(2026, 9, 1), date(2026, 10, 1)):
            row = {"account": SHOP, "month": month, "amount": Decimal("1000.01"), "origin": "import"}
            row |= {"due_on": date(2026, 11, 10), "paid_on": None}
            connection.execute(insert(bill_table).values(row))
        protect(connection, HOUSE, Protection.HOUSEHOLD, "示例原因", "operator", NOW - timedelta(days=40))
        grade = {"account": DARK, "from_day": date(2026, 1, 1), "grade": "first", "list_no": "示例名单"}
        grade |= {"by": "operator", "recorded_at": NOW}
        connection.execute(insert(grade_table).values(grade))
    village.clock.set(OUT_AT - timedelta(days=20))
    village.application.tiers.entitling.apply()
    village.clock.set(NOW + timedelta(hours=3))
    village.application.tiers.entitling.count()
    yield village
    next(copies, None)


def test_every_part_state_reason_outcome_and_term_has_a_word() -> None:
    assert set(named.PARTS) == set(Part)
    assert set(named.STATES) == set(State)
    assert set(named.OUTCOMES) == set(Outcome)
    assert set(named.HOWS) == set(How)
    assert set(named.PLANS) == set(PlanState)
    assert set(named.PLAN_EVENTS) <= set(PlanEvent)
    assert set(named.MANAGERS) == set(Manager)
    assert set(named.REACH) == set(Reach)
    voltage = {"voltage_low", "voltage_high"}
    assert {name.partition(".")[0] for name in RANKS} - voltage == set(named.TERMS) - {"voltage"}


@pytest.mark.parametrize(
    ("language", "nothing"), [("zh_CN", "还没有统计"), ("en", "Nothing has been counted")]
)
def test_before_anything_is_counted_the_page_says_when(
    looked_at: Village, language: str, nothing: str
) -> None:
    assert nothing in page(browser(looked_at, "operator", language), LEDGER).text


def test_the_misses_of_a_month_stand_first_with_their_orders(promised: Village) -> None:
    english = browser(promised, "operator", "en")
    text = page(english, LEDGER).text
    assert "Crew on site in time" in text
    first = text.index("promise missed", text.index("Where the numbers come from"))
    assert first < text.index("cannot be proven", text.index("Where the numbers come from"))
    assert "WO-20261123-0001" in text
    assert "within 60 min" in text, "the important customer's own promise"
    assert "work orders" in text
    missed = page(english, f"{LEDGER}?state=missed&part=on_site").text
    assert "not due" not in missed[missed.index("Where the numbers come from") :]
    one = page(english, f"{LEDGER}?q={SHOP}").text
    assert DARK not in one[one.index("Where the numbers come from") :]
    assert "No promise fits" in page(english, f"{LEDGER}?q=ghost").text


def test_an_account_shows_why_it_is_promised_what_and_what_was_done(promised: Village) -> None:
    english = browser(promised, "operator", "en")
    text = page(english, f"{LEDGER}/{DARK}").text
    assert "key-account-desk" in text
    assert "Important grade: First grade · grade-first" in text
    assert "30 / 60 / 90" in text
    assert "Nobody has written anything down" in text
    data = {"how": "phone", "at": "2026-11-20T09:30", "note": "示例备注", "csrf_token": csrf(english)}
    answer = english.post(f"{LEDGER}/{DARK}/records", data=data, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{LEDGER}/{DARK}?said=file_saved")
    assert "示例备注" in page(english, f"{LEDGER}/{DARK}").text
    assert "never reminded of a debt" in page(english, f"{LEDGER}/{HOUSE}").text
    assert english.get(f"{LEDGER}/ghost").status_code == 404


def test_a_payment_plan_is_offered_agreed_and_paid_on_the_page(promised: Village) -> None:
    english = browser(promised, "operator", "en")
    path = f"{LEDGER}/{SHOP}"
    assert "Offer a payment plan" in page(english, path).text
    token = csrf(english)

    def post(what: str, **data: object) -> str:
        answer = english.post(f"{path}/{what}", data=data | {"csrf_token": token}, follow_redirects=False)
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"].rpartition("said=")[2])

    months = ["2026-09-01", "2026-10-01"]
    assert post("plans", month=months, count=5, first_due="2026-12-01") == "file_refused"
    assert post("plans", month=months, count=3, first_due="2026-12-01") == "file_saved"
    with promised.application.database.read() as connection:
        [plan] = plans_of(connection, SHOP)
    assert [each.amount for each in plan.instalments] == [
        Decimal("666.68"),
        Decimal("666.67"),
        Decimal("666.67"),
    ]
    assert post(f"plans/{plan.row.id}/move", event="agree") == "file_saved"
    assert post(f"plans/{plan.row.id}/pay", number=1, paid_on="2026-11-23") == "file_saved"
    text = page(english, path).text
    assert "plan running" in text
    assert "still to pay: 1333.34 yuan" in text


def test_a_customer_sees_none_of_it(looked_at: Village) -> None:
    own = browser(looked_at, "c-0103")
    assert own.get(LEDGER, follow_redirects=False).status_code in (303, 403)
