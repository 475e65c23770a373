"""How completely meters are read, over HTTP, for operators only: rates, gaps, re-reads, what is left out."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from cloud.kit.auth import User
from cloud.kit.clock import Clock
from cloud.kit.days import local_day
from cloud.kit.db import Database
from cloud.kit.errors import Invalid
from cloud.kit.guard import Guard
from cloud.kit.paging import After, AfterId, AskedDay, Limit, Page, RowId
from cloud.kit.problems import RESPONSES
from cloud.kit.routes import Routes
from cloud.kit.scope import WHOLE_STATION
from cloud.metering.ledger import exclusions, gaps, rates, strips
from cloud.metering.ledger.actions import Ledger
from cloud.metering.ledger.exclusions import LeftOut, Place
from cloud.metering.ledger.reasons import Cause, Excluded, Freeze, GapState
from cloud.metering.store import SOURCES
from protocols.readings import Source

LONGEST = timedelta(days=400)
Text = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]
Key = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f]*$")]
Name = Annotated[str | None, Query(max_length=64, pattern=r"^[^\x00-\x1f]*$")]


class RateOut(BaseModel):
    """`share` is null without a denominator; `expected` is without what is `excluded` or `pending`."""

    share: float | None
    received: int
    expected: int
    late: int
    pending: int
    excluded: dict[Excluded, int]


class CollectedOut(BaseModel):
    """`key`: "" for the station, the day, or an id. Freeze counts meters, curve slots, on_demand commands."""

    key: str
    meter_days: int
    silent: int
    freeze: RateOut
    curve: RateOut
    on_demand: RateOut


class Collection(BaseModel):
    first: date
    last: date
    by: rates.By
    counted_at: datetime | None
    items: list[CollectedOut]


class MeterDay(BaseModel):
    """`slots` are runs of slots alike: [what, first, until]."""

    meter: str
    day: date
    area: str
    gateway: str
    slot_s: int
    expected: int
    received: int
    late: int
    excluded: dict[Excluded, int]
    freeze: Freeze
    freeze_at: datetime | None
    sources: list[Source]
    slots: list[tuple[strips.Slot, int, int]]


class GapOut(BaseModel):
    """`missing` of `slots` are still without a value; `reason` says why nobody asks any more."""

    id: int
    day: date
    meter: str
    area: str
    gateway: str
    line: str
    start: datetime
    end: datetime
    slots: int
    missing: int
    cause: Cause
    state: GapState
    reason: str | None
    detail: str
    tries: int
    command: str | None
    opened_at: datetime
    changed_at: datetime


class Reread(BaseModel):
    """What came of one order: `outcome` is null while nobody knows."""

    command: str
    gap: int
    meter: str
    gateway: str
    at: datetime
    missing_before: int
    missing_after: int | None
    outcome: str | None
    detail: str


class GapDetail(GapOut):
    evidence: list[dict[str, Any]]
    rereads: list[Reread]


class ExclusionIn(BaseModel):
    """Everything at `key` from `start` to `end` (null: until withdrawn) leaves the denominator."""

    model_config = ConfigDict(extra="forbid")

    reason: Excluded
    place: Place
    key: Key
    start: AwareDatetime
    end: AwareDatetime | None = None
    why: Text


class Exclusion(BaseModel):
    id: int
    reason: Excluded
    place: Place
    key: str
    start: datetime
    end: datetime | None
    why: str
    by: str
    at: datetime
    withdrawn_at: datetime | None
    withdrawn_by: str | None


def router(database: Database, guard: Guard, ledger: Ledger, clock: Clock) -> Routes:
    routes = Routes(prefix="/collection", tags=["collection"], responses=RESPONSES)
    Operator = Annotated[User, Depends(guard.operator)]  # noqa: N806 - a type
    zone = ledger.station.zone

    def span(first: date | None, last: date | None) -> tuple[date, date]:
        last = last or first or local_day(clock.now(), zone)
        first = first or last
        if first > last:
            raise Invalid("first is after last")
        if last - first > LONGEST:
            raise Invalid(f"ask for at most {LONGEST.days} days at once")
        return first, last

    @routes.get("")
    def collected(
        _: Operator,
        first: AskedDay = None,
        last: AskedDay = None,
        by: rates.By = rates.By.STATION,
        area: Name = None,
        gateway: Name = None,
    ) -> Collection:
        """The three rates of the days from `first` to `last`, today when none is named."""
        first, last = span(first, last)
        areas, gateways = (None if each is None else [each] for each in (area, gateway))
        with database.read() as connection:
            found = rates.rates(connection, first, last, by, areas=areas, gateways=gateways)
            counted_at = rates.counted_at(connection, last)
        items = [_collected(each) for each in found]
        return Collection(first=first, last=last, by=by, counted_at=counted_at, items=items)

    @routes.get("/meters")
    def meters(
        _: Operator,
        day: AskedDay = None,
        area: Name = None,
        gateway: Name = None,
        after: After = "",
        limit: Limit = 100,
    ) -> Page[MeterDay]:
        """One day of each meter, in order of meter."""
        day, _day = span(day, None)
        with database.read() as connection:
            rows = strips.meter_days(
                connection, day, day, area=area, gateway=gateway, after=after, limit=limit + 1
            )
            items = _meter_days(connection, rows[:limit])
        return Page(items=items, next=rows[limit - 1].meter if len(rows) > limit else None)

    @routes.get("/meters/{id}")
    def meter(
        _: Operator,
        id: str,  # noqa: A002
        first: AskedDay = None,
        last: AskedDay = None,
    ) -> list[MeterDay]:
        """The days of one meter, slot by slot."""
        first, last = span(first, last)
        with database.read() as connection:
            return _meter_days(connection, strips.meter_days(connection, first, last, meters=[id]))

    def _meter_days(connection: Any, rows: Any) -> list[MeterDay]:
        after = ledger.station.policy.curve.close_after
        found = strips.strips(connection, WHOLE_STATION, zone, clock.now(), after, rows)
        return [_meter_day(each) for each in found]

    _list_routes(routes, database, guard)
    _exclusion_routes(routes, database, guard, ledger)
    return routes


def _list_routes(routes: Routes, database: Database, guard: Guard) -> None:
    Operator = Annotated[User, Depends(guard.operator)]  # noqa: N806 - a type

    @routes.get("/gaps")
    def gap_list(
        _: Operator,
        day: AskedDay = None,
        meter: Name = None,
        area: Name = None,
        gateway: Name = None,
        cause: Cause | None = None,
        state: GapState | None = None,
        after: AfterId = None,
        limit: Limit = 100,
    ) -> Page[GapOut]:
        """Missing slots with their cause and what becomes of them, newest first."""
        wanted: dict[str, Any] = {"meter": meter, "area": area, "gateway": gateway, "cause": cause}
        states = None if state is None else [state]
        with database.read() as connection:
            rows = gaps.gaps(connection, day, states=states, before=after, limit=limit + 1, **wanted)
        more = str(rows[limit - 1].id) if len(rows) > limit else None
        return Page(items=[GapOut(**row._mapping) for row in rows[:limit]], next=more)

    @routes.get("/gaps/{id}")
    def one_gap(_: Operator, id: RowId) -> GapDetail:  # noqa: A002
        """One gap with the evidence for its cause and its re-reads."""
        with database.read() as connection:
            row = gaps.gap(connection, id)
            given = gaps.orders_of(connection, [id])
        rereads = [Reread(**each._mapping, meter=row.meter, gateway=row.gateway) for each in given]
        return GapDetail(**row._mapping, rereads=rereads)

    @routes.get("/rereads")
    def rereads(_: Operator, meter: Name = None, gateway: Name = None, limit: Limit = 100) -> list[Reread]:
        """The newest re-reads that were ordered by themselves, and what came of them."""
        with database.read() as connection:
            rows = gaps.orders(connection, meter=meter, gateway=gateway, limit=limit)
        return [Reread(**row._mapping) for row in rows]


def _exclusion_routes(routes: Routes, database: Database, guard: Guard, ledger: Ledger) -> None:
    Operator = Annotated[User, Depends(guard.operator)]  # noqa: N806 - a type

    @routes.get("/exclusions")
    def listed(_: Operator, after: AfterId = None, limit: Limit = 100) -> Page[Exclusion]:
        """What people declared to be left out of the denominator, withdrawn ones too, newest first."""
        with database.read() as connection:
            rows = exclusions.exclusions(connection, before=after, limit=limit + 1)
        more = str(rows[limit - 1].id) if len(rows) > limit else None
        return Page(items=[Exclusion(**row._mapping) for row in rows[:limit]], next=more)

    @routes.post("/exclusions", status_code=201)
    def leave_out(user: Operator, wish: ExclusionIn) -> Exclusion:
        """Leave a planned outage, say, out of the denominator; its days are counted anew."""
        what = LeftOut(wish.reason, wish.place, wish.key, wish.start, wish.end)
        with database.write() as connection:
            number = ledger.leave_out(connection, what, wish.why, user.login)
            return Exclusion(**exclusions.exclusion(connection, number)._mapping)

    @routes.post("/exclusions/{id}/withdraw")
    def withdraw(user: Operator, id: RowId) -> Exclusion:  # noqa: A002
        """Count it again; it stays in the book."""
        with database.write() as connection:
            ledger.count_again(connection, id, user.login)
            return Exclusion(**exclusions.exclusion(connection, id)._mapping)


def _collected(each: rates.Collected) -> CollectedOut:
    return CollectedOut(
        key=each.key,
        meter_days=each.meters,
        silent=each.silent,
        freeze=_rate(each.freeze),
        curve=_rate(each.curve),
        on_demand=_rate(each.on_demand),
    )


def _rate(rate: rates.Rate) -> RateOut:
    return RateOut(
        share=None if rate.share is None else round(rate.share, 6),
        received=rate.received,
        expected=rate.expected,
        late=rate.late,
        pending=rate.pending,
        excluded=dict(rate.excluded),
    )


def _meter_day(each: strips.Strip) -> MeterDay:
    row = each.row
    told = {name: getattr(row, name) for name in MeterDay.model_fields if hasattr(row, name)}
    sources = [source for number, source in enumerate(SOURCES) if row.sources & 1 << number]
    return MeterDay(**told | {"excluded": row.reasons or {}, "sources": sources, "slots": list(each.runs)})
