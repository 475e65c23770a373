"""The reports of one's own accounts over HTTP, as they were issued; operators ask for anybody's."""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import Depends, Path, Query
from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection

from cloud.customers import store as customers
from cloud.desk.report import store
from cloud.desk.report.pieces import Report
from cloud.desk.report.span import written
from cloud.kit.auth import User
from cloud.kit.db import Database
from cloud.kit.errors import NotFound
from cloud.kit.guard import Guard
from cloud.kit.problems import RESPONSES
from cloud.kit.routes import Routes

MonthOf = Annotated[str, Path(pattern=r"^\d{4}-\d{2}$")]
Revision = Annotated[int | None, Query(ge=1, le=10_000)]


class IssuedOut(BaseModel):
    """One revision; `changes` against the one before: what, before, after."""

    model_config = ConfigDict(from_attributes=True)

    account: str
    month: date
    revision: int
    issued_at: datetime
    rules: int
    inputs: str
    changes: list[dict[str, Any]]


class ReportOut(BaseModel):
    issued: IssuedOut
    report: Report


def router(database: Database, guard: Guard) -> Routes:
    routes = Routes(tags=["energy reports"], responses=RESPONSES)
    Reader = Annotated[User, Depends(guard.user)]  # noqa: N806
    Operator = Annotated[User, Depends(guard.operator)]  # noqa: N806

    @routes.get("/me/reports")
    def own_list(user: Reader) -> list[IssuedOut]:
        """Every revision of every monthly energy report of your accounts, newest first."""
        if user.customer is None:
            raise NotFound("an operator has no energy reports")
        with database.read() as connection:
            mine = customers.accounts_of(connection, user.customer)
            found = [each for one in mine for each in store.of_account(connection, one.no)]
        return [IssuedOut.model_validate(each) for each in newest_first(found)]

    @routes.get("/me/reports/{account}/{month}")
    def own(user: Reader, account: str, month: MonthOf, revision: Revision = None) -> ReportOut:
        """The report of a month (2026-10) of an account of yours: its newest revision, or one."""
        if user.customer is None:
            raise NotFound("an operator has no energy reports")
        with database.read() as connection:
            return _one(connection, account, written(month), revision, user.customer)

    @routes.get("/accounts/{no}/reports")
    def of_account(_: Operator, no: str) -> list[IssuedOut]:
        """Every revision of every monthly energy report of an account, newest first."""
        with database.read() as connection:
            customers.account(connection, no)
            found = store.of_account(connection, no)
        return [IssuedOut.model_validate(each) for each in found]

    @routes.get("/accounts/{no}/reports/{month}")
    def one(_: Operator, no: str, month: MonthOf, revision: Revision = None) -> ReportOut:
        """The report of a month (2026-10) of an account as it was issued."""
        with database.read() as connection:
            return _one(connection, no, written(month), revision, None)

    return routes


def newest_first(found: list[store.Issued]) -> list[store.Issued]:
    return sorted(found, key=lambda each: (-each.month.toordinal(), each.account, -each.revision))


def issued_to(
    connection: Connection, no: str, month: date, revision: int | None, customer: str | None
) -> tuple[store.Issued, Report]:
    """NotFound: none was issued, or the account is not this customer's (None: whoever's it is)."""
    if customer is not None and customers.account(connection, no).customer != customer:
        raise NotFound(f"there is no account {no!r}")
    return store.one(connection, no, month, revision)


def _one(
    connection: Connection, no: str, month: date, revision: int | None, customer: str | None
) -> ReportOut:
    issued, report = issued_to(connection, no, month, revision, customer)
    return ReportOut(issued=IssuedOut.model_validate(issued), report=report)
