"""Who reads the portal, through which of their accounts, and the frame of every page they get."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from sqlalchemy import Connection, Row
from starlette.responses import Response

from cloud.alerts import notify
from cloud.customers import store as customers
from cloud.kit.auth import Role, User
from cloud.kit.errors import Forbidden, NotFound
from cloud.kit.guard import Guard
from cloud.web.language import Words
from cloud.web.pages import Pages
from cloud.web.parts import Parts


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads, and which of their accounts is shown; `account` is None while they have none."""

    user: User
    customer: Row[Any]
    accounts: Sequence[Row[Any]]
    account: Row[Any] | None

    @property
    def id(self) -> str:
        return str(self.customer.id)


def customer_of(guard: Guard) -> Any:
    """A dependency: the signed-in customer; an operator has a console and no portal."""

    async def customer(request: Request) -> User:
        user = await guard.user(request)
        if user.role != Role.CUSTOMER or user.customer is None:
            raise Forbidden("this is for customers")
        return user

    return customer


@dataclass(frozen=True, slots=True)
class Frame:
    """What every page of the portal has around its own."""

    parts: Parts
    pages: Pages

    def show(self, request: Request, template: str, section: str, reader: Reader, **values: Any) -> Response:
        with self.parts.database.read() as connection:
            unread = notify.unread(connection, reader.id)
        frame: dict[str, Any] = {
            "section": section,
            "unread": unread,
            "accounts": reader.accounts,
            "account": reader.account,
            "portal_link": lambda path, **query: link(path, reader, **query),
            "safety": safety(self.pages.words(request)),
        }
        return self.pages.page(request, template, **(frame | values))


def reader_of(connection: Connection, user: User, wanted: str) -> Reader:
    """The customer and the account they ask for, else their first; NotFound for an account of another."""
    assert user.customer is not None
    customer = customers.customer(connection, user.customer)
    accounts = customers.accounts_of(connection, user.customer)
    if wanted and all(each.no != wanted for each in accounts):
        raise NotFound(f"there is no account {wanted!r}")
    shown = next((each for each in accounts if each.no == wanted), accounts[0] if accounts else None)
    return Reader(user, customer, accounts, shown)


def link(path: str, reader: Reader, **query: object) -> str:
    """An address of the portal that keeps the chosen account, when there is more than one to choose from."""
    if reader.account is not None and len(reader.accounts) > 1:
        query = {"account": reader.account.no} | query
    return path + (f"?{urlencode(query)}" if query else "")


def safety(words: Words) -> str:
    return words.text(
        "Keep away from fallen lines and open switchgear: treat every line as live. "
        "In danger call the station at once."
    )
