"""Protected accounts and proofs of service over HTTP, for operators only."""

from datetime import datetime
from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field

from cloud.customers import protection
from cloud.customers.protection import Protection
from cloud.fleet import registry
from cloud.kit.auth import User
from cloud.kit.clock import Clock
from cloud.kit.db import Database
from cloud.kit.guard import Guard
from cloud.kit.paging import RowId
from cloud.kit.problems import RESPONSES, explained
from cloud.kit.routes import Routes

Account = Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[^\x00-\x1f]*$")]
Why = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]


class ProtectionOut(BaseModel):
    """Out of reach of any disconnection while `ended_at` is null."""

    id: int
    account: str
    kind: Protection
    why: str
    by: str
    since: datetime
    ended_at: datetime | None
    ended_by: str | None
    ended_why: str | None


class ProtectIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    account: Account
    kind: Protection
    why: Why


class EndIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    why: Why


class ProofIn(BaseModel):
    """The account that the meter was seen to serve."""

    model_config = ConfigDict(extra="forbid")

    account: Account


def router(database: Database, guard: Guard, clock: Clock) -> Routes:
    routes = Routes(tags=["protection"], responses=RESPONSES)
    Operator = Annotated[User, Depends(guard.operator)]  # noqa: N806

    @routes.get("/protections")
    def list_protections(_: Operator, *, ended: bool = False) -> list[ProtectionOut]:
        """The accounts no disconnection reaches, newest first; with `ended` also those that were."""
        with database.read() as connection:
            rows = protection.protections(connection, ended=ended)
        return [ProtectionOut(**row._mapping) for row in rows]

    @routes.post("/protections", status_code=201, responses=explained(409))
    def protect(user: Operator, body: ProtectIn) -> ProtectionOut:
        """Put an account out of reach."""
        with database.write() as connection:
            row = protection.protect(connection, body.account, body.kind, body.why, user.login, clock.now())
        return ProtectionOut(**row._mapping)

    @routes.post("/protections/{id}/end", responses=explained(409))
    def end(user: Operator, id: RowId, body: EndIn) -> ProtectionOut:  # noqa: A002
        """End a protection; it stays in the book."""
        with database.write() as connection:
            row = protection.end(connection, id, body.why, user.login, clock.now())
        return ProtectionOut(**row._mapping)

    @routes.post("/meters/{id}/proof", status_code=204)
    def prove(user: Operator, id: str, body: ProofIn) -> None:  # noqa: A002
        """Say that somebody saw on site which account this meter serves (`wattpost edge identify`)."""
        with database.write() as connection:
            registry.meter(connection, id)
            protection.prove(connection, id, body.account, user.login, clock.now())

    return routes
