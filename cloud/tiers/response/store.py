"""Remembers events of load response with their steps, invitations, payments and what customers offered."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from cloud.kit.errors import NotFound
from cloud.tiers.response.rules import Answer, State, Step, Times
from cloud.tiers.response.settlement import Fixed, Line, LineKind, Why
from cloud.tiers.response.tables import (
    event_table,
    invitation_table,
    offered_table,
    payment_table,
    step_table,
)


@dataclass(frozen=True, slots=True)
class Event:
    id: int
    kind: str
    subject: str
    times: Times
    state: State
    need_p50_kw: float | None
    need_p90_kw: float | None
    outlook: Mapping[str, Any]
    policy: str
    proposed_by: str
    approved_by: str | None
    changed_at: datetime
    result: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Invitation:
    """`terms` None until it went out."""

    id: int
    event: int
    account: str
    customer: str
    asked_kw: Decimal
    accepted_kw: Decimal | None
    state: Answer
    terms: Fixed | None
    invited_at: datetime | None
    answered_at: datetime | None
    result: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Taken:
    """One step of an event, as it stands in its book."""

    at: datetime
    by: str
    step: str
    state: State
    note: str


def add(connection: Connection, row: Mapping[str, Any], chosen: Iterable[Mapping[str, Any]]) -> int:
    """The event's number; `chosen` rows of account, customer, asked_kw."""
    made = connection.execute(insert(event_table).values(dict(row))).inserted_primary_key
    assert made is not None
    number = int(made[0])
    some = [{"event": number, "state": Answer.CHOSEN.value, "terms": {}, **each} for each in chosen]
    if some:
        connection.execute(insert(invitation_table), some)
    return number


def event(connection: Connection, id: int) -> Event:  # noqa: A002
    row = connection.execute(select(event_table).where(event_table.c.id == id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no event {id}")
    return _event(row)


def events(
    connection: Connection, *, states: Collection[State] | None = None, limit: int | None = None
) -> list[Event]:
    """Newest first."""
    query = select(event_table).order_by(event_table.c.id.desc()).limit(limit)
    if states is not None:
        query = query.where(event_table.c.state.in_([each.value for each in states]))
    return [_event(row) for row in connection.execute(query)]


def go(
    connection: Connection,
    id: int,  # noqa: A002
    state: State,
    now: datetime,
    **values: Any,
) -> None:
    """Into another state, with what changed besides."""
    mine = event_table.c.id == id
    changed = {"state": state.value, "changed_at": now, **values}
    connection.execute(update(event_table).where(mine).values(changed))


def note(
    connection: Connection, event: int, step: Step | str, state: State, by: str, at: datetime, said: str = ""
) -> None:
    row = {"event": event, "at": at, "by": by, "step": str(step), "state": state.value, "note": said[:500]}
    connection.execute(insert(step_table).values(row))


def steps(connection: Connection, event: int) -> list[Taken]:
    """In order."""
    table = step_table.c
    query = select(table.at, table.by, table.step, table.state, table.note).where(table.event == event)
    return [
        Taken(row.at, row.by, row.step, State(row.state), row.note)
        for row in connection.execute(query.order_by(table.id))
    ]


def invitations(
    connection: Connection,
    *,
    event: int | None = None,
    customer: str | None = None,
    went_out: bool = False,
    limit: int | None = None,
) -> list[Invitation]:
    """Of an event by account, or of a customer with the newest first; `went_out` leaves out mere choices."""
    table = invitation_table.c
    query = select(invitation_table).limit(limit)
    if event is not None:
        query = query.where(table.event == event).order_by(table.account)
    if customer is not None:
        query = query.where(table.customer == customer).order_by(table.id.desc())
    if went_out:
        query = query.where(table.invited_at.is_not(None))
    return [_invitation(row) for row in connection.execute(query)]


def invitation(connection: Connection, id: int, customer: str | None = None) -> Invitation:  # noqa: A002
    """NotFound when there is none, when it never went out, or when it is not `customer`'s."""
    query = select(invitation_table).where(invitation_table.c.id == id)
    row = connection.execute(query).one_or_none()
    if row is None or (customer is not None and (row.customer != customer or row.invited_at is None)):
        raise NotFound(f"there is no invitation {id}")
    return _invitation(row)


def change(connection: Connection, id: int, **values: Any) -> None:  # noqa: A002
    connection.execute(update(invitation_table).where(invitation_table.c.id == id).values(values))


def invited_between(
    connection: Connection,
    accounts: Collection[str],
    start: datetime,
    end: datetime,
    *,
    but: int | None = None,
) -> dict[str, list[datetime]]:
    """By account the starts of events in [start, end), not cancelled, that it is chosen for or invited to."""
    chosen, held = invitation_table.c, event_table.c
    query = (
        select(chosen.account, held.start)
        .join(event_table, held.id == chosen.event)
        .where(held.start >= start, held.start < end, held.state != State.CANCELLED.value)
        .where(chosen.state.not_in([Answer.LEFT_OUT.value]))
    )
    if but is not None:
        query = query.where(held.id != but)
    wanted, found = set(accounts), dict[str, list[datetime]]()
    for account, at in connection.execute(query):
        if account in wanted:
            found.setdefault(account, []).append(at)
    return found


def invited_since(connection: Connection, since: datetime) -> dict[str, int]:
    """By customer how many events they were invited to since an instant."""
    table = invitation_table.c
    query = (
        select(table.customer, func.count(table.event.distinct()))
        .where(table.invited_at > since)
        .group_by(table.customer)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def took_part(connection: Connection, accounts: Collection[str]) -> dict[str, list[datetime]]:
    """By account the starts of events that it accepted and that began: no days of a baseline."""
    chosen, held = invitation_table.c, event_table.c
    begun = (State.RUNNING, State.ENDED, State.MEASURED, State.SETTLED)
    query = (
        select(chosen.account, held.start)
        .join(event_table, held.id == chosen.event)
        .where(chosen.state == Answer.ACCEPTED.value, held.state.in_([each.value for each in begun]))
    )
    wanted, found = set(accounts), dict[str, list[datetime]]()
    for account, at in connection.execute(query):
        if account in wanted:
            found.setdefault(account, []).append(at)
    return found


def kept_promises(connection: Connection) -> dict[str, list[float]]:
    """By account, of each event that was measured, what was measured as a share of what was accepted."""
    table = invitation_table.c
    query = select(table.account, table.result).where(table.result.is_not(None)).order_by(table.id)
    found: dict[str, list[float]] = {}
    for account, result in connection.execute(query):
        share = (result or {}).get("share")
        if share is not None:
            found.setdefault(account, []).append(float(share))
    return found


def pay(connection: Connection, invitation: int, lines: Sequence[Line], by: str, at: datetime) -> None:
    """Once: an invitation that has lines keeps those it has."""
    if payments(connection, [invitation]):
        return
    rows = [
        {
            "invitation": invitation, "line": each.kind.value, "quantity": each.quantity, "unit": each.unit,
            "price": each.price, "amount": each.amount, "why": each.why.value, "at": at, "by": by,
        }
        for each in lines
    ]  # fmt: skip
    connection.execute(insert(payment_table), rows)


def payments(connection: Connection, invitations: Collection[int]) -> dict[int, list[Line]]:
    """Lines by invitation."""
    query = select(payment_table).where(payment_table.c.invitation.in_(sorted(invitations)))
    found: dict[int, list[Line]] = {}
    for row in connection.execute(query.order_by(payment_table.c.line)):
        line = Line(LineKind(row.line), row.quantity, row.unit, row.price, row.amount, Why(row.why))
        found.setdefault(row.invitation, []).append(line)
    return found


def offered(connection: Connection, accounts: Collection[str] | None = None) -> dict[str, Decimal]:
    """What each account's customer said that it can move, kW."""
    table = offered_table.c
    query = select(table.account, table.kw).where(table.ended_at.is_(None))
    if accounts is not None:
        query = query.where(table.account.in_(sorted(accounts)))
    return {row.account: row.kw for row in connection.execute(query)}


def offer(connection: Connection, account: str, kw: Decimal | None, by: str, now: datetime) -> None:
    """In place of what was said before; None takes it back."""
    standing = (offered_table.c.account == account, offered_table.c.ended_at.is_(None))
    connection.execute(update(offered_table).where(*standing).values(ended_at=now))
    if kw is not None:
        row = {"account": account, "kw": kw, "since": now, "by": by}
        connection.execute(insert(offered_table).values(row))


def asked(connection: Connection, event: int) -> dict[Answer, int]:
    """How many invitations of an event are in each state."""
    table = invitation_table.c
    query = select(table.state, func.count()).where(table.event == event).group_by(table.state)
    return {Answer(state): count for state, count in connection.execute(query)}


def _event(row: Row[Any]) -> Event:
    return Event(
        row.id, row.kind, row.subject, Times(row.close_at, row.start, row.end), State(row.state),
        row.need_p50_kw, row.need_p90_kw, row.outlook, row.policy, row.proposed_by, row.approved_by,
        row.changed_at, row.result,
    )  # fmt: skip


def _invitation(row: Row[Any]) -> Invitation:
    terms = Fixed(**{name: Decimal(value) for name, value in row.terms.items()}) if row.terms else None
    return Invitation(
        row.id, row.event, row.account, row.customer, row.asked_kw, row.accepted_kw, Answer(row.state),
        terms, row.invited_at, row.answered_at, row.result,
    )  # fmt: skip
