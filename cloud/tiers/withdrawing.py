"""Ends what rests on a consent that was withdrawn, by whichever way: a page, an operator, a file.

What waits for an answer is declined for them; what has begun is measured and paid.
"""

from datetime import datetime

from sqlalchemy import Connection

from cloud.customers.file.consents import Purpose
from cloud.tiers.campaigns.store import close_of_customer
from cloud.tiers.response.answering import leave


def nothing_rests_on_it(connection: Connection, customer: str, purpose: Purpose, now: datetime) -> None:
    """Who withdraws their consent is asked no more, in the caller's transaction; again it does nothing."""
    if purpose is Purpose.OFFERS:
        close_of_customer(connection, customer, now)
    if purpose is Purpose.RESPONSE:
        leave(connection, customer, now)
