"""Metering points over HTTP, for operators: search, history, and what was done there. Values unmultiplied."""

import binascii
from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import Row

from cloud.customers.points import view as points_view
from cloud.customers.points.view import Account, Meter, Place
from cloud.fleet import events, imports, registry, topology
from cloud.fleet.history import area_facts, load
from cloud.kit.auth import User
from cloud.kit.clock import Clock
from cloud.kit.db import Database
from cloud.kit.errors import Invalid
from cloud.kit.guard import Guard
from cloud.kit.paging import After, Limit, Page, RowId
from cloud.kit.problems import RESPONSES, explained
from cloud.kit.routes import Routes
from cloud.metering.fieldwork import requests, seals
from cloud.metering.fieldwork.actions import Fieldwork
from cloud.metering.fieldwork.requests import Told

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Why = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]
Despite = Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$")]
Registers = Annotated[dict[str, Annotated[int, Field(ge=0, lt=2**53)]], Field(max_length=24)]


class _In(BaseModel):
    """`despite`: why it is so all the same, where the values are hard to believe."""

    model_config = ConfigDict(extra="forbid")

    at: AwareDatetime
    why: Why
    despite: Despite = ""


class NewMeterIn(BaseModel):
    """What is left out is as with the meter that goes."""

    model_config = ConfigDict(extra="forbid")

    id: Id
    address: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,12}$")]
    model: Id | None = None
    gateway: Id | None = None
    line: Id | None = None
    interval_s: Annotated[int, Field(ge=1, le=86_400)] | None = None
    asset_no: Id | None = None


class ExchangeIn(_In):
    """Register values in Wh and varh, as each meter showed them: {"energy_import_wh": 1234560}."""

    meter: NewMeterIn
    removed: Registers
    installed: Registers
    seals: Annotated[list[Id], Field(max_length=10)] = []


class RatioIn(_In):
    ct_ratio: Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)]
    pt_ratio: Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)] = 1.0
    registers: Registers = {}


class MoveIn(_In):
    area: Id
    box: Id | None = None


class FieldReadIn(_In):
    """`photo`: a JPEG or PNG in base64; `replaces`: the field read that this one corrects."""

    registers: Registers
    photo: Annotated[str, Field(max_length=7_100_000)] | None = None
    replaces: Annotated[int, Field(ge=1, lt=2**31)] | None = None


class SealIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    no: Id
    place: Annotated[str, Field(max_length=32)] = "cover"
    at: AwareDatetime


class SealOffIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    at: AwareDatetime
    why: Why


class PointOut(BaseModel):
    """As it is now; `meter` is null where none hangs. K is `ct_ratio` times `pt_ratio`."""

    point: str
    area: str
    box: str | None
    role: str
    side: str | None
    phase: str | None
    parent: str | None
    ct_ratio: float
    pt_ratio: float
    meter: str | None


class EventOut(BaseModel):
    """`proven_at` is null until the new meter's first reading fitted: no bill may rest on it before."""

    id: int
    kind: str
    at: datetime
    removed: str | None
    installed: str | None
    old: dict[str, Any]
    new: dict[str, Any]
    removed_registers: dict[str, int]
    installed_registers: dict[str, int]
    doubts: list[dict[str, str]]
    by: str
    why: str
    recorded_at: datetime
    proven_at: datetime | None


class ReadOut(BaseModel):
    id: int
    meter: str
    at: datetime
    registers: dict[str, int]
    doubts: list[dict[str, str]]
    photo: str | None
    by: str
    why: str
    recorded_at: datetime
    replaces: int | None


class PointHistory(BaseModel):
    """What was so from when until when, oldest first; `end` null is still."""

    point: str
    meters: list[Meter]
    places: list[Place]
    accounts: list[Account]
    events: list[EventOut]
    reads: list[ReadOut]


class AreaOut(BaseModel):
    """`manager` (台区经理) and `deputy` are logins or staff ids."""

    id: str
    name: str
    feeder: str
    section: str | None = None
    kind: str | None = None
    capacity_kva: float | None = None
    manager: str | None = None
    deputy: str | None = None


class SealOut(BaseModel):
    id: int
    no: str
    place: str
    fitted_at: datetime
    fitted_by: str
    removed_at: datetime | None
    removed_by: str | None
    removed_why: str | None


class ImportOut(BaseModel):
    id: int
    file: str
    system: str
    as_of: datetime | None
    at: datetime
    by: str
    outcome: str
    counts: dict[str, int]


class ImportDetail(ImportOut):
    """`changed`: field by field with old and new; `refused`: row and why."""

    added: list[list[str]]
    changed: list[dict[str, Any]]
    ended: list[list[str]]
    refused: list[dict[str, Any]]


class Made(BaseModel):
    id: int


def router(database: Database, guard: Guard, work: Fieldwork, clock: Clock) -> Routes:
    routes = Routes(tags=["points"], responses=RESPONSES)
    routes.include_router(_reading(database, guard, work))
    routes.include_router(_doing(guard, work))
    routes.include_router(_sealing(database, guard, work, clock))
    return routes


def _reading(database: Database, guard: Guard, work: Fieldwork) -> Routes:
    routes = Routes()
    Operator = Annotated[User, Depends(guard.operator)]  # noqa: N806

    @routes.get("/points")
    def points(_: Operator, area: After = "", after: After = "", limit: Limit = 100) -> Page[PointOut]:
        """Metering points in order of id, of one area when it is named."""
        with database.read() as connection:
            rows = topology.points(connection, area=area or None, after=after, limit=limit + 1)
        more = rows[limit - 1].point if len(rows) > limit else None
        return Page(items=[PointOut(**row._mapping) for row in rows[:limit]], next=more)

    @routes.get("/points/{id}/history")
    def point_history(_: Operator, id: str) -> PointHistory:  # noqa: A002
        """One point over time: meters, ratios and areas, accounts, what was done and read there."""
        with database.read() as connection:
            found = points_view.of_point(connection, id)
        return PointHistory(
            point=id,
            meters=found.meters,
            places=found.places,
            accounts=found.accounts,
            events=[_event(row) for row in found.events],
            reads=[ReadOut(**row._mapping) for row in found.reads],
        )

    @routes.get("/registry/areas")
    def areas(_: Operator) -> list[AreaOut]:
        """Areas with feeder, section, transformer, manager and deputy, as they are now."""
        with database.read() as connection:
            facts = load(connection, area_facts)
            names = registry.area_names(connection)
        return [AreaOut(id=id, name=names[id], **spans[-1].values) for id, spans in sorted(facts.items())]  # noqa: A001

    @routes.get("/registry/imports")
    def last_imports(_: Operator, limit: Annotated[int, Query(ge=1, le=200)] = 30) -> list[ImportOut]:
        """The last imports, newest first, with how many things each added, changed, ended and refused."""
        with database.read() as connection:
            return [ImportOut(**_import(row)) for row in imports.newest(connection, limit)]

    @routes.get("/registry/imports/{id}")
    def one_import(_: Operator, id: RowId) -> ImportDetail:  # noqa: A002
        """The diff report of one import."""
        with database.read() as connection:
            row = imports.one(connection, id)
        return ImportDetail(**{**row.report, **_import(row)})

    @routes.get("/photos/{sha256}", response_class=Response)
    def photo(_: Operator, sha256: str) -> Response:
        """The photograph of a field read."""
        return picture(work, sha256)

    return routes


def picture(work: Fieldwork, sha256: str) -> Response:
    """A kept photo as an image and nothing else."""
    from cloud.metering.fieldwork.photos import kind_of

    content = work.photos.read(sha256)
    return Response(content, media_type=f"image/{kind_of(content)}")


def _doing(guard: Guard, work: Fieldwork) -> Routes:
    routes = Routes()
    Operator = Annotated[User, Depends(guard.operator)]  # noqa: N806

    @routes.post("/points/{id}/exchange", status_code=201, responses=explained(409))
    def exchange(user: Operator, id: str, body: ExchangeIn) -> Made:  # noqa: A002
        """One meter went, another hangs; 409 tells what is hard to believe."""
        meter = requests.NewMeter(**body.meter.model_dump())
        wanted = requests.Exchange(id, body.at, meter, body.removed, body.installed, tuple(body.seals))
        return Made(id=work.exchange(wanted, _told(user, body)))

    @routes.post("/points/{id}/ratio", status_code=201, responses=explained(409))
    def ratio(user: Operator, id: str, body: RatioIn) -> Made:  # noqa: A002
        """From `at` on another ratio holds."""
        wanted = requests.RatioChange(id, body.at, body.ct_ratio, body.pt_ratio, body.registers)
        return Made(id=work.change_ratio(wanted, _told(user, body)))

    @routes.post("/points/{id}/move", status_code=201, responses=explained(409))
    def move(user: Operator, id: str, body: MoveIn) -> Made:  # noqa: A002
        """From `at` on the point belongs to another area."""
        return Made(id=work.move(requests.Move(id, body.at, body.area, body.box), _told(user, body)))

    @routes.post("/points/{id}/field-reads", status_code=201, responses=explained(409))
    def field_read(user: Operator, id: str, body: FieldReadIn) -> Made:  # noqa: A002
        """What somebody read off the meter (补抄), with a photo or without."""
        photo = None if body.photo is None else _decoded(body.photo)
        wanted = requests.FieldRead(id, body.at, body.registers, photo, body.replaces)
        return Made(id=work.read_by_hand(wanted, _told(user, body)))

    return routes


def _sealing(database: Database, guard: Guard, work: Fieldwork, clock: Clock) -> Routes:
    routes = Routes()
    Operator = Annotated[User, Depends(guard.operator)]  # noqa: N806

    @routes.get("/meters/{id}/seals")
    def of_meter(_: Operator, id: str) -> list[SealOut]:  # noqa: A002
        """Every seal that the meter bore, oldest first."""
        with database.read() as connection:
            registry.meter(connection, id)
            return [SealOut(**row._mapping) for row in events.seals(connection, id)]

    @routes.post("/meters/{id}/seals", status_code=201, responses=explained(409))
    def fit(user: Operator, id: str, body: SealIn) -> Made:  # noqa: A002
        """A new seal was put on."""
        now = clock.now()
        work.refuse_seals(body.at, now)
        with database.write() as connection:
            registry.meter(connection, id)
            number = seals.fit(connection, id, body.no, body.place, body.at, user.login, now)
        return Made(id=number)

    @routes.post("/seals/{id}/removal", status_code=204, responses=explained(409))
    def take_off(user: Operator, id: RowId, body: SealOffIn) -> None:  # noqa: A002
        """A seal was cut, or found broken."""
        work.refuse_seals(body.at, clock.now())
        with database.write() as connection:
            seals.take_off(connection, id, body.at, user.login, body.why)

    return routes


def _told(user: User, body: _In) -> Told:
    return Told(user.login, body.why, body.despite)


def _decoded(photo: str) -> bytes:
    try:
        return b64decode(photo, validate=True)
    except (binascii.Error, ValueError):
        raise Invalid("photo: write the bytes in base64") from None


def _event(row: Row[Any]) -> EventOut:
    return EventOut(**row._mapping)


def _import(row: Row[Any]) -> Mapping[str, Any]:
    names = ("id", "file", "system", "as_of", "at", "by", "outcome")
    return {name: row._mapping[name] for name in names} | {"counts": row.report["counts"]}
