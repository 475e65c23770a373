"""What an open outage forbids: while an area is out, no relay in it is moved from afar."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from cloud.alerts import store
from cloud.fleet.command_rules import Against, Objection
from protocols.mqtt.orders import OrderKind


def outage(
    connection: Connection,
    meter: Row[Any],
    kind: OrderKind,  # noqa: ARG001 - either way: a crew may be at work there
    now: datetime,  # noqa: ARG001 - an alert is open or it is not
) -> Sequence[Objection]:
    """Off and on alike."""
    if store.open_outage(connection, meter.area) is None:
        return ()
    return (Objection(Against.OUTAGE, f"area {meter.area} has an open outage: nothing is switched in it"),)
