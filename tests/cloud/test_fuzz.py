"""Whatever comes in an address or a body: an answer that says what is wrong, never a failure of ours."""

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.app import Application
from tests.cloud.conftest import Browser

NASTY = st.one_of(
    st.text(max_size=80),
    st.integers().map(str),
    st.sampled_from(
        [
            *("", "0", "-1", "1e999", "NaN", "null", "' OR 1=1 --", "%00", "..", "\ud800"),
            *("2026-02-30T00:00:00Z", "0001-01-01", "9999-12-31"),
        ]
    ),
    st.datetimes().map(lambda at: at.isoformat() + "Z"),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


def encoded(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def address(data: st.DataObject, path: str, operation: dict[str, Any]) -> str:
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path":
            known = st.sampled_from(["M-1", "M-2", "1"])
            value = data.draw(NASTY | known, label=parameter["name"])
            path = path.replace(f"{{{parameter['name']}}}", encoded(value) or "x")
    asked = [
        f"{parameter['name']}={encoded(data.draw(NASTY, label=parameter['name']))}"
        for parameter in operation.get("parameters", [])
        if parameter["in"] == "query" and data.draw(st.booleans(), label=f"with {parameter['name']}")
    ]
    return f"{path[1:]}?{'&'.join(asked)}"


@pytest.mark.parametrize("who", ["operator", "customer-a"])
def test_no_question_makes_the_service_fail(application: Application, browser: Browser, who: str) -> None:
    client = browser(who)
    routes = [
        (method, path, operation)
        for path, methods in application.api.openapi()["paths"].items()
        for method, operation in methods.items()
        if path not in ("/logout", "/readyz")
    ]

    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(data=st.data())
    def ask(data: st.DataObject) -> None:
        method, path, operation = data.draw(st.sampled_from(routes))
        body: Any = data.draw(JSON) if method != "get" else None
        try:
            answer = client.request(method, address(data, path, operation), json=body)
        except ValueError:  # the client itself cannot write such JSON
            return
        assert answer.status_code < 500, answer.text

    ask()
