"""What the cloud asks of a gateway besides storing: orders, settings; and what the gateway answers.

An order is carried out at most once. Its answer says what is known; "unknown" is an answer too.
"""

from enum import StrEnum
from typing import Annotated, Any

import msgspec

from protocols.mqtt.messages import VERSION, AtMs, Count, Name

MAX_APPROVALS = 4
MAX_DETAIL = 500
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


class OrderResult(msgspec.Struct, frozen=True, kw_only=True):
    """Topic `up/result`. Said again until the cloud's `Heard` names it. `values`: what READ brought."""

    v: int = VERSION
    gateway: str
    id: OrderId
    kind: OrderKind
    meter: str = ""
    state: OrderState
    at_ms: AtMs
    detail: Detail = ""
    values: dict[str, int | float] = {}


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
