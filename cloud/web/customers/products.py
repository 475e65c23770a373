"""Products on the console, with how many they fit; signing up, and the customer's own list of what fits."""

from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Depends, Form, Query, Request
from sqlalchemy import select
from starlette.responses import Response

from cloud.customers.store import account_table
from cloud.kit.auth import User
from cloud.kit.errors import CloudError, NotFound
from cloud.kit.routes import Routes
from cloud.tiers.advice import signups
from cloud.web.customers import product_views as views
from cloud.web.pages import Pages, back
from cloud.web.parts import Parts
from cloud.web.portal_reader import Frame, customer_of, reader_of

HOME = "/console/customers/advice/products"
OWN = "/portal/advice"
Name = Annotated[str, Form(max_length=64, pattern=r"^[^\x00]*$")]
Number = Annotated[str, Form(max_length=32, pattern=r"^[^\x00]*$")]


def router(parts: Parts, pages: Pages) -> Routes:
    routes = Routes(prefix="/customers/advice/products")
    Operator = Annotated[User, Depends(parts.guard.operator)]  # noqa: N806 - a type
    recommending = parts.tiers.recommending

    def show(request: Request, user: User, template: str, **values: Any) -> Response:
        values |= {"section": "customers", "customer_tab": "advice"}
        return pages.page(request, f"console/customers/{template}", user=user, **values)

    @routes.get("")
    def list_page(request: Request, user: Operator) -> Response:
        words = pages.words(request)
        with parts.database.read() as connection:
            found, signed = recommending.counted(connection), signups.counts(connection)
        items = views.listed(found, signed, words)
        refused = parts.tiers.rules.products.refused
        return show(request, user, "products.html", items=items, refused=refused)

    @routes.get("/{product}")
    def one(request: Request, user: Operator, product: str) -> Response:
        words = pages.words(request)
        found = next((each for each in recommending.in_force() if each.id == product), None)
        if found is None:
            raise NotFound(f"there is no product {product!r}")
        with parts.database.read() as connection:
            counted = next(each for each in recommending.counted(connection) if each.product.id == product)
            signed = signups.of_product(connection, product)
            table = account_table.c
            names = select(table.no, table.customer).where(table.no.in_([each.account for each in signed]))
            customers = {row.no: row.customer for row in connection.execute(names)}
        return show(
            request,
            user,
            "product.html",
            one=views.listed([counted], {product: len(signed)}, words)[0],
            about=views.in_language(found.about, words),
            conditions=[views.in_language(each.otherwise, words) for each in found.fit],
            signed=signed,
            customers=customers,
        )

    @routes.post("/{product}/signups/end")
    def done(user: Operator, product: str, account: Number) -> Response:
        try:
            recommending.withdraw(account, product, by=user.login, customer=None)
        except CloudError:
            return back(f"{HOME}/{quote(product)}", "objected")
        return back(f"{HOME}/{quote(product)}", "signup_ended")

    return routes


def portal(parts: Parts, pages: Pages) -> Routes:
    routes = Routes(prefix="/advice")
    Customer = Annotated[User, Depends(customer_of(parts.guard))]  # noqa: N806 - a type
    show, recommending = Frame(parts, pages).show, parts.tiers.recommending

    def saved(account: str, save: Callable[[], object], said: str) -> Response:
        try:
            save()
        except CloudError:
            return back(f"{OWN}/products?account={quote(account)}", "objected")
        return back(f"{OWN}/products?account={quote(account)}", said)

    @routes.get("/products")
    def own_page(
        request: Request, user: Customer, account: Annotated[str, Query(max_length=32)] = ""
    ) -> Response:
        with parts.database.read() as connection:
            reader = reader_of(connection, user, account)
            found = (
                views.own(connection, recommending, reader.account.no, pages.words(request), pages.now())
                if reader.account is not None
                else None
            )
        return show(request, "portal/products.html", "service", reader, service_tab="advice", products=found)

    @routes.post("/signups")
    def sign_up(user: Customer, account: Number, product: Name) -> Response:
        def save() -> object:
            return recommending.sign_up(account, product, by=user.login, customer=str(user.customer))

        return saved(account, save, "signed_up")

    @routes.post("/signups/end")
    def withdraw(user: Customer, account: Number, product: Name) -> Response:
        def save() -> None:
            recommending.withdraw(account, product, by=user.login, customer=str(user.customer))

        return saved(account, save, "signup_ended")

    return routes
