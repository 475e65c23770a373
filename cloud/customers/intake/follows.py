"""What follows from rows that a file ends: a consent withdrawn there ends what rested on it, as on a page."""

from collections.abc import Sequence

from sqlalchemy import Connection

from cloud.customers.file.consents import Purpose, purposes_of
from cloud.customers.intake.kinds import Key, Taking


def consent(connection: Connection, keys: Sequence[Key], taking: Taking) -> None:
    """Of (customer, purpose, since): where no other consent for the purpose stands."""
    for customer, purpose in sorted({(key[0], key[1]) for key in keys}):
        if Purpose(purpose) not in purposes_of(connection, customer):
            taking.withdrawn(connection, customer, Purpose(purpose), taking.now)
