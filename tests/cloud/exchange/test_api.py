"""Exports over HTTP: one's own, whole days, at most so many, and a refusal is no file."""

from datetime import timedelta

from tests.cloud.conftest import MOVED, NOW, Browser

SPAN = {"first": (NOW - timedelta(days=30)).date().isoformat(), "last": NOW.date().isoformat()}


FORMATS = {
    "csv": ("text/csv; charset=utf-8", b"\xef\xbb\xbfpoint,"),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", b"PK"),
    "parquet": ("application/vnd.apache.parquet", b"PAR1"),
    "espi": ("application/atom+xml", b"<?xml"),
    "iec61968": ("application/xml", b"<?xml"),
}
REFUSED: list[tuple[dict[str, str], int]] = [
    ({"meter": "M-2", "account": "10A"}, 422),
    ({}, 422),
    ({"meter": "M-2", "first": "2024-01-01"}, 422),
    ({"meter": "M-2", "first": "2026-03-03"}, 422),
    ({"meter": "M-2", "format": "pdf"}, 422),
    ({"meter": "M-2", "format": "csv", "content": "both"}, 422),
    ({"meter": "M-3"}, 404),
    ({"account": "10B"}, 404),
    ({"account": "no"}, 404),
    ({"point": "M-3"}, 404),
    ({"area": "A02"}, 404),
]


def test_each_format_comes_with_its_type_and_name(browser: Browser) -> None:
    client = browser("customer-a")
    for name, (media, begins) in FORMATS.items():
        answer = client.get("export", params={"account": "10A", "format": name, **SPAN})
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == media
        assert answer.content.startswith(begins)
        assert int(answer.headers["content-length"]) == len(answer.content)
        assert "attachment; filename*=UTF-8''account-10A-" in answer.headers["content-disposition"]
        assert answer.headers["cache-control"] == "no-store"


def test_what_is_wrong_or_anothers_is_refused(browser: Browser) -> None:
    client = browser("customer-a")
    for query, status in REFUSED:
        answer = client.get("export", params=SPAN | query)
        assert answer.status_code == status, query
        assert answer.headers["content-type"] == "application/problem+json"


def test_whoever_moved_out_or_in_gets_their_own_days_of_the_same_meter(browser: Browser) -> None:
    def days(who: str) -> list[str]:
        query = {"meter": "M-1", "content": "registers", **SPAN}
        text = browser(who).get("export", params=query).content.decode("utf-8-sig")
        return [line.split(",")[3][:10] for line in text.splitlines()[1:]]

    moved = MOVED.date().isoformat()
    assert max(days("customer-a")) < moved == min(days("customer-b"))
    assert sorted(days("customer-a") + days("customer-b")) == days("operator")


def test_an_area_shows_a_customer_only_their_own_meters(browser: Browser) -> None:
    text = browser("customer-a").get("export", params={"area": "A01", "content": "registers", **SPAN}).text
    assert {line.split(",")[1] for line in text.splitlines()[1:]} == {"M-1", "M-2"}
    assert "M-4" not in browser("customer-b").get("export", params={"area": "A02", **SPAN}).text


def test_what_is_anothers_is_refused_in_the_words_for_what_is_not_there(browser: Browser) -> None:
    client = browser("customer-a")
    for kind, theirs in (("meter", "M-3"), ("point", "M-3"), ("account", "10B"), ("area", "A02")):
        told = [client.get("export", params=SPAN | {kind: name}).json()["detail"] for name in (theirs, "X")]
        assert told[0].replace(theirs, "X") == told[1]
