"""Every page, asked for by everybody: one that is not yours is refused, whatever it is called and sent."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from starlette.routing import Mount

from cloud.app import Application
from tests.clients import TestClient
from tests.clocks import ManualClock
from tests.cloud.conftest import KNOWN, NOW, PASSWORDS, Browser, founded, settings_in

SITE = "https://station.example"
NUMBERED = ("/alerts/", "/advice/")
OPEN = {"/", "/login", "/logout", "/language"}


@pytest.fixture(scope="module")
def application(standing_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    """One for all: what is asked here is refused, or changes nothing that the next one asks for."""
    settings = settings_in(tmp_path_factory.mktemp("village"), standing_url)
    yield from founded(settings, ManualClock(NOW))


def pages(application: Application) -> Iterator[tuple[str, str]]:
    """(method, path) of every page, its places filled in."""
    [site] = (each.app for each in application.asgi.routes if isinstance(each, Mount) and each.path == "")
    assert isinstance(site, FastAPI)
    for template, methods in site.openapi()["paths"].items():
        known = KNOWN["alert"] if any(name in template for name in NUMBERED) else "M-1"
        path = template.replace("{id}", known).replace("{number}", KNOWN["order"])
        yield from ((method.upper(), path) for method in methods)


@pytest.mark.parametrize(
    ("who", "foreign"),
    [("customer-a", "/console"), ("operator", "/portal"), (None, "/console"), (None, "/portal")],
)
def test_a_page_of_another_role_is_refused(
    application: Application, browser: Browser, who: str | None, foreign: str
) -> None:
    client = browser(who)
    asked = [(method, path) for method, path in pages(application) if path.startswith(foreign)]
    assert len(asked) >= 4
    got = {
        f"{method} {path}": client.request(method, SITE + path, follow_redirects=False)
        for method, path in asked
    }
    if who is None:
        assert {answer.status_code for answer in got.values()} == {303}
        assert all(answer.headers["location"].startswith("/login") for answer in got.values())
    else:
        assert {name: answer.status_code for name, answer in got.items()} == dict.fromkeys(got, 403)


def test_a_page_is_open_console_or_portal(application: Application) -> None:
    paths = {path for _, path in pages(application)}
    assert {path for path in paths if not path.startswith(("/console", "/portal"))} == OPEN


def test_another_customers_account_and_report_are_as_if_they_were_not_there(browser: Browser) -> None:
    client = browser("customer-b")
    for path in ("/portal", "/portal/notices", "/portal/report"):
        assert client.get(f"{SITE}{path}?account=10A").status_code == 404
        assert client.get(f"{SITE}{path}?account=no-such").status_code == 404
    assert client.post(f"{SITE}/portal/report", data={"account": "10A"}).status_code == 404
    shown = [client.get(f"{SITE}/portal/report?number={each}").text for each in (KNOWN["order"], "WO-0-0")]
    assert shown[0].replace(KNOWN["order"], "WO-0-0") == shown[1]


@pytest.mark.parametrize(
    ("who", "path", "form"),
    [
        ("customer-a", "/portal/report", {"account": "10A", "text": "\x00"}),
        ("customer-a", "/portal/report", {"account": "\x00", "text": "x"}),
        ("operator", "/console/alerts/99999999999999999999/acknowledge", {}),
        ("operator", "/console/alerts/-1/acknowledge", {}),
        ("operator", "/console/work-orders/{order}/move", {"event": "accept", "crew": "\x00"}),
        ("operator", "/console/work-orders/{order}/move", {"event": "cancel", "note": "\x00"}),
        (
            "operator",
            "/console/work-orders/{order}/estimate",
            {"earliest": "0001-01-01", "latest": "9999-12-31"},
        ),
        (None, "/login", {"login": "a\x00b", "password": "x"}),
        (None, "/login", {"login": "operator", "password": "\x00"}),
        (None, "/language", {"language": "\x00"}),
    ],
)
def test_no_form_makes_the_service_fail(
    browser: Browser, who: str | None, path: str, form: dict[str, str]
) -> None:
    answer = browser(who).post(SITE + path.format(**KNOWN), data=form, follow_redirects=False)
    assert answer.status_code < 500, answer.text


def test_signing_out_with_a_token_ends_that_session(application: Application) -> None:
    client = TestClient(application.asgi, base_url=SITE, raise_server_exceptions=False)
    credentials = {"login": "operator", "password": PASSWORDS["operator"], "kind": "bearer"}
    token = {"Authorization": f"Bearer {client.post('/api/v1/login', json=credentials).json()['token']}"}
    assert client.post("/logout", headers=token, follow_redirects=False).status_code == 303
    assert client.get("/api/v1/me", headers=token).status_code == 401
