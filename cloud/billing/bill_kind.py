"""A bill as another system says it: an import's kind of row, account and month its key."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from sqlalchemy import Connection

from cloud.billing.store import bill_table
from cloud.customers.intake.entries import Day, Entry, No
from cloud.customers.intake.kinds import Given, Kind, State, Taking, Values, Wrong
from cloud.kit.days import local_day

IMPORT = "import"


def _month(value: Any) -> Any:
    """2026-03 is kept as its first day."""
    return f"{value}-01" if len(str(value)) == 7 else value


class BillEntry(Entry):
    """`month` as 2026-03, `amount` CNY, `paid_on` the day on which it was paid whole."""

    account: No
    month: Annotated[Day, BeforeValidator(_month)]
    kwh: Annotated[Decimal, Field(ge=0, le=1_000_000_000, decimal_places=3)] | None = None
    amount: Annotated[Decimal, Field(ge=-1_000_000_000, le=1_000_000_000, decimal_places=2)]
    due_on: Day
    paid_on: Day | None = None


def _judge(_: Connection, rows: Sequence[Given], state: State, taking: Taking) -> list[Wrong]:
    today = local_day(taking.now, taking.zone)
    told = ((row.number, _against(state[row.key], today)) for row in rows)
    return [Wrong("bill", number, why) for number, why in told if why]


def _against(values: Values, today: date) -> str | None:
    month, due, paid = values["month"], values["due_on"], values["paid_on"]
    if month.day != 1:
        return f"month: {month}: write the month, as {month:%Y-%m}"
    if month > today:
        return f"month: {month:%Y-%m} is to come"
    if due < month:
        return f"due_on: {due} is before the month it is for"
    if paid is not None and paid > today:
        return f"paid_on: {paid} is to come"
    if paid is not None and paid < month:
        return f"paid_on: {paid} is before the month it is for"
    if values["origin"] != IMPORT:
        return f"the bill of {month:%Y-%m} is our own: it changes only by a credit note"
    return None


BILL = Kind(
    "bill",
    BillEntry,
    bill_table,
    ("account", "month"),
    "bill",
    {
        "account": ("户号", "用电户"),
        "month": ("账期", "月份", "电费年月"),
        "kwh": ("电量", "计费电量"),
        "amount": ("电费", "应收电费", "金额"),
        "due_on": ("缴费截止日", "应缴日期"),
        "paid_on": ("缴清日期", "实收日期"),
    },
    new=lambda _: {"origin": IMPORT},
    judge=_judge,
)
