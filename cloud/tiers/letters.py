"""What a customer is told that is no alert, as an offer: alerts are above, so the sender is handed in."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Letter:
    """`kind` as `alerts.policy.NoticeKind` has it; `subject` ("campaign 7") is told once to each customer.

    `params` never hold a figure of usage.
    """

    customer: str
    kind: str
    subject: str
    at: datetime
    params: Mapping[str, Any]


Tell = Callable[[Connection, Letter], object]
"""Writes a letter into the caller's transaction; telling the same again does nothing."""


Troubled = Callable[[Connection, datetime], Collection[str]]
"""The customers of whom an outage, a fault report or a complaint is open: nobody asks them anything now."""


def nobody(connection: Connection, at: datetime) -> Collection[str]:  # noqa: ARG001
    """For a station that keeps no work orders."""
    return ()


def tell_nobody(connection: Connection, letter: Letter) -> None:
    """For a service without notices, as a bench."""
