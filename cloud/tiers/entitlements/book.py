"""The rows of the ledger of promises: written where something changed, and read for pages and the API."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, Text, bindparam, case, cast, func, insert, select, update

from cloud.customers.store import account_table
from cloud.fleet.history import among
from cloud.tiers.entitlements.tables import promise_table
from cloud.tiers.entitlements.verdicts import Part, State

_PLAIN = ("state", "reason", "rule")
_JSON = ("promised", "figures", "sources")
"""Compared as the text that the database holds: a hundred thousand rows need not be read."""
_SAID = (*_PLAIN, *_JSON)


def write(
    connection: Connection,
    first: date,
    rows: Sequence[dict[str, Any]],
    now: datetime,
    *,
    closes: bool,
) -> tuple[int, int]:
    """(new or different rows of the month that begins so, how many of them had been closed)."""
    there = _there(connection, first, {row["account"] for row in rows})
    new: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    closed_at = now if closes else None
    for row in rows:
        before = there.get((row["account"], row["part"]))
        if before is None:
            new.append(row | {"made_at": now, "closed_at": closed_at, "reopened": 0, "before": None})
        elif (other := _is_other(before, row)) or _is_to_close(before, closes):
            changed.append(
                _changed(before, row, now, closed_at, reopened=other and before.closed_at is not None)
            )
    if new:
        connection.execute(insert(promise_table), new)
    if changed:
        connection.execute(_update(), changed)
    reopened = sum(each["_reopened"] > there[each["_account"], each["_part"]].reopened for each in changed)
    return len(new) + len(changed), reopened


def due(
    connection: Connection, first: date, rows: Sequence[dict[str, Any]], *, closes: bool
) -> list[dict[str, Any]]:
    """Those of the rows that `write` would write now."""
    there = _there(connection, first, {row["account"] for row in rows})
    return [
        row
        for row in rows
        if (before := there.get((row["account"], row["part"]))) is None
        or _is_other(before, row)
        or _is_to_close(before, closes)
    ]


def _is_to_close(before: Row[Any], closes: bool) -> bool:
    return closes and before.closed_at is None


def _there(connection: Connection, first: date, only: Collection[str]) -> dict[tuple[str, str], Row[Any]]:
    """By account and part what stands of a month."""
    table = promise_table.c
    texts = [cast(table[name], Text).label(f"{name}_text") for name in _JSON]
    plain = (table.account, table.part, table.state, table.reason, table.rule, table.before)
    query = select(*plain, table.closed_at, table.reopened, table.made_at, *texts).where(table.month == first)
    return {
        (row.account, row.part): row
        for part in among(query, table.account, only)
        for row in connection.execute(part)
    }


def _is_other(before: Row[Any], row: Mapping[str, Any]) -> bool:
    said = all(before._mapping[name] == row[name] for name in _PLAIN)
    return not (said and all(before._mapping[f"{name}_text"] == json.dumps(row[name]) for name in _JSON))


def _changed(
    before: Row[Any], row: Mapping[str, Any], now: datetime, closed_at: datetime | None, *, reopened: bool
) -> dict[str, Any]:
    """The parameters of `_update`: what a closed row said is kept beside what it says now."""
    stood = {
        "state": before.state, "figures": json.loads(before.figures_text), "at": before.made_at.isoformat()
    }  # fmt: skip
    return {f"_{name}": row[name] for name in ("account", "month", "part", *_SAID)} | {
        "_made_at": now,
        "_closed_at": closed_at,
        "_reopened": before.reopened + reopened,
        "_before": stood if reopened else before.before,
    }


def _update() -> Any:
    table = promise_table.c
    names = (*_SAID, "made_at", "closed_at", "reopened", "before")
    mine = [table[name] == bindparam(f"_{name}") for name in ("account", "month", "part")]
    return update(promise_table).where(*mine).values({name: bindparam(f"_{name}") for name in names})


def rows_of(connection: Connection, account: str, months: int = 12) -> Sequence[Row[Any]]:
    """One account's promises, the newest month first."""
    table = promise_table.c
    query = select(promise_table).where(table.account == account)
    order = (table.month.desc(), table.part)
    return connection.execute(query.order_by(*order).limit(months * len(Part))).all()


def totals(connection: Connection, month: date) -> dict[tuple[str, str], int]:
    """How many promises of a month there are by part and state."""
    table = promise_table.c
    query = select(table.part, table.state, func.count()).where(table.month == month)
    return {
        (part, state): count
        for part, state, count in connection.execute(query.group_by(table.part, table.state))
    }


def months(connection: Connection) -> list[date]:
    """Those that were judged, the newest first."""
    query = select(promise_table.c.month).distinct().order_by(promise_table.c.month.desc())
    return list(connection.scalars(query))


def worst_first(
    connection: Connection,
    month: date,
    *,
    states: Collection[State] = (),
    parts: Collection[Part] = (),
    account: str = "",
    limit: int = 100,
) -> Sequence[Row[Any]]:
    """A month's rows, those that were missed first, then what is not known; each with its `customer`."""
    table = promise_table.c
    rank = case({state.value: n for n, state in enumerate(_WORST)}, value=table.state, else_=len(_WORST))
    query = select(promise_table, account_table.c.customer)
    query = query.join(account_table, account_table.c.no == table.account).where(table.month == month)
    if states:
        query = query.where(table.state.in_(sorted(states)))
    if parts:
        query = query.where(table.part.in_(sorted(parts)))
    if account:
        query = query.where(table.account == account)
    return connection.execute(query.order_by(rank, table.account, table.part).limit(limit)).all()


_WORST = (State.MISSED, State.NOT_KNOWN, State.DELIVERED, State.NOT_DUE)


def listed(
    connection: Connection,
    month: date,
    *,
    states: Collection[State] = (),
    parts: Collection[Part] = (),
    account: str = "",
    after: tuple[str, str] | None = None,
    limit: int = 100,
) -> Sequence[Row[Any]]:
    """A month's rows in order of account and part, from behind (account, part)."""
    table = promise_table.c
    query = select(promise_table).where(table.month == month)
    if states:
        query = query.where(table.state.in_(sorted(states)))
    if parts:
        query = query.where(table.part.in_(sorted(parts)))
    if account:
        query = query.where(table.account == account)
    if after is not None:
        no, part = after
        query = query.where((table.account > no) | ((table.account == no) & (table.part > part)))
    return connection.execute(query.order_by(table.account, table.part).limit(limit)).all()
