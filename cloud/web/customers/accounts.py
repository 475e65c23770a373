"""Customers of the console: all accounts, filtered on every axis; one customer, the whole file, its forms."""

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any

from fastapi import Depends, Form, Query, Request
from sqlalchemy import Connection
from starlette.responses import Response

from cloud.customers.file.consents import Purpose
from cloud.customers.file.grades import Grade
from cloud.customers.file.needs import Need
from cloud.customers.file.persons import PersonRole, Reach
from cloud.desk.file import Desk, file
from cloud.desk.report import store as reports
from cloud.fleet import registry
from cloud.kit.auth import User
from cloud.kit.errors import Conflict, Forbidden, Invalid, NotFound
from cloud.kit.routes import Routes
from cloud.tiers.axes import Axis
from cloud.tiers.rating import locks
from cloud.web.customers import account_list, axis_names, contests, file_views, standing_words
from cloud.web.customers.account_list import NONE, Wanted
from cloud.web.customers.file_views import Book
from cloud.web.customers.report import by_month
from cloud.web.language import Words
from cloud.web.pages import Pages, back
from cloud.web.parts import Parts

Short = Annotated[str, Query(max_length=64)]
Typed = Annotated[str, Form(max_length=200)]
Number = Annotated[int, Form(ge=1, lt=2**31)]
Optional_ = Annotated[str, Form(max_length=120)]


def router(parts: Parts, pages: Pages) -> Routes:
    routes = Routes()
    routes.include_router(_looking(parts, pages))
    routes.include_router(_agreeing(parts))
    routes.include_router(contests.router(parts))
    routes.include_router(_needing(parts))
    return routes


def _looking(parts: Parts, pages: Pages) -> Routes:
    routes = Routes()
    Operator = Annotated[User, Depends(parts.guard.operator)]  # noqa: N806 - a type

    def book() -> Book:
        rules = parts.tiers.rules
        return Book(rules.tiers.value.names(), parts.tiers.promises, rules.tariffs.value)

    @routes.get("/customers")
    def list_page(
        request: Request,
        user: Operator,
        q: Short = "",
        class_: Annotated[str, Query(max_length=64, alias="class")] = "",
        area: Short = "",
        tariff: Short = "",
        grade: Short = "",
        need: Short = "",
        shape: Short = "",
        value: Short = "",
        credit: Short = "",
        after: Short = "",
    ) -> Response:
        words = pages.words(request)
        wanted = Wanted(q.strip(), class_, area, tariff, grade, need, shape, value, credit)
        with parts.database.read() as connection:
            values = _list(connection, pages, words, book(), wanted, after)
        return pages.page(
            request,
            "console/customers/customers.html",
            user=user,
            section="customers",
            customer_tab="customers",
            **values,
        )

    @routes.get("/customer/{id}")
    def one_page(request: Request, user: Operator, id: str, account: Short = "") -> Response:  # noqa: A002
        words, now = pages.words(request), pages.now()
        with parts.database.read() as connection:
            found = file(connection, Desk(parts.tiers.promises, parts.zone), id, user, now)
            numbers = [each.no for each in found.accounts]
            if account and account not in numbers:
                raise NotFound(f"there is no account {account!r} of {id!r}")
            values = file_views.values(
                connection, found, account or next(iter(numbers), ""), book(), words, now
            )
            if values["account"] is not None:
                values["reports"] = by_month(reports.of_account(connection, values["account"].no), words)
                values["contests"] = contests.of_account(connection, values["account"].no, book(), words)
                values["contest_answers"] = contests.answers(words)
        return pages.page(
            request,
            "console/customers/customer.html",
            user=user,
            section="customers",
            customer_tab="customers",
            **values,
        )

    return routes


def _list(
    connection: Connection,
    pages: Pages,
    words: Words,
    book: Book,
    wanted: Wanted,
    after: str,
) -> dict[str, Any]:
    areas = registry.area_names(connection)
    none = [(NONE, words.text("none declared"))]
    choices = [
        ("class", words.text("Tariff class"), _classes(book, words)),
        ("area", words.text("Area"), list(areas.items())),
        (
            "tariff",
            words.text("Tariff"),
            [(each, book.tariff(each, words)) for each in account_list.tariffs(connection)],
        ),
        ("grade", words.text("Important grade"), [*axis_names.choices(axis_names.GRADES, words), *none]),
        ("need", words.text("Service need"), [*axis_names.choices(axis_names.NEEDS, words), *none]),
        (
            "shape",
            words.text("Load shape"),
            [(each, standing_words.shape(each, words)) for each in account_list.shapes(connection)],
        ),
        ("value", words.text("Value tier"), axis_names.choices(axis_names.VALUES, words)),
        ("credit", words.text("Credit tier"), axis_names.choices(axis_names.CREDITS, words)),
    ]
    chosen = {name: getattr(wanted, "class_" if name == "class" else name) for name, _, _ in choices}
    found = account_list.found(connection, wanted, pages.now(), words, after)
    waiting = contests.waiting(connection, words)
    return {
        "q": wanted.q,
        "waiting": waiting[: contests.MOST],
        "waiting_count": len(waiting),
        "choices": choices,
        "chosen": chosen,
        "asked": {name: each for name, each in {"q": wanted.q, **chosen}.items() if each},
        "found": found,
        "after": after,
        "rows": [file_views.row(each, areas, book, words) for each in found.rows],
        "classes": [
            (key, axis_names.named(axis_names.CLASSES, key, words), count)
            for key, count in sorted(found.classes.items(), key=lambda each: -each[1])
        ],
    }


def _classes(book: Book, words: Words) -> list[tuple[str, str]]:
    """Each class, and behind it its sub-tiers."""
    found: list[tuple[str, str]] = []
    for key, name in axis_names.choices(axis_names.CLASSES, words):
        found.append((key, name))
        mine = [sub for sub in book.subs if sub.startswith(f"{key}.")]
        found += [(sub, f"{name} · {book.sub(sub, words)}") for sub in mine]
    return found


def _agreeing(parts: Parts) -> Routes:
    """Consents, persons to call, the grade."""
    routes = Routes(prefix="/customer")
    Operator = Annotated[User, Depends(parts.guard.operator)]  # noqa: N806
    book = parts.customer_file

    @routes.post("/{id}/consent")
    def give(user: Operator, id: str, purpose: Annotated[Purpose, Form()], how: Typed) -> Response:  # noqa: A002
        return _saved(id, "", lambda: book.give_consent(user.login, id, purpose, how))

    @routes.post("/{id}/consent/withdraw")
    def withdraw(user: Operator, id: str, purpose: Annotated[Purpose, Form()]) -> Response:  # noqa: A002
        return _saved(id, "", lambda: book.withdraw_consent(user.login, id, purpose))

    @routes.post("/{id}/person")
    def person(
        user: Operator,
        id: str,  # noqa: A002
        role: Annotated[PersonRole, Form()],
        phone: Annotated[str, Form(pattern=r"^\+?[0-9 -]{3,30}$")],
        reach: Annotated[Reach, Form()],
        name: Optional_ = "",
        quiet_from: Annotated[str, Form(pattern=r"^([0-2][0-9]:[0-5][0-9])?$")] = "",
        quiet_until: Annotated[str, Form(pattern=r"^([0-2][0-9]:[0-5][0-9])?$")] = "",
    ) -> Response:
        row: dict[str, str | None] = {
            "customer": id,
            "role": role.value,
            "phone": phone,
            "reach": reach.value,
        }
        row |= {"name": name.strip() or None, "quiet_from": quiet_from or None}
        return _saved(id, "", lambda: book.add_person(user.login, row | {"quiet_until": quiet_until or None}))

    @routes.post("/{id}/person/end")
    def person_gone(user: Operator, id: str, person: Number) -> Response:  # noqa: A002
        return _saved(id, "", lambda: book.end_person(user.login, person))

    @routes.post("/{id}/grade")
    def grade(
        user: Operator,
        id: str,  # noqa: A002
        account: Typed,
        grade: Annotated[Grade, Form()],
        list_no: Optional_,
        from_day: Annotated[date, Form()],
    ) -> Response:
        return _saved(id, account, lambda: book.declare_grade(user.login, account, grade, list_no, from_day))

    @routes.post("/{id}/grade/end")
    def grade_gone(
        user: Operator,
        id: str,  # noqa: A002
        account: Typed,
        on: Annotated[date, Form()],
        why: Typed,
    ) -> Response:
        return _saved(id, account, lambda: book.end_grade(user.login, account, on, why))

    return routes


def _needing(parts: Parts) -> Routes:
    """Needs, and a tier that is held by hand."""
    routes = Routes(prefix="/customer")
    Operator = Annotated[User, Depends(parts.guard.operator)]  # noqa: N806
    book = parts.customer_file

    @routes.post("/{id}/need")
    def need(
        user: Operator,
        id: str,  # noqa: A002
        account: Typed,
        need: Annotated[Need, Form()],
        detail: Typed = "",
    ) -> Response:
        return _saved(id, account, lambda: book.declare_need(user.login, account, need, detail))

    @routes.post("/{id}/need/end")
    def need_gone(user: Operator, id: str, account: Typed, need: Number) -> Response:  # noqa: A002
        return _saved(id, account, lambda: book.end_need(user.login, need))

    @routes.post("/{id}/lock")
    def lock(
        user: Operator,
        id: str,  # noqa: A002
        account: Typed,
        axis_value: Annotated[str, Form(pattern=r"^(value|credit):[A-Za-z]{1,8}$")],
        until: Annotated[date, Form()],
        why: Typed,
    ) -> Response:
        axis, _, value = axis_value.partition(":")

        def hold() -> None:
            with parts.database.write() as connection:
                locks.lock(
                    connection,
                    account,
                    Axis(axis),
                    value,
                    until,
                    why,
                    by=user.login,
                    now=parts.clock.now(),
                    today=book.today,
                )

        return _saved(id, account, hold)

    @routes.post("/{id}/unlock")
    def unlock(user: Operator, id: str, account: Typed, lock: Number) -> Response:  # noqa: A002
        def free() -> None:
            with parts.database.write() as connection:
                locks.unlock(connection, lock, by=user.login, today=book.today)

        return _saved(id, account, free)

    return routes


def _saved(customer: str, account: str, save: Callable[[], object]) -> Response:
    """Back to the customer, with what became of it."""
    try:
        save()
        said = "file_saved"
    except (Invalid, Conflict):
        said = "file_refused"
    except Forbidden:
        said = "file_not_ours"
    return back(f"/console/customer/{customer}" + (f"?account={account}" if account else ""), said)
