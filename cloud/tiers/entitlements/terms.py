"""The terms of service that can be promised (服务承诺), and of each which of two is the better one.

Every term has one order from better to worse, so that a tier can be held against the promise to everybody.
"""

from collections.abc import Callable, Mapping
from datetime import time
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from cloud.policies.deadlines import ByPlace, Place
from cloud.tiers.axes import Credit

Class = Literal["large_industry", "business", "household", "farm", "other"]
CLASSES: Final[tuple[str, ...]] = get_args(Class)


class Manager(StrEnum):
    """Who answers for the account; from the least to the best."""

    STATION = "station"
    AREA_MANAGER = "area_manager"
    KEY_ACCOUNT_DESK = "key_account_desk"


class Reach(StrEnum):
    """How far a notice goes: the inbox; every channel the customer gave; a call of ours besides."""

    INBOX = "inbox"
    PUSH = "push"
    CALL = "call"


class Quiet(BaseModel):
    """The account's own hours without a push below severe, over midnight; the station's are kept besides."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: time
    end: time


Share = Annotated[float, Field(gt=0, lt=1)]
LOWEST_CREDIT: Final = (Credit.GOOD, Credit.WATCH, Credit.RISK)


class Terms(BaseModel):
    """One table of entitlements.toml; what is not there is not promised by it.

    `restore_min` counts from the crew's arrival. `order_priority`: 1 is mended first. `unusual_factor`: so
    many times the usual hour is told. `voltage_low`, `voltage_high`: deviations as shares; `demand_share` of
    the contracted demand or capacity. `instalment_credit`: credits down to this one may pay by instalments.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    manager: Manager | None = None
    on_site_min: ByPlace | None = None
    restore_min: ByPlace | None = None
    order_priority: Annotated[int, Field(ge=1, le=9)] | None = None
    interval_s: Annotated[int, Field(ge=1, le=86_400)] | None = None
    unusual_factor: Annotated[float, Field(gt=1, le=100)] | None = None
    voltage_low: Annotated[float, Field(gt=-1, lt=0)] | None = None
    voltage_high: Share | None = None
    power_factor: Share | None = None
    demand_share: Annotated[float, Field(gt=0, le=2)] | None = None
    reach: Reach | None = None
    quiet: Quiet | None = None
    instalments: Annotated[int, Field(ge=2, le=24)] | None = None
    instalment_least_cny: Annotated[Decimal, Field(gt=0, decimal_places=2)] | None = None
    instalment_credit: Literal[Credit.GOOD, Credit.WATCH, Credit.RISK] | None = None
    report_monthly: Literal[True] | None = None
    advice_every_months: Annotated[int, Field(ge=1, le=12)] | None = None
    training: Literal[True] | None = None


Value = Any
"""Of one term: an int, float, Decimal, time, str or True."""
Rank = Callable[[Value], float]

_NOON_MIN = 720


def _minutes_after_noon(at: time) -> int:
    return (at.hour * 60 + at.minute - _NOON_MIN) % 1440


def _lower(value: Value) -> float:
    return float(value)


def _higher(value: Value) -> float:
    return -float(value)


def _later_named(kind: tuple[Any, ...]) -> Rank:
    return lambda value: -kind.index(value)


RANKS: Final[Mapping[str, Rank]] = {
    "manager": _later_named(tuple(Manager)),
    **{f"{name}.{place.value}": _lower for name in ("on_site_min", "restore_min") for place in Place},
    "order_priority": _lower,
    "interval_s": _lower,
    "unusual_factor": _lower,
    "voltage_low": _higher,
    "voltage_high": _lower,
    "power_factor": _higher,
    "demand_share": _lower,
    "reach": _later_named(tuple(Reach)),
    "quiet.start": _minutes_after_noon,
    "quiet.end": lambda value: -_minutes_after_noon(value),
    "instalments": _higher,
    "instalment_least_cny": _lower,
    "instalment_credit": _later_named(LOWEST_CREDIT),
    "report_monthly": _higher,
    "advice_every_months": _lower,
    "training": _higher,
}
"""By term a number that is the lower the better; a term of several values has one for each of them."""


def flat(terms: Terms) -> dict[str, Value]:
    """The values that a table gives, by the names of RANKS."""
    found: dict[str, Value] = {}
    for name in RANKS:
        key, _, inside = name.partition(".")
        value = getattr(terms, key)
        if value is not None:
            found[name] = getattr(value, inside) if inside else value
    return found


def better(name: str, one: Value, other: Value) -> bool:
    """Whether `one` is a strictly better promise than `other`."""
    rank = RANKS[name]
    return rank(one) < rank(other)


def plain(value: Value) -> Any:
    """A value as JSON has it; a Decimal as its text."""
    if isinstance(value, time):
        return value.strftime("%H:%M")
    return str(value) if isinstance(value, Decimal | StrEnum) else value


def back(name: str, kept: Any) -> Value:
    """The value that `plain` made into JSON."""
    if name.startswith("quiet."):
        return time.fromisoformat(kept)
    kinds: dict[str, Callable[[Any], Value]] = {
        "manager": Manager,
        "reach": Reach,
        "instalment_credit": Credit,
        "instalment_least_cny": Decimal,
    }
    return kinds.get(name, lambda value: value)(kept)
