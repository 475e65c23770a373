"""How a customer is told, as their accounts' entitlements were written down: channels, quiet hours, limits.

One question to an index each: notices are made by the hundred while an outage is judged.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from sqlalchemy import Connection, select

from cloud.customers.file.needs import Need, need_table
from cloud.customers.store import account_table
from cloud.fleet.history import among
from cloud.tiers.entitlements.store import read_back
from cloud.tiers.entitlements.tables import given_table
from cloud.tiers.entitlements.terms import Reach, better

FAMILIES = {
    "email": ("mailto", "mailtos", "ses", "sendgrid"),
    "sms": ("sms", "sns", "twilio", "d7sms", "clicksend"),
    "wecom": ("wecombot",),
    "dingtalk": ("dingtalk",),
}
"""By the word that a customer's wish is written down with, the schemes of channels that are of its kind."""
INBOX = "inbox"


@dataclass(frozen=True, slots=True)
class Preference:
    """The best of a customer's accounts. `channel`: what they asked for, in one word; None: nothing."""

    reach: Reach | None = None
    quiet: tuple[time, time] | None = None
    channel: str | None = None


def of_customer(connection: Connection, customer: str) -> Preference:
    """As it was written down last; nothing where nothing is."""
    given, accounts = given_table.c, account_table.c
    query = select(given.terms).join(account_table, accounts.no == given.account)
    query = query.where(accounts.customer == customer, given.until.is_(None))
    best: dict[str, Any] = {}
    for row in connection.execute(query):
        for name, granted in read_back(row.terms).items():
            if name not in best or better(name, granted.value, best[name]):
                best[name] = granted.value
    start, end = best.get("quiet.start"), best.get("quiet.end")
    quiet = None if start is None or end is None else (start, end)
    return Preference(best.get("reach"), quiet, _channel(connection, customer))


def _channel(connection: Connection, customer: str) -> str | None:
    need, accounts = need_table.c, account_table.c
    query = select(need.detail).join(account_table, accounts.no == need.account)
    query = query.where(accounts.customer == customer, need.need == Need.CHANNEL.value)
    detail = connection.scalar(query.where(need.ended_at.is_(None)).order_by(need.id.desc()).limit(1))
    return None if detail is None else str(detail).strip().lower()


def channels(preference: Preference, known: Sequence[str]) -> Sequence[str]:
    """Those of a customer's channels that a notice below severe goes to. A wish that no channel of theirs
    meets leaves all of them: nobody is told less for having asked."""
    if preference.channel == INBOX or preference.reach is Reach.INBOX:
        return ()
    schemes = FAMILIES.get(preference.channel or "", ())
    wished = [each for each in known if each.partition(":")[0] in schemes]
    return wished or known


def preferred(connection: Connection, customer: str, known: Sequence[str]) -> Sequence[str]:
    """`channels` of what was written down."""
    return channels(of_customer(connection, customer), known) if known else known


def quiet_of(connection: Connection, customer: str, _: datetime) -> tuple[time, time] | None:
    """The hours in which a customer is not pushed below severe, besides the station's own."""
    return of_customer(connection, customer).quiet


def usage_factors(connection: Connection, customers: Collection[str]) -> dict[str, float]:
    """By customer so many times the usual hour are unusual; the least of their accounts."""
    given, accounts = given_table.c, account_table.c
    query = select(accounts.customer, given.terms).join(given_table, accounts.no == given.account)
    found: dict[str, float] = {}
    for part in among(query.where(given.until.is_(None)), accounts.customer, customers):
        for customer, terms in connection.execute(part):
            factor = terms.get("unusual_factor")
            if factor is not None:
                found[customer] = min(found.get(customer, factor["value"]), factor["value"])
    return found
