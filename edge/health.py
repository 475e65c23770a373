"""What a gateway says about itself: backlog, storage, clock, supply, lines and meters."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from edge.clock import Clock
from edge.outbox import Backlog, Outbox
from edge.outbox_file import StorageFault
from edge.schedule import SILENT_FROM
from edge.settings import Settings
from protocols.mqtt.messages import Health, LineHealth, MeterHealth, Storage, Supply


class Poller(Protocol):
    """Polls one line in a thread of its own."""

    def start(self) -> None: ...

    def stop(self) -> None:
        """Ask it to end; returns at once."""

    def join(self, timeout_s: float) -> None: ...

    def line_health(self) -> LineHealth: ...

    def meter_health(self) -> Sequence[MeterHealth]: ...


class HealthReport:
    """Builds Health, and knows when it must be said at once."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        outbox: Outbox,
        pollers: Sequence[Poller],
    ) -> None:
        self._settings, self._clock, self._outbox = settings, clock, outbox
        self._pollers = pollers
        self._backlog = Backlog(0, 0, None)
        self._told: object = None
        self._next_s = 0.0

    def due(self, *, connected: bool) -> Health | None:
        """The Health to publish now: every `health_s`, and at once when a state has turned."""
        health = self.build()
        state = (connected, _turning(health))
        if state == self._told and self._clock.monotonic_s() < self._next_s:
            return None
        self._told = state
        self._next_s = self._clock.monotonic_s() + self._settings.health_s
        return health

    def build(self) -> Health:
        with suppress(StorageFault):  # then the last one known is told, and the fault with it
            self._backlog = self._outbox.backlog()
        backlog = self._backlog
        return Health(
            gateway=self._settings.gateway,
            at_ms=self._clock.now_ms(),
            epoch=self._outbox.epoch,
            last_seq=self._outbox.last_seq,
            backlog_batches=backlog.batches,
            backlog_readings=backlog.readings,
            oldest_at_ms=backlog.oldest_at_ms,
            clock=self._clock.state(),
            supply=read_supply(self._settings.supply_file),
            lines=[poller.line_health() for poller in self._pollers],
            meters=[meter for poller in self._pollers for meter in poller.meter_health()],
            storage=Storage.FAULT if self._outbox.fault else Storage.OK,
            every_s=self._settings.health_s,
        )


def _turning(health: Health) -> object:
    """The part of Health whose change is news: it must not wait for the next round."""
    silent = frozenset(meter.meter for meter in health.meters if meter.unanswered >= SILENT_FROM)
    down = frozenset(line.line for line in health.lines if not line.connected)
    return silent, down, health.supply, health.storage, health.clock, health.epoch


def read_supply(file: Path | None) -> Supply:
    """A file like /sys/class/power_supply/AC/online: "1" on mains, "0" on the battery."""
    if file is None:
        return Supply.UNKNOWN
    try:
        text = file.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return Supply.UNKNOWN
    return {"1": Supply.MAINS, "0": Supply.BACKUP}.get(text, Supply.UNKNOWN)
