"""Commands, settings and protections on the console, as two operators meet them without JavaScript."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.fleet import command_store
from protocols.mqtt import orders
from tests.clients import TestClient
from tests.cloud.web.commanded import ACCOUNT, GATEWAY, METER, OTHER, SECOND, Asked, command
from tests.cloud.web.conftest import copied
from tests.cloud.web.markup import Page
from tests.cloud.web.village import Village, browser, csrf


@pytest.fixture(scope="module")
def asked(
    pattern: tuple[Path, dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Village, Asked]]:
    for village in copied(pattern, tmp_path_factory.mktemp("commanded")):
        yield village, command(village)


def page(client: TestClient, path: str) -> Page:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return Page(answer.text)


def send(client: TestClient, path: str, **form: str) -> Page:
    answer = client.post(path, data=form | {"csrf_token": csrf(client)})
    assert answer.status_code in (200, 422), answer.text
    return Page(answer.text)


def test_every_page_can_be_used_by_those_who_do_not_see_it(asked: tuple[Village, Asked]) -> None:
    village, ids = asked
    client = browser(village, "operator", "en")
    for path in (
        "/console/commands",
        f"/console/commands/{ids.read}",
        f"/console/commands/{ids.waiting}",
        f"/console/commands/{ids.unknown}",
        f"/console/meters/{METER}",
        f"/console/meters/{OTHER}",
        f"/console/gateways/{GATEWAY}",
    ):
        assert page(client, path).problems == [], path


def test_a_meters_page_tells_what_it_says_of_itself_and_what_stands_against_a_relay(
    asked: tuple[Village, Asked],
) -> None:
    village, _ = asked
    client = browser(village, "operator", "en")
    text = page(client, f"/console/meters/{METER}").text
    for said in (
        "CT ratio: the meter says 30, the registry 1.",
        "−134 s",
        "relay closed",
        "reading, clock, relay",
        "00:00 tariff 4, 08:00 tariff 3",
        "from 01-01 table 1",
        "Another relay command is under way",
    ):
        assert said in text
    other = page(client, f"/console/meters/{OTHER}").text
    assert "read the relay's state first" in other
    unproven = page(client, "/console/meters/A01-04").text
    assert "It is unproven which account it serves" in unproven


def test_a_command_that_waits_for_somebody_is_on_the_first_page(asked: tuple[Village, Asked]) -> None:
    village, ids = asked
    shown = page(browser(village, SECOND, "en"), "/console")
    assert shown.problems == []
    assert "Commands that wait for a second approval 1" in shown.text
    assert f"Disconnect {ids.waiting}" in shown.text


def test_an_unknown_end_offers_to_read_and_never_to_send_again(asked: tuple[Village, Asked]) -> None:
    village, ids = asked
    shown = page(browser(village, "operator", "en"), f"/console/commands/{ids.unknown}")
    assert "It is not sent again." in shown.text
    assert [form["action"] for form in shown.forms if "ask" in str(form["action"])] == [
        f"/console/meters/{OTHER}/ask"
    ]
    assert "Read the relay's state" in shown.text


def test_a_value_that_was_read_is_shown_with_its_name(asked: tuple[Village, Asked]) -> None:
    village, ids = asked
    assert "228.4 V" in page(browser(village, "operator", "en"), f"/console/commands/{ids.read}").text


def test_asking_and_approving_takes_two_people_and_shows_the_back_feed_risk(
    asked: tuple[Village, Asked],
) -> None:
    village, _ = asked
    first, second = browser(village, "operator", "en"), browser(village, SECOND, "en")
    send(first, "/console/meters/A01-04/proof", account="6001040")
    form = {"kind": "relay_off", "reason": "示例原因", "good_for_min": "30"}
    made = send(first, "/console/meters/A01-04/ask", **form)
    assert "1 of 2 approvals" in made.text
    assert "assume that PV or a generator may feed back" in made.text
    assert "Somebody else has to approve it as well" in made.text
    (row,) = [each for each in page(second, "/console/commands").text.split("Disconnect") if "A01-04" in each]
    id = row.split()[0]  # noqa: A001
    again = send(first, f"/console/commands/{id}/approve")
    assert "something stands against it" in again.text
    assert "issued, on its way" in send(second, f"/console/commands/{id}/approve").text


def test_without_a_reason_nothing_is_done(asked: tuple[Village, Asked]) -> None:
    village, _ = asked
    client = browser(village, "operator", "en")
    said = send(client, "/console/meters/A01-05/ask", kind="clock", reason=" ")
    assert "a reason is needed" in said.text


def test_a_protected_account_is_out_of_reach_until_somebody_ends_that(asked: tuple[Village, Asked]) -> None:
    village, _ = asked
    client = browser(village, "operator", "en")
    path = "/console/meters/A03-03"
    protected = send(client, f"{path}/protect", account="6003030", kind="household", why="示例原因")
    assert "The household is protected" in protected.text
    assert "out of reach" in protected.text
    assert "Its area has an open outage" in protected.text
    (end,) = [form["action"] for form in protected.forms if "/end" in str(form["action"])]
    ended = send(client, str(end), why="示例原因")
    assert "out of reach" not in ended.text


def test_settings_are_edited_checked_and_offered_with_a_difference(asked: tuple[Village, Asked]) -> None:
    village, _ = asked
    client = browser(village, "operator", "en")
    path = f"/console/gateways/{GATEWAY}"
    shown = page(client, path).text
    assert "Version 2 was refused: interval_s: 900 s is too slow here" in shown
    assert "− interval_s = 60" in shown
    wrong = send(client, f"{path}/config", settings="intervall_s = 60", after="2", step="push")
    assert "intervall_s: no such key; did you mean 'interval_s'?" in wrong.text
    checked = send(client, f"{path}/config", settings="interval_s = 60", after="2", step="check")
    assert "Nothing stands against these settings here." in checked.text
    assert "Version 3" not in checked.text
    offered = send(client, f"{path}/config", settings="interval_s = 60", after="2", note="示例", step="push")
    assert "The settings are offered to the gateway" in offered.text
    assert "Version 3 offered" in offered.text
    late = send(client, f"{path}/config", settings="interval_s = 90", after="2", step="push")
    assert "Somebody wrote newer settings meanwhile" in late.text


@pytest.mark.parametrize(
    "form",
    [
        {"settings": "\x00", "after": "0"},
        {"settings": '{"\\ud800": 1}', "after": "0"},
        {"settings": 'a = "\\u0000"', "after": "0"},
        {"settings": "[a]\n[a]", "after": "0"},
        {"settings": "x", "after": "-1"},
    ],
)
def test_no_settings_make_the_page_fail(asked: tuple[Village, Asked], form: dict[str, str]) -> None:
    village, _ = asked
    client = browser(village, "operator", "en")
    form |= {"csrf_token": csrf(client), "step": "check"}
    answer = client.post(f"/console/gateways/{GATEWAY}/config", data=form)
    assert answer.status_code == 422


def test_no_account_and_no_name_goes_over_the_wire(asked: tuple[Village, Asked]) -> None:
    village, ids = asked
    with village.application.database.read() as connection:
        row = command_store.command(connection, ids.unknown)
        text = orders.encode(village.application.commands.order(connection, row)).decode()
    assert ACCOUNT not in text
    assert "示例" not in text
