"""Customers and accounts over HTTP: operators look anybody up, a customer sees their own."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends
from pydantic import BaseModel
from sqlalchemy import Connection, Row

from cloud.customers import store
from cloud.kit.auth import User
from cloud.kit.clock import Clock
from cloud.kit.db import Database
from cloud.kit.guard import Guard
from cloud.kit.paging import After, Limit, Page
from cloud.kit.problems import RESPONSES
from cloud.kit.routes import Routes


class Customer(BaseModel):
    id: str
    name: str
    language: str
    phone: str | None


class Account(BaseModel):
    """`meters` serve it now."""

    no: str
    customer: str
    address: str
    customer_class: str
    meters: list[str]


class CustomerDetail(Customer):
    accounts: list[Account]


def router(database: Database, guard: Guard, clock: Clock) -> Routes:
    routes = Routes(tags=["customers"], responses=RESPONSES)
    Operator = Annotated[User, Depends(guard.operator)]  # noqa: N806
    Reader = Annotated[User, Depends(guard.user)]  # noqa: N806

    @routes.get("/customers")
    def customers(_: Operator, after: After = "", limit: Limit = 100) -> Page[Customer]:
        """Customers in order of id."""
        with database.read() as connection:
            rows = store.customers(connection, after=after, limit=limit + 1)
        more = rows[limit - 1].id if len(rows) > limit else None
        return Page(items=[Customer(**row._mapping) for row in rows[:limit]], next=more)

    @routes.get("/customers/{id}")
    def customer(_: Operator, id: str) -> CustomerDetail:  # noqa: A002
        """One customer with their accounts."""
        with database.read() as connection:
            row = store.customer(connection, id)
            return CustomerDetail(**row._mapping, accounts=_accounts(connection, id, clock.now()))

    @routes.get("/accounts")
    def accounts(user: Reader) -> list[Account]:
        """Your own accounts; none for an operator."""
        if user.customer is None:
            return []
        with database.read() as connection:
            return _accounts(connection, user.customer, clock.now())

    @routes.get("/accounts/{no}")
    def account(user: Reader, no: str) -> Account:
        """One account; a customer's own only."""
        with database.read() as connection:
            return _account(connection, store.account(connection, no, user.customer), clock.now())

    return routes


def _accounts(connection: Connection, customer: str, now: datetime) -> list[Account]:
    return [_account(connection, row, now) for row in store.accounts_of(connection, customer)]


def _account(connection: Connection, row: Row[Any], now: datetime) -> Account:
    served = store.meters_of_account(connection, row.no, now)
    return Account(
        no=row.no,
        customer=row.customer,
        address=row.address,
        customer_class=row._mapping["class"],
        meters=[each.meter for each in served],
    )
