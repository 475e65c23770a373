"""Offers on the portal: what the customer was offered, their consent, their points and vouchers."""

from collections.abc import Callable, Mapping
from datetime import date
from secrets import token_hex
from typing import Annotated, Any

from fastapi import Depends, Form, Query, Request
from sqlalchemy import Connection, Row
from starlette.responses import Response

from cloud.customers.file.consents import Purpose, purposes_of
from cloud.kit.auth import User
from cloud.kit.errors import CloudError
from cloud.kit.paging import RowId
from cloud.kit.routes import Routes
from cloud.tiers.campaigns import ledger, store
from cloud.tiers.campaigns.ledger import EntryKind
from cloud.tiers.campaigns.rules import Answer, OfferState, State
from cloud.web.customers import agreeing, response_own
from cloud.web.language import Words, mark
from cloud.web.pages import Pages, back
from cloud.web.parts import Parts
from cloud.web.portal_reader import Frame, customer_of, reader_of

HERE = "/portal/offers"
NEWEST = 40
ENTRIES = {
    EntryKind.AWARD: mark("earned"),
    EntryKind.SPEND: mark("spent on a voucher"),
    EntryKind.EXPIRE: mark("expired"),
    EntryKind.REVERSE: mark("taken back"),
}
ANSWERED = {
    OfferState.SENT: ("none", mark("not answered")),
    OfferState.SEEN: ("none", mark("not answered")),
    OfferState.ACCEPTED: ("good", mark("you take part")),
    OfferState.DECLINED: ("none", mark("declined")),
    OfferState.EXPIRED: ("none", mark("over")),
}
Account = Annotated[str, Form(max_length=32)]


def router(parts: Parts, pages: Pages) -> Routes:
    routes = Routes(prefix="/offers")
    Customer = Annotated[User, Depends(customer_of(parts.guard))]  # noqa: N806 - a type
    campaigns, show = parts.tiers.campaigns, Frame(parts, pages).show

    @routes.get("")
    def offers_page(
        request: Request, user: Customer, account: Annotated[str, Query(max_length=32)] = ""
    ) -> Response:
        words = pages.words(request)
        with parts.database.read() as connection:
            reader = reader_of(connection, user, account)
            rows = store.offers_to(connection, reader.id)
            agreed = Purpose.OFFERS in purposes_of(connection, reader.id)
            own = None if reader.account is None else _points(parts, connection, reader.account.no, words)
            numbers = [each.no for each in reader.accounts]
            response = response_own.own(connection, reader.id, numbers, words, pages.now())
        if any(row.state == OfferState.SENT for row in rows):
            with parts.database.write() as connection:
                campaigns.see_all(connection, reader.id)
        found = [_offer(row, parts, words) for row in rows]
        return show(
            request,
            "portal/offers.html",
            "service",
            reader,
            service_tab="offers",
            agreed=agreed,
            open_offers=[each for each in found if each["open"]],
            past=[each for each in found if not each["open"]],
            earning=any(each["open"] and each["reward"] for each in found),
            own=own,
            response=response,
            key=token_hex(8),
        )

    @routes.post("/consent")
    def consent(user: Customer, yes: Annotated[str, Form(max_length=3)], account: Account = "") -> Response:
        def save() -> None:
            agreeing.own(parts.customer_file, user, Purpose.OFFERS, agree=yes == "yes")

        return _told(account, "consent_saved", save)

    @routes.post("/vouchers")
    def buy(
        user: Customer,
        account: Account,
        voucher: Annotated[str, Form(max_length=48)],
        key: Annotated[str, Form(min_length=8, max_length=64)],
    ) -> Response:
        def save(connection: Connection) -> None:
            assert user.customer is not None
            campaigns.buy(connection, user.customer, account, voucher, key)

        return _done(parts, account, "voucher_bought", save)

    @routes.post("/{campaign}")
    def answer(
        user: Customer, campaign: RowId, account: Account, answer: Annotated[str, Form(max_length=8)]
    ) -> Response:
        given = Answer.ACCEPT if answer == "accept" else Answer.DECLINE

        def save(connection: Connection) -> None:
            assert user.customer is not None
            campaigns.answer(connection, campaign, account, given, user.customer)

        return _done(parts, account, "offer_answered", save)

    return routes


def _done(parts: Parts, account: str, said: str, change: Callable[[Connection], None]) -> Response:
    def save() -> None:
        with parts.database.write() as connection:
            change(connection)

    return _told(account, said, save)


def _told(account: str, said: str, save: Callable[[], None]) -> Response:
    address = f"{HERE}?account={account}" if account.isalnum() else HERE
    try:
        save()
    except CloudError:
        return back(address, "offer_refused")
    return back(address, said)


def _offer(row: Row[Any], parts: Parts, words: Words) -> dict[str, Any]:
    sign, name = ANSWERED[OfferState(row.state)]
    running = row.campaign_state == State.RUNNING and parts.tiers.campaigns.today <= row.to_day
    return {
        "row": row,
        "title": row.title[words.language],
        "text": row.text[words.language],
        "open": running,
        "taken": row.state == OfferState.ACCEPTED,
        "declined": row.state == OfferState.DECLINED,
        "state": (sign, words.text(name)),
        "reward": _reward(row, parts, words),
    }


def _reward(row: Row[Any], parts: Parts, words: Words) -> str:
    """What can be earned, from the promotion's own document."""
    try:
        promotion = parts.tiers.campaigns.promotion_of(row)
    except CloudError:
        return ""
    if promotion is None:
        return ""
    hours = words.listed(list(promotion.hours))
    days = words.text(DAYS[promotion.days])
    if promotion.reward == "points":
        return words.text(
            "%(points)s points for each kWh from %(hours)s, %(days)s, at most %(cap)s. "
            "Your bill stays as it is.",
            points=f"{promotion.points_per_kwh:f}".rstrip("0").rstrip("."),
            hours=hours,
            days=days,
            cap=words.number(promotion.cap_points),
        )
    voucher = parts.tiers.campaigns.rules.policy.value.voucher_of(promotion.voucher or "")
    name = "" if voucher is None else getattr(voucher.name, words.language)
    return words.text(
        "A voucher (%(name)s) from %(kwh)s kWh on, used from %(hours)s, %(days)s. Your bill stays as it is.",
        name=name,
        kwh=f"{promotion.min_kwh:f}",
        hours=hours,
        days=days,
    )


DAYS: Mapping[str, str] = {
    "all": mark("every day"),
    "workdays": mark("on workdays"),
    "off": mark("on days off"),
}


def _points(parts: Parts, connection: Connection, account: str, words: Words) -> dict[str, Any]:
    campaigns = parts.tiers.campaigns
    balance = ledger.balance(connection, account, campaigns.today)
    coming = [each for each in ledger.lots(connection, account) if each.expires_on >= campaigns.today]
    return {
        "balance": balance,
        "first": coming[0] if coming else None,
        "entries": [
            (each, words.text(ENTRIES[EntryKind(each.kind)]))
            for each in ledger.entries(connection, account, limit=NEWEST)
        ],
        "vouchers": [
            (each, each.what[words.language], _voucher_state(each, campaigns.today, words))
            for each in ledger.vouchers(connection, account)
        ],
        "catalogue": [
            (each.id, getattr(each.name, words.language), each.points, max(0, each.points - balance))
            for each in campaigns.rules.policy.value.voucher
        ],
    }


def _voucher_state(row: Row[Any], today: date, words: Words) -> tuple[str, str]:
    if row.redeemed_at is not None:
        return "none", words.text("used")
    if row.cancelled_at is not None:
        return "none", words.text("cancelled")
    if row.expires_on < today:
        return "none", words.text("expired")
    return "good", words.text("good until %(day)s", day=words.dated(row.expires_on))
