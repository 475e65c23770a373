"""The contract of an account over time: tariff, voltage, capacity, how its basic charge is reckoned.

Dated by local days; of one account no two hold on the same day. A contract is never edited: a new one begins.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Date,
    ForeignKey,
    Integer,
    Row,
    String,
    Table,
    select,
)

from cloud.customers.store import account_table
from cloud.kit.db import Exact, metadata

contract_table = Table(
    "contract",
    metadata,
    Column("account", ForeignKey("account.no"), primary_key=True),
    Column("from_day", Date, primary_key=True),
    Column("to_day", Date),
    Column("tariff", String(64), nullable=False),
    Column("plan", String(64), nullable=False),
    Column("voltage", String(32), nullable=False),
    Column("capacity_kva", Exact(3)),
    Column("basis", String(16)),
    Column("contracted_kw", Exact(3)),
    Column("basis_fixed_until", Date),
    Column("capacity_change_on", Date),
    Column("standard", Integer),
    Column("price_source", String(20), nullable=False),
    Column("persons", Integer),
    Column("moved_in", Date),
    Column("round_the_clock", Boolean),
    Column("pv_kwp", Exact(3)),
)
"""`to_day` is the first day that it does not hold; `basis` capacity | demand | contract of the basic charge,
fixed until a day; `standard` cos φ in hundredths; `round_the_clock`: its process does not stop at night."""


@dataclass(frozen=True, slots=True)
class Contract:
    """What one account agreed to, on a day; `customer` and `class_` are the account's."""

    account: str
    customer: str
    class_: str
    from_day: date
    to_day: date | None
    tariff: str
    plan: str
    voltage: str
    capacity_kva: Decimal | None = None
    basis: str | None = None
    contracted_kw: Decimal | None = None
    basis_fixed_until: date | None = None
    capacity_change_on: date | None = None
    standard: int | None = None
    price_source: str = "administered"
    persons: int | None = None
    moved_in: date | None = None
    round_the_clock: bool | None = None
    pv_kwp: Decimal | None = None


def contracts_on(
    connection: Connection, day: date, accounts: Collection[str] | None = None
) -> dict[str, Contract]:
    """By account what holds on a day; of all accounts, or of those named (a few)."""
    table = contract_table.c
    query = (
        select(contract_table, account_table.c.customer, account_table.c["class"].label("class_"))
        .join(account_table, account_table.c.no == table.account)
        .where(table.from_day <= day, table.to_day.is_(None) | (table.to_day > day))
    )
    if accounts is not None:
        query = query.where(table.account.in_(sorted(accounts)))
    return {each.account: each for each in _contracts(connection.execute(query))}


def contracts_of(connection: Connection, account: str) -> list[Contract]:
    """All of an account, oldest first."""
    table = contract_table.c
    query = (
        select(contract_table, account_table.c.customer, account_table.c["class"].label("class_"))
        .join(account_table, account_table.c.no == table.account)
        .where(table.account == account)
        .order_by(table.from_day)
    )
    return _contracts(connection.execute(query))


def _contracts(rows: Iterable[Row[Any]]) -> list[Contract]:
    return [Contract(**row._mapping) for row in rows]
