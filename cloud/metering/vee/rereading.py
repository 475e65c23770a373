"""The order to a gateway that an exception asks for: read a day again out of the meter's own memory."""

from datetime import datetime

from sqlalchemy import Connection

from cloud.fleet.commands import Commands, Wish
from cloud.metering.store import ms
from cloud.metering.vee.exceptions import Reread
from protocols.mqtt.orders import OrderKind

REASON = "validation"


def by(commands: Commands) -> Reread:
    """Asks `commands`; the id of the order comes back."""

    def reread(
        connection: Connection, meter: str, start: datetime, end: datetime, who: str, now: datetime
    ) -> str:
        more = {"from_ms": ms(start), "to_ms": ms(end)}
        wish = Wish(OrderKind.REREAD, meter, reason=REASON, more=more)
        return str(commands.ask(connection, wish, who, now).id)

    return reread
