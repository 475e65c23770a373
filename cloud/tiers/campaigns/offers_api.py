"""What a customer sees and does over HTTP: their own offers and points, nothing of anybody else.

Whoever is held out of a campaign sees no offer, like everybody whom it does not concern.
"""

from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field

from cloud.customers import store as customers
from cloud.customers.file.consents import Purpose, purposes_of
from cloud.kit.auth import Role, User
from cloud.kit.db import Database
from cloud.kit.errors import Forbidden
from cloud.kit.guard import Guard
from cloud.kit.paging import RowId
from cloud.kit.problems import RESPONSES, explained
from cloud.kit.routes import Routes
from cloud.tiers.campaigns import ledger, store
from cloud.tiers.campaigns.actions import Campaigns
from cloud.tiers.campaigns.rules import Answer, State

No = Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[^\x00]*$")]


class OfferOut(BaseModel):
    """`open`: it can be taken or left now."""

    campaign: int
    account: str
    state: str
    title: dict[str, str]
    text: dict[str, str]
    from_day: date
    to_day: date
    open: bool


class OffersOut(BaseModel):
    consent: bool
    items: list[OfferOut]


class AnswerIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    account: No
    answer: Literal["accept", "decline"]


class AnsweredOut(BaseModel):
    state: str


class EntryOut(BaseModel):
    """`wh` is what an award of a `day` was reckoned from."""

    at: datetime
    kind: str
    points: int
    source: str
    day: date | None
    wh: int | None
    expires_on: date | None


class VoucherOut(BaseModel):
    code: str
    what: dict[str, str]
    points: int
    issued_at: datetime
    expires_on: date
    redeemed_at: datetime | None


class PointsOut(BaseModel):
    account: str
    balance: int
    entries: list[EntryOut]
    vouchers: list[VoucherOut]


class BuyIn(BaseModel):
    """`key` is the form's own: sent twice, it buys once."""

    model_config = ConfigDict(extra="forbid")

    voucher: Annotated[str, Field(max_length=48, pattern=r"^[a-z0-9-]+$")]
    key: Annotated[str, Field(min_length=8, max_length=64, pattern=r"^[A-Za-z0-9-]+$")]


def router(database: Database, guard: Guard, campaigns: Campaigns) -> Routes:
    routes = Routes(tags=["campaigns"], responses=RESPONSES | explained(409))
    Reader = Annotated[User, Depends(guard.user)]  # noqa: N806 - a type

    @routes.get("/offers")
    def offers(user: Reader) -> OffersOut:
        """Your own offers, newest first; none for an operator."""
        if user.customer is None:
            return OffersOut(consent=False, items=[])
        with database.read() as connection:
            agreed = Purpose.OFFERS in purposes_of(connection, user.customer)
            rows = store.offers_to(connection, user.customer)
        items = [
            OfferOut(
                **{name: row._mapping[name] for name in OfferOut.model_fields if name != "open"},
                open=row.campaign_state == State.RUNNING and campaigns.today <= row.to_day,
            )
            for row in rows
        ]
        return OffersOut(consent=agreed, items=items)

    @routes.post("/offers/{campaign}/answer")
    def answer(user: Reader, campaign: RowId, body: AnswerIn) -> AnsweredOut:
        """Take part, or not; while it runs you may change your mind."""
        customer = _customer(user)
        with database.write() as connection:
            given = Answer(body.answer)
            state = campaigns.answer(connection, campaign, body.account, given, customer)
        return AnsweredOut(state=state.value)

    @routes.get("/accounts/{no}/points")
    def points(user: Reader, no: No) -> PointsOut:
        """Points and vouchers of an account: how they came and went."""
        with database.read() as connection:
            account = customers.account(connection, no, user.customer).no
            return PointsOut(
                account=account,
                balance=ledger.balance(connection, account, campaigns.today),
                entries=[
                    EntryOut(**{name: row._mapping[name] for name in EntryOut.model_fields})
                    for row in ledger.entries(connection, account, limit=200)
                ],
                vouchers=[
                    VoucherOut(**{name: row._mapping[name] for name in VoucherOut.model_fields})
                    for row in ledger.vouchers(connection, account)
                ],
            )

    @routes.post("/accounts/{no}/vouchers", status_code=201)
    def buy(user: Reader, no: No, body: BuyIn) -> VoucherOut:
        """A voucher for points."""
        customer = _customer(user)
        with database.write() as connection:
            code = campaigns.buy(connection, customer, no, body.voucher, body.key)
            row = next(each for each in ledger.vouchers(connection, no) if each.code == code)
            return VoucherOut(**{name: row._mapping[name] for name in VoucherOut.model_fields})

    return routes


def _customer(user: User) -> str:
    if user.role != Role.CUSTOMER or user.customer is None:
        raise Forbidden("this is for customers")
    return user.customer
