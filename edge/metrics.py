"""What a gateway knows of itself, as Prometheus reads it: built from Health at each scrape, nothing is kept.

Meters are named by their id only. A counter that a restart sets back is what Prometheus expects of one.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from protocols.mqtt.messages import ClockState, Health, Storage, Supply

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_IO: Final = Path("/proc/self/io")


class HealthCollector(Collector):
    """One Health, and whether the broker is reached, as metric families."""

    def __init__(self, health: Health, *, connected: bool) -> None:
        self._health, self._connected = health, connected

    def collect(self) -> Iterator[Metric]:
        yield from _gateway(self._health, connected=self._connected)
        yield from _lines(self._health)
        yield from _meters(self._health)
        if (written := bytes_written()) is not None:
            yield CounterMetricFamily(
                "wattpost_edge_disk_written_bytes", "Bytes sent to the disk since the start.", value=written
            )


def exposition(health: Health, *, connected: bool) -> bytes:
    """The page behind /metrics."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(HealthCollector(health, connected=connected))
    return generate_latest(registry)


def bytes_written() -> int | None:
    """What this process had the disk write (proc(5), write_bytes); None where the kernel does not tell."""
    try:
        lines = _IO.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("write_bytes:")), None)


def _gateway(health: Health, *, connected: bool) -> Iterator[Metric]:
    age_s = max(0, health.at_ms - health.oldest_at_ms) / 1000 if health.oldest_at_ms is not None else 0.0
    for name, text, value in (
        ("broker_connected", "1 while the broker is reached.", connected),
        ("backlog_batches", "Batches the cloud has not settled.", health.backlog_batches),
        ("backlog_readings", "Readings the cloud has not settled.", health.backlog_readings),
        ("backlog_age_seconds", "Age of the oldest reading not settled.", age_s),
        ("last_seq", "Number of the newest batch.", health.last_seq),
        ("storage_fault", "1 while the disk keeps nothing.", health.storage is Storage.FAULT),
        ("clock_synced", "1 when the kernel vouches for wall time.", health.clock is ClockState.SYNCED),
        ("on_backup_supply", "1 while the gateway runs on its battery.", health.supply is Supply.BACKUP),
    ):
        yield GaugeMetricFamily(f"wattpost_edge_{name}", text, value=float(value))


def _lines(health: Health) -> Iterator[Metric]:
    connected = GaugeMetricFamily(
        "wattpost_edge_line_connected", "1 while the port is open.", labels=["line"]
    )
    noise = CounterMetricFamily("wattpost_edge_line_noise_bytes", "Bytes of no frame.", labels=["line"])
    bad = CounterMetricFamily(
        "wattpost_edge_line_bad_frames", "Frames corrupt or not asked for.", labels=["line"]
    )
    for line in health.lines:
        connected.add_metric([line.line], line.connected)
        noise.add_metric([line.line], line.noise_bytes)
        bad.add_metric([line.line], line.bad_frames)
    yield from (connected, noise, bad)


def _meters(health: Health) -> Iterator[Metric]:
    labels = ["line", "meter"]
    asked = CounterMetricFamily("wattpost_edge_meter_asked", "Times a meter was asked.", labels=labels)
    answered = CounterMetricFamily("wattpost_edge_meter_answered", "Times a meter answered.", labels=labels)
    silent = GaugeMetricFamily(
        "wattpost_edge_meter_unanswered", "Asks in a row met by silence.", labels=labels
    )
    at = GaugeMetricFamily(
        "wattpost_edge_meter_answered_seconds", "Unix time of the last answer.", labels=labels
    )
    for meter in health.meters:
        key = [meter.line, meter.meter]
        asked.add_metric(key, meter.asked)
        answered.add_metric(key, meter.answered)
        silent.add_metric(key, meter.unanswered)
        if meter.answered_at_ms is not None:
            at.add_metric(key, meter.answered_at_ms / 1000)
    yield from (asked, answered, silent, at)
