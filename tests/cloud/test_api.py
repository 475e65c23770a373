from datetime import timedelta
from typing import Any

import pytest

from cloud.app import Application
from cloud.fleet import gateways
from cloud.metering.store import ms
from protocols.mqtt.messages import ClockState, Health, MeterHealth, Supply
from tests.cloud.conftest import NOW, PASSWORDS, Browser


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One kind of database is enough here: the matrix of isolation tries both."""
    return sqlite_url


def series(browser: Browser, who: str, **query: str | int) -> dict[str, Any]:
    asked: dict[str, str | int] = {
        "quantity": "energy_import_wh",
        "start": (NOW - timedelta(days=30)).isoformat(),
        "end": (NOW + timedelta(days=1)).isoformat(),
    }
    answer = browser(who).get("meters/M-1/series", params=asked | query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_long_series_comes_in_pages_that_join(browser: Browser) -> None:
    first = series(browser, "operator", limit=20)
    rest = series(browser, "operator", limit=20, start=first["next"])
    assert len(first["at_ms"]) == 20
    assert rest["next"] is None
    assert first["at_ms"] + rest["at_ms"] == series(browser, "operator")["at_ms"]


def test_a_series_is_the_last_day_when_no_span_is_named(browser: Browser) -> None:
    answer = browser("operator").get("meters/M-1/series", params={"quantity": "power_w"}).json()
    assert (answer["unit"], answer["values"]) == ("W", [100.0])


WRONG: list[dict[str, str]] = [
    {"quantity": "charm"},
    {"quantity": "power_w", "start": "yesterday"},
    {"quantity": "power_w", "start": "2026-03-01T00:00:00"},
    {"quantity": "power_w", "start": "2026-03-02T00:00:00Z", "end": "2026-03-01T00:00:00Z"},
    {"quantity": "power_w", "start": "2025-03-02T00:00:00Z", "end": "2026-03-01T00:00:00Z"},
    {"quantity": "power_w", "start": "9999-12-31T23:00:00Z"},
    {"quantity": "power_w", "end": "0001-01-01T01:00:00Z"},
    {"quantity": "power_w", "limit": "1000000"},
    {"quantity": "power_w", "source": "rumour"},
    {},
]


def test_a_wrong_question_is_told_what_is_wrong(browser: Browser) -> None:
    client = browser("operator")
    for query in WRONG:
        answer = client.get("meters/M-1/series", params=query)
        assert answer.status_code == 422, query
        problem = answer.json()
        assert problem["status"] == 422
        assert problem["detail"]


def test_lists_of_meters_come_page_by_page_and_by_area(browser: Browser) -> None:
    client = browser("operator")
    first = client.get("meters", params={"limit": 3}).json()
    assert [meter["id"] for meter in first["items"]] == ["M-1", "M-2", "M-3"]
    rest = client.get("meters", params={"limit": 3, "after": first["next"]}).json()
    assert [meter["id"] for meter in rest["items"]] == ["M-4"]
    assert rest["next"] is None
    here = client.get("latest", params={"area": "A02"}).json()
    assert [each["meter"] for each in here["items"]] == ["M-3", "M-4"]
    assert len(here["items"][0]["values"]) == 2
    assert client.get("meters", params={"limit": 501}).status_code == 422


def test_an_operator_sees_how_each_gateway_is(application: Application, browser: Browser) -> None:
    oldest = NOW - timedelta(minutes=10)
    health = Health(
        gateway="gw-a01",
        at_ms=ms(NOW),
        epoch="new",
        last_seq=9,
        backlog_batches=3,
        backlog_readings=30,
        oldest_at_ms=ms(oldest),
        clock=ClockState.SYNCED,
        supply=Supply.BACKUP,
        lines=[],
        meters=[MeterHealth(meter="M-1", line="rs485-1", asked=9, answered=2, unanswered=7)],
    )
    with application.database.write() as connection:
        gateways.data_came(connection, "gw-a01", oldest)
        gateways.note(connection, "gw-a01", gateways.EPOCH_REUSED, "epoch e", NOW)
        gateways.take_health(connection, health, NOW)
    one, other = browser("operator").get("gateways").json()
    assert (one["supply"], one["silent_meters"], one["backlog_batches"]) == ("backup", 1, 3)
    assert one["overdue"]
    assert [note["detail"] for note in one["notes"]] == ["epoch e"]
    assert (other["heard_at"], other["overdue"], other["notes"]) == (None, False, [])


def test_where_a_meter_hangs_is_for_operators(browser: Browser) -> None:
    assert browser("operator").get("meters/M-2").json()["gateway"] == "gw-a01"
    assert set(browser("customer-a").get("meters/M-2").json()) == {
        "id",
        "model",
        "area",
        "phase",
        "role",
        "interval_s",
    }


def test_a_program_signs_in_for_a_bearer_token_and_needs_no_csrf(browser: Browser) -> None:
    client = browser(None)
    body = {"login": "operator", "password": PASSWORDS["operator"], "kind": "bearer"}
    answer = client.post("login", json=body)
    assert not client.cookies
    client.headers["Authorization"] = f"Bearer {answer.json()['token']}"
    assert client.get("gateways").status_code == 200
    assert client.post("logout").status_code == 204
    assert client.get("gateways").status_code == 401


def test_the_cookie_is_for_https_and_for_no_script(browser: Browser) -> None:
    answer = browser(None).post("login", json={"login": "operator", "password": PASSWORDS["operator"]})
    flags = answer.headers["set-cookie"].lower()
    assert all(flag in flags for flag in ("secure", "httponly", "samesite=lax", "path=/"))
    assert "token" not in {name for name, value in answer.json().items() if value and name != "csrf"}


def test_too_many_wrong_passwords_are_told_how_long_to_wait(browser: Browser) -> None:
    client = browser(None)
    answers = [client.post("login", json={"login": "operator", "password": "wrong"}) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 401, 429]
    assert answers[-1].headers["retry-after"] == "2"


def test_a_page_of_another_site_can_change_nothing(browser: Browser) -> None:
    answer = browser("operator").post("logout", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert "another site" in answer.json()["detail"]


def test_a_body_beyond_the_cap_is_refused_announced_or_not(browser: Browser) -> None:
    client = browser(None)
    assert client.post("login", content=b" " * 1_100_000).status_code == 413
    answer = client.post(
        "login", content=(b" " * 100_000 for _ in range(11)), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 413
    assert answer.json()["title"]


def test_every_answer_carries_the_security_headers(browser: Browser) -> None:
    client = browser("operator")
    for path in ("me", "healthz", "nowhere", "openapi.json", "meters/none"):
        headers = client.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["strict-transport-security"]
        assert headers["cache-control"] == "no-store"


def test_what_is_not_there_is_a_problem_too(browser: Browser) -> None:
    for method, path, status in (("GET", "nowhere", 404), ("DELETE", "me", 405), ("GET", "meters/M-9", 404)):
        answer = browser("operator").request(method, path)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_the_api_describes_itself_without_any_other_server(browser: Browser) -> None:
    schema = browser(None).get("openapi.json").json()
    assert schema["servers"] == [{"url": "/api/v1"}]
    for path, methods in schema["paths"].items():
        for operation in methods.values():
            assert operation["tags"], path
            assert operation["summary"], path
            assert operation.get("description"), f"{path}: say in one sentence what it gives"
    for name in ("docs", "redoc"):
        assert browser(None).get(name).status_code == 404


def test_settings_with_characters_no_database_keeps_are_refused_with_a_problem(browser: Browser) -> None:
    client = browser("operator")
    for body in (rb'{"settings": {"\ud800": 1}}', rb'{"settings": {"memory": {"timezone": "\u0000"}}}'):
        answer = client.post(
            "gateways/gw-a01/config", content=body, headers={"content-type": "application/json"}
        )
        assert answer.status_code == 422, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
