"""The topology over HTTP: operators see the whole of it, a customer the meters that are or were theirs."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends
from pydantic import BaseModel, computed_field
from sqlalchemy import Connection, Row

from cloud.fleet import gateways as fleet_gateways
from cloud.fleet import registry
from cloud.kit.auth import User
from cloud.kit.clock import Clock
from cloud.kit.db import Database
from cloud.kit.errors import NotFound
from cloud.kit.guard import Guard
from cloud.kit.paging import After, Limit, Page
from cloud.kit.problems import RESPONSES
from cloud.kit.routes import Routes
from cloud.kit.scope import Scope
from protocols.mqtt.messages import Supply

HEARD_WITHIN = timedelta(minutes=2)
OVERDUE_AFTER = timedelta(minutes=5)
NOTES = 5


class Area(BaseModel):
    """`meters` counts those of the area for an operator, one's own for a customer.

    `has_backfeed` is told to operators: PV or a generator may feed back (反送电); null: assume it.
    """

    id: str
    name: str
    feeder: str
    meters: int
    has_backfeed: bool | None = None


class Meter(BaseModel):
    id: str
    model: str
    area: str
    phase: str | None
    role: str
    interval_s: int


class MeterOnLine(Meter):
    """With where it hangs, which is for operators."""

    address: str
    gateway: str
    line: str
    ct_ratio: float
    pt_ratio: float

    @computed_field  # type: ignore[prop-decorator]
    @property
    def ratio(self) -> float:
        """K (倍率); what is read here is multiplied by it already, where the meter gives secondary values."""
        return self.ct_ratio * self.pt_ratio


class GatewayNote(BaseModel):
    """What an operator should know of, such as an outbox put back from an old image."""

    kind: str
    detail: str
    at: datetime


class Gateway(BaseModel):
    """`online` is what it or the broker said last; `heard_at` when it said anything itself.

    `overdue`: it is heard and holds batches, and for a while none came that could be stored.
    """

    id: str
    name: str
    meters: int
    silent_meters: int = 0
    online: bool = False
    online_since: datetime | None = None
    heard_at: datetime | None = None
    supply: Supply = Supply.UNKNOWN
    backlog_batches: int | None = None
    overdue: bool = False
    notes: list[GatewayNote] = []


def router(database: Database, guard: Guard, clock: Clock) -> Routes:
    routes = Routes(tags=["fleet"], responses=RESPONSES)

    @routes.get("/areas")
    def areas(scope: Annotated[Scope, Depends(guard.scope)]) -> list[Area]:
        """Every area, for a customer those of their meters."""
        with database.read() as connection:
            if scope.windows is None:
                return [_area(row, row.meters, row.has_backfeed) for row in registry.areas(connection)]
            own = [meter.area for meter in registry.meters(connection, scope.meters())]
            return [_area(row, own.count(row.id)) for row in registry.areas(connection, own)]

    @routes.get("/meters")
    def meters(
        scope: Annotated[Scope, Depends(guard.scope)], area: After = "", after: After = "", limit: Limit = 100
    ) -> Page[MeterOnLine | Meter]:
        """Meters in order of id, of one area when it is named."""
        with database.read() as connection:
            rows = registry.meters(
                connection, scope.meters(), area=area or None, after=after, limit=limit + 1
            )
        more = rows[limit - 1].id if len(rows) > limit else None
        return Page(items=[_meter(row, scope) for row in rows[:limit]], next=more)

    @routes.get("/meters/{id}")
    def meter(scope: Annotated[Scope, Depends(guard.scope)], id: str) -> MeterOnLine | Meter:  # noqa: A002
        """One meter."""
        with database.read() as connection:
            return _meter(visible(scope, registry.meter(connection, id)), scope)

    @routes.get("/gateways")
    def gateways(_: Annotated[User, Depends(guard.operator)]) -> list[Gateway]:
        """Every gateway and how it is."""
        with database.read() as connection:
            states = {state.gateway: state for state in fleet_gateways.states(connection)}
            known = [_gateway(row, states.get(row.id)) for row in registry.gateways(connection)]
            overdue = fleet_gateways.data_overdue(
                connection, clock.now(), heard_within=HEARD_WITHIN, after=OVERDUE_AFTER
            )
            notes = _notes(connection)
        return [
            each.model_copy(update={"overdue": each.id in overdue, "notes": notes.get(each.id, [])})
            for each in known
        ]

    return routes


def visible(scope: Scope, meter: Row[Any]) -> Row[Any]:
    """The meter, when anything of it may be seen; else it is as if there were none."""
    own = scope.meters()
    if own is not None and meter.id not in own:
        raise NotFound(f"there is no meter {meter.id!r}")
    return meter


def _gateway(row: Row[Any], state: Row[Any] | None) -> Gateway:
    known = Gateway(id=row.id, name=row.name, meters=row.meters)
    if state is None:
        return known
    told: dict[str, Any] = {
        "online": state.online,
        "online_since": state.online_since,
        "heard_at": state.heard_at,
    }
    health = fleet_gateways.health_in(state)
    if health is not None:
        silent = sum(meter.unanswered >= fleet_gateways.SILENT_AFTER for meter in health.meters)
        told |= {
            "supply": health.supply,
            "backlog_batches": health.backlog_batches,
            "silent_meters": silent,
        }
    return known.model_copy(update=told)


def _notes(connection: Connection) -> dict[str, list[GatewayNote]]:
    """The last few of each gateway, oldest first."""
    found: dict[str, list[GatewayNote]] = {}
    for row in fleet_gateways.notes(connection):
        mine = found.setdefault(row.gateway, [])
        mine.append(GatewayNote(kind=row.kind, detail=row.detail, at=row.at))
        del mine[:-NOTES]
    return found


def _area(row: Row[Any], meters: int, has_backfeed: bool | None = None) -> Area:
    return Area(id=row.id, name=row.name, feeder=row.feeder, meters=meters, has_backfeed=has_backfeed)


def _meter(row: Row[Any], scope: Scope) -> MeterOnLine | Meter:
    return (MeterOnLine if scope.windows is None else Meter)(**row._mapping)
