"""All that the page shows, taken at one instant; and the board on which the agent notes what it read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final

from msgspec.structs import replace

from edge import volume
from edge.planner import plan_of, speed_is_known
from edge.schedule import SILENT_FROM
from edge.settings import Settings
from protocols.mqtt.messages import Health, MeterHealth
from protocols.readings import Reading, Source

CLOCK: Final = "clock_offset_s"
OUTBOX_FILES: Final = ("outbox.db", "outbox.db-wal")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`plan`: line → share of its time, None where nobody told its speed. `latest`: by meter."""

    health: Health
    connected: bool
    broker: str
    intervals: Mapping[str, int]
    latest: Mapping[str, Reading]
    plan: Mapping[str, float | None]
    outbox_bytes: int
    outbox_cap_bytes: int
    outbox_days: float
    month_bytes: int
    month_cap_bytes: int | None

    @property
    def silent(self) -> list[MeterHealth]:
        return [each for each in self.health.meters if each.unanswered >= SILENT_FROM]


class Board:
    """`note` is called by the lines' threads, `snapshot` by the page's; settings may be replaced."""

    def __init__(
        self, settings: Callable[[], Settings], health: Callable[[], Health], connected: Callable[[], bool]
    ) -> None:
        self._settings, self._health, self._connected = settings, health, connected
        self._latest: dict[str, Reading] = {}
        self._lock = Lock()
        self._plan: tuple[Settings, dict[str, float | None]] | None = None

    def note(self, reading: Reading) -> None:
        if reading.source is not Source.POLLED:
            return
        with self._lock:
            held = self._latest.get(reading.meter)
            if held is None or held.at_ms <= reading.at_ms:
                self._latest[reading.meter] = reading if held is None else _beside(held, reading)

    def snapshot(self) -> Snapshot:
        settings, health = self._settings(), self._health()
        known = {meter.id: meter.interval_s for meter in settings.meters}
        with self._lock:
            latest = {meter: reading for meter, reading in self._latest.items() if meter in known}
        values = {meter: reading.values for meter, reading in latest.items()}
        used = used_bytes(settings.data_dir)
        return Snapshot(
            health=health,
            connected=self._connected(),
            broker=f"{settings.broker.host}:{settings.broker.port}",
            intervals=known,
            latest=latest,
            plan=self._shares(settings),
            outbox_bytes=used,
            outbox_cap_bytes=settings.outbox.max_bytes,
            outbox_days=volume.days_of_outbox(settings, values, used),
            month_bytes=volume.month(settings, values, health).total,
            month_cap_bytes=settings.sim_card.bytes_per_month if settings.sim_card else None,
        )

    def _shares(self, settings: Settings) -> dict[str, float | None]:
        """Computed once for each settings: models are read from files."""
        if self._plan is None or self._plan[0] is not settings:
            shares = {
                line.name: plan_of(line, settings.probe_s).load if speed_is_known(line) else None
                for line in settings.lines
            }
            self._plan = settings, shares
        return self._plan[1]


def used_bytes(folder: Path) -> int:
    """What the outbox takes on disk."""
    files = (folder / name for name in OUTBOX_FILES)
    return sum(file.stat().st_size for file in files if file.exists())


def _beside(held: Reading, new: Reading) -> Reading:
    """How far the clock is off is looked at once a day, alone: it stands beside the newest registers."""
    if new.values.keys() == {CLOCK}:
        return replace(held, values={**held.values, **new.values})
    return replace(new, values={CLOCK: held.values[CLOCK], **new.values}) if CLOCK in held.values else new
