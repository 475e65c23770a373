"""Settings of gateways over HTTP, for operators only: what was written, what is in force, what is next."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Row

from cloud.fleet import configs, gateways
from cloud.fleet.dispatch import Dispatch
from cloud.kit.auth import User
from cloud.kit.clock import Clock
from cloud.kit.db import Database
from cloud.kit.errors import NotFound
from cloud.kit.guard import Guard
from cloud.kit.problems import RESPONSES, explained
from cloud.kit.routes import Routes

SHOWN = 50


class ConfigVersion(BaseModel):
    """`state`: offered until the gateway answers, then applied or refused with its reason in `detail`."""

    version: int
    settings: dict[str, Any]
    note: str
    by: str
    at: datetime
    state: str
    detail: str
    answered_at: datetime | None


class InForce(BaseModel):
    """What the gateway itself says: `version` is in force, `state` is what became of `offered`."""

    version: int
    offered: int
    state: str
    detail: str
    at: datetime


class GatewayConfig(BaseModel):
    """`versions`, newest first; `in_force` is null while the gateway has not said."""

    gateway: str
    in_force: InForce | None
    versions: list[ConfigVersion]


class ConfigIn(BaseModel):
    """`settings`: tables of gateway.toml that may be set from afar. `after`: the version that was edited."""

    model_config = ConfigDict(extra="forbid")

    settings: dict[str, Any]
    note: Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$")] = ""
    after: Annotated[int, Field(ge=0)] | None = None


class Pushed(ConfigVersion):
    """`warnings` do not stand against it."""

    warnings: list[str]


def router(database: Database, guard: Guard, dispatch: Dispatch, clock: Clock) -> Routes:
    routes = Routes(tags=["fleet"], responses=RESPONSES)
    Operator = Annotated[User, Depends(guard.operator)]  # noqa: N806

    @routes.get("/gateways/{id}/config")
    def config(_: Operator, id: str) -> GatewayConfig:  # noqa: A002
        """The newest versions of a gateway's settings, and which is in force there."""
        with database.read() as connection:
            if not gateways.known(connection, id):
                raise NotFound(f"there is no gateway {id!r}")
            rows = configs.versions(connection, id, limit=SHOWN)
            told = configs.in_force(connection, id)
        in_force = None if told is None else InForce(**told._mapping)
        return GatewayConfig(gateway=id, in_force=in_force, versions=[_version(row) for row in rows])

    @routes.post("/gateways/{id}/config", status_code=201, responses=explained(409))
    def push(user: Operator, id: str, body: ConfigIn) -> Pushed:  # noqa: A002
        """Write the next version; it is offered to the gateway at once, and again until it is taken."""
        with database.write() as connection:
            row, checked = configs.push(
                connection,
                id,
                body.settings,
                by=user.login,
                note=body.note,
                now=clock.now(),
                after=body.after,
            )
        dispatch.say_config(id)
        return Pushed(**_version(row).model_dump(), warnings=list(checked.warnings))

    return routes


def _version(row: Row[Any]) -> ConfigVersion:
    return ConfigVersion(**row._mapping, settings=row.document)
