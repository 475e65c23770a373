"""A gateway's page: the settings it has, the versions before, and an editor for the next one."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Form, Query, Request
from sqlalchemy import Connection, Row
from starlette.responses import Response

from cloud.fleet import config_check, configs, toml_text
from cloud.fleet import gateways as fleet
from cloud.kit.auth import User
from cloud.kit.errors import Conflict, Invalid, NotFound
from cloud.kit.paging import MAX_ID
from cloud.kit.routes import Routes
from cloud.metering import gaps
from cloud.web import desk_views
from cloud.web.language import Words, mark
from cloud.web.pages import Pages, back
from cloud.web.parts import Parts

SHOWN = 30
STATES = {
    "offered": ("none", mark("offered")),
    "applied": ("good", mark("in force")),
    "refused": ("bad", mark("refused by the gateway")),
    "superseded": ("none", mark("replaced before it was taken")),
}
LEFT = ("none", mark("was in force"))
FATES = {
    gaps.Fate.WAITS: ("warn", mark("waited for")),
    gaps.Fate.DROPPED: ("bad", mark("given up by the gateway")),
}
GAPS_SHOWN = 20
FIRST = """# interval_s = 60        # seconds between readings of a meter
# [orders]
# protected = []         # meters whose relay is never touched
"""
"""What stands in the editor of a gateway that was never set from here."""


@dataclass(frozen=True, slots=True)
class Version:
    number: int
    by: str
    at: datetime
    note: str
    sign: tuple[str, str]
    detail: str


@dataclass(frozen=True, slots=True)
class DiffLine:
    """`kind`: added, removed, kept or place."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Draft:
    """What stands in the editor, what is wrong with it, and the version it began from."""

    text: str
    after: int
    note: str = ""
    problems: Sequence[str] = ()
    warnings: Sequence[str] = ()


def router(parts: Parts, pages: Pages) -> Routes:
    routes = Routes()
    Operator = Annotated[User, Depends(parts.guard.operator)]  # noqa: N806 - a type

    @routes.get("/gateways/{id}")
    def gateway_page(
        request: Request,
        user: Operator,
        id: str,  # noqa: A002
        version: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None,
    ) -> Response:
        return _page(request, user, id, version, None)

    def _page(
        request: Request, user: User, gateway: str, version: int | None, draft: Draft | None
    ) -> Response:
        view = next((each for each in desk_views.gateways(parts) if each.id == gateway), None)
        if view is None:
            raise NotFound(f"there is no gateway {gateway!r}")
        words = pages.words(request)
        with parts.database.read() as connection:
            rows = configs.versions(connection, gateway, limit=SHOWN)
            told = configs.in_force(connection, gateway)
            shown = _shown(connection, gateway, version, rows)
            missing = gaps.gaps(connection, gateway, parts.clock.now())
        return pages.page(
            request,
            "console/gateway.html",
            status=422 if draft and draft.problems else 200,
            user=user,
            section="gateways",
            gateway=view,
            told=told,
            versions=[_version(row, told, words) for row in rows],
            shown=shown,
            draft=draft or _fresh(rows),
            gaps=[(gap, FATES[gap.fate][0], words.text(FATES[gap.fate][1])) for gap in missing[:GAPS_SHOWN]],
            more_gaps=max(0, len(missing) - GAPS_SHOWN),
        )

    @routes.post("/gateways/{id}/config")
    def push(
        request: Request,
        user: Operator,
        id: str,  # noqa: A002
        settings: Annotated[str, Form(max_length=config_check.MAX_TEXT)],
        after: Annotated[int, Form(ge=0, le=MAX_ID)],
        note: Annotated[str, Form(max_length=500)] = "",
        step: Annotated[str, Form(max_length=8)] = "push",
    ) -> Response:
        """`step` check only looks; what is wrong comes back with what was written."""
        written = Draft(settings, after, note)
        try:
            document = config_check.parse(settings)
            if step == "check":
                return _page(request, user, id, None, _checked(id, document, written))
            with parts.database.write() as connection:
                configs.push(
                    connection, id, document, by=user.login, note=note, now=parts.clock.now(), after=after
                )
        except Invalid as refused:
            problems = refused.problems or (str(refused),)
            return _page(request, user, id, None, Draft(settings, after, note, problems))
        except Conflict:
            return back(f"/console/gateways/{id}", "config_changed")
        parts.dispatch.say_config(id)
        parts.live.changed()
        return back(f"/console/gateways/{id}", "config_offered")

    def _checked(gateway: str, document: dict[str, Any], written: Draft) -> Draft:
        with parts.database.read() as connection:
            if not fleet.known(connection, gateway):
                raise NotFound(f"there is no gateway {gateway!r}")
            checked = config_check.check(connection, gateway, document)
        return Draft(written.text, written.after, written.note, (), checked.warnings or ("",))

    return routes


def _fresh(rows: Sequence[Row[Any]]) -> Draft:
    return Draft(toml_text.text(rows[0].document), rows[0].version) if rows else Draft(FIRST, 0)


def _version(row: Row[Any], told: Row[Any] | None, words: Words) -> Version:
    left = row.state == "applied" and told is not None and told.version != row.version
    kind, name = LEFT if left else STATES[row.state]
    return Version(row.version, row.by, row.at, row.note, (kind, words.text(name)), row.detail)


def _shown(
    connection: Connection, gateway: str, version: int | None, rows: Sequence[Row[Any]]
) -> dict[str, Any] | None:
    """A version and what it changed; the newest unless another is asked for."""
    if version is None and not rows:
        return None
    row = rows[0] if version is None else configs.version_of(connection, gateway, version)
    before = next(iter(configs.versions(connection, gateway, before=row.version, limit=1)), None)
    old = "" if before is None else toml_text.text(before.document)
    text = toml_text.text(row.document)
    return {
        "version": row.version,
        "before": None if before is None else before.version,
        "text": text,
        "diff": diff(old, text),
    }


def diff(old: str, new: str) -> list[DiffLine]:
    kinds = {"+": "added", "-": "removed", "@": "place", " ": "kept"}
    lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=2))[2:]
    return [DiffLine(kinds[line[0]], line if line[0] == "@" else line[1:]) for line in lines]
