"""Products over HTTP: everybody signed in may read them, an account's fit is its customer's own."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field

from cloud.customers import store as customers
from cloud.kit.auth import User
from cloud.kit.db import Database
from cloud.kit.guard import Guard
from cloud.kit.problems import RESPONSES
from cloud.kit.routes import Routes
from cloud.tiers.advice import signups
from cloud.tiers.advice.fits import Fit, Verdict
from cloud.tiers.advice.product_documents import Aim, Kind, Product
from cloud.tiers.advice.recommending import Recommending
from cloud.tiers.advice.signups import Signup

Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9-]+$")]


class Text(BaseModel):
    zh_CN: str  # noqa: N815 - a language
    en: str


class ProductOut(BaseModel):
    """`price` CNY a unit, null where it is free; `certain` False: not compared with offers yet."""

    id: str
    name: Text
    about: Text
    kind: Kind
    answers: Aim
    classes: list[str]
    unit: Text
    price: Decimal | None
    life_years: int | None
    from_: Annotated[date, Field(serialization_alias="from")]
    to: date | None
    source: str
    certain: bool


class FitOut(BaseModel):
    """`cost` once and `saving` a year in CNY, `payback` in years; `why` and `params` of a refusal."""

    product: str
    verdict: Verdict
    units: Decimal | None
    cost: Decimal | None
    saving: Decimal | None
    payback: Decimal | None
    why: str | None
    params: Mapping[str, Any]
    advice: int | None
    signed_up_at: datetime | None


class CountOut(BaseModel):
    """Over all accounts; `refused` by reason."""

    product: str
    fits: int
    refused: Mapping[str, int]
    saving: Decimal
    cost: Decimal
    signed_up: int


class SignupIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    product: Name


class SignupOut(BaseModel):
    account: str
    product: str
    at: datetime
    by: str


def router(database: Database, guard: Guard, recommending: Recommending) -> Routes:
    routes = Routes(tags=["advice"], responses=RESPONSES)
    Reader = Annotated[User, Depends(guard.user)]  # noqa: N806
    Operator = Annotated[User, Depends(guard.operator)]  # noqa: N806

    @routes.get("/products")
    def products(_: Reader) -> list[ProductOut]:
        """The products in force today."""
        return [_product(each) for each in recommending.in_force()]

    @routes.get("/products/fits")
    def counts(_: Operator) -> list[CountOut]:
        """How many accounts each product fits, how many it was refused and why, how many signed up."""
        with database.read() as connection:
            signed = signups.counts(connection)
            found = recommending.counted(connection)
        return [
            CountOut(
                product=each.product.id,
                fits=each.fits,
                refused=each.refused,
                saving=each.saving,
                cost=each.cost,
                signed_up=signed.get(each.product.id, 0),
            )
            for each in found
        ]

    @routes.get("/accounts/{no}/products")
    def of_account(user: Reader, no: str) -> list[FitOut]:
        """Which products fit an account, what they cost and save; which do not, and why."""
        with database.read() as connection:
            customers.account(connection, no, user.customer)
            found, signed = recommending.of_account(connection, no), signups.of_account(connection, no)
        return [_fit(each, signed.get(each.product.id)) for each in found]

    @routes.post("/accounts/{no}/signups", status_code=201)
    def sign_up(user: Reader, no: str, body: SignupIn) -> SignupOut:
        """Sign up for a course, material, a visit or a product; the station calls, nothing is charged."""
        return _signup(recommending.sign_up(no, body.product, by=user.login, customer=user.customer))

    @routes.delete("/accounts/{no}/signups/{product}", status_code=204)
    def withdraw(user: Reader, no: str, product: Name) -> None:
        """Take a sign-up back."""
        recommending.withdraw(no, product, by=user.login, customer=user.customer)

    @routes.get("/products/{product}/signups")
    def signed_up(_: Operator, product: Name) -> list[SignupOut]:
        """Who signed up, the first first: a course is filled from this."""
        with database.read() as connection:
            return [_signup(each) for each in signups.of_product(connection, product)]

    return routes


def _product(each: Product) -> ProductOut:
    return ProductOut(
        id=each.id,
        name=Text(**each.name.model_dump()),
        about=Text(**each.about.model_dump()),
        kind=each.kind,
        answers=each.answers,
        classes=sorted(each.for_.classes),
        unit=Text(**each.unit.model_dump()),
        price=each.price,
        life_years=each.life_years,
        from_=each.from_,
        to=each.to,
        source=each.source,
        certain=each.certain,
    )


def _fit(each: Fit, signed: Signup | None) -> FitOut:
    return FitOut(
        product=each.product.id,
        verdict=each.verdict,
        units=each.units,
        cost=each.cost,
        saving=each.saving,
        payback=each.payback,
        why=each.why,
        params=each.params,
        advice=each.advice,
        signed_up_at=signed.at if signed else None,
    )


def _signup(each: Signup) -> SignupOut:
    return SignupOut(account=each.account, product=each.product, at=each.at, by=each.by)
