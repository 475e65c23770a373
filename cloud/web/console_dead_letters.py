"""Dead letters: messages that could not be taken and readings that the engine refuses, why, and once more."""

from typing import Annotated

from fastapi import Depends, Query, Request
from starlette.responses import Response

from cloud.kit.auth import User
from cloud.kit.errors import Invalid
from cloud.kit.paging import MAX_ID, RowId
from cloud.kit.routes import Routes
from cloud.metering import dead_letters
from cloud.metering.influx import conflicts
from cloud.web.pages import Pages, back
from cloud.web.parts import Parts

SHOWN = 50
LINES = 20


def router(parts: Parts, pages: Pages) -> Routes:
    routes = Routes(prefix="/data/dead-letters")
    Operator = Annotated[User, Depends(parts.guard.operator)]  # noqa: N806 - a type

    @routes.get("")
    def list_page(
        request: Request, user: Operator, before: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None
    ) -> Response:
        return _page(request, user, before)

    @routes.post("/{id}/replay")
    def replay(request: Request, user: Operator, id: RowId) -> Response:  # noqa: A002
        """What still stands against it is told on the page, beside its letter."""
        try:
            parts.replay(id)
        except Invalid as refused:
            return _page(request, user, id + 1, (id, str(refused)))
        return back(f"/console/data/dead-letters#letter-{id}", "replayed")

    def _page(
        request: Request, user: User, before: int | None, refused: tuple[int, str] | None = None
    ) -> Response:
        with parts.database.read() as connection:
            rows = dead_letters.dead_letters(connection, before=before, limit=SHOWN + 1)
            lines = conflicts.quarantined(connection, limit=LINES)
            count = conflicts.count_quarantined(connection)
        return pages.page(
            request,
            "console/dead_letters.html",
            status=422 if refused else 200,
            user=user,
            section="data",
            data_tab="dead_letters",
            rows=rows[:SHOWN],
            older=rows[SHOWN - 1].id if len(rows) > SHOWN else None,
            newest=before is None,
            refused=refused,
            lines=lines,
            refused_lines=count,
        )

    return routes
