"""Erasing one customer's person: name, telephone, address, channels, logins, words, photos go; accounts stay.

What was measured, billed and mended stays under the numbers of account and meter, with nobody's name to it.
It cannot be undone; backups made before still hold it until they are destroyed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    Integer,
    Row,
    String,
    Table,
    delete,
    insert,
    or_,
    select,
    update,
)

from cloud.alerts.courier import DEAD, PENDING
from cloud.alerts.notify import delivery_table, notice_table
from cloud.customers import store as customers
from cloud.customers.file.consents import consent_table
from cloud.customers.file.needs import need_table
from cloud.customers.file.persons import person_table
from cloud.customers.store import account_table, contact_table, customer_table, service_table
from cloud.keeping import visits, words
from cloud.keeping.words import GONE
from cloud.kit.auth import session_table, user_table
from cloud.kit.db import Database, Instant, metadata
from cloud.kit.errors import Conflict, Invalid
from cloud.kit.throttle import failure_table
from cloud.metering.fieldwork.photos import Photos
from cloud.tiers.rating.tables import contest_table, lock_table
from cloud.workorders.store import event_table, order_table, report_table

erasure_table = Table(
    "erasure",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("customer", ForeignKey("customer.id"), nullable=False, unique=True),
    Column("by", String(64), nullable=False),
    Column("why", String(500), nullable=False),
    Column("at", Instant, nullable=False),
    Column("rows", Integer, nullable=False),
)
"""That somebody was erased, by whom and why; not who it was."""


@dataclass(frozen=True, slots=True)
class Erased:
    """`rows` were changed or removed; `accounts` are kept; the files of `photos` are nobody's any more."""

    customer: str
    accounts: int
    rows: int
    photos: tuple[str, ...] = ()


def erase_with_photos(
    database: Database, photos: Photos, customer: str, *, by: str, why: str, now: datetime
) -> Erased:
    """As `erase`, and the files of photographs too, once the records do not name them any more."""
    with database.write() as connection:
        done = erase(connection, customer, by=by, why=why, now=now)
    for sha256 in done.photos:
        photos.remove(sha256)
    return done


def erase(connection: Connection, customer: str, *, by: str, why: str, now: datetime) -> Erased:
    """NotFound: there is none. Conflict: still supplied, or erased already. Invalid: no reason given."""
    if not why.strip():
        raise Invalid("why is this customer erased? Say it in a few words")
    customers.customer(connection, customer)
    _check(connection, customer, now)
    accounts = [row.no for row in customers.accounts_of(connection, customer)]
    known = _words_of(connection, customer)
    photos = visits.erase_photos(connection, accounts)
    rows = (
        len(photos)
        + visits.erase_notes(connection, accounts, now)
        + _erase_person(connection, customer)
        + _erase_logins(connection, customer)
        + _erase_channels(connection, customer)
        + _erase_file(connection, customer, accounts)
        + _erase_words(connection, customer, accounts)
        + words.sweep(connection, known)
    )
    row = {"customer": customer, "by": by, "why": why.strip()[:500], "at": now, "rows": rows}
    connection.execute(insert(erasure_table).values(row))
    return Erased(customer, len(accounts), rows, photos)


def erasures(connection: Connection) -> Sequence[Row[tuple[object, ...]]]:
    """All of them, newest first."""
    return connection.execute(select(erasure_table).order_by(erasure_table.c.id.desc())).all()


def _check(connection: Connection, customer: str, now: datetime) -> None:
    known = select(erasure_table.c.at).where(erasure_table.c.customer == customer)
    if (at := connection.scalar(known)) is not None:
        raise Conflict(f"customer {customer} was erased on {at:%Y-%m-%d} already")
    supplied = connection.execute(
        select(service_table.c.account)
        .join(account_table)
        .where(
            account_table.c.customer == customer,
            or_(service_table.c.end.is_(None), service_table.c.end > now),
        )
    ).first()
    if supplied is not None:
        raise Conflict(f"account {supplied.account} is still supplied: end its service first")


def _words_of(connection: Connection, customer: str) -> set[str]:
    """What names this person; an address that others have too does not."""
    person = connection.execute(select(customer_table).where(customer_table.c.id == customer)).one()
    mine, at = account_table.c.customer == customer, account_table.c.address
    others = select(at).where(account_table.c.customer != customer)
    found = set(connection.scalars(select(at).where(mine, at.not_in(others))))
    found |= set(
        connection.scalars(select(contact_table.c.channel).where(contact_table.c.customer == customer))
    )
    called = select(person_table.c.name, person_table.c.phone).where(person_table.c.customer == customer)
    found |= {word for row in connection.execute(called) for word in row}
    return (found | {person.name, person.phone}) - {None, GONE}


def _erase_person(connection: Connection, customer: str) -> int:
    person = update(customer_table).where(customer_table.c.id == customer).values(name=GONE, phone=None)
    places = update(account_table).where(account_table.c.customer == customer).values(address=GONE)
    return connection.execute(person).rowcount + connection.execute(places).rowcount


def _erase_logins(connection: Connection, customer: str) -> int:
    logins = select(user_table.c.login).where(user_table.c.customer == customer)
    failed = connection.execute(delete(failure_table).where(failure_table.c.login.in_(logins))).rowcount
    signed = delete(session_table).where(session_table.c.login.in_(logins))
    wrote = update(event_table).where(event_table.c.who.in_(logins)).values(who=GONE, note=GONE)
    rows = connection.execute(signed).rowcount + connection.execute(wrote).rowcount
    rows += failed
    return rows + connection.execute(delete(user_table).where(user_table.c.customer == customer)).rowcount


def _erase_channels(connection: Connection, customer: str) -> int:
    """A channel is an address; of one notice they stay apart by the number of their row."""
    notices = select(notice_table.c.id).where(notice_table.c.customer == customer)
    sent = select(delivery_table.c.id).where(delivery_table.c.notice.in_(notices))
    found = list(connection.scalars(sent))
    for number in found:
        this = update(delivery_table).where(delivery_table.c.id == number)
        connection.execute(this.values(channel=f"{GONE} {number}", error=None))
    unsent = update(delivery_table).where(
        delivery_table.c.notice.in_(notices), delivery_table.c.state == PENDING
    )
    connection.execute(unsent.values(state=DEAD))
    contacts = delete(contact_table).where(contact_table.c.customer == customer)
    return len(found) + connection.execute(contacts).rowcount


def _erase_file(connection: Connection, customer: str, accounts: Sequence[str]) -> int:
    """Whom to call goes; that something was agreed to or needed stays, without the words."""
    called = delete(person_table).where(person_table.c.customer == customer)
    agreed = update(consent_table).where(consent_table.c.customer == customer)
    needed = update(need_table).where(need_table.c.account.in_(accounts), need_table.c.detail != "")
    statements = (called, agreed.values(how=GONE), needed.values(detail=GONE, evidence={}))
    return sum(connection.execute(each).rowcount for each in statements)


def _erase_words(connection: Connection, customer: str, accounts: Sequence[str]) -> int:
    """Of what was reported, that it was stays; what was written goes."""
    told: ColumnElement[bool] = report_table.c.customer == customer
    reports = update(report_table).where(told).values(text=GONE, phone_ok=False)
    orders = select(order_table.c.id).where(order_table.c.account.in_(accounts))
    notes = update(event_table).where(event_table.c.order.in_(orders), event_table.c.note != "")
    rows = connection.execute(reports).rowcount + connection.execute(notes.values(note=GONE)).rowcount
    return rows + _erase_contests(connection, accounts)


def _erase_contests(connection: Connection, accounts: Sequence[str]) -> int:
    """That a tier was contested or held stays, and what came of it; the words on it go."""
    table = contest_table.c
    asked = update(contest_table).where(table.account.in_(accounts))
    answered = asked.where(table.answer.is_not(None)).values(answer=GONE)
    taken_back = asked.where(table.decided_by == table.by).values(decided_by=GONE)
    held = update(lock_table).where(lock_table.c.account.in_(accounts)).values(why=GONE)
    statements = (answered, taken_back, asked.values(text=GONE, by=GONE), held)
    return sum(connection.execute(each).rowcount for each in statements)
