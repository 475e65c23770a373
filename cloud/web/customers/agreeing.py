"""A customer agrees on their own page, or no more: written into their file, where owners are asked."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Form
from sqlalchemy import Connection
from starlette.responses import Response

from cloud.customers.file.actions import PORTAL, CustomerFile
from cloud.customers.file.consents import Purpose, purposes_of
from cloud.kit.auth import User
from cloud.kit.errors import CloudError
from cloud.kit.routes import Routes
from cloud.web.language import Words, mark
from cloud.web.pages import Pages, back
from cloud.web.parts import Parts
from cloud.web.portal_reader import customer_of

ASKED = {
    Purpose.OFFERS: mark("The station may send me offers."),
    Purpose.RESPONSE: mark("The station may ask me to draw less for some hours, for money."),
    Purpose.ROOF: mark("The station may look whether PV pays on my roof."),
    Purpose.OBSERVATION: mark("The station may see from my use what service I need most."),
}


@dataclass(frozen=True, slots=True)
class ConsentView:
    purpose: str
    said: str
    agreed: bool


def own(file: CustomerFile, user: User, purpose: Purpose, *, agree: bool) -> None:
    """Forbidden where another system owns consents; never for a withdrawal, which ends what rested on it."""
    customer = str(user.customer)
    if agree:
        file.give_consent(user.login, customer, purpose, PORTAL)
    else:
        file.withdraw_consent(user.login, customer, purpose)


def shown(connection: Connection, customer: str, words: Words) -> list[ConsentView]:
    """Everything a customer may agree to, and whether they do now."""
    given = purposes_of(connection, customer)
    return [ConsentView(each.value, words.text(said), each in given) for each, said in ASKED.items()]


def router(parts: Parts, _: Pages) -> Routes:
    routes = Routes(prefix="/service/consents")
    Customer = Annotated[User, Depends(customer_of(parts.guard))]  # noqa: N806 - a type

    @routes.post("")
    def consent(
        user: Customer,
        purpose: Annotated[Purpose, Form()],
        agree: Annotated[bool, Form()],
        account: Annotated[str, Form(max_length=32)] = "",
    ) -> Response:
        address = f"/portal/service?{urlencode({'account': account})}#consents"
        try:
            own(parts.customer_file, user, purpose, agree=agree)
        except CloudError:
            return back(address, "consent_refused")
        return back(address, "consent_saved")

    return routes
