"""Bills over HTTP: operators look at any account's, a customer at their own."""

from datetime import date, tzinfo
from decimal import Decimal
from typing import Annotated

from fastapi import Depends, Query
from pydantic import BaseModel

from cloud.billing import store
from cloud.customers import store as customers
from cloud.kit.auth import User
from cloud.kit.clock import Clock
from cloud.kit.days import local_day
from cloud.kit.db import Database
from cloud.kit.guard import Guard
from cloud.kit.problems import RESPONSES
from cloud.kit.routes import Routes


class BillOut(BaseModel):
    """`amount` CNY; `days_late` of one unpaid counts to today."""

    month: date
    kwh: Decimal | None
    amount: Decimal
    due_on: date
    paid_on: date | None
    days_late: int
    origin: str


def router(database: Database, guard: Guard, clock: Clock, zone: tzinfo) -> Routes:
    routes = Routes(tags=["bills"], responses=RESPONSES)
    Reader = Annotated[User, Depends(guard.user)]  # noqa: N806
    Months = Annotated[int, Query(ge=1, le=120, description="The last so many months")]  # noqa: N806

    @routes.get("/accounts/{no}/bills")
    def bills(user: Reader, no: str, months: Months = 24) -> list[BillOut]:
        """What an account was billed and when it paid, newest first."""
        today = local_day(clock.now(), zone)
        with database.read() as connection:
            customers.account(connection, no, user.customer)
            return [out(row, today) for row in store.newest(connection, no, months)]

    return routes


def out(row: store.BillRow, today: date) -> BillOut:
    return BillOut(
        month=row.month,
        kwh=row.kwh,
        amount=row.amount,
        due_on=row.due_on,
        paid_on=row.paid_on,
        days_late=row.days_late(today),
        origin=row.origin,
    )
