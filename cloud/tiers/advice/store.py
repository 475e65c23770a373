"""Remembers what was advised, with both bills, what became of it, and what was refused and why."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Date,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    delete,
    func,
    insert,
    select,
    update,
)

from cloud.customers.store import account_table
from cloud.kit.db import Exact, Instant, metadata
from cloud.kit.errors import NotFound

CHUNK = 500


class State(StrEnum):
    """`open` and `seen` still stand; `expired` no longer holds, `replaced` by a newer one of its kind."""

    OPEN = "open"
    SEEN = "seen"
    TAKEN = "taken"
    DECLINED = "declined"
    EXPIRED = "expired"
    REPLACED = "replaced"


STANDING = (State.OPEN, State.SEEN)

advice_table = Table(
    "advice",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account", ForeignKey("account.no"), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("month", Date, nullable=False),
    Column("version", Integer, nullable=False),
    Column("inputs", String(32), nullable=False),
    Column("saving", Exact(2)),
    Column("formula", String(1000), nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("bills", JSON),
    Column("confidence", String(8), nullable=False),
    Column("needs", JSON, nullable=False),
    Column("valid_until", Date, nullable=False),
    Column("seen_at", Instant),
    Column("ended_at", Instant),
    Column("ended_by", String(64)),
    Column("why", String(500)),
    Column("measured", JSON),
    Index(None, "account", "state"),
    Index(None, "state", "kind"),
)
"""`month`: the newest that it stands on; `inputs`: a digest of what was said, so that the same is not said
twice; `saving` CNY; `bills` both as JSON; `why` it was declined; `measured`: what came of it when taken."""

refusal_table = Table(
    "advice_refusal",
    metadata,
    Column("account", ForeignKey("account.no"), primary_key=True),
    Column("kind", String(32), primary_key=True),
    Column("reason", String(32), nullable=False),
    Column("params", JSON, nullable=False),
    Column("at", Instant, nullable=False),
    Index(None, "kind", "reason"),
)
"""Of each account and kind the last refusal; it is gone once the rule speaks or has nothing to say."""


@dataclass(frozen=True, slots=True)
class AdviceRow:
    """`bills`: {"now", "then": each as `tariffs.bill.as_json`, "first", "last", "change", "partial"}."""

    id: int
    account: str
    customer: str
    class_: str
    kind: str
    state: State
    made_at: datetime
    month: date
    version: int
    inputs: str
    saving: Decimal | None
    formula: str
    evidence: Mapping[str, Any]
    bills: Mapping[str, Any] | None
    confidence: str
    needs: Sequence[str]
    valid_until: date
    seen_at: datetime | None
    ended_at: datetime | None
    ended_by: str | None
    why: str | None
    measured: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class RefusalRow:
    account: str
    kind: str
    reason: str
    params: Mapping[str, Any]
    at: datetime


def of_account(connection: Connection, account: str, states: Collection[State] = STANDING) -> list[AdviceRow]:
    """What stands (or is in these states), the dearest first."""
    table = advice_table.c
    return _dearest(_rows(connection, table.account == account, table.state.in_(sorted(states))))


def of_customer(
    connection: Connection, customer: str, states: Collection[State] = STANDING
) -> list[AdviceRow]:
    table = advice_table.c
    return _dearest(_rows(connection, account_table.c.customer == customer, table.state.in_(sorted(states))))


@dataclass(frozen=True, slots=True)
class Known:
    """What tells whether advice that stands is said anew."""

    id: int
    account: str
    inputs: str


def known(connection: Connection, kinds: Collection[str]) -> dict[tuple[str, str], Known]:
    """All that stands of these kinds, by account and kind, without what it says."""
    table = advice_table.c
    query = select(table.id, table.account, table.inputs, table.kind).where(
        table.state.in_(STANDING), table.kind.in_(sorted(kinds))
    )
    return {
        (row.account, row.kind): Known(row.id, row.account, row.inputs) for row in connection.execute(query)
    }


def standing(
    connection: Connection, kinds: Collection[str] | None = None
) -> dict[tuple[str, str], AdviceRow]:
    """All that stands, by account and kind."""
    table = advice_table.c
    where = [table.state.in_(STANDING)]
    if kinds is not None:
        where.append(table.kind.in_(sorted(kinds)))
    return {(each.account, each.kind): each for each in _rows(connection, *where)}


def taken(connection: Connection) -> list[AdviceRow]:
    """All that customers took, oldest first."""
    return _rows(connection, advice_table.c.state == State.TAKEN)


def one(connection: Connection, id: int, customer: str | None = None) -> AdviceRow:  # noqa: A002
    """NotFound when there is none, or when it is not `customer`'s."""
    found = _rows(connection, advice_table.c.id == id)
    if not found or (customer is not None and found[0].customer != customer):
        raise NotFound(f"there is no advice {id}")
    return found[0]


def refusals(connection: Connection, account: str) -> list[RefusalRow]:
    query = select(refusal_table).where(refusal_table.c.account == account).order_by(refusal_table.c.kind)
    return [RefusalRow(**row._mapping) for row in connection.execute(query)]


def put(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """New advice; columns as the table has them."""
    for low in range(0, len(rows), CHUNK):
        connection.execute(insert(advice_table), list(rows[low : low + CHUNK]))


def move(connection: Connection, ids: Iterable[int], state: State, **columns: Any) -> None:
    """Into a state, with whatever goes with it; which moves there are is `lifecycle`'s to say."""
    names = sorted(ids)
    for low in range(0, len(names), CHUNK):
        some = advice_table.c.id.in_(names[low : low + CHUNK])
        connection.execute(update(advice_table).where(some).values(state=state, **columns))


def put_refusals(
    connection: Connection,
    judged: Collection[str] | None,
    kinds: Collection[str],
    found: Iterable[RefusalRow],
) -> None:
    """In place of all that there were of these kinds: of the accounts `judged`, or of all."""
    table = refusal_table.c
    of_kinds = table.kind.in_(sorted(kinds))
    if judged is None:
        connection.execute(delete(refusal_table).where(of_kinds))
    else:
        names = sorted(judged)
        for low in range(0, len(names), CHUNK):
            some = table.account.in_(names[low : low + CHUNK])
            connection.execute(delete(refusal_table).where(of_kinds, some))
    rows = [
        {
            "account": each.account,
            "kind": each.kind,
            "reason": each.reason,
            "params": each.params,
            "at": each.at,
        }
        for each in found
    ]
    for low in range(0, len(rows), CHUNK):
        connection.execute(insert(refusal_table), rows[low : low + CHUNK])


@dataclass(frozen=True, slots=True)
class KindSum:
    """Of one kind and state: how many, and what they would save together."""

    kind: str
    state: State
    number: int
    saving: Decimal


def sums(connection: Connection) -> list[KindSum]:
    table = advice_table.c
    query = select(table.kind, table.state, func.count(), func.sum(table.saving, type_=Exact(2)))
    rows = connection.execute(query.group_by(table.kind, table.state).order_by(table.kind, table.state))
    return [KindSum(kind, State(state), number, saving or Decimal(0)) for kind, state, number, saving in rows]


def reasons(connection: Connection) -> list[tuple[str, str, int]]:
    """(kind, reason, accounts) of what was refused, the most frequent first."""
    table = refusal_table.c
    query = select(table.kind, table.reason, func.count()).group_by(table.kind, table.reason)
    return sorted(((kind, why, n) for kind, why, n in connection.execute(query)), key=lambda each: -each[2])


def savings(connection: Connection) -> list[tuple[str, str, Decimal]]:
    """(account, kind, saving) of all that stands and saves something."""
    table = advice_table.c
    query = select(table.account, table.kind, table.saving).where(
        table.state.in_(STANDING), table.saving.is_not(None)
    )
    return [(row.account, row.kind, row.saving) for row in connection.execute(query)]


def dearest(connection: Connection, kind: str | None, number: int) -> list[AdviceRow]:
    """Of all that stands, or of one kind."""
    where: list[Any] = [advice_table.c.state.in_(STANDING)]
    if kind is not None:
        where.append(advice_table.c.kind == kind)
    order = advice_table.c.saving.desc().nulls_last()
    return _rows(connection, *where, order=order, limit=number)


def measured(connection: Connection) -> Decimal:
    """What advice that was taken has brought so far, as far as it is measured."""
    query = select(advice_table.c.measured).where(advice_table.c.measured.is_not(None))
    found = [each for each in connection.scalars(query) if each]
    return sum((Decimal(each["saving"]) for each in found), Decimal(0))


def _rows(
    connection: Connection, *where: Any, order: Any = advice_table.c.id, limit: int | None = None
) -> list[AdviceRow]:
    query = (
        select(advice_table, account_table.c.customer, account_table.c["class"].label("class_"))
        .join(account_table, account_table.c.no == advice_table.c.account)
        .where(*where)
        .order_by(order)
        .limit(limit)
    )
    return [_row(row) for row in connection.execute(query)]


def _row(row: Row[Any]) -> AdviceRow:
    return AdviceRow(**{**row._mapping, "state": State(row.state)})


def _dearest(rows: Iterable[AdviceRow]) -> list[AdviceRow]:
    return sorted(rows, key=lambda each: (each.saving is None, -(each.saving or 0), each.id))
