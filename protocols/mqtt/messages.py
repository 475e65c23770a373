"""The messages themselves: JSON, versioned, batches deflated. Every size is bounded on both sides.

JSON keeps a batch readable for a technician with `mosquitto_sub`; zlib takes the repetition out of it.
"""

import re
import zlib
from enum import StrEnum
from typing import Annotated, Any, TypeVar

import msgspec

from protocols.errors import MessageError
from protocols.quantities import EXACT, QUANTITIES
from protocols.readings import Reading

VERSION = 1
MAX_PAYLOAD = 256 * 1024
MAX_INFLATED = 4 * 1024 * 1024
MAX_READINGS = 2000
MAX_VALUES = 100
MAX_INT = EXACT
MAX_NAME = 64
MAX_REASON = 200
EPOCH = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ZLIB_FIRST_BYTE = 0x78

Count = Annotated[int, msgspec.Meta(ge=0, lt=MAX_INT)]
AtMs = Annotated[int, msgspec.Meta(ge=0, lt=MAX_INT // 64)]  # until the year 6429: any of it is a datetime
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME, pattern=r"^[^\x00-\x1f\x7f]*$")]
Epoch = Annotated[str, msgspec.Meta(pattern=f"^{EPOCH.pattern}$")]


Row = Reading
"""A reading goes over the wire as it is."""


class Readings(msgspec.Struct, frozen=True, kw_only=True):
    """One immutable batch of a gateway's outbox: (gateway, epoch, seq) is its identity."""

    v: int = VERSION
    gateway: str
    epoch: str
    seq: int
    readings: list[Row]


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """What the cloud has settled for good: closed ranges of seq. Only this empties an outbox."""

    v: int = VERSION
    gateway: str
    epoch: str
    settled: list[tuple[int, int]]


class Dropped(msgspec.Struct, frozen=True, kw_only=True):
    """Batches a gateway had to give up at its disk cap, declared so that the gap is seen."""

    v: int = VERSION
    gateway: str
    epoch: str
    seqs: list[tuple[int, int]]
    readings: int
    reason: str


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Retained; the broker sends the offline one as last will."""

    v: int = VERSION
    gateway: str
    online: bool
    epoch: Epoch
    at_ms: AtMs | None = None


class ClockState(StrEnum):
    SYNCED = "synced"
    UNSYNCED = "unsynced"
    UNKNOWN = "unknown"


class Supply(StrEnum):
    """What feeds the gateway itself."""

    MAINS = "mains"
    BACKUP = "backup"
    UNKNOWN = "unknown"


class Storage(StrEnum):
    """Whether the gateway's disk keeps what it is given; with FAULT no reading is accepted."""

    OK = "ok"
    FAULT = "fault"


class LineHealth(msgspec.Struct, frozen=True, kw_only=True):
    """`connected` tells of the port or socket, not of the meters behind it."""

    line: Name
    connected: bool
    noise_bytes: Count
    bad_frames: Count


class MeterHealth(msgspec.Struct, frozen=True, kw_only=True):
    """`unanswered` counts the asks in a row met by silence, and only silence: any sound answer ends them."""

    meter: Name
    line: Name
    asked: Count
    answered: Count
    unanswered: Count
    answered_at_ms: AtMs | None = None


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """`every_s`: how long a listener may have to wait for the next one while nothing turns."""

    v: int = VERSION
    gateway: str
    at_ms: AtMs
    epoch: Epoch
    last_seq: Count
    backlog_batches: Count
    backlog_readings: Count
    oldest_at_ms: AtMs | None
    clock: ClockState
    supply: Supply
    lines: list[LineHealth]
    meters: list[MeterHealth]
    storage: Storage = Storage.OK
    every_s: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 30.0


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """The cloud's word to itself, to see that its subscription really delivers."""

    v: int = VERSION
    nonce: str


Message = Readings | Stored | Dropped | Status | Health | Probe
M = TypeVar("M", bound=Message)


def row(reading: Reading) -> Row:
    """A reading as it goes over the wire."""
    if type(reading.values) is dict:
        return reading
    return Row(reading.meter, reading.at_ms, reading.source, dict(reading.values), reading.quality)


def reading(row: Row) -> Reading:
    """A reading as it came over the wire."""
    return row


def encode(message: Message) -> bytes:
    """The payload of a message; batches and health, which repeat themselves, are deflated."""
    payload = msgspec.json.encode(message)
    return zlib.compress(payload, 6) if isinstance(message, Readings | Health) else payload


def decode(payload: bytes, kind: type[M]) -> M:
    """The message in a payload; MessageError says what is wrong with it."""
    message = _versioned(payload, kind)
    if isinstance(message, Readings):
        _check_batch(message)
        check_rows(message)
    if isinstance(message, Dropped):
        _check_dropped(message)
    if isinstance(message, Stored):
        _check_ranges(message.epoch, message.settled)
    return message


def decode_batch(payload: bytes) -> Readings:
    """As `decode`, but the readings themselves are not looked at: that is for `check_rows`."""
    batch = _versioned(payload, Readings)
    _check_batch(batch)
    return batch


def _versioned(payload: bytes, kind: type[M]) -> M:
    message = _parse(inflate(payload), kind)
    if message.v != VERSION:
        raise MessageError(f"version {message.v} is not understood here (this side speaks {VERSION})")
    return message


class _Identity(msgspec.Struct, frozen=True, kw_only=True):
    gateway: str
    epoch: str
    seq: int


def identity(payload: bytes) -> tuple[str, str, int] | None:
    """(gateway, epoch, seq) of a batch that may be wrong in all else; None when it cannot be told."""
    try:
        found = msgspec.json.decode(inflate(payload), type=_Identity)
        _check_identity(found.epoch, found.seq)
    except (MessageError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return found.gateway, found.epoch, found.seq


def inflate(payload: bytes) -> bytes:
    """The plain JSON of a payload, deflated or not; MessageError beyond the bounds."""
    if len(payload) > MAX_PAYLOAD:
        raise MessageError(f"payload of {len(payload)} bytes is over the limit of {MAX_PAYLOAD}")
    if not payload or payload[0] != _ZLIB_FIRST_BYTE:
        return payload
    inflater = zlib.decompressobj()
    try:
        plain = inflater.decompress(payload, MAX_INFLATED)
    except zlib.error as error:
        raise MessageError(f"broken zlib data: {error}") from None
    if not inflater.eof or inflater.unused_data:
        raise MessageError(f"zlib data is cut short, has a tail, or inflates beyond {MAX_INFLATED} bytes")
    return plain


def _parse(plain: bytes, kind: type[M]) -> M:
    try:
        return msgspec.json.decode(plain, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MessageError(f"not a {kind.__name__} message: {error}") from None


def _check_batch(batch: Readings) -> None:
    _check_identity(batch.epoch, batch.seq)
    if not 1 <= len(batch.readings) <= MAX_READINGS:
        raise MessageError(f"a batch holds 1 to {MAX_READINGS} readings, this one {len(batch.readings)}")


def check_rows(batch: Readings) -> None:
    """MessageError for the first reading that cannot be one."""
    for each in batch.readings:
        # A control character would be refused by the database only after the batch was taken for good.
        if not 1 <= len(each.meter) <= MAX_NAME or not each.meter.isprintable() or abs(each.at_ms) >= MAX_INT:
            raise MessageError(f"meter {each.meter[:MAX_NAME]!r}: no such meter or time can be")
        if not each.values or len(each.values) > MAX_VALUES:
            raise MessageError(f"meter {each.meter!r}: a reading holds 1 to {MAX_VALUES} values")
        for name, value in each.values.items():
            _check_value(each.meter, name, value)


def _check_identity(epoch: str, seq: int) -> None:
    if not EPOCH.fullmatch(epoch):
        raise MessageError(f"epoch {epoch[:MAX_NAME]!r} is no epoch")
    if not 1 <= seq < MAX_INT:
        raise MessageError(f"a seq is from 1 to {MAX_INT - 1}")


def _check_dropped(dropped: Dropped) -> None:
    _check_ranges(dropped.epoch, dropped.seqs)
    if not dropped.seqs or not 0 <= dropped.readings < MAX_INT:
        raise MessageError("a declaration names what was dropped")
    if len(dropped.reason) > MAX_REASON:
        raise MessageError(f"a reason of {len(dropped.reason)} characters is over the limit of {MAX_REASON}")


def _check_ranges(epoch: str, ranges: list[tuple[int, int]]) -> None:
    for first, last in ranges:
        _check_identity(epoch, first)
        _check_identity(epoch, last)
        if first > last:
            raise MessageError(f"seqs from {first} to {last} run backwards")


def _check_value(meter: str, name: str, value: Any) -> None:
    known = QUANTITIES.get(name)
    if known is None:
        raise MessageError(f"meter {meter!r}: no quantity is called {name[:64]!r}")
    if not known.can_be(value):
        raise MessageError(f"meter {meter!r}: {name} = {repr(value)[:40]} is no {known.kind}")
