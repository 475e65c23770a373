"""Readings over HTTP, always within a Scope: the newest values, and the course of one quantity."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import groupby
from typing import Annotated

from fastapi import Depends, Query
from pydantic import AwareDatetime, BaseModel

from cloud.fleet import registry
from cloud.fleet.api import visible
from cloud.kit.auth import User
from cloud.kit.clock import Clock
from cloud.kit.db import Database
from cloud.kit.errors import Invalid
from cloud.kit.guard import Guard
from cloud.kit.paging import After, AfterId, Limit, Page, RowId
from cloud.kit.problems import RESPONSES
from cloud.kit.routes import Routes
from cloud.kit.scope import Scope
from cloud.metering import dead_letters
from cloud.metering import store as readings
from cloud.metering.ingest import Ingest
from cloud.metering.primary import PrimaryReadings
from cloud.metering.store import Latest
from protocols.quantities import QUANTITIES
from protocols.readings import Source, trace_id

LONGEST = timedelta(days=100)
DEFAULT_SPAN = timedelta(days=1)


class LatestValue(BaseModel):
    """`trace` is the id of its reading, the same in alerts and notices that came of it."""

    quantity: str
    unit: str
    value: int | float
    at: datetime
    source: Source
    quality: str
    trace: str


class MeterLatest(BaseModel):
    meter: str
    values: list[LatestValue]


class SeriesOut(BaseModel):
    """`at_ms` (Unix ms) and `values` go in pairs; `next`, if any, is the `start` of the following page.

    `breaks_ms` are instants from which another ratio holds: the difference of a register over one is no
    energy. A register that reached its last digit begins at 0 again.
    """

    meter: str
    quantity: str
    unit: str
    start: datetime
    end: datetime
    at_ms: list[int]
    values: list[int | float]
    breaks_ms: list[int] = []
    next: datetime | None = None


class DeadLetter(BaseModel):
    """A message that could not be taken, why, and how often it came."""

    id: int
    topic: str
    reason: str
    gateway: str | None
    epoch: str | None
    seq: int | None
    payload_bytes: int
    first_at: datetime
    last_at: datetime
    times: int
    replayed_at: datetime | None


class Replayed(BaseModel):
    readings: int


def letters_router(database: Database, guard: Guard, ingest: Ingest) -> Routes:
    """What ingest could not take, for operators."""
    routes = Routes(tags=["readings"], responses=RESPONSES)

    @routes.get("/dead-letters")
    def letters(
        _: Annotated[User, Depends(guard.operator)], after: AfterId = None, limit: Limit = 100
    ) -> Page[DeadLetter]:
        """Messages of gateways that could not be taken, newest first."""
        with database.read() as connection:
            rows = dead_letters.dead_letters(connection, before=after, limit=limit + 1)
        more = str(rows[limit - 1].id) if len(rows) > limit else None
        return Page(items=[DeadLetter(**row._mapping) for row in rows[:limit]], next=more)

    @routes.post("/dead-letters/{id}/replay")
    def replay(_: Annotated[User, Depends(guard.operator)], id: RowId) -> Replayed:  # noqa: A002
        """Try one again now that its cause is mended, a missing meter in the registry for instance."""
        return Replayed(readings=ingest.replay(id))

    return routes


def router(database: Database, guard: Guard, store: PrimaryReadings, clock: Clock) -> Routes:
    routes = Routes(tags=["readings"], responses=RESPONSES)

    @routes.get("/latest")
    def latest_of_all(
        scope: Annotated[Scope, Depends(guard.scope)], area: After = "", after: After = "", limit: Limit = 100
    ) -> Page[MeterLatest]:
        """The newest values of each meter, in order of meter; of one area when it is named."""
        with database.read() as connection:
            rows = registry.meters(
                connection, scope.meters(), area=area or None, after=after, limit=limit + 1
            )
        page = [row.id for row in rows[:limit]]
        known = {each.meter: each for each in _by_meter(store.latest(scope, page))}
        items = [known.get(meter, MeterLatest(meter=meter, values=[])) for meter in page]
        return Page(items=items, next=page[-1] if len(rows) > limit else None)

    @routes.get("/meters/{id}/latest")
    def latest(scope: Annotated[Scope, Depends(guard.scope)], id: str) -> MeterLatest:  # noqa: A002
        """The newest value of each quantity of one meter."""
        with database.read() as connection:
            visible(scope, registry.meter(connection, id))
        found = _by_meter(store.latest(scope, [id]))
        return found[0] if found else MeterLatest(meter=id, values=[])

    @routes.get("/meters/{id}/series")
    def series(
        scope: Annotated[Scope, Depends(guard.scope)],
        id: str,  # noqa: A002
        quantity: str,
        start: AwareDatetime | None = None,
        end: AwareDatetime | None = None,
        source: Source | None = None,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 2000,
    ) -> SeriesOut:
        """One quantity from `start` up to and without `end`; the last 24 h when neither is given."""
        start, end = _span(start, end, clock.now())
        if quantity not in QUANTITIES:
            raise Invalid(f"no quantity is called {quantity[:64]!r}")
        with database.read() as connection:
            visible(scope, registry.meter(connection, id))
        found = store.series(scope, id, quantity, start, end, source)
        return SeriesOut(
            meter=id,
            quantity=quantity,
            unit=QUANTITIES[quantity].unit,
            start=start,
            end=end,
            at_ms=list(found.at_ms[:limit]),
            values=list(found.values[:limit]),
            breaks_ms=store.breaks(id, quantity, found),
            next=readings.instant(found.at_ms[limit]) if len(found) > limit else None,
        )

    return routes


def _span(start: datetime | None, end: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    try:
        end = end or (start + DEFAULT_SPAN if start else now)
        start = start or end - DEFAULT_SPAN
    except OverflowError:
        raise Invalid("start or end is beyond the calendar") from None
    if not start < end:
        raise Invalid("start is not before end")
    if end - start > LONGEST:
        raise Invalid(f"ask for at most {LONGEST.days} days at once")
    return start, end


def _by_meter(values: Iterable[Latest]) -> list[MeterLatest]:
    return [
        MeterLatest(meter=meter, values=[_latest(each) for each in group])
        for meter, group in groupby(values, key=lambda each: each.meter)
    ]


def _latest(each: Latest) -> LatestValue:
    return LatestValue(
        quantity=each.quantity,
        unit=QUANTITIES[each.quantity].unit,
        value=each.value,
        at=readings.instant(each.at_ms),
        source=each.source,
        quality=each.quality,
        trace=trace_id(each.meter, each.at_ms, each.source),
    )
