"""What is known of deliveries from parts above this one: each is handed a reader of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection

from cloud.policies.deadlines import Place


@dataclass(frozen=True, slots=True)
class OrderFact:
    """One work order and the accounts it was for; `by` times are what the order itself promised."""

    number: str
    accounts: tuple[str, ...]
    place: Place
    opened_at: datetime
    on_site_by: datetime
    restore_by: datetime
    arrived_at: datetime | None
    restored_at: datetime | None
    cancelled: bool


@dataclass(frozen=True, slots=True)
class NoticeFact:
    """One notice to a customer; `sent`, `dead`, `pending` count its deliveries to channels of theirs."""

    customer: str
    at: datetime
    sent: int
    dead: int
    pending: int


Orders = Callable[[Connection, datetime, datetime], Sequence[OrderFact]]
"""The orders opened in [start, end)."""
Notices = Callable[[Connection, datetime, datetime], Sequence[NoticeFact]]
"""The notices to customers made in [start, end)."""
Advised = Callable[[Connection, Sequence[str], date], Mapping[str, date]]
"""By account the newest day before that one on which it was advised, or refused advice with a reason."""
Issued = Callable[[Connection, date], Mapping[str, date]]
"""By account the local day on which the energy report of the month that begins so was issued."""
Counted = Callable[[str, datetime, datetime, int], int]
"""(meter, start, end, interval_s) → in how many of the intervals in [start, end) the meter was read."""


def no_orders(_: Connection, __: datetime, ___: datetime) -> Sequence[OrderFact]:
    return ()


def no_notices(_: Connection, __: datetime, ___: datetime) -> Sequence[NoticeFact]:
    return ()


def nobody_told(_: str) -> None:
    """There is no way down to gateways."""


@dataclass(frozen=True, slots=True)
class Outside:
    """`advised`, `counted` None: nobody keeps that, and what depends on it is not known."""

    say_config: Callable[[str], None] = nobody_told
    orders: Orders = no_orders
    notices: Notices = no_notices
    advised: Advised | None = None
    counted: Counted | None = None
    reports: Issued | None = None
