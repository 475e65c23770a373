"""What this gateway refuses, whoever ordered and approved it: pure rules, each with its reason in one line.

What must never happen is kept out here, at the last place before the wire, and not only in the cloud.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from edge.settings import MeterSettings, OrderSettings
from protocols import models
from protocols.mqtt.orders import Capability, Order, OrderKind

PROTOCOL: Final = "dlt645-2007"
APPROVERS: Final = 2
AHEAD_S: Final = 60
"""An order issued later than this gateway's clock says: one of the two clocks is wrong."""
RELAY_LIFE_S: Final = 86_400
BROADCAST_UP_TO_S: Final = 300
"""Beyond it meters ignore a broadcast, and a bill may be touched: one meter at a time, with its exception."""
QUIET_MARGIN_S: Final = 600
SPAN_COUNTS_UP_TO_S: Final = 3600
RIGHT_WITHIN_S: Final = 2.0
RELAY: Final = frozenset({OrderKind.RELAY_OFF, OrderKind.RELAY_ON})
TIMED: Final = RELAY | {OrderKind.CLOCK}
CHANGING: Final = TIMED | {OrderKind.FREEZE, OrderKind.UPDATE}
NEEDS: Final = {
    OrderKind.CLOCK: Capability.CLOCK,
    OrderKind.RELAY_OFF: Capability.CONTROL,
    OrderKind.RELAY_ON: Capability.CONTROL,
}
PASSWORD_LEVEL: Final = {OrderKind.RELAY_OFF: "02", OrderKind.RELAY_ON: "02", OrderKind.CLOCK: "04"}
_RANK: Final = (Capability.READ, Capability.CLOCK, Capability.CONTROL)
_DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Site:
    """What the rules look at besides the order. `zone` is None when the gateway does not know it."""

    orders: OrderSettings
    meter: MeterSettings | None
    now_ms: int
    clock_valid: bool
    zone: tzinfo | None
    ledger_begun_at_ms: int
    newest_relay_ms: int | None
    """When the newest other relay order to this meter was issued."""


def refusal(order: Order, site: Site) -> str | None:
    """Why this order is not carried out here; None when it may be tried."""
    return next(filter(None, (rule(order, site) for rule in _RULES)), None)


def _knows_meter(order: Order, site: Site) -> str | None:
    if order.meter and site.meter is None:
        return f"no line of this gateway has a meter {order.meter}"
    return None


def _is_switched_on(order: Order, site: Site) -> str | None:
    if order.kind in RELAY and not site.orders.relay:
        return "orders.relay is off on this gateway; it is switched on in its gateway.toml only"
    if order.kind is OrderKind.CLOCK and not site.orders.clock:
        return "orders.clock is off on this gateway; it is switched on in its gateway.toml only"
    return None


def _has_valid_time(order: Order, site: Site) -> str | None:
    if order.kind not in TIMED:
        return None
    if not site.clock_valid:
        return "the gateway's clock is not valid, so neither expiry nor day can be told"
    if order.issued_at_ms > site.now_ms + AHEAD_S * 1000:
        ahead_s = (order.issued_at_ms - site.now_ms) // 1000
        return f"issued {ahead_s} s after the gateway's time: one of the two clocks is wrong"
    if site.zone is None:
        return "memory.timezone is not known on this gateway; install tzdata or correct it"
    return None


def _is_in_the_ledger(order: Order, site: Site) -> str | None:
    believable = site.ledger_begun_at_ms <= site.now_ms  # else it was begun while the clock was wrong
    if order.kind in CHANGING and believable and order.issued_at_ms < site.ledger_begun_at_ms:
        return "issued before this gateway's ledger of orders was begun: it may have been carried out already"
    return None


def _suits_the_meter(order: Order, site: Site) -> str | None:
    if order.kind not in CHANGING or site.meter is None:
        return None
    if models.load(site.meter.model).protocol != PROTOCOL or site.meter.address is None:
        return f"{order.kind} is for DL/T 645-2007 meters; {site.meter.id} is a {site.meter.model}"
    return None


def _is_not_protected(order: Order, site: Site) -> str | None:
    if order.kind in RELAY and order.meter in site.orders.protected:
        return f"meter {order.meter} is on this gateway's protected list: its relay is never touched"
    return None


def _is_approved(order: Order, _: Site) -> str | None:
    if order.kind not in RELAY:
        return None
    approvers = {approval.by.strip().casefold() for approval in order.approvals} - {""}
    if len(approvers) < APPROVERS:
        return f"a relay order needs {APPROVERS} distinct approvers, this one has {len(approvers)}"
    return None


def _is_short_lived(order: Order, _: Site) -> str | None:
    if order.kind in RELAY and order.expires_at_ms - order.issued_at_ms > RELAY_LIFE_S * 1000:
        return f"a relay order expires within {RELAY_LIFE_S // 3600} h"
    return None


def _is_not_overtaken(order: Order, site: Site) -> str | None:
    if order.kind in RELAY and site.newest_relay_ms is not None and site.newest_relay_ms > order.issued_at_ms:
        return "a relay order to this meter that was issued later came first"
    return None


def _has_password(order: Order, site: Site) -> str | None:
    level = PASSWORD_LEVEL.get(order.kind)
    if order.kind in RELAY and level not in site.orders.passwords:
        return f"no password of level {level} is given in orders.passwords of this gateway"
    return None


_RULES: Final[tuple[Callable[[Order, Site], str | None], ...]] = (
    _is_switched_on, _knows_meter, _has_valid_time, _is_in_the_ledger, _suits_the_meter, _is_not_protected,
    _is_approved, _is_short_lived, _is_not_overtaken, _has_password,
)  # fmt: skip


def lacks(kind: OrderKind, found: Capability, why: str) -> str | None:
    """What a meter cannot do, in words."""
    needed = NEEDS.get(kind)
    if needed is None or _RANK.index(found) >= _RANK.index(needed):
        return None
    return f"the meter's capability is {found!s}, and {kind} needs {needed!s}: {why}"


def clock_refusal(order: Order, orders: OrderSettings, now: datetime, offset_s: float) -> str | None:
    """Why a clock that is off by `offset_s` (meter less gateway) is not set now; `now` is local."""
    if abs(offset_s) > BROADCAST_UP_TO_S:
        if not order.billing_exception.strip():
            return (
                f"off by {offset_s:.0f} s: beyond {BROADCAST_UP_TO_S} s an order names its billing_exception"
            )
        if "04" not in orders.passwords:
            return f"off by {offset_s:.0f} s, and no password of level 04 is given in orders.passwords"
    minute = near_quiet(now, offset_s, orders.quiet_minutes)
    if minute is not None:
        return f"too near to {minute // 60:02d}:{minute % 60:02d}: {offset_s:+.0f} s off; order it later"
    return None


def near_quiet(now: datetime, offset_s: float, quiet_minutes: Iterable[int]) -> int | None:
    """The quiet minute that true time or the meter's, or the way between them, comes within 10 minutes of.

    Midnight always counts. Beyond an hour no time of the day might be free: then only true time counts.
    """
    at_s = now.hour * 3600 + now.minute * 60 + now.second
    other_s = at_s + offset_s if abs(offset_s) <= SPAN_COUNTS_UP_TO_S else at_s
    low_s, high_s = min(at_s, other_s) - QUIET_MARGIN_S, max(at_s, other_s) + QUIET_MARGIN_S
    for minute in sorted({0, *quiet_minutes}):
        for day_s in (-_DAY_S, 0, _DAY_S):
            if low_s <= minute * 60 + day_s <= high_s:
                return minute
    return None


def day_begin_ms(now_ms: int, zone: tzinfo) -> int:
    """When the local day began, Unix ms."""
    now = datetime.fromtimestamp(now_ms / 1000, zone)
    return int(now.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)


def zone_of(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def frame_expiry(order: Order, now_ms: int, zone: tzinfo) -> datetime:
    """The expiry inside the frame, meter-local: the order's own, and never more than five minutes on."""
    ms = min(order.expires_at_ms, now_ms + 300_000)
    return datetime.fromtimestamp(ms / 1000, zone).replace(microsecond=0, tzinfo=None)
