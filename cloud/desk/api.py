"""The customer file over HTTP: operators ask for anybody's, a customer for their own."""

from typing import Annotated

from fastapi import Depends

from cloud.desk import outs
from cloud.desk.file import Desk, file
from cloud.kit.auth import User
from cloud.kit.clock import Clock
from cloud.kit.db import Database
from cloud.kit.errors import NotFound
from cloud.kit.guard import Guard
from cloud.kit.problems import RESPONSES
from cloud.kit.routes import Routes


def router(database: Database, guard: Guard, desk: Desk, clock: Clock) -> Routes:
    routes = Routes(tags=["customer file"], responses=RESPONSES)
    Operator = Annotated[User, Depends(guard.operator)]  # noqa: N806
    Reader = Annotated[User, Depends(guard.user)]  # noqa: N806

    @routes.get("/customers/{id}/file")
    def of_customer(user: Operator, id: str) -> outs.CustomerFile:  # noqa: A002
        """Everything known of a customer (客户档案), out of every part of the station's books."""
        with database.read() as connection:
            return file(connection, desk, id, user, clock.now())

    @routes.get("/me/file")
    def own(user: Reader) -> outs.CustomerFile:
        """Everything the station knows of you; 404 for an operator, who is no customer."""
        if user.customer is None:
            raise NotFound("an operator has no customer file")
        with database.read() as connection:
            return file(connection, desk, user.customer, user, clock.now())

    return routes
