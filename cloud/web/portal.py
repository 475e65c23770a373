"""The customers' pages: every account is the reader's, every figure goes through that account's Scope."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Form, Query, Request
from sqlalchemy import Connection
from starlette.responses import Response

from cloud.alerts import notify
from cloud.kit.auth import User
from cloud.kit.routes import Routes
from cloud.metering.store import instant
from cloud.web import portal_usage
from cloud.web.charts import Bar, bar_chart
from cloud.web.customers import site as customer_pages
from cloud.web.customers.waiting import waiting
from cloud.web.day import parse
from cloud.web.language import Words
from cloud.web.load import own
from cloud.web.names import ORDER_STATES, STILL_DARK, estimate
from cloud.web.notices import render_notice
from cloud.web.pages import Pages, back
from cloud.web.parts import Parts
from cloud.web.portal_outage import outage_of
from cloud.web.portal_reader import Frame, Reader, customer_of, reader_of
from cloud.web.usage import Slot
from cloud.workorders import progress
from cloud.workorders.rules import OrderState

MOST_NOTICES = 50
HOME_NOTICES = 3
MOST_REPORTS = 5


@dataclass(frozen=True, slots=True)
class Hour:
    start: datetime
    end: datetime
    kwh: float | None
    open: bool
    ahead: bool
    label: str


@dataclass(frozen=True, slots=True)
class NoticeView:
    id: int
    title: str
    body: str
    at: datetime
    read: bool


def router(parts: Parts, pages: Pages) -> Routes:
    routes = Routes(prefix="/portal")
    Customer = Annotated[User, Depends(customer_of(parts.guard))]  # noqa: N806 - a type
    Account = Annotated[str, Query(max_length=32)]  # noqa: N806
    show = Frame(parts, pages).show

    @routes.get("")
    def home(request: Request, user: Customer, account: Account = "", day: str = "") -> Response:
        words, now = pages.words(request), pages.now()
        with parts.database.read() as connection:
            reader = reader_of(connection, user, account)
            outage = outage_of(connection, reader.account.no, words, now) if reader.account else None
            notices = _notices(connection, reader, words, HOME_NOTICES)
            asked = waiting(connection, reader, words, now)
        usage: dict[str, Any] = _usage_values(parts, reader, words, now, day) if reader.account else {}
        usage |= {"outage": outage, "notices": notices, "waiting": asked}
        return show(request, "portal/home.html", "home", reader, **usage)

    @routes.get("/notices")
    def inbox(request: Request, user: Customer, account: Account = "") -> Response:
        words = pages.words(request)
        with parts.database.read() as connection:
            reader = reader_of(connection, user, account)
            notices = _notices(connection, reader, words, MOST_NOTICES)
        return show(request, "portal/notices.html", "notices", reader, notices=notices)

    @routes.post("/notices/read")
    def mark_all_read(user: Customer, next: Annotated[str, Form()] = "/portal/notices") -> Response:  # noqa: A002
        with parts.database.write() as connection:
            notify.mark_all_read(connection, user.customer, parts.clock.now())
        return back(next)

    @routes.get("/report")
    def report_page(request: Request, user: Customer, account: Account = "", number: str = "") -> Response:
        words, now = pages.words(request), pages.now()
        with parts.database.read() as connection:
            reader = reader_of(connection, user, account)
            outage = outage_of(connection, reader.account.no, words, now) if reader.account else None
            rows = progress.orders_of(connection, reader.id, limit=MOST_REPORTS)
            seen = [progress.progress(connection, row, reader.id) for row in rows]
        reported = next((row for row in rows if row.number == number), None)
        return show(
            request,
            "portal/report.html",
            "report",
            reader,
            outage=outage,
            orders=[_report(each, words, now) for each in seen],
            reported={"number": reported.number, "known": reported.alert is not None} if reported else None,
            has_phone=bool(reader.customer.phone),
        )

    @routes.post("/report")
    def report(
        user: Customer,
        account: Annotated[str, Form(max_length=32)],
        text: Annotated[str, Form(max_length=500)] = "",
        phone_ok: Annotated[str, Form(max_length=8)] = "",
    ) -> Response:
        assert user.customer is not None
        with parts.database.write() as connection:
            number = parts.orders.create_report(
                connection, user.customer, account, text.strip(), phone_ok == "yes", parts.clock.now()
            )
        parts.live.changed()
        return back(f"/portal/report?{urlencode({'account': account, 'number': number})}")

    routes.include_router(own.router(parts, pages))
    routes.include_router(customer_pages.portal(parts, pages))
    return routes


def _notices(connection: Connection, reader: Reader, words: Words, limit: int) -> list[NoticeView]:
    found = []
    for notice in notify.inbox(connection, reader.id, limit=limit):
        title, body = render_notice(notice, words.language, words.zone)
        found.append(NoticeView(notice.id, title, body, notice.created_at, notice.read_at is not None))
    return found


def _report(seen: progress.Progress, words: Words, now: datetime) -> dict[str, Any]:
    """One order as its customer follows it."""
    name = STILL_DARK if seen.stage == progress.STILL_DARK else ORDER_STATES[OrderState(seen.stage)]
    return {
        "number": seen.number,
        "stage": words.text(name),
        "changed_at": seen.changed_at,
        "estimate": estimate(seen, words, now),
    }


def _usage_values(parts: Parts, reader: Reader, words: Words, now: datetime, wanted: str) -> dict[str, Any]:
    assert reader.account is not None
    today = now.astimezone(parts.zone).date()
    shown = parse(wanted, today)
    with parts.database.read() as connection:
        scope = portal_usage.account_scope(connection, reader.account.no)
    usage = portal_usage.of_day(parts.store, scope, shown, parts.zone, now)
    comparison = None
    if shown == today and usage.until is not None and usage.since is not None:
        yesterday = today - timedelta(days=1)
        before = portal_usage.used_until(parts.store, scope, yesterday, parts.zone, usage.until - usage.since)
        comparison = portal_usage.compared(usage, before, words)
    hours = [_hour(slot, words) for slot in usage.slots if slot]
    chart = bar_chart(usage.slots)
    late = shown == today and usage.last_at is not None and now - usage.last_at > portal_usage.LATE
    return {
        "today": today,
        "usage": usage,
        "comparison": comparison,
        "late": late,
        "read": any(hour.kwh is not None for hour in hours),
        "chart": chart,
        "chart_marks": _marks(chart.bars, words),
        "has_open": any(bar.kind == "open" for bar in chart.bars),
        "described": portal_usage.described(usage, parts.zone, words),
        "hours": hours,
        "before": shown - timedelta(days=1),
        "after": shown + timedelta(days=1) if shown < today else None,
    }


def _hour(slot: Slot, words: Words) -> Hour:
    start, end = instant(slot.start_ms), instant(slot.end_ms)
    span = f"{words.time(start)}–{words.time(end)}"
    if slot.wh is None:
        return Hour(start, end, None, slot.open, slot.ahead, f"{span}: {words.text('not read')}")
    shown = f"{words.number(slot.wh / 1000, 2)} kWh"
    return Hour(start, end, slot.wh / 1000, slot.open, slot.ahead, f"{span}: {shown}")


def _marks(bars: Sequence[Bar], words: Words) -> list[dict[str, Any]]:
    """The time under the bars of 0, 6, 12 and 18 o'clock."""
    hours = [(bar, instant(bar.slot.start_ms).astimezone(words.zone)) for bar in bars]
    return [
        {"x": bar.x + bar.width / 2, "label": words.time(at)}
        for bar, at in hours
        if at.hour % 6 == 0 and at.minute == 0
    ]
