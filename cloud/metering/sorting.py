"""A message of readings, opened and sorted: what may be stored, what is refused, and under which name.

What is right is accepted by looking at columns; only what is not is looked at reading by reading.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from cloud.fleet import gateways
from cloud.metering import dead_letters
from cloud.metering.batches import Booked, Key, Outcome
from cloud.metering.packing import Packed, pack
from cloud.metering.store import BatchOfReadings, Refused, ms
from protocols.errors import MessageError
from protocols.mqtt import messages
from protocols.mqtt.messages import Readings
from protocols.readings import Reading

AHEAD = timedelta(days=1)
"""How far ahead of our clock a reading may be dated: beyond it some clock is wrong."""
BEFORE = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Opened:
    """A message as it came, and what was in it."""

    topic: str
    payload: bytes
    content: bytes
    message: Readings
    packed: Packed

    @property
    def key(self) -> Key:
        return self.message.gateway, self.message.epoch, self.message.seq

    @property
    def plain_bytes(self) -> int:
        """About what it takes in memory."""
        return 16 * sum(map(len, self.packed.blobs)) + 256 * len(self.packed.blobs)


@dataclass(frozen=True, slots=True)
class Sorted:
    """A batch of which `readings` may be stored; `refused` says why others may not."""

    batch: BatchOfReadings
    refused: tuple[str, ...]
    topic: str
    payload: bytes
    content: bytes

    @property
    def key(self) -> Key:
        return self.batch.gateway, self.batch.epoch, self.batch.seq

    @property
    def booked(self) -> Booked:
        return Booked(self.key, Outcome.STORED, len(self.batch.readings), self.content)


def opened(gateway: str, topic: str, payload: bytes) -> Opened:
    """MessageError when it is no batch of this gateway."""
    message = messages.decode_batch(payload)
    if message.gateway != gateway:
        raise MessageError(f"{message.gateway[:64]!r} speaks on the topic of {gateway!r}")
    try:
        packed = pack(message.readings)
    except ValueError as error:
        messages.check_rows(message)
        raise MessageError(str(error)) from None
    if not packed.plain:
        messages.check_rows(message)
    return Opened(topic, payload, dead_letters.digest(payload), message, packed)


def meters_of(connection: Connection, names: AbstractSet[str]) -> Mapping[str, AbstractSet[str]]:
    """The meters of those of these gateways that the registry has."""
    return gateways.meters_of_all(connection, names)


def sort(opened: Opened, meters: AbstractSet[str] | None, now: datetime) -> Sorted:
    """What is ours to store; a reading of another gateway's meter or another age is refused alone.

    MessageError when nothing is left, or one of the readings cannot be one.
    """
    message = opened.message
    if meters is None:
        raise MessageError(f"gateway {message.gateway!r} is not in the registry")
    first, last = ms(BEFORE), ms(now + AHEAD)
    rows: Sequence[Reading] = message.readings
    packed: Packed | None = opened.packed
    refused: tuple[str, ...] = ()
    if not all(row.meter in meters and first <= row.at_ms <= last for row in rows):
        messages.check_rows(message)
        rows, refused = _good(message, meters, first, last)
        packed = None
        if not rows:
            raise MessageError("; ".join(refused))
    batch = BatchOfReadings(message.gateway, message.epoch, message.seq, rows, packed)
    return Sorted(batch, refused, opened.topic, opened.payload, opened.content)


def taken(group: Sequence[Sorted], told: Refused) -> list[Sorted]:
    """What is left of each when its engine will not take some: they are refused like a foreign meter's."""
    why = {id(reading): reason for _, reading, reason in told.readings}
    return [
        _taken(each, why) if any(id(row) in why for row in each.batch.readings) else each for each in group
    ]


def _taken(each: Sorted, why: Mapping[int, str]) -> Sorted:
    good = tuple(row for row in each.batch.readings if id(row) not in why)
    said = {
        f"meter {row.meter!r}: the store refuses it: {why[id(row)]}": None
        for row in each.batch.readings
        if id(row) in why
    }
    batch = BatchOfReadings(*each.key, good)
    return replace(each, batch=batch, refused=(*each.refused, *said))


def _good(
    message: Readings, meters: AbstractSet[str], first: int, last: int
) -> tuple[tuple[Reading, ...], tuple[str, ...]]:
    good: list[Reading] = []
    refused: dict[str, None] = {}
    for row in message.readings:
        if row.meter not in meters:
            refused[f"meter {row.meter!r} is not one of gateway {message.gateway!r}"] = None
        elif not first <= row.at_ms <= last:
            refused[f"meter {row.meter!r}: {row.at_ms} ms is no time to be believed"] = None
        else:
            good.append(row)
    return tuple(good), tuple(refused)
