"""Monthly energy reports: on the portal the months, each as a page and as a file; on the console the file."""

from typing import Annotated, Any

from fastapi import Depends, Query, Request
from sqlalchemy import Connection
from starlette.responses import HTMLResponse, Response

from cloud.customers import store as customers
from cloud.desk.report import store
from cloud.desk.report.api import MonthOf, Revision, issued_to
from cloud.desk.report.pieces import Report
from cloud.desk.report.span import written
from cloud.desk.report.store import Issued
from cloud.kit.auth import User
from cloud.kit.routes import Routes
from cloud.web.customers import report_views, report_words
from cloud.web.customers.report_file import name_of, rendered
from cloud.web.language import Words
from cloud.web.pages import Pages
from cloud.web.parts import Parts
from cloud.web.portal_reader import Frame, customer_of, reader_of


def router(parts: Parts, pages: Pages) -> Routes:
    routes = Routes(prefix="/customers/reports")
    Operator = Annotated[User, Depends(parts.guard.operator)]  # noqa: N806 - a type

    @routes.get("/{account}/{month}")
    def one(
        request: Request, _: Operator, account: str, month: MonthOf, revision: Revision = None
    ) -> Response:
        with parts.database.read() as connection:
            found = issued_to(connection, account, written(month), revision, None)
            return _file(parts, pages.words(request), connection, *found)

    return routes


def portal(parts: Parts, pages: Pages) -> Routes:
    routes = Routes(prefix="/reports")
    Customer = Annotated[User, Depends(customer_of(parts.guard))]  # noqa: N806 - a type
    show = Frame(parts, pages).show

    @routes.get("")
    def months(
        request: Request, user: Customer, account: Annotated[str, Query(max_length=32)] = ""
    ) -> Response:
        words = pages.words(request)
        with parts.database.read() as connection:
            reader = reader_of(connection, user, account)
            found = [] if reader.account is None else store.of_account(connection, reader.account.no)
        listed = by_month(found, words)
        return show(request, "portal/reports.html", "service", reader, service_tab="report", months=listed)

    @routes.get("/{account}/{month}")
    def one(
        request: Request, user: Customer, account: str, month: MonthOf, revision: Revision = None
    ) -> Response:
        words = pages.words(request)
        with parts.database.read() as connection:
            reader = reader_of(connection, user, account)
            issued, report = issued_to(connection, account, written(month), revision, user.customer)
        values = report_views.values(report, issued, parts.tiers.ratings.policy.names(), words)
        assert reader.account is not None
        values |= {"report_account": values.pop("account"), "customer_name": reader.customer.name}
        values |= {"address": reader.account.address}
        values["file"] = f"/portal/reports/{account}/{month}/file?revision={issued.revision}"
        return show(request, "portal/report_one.html", "service", reader, service_tab="report", **values)

    @routes.get("/{account}/{month}/file")
    def file(
        request: Request, user: Customer, account: str, month: MonthOf, revision: Revision = None
    ) -> Response:
        with parts.database.read() as connection:
            found = issued_to(connection, account, written(month), revision, user.customer)
            return _file(parts, pages.words(request), connection, *found)

    return routes


def by_month(found: list[Issued], words: Words) -> list[dict[str, Any]]:
    """The newest revision of each month, with what it changed and the numbers of those before it."""
    months: dict[str, list[Issued]] = {}
    for each in found:
        months.setdefault(f"{each.month:%Y-%m}", []).append(each)
    return [
        {
            "key": key,
            "name": words.month(revisions[0].month),
            "revision": revisions[0].revision,
            "at": f"{revisions[0].issued_at.astimezone(words.zone):%Y-%m-%d %H:%M}",
            "changes": [report_words.changed(each, words) for each in revisions[0].changes],
            "older": [each.revision for each in revisions[1:]],
        }
        for key, revisions in months.items()
    ]


def _file(parts: Parts, words: Words, connection: Connection, issued: Issued, report: Report) -> Response:
    account = customers.account(connection, report.account)
    text = rendered(
        report,
        issued,
        parts.tiers.ratings.policy.names(),
        language=words.language,
        zone=parts.zone,
        station=parts.station,
        customer=customers.customer(connection, account.customer).name,
        address=account.address,
    )
    headers = {
        "Content-Disposition": f'attachment; filename="{name_of(report, issued)}"',
        "Cache-Control": "no-store",
    }
    return HTMLResponse(text, headers=headers)
