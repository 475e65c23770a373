"""The customer file as it leaves: what each section holds."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from cloud.billing.api import BillOut
from cloud.customers.file.api import ConsentOut, ContractOut, GradeOut, NeedOut, PersonOut
from cloud.desk.use import MonthUse, ShapeOf


class MeterSpan(BaseModel):
    meter: str
    start: datetime
    end: datetime | None


class PointFile(BaseModel):
    """From `start` up to and without `end` the account was at this point, and these meters with it."""

    point: str
    start: datetime
    end: datetime | None
    meters: list[MeterSpan]


class TierOut(BaseModel):
    """`reasons` and `change` are codes and numbers; `change` what would move it."""

    axis: str
    value: str
    sub: str | None
    since: date | None
    provisional: bool
    locked_until: date | None
    rule: str
    reasons: list[dict[str, Any]]
    change: dict[str, Any] | None


class DecisionOut(BaseModel):
    month: date
    rule: str
    value: str
    credit: str
    shape: str | None
    sub: str | None
    provisional: bool


class TermOut(BaseModel):
    """`rule` and `when`: what gave it, for operators."""

    value: Any
    rule: str | None
    when: dict[str, str]


class AdviceOut(BaseModel):
    """`saving` CNY a year, null where none is told."""

    id: int
    kind: str
    state: str
    month: date
    saving: Decimal | None
    formula: str
    confidence: str
    valid_until: date
    evidence: dict[str, Any]


class AlertOut(BaseModel):
    id: int
    kind: str
    severity: str
    meter: str | None
    opened_at: datetime
    closed_at: datetime | None
    order_number: str | None


class OrderOut(BaseModel):
    number: str
    kind: str
    state: str
    account: str | None
    opened_at: datetime
    on_site_by: datetime
    restored_at: datetime | None
    ended_at: datetime | None


class ReportOut(BaseModel):
    number: str
    account: str
    text: str
    at: datetime


class NoticeOut(BaseModel):
    id: int
    kind: str
    severity: str
    created_at: datetime
    read_at: datetime | None


class OfferOut(BaseModel):
    """What a campaign offered; nobody is told that they were held out. `title` by language."""

    campaign: int
    account: str
    title: dict[str, str]
    state: str
    sent_at: datetime


class ReminderOut(BaseModel):
    """Of a bill its `month`, of a plan's part `plan` and `number`; `step`: days from when it was due."""

    month: date | None
    plan: int | None
    number: int | None
    due_on: date
    step: int
    at: datetime


class LimitOut(BaseModel):
    """A promised limit's newest day: within, passed or unknown for a `reason`; shares."""

    kind: str
    day: date
    state: str
    reason: str | None
    value: float | None
    limit: float | None
    coverage: float | None


class AccountFile(BaseModel):
    """`months` and `shapes` are of time that was wholly the account's; `protections` are for operators.

    `promises`: by part, how many months were in each state.
    """

    no: str
    address: str
    customer_class: str
    protections: list[str]
    contracts: list[ContractOut]
    grades: list[GradeOut]
    needs: list[NeedOut]
    points: list[PointFile]
    months: list[MonthUse]
    shapes: list[ShapeOf]
    bills: list[BillOut]
    reminders: list[ReminderOut]
    limits: list[LimitOut]
    tiers: list[TierOut]
    tier_history: list[DecisionOut]
    entitlements: dict[str, TermOut]
    promises: dict[str, dict[str, int]]
    advice: list[AdviceOut]
    points_balance: int


class CustomerFile(BaseModel):
    """As known at `at`; lists newest first, the long ones cut at 50."""

    id: str
    name: str
    language: str
    phone: str | None
    at: datetime
    persons: list[PersonOut]
    consents: list[ConsentOut]
    accounts: list[AccountFile]
    alerts: list[AlertOut]
    orders: list[OrderOut]
    reports: list[ReportOut]
    notices: list[NoticeOut]
    offers: list[OfferOut]
