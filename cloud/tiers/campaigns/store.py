"""Remembers campaigns, every move of them, and what became of each account's offer."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from cloud.customers.store import account_table
from cloud.kit.errors import NotFound
from cloud.kit.moving import Moving
from cloud.tiers.campaigns.rules import CAMPAIGN, OPEN, OfferState
from cloud.tiers.campaigns.tables import (
    campaign_event_table,
    campaign_table,
    measurement_table,
    offer_table,
)

CAMPAIGNS = Moving(CAMPAIGN, campaign_table, campaign_event_table)


def campaigns(
    connection: Connection,
    *,
    states: Collection[str] | None = None,
    before: int | None = None,
    limit: int | None = None,
) -> Sequence[Row[Any]]:
    """Newest first, from behind the id `before`."""
    table = campaign_table
    query = select(table).order_by(table.c.id.desc()).limit(limit)
    if states is not None:
        query = query.where(table.c.state.in_(sorted(states)))
    if before is not None:
        query = query.where(table.c.id < before)
    return connection.execute(query).all()


def campaign(connection: Connection, id: int) -> Row[Any]:  # noqa: A002
    """NotFound: there is none."""
    return CAMPAIGNS.row(connection, id)


# offers


def drawn(connection: Connection, campaign: int) -> dict[str, Row[Any]]:
    """By account, whoever was drawn: offered or held out."""
    query = select(offer_table).where(offer_table.c.campaign == campaign)
    return {row.account: row for row in connection.execute(query.order_by(offer_table.c.account))}


def put_offers(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        connection.execute(insert(offer_table), list(rows))


def counts(connection: Connection, campaign: int) -> Counter[str]:
    """How many accounts are in each state of an offer."""
    query = (
        select(offer_table.c.state, func.count())
        .where(offer_table.c.campaign == campaign)
        .group_by(offer_table.c.state)
    )
    return Counter({row[0]: row[1] for row in connection.execute(query)})


def offered_since(connection: Connection, since: datetime, *, but: int | None = None) -> Counter[str]:
    """By customer how many campaigns, `but` one, offered them something since an instant; a hold-out is no
    offer."""
    query = (
        select(offer_table.c.customer, func.count(offer_table.c.campaign.distinct()))
        .where(offer_table.c.sent_at > since, offer_table.c.campaign != (but or 0))
        .group_by(offer_table.c.customer)
    )
    return Counter({row[0]: row[1] for row in connection.execute(query)})


def offer(connection: Connection, campaign: int, account: str, customer: str | None = None) -> Row[Any]:
    """NotFound: none was made, to whoever asks; who is held out was made none."""
    table = offer_table
    query = select(table).where(table.c.campaign == campaign, table.c.account == account)
    row = connection.execute(query).one_or_none()
    if row is None or row.sent_at is None or (customer is not None and row.customer != customer):
        raise NotFound(f"there is no offer of campaign {campaign} to account {account!r}")
    return row


def offers_to(connection: Connection, customer: str) -> Sequence[Row[Any]]:
    """What a customer was offered, with the campaign's words and days; newest first, nothing held out."""
    table = campaign_table.c
    query = (
        select(offer_table, table.title, table.text, table.from_day, table.to_day, account_table.c.address)
        .add_columns(table.subject_kind, table.subject, table.state.label("campaign_state"))
        .join(campaign_table, table.id == offer_table.c.campaign)
        .join(account_table, account_table.c.no == offer_table.c.account)
        .where(offer_table.c.customer == customer, offer_table.c.sent_at.is_not(None))
        .order_by(offer_table.c.sent_at.desc(), offer_table.c.campaign.desc(), offer_table.c.account)
    )
    return connection.execute(query).all()


def set_offer(connection: Connection, campaign: int, account: str, **values: Any) -> None:
    mine = (offer_table.c.campaign == campaign, offer_table.c.account == account)
    connection.execute(update(offer_table).where(*mine).values(values))


def expire(connection: Connection, campaign: int, at: datetime) -> int:
    """Nobody answered, and the campaign is over; how many."""
    unanswered = (
        offer_table.c.campaign == campaign,
        offer_table.c.state.in_(sorted(each.value for each in OPEN)),
    )
    values = {"state": OfferState.EXPIRED.value, "ended_at": at}
    return connection.execute(update(offer_table).where(*unanswered).values(values)).rowcount


def close_of_customer(connection: Connection, customer: str, at: datetime) -> int:
    """Who withdraws their consent is asked no more: unanswered offers are declined."""
    unanswered = (
        offer_table.c.customer == customer,
        offer_table.c.state.in_(sorted(each.value for each in OPEN)),
    )
    values = {"state": OfferState.DECLINED.value, "answered_at": at}
    return connection.execute(update(offer_table).where(*unanswered).values(values)).rowcount


def close_of(connection: Connection, campaign: int, customers: Collection[str], at: datetime) -> int:
    """Whom it may no longer reach: what they have not answered is over."""
    unanswered = (
        offer_table.c.campaign == campaign,
        offer_table.c.state.in_(sorted(each.value for each in OPEN)),
    )
    waiting = connection.execute(select(offer_table.c.account, offer_table.c.customer).where(*unanswered))
    gone = [row.account for row in waiting.all() if row.customer in customers]
    for account in gone:
        set_offer(connection, campaign, account, state=OfferState.EXPIRED.value, ended_at=at)
    return len(gone)


def accepted(connection: Connection, campaign: int) -> list[Row[Any]]:
    """Offers that somebody took, by account."""
    table = offer_table
    query = select(table).where(table.c.campaign == campaign, table.c.state == OfferState.ACCEPTED.value)
    return list(connection.execute(query.order_by(table.c.account)))


# what it changed


def save_measurement(connection: Connection, row: dict[str, Any]) -> None:
    """In place of what was measured before by the same metric."""
    table = measurement_table
    mine = (table.c.campaign == row["campaign"], table.c.metric == row["metric"])
    if not connection.execute(update(table).where(*mine).values(row)).rowcount:
        connection.execute(insert(table).values(row))


def measurements(connection: Connection, campaign: int) -> Sequence[Row[Any]]:
    table = measurement_table
    query = select(table).where(table.c.campaign == campaign).order_by(table.c.metric)
    return connection.execute(query).all()
