"""Exceptions over HTTP, for operators: the list, one with its day, and what may be done about it."""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import Depends
from pydantic import BaseModel, Field
from sqlalchemy import Connection, Row

from cloud.kit.auth import User
from cloud.kit.clock import Clock
from cloud.kit.db import Database
from cloud.kit.guard import Guard
from cloud.kit.moving import Happened
from cloud.kit.paging import AfterId, Limit, Page, RowId
from cloud.kit.problems import RESPONSES
from cloud.kit.routes import Routes
from cloud.metering.vee import exception_store as store
from cloud.metering.vee.exception_store import EXCEPTIONS
from cloud.metering.vee.exceptions import MOST_WH, Exceptions, day_of
from cloud.metering.vee.point_day import Method, PointDay
from cloud.metering.vee.policy import Severity

Reason = Annotated[str, Field(min_length=1, max_length=500)]


class ExceptionOut(BaseModel):
    """What failed on a day; slots from `first_slot` to `last_slot`, both included."""

    id: int
    point: str
    channel: str
    day: date
    area: str
    meter: str | None
    code: str
    severity: str
    first_slot: int
    last_slot: int
    observed: float | None
    limit: float | None
    state: str
    opened_at: datetime
    changed_at: datetime
    order: str | None


class DayOut(BaseModel):
    """Slot i begins at `start` + i x `interval_s`; `wh` null is missing, `method` says how it came to be."""

    start: datetime
    interval_s: int
    revision: int
    wh: list[float | None]
    flags: list[int]
    method: list[str]


class ExceptionDetail(ExceptionOut):
    happened: list[Happened]
    content: DayOut


class Why(BaseModel):
    why: Reason


class SlotValue(BaseModel):
    slot: Annotated[int, Field(ge=0, lt=10_000)]
    wh: Annotated[int, Field(ge=0, le=MOST_WH)]


class Correction(Why):
    """The Wh that count from now on in these slots."""

    values: Annotated[list[SlotValue], Field(min_length=1, max_length=2000)]


def router(database: Database, guard: Guard, exceptions: Exceptions, clock: Clock) -> Routes:
    routes = Routes(tags=["validation"], responses=RESPONSES, prefix="/exceptions")
    Operator = Annotated[User, Depends(guard.operator)]  # noqa: N806 - a type

    @routes.get("")
    def exceptions_of(
        _: Operator,
        waiting: bool = True,
        area: str | None = None,
        severity: Severity | None = None,
        after: AfterId = None,
        limit: Limit = 100,
    ) -> Page[ExceptionOut]:
        """What waits for a person, or with `waiting` false all there ever was; newest first."""
        with database.read() as connection:
            rows = store.exceptions(
                connection, waiting=waiting, area=area, severity=severity, before=after, limit=limit + 1
            )
        more = str(rows[limit - 1].id) if len(rows) > limit else None
        return Page(items=[ExceptionOut(**_shown(row)) for row in rows[:limit]], next=more)

    @routes.get("/{id}")
    def one(_: Operator, id: RowId) -> ExceptionDetail:  # noqa: A002
        """One exception with what was done about it and its day as it stands."""
        with database.read() as connection:
            return _detail(connection, id)

    @routes.post("/{id}/accept")
    def accept(user: Operator, id: RowId, body: Why) -> ExceptionDetail:  # noqa: A002
        """The day is right as it stands; it gets a revision that says so."""
        with database.write() as connection:
            exceptions.accept(connection, id, user.login, body.why, clock.now())
            return _detail(connection, id)

    @routes.post("/{id}/correct")
    def correct(user: Operator, id: RowId, body: Correction) -> ExceptionDetail:  # noqa: A002
        """Put other values in place; they count until the registers say something else of these slots."""
        values = {each.slot: each.wh for each in body.values}
        with database.write() as connection:
            exceptions.correct(connection, id, values, user.login, body.why, clock.now())
            return _detail(connection, id)

    @routes.post("/{id}/reread")
    def reread(user: Operator, id: RowId) -> ExceptionDetail:  # noqa: A002
        """Order the gateway to read the day again out of the meter's memory."""
        with database.write() as connection:
            exceptions.reread(connection, id, user.login, clock.now())
            return _detail(connection, id)

    return routes


def _detail(connection: Connection, id: int) -> ExceptionDetail:  # noqa: A002
    row = EXCEPTIONS.row(connection, id)
    happened = [Happened.model_validate(each) for each in EXCEPTIONS.events(connection, id)]
    return ExceptionDetail(**_shown(row), happened=happened, content=_day(day_of(connection, row)))


def _shown(row: Row[Any]) -> dict[str, Any]:
    return {name: value for name, value in row._mapping.items() if name != "evidence"}


def _day(day: PointDay) -> DayOut:
    return DayOut(
        start=day.start,
        interval_s=day.interval_s,
        revision=day.revision,
        wh=[None if value != value else float(value) for value in day.final_wh],
        flags=day.flags.tolist(),
        method=[Method(each).name.lower() for each in day.method],
    )
