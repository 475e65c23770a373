"""Erasing a customer over HTTP: for operators, with a reason, and never to be undone."""

from datetime import datetime
from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field

from cloud.keeping import erase as erasing
from cloud.kit.auth import User
from cloud.kit.clock import Clock
from cloud.kit.db import Database
from cloud.kit.guard import Guard
from cloud.kit.problems import RESPONSES
from cloud.kit.routes import Routes
from cloud.metering.fieldwork.photos import Photos


class Reason(BaseModel):
    model_config = ConfigDict(extra="forbid")

    why: str = Field(min_length=1, max_length=500)


class Erased(BaseModel):
    customer: str
    accounts: int
    rows: int


class Erasure(BaseModel):
    customer: str
    by: str
    why: str
    at: datetime
    rows: int


def router(database: Database, guard: Guard, clock: Clock, photos: Photos) -> Routes:
    routes = Routes(tags=["customers"], responses=RESPONSES)
    Operator = Annotated[User, Depends(guard.operator)]  # noqa: N806

    @routes.post("/customers/{id}/erase")
    def erase(user: Operator, id: str, body: Reason) -> Erased:  # noqa: A002
        """Erase name, telephone, addresses, logins, words and photos of one who left; accounts are kept."""
        done = erasing.erase_with_photos(database, photos, id, by=user.login, why=body.why, now=clock.now())
        return Erased(customer=done.customer, accounts=done.accounts, rows=done.rows)

    @routes.get("/erasures")
    def erasures(_: Operator) -> list[Erasure]:
        """Who was erased, by whom and why, newest first."""
        with database.read() as connection:
            rows = erasing.erasures(connection)
        return [Erasure.model_validate(dict(row._mapping)) for row in rows]

    return routes
