"""What the cloud asks of a gateway besides storing: orders, settings; and what the gateway answers.

An order is carried out at most once. Its answer says what is known; "unknown" is an answer too.
"""

import re
import zlib
from collections.abc import Sized
from enum import StrEnum
from typing import Annotated, Any, TypeVar

import msgspec

from protocols.errors import MessageError
from protocols.mqtt.messages import (
    MAX_NAME,
    MAX_REASON,
    MAX_VALUES,
    VERSION,
    AtMs,
    Count,
    Name,
    inflate,
)
from protocols.mqtt.topics import GATEWAY_ID
from protocols.quantities import QUANTITIES

MAX_APPROVALS = 4
MAX_DETAIL = 500
MAX_HEARD = 1000
MAX_URL = 500
MAX_SETTINGS_DEPTH = 8
MAX_ENTRIES = 300
"""Of any list in MeterFacts: a meter has at most 14 zones, 16 day tables and 254 holidays."""
_SHA256 = re.compile("[0-9a-f]{64}")
_SIGNATURE = re.compile("[0-9a-f]{128}")
OrderId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9-]{8,64}$")]
Detail = Annotated[str, msgspec.Meta(max_length=MAX_DETAIL)]


class OrderKind(StrEnum):
    """`relay_on` permits closing: the customer presses; nothing closes a household's relay by itself."""

    READ = "read"
    REREAD = "reread"
    FACTS = "facts"
    CLOCK = "clock"
    FREEZE = "freeze"
    RELAY_OFF = "relay_off"
    RELAY_ON = "relay_on"
    UPDATE = "update"


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """Who agreed, by login: never a customer's name."""

    by: Name
    at_ms: AtMs


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Topic `down/order`, not retained. `meter` is empty for what concerns the gateway itself.

    `from_ms`, `to_ms` (half-open) belong to REREAD; `billing_exception` to a CLOCK order beyond five minutes;
    `url`, `sha256` and `signature` (hex) to UPDATE.
    """

    v: int = VERSION
    gateway: str
    id: OrderId
    kind: OrderKind
    meter: str = ""
    issued_at_ms: AtMs
    expires_at_ms: AtMs
    approvals: Annotated[list[Approval], msgspec.Meta(max_length=MAX_APPROVALS)] = []
    from_ms: AtMs | None = None
    to_ms: AtMs | None = None
    billing_exception: str = ""
    url: str = ""
    sha256: str = ""
    signature: str = ""


class OrderState(StrEnum):
    """TAKEN: kept on the gateway's disk, not begun. UNKNOWN: sent, and no answer came; it is never resent."""

    TAKEN = "taken"
    DONE = "done"
    REFUSED = "refused"
    EXPIRED = "expired"
    FAILED = "failed"
    UNKNOWN = "unknown"


class RelayState(StrEnum):
    """What status word 3 said after the order, UNKNOWN if it could not be read: no word on a dead line."""

    OPEN = "open"
    CLOSED = "closed"
    UNKNOWN = "unknown"


class OrderResult(msgspec.Struct, frozen=True, kw_only=True):
    """Topic `up/result`. Said again until the cloud's `Heard` names it. `values`: what READ brought.

    `relay` is given for RELAY_OFF and RELAY_ON once they were begun: read back, whatever the meter answered.
    """

    v: int = VERSION
    gateway: str
    id: OrderId
    kind: OrderKind
    meter: str = ""
    state: OrderState
    at_ms: AtMs
    detail: Detail = ""
    values: dict[str, int | float] = {}
    relay: RelayState | None = None


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """Topic `down/heard`: results that are written down at the cloud, so they need not be said again."""

    v: int = VERSION
    gateway: str
    results: list[tuple[OrderId, OrderState]]


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Topic `down/config`, retained. `settings` : those tables of gateway.toml that may be set from afar,

    interval_s, probe_s, health_s, memory, orders.protected, orders.relay_per_day, orders.quiet_minutes, line.
    A higher version replaces a lower; the same again changes nothing.
    """

    v: int = VERSION
    gateway: str
    version: Count
    issued_at_ms: AtMs
    settings: dict[str, Any]


class ConfigState(StrEnum):
    APPLIED = "applied"
    REFUSED = "refused"


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """Topic `up/config`, retained: the version in force, and what became of the newest one offered."""

    v: int = VERSION
    gateway: str
    version: Count
    offered: Count
    state: ConfigState
    at_ms: AtMs
    detail: Detail = ""


class Capability(StrEnum):
    """What a meter lets us do, found out without writing. Each includes those before it."""

    READ = "read"
    CLOCK = "clock"
    CONTROL = "control"


class Slot(msgspec.Struct, array_like=True, frozen=True):
    """From `minute` of the day on, band `tariff`: [minute, tariff]."""

    minute: Annotated[int, msgspec.Meta(ge=0, lt=1440)]
    tariff: Annotated[int, msgspec.Meta(ge=1, le=63)]


class MeterFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Topic `up/facts`: what a meter says of itself, to be held against registry and tariff document.

    What it did not tell is None or empty. `zones` are [month, day, day table]; `day_tables` lists of Slot.
    `ct_ratio` and `pt_ratio` as the meter has them set; `relay_open` from status word 3.
    """

    v: int = VERSION
    gateway: str
    meter: Name
    at_ms: AtMs
    model: str
    address: str
    capability: Capability | None = None
    clock_offset_s: float | None = None
    settlement_days: list[str] = []
    zones: list[tuple[int, int, int]] = []
    day_tables: list[list[Slot]] = []
    ct_ratio: float | None = None
    pt_ratio: float | None = None
    relay_open: bool | None = None
    status: list[str] = []
    asset_number: str = ""
    protocol_version: str = ""
    events: dict[str, int] = {}
    unverified: list[str] = []


OrderMessage = Order | OrderResult | Heard | Config | Applied | MeterFacts
K = TypeVar("K", bound=OrderMessage)
_OF_A_METER = frozenset({
    OrderKind.READ, OrderKind.CLOCK, OrderKind.FREEZE, OrderKind.RELAY_OFF, OrderKind.RELAY_ON,
})  # fmt: skip


def encode(message: OrderMessage) -> bytes:
    """The payload of a message; settings, which may name hundreds of meters, are deflated."""
    payload = msgspec.json.encode(message)
    return zlib.compress(payload, 6) if isinstance(message, Config) else payload


def decode(payload: bytes, kind: type[K]) -> K:
    """The message in a payload; MessageError says what is wrong with it."""
    try:
        message = msgspec.json.decode(inflate(payload), type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MessageError(f"not a {kind.__name__} message: {error}") from None
    if message.v != VERSION:
        raise MessageError(f"version {message.v} is not understood here (this side speaks {VERSION})")
    if not GATEWAY_ID.fullmatch(message.gateway):
        raise MessageError(f"not a gateway name: {message.gateway[:MAX_NAME]!r}")
    _check(message)
    return message


def _check(message: OrderMessage) -> None:
    match message:
        case Order():
            _check_order(message)
        case OrderResult():
            _check_meter(message.meter)
            _check_values(message)
        case Heard():
            if len(message.results) > MAX_HEARD:
                raise MessageError(f"{len(message.results)} results are over the limit of {MAX_HEARD}")
        case Config():
            _check_depth(message.settings, MAX_SETTINGS_DEPTH)
        case MeterFacts():
            _check_facts(message)


def _check_order(order: Order) -> None:
    _check_meter(order.meter)
    if order.kind in _OF_A_METER and not order.meter:
        raise MessageError(f"an order to {order.kind} names a meter")
    if order.expires_at_ms <= order.issued_at_ms:
        raise MessageError("an order expires after it is issued")
    if order.kind is OrderKind.REREAD and (
        order.from_ms is None or order.to_ms is None or order.from_ms >= order.to_ms
    ):
        raise MessageError("an order to reread names from_ms, and a later to_ms")
    if order.kind is OrderKind.UPDATE:
        _check_update(order)
    if len(order.billing_exception) > MAX_REASON or len(order.url) > MAX_URL:
        raise MessageError(f"billing_exception has at most {MAX_REASON} characters, url {MAX_URL}")


def _check_update(order: Order) -> None:
    if not order.url or not _SHA256.fullmatch(order.sha256) or not _SIGNATURE.fullmatch(order.signature):
        raise MessageError("an order to update names url, sha256 (64 hex digits) and signature (128)")


def _check_meter(meter: str) -> None:
    if len(meter) > MAX_NAME or not meter.isprintable():
        raise MessageError(f"meter {meter[:MAX_NAME]!r}: no such meter can be")


def _check_values(result: OrderResult) -> None:
    if len(result.values) > MAX_VALUES:
        raise MessageError(f"a result holds at most {MAX_VALUES} values")
    for name, value in result.values.items():
        known = QUANTITIES.get(name)
        if known is None or not known.can_be(value):
            raise MessageError(f"{name[:MAX_NAME]} = {repr(value)[:40]} is no value of a known quantity")


def _check_depth(value: Any, left: int) -> None:
    if left < 0:
        raise MessageError(f"settings are nested deeper than {MAX_SETTINGS_DEPTH}")
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inner:
        _check_depth(each, left - 1)


def _check_facts(facts: MeterFacts) -> None:
    lists: list[Sized] = [facts.settlement_days, facts.zones, facts.status, facts.unverified, facts.events]
    if any(len(each) > MAX_ENTRIES for each in (*lists, facts.day_tables, *facts.day_tables)):
        raise MessageError(f"facts list at most {MAX_ENTRIES} of a kind")
    texts = (facts.model, facts.address, facts.asset_number, facts.protocol_version)
    listed = (*facts.settlement_days, *facts.status, *facts.unverified)
    if any(len(each) > MAX_DETAIL for each in (*texts, *listed)):
        raise MessageError(f"a text in facts has at most {MAX_DETAIL} characters")
