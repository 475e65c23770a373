"""The parts of a monthly energy report as they are kept and sent: what is missing is null, with its reason.

No name and no address is in it: whose it is, the account's number says.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

RULES = 1
"""Raise it when the way a report is composed changes: the number stands in each report."""


class _Piece(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DayUse(_Piece):
    """One day: `kwh` of its known slots, null where none is; shares are of its slots (0 to 1)."""

    day: date
    kwh: float | None
    kwh_by_band: dict[str, float] | None
    coverage: float
    estimated_share: float


class Use(_Piece):
    """What was used from `first` to `last` of the month, the days that were the account's.

    `kwh_by_band` is of the contract's plan, null where it has none; `days_by_band` says whether the days
    are told by the same bands. `peak_kw` is the mean of a quarter of an hour, `peak_measured`: no estimate.
    """

    first: date
    last: date
    whole: bool
    kwh: Decimal | None
    kwh_by_band: dict[str, Decimal] | None
    coverage: float | None
    estimated_share: float | None
    days: list[DayUse]
    days_by_band: bool
    highest_day: date | None
    highest_kwh: float | None
    peak_kw: Decimal | None
    peak_at: datetime | None
    peak_measured: bool


class DaysOfKind(_Piece):
    """Days of one kind that may be compared: how many in each month, and kWh a day."""

    kind: Literal["workday", "day_off"]
    now_days: int
    then_days: int
    now_kwh: float
    then_kwh: float


class Comparison(_Piece):
    """The month against another: days of a kind with days of that kind, in this month's mix.

    `change` as a share (0.1: a tenth more), null with the reason in `refused` and what its words need.
    """

    against: Literal["month_before", "year_before"]
    month: date
    kinds: list[DaysOfKind]
    change: float | None
    refused: str | None
    params: dict[str, Any]


class BillLine(_Piece):
    kind: str
    what: str
    quantity: Decimal
    unit: str
    price: Decimal
    amount: Decimal


class Estimate(_Piece):
    """The month priced under its tariff; `partial`: the basic charge alone. `refused`: why it is not."""

    tariff: str | None
    plan: str | None
    total: Decimal | None
    lines: list[BillLine]
    partial: bool
    refused: str | None
    params: dict[str, Any]


class Billed(_Piece):
    """The bill as it was imported."""

    kwh: Decimal | None
    amount: Decimal
    due_on: date
    paid_on: date | None


class BillThen(_Piece):
    """The bill of another month; `difference` CNY of this month's to it.

    `of_energy`: what the kWh more or fewer would have cost then, `of_price` the rest: what a kWh cost on the
    whole. Null where one of the bills, or its kWh, is not known.
    """

    against: Literal["month_before", "year_before"]
    month: date
    kwh: Decimal | None
    amount: Decimal
    difference: Decimal | None
    of_energy: Decimal | None
    of_price: Decimal | None


class TwoPart(_Piece):
    """Demand and power factor of a contract with a basic charge; cos φ in hundredths, `adjustment` percent.

    `cos_refused`: why there is no cos φ.
    """

    basis: str | None
    capacity_kva: Decimal
    contracted_kw: Decimal | None
    demand_kw: Decimal | None
    demand_at: datetime | None
    demand_measured: bool
    standard: int | None
    reactive_kvarh: Decimal | None
    cos: int | None
    adjustment: Decimal | None
    cos_refused: str | None


class Stood(_Piece):
    """How the account stands on one axis, with why, as `tiers.rating.store.Standing` has it."""

    axis: str
    value: str
    sub: str | None
    since: date | None
    provisional: bool
    locked_until: date | None
    rule: str
    reasons: list[dict[str, Any]]
    change: dict[str, Any] | None


class Promised(_Piece):
    """One promise of the month and what became of it, as the ledger had it."""

    part: str
    state: str
    reason: str | None
    promised: dict[str, Any]
    figures: dict[str, Any]
    sources: dict[str, str]
    rule: str


class Outage(_Piece):
    """A time without supply at the account's own meters: `until` null while it lasted; what was done."""

    since: datetime
    until: datetime | None
    minutes: int | None
    order: str | None
    cause: str | None
    arrived_at: datetime | None
    restored_at: datetime | None


class Order(_Piece):
    """An order that the account's own report opened, and how it ended."""

    number: str
    kind: str
    state: str
    opened_at: datetime
    arrived_at: datetime | None
    restored_at: datetime | None
    cause: str | None


class Advised(_Piece):
    """Open advice when the report was made; `saving` CNY over `months`."""

    kind: str
    evidence: dict[str, Any]
    saving: Decimal | None
    months: int | None
    formula: str
    confidence: str
    valid_until: date


class Report(_Piece):
    """All of it. `advice` is as of the making, everything else is of the month."""

    account: str
    month: date
    class_: str
    use: Use
    comparisons: list[Comparison]
    billed: Billed | None
    bills_then: list[BillThen] = []
    estimate: Estimate
    two_part: TwoPart | None
    standings: list[Stood]
    promises: list[Promised]
    outages: list[Outage]
    orders: list[Order]
    advice: list[Advised]
