"""Dead letters and missing batches on the console, as an operator meets them without JavaScript."""

from datetime import timedelta

import pytest

from cloud.fleet.registry import import_registry
from cloud.metering.influx import conflicts
from cloud.metering.store import ms
from protocols.mqtt import messages, topics
from protocols.mqtt.messages import Dropped, Readings, Row
from protocols.readings import Source
from tests.clients import TestClient
from tests.cloud.web.markup import Page
from tests.cloud.web.village import NOW, Village, browser, csrf, registry

READINGS = topics.up("gw-a01", "readings")
ADDRESS = "/console/data/dead-letters"


def batch(seq: int, meter: str) -> bytes:
    row = Row(meter, ms(NOW) - 1000 * seq, Source.POLLED, {"energy_import_wh": 1000 + seq})
    return messages.encode(Readings(gateway="gw-a01", epoch="e1", seq=seq, readings=[row]))


def page(client: TestClient, path: str) -> Page:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return Page(answer.text)


def test_a_letter_is_listed_refused_again_and_taken_once_its_cause_is_mended(village: Village) -> None:
    client, ingest = browser(village, "operator", "en"), village.application.ingest
    assert "Every message could be taken" in page(client, ADDRESS).text
    ingest.take(READINGS, batch(7, "A99-01"))
    ingest.take(READINGS, b"\xff no batch at all")
    listed = page(client, ADDRESS)
    assert listed.problems == []
    for text in ("meter 'A99-01' is not one of gateway 'gw-a01'", "e1 · 7", "its sender still has it"):
        assert text in listed.text
    replay = f"{ADDRESS}/1/replay"
    assert [form["action"] for form in listed.forms].count(replay) == 1
    again = client.post(replay, data={"csrf_token": csrf(client)})
    assert again.status_code == 422
    assert "Letter 1 is still refused: dead letter 1" in Page(again.text).text
    _mend(village)
    done = client.post(replay, data={"csrf_token": csrf(client)})
    assert (done.status_code, done.url.path) == (200, ADDRESS)
    assert "its readings are in the store" in Page(done.text).text
    assert "Try again Try again" not in Page(done.text).text


def _mend(village: Village) -> None:
    known = registry()
    known["meter"].append({**known["meter"][1], "id": "A99-01", "address": "990000000001"})
    with village.application.database.write() as connection:
        import_registry(connection, known)


def test_older_letters_are_a_page_away(village: Village) -> None:
    for seq in range(1, 54):
        village.application.ingest.take(READINGS, batch(seq, f"A99-{seq}"))
    client = browser(village, "operator", "en")
    assert "e1 · 53" in page(client, ADDRESS).text
    assert "e1 · 3 " not in page(client, ADDRESS).text
    older = page(client, f"{ADDRESS}?before=4").text
    assert "e1 · 3 " in older
    assert "the newest" in older


def test_readings_that_the_engine_refuses_are_listed_with_its_words(village: Village) -> None:
    refusal = conflicts.Refusal(
        "gw-a01",
        "e1",
        3,
        "A01-01",
        ms(NOW),
        Source.POLLED,
        "reading,meter=A01-01 power_w=1",
        "field type conflict",
    )
    with village.application.database.write() as connection:
        conflicts.quarantine(connection, [refusal], NOW)
    listed = page(browser(village, "operator", "zh_CN"), ADDRESS)
    assert listed.problems == []
    for text in ("读数库拒收的读数", "field type conflict", "A01-01"):
        assert text in listed.text


@pytest.mark.parametrize(("language", "said"), [("en", "waited for"), ("zh_CN", "待补传")])
def test_a_gateways_page_tells_which_batches_did_not_come(village: Village, language: str, said: str) -> None:
    ingest, client = village.application.ingest, browser(village, "operator", language)
    for seq in (1, 4, 9):
        ingest.take(READINGS, batch(seq, "A01-01"))
    dropped = Dropped(gateway="gw-a01", epoch="e1", seqs=[(5, 8)], readings=80, reason="outbox_full")
    ingest.take(topics.up("gw-a01", "dropped"), messages.encode(dropped))
    village.clock.advance(60)
    at_once = page(client, "/console/gateways/gw-a01").text
    assert said not in at_once
    assert "outbox_full" in at_once
    village.clock.advance(timedelta(minutes=10).total_seconds())
    told = page(client, "/console/gateways/gw-a01")
    assert told.problems == []
    for text in (said, "e1 · 2–3", "e1 · 5–8", "80"):
        assert text in told.text
    found = client.get("/api/v1/gateways/gw-a01/gaps").json()
    assert [(each["first"], each["batches"], each["fate"], each["readings"]) for each in found] == [
        (2, 2, "waits", None),
        (5, 4, "dropped", 80),
    ]
    ingest.take(READINGS, batch(2, "A01-01"))
    ingest.take(READINGS, batch(3, "A01-01"))
    assert said not in page(client, "/console/gateways/gw-a01").text
