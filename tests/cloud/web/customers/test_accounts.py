"""All accounts, filtered on every axis, and one customer's file with its forms, without JavaScript."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event, insert

from cloud.customers.file import consents, grades, needs
from cloud.customers.file.consents import Purpose
from cloud.customers.file.grades import Grade
from cloud.customers.file.needs import Need
from cloud.kit.db import Database
from cloud.tiers.axes import Axis
from cloud.tiers.rating import contests, locks
from cloud.tiers.rating import store as rating
from cloud.tiers.rating.tables import decision_table
from cloud.web.customers import account_list
from cloud.web.customers.account_list import Wanted
from cloud.web.language import Words
from tests.clients import TestClient
from tests.cloud.tiers import station
from tests.cloud.tiers.station import LAST, Made, Sample
from tests.cloud.web.markup import Page
from tests.cloud.web.village import NOW, Village, browser, csrf

WORDS = Words("zh_CN", ZoneInfo("Asia/Shanghai"))
TODAY = date(2026, 11, 10)
TOLD: Any = {"by": "operator", "now": station.NOW - timedelta(days=5)}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database, Made]]:
    """130 accounts of all classes, some of them rated, graded, in need, held by hand."""
    folder: Path = tmp_path_factory.mktemp("town")
    database = Database(f"sqlite:///{folder / 'records.db'}")
    database.migrate()
    made = station.made(database, accounts=130, months=1)
    large, homes = made.of("large_industry"), made.of("household")
    with database.write() as connection:
        rows = [_decision(each, "A" if number % 2 else "B") for number, each in enumerate(made.accounts)]
        connection.execute(insert(decision_table), rows)
        grades.declare(
            connection, large[0].account, Grade.FIRST, "示例名单", from_day=date(2026, 1, 1), **TOLD
        )
        needs.declare(connection, homes[0].account, Need.HELP, "示例帮助", **TOLD)
        held = (homes[1].account, Axis.VALUE, "D", date(2027, 1, 1), "示例")
        locks.lock(connection, *held, by="operator", now=station.NOW, today=TODAY)
    yield database, made
    database.close()


def _decision(each: Sample, value: str) -> dict[str, Any]:
    return {
        "account": each.account,
        "month": LAST,
        "at": station.NOW,
        "rule": "2026-01",
        "inputs": "x",
        "provisional": False,
        "score": 0.5,
        "class": each.class_,
        "sub": "large_family" if each.class_ == "household" else None,
        "sub_since": LAST,
        "value": value,
        "value_since": LAST,
        "credit": "good",
        "credit_since": LAST,
        "shape": "evening-1",
        "shape_since": LAST,
        "detail": "{}",
    }


def found(town: tuple[Database, Made], after: str = "", **wanted: str) -> account_list.Found:
    with town[0].read() as connection:
        return account_list.found(connection, Wanted(**wanted), station.NOW, WORDS, after)


def test_every_axis_and_place_filters_the_list(town: tuple[Database, Made]) -> None:
    made = town[1]
    large, homes = made.of("large_industry"), made.of("household")
    assert found(town).total == 130
    assert found(town, class_="large_industry").total == len(large)
    assert found(town, class_="household.large_family").total == len(homes)
    assert found(town, class_="household.often_away").total == 0
    assert found(town, area="A001").total == 30
    assert found(town, tariff="hubei-industry").total == len(large)
    assert [each.no for each in found(town, grade="first").rows] == [large[0].account]
    assert found(town, grade="none").total == 129
    assert [each.no for each in found(town, need="help").rows] == [homes[0].account]
    assert found(town, need="none").total == 129
    assert found(town, shape="evening-1").total == 130
    assert found(town, credit="good").total == 130
    assert found(town, credit="risk").total == 0
    assert [each.no for each in found(town, q=f"示例户 {homes[3].account}").rows] == [homes[3].account]
    assert found(town, q="100%").total == 0


def test_a_tier_held_by_hand_is_found_as_it_stands_not_as_it_was_decided(
    town: tuple[Database, Made],
) -> None:
    held = town[1].of("household")[1].account
    assert [each.no for each in found(town, value="D").rows] == [held]
    assert held not in [each.no for each in found(town, value="A", q=held).rows]
    assert found(town, value="A").total + found(town, value="B").total == 129


def test_filters_meet(town: tuple[Database, Made]) -> None:
    both = found(town, class_="household", value="A", area="A000")
    assert 0 < both.total < found(town, class_="household").total
    assert {each.class_ for each in both.rows} == {"household"}


def test_pages_follow_one_another_and_leave_nobody_out(town: tuple[Database, Made]) -> None:
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        page = found(town, after)
        seen += [each.no for each in page.rows]
        after = page.next
    assert seen == sorted(each.account for each in town[1].accounts)


def test_a_page_asks_as_many_questions_of_a_large_station_as_of_a_small_one(
    town: tuple[Database, Made],
) -> None:
    asked = []
    engine = town[0]._reader
    listener = lambda *given: asked.append(given[2])  # noqa: E731
    event.listen(engine, "before_cursor_execute", listener)
    found(town, value="A")
    event.remove(engine, "before_cursor_execute", listener)
    assert len(asked) <= 10


@pytest.mark.parametrize("language", ["zh_CN", "en"])
@pytest.mark.parametrize(
    "address",
    ["/console/customers", "/console/customers?class=household&q=1", "/console/customer/C-0103"],
)
def test_the_pages_are_whole_in_both_languages(looked_at: Village, address: str, language: str) -> None:
    answer = browser(looked_at, "operator", language).get(address)
    page = Page(answer.text)
    assert answer.status_code == 200
    assert page.problems == []
    assert "%(" not in page.text


def test_an_operator_answers_a_contest_and_the_list_says_who_waits(village: Village) -> None:
    database = village.application.database
    with database.write() as connection:
        from cloud.customers.store import accounts_of

        account = accounts_of(connection, "C-0103")[0].no
        sample = Sample(account, "C-0103", "", "", "household", 0.0)
        connection.execute(insert(decision_table), [_decision(sample, "B")])
        standing = rating.standing(connection, TODAY, account)[Axis.VALUE]
        told: Any = {"by": "c-0103", "now": NOW, "today": TODAY, "days": 15}
        made = contests.contest(connection, standing, "示例异议", **told)
    operator = browser(village, "operator")
    listed = Page(operator.get("/console/customers").text)
    assert f"1 项等级异议待答复： {account}" in listed.text
    assert listed.problems == []
    assert "示例异议" in operator.get("/console/customer/C-0103").text
    where = f"contests/{made.id}"
    assert "未保存" in send(operator, where, account=account, event="uphold", told=" ")
    text = send(operator, where, account=account, event="uphold", told="示例答复")
    assert "已核对，维持" in text
    assert "示例答复" in text
    assert "未执行" in send(operator, where, account=account, event="reject", told="示例答复")
    assert "等级异议待答复" not in operator.get("/console/customers").text


def test_a_customer_sees_neither_page(looked_at: Village) -> None:
    customer = browser(looked_at, "c-0302")
    for address in ("/console/customers", "/console/customer/C-0103"):
        assert customer.get(address).status_code == 403


def test_another_customers_account_is_not_shown_under_this_one(looked_at: Village) -> None:
    operator = browser(looked_at, "operator")
    assert operator.get("/console/customer/C-0103?account=nobodys").status_code == 404
    assert operator.get("/console/customer/nobody").status_code == 404


def send(client: TestClient, action: str, **fields: str) -> str:
    """The page after the form was sent."""
    body = urlencode({"csrf_token": csrf(client), **fields})
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = client.post(f"/console/customer/C-0103/{action}", content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return Page(answer.text).text


def test_an_operator_keeps_the_file_by_forms(village: Village) -> None:
    operator = browser(village, "operator")
    with village.application.database.read() as connection:
        from cloud.customers.store import accounts_of

        account = accounts_of(connection, "C-0103")[0].no
    assert "已记入客户档案" in send(operator, "consent", purpose="offers", how="示例表单")
    assert "未保存" in send(operator, "consent", purpose="roof", how=" ")
    send(operator, "need", account=account, need="help", detail="示例帮助")
    assert "未保存" in send(operator, "need", account=account, need="help")
    send(operator, "grade", account=account, grade="second", list_no="示例名单", from_day="2026-01-01")
    send(operator, "person", role="finance", phone="00000000000", reach="sms")
    until = (NOW.date() + timedelta(days=30)).isoformat()
    text = send(operator, "lock", account=account, axis_value="value:A", until=until, why="示例")
    for word in ("示例表单", "示例帮助", "二级重要客户", "财务", "00000000000", "人工锁定至"):
        assert word in text, word
    with village.application.database.read() as connection:
        assert consents.purposes_of(connection, "C-0103") == {Purpose.OFFERS}
        need = needs.needs_of(connection, account)[0].id
        lock = locks.of_account(connection, account)[0].id
    assert f"lock {lock}" not in text
    assert "客户撤回" not in send(operator, "consent/withdraw", purpose="offers")
    send(operator, "need/end", account=account, need=str(need))
    send(operator, "grade/end", account=account, on="2026-11-01", why="示例")
    send(operator, "unlock", account=account, lock=str(lock))
    assert "未登记联系人" in send(operator, "person/end", person="1")
    with village.application.database.read() as connection:
        assert consents.purposes_of(connection, "C-0103") == set()
        assert grades.grades_on(connection, NOW.date()) == {}
        assert needs.needs_at(connection, NOW) == {}
