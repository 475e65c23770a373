"""What waits for a customer, a line each with where it is answered: the first things on their home page."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from cloud.tiers.advice import store as advice
from cloud.tiers.campaigns import store as campaigns
from cloud.tiers.campaigns.rules import OfferState, State
from cloud.tiers.rating import contests
from cloud.web.customers import advice_views, plans_own, response_own
from cloud.web.language import Words
from cloud.web.portal_reader import Reader

UNANSWERED = (OfferState.SENT, OfferState.SEEN)


@dataclass(frozen=True, slots=True)
class Waiting:
    said: str
    path: str
    part: str = ""


def waiting(connection: Connection, reader: Reader, words: Words, now: datetime) -> list[Waiting]:
    """Of the account shown; invitations and offers of all the customer's."""
    if reader.account is None:
        return []
    found = [*_plans(connection, reader.account.no, words), *_asked(connection, reader, words, now)]
    return [
        *found,
        *_answered(connection, reader.account.no, words),
        *_advice(connection, reader, words, now),
    ]


def _plans(connection: Connection, account: str, words: Words) -> list[Waiting]:
    offered = [each for each in plans_own.own(connection, account, words) if each.open]
    text = words.text("You may pay a bill in parts: is that what you want?")
    return [Waiting(text, "/portal/service", "plans")] if offered else []


def _asked(connection: Connection, reader: Reader, words: Words, now: datetime) -> list[Waiting]:
    numbers = [each.no for each in reader.accounts]
    invited = response_own.own(connection, reader.id, numbers, words, now).invitations
    found = [
        Waiting(
            words.text("Draw less for money on %(when)s? %(most)s", when=each.when, most=each.most),
            "/portal/offers",
            "response",
        )
        for each in invited
        if each.open and not each.leaving
    ]
    today = now.astimezone(words.zone).date()
    return found + [
        Waiting(words.text("An offer for you: %(title)s", title=row.title[words.language]), "/portal/offers")
        for row in campaigns.offers_to(connection, reader.id)
        if row.state in UNANSWERED and row.campaign_state == State.RUNNING and today <= row.to_day
    ]


def _answered(connection: Connection, account: str, words: Words) -> list[Waiting]:
    over = (contests.State.OPEN, contests.State.WITHDRAWN)
    unread = [
        row
        for row in contests.of_account(connection, account)
        if row.state not in over and row.seen_at is None
    ]
    text = words.text("What you contested has been answered.")
    return [Waiting(text, "/portal/service", "contest")] if unread else []


def _advice(connection: Connection, reader: Reader, words: Words, now: datetime) -> list[Waiting]:
    """The one that saves most, by name."""
    assert reader.account is not None
    shown = advice_views.own(advice.of_account(connection, reader.account.no), words, now)
    best = next((each for each in shown if each.less), None)
    if best is None:
        return []
    text = words.text("%(what)s: %(less)s", what=best.title, less=best.less)
    return [Waiting(text, "/portal/advice")]
