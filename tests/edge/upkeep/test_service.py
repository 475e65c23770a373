"""A gateway under systemd: its words to the service manager, its log for machines, its metrics."""

import json
import logging
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from edge import metrics
from edge.logs import JsonLines
from edge.upkeep.service import ServiceManager
from protocols.mqtt.messages import ClockState, Health, LineHealth, MeterHealth, Supply

UNIT = Path(__file__).parents[3] / "edge" / "upkeep" / "systemd" / "wattpost-edge.service"
HEALTH = Health(
    gateway="gw-a01",
    at_ms=1_795_000_060_000,
    epoch="e1",
    last_seq=7,
    backlog_batches=2,
    backlog_readings=40,
    oldest_at_ms=1_795_000_000_000,
    clock=ClockState.SYNCED,
    supply=Supply.BACKUP,
    lines=[LineHealth(line="north", connected=True, noise_bytes=3, bad_frames=1)],
    meters=[
        MeterHealth(
            meter="M-1", line="north", asked=9, answered=7, unanswered=2, answered_at_ms=1_795_000_001_500
        )
    ],
)


class Listener:
    """The service manager's socket."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path)
        self._socket.setblocking(False)

    def words(self) -> list[str]:
        heard: list[str] = []
        while True:
            try:
                heard.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return heard

    def close(self) -> None:
        self._socket.close()


def test_the_watchdog_is_fed_twice_in_each_of_its_intervals(tmp_path: Path) -> None:
    listener = Listener(tmp_path / "notify")
    manager = ServiceManager(listener.path, watchdog_usec=120_000_000)
    manager.ready("polling")
    for second in range(241):
        manager.alive(float(second))
    manager.stopping()
    words = listener.words()
    assert words[0] == "READY=1\nSTATUS=polling"
    assert words.count("WATCHDOG=1") == 5
    assert words[-1] == "STOPPING=1"
    listener.close()


def test_without_a_service_manager_its_words_fall_away(tmp_path: Path) -> None:
    ServiceManager().ready("polling")
    gone = ServiceManager(str(tmp_path / "nobody"), watchdog_usec=1)
    gone.ready("polling")
    gone.alive(1.0)


def test_a_log_for_machines_is_one_json_object_a_line() -> None:
    record = logging.LogRecord(
        "edge.poller", logging.WARNING, "x.py", 1, "meter %s: silent\nfor long", ("M-1",), None
    )
    line = JsonLines().format(record)
    assert "\n" not in line
    told = json.loads(line)
    assert told["level"] == "warning"
    assert told["message"] == "meter M-1: silent\nfor long"
    assert told["time"].endswith("Z")


def test_metrics_say_what_health_says() -> None:
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(metrics.exposition(HEALTH, connected=True).decode())
        for sample in family.samples
    }
    assert found["wattpost_edge_broker_connected",] == 1
    assert found["wattpost_edge_backlog_readings",] == 40
    assert found["wattpost_edge_backlog_age_seconds",] == 60
    assert found["wattpost_edge_on_backup_supply",] == 1
    assert found["wattpost_edge_line_noise_bytes_total", "north"] == 3
    assert found["wattpost_edge_meter_unanswered", "north", "M-1"] == 2
    assert found["wattpost_edge_meter_answered_seconds", "north", "M-1"] == 1_795_000_001.5


def test_the_unit_is_valid_and_well_locked_in() -> None:
    if shutil.which("systemd-analyze") is None:
        text = UNIT.read_text()
        assert all(word in text for word in ("NoNewPrivileges=yes", "ProtectSystem=strict", "WatchdogSec="))
        return
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=30", UNIT],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-300:]


@pytest.mark.parametrize(
    "word", ["Type=notify", "Restart=always", "ExecStartPre=-/opt/wattpost/guard /opt/wattpost"]
)
def test_the_unit_starts_again_whatever_happens(word: str) -> None:
    assert word in UNIT.read_text().splitlines()
