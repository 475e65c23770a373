"""How alembic reaches the database: on the one writing connection, inside its transaction."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from cloud.kit.db import Instant


def plain(kind: str, item: Any, _: AutogenContext) -> str | Literal[False]:
    """A step of history names no type of ours, which may change after it."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, Instant) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes.get("metadata"),
    render_item=plain,
    transactional_ddl=True,
)
context.run_migrations()
