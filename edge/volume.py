"""How many bytes readings become, by encoding real ones: for the SIM card, and for the outbox.

Pure: what is not known (TCP, MQTT) is counted with fixed sizes, named here.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from edge.planner import cost_of
from edge.schedule import SLOT_FROM_S
from edge.settings import LineSettings, Settings
from protocols.mqtt import messages
from protocols.mqtt.messages import ClockState, Health, LineHealth, MeterHealth, Readings, Supply
from protocols.readings import Reading, Source, Value

MONTH_DAYS: Final = 31
DAY_S: Final = 86_400
PACKET_BYTES: Final = 52
"""IPv4 and TCP headers with time stamps; TLS adds its record of TLS_BYTES."""
TLS_BYTES: Final = 29
MQTT_BYTES: Final = 48
"""Fixed header, packet id, and a topic such as wattpost/v1/gw-a01/up/readings."""
ACKS: Final = 4
"""Packets that follow a batch: PUBACK, the cloud's Stored, its PUBACK, and a bare TCP ack."""
ROW_BYTES: Final = 160
"""What a batch takes in the outbox's file besides its payload."""
UNKNOWN_READING_BYTES: Final = 140.0


@dataclass(frozen=True, slots=True)
class Month:
    """Bytes over the air in 31 days, both ways."""

    readings: int
    health: int
    overhead: int

    @property
    def total(self) -> int:
        return self.readings + self.health + self.overhead


def month(settings: Settings, latest: Mapping[str, Mapping[str, Value]], health: Health | None) -> Month:
    """What this plan sends in a month; meters without values are taken as the others are on average."""
    per_reading, batch_size = _reading_bytes(settings, latest)
    count = sum(MONTH_DAYS * DAY_S / meter.interval_s for meter in settings.meters)
    batches = count / batch_size
    healths = MONTH_DAYS * DAY_S / settings.health_s
    packet = PACKET_BYTES + (TLS_BYTES if settings.broker.tls else 0)
    return Month(
        round(count * per_reading),
        round(healths * (len(messages.encode(health)) if health else 0)),
        round((batches * (ACKS + 1) + healths) * (packet + MQTT_BYTES)),
    )


def days_of_outbox(settings: Settings, latest: Mapping[str, Mapping[str, Value]], used_bytes: int) -> float:
    """How long the outbox takes in readings without a cloud, at this plan."""
    per_reading, batch_size = _reading_bytes(settings, latest)
    a_day = sum(DAY_S / meter.interval_s for meter in settings.meters) * (
        per_reading + ROW_BYTES / batch_size
    )
    return max(0, settings.outbox.max_bytes - used_bytes) / a_day


def _reading_bytes(settings: Settings, latest: Mapping[str, Mapping[str, Value]]) -> tuple[float, float]:
    """Bytes of a reading in the batches of this plan, and how many readings such a batch holds."""
    size = batch_size(settings)
    if not any(latest.values()):
        return UNKNOWN_READING_BYTES, size
    known = [(meter, values) for meter, values in latest.items() if values]
    rows = [_numbered(known, number) for number in range(round(size))]
    payload = messages.encode(
        Readings(gateway=settings.gateway, epoch="e" * 22, seq=1_000_000, readings=rows)
    )
    return len(payload) / len(rows), size


def _numbered(known: Sequence[tuple[str, Mapping[str, Value]]], number: int) -> messages.Row:
    """A row whose numbers differ from others as they do in life, or zlib would flatter us."""
    meter, values = known[number % len(known)]
    moved = {
        name: value + number * 37 % 1000
        if isinstance(value, int)
        else round(value * (1 + number % 89 / 900), 4)
        for name, value in values.items()
    }
    return messages.row(Reading(meter, 1_795_000_000_000 + number * 731, Source.POLLED, moved))


def batch_size(settings: Settings) -> float:
    """How many readings a batch holds.

    Meters of one slot are read one behind the other, so a batch takes what a line brings in `batch_age_s`;
    shorter intervals are spread, so it takes what falls due in that time.
    """
    age_s = settings.outbox.batch_age_s
    held = sum(_in_batch(line, age_s) for line in settings.lines)
    return min(max(1.0, held), settings.outbox.batch_readings)


def _in_batch(line: LineSettings, age_s: float) -> float:
    slots = Counter(meter.interval_s for meter in line.meters if meter.interval_s >= SLOT_FROM_S)
    spread = sum(age_s / meter.interval_s for meter in line.meters if meter.interval_s < SLOT_FROM_S)
    if not slots:
        return spread
    each_s = sum(cost_of(line, meter) for meter in line.meters) / len(line.meters)
    return spread + min(max(slots.values()), 1 + age_s / each_s)


def usual_health(settings: Settings, at_ms: int) -> Health:
    """A Health as large as this gateway's are, where none is at hand."""
    return Health(
        gateway=settings.gateway,
        at_ms=at_ms,
        epoch="e" * 22,
        last_seq=1_000_000,
        backlog_batches=0,
        backlog_readings=0,
        oldest_at_ms=None,
        clock=ClockState.SYNCED,
        supply=Supply.MAINS,
        lines=[
            LineHealth(line=line.name, connected=True, noise_bytes=number * 7, bad_frames=number)
            for number, line in enumerate(settings.lines)
        ],
        meters=[_usual_meter(line.name, meter.id, at_ms) for line in settings.lines for meter in line.meters],
    )


def _usual_meter(line: str, meter: str, at_ms: int) -> MeterHealth:
    moved = sum(meter.encode()) * 7919
    return MeterHealth(
        meter=meter,
        line=line,
        asked=moved % 9973,
        answered=moved % 9967,
        unanswered=0,
        answered_at_ms=at_ms - moved % 899_000,
    )
