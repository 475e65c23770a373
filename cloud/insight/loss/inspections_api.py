"""Inspections over HTTP: for operators alone, nothing of them is on any customer's route."""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from cloud.insight.loss import store
from cloud.insight.loss.actions import LineLoss
from cloud.insight.loss.rules import Result
from cloud.insight.loss.store import INSPECTIONS, Inspection
from cloud.kit.auth import User
from cloud.kit.db import Database
from cloud.kit.guard import Guard
from cloud.kit.moving import Happened
from cloud.kit.paging import AfterId, Limit, Page, RowId, further
from cloud.kit.problems import RESPONSES
from cloud.kit.routes import Routes

AT_K = 20
Note = Annotated[str, Field(max_length=500)]


class InspectionOut(BaseModel):
    """What is worth a look on site: evidence with its numbers, never a verdict. kWh are those of a month."""

    id: int
    kind: str
    area: str
    point: str | None
    other: str | None
    state: str
    expected_kwh: float | None
    low_kwh: float | None
    high_kwh: float | None
    strength: float
    evidence: list[dict[str, Any]]
    checks: list[str]
    from_day: date
    to_day: date
    found_at: datetime
    changed_at: datetime
    order: str | None
    result: str | None
    result_kind: str | None
    recovered_kwh: float | None
    inspected_at: datetime | None


class InspectionDetail(InspectionOut):
    happened: list[Happened]


class PrecisionOut(BaseModel):
    """What inspections found: `share` is of those that found anything, null before the first."""

    inspected: int
    confirmed: int
    other: int
    nothing: int
    recovered_kwh: float
    share: float | None
    share_of_last: float | None
    last: int


class Said(BaseModel):
    note: Note = ""


class ResultIn(Said):
    """What was seen on site; `kind` says what it was where it was something else than listed."""

    result: Result
    kind: Annotated[str, Field(max_length=24, pattern=r"^[a-z_]*$")] | None = None
    recovered_kwh: Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)] | None = None


def router(database: Database, guard: Guard, losses: LineLoss) -> Routes:
    routes = Routes(tags=["line loss"], responses=RESPONSES, prefix="/load")
    Operator = Annotated[User, Depends(guard.operator)]  # noqa: N806 - a type

    @routes.get("/inspections")
    def inspections(
        _: Operator,
        waiting: bool = True,
        area: Annotated[str | None, Query(max_length=64)] = None,
        after: AfterId = None,
        limit: Limit = 100,
    ) -> Page[InspectionOut]:
        """Those that wait, the most expected kWh first; with `waiting` false all, newest first."""
        with database.read() as connection:
            found = store.inspections(connection, waiting=waiting, area=area, after=after, limit=limit + 1)
        more = further(found, limit, after, ranked=waiting)
        return Page(items=[InspectionOut(**_plain(each)) for each in found[:limit]], next=more)

    @routes.get("/inspections/precision")
    def precision(_: Operator) -> PrecisionOut:
        """What the list was worth so far: of all inspections, and of the last so many."""
        with database.read() as connection:
            every, last = store.precision(connection), store.precision(connection, AT_K)
        return PrecisionOut(
            inspected=every.inspected,
            confirmed=every.confirmed,
            other=every.other,
            nothing=every.nothing,
            recovered_kwh=every.recovered_kwh,
            share=every.share,
            share_of_last=last.share,
            last=last.inspected,
        )

    @routes.get("/inspections/{id}")
    def one(_: Operator, id: RowId) -> InspectionDetail:  # noqa: A002
        """One of them with what was done about it."""
        with database.read() as connection:
            found = store.inspection(connection, id)
            happened = [Happened.model_validate(each) for each in INSPECTIONS.events(connection, id)]
        return InspectionDetail(**_plain(found), happened=happened)

    @routes.post("/inspections/{id}/order")
    def order(user: Operator, id: RowId, body: Said) -> InspectionOut:  # noqa: A002
        """Somebody is to go and look."""
        with database.write() as connection:
            return InspectionOut(**_plain(losses.order(connection, id, user.login, body.note)))

    @routes.post("/inspections/{id}/withdraw")
    def withdraw(user: Operator, id: RowId, body: Said) -> InspectionOut:  # noqa: A002
        """Nobody goes after all: it waits again."""
        with database.write() as connection:
            return InspectionOut(**_plain(losses.withdraw(connection, id, user.login, body.note)))

    @routes.post("/inspections/{id}/result")
    def result(user: Operator, id: RowId, body: ResultIn) -> InspectionOut:  # noqa: A002
        """What was seen on site."""
        with database.write() as connection:
            found = losses.feedback(
                connection,
                id,
                body.result,
                user.login,
                body.note,
                kind=body.kind,
                recovered_kwh=body.recovered_kwh,
            )
            return InspectionOut(**_plain(found))

    return routes


def _plain(of: Inspection) -> dict[str, Any]:
    return {name: getattr(of, name) for name in InspectionOut.model_fields}
