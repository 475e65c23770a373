"""The exceptions on the console, as an operator meets them without JavaScript."""

from datetime import timedelta

import numpy as np
import pytest

from cloud.metering.vee import days
from cloud.metering.vee import exception_store as store
from cloud.metering.vee.days import Channel, Flag, Method, PointDay
from tests.clients import TestClient
from tests.cloud.web.commanded import METER
from tests.cloud.web.markup import Page
from tests.cloud.web.village import NOW, Village, browser, csrf

DAY = NOW.date() - timedelta(days=1)


def found(village: Village) -> int:
    """A register that fell in two slots of a day with a hole, waiting for a person."""
    final = np.rint(200 + 150 * np.sin(np.arange(96) / 12))
    method = np.full(96, Method.MEASURED, np.uint8)
    flags = np.zeros(96, np.uint32)
    final[40:42], method[40:42], flags[40:42] = np.nan, Method.MISSING, Flag.REGISTER_FALL
    method[60:64] = Method.REGISTER_SHAPED
    zone = village.application.settings.station.zone
    start = NOW.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    content = PointDay(METER, Channel.IMPORT, DAY, start, 900, final, flags, method)
    row = {
        "point": METER, "channel": Channel.IMPORT.value, "day": DAY, "area": "A01", "meter": METER,
        "code": "V13", "severity": "fail", "first_slot": 40, "last_slot": 41, "observed": 2.0, "limit": 0.0,
        "state": "open", "evidence": b"1", "opened_at": NOW, "changed_at": NOW,
    }  # fmt: skip
    with village.application.database.write() as connection:
        days.put(connection, [content], by="validate", why="2026-11-23", at=NOW)
        number = store.EXCEPTIONS.add(connection, row)
        store.EXCEPTIONS.note(connection, number, NOW, who="validate", event="found", state="open", note="")
    return number


def page(client: TestClient, path: str) -> Page:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return Page(answer.text)


def send(client: TestClient, path: str, **form: object) -> Page:
    answer = client.post(path, data=form | {"csrf_token": csrf(client)})
    assert answer.status_code == 200, answer.text
    return Page(answer.text)


def test_the_list_and_one_exception_with_its_day(village: Village) -> None:
    client = browser(village, "operator", "en")
    assert "Nothing waits" in page(client, "/console/data/exceptions").text
    number = found(village)
    listed = page(client, "/console/data/exceptions?area=A01&severity=fail")
    assert listed.problems == []
    assert "Register fell" in listed.text
    assert "Register fell" not in page(client, "/console/data/exceptions?area=A02").text
    shown = page(client, f"/console/data/exceptions/{number}")
    assert shown.problems == []
    assert "Of 96 slots 90 are measured, 2 not known, 4 estimated" in shown.text
    assert "waits for you" in shown.text


def test_a_person_corrects_and_their_name_and_reason_stay(village: Village) -> None:
    client, number = browser(village, "operator", "en"), found(village)
    path = f"/console/data/exceptions/{number}"
    said = send(client, f"{path}/correct", slot=["40", "41"], wh=["111", "112"], why="")
    assert "a reason is needed" in said.text
    said = send(client, f"{path}/correct", slot=["40", "41"], wh=["111", "x"], why="示例原因")
    assert "whole Wh" in said.text
    said = send(client, f"{path}/correct", slot=["40", "41"], wh=["111", ""], why="示例原因")
    assert "with your name and reason" in said.text
    assert "V13 corrected: 示例原因" in said.text
    with village.application.database.read() as connection:
        (day,) = days.newest(connection, DAY, DAY, points=[METER])
    assert day.final_wh[40] == 111
    assert day.method[40] == Method.MANUAL
    assert np.isnan(day.final_wh[41])
    said = send(client, f"{path}/accept", why="示例原因")
    assert "something stands against it" in said.text


@pytest.mark.parametrize("language", ["zh_CN", "en"])
def test_a_re_read_becomes_an_order_to_the_gateway(village: Village, language: str) -> None:
    client, number = browser(village, "operator", language), found(village)
    send(client, f"/console/data/exceptions/{number}/reread")
    with village.application.database.read() as connection:
        row = store.EXCEPTIONS.row(connection, number)
        assert row.state == "rereading"
        assert row.order.startswith("RC-")
