"""Commands to meters and gateways over HTTP, and what meters say of themselves; for operators only.

One meter to a command: there is no list of meters to be given.
"""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy import Connection, Row

from cloud.fleet import command_store as store
from cloud.fleet import facts, registry
from cloud.fleet.command_rules import CommandState
from cloud.fleet.commands import Commands, Wish
from cloud.fleet.dispatch import Dispatch
from cloud.kit.auth import User
from cloud.kit.clock import Clock
from cloud.kit.db import Database
from cloud.kit.errors import NotFound
from cloud.kit.guard import Guard
from cloud.kit.moving import Happened
from cloud.kit.paging import After, AfterId, Limit, Page
from cloud.kit.problems import RESPONSES, explained
from cloud.kit.routes import Routes
from protocols.mqtt.orders import Capability, OrderKind, RelayState

Text = Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$")]
Name = Annotated[str, Field(max_length=64, pattern=r"^[^\x00-\x1f]*$")]


class Command(BaseModel):
    """`relay` is what was read back. `unknown` is never sent again: ask for `facts` and see."""

    id: str
    kind: OrderKind
    gateway: str
    meter: str | None
    state: CommandState
    reason: str
    asked_by: str
    asked_at: datetime
    issued_at: datetime | None
    expires_at: datetime
    sent_at: datetime | None
    changed_at: datetime
    detail: str
    values: dict[str, int | float] | None
    relay: RelayState | None


class ApprovalOut(BaseModel):
    by: str
    at: datetime


class CommandDetail(Command):
    """`has_backfeed` of the meter's area: true or null means that back-feed (反送电) has to be assumed."""

    has_backfeed: bool | None
    approvals: list[ApprovalOut]
    approvals_needed: int
    history: list[Happened]


class CommandIn(BaseModel):
    """`meter` or, for an update, `gateway`. `from_at`, `to_at` (half-open) belong to reread."""

    model_config = ConfigDict(extra="forbid")

    kind: OrderKind
    meter: Name = ""
    gateway: Name = ""
    reason: Text = ""
    good_for_min: Annotated[int, Field(ge=1, le=1440)] | None = None
    from_at: AwareDatetime | None = None
    to_at: AwareDatetime | None = None
    billing_exception: Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")] = ""
    url: Annotated[str, Field(max_length=500, pattern=r"^[^\x00-\x20]*$")] = ""
    sha256: Annotated[str, Field(pattern="^([0-9a-f]{64})?$")] = ""
    signature: Annotated[str, Field(pattern="^([0-9a-f]{128})?$")] = ""


class CancelIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    note: Text = ""


class Facts(BaseModel):
    """What the meter told; null or empty where it did not. `zones`: month, day, day table from then on."""

    meter: str
    at: datetime
    model: str
    address: str
    capability: Capability | None
    clock_offset_s: float | None
    settlement_days: list[str]
    zones: list[tuple[int, int, int]]
    day_tables: list[list[tuple[int, int]]]
    ct_ratio: float | None
    pt_ratio: float | None
    relay_open: bool | None
    status: list[str]
    asset_number: str
    protocol_version: str
    events: dict[str, int]
    unverified: list[str]


class MismatchOut(BaseModel):
    key: str
    meter_says: str
    registry_says: str


class FactsOut(BaseModel):
    """The newest, where it differs from the registry, and what was said before, newest first."""

    newest: Facts
    mismatches: list[MismatchOut]
    history: list[Facts]


def router(database: Database, guard: Guard, commands: Commands, dispatch: Dispatch, clock: Clock) -> Routes:
    routes = Routes(tags=["commands"], responses=RESPONSES)
    Operator = Annotated[User, Depends(guard.operator)]  # noqa: N806

    @routes.get("/commands")
    def list_commands(
        _: Operator,
        state: Annotated[list[CommandState] | None, Query()] = None,
        meter: After = "",
        after: AfterId = None,
        limit: Limit = 100,
    ) -> Page[Command]:
        """Commands, newest first."""
        with database.read() as connection:
            rows = store.commands(
                connection, states=state, meter=meter or None, before=after, limit=limit + 1
            )
        more = str(rows[limit - 1].number) if len(rows) > limit else None
        return Page(items=[Command(**row._mapping) for row in rows[:limit]], next=more)

    @routes.post("/commands", status_code=201, responses=explained(409))
    def ask(user: Operator, body: CommandIn) -> CommandDetail:
        """Ask for a command. A relay command waits for a second approver; whoever asks is the first."""
        with database.write() as connection:
            row = commands.ask(connection, wish(body), user.login, clock.now())
            detail = _detail(connection, row, commands)
        dispatch.tick()
        return detail

    @routes.get("/commands/{id}")
    def one(_: Operator, id: str) -> CommandDetail:  # noqa: A002
        """One command with its approvals and all that happened to it."""
        with database.read() as connection:
            return _detail(connection, store.command(connection, id), commands)

    @routes.post("/commands/{id}/approve", responses=explained(409))
    def approve(user: Operator, id: str) -> CommandDetail:  # noqa: A002
        """Approve as another person than those before; with the last one needed it is issued."""
        with database.write() as connection:
            row = commands.approve(connection, id, user.login, clock.now())
            detail = _detail(connection, row, commands)
        dispatch.tick()
        return detail

    @routes.post("/commands/{id}/cancel", responses=explained(409))
    def cancel(user: Operator, id: str, body: CancelIn) -> CommandDetail:  # noqa: A002
        """Cancel what is not issued yet."""
        with database.write() as connection:
            row = commands.cancel(connection, id, user.login, body.note, clock.now())
            return _detail(connection, row, commands)

    @routes.get("/meters/{id}/facts")
    def meter_facts(_: Operator, id: str) -> FactsOut:  # noqa: A002
        """What the meter says of itself: clock, slot tables, ratios, relay; 404 until it said anything."""
        with database.read() as connection:
            meter = registry.meter(connection, id)
            newest = facts.newest(connection, id)
            if newest is None:
                raise NotFound(f"meter {id!r} has told nothing of itself yet; ask for it by a facts command")
            before = facts.history(connection, id)
        differs = [MismatchOut(**_plain(each)) for each in facts.mismatches(newest.facts, meter)]
        return FactsOut(newest=_facts(newest), mismatches=differs, history=[_facts(each) for each in before])

    return routes


def wish(body: CommandIn) -> Wish:
    more: dict[str, Any] = {
        "from_ms": _ms(body.from_at),
        "to_ms": _ms(body.to_at),
        "billing_exception": body.billing_exception.strip(),
        "url": body.url,
        "sha256": body.sha256,
        "signature": body.signature,
    }
    more = {key: value for key, value in more.items() if value not in (None, "")}
    return Wish(body.kind, body.meter, body.gateway, body.reason, body.good_for_min, more)


def _ms(at: datetime | None) -> int | None:
    return None if at is None else round(at.timestamp() * 1000)


def _detail(connection: Connection, row: Row[Any], commands: Commands) -> CommandDetail:
    return CommandDetail(
        **row._mapping,
        has_backfeed=has_backfeed(connection, row.meter),
        approvals=[ApprovalOut(by=each.by, at=each.at) for each in store.approvals(connection, row.number)],
        approvals_needed=commands.needed(row),
        history=[Happened.model_validate(each) for each in store.COMMANDS.events(connection, row.number)],
    )


def has_backfeed(connection: Connection, meter: str | None) -> bool | None:
    """What is recorded of the meter's area; None is not known."""
    if meter is None:
        return None
    area = registry.area(connection, registry.meter(connection, meter).area)
    known: bool | None = area.has_backfeed
    return known


def _facts(told: facts.Told) -> Facts:
    plain = set(Facts.model_fields) - {"at", "day_tables"}
    fields = {name: getattr(told.facts, name) for name in plain}
    tables = [[(slot.minute, slot.tariff) for slot in table] for table in told.facts.day_tables]
    return Facts(at=told.at, day_tables=tables, **fields)


def _plain(each: facts.Mismatch) -> dict[str, str]:
    return {"key": each.key, "meter_says": each.meter_says, "registry_says": each.registry_says}
