"""The gateway's own page: read-only, bounded, in two languages, and silent meters first."""

import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from edge import page as pages
from edge.agent import Agent
from edge.clock import SystemClock
from edge.page import Board, Page, Snapshot
from edge.pages.words import WORDS, Words, wanted
from edge.volume import days_of_outbox, month
from protocols.mqtt.messages import ClockState, Health, LineHealth, MeterHealth, Storage, Supply
from protocols.quantities import QUANTITIES
from protocols.readings import Quality, Reading, Source
from tests.edge.gateway import START_MS, gateway_settings, until
from tests.edge.lines import ADDRESS, THREE_PHASE_VALUES, blocks
from tests.edge.wire import Meters, TcpWire, dlt645_ear
from tests.programs import free_port


def meter(name: str, unanswered: int = 0, answered_at_ms: int | None = START_MS - 5000) -> MeterHealth:
    return MeterHealth(
        meter=name, line="north", asked=96, answered=90, unanswered=unanswered, answered_at_ms=answered_at_ms
    )


def health(*meters: MeterHealth, **more: Any) -> Health:
    told: dict[str, Any] = {
        "gateway": "gw-a01", "at_ms": START_MS, "epoch": "e1", "last_seq": 7, "backlog_batches": 0,
        "backlog_readings": 0, "oldest_at_ms": None, "clock": ClockState.SYNCED, "supply": Supply.UNKNOWN,
        "lines": [LineHealth(line="north", connected=True, noise_bytes=3, bad_frames=1)],
        "meters": list(meters) or [meter("M-000")],
    }  # fmt: skip
    return Health(**(told | more))


class Shown:
    """A page on a real port, over a board whose health a test sets."""

    def __init__(self, folder: Path, **more: Any) -> None:
        self.health, self.connected = health(), True
        settings = gateway_settings(folder, 1, None, **more)
        self.board = Board(lambda: settings, lambda: self.health, lambda: self.connected)
        handlers = {"/metrics": lambda shot: ("text/plain", f"up {shot.connected:d}\n".encode())}
        self.page = Page("127.0.0.1:0", self.board.snapshot, handlers)

    def ask(self, path: str = "/", method: str = "GET", **headers: str) -> tuple[HTTPResponse, str]:
        port = int(re.search(r":(\d+)/", self.page.url)[1])  # type: ignore[index]
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request(method, path, headers={"Accept-Language": "en"} | headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer, text


@contextmanager
def shown(folder: Path, **more: Any) -> Iterator[Shown]:
    made = Shown(folder, **more)
    made.page.start()
    try:
        yield made
    finally:
        made.page.stop()


def test_the_first_page_tells_gateway_line_and_meters(tmp_path: Path) -> None:
    with shown(tmp_path) as site:
        answer, text = site.ask()
    assert answer.status == 200
    for word in ("gw-a01", "north", "M-000", "connected", "in step", "All meters answer", "not de-energised"):
        assert word in text
    assert "<script" not in text
    assert "style=" not in text
    assert 'http-equiv="refresh"' in text


def test_silent_meters_stand_first_then_the_longest_not_heard(tmp_path: Path) -> None:
    with shown(tmp_path) as site:
        site.health = health(
            meter("well"), meter("older", answered_at_ms=START_MS - 90_000), meter("gone", unanswered=4),
            meter("never", answered_at_ms=None),
        )  # fmt: skip
        _, text = site.ask()
    assert re.findall(r'href="/meter/(\w+)', text) == ["gone", "never", "older", "well"]
    assert "1 silent; 1 not heard yet (of 4)" in text
    assert "90 s ago" in text


def test_a_meters_page_shows_its_last_values(tmp_path: Path) -> None:
    with shown(tmp_path) as site:
        site.board.note(Reading("M-000", START_MS - 5000, Source.POLLED, THREE_PHASE_VALUES))
        site.board.note(Reading("M-000", START_MS - 9000, Source.FREEZE, {"energy_import_wh": 1}))
        _, text = site.ask("/meter/M-000")
    assert "214.94 kWh" in text
    assert "230.1 V" in text
    assert "voltage L1" in text
    assert "5 s ago" in text


def test_what_is_hard_to_believe_says_so(tmp_path: Path) -> None:
    with shown(tmp_path) as site:
        reading = Reading("M-000", START_MS, Source.POLLED, {"power_w": 1.5}, Quality.SUSPECT)
        site.board.note(reading)
        assert "doubtful" in site.ask("/meter/M-000")[1]


def test_a_backlog_is_shown_with_how_long_the_outbox_lasts(tmp_path: Path) -> None:
    with shown(tmp_path, interval_s=900) as site:
        site.connected = False
        site.health = health(backlog_batches=3, backlog_readings=1234, oldest_at_ms=START_MS - 60_000)
        site.board.note(Reading("M-000", START_MS, Source.POLLED, THREE_PHASE_VALUES))
        _, text = site.ask()
    assert "1,234 readings" in text
    assert re.search(r"without the cloud, room for \d{4} days", text)
    assert "readings are kept here" in text


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"), ("en-GB,en;q=0.9", "en"), ("de,en;q=0.3,zh;q=0.2", "en"),
        ("fr", "zh"), ("", "zh"), ("en;q=0,zh;q=0.1", "zh"), (";;;q=x,en", "en"),
    ],
)  # fmt: skip
def test_the_browsers_language_is_taken(accept: str, language: str) -> None:
    assert wanted(accept) == language


def test_the_language_can_be_switched_by_a_link(tmp_path: Path) -> None:
    with shown(tmp_path) as site:
        _, english = site.ask()
        link = re.search(r'class="language" href="([^"]+)"', english)
        assert link
        _, chinese = site.ask(link[1])
    assert 'lang="zh-CN"' in chinese
    assert "必须验电" in chinese
    assert "lang=zh" in chinese  # its links keep the choice


def test_every_word_is_there_twice_and_every_quantity_has_a_name_in_chinese() -> None:
    assert all(chinese and english for chinese, english in WORDS.values())
    assert Words("zh").quantity("energy_import_t1_wh") == "正向有功电量 费率 1"
    lacking = [name for name in THREE_PHASE_VALUES if Words("zh").quantity(name) == name]
    assert lacking == []
    assert all(Words("en").quantity(name) for name in QUANTITIES)


def test_other_parts_hang_in_their_own_page(tmp_path: Path) -> None:
    with shown(tmp_path) as site:
        answer, text = site.ask("/metrics")
    assert (answer.getheader("Content-Type"), text) == ("text/plain", "up 1\n")


def test_programs_read_the_same_as_json(tmp_path: Path) -> None:
    with shown(tmp_path) as site:
        facts = json.loads(site.ask("/state.json")[1])
    assert facts["health"]["last_seq"] == 7
    assert facts["connected"] is True
    assert facts["outbox"]["cap_bytes"] == 1 << 30


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_nothing_but_reading_is_answered(tmp_path: Path, method: str) -> None:
    with shown(tmp_path) as site:
        assert site.ask("/", method)[0].status == 501


def test_only_the_head_is_given_where_only_that_is_wanted(tmp_path: Path) -> None:
    with shown(tmp_path) as site:
        answer, text = site.ask("/", "HEAD")
    assert (answer.status, text) == (200, "")


@pytest.mark.parametrize(
    "path", ["/meter/unknown", "/etc/passwd", "/meter/%2e%2e%2fpage.py", "/x?" + "a=1&" * 500]
)
def test_what_is_not_there_is_told_so(tmp_path: Path, path: str) -> None:
    with shown(tmp_path) as site:
        answer, text = site.ask(path)
    assert answer.status == 404
    assert "no such page" in text


def test_the_browser_may_load_nothing_from_elsewhere(tmp_path: Path) -> None:
    with shown(tmp_path) as site:
        answer, _ = site.ask()
        sheet, _ = site.ask("/page.css")
    assert "default-src 'none'" in str(answer.getheader("Content-Security-Policy"))
    assert (answer.getheader("X-Content-Type-Options"), answer.getheader("Server")) == (
        "nosniff",
        "wattpost ",
    )
    assert sheet.getheader("Content-Type") == "text/css; charset=utf-8"


def test_a_meters_name_cannot_bring_markup(tmp_path: Path) -> None:
    with shown(tmp_path) as site:
        site.health = health(meter('<b onload="x">'))
        _, text = site.ask()
    assert "<b onload" not in text
    assert "&lt;b onload" in text


def test_who_says_nothing_takes_no_place_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.page._Request.timeout", 0.2)
    with shown(tmp_path) as site:
        port = int(site.page.url.rstrip("/").rpartition(":")[2])
        mute = [socket.create_connection(("127.0.0.1", port)) for _ in range(pages.AT_ONCE)]
        for each in mute:
            each.settimeout(10)
            assert each.recv(1) == b""
            each.close()
        assert site.ask()[0].status == 200


def test_more_than_a_few_at_once_are_hung_up_on(tmp_path: Path) -> None:
    held, go = threading.Semaphore(0), threading.Event()
    made = Shown(tmp_path)

    def slow() -> Snapshot:
        held.release()
        go.wait(10)
        return made.board.snapshot()

    made.page = Page("127.0.0.1:0", slow)
    made.page.start()
    try:
        askers = [threading.Thread(target=made.ask) for _ in range(pages.AT_ONCE)]
        for each in askers:
            each.start()
        for _ in askers:
            assert held.acquire(timeout=10)
        with pytest.raises((ConnectionError, OSError)):
            made.ask()
        go.set()
        for each in askers:
            each.join(10)
        assert made.ask()[0].status == 200
    finally:
        go.set()
        made.page.stop()


def test_a_taken_port_costs_the_page_and_not_the_agent(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with shown(tmp_path) as site:
        listen = site.page.url.removeprefix("http://").rstrip("/")
        second = Page(listen, site.board.snapshot)
        second.start()
        second.stop()
    assert "give another" in caplog.text


def test_a_month_of_bytes_comes_from_an_encoded_batch(tmp_path: Path) -> None:
    settings = gateway_settings(tmp_path, 1, None, interval_s=900, health_s=300)
    found = month(settings, {"M-000": THREE_PHASE_VALUES}, health())
    count = 31 * 96
    assert 100 * count < found.readings < 600 * count  # one meter, one reading a batch: 33.4 kB a day
    assert found.health > 0
    assert found.total == found.readings + found.health + found.overhead
    assert 1000 < days_of_outbox(settings, {}, 0) < 100_000
    assert days_of_outbox(settings, {}, 1 << 40) == 0


def test_storage_that_fails_is_told(tmp_path: Path) -> None:
    with shown(tmp_path) as site:
        site.health = health(storage=Storage.FAULT, clock=ClockState.UNSYNCED)
        _, text = site.ask()
    assert "fault: nothing is accepted" in text
    assert "not in step" in text


def test_the_agent_shows_what_it_reads_on_its_own_page(tmp_path: Path) -> None:
    with TcpWire(Meters({ADDRESS: blocks()}), dlt645_ear) as wire:
        meter_table = {"id": "M-000", "model": "dlt645-2007-3p", "address": ADDRESS, "interval_s": 1}
        line = {"name": "north", "kind": "tcp", "endpoint": wire.endpoint, "meter": [meter_table]}
        listen = f"127.0.0.1:{free_port()}"
        settings = gateway_settings(tmp_path, free_port(), None, page={"listen": listen}, line=[line])
        agent = Agent(settings, SystemClock())
        runner = threading.Thread(target=agent.run)
        runner.start()
        try:
            until(lambda: "214.94 kWh" in fetched(listen, "/meter/M-000"), "the reading is on the page")
            assert "wattpost_edge_meter_answered_total" in fetched(listen, "/metrics")
        finally:
            agent.ask_stop()
            runner.join(20)
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", int(listen.rpartition(":")[2])), timeout=5)


def fetched(listen: str, path: str) -> str:
    connection = HTTPConnection(listen, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    except OSError:
        return ""
    finally:
        connection.close()
