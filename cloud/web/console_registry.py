"""The registry over time in the console: imports and what they changed, points, their history, their forms.

For operators only.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import Depends, File, Form, Query, Request, UploadFile
from starlette.responses import Response

from cloud.customers.points import view as points_view
from cloud.customers.points.api import picture
from cloud.fleet import imports
from cloud.kit.auth import User
from cloud.kit.errors import Conflict, Forbidden, Invalid
from cloud.kit.paging import RowId
from cloud.kit.routes import Routes
from cloud.metering.fieldwork.requests import Exchange, FieldRead, NewMeter, RatioChange, Told
from cloud.web import point_forms as forms
from cloud.web import point_views as views
from cloud.web.pages import Pages, back
from cloud.web.parts import Parts

SHOWN = 50
HOME = "/console/data/registry"
Text = Annotated[str, Form(max_length=500)]
Short = Annotated[str, Form(max_length=64)]


def router(parts: Parts, pages: Pages) -> Routes:
    routes = Routes(prefix="/data/registry")
    Operator = Annotated[User, Depends(parts.guard.operator)]  # noqa: N806 - a type

    @routes.get("")
    def registry_page(
        request: Request, user: Operator, q: Annotated[str, Query(max_length=64)] = ""
    ) -> Response:
        words = pages.words(request)
        with parts.database.read() as connection:
            points = views.found(connection, q, SHOWN) if q.strip() else []
            rows = [views.import_row(row, words) for row in imports.newest(connection, 30)]
            waiting = views.waiting(connection)
        values = {"q": q, "points": points, "most": SHOWN, "imports": rows, "waiting": waiting}
        return _page(pages, request, user, "registry.html", **values)

    @routes.get("/imports/{id}")
    def import_page(request: Request, user: Operator, id: RowId) -> Response:  # noqa: A002
        words = pages.words(request)
        with parts.database.read() as connection:
            row = imports.one(connection, id)
        shown = views.import_row(row, words)
        report = views.report(row.report, words)
        return _page(pages, request, user, "registry_import.html", done=shown, report=report)

    @routes.get("/points/{id}")
    def point_page(request: Request, user: Operator, id: str) -> Response:  # noqa: A002
        return _point(parts, pages, request, user, id)

    @routes.get("/photos/{sha256}")
    def photo(_: Operator, sha256: str) -> Response:
        return picture(parts.fieldwork, sha256)

    routes.include_router(_doing(parts, pages))
    return routes


def _doing(parts: Parts, pages: Pages) -> Routes:
    """The forms on a point's page; what is refused comes back with the form as it was filled in."""
    routes = Routes(prefix="/points/{id}")
    Operator = Annotated[User, Depends(parts.guard.operator)]  # noqa: N806 - a type
    work = parts.fieldwork

    @routes.post("/exchange")
    def exchange(
        request: Request,
        user: Operator,
        id: str,  # noqa: A002
        at: Short,
        meter: Short,
        address: Short,
        why: Text,
        removed: Annotated[list[str], Form(max_length=5)],
        installed: Annotated[list[str], Form(max_length=5)],
        seal: Short = "",
        despite: Text = "",
    ) -> Response:
        kept = {"at": at, "meter": meter, "address": address, "why": why, "seal": seal, "despite": despite}

        def do() -> None:
            new = NewMeter(forms.name(meter), forms.address(address))
            seals = (forms.name(seal),) if seal.strip() else ()
            values = (forms.registers(removed), forms.registers(installed))
            work.exchange(
                Exchange(id, forms.instant(at, parts.zone), new, *values, seals),
                Told(user.login, why, despite),
            )

        return _did(request, user, id, "exchange", do, {**kept, "removed": removed, "installed": installed})

    @routes.post("/ratio")
    def ratio(
        request: Request,
        user: Operator,
        id: str,  # noqa: A002
        at: Short,
        ct: Short,
        pt: Short,
        why: Text,
        read: Annotated[list[str], Form(max_length=5)],
        despite: Text = "",
    ) -> Response:
        kept = {"at": at, "ct": ct, "pt": pt, "why": why, "read": read, "despite": despite}

        def do() -> None:
            change = RatioChange(
                id, forms.instant(at, parts.zone), forms.ratio(ct), forms.ratio(pt), forms.registers(read)
            )
            work.change_ratio(change, Told(user.login, why, despite))

        return _did(request, user, id, "ratio", do, kept)

    @routes.post("/field-reads")
    def field_read(
        request: Request,
        user: Operator,
        id: str,  # noqa: A002
        at: Short,
        why: Text,
        read: Annotated[list[str], Form(max_length=5)],
        photo: Annotated[UploadFile | None, File()] = None,
        despite: Text = "",
    ) -> Response:
        def do() -> None:
            content = photo.file.read() if photo is not None else b""
            wanted = FieldRead(id, forms.instant(at, parts.zone), forms.registers(read), content or None)
            work.read_by_hand(wanted, Told(user.login, why, despite))

        return _did(
            request, user, id, "field_read", do, {"at": at, "why": why, "read": read, "despite": despite}
        )

    def _did(
        request: Request,
        user: User,
        id: str,  # noqa: A002
        form: str,
        do: Callable[[], None],
        kept: Mapping[str, Any],
    ) -> Response:
        try:
            do()
        except (Invalid, Conflict, Forbidden) as error:
            refusal = views.refusal(error, pages.words(request))
            values = {"form": form, "refusal": refusal, "filled": {form: kept}}
            return _point(parts, pages, request, user, id, status=error.status, **values)
        return back(f"{HOME}/points/{id}", "written_down")

    return routes


def _point(
    parts: Parts,
    pages: Pages,
    request: Request,
    user: User,
    id: str,  # noqa: A002
    status: int = 200,
    **values: Any,
) -> Response:
    words, now = pages.words(request), pages.now()
    with parts.database.read() as connection:
        found = points_view.of_point(connection, id)
        names = views.area_names(connection, found)
    page = views.point(id, found, names, words, now)
    known = {"form": "", "refusal": None, "filled": {}} | values
    return _page(
        pages, request, user, "point.html", status=status, page=page, blank=words.field(now), **known
    )


def _page(pages: Pages, request: Request, user: User, template: str, **values: Any) -> Response:
    values |= {"user": user, "section": "data", "data_tab": "registry"}
    return pages.page(request, f"console/{template}", **values)
