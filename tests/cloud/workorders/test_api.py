"""Orders, reports and notices through the API, as an operator and as a customer."""

from typing import Any

import pytest

from tests.clients import TestClient
from tests.cloud.conftest import KNOWN, Browser


@pytest.fixture
def operator(browser: Browser) -> TestClient:
    return browser("operator")


@pytest.fixture
def customer(browser: Browser) -> TestClient:
    return browser("customer-b")


@pytest.fixture
def number(customer: TestClient) -> str:
    return str(
        customer.post("reports", json={"account": "10B", "text": "没电了", "phone_ok": True}).json()["number"]
    )


def order(client: TestClient, number: str) -> dict[str, Any]:
    answer = client.get(f"work-orders/{number}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_a_report_is_followed_by_its_number_without_what_is_not_the_customers(
    customer: TestClient, operator: TestClient, number: str
) -> None:
    mine = order(customer, number)
    assert (mine["stage"], mine["crew_sent"]) == ("new", False)
    assert not {"history", "reports", "backfeed_risk", "alert", "crew"} & set(mine)
    full = order(operator, number)
    assert full["backfeed_risk"] == "unknown"
    assert full["possible"] == ["accept", "cancel"]
    assert [each["text"] for each in full["reports"]] == ["没电了"]


def test_an_operator_moves_an_order_step_by_step(operator: TestClient, number: str) -> None:
    events = f"work-orders/{number}/events"
    moved = operator.post(
        events, json={"event": "accept", "note": "on it", "crew": "crew 2", "cause": "fuse"}
    )
    assert (moved.json()["state"], moved.json()["crew"], moved.json()["cause"]) == (
        "accepted",
        "crew 2",
        "fuse",
    )
    assert [step["event"] for step in moved.json()["history"]] == ["open", "report", "accept"]
    refused = operator.post(events, json={"event": "arrive"})
    assert refused.status_code == 409
    assert "arrive does not fit" in refused.json()["detail"]
    assert "send_crew" in refused.json()["detail"]


@pytest.mark.parametrize(
    "body", [{"event": "supply_returned"}, {"event": "open"}, {}, {"event": "accept", "x": 1}]
)
def test_what_is_no_event_for_a_person_is_refused(operator: TestClient, number: str, body: Any) -> None:
    assert operator.post(f"work-orders/{number}/events", json=body).status_code in (409, 422)
    assert order(operator, number)["state"] == "new"


def test_an_estimate_is_given_by_crew_or_operator_only(operator: TestClient, number: str) -> None:
    path, span = (
        f"work-orders/{number}/estimate",
        {"earliest": "2026-03-02T09:00:00Z", "latest": "2026-03-02T10:00:00Z"},
    )
    given = operator.put(path, json=span | {"origin": "crew"})
    assert (given.status_code, given.json()["estimate_origin"]) == (200, "crew")
    assert operator.put(path, json=span | {"origin": "computed"}).status_code == 422
    assert operator.put(path, json=span | {"latest": "2026-03-02T08:00:00"}).status_code == 422


def test_lists_leave_page_by_page_newest_first(operator: TestClient, number: str) -> None:
    first = operator.get("work-orders", params={"limit": 1}).json()
    second = operator.get("work-orders", params={"limit": 1, "after": first["next"]}).json()
    assert [each["number"] for each in first["items"] + second["items"]] == [number, KNOWN["order"]]
    assert second["next"] is None
    assert operator.get("work-orders", params={"limit": 501}).status_code == 422
    assert operator.get("work-orders", params={"state": "closed"}).json()["items"] == []


def test_too_many_reports_are_asked_to_wait(customer: TestClient, number: str) -> None:
    answers = [customer.post("reports", json={"account": "10B", "text": "示例"}) for _ in range(6)]
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert {answer.json()["number"] for answer in answers if answer.status_code == 201} == {number}
