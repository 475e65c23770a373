"""Health is said every so often, and at once when a state has turned."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.health import HealthReport, read_supply
from edge.outbox import Outbox
from protocols.mqtt.messages import ClockState, LineHealth, MeterHealth, Storage, Supply
from tests.edge.gateway import GATEWAY, START_MS, GatewayClock, gateway_settings, readings


class Line:
    """A line whose counters are set by hand."""

    def __init__(self) -> None:
        self.connected, self.unanswered, self.asked = True, 0, 0

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def join(self, timeout_s: float) -> None: ...

    def line_health(self) -> LineHealth:
        return LineHealth(line="north", connected=self.connected, noise_bytes=3, bad_frames=1)

    def meter_health(self) -> list[MeterHealth]:
        return [
            MeterHealth(meter="M-001", line="north", asked=self.asked, answered=1, unanswered=self.unanswered)
        ]


class Station:
    def __init__(self, folder: Path) -> None:
        self.supply = folder / "online"
        self.supply.write_text("1\n")
        self.clock, self.line = GatewayClock(), Line()
        self.outbox = Outbox(folder / "outbox.db", GATEWAY, self.clock)
        settings = gateway_settings(folder, 1, None, supply_file=str(self.supply), health_s=30)
        self.report = HealthReport(settings, self.clock, self.outbox, [self.line])

    def said(self, connected: bool = True) -> bool:
        return self.report.due(connected=connected) is not None


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    made = Station(tmp_path)
    yield made
    made.outbox.close()


def test_health_tells_backlog_clock_supply_lines_and_meters(station: Station) -> None:
    station.outbox.append(readings(3))
    health = station.report.build()
    assert (health.gateway, health.at_ms, health.epoch) == (GATEWAY, START_MS, station.outbox.epoch)
    assert (health.last_seq, health.backlog_batches, health.backlog_readings) == (1, 1, 3)
    assert health.oldest_at_ms == START_MS
    assert (health.clock, health.supply) == (ClockState.UNKNOWN, Supply.MAINS)
    assert health.storage is Storage.OK
    assert [line.noise_bytes for line in health.lines] == [3]
    assert [meter.meter for meter in health.meters] == ["M-001"]


def test_nothing_new_is_said_again_only_after_its_interval(station: Station) -> None:
    assert station.said()
    station.line.asked += 1
    station.outbox.append(readings(1))
    assert not station.said()
    station.clock.advance(29)
    assert not station.said()
    station.clock.advance(1)
    assert station.said()


def test_a_meter_that_turns_silent_or_answers_again_is_said_at_once(station: Station) -> None:
    assert station.said()
    station.line.unanswered = 1
    assert not station.said()
    station.line.unanswered = 2
    assert station.said()
    station.line.unanswered = 3
    assert not station.said()
    station.line.unanswered = 0
    assert station.said()


def test_supply_line_connection_and_storage_that_turn_are_said_at_once(station: Station) -> None:
    assert station.said()
    station.supply.write_text("0")
    assert station.said()
    station.line.connected = False
    assert station.said()
    assert station.said(connected=False)
    assert station.said(connected=True)
    station.outbox._file.fault = "disk full"
    assert station.said()
    assert not station.said()


@pytest.mark.parametrize(
    ("text", "supply"),
    [("1\n", Supply.MAINS), ("0\n", Supply.BACKUP), ("", Supply.UNKNOWN), ("on", Supply.UNKNOWN)],
)
def test_the_supply_file_is_believed_only_where_it_is_clear(
    text: str, supply: Supply, tmp_path: Path
) -> None:
    (tmp_path / "online").write_text(text)
    assert read_supply(tmp_path / "online") is supply
    assert read_supply(tmp_path / "none") is Supply.UNKNOWN
    assert read_supply(None) is Supply.UNKNOWN
