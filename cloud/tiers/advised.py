"""When each account was last looked at for advice: told something, or refused it with a reason."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import Connection, func, select

from cloud.tiers.advice.store import advice_table, refusal_table


def newest_advice(connection: Connection, accounts: Sequence[str]) -> dict[str, date]:
    """By account, of those that were ever looked at."""
    wanted = set(accounts)
    found: dict[str, date] = {}
    for table, at in ((advice_table, advice_table.c.made_at), (refusal_table, refusal_table.c.at)):
        for account, newest in connection.execute(
            select(table.c.account, func.max(at)).group_by(table.c.account)
        ):
            if account in wanted:
                found[account] = max(newest.date(), found.get(account, newest.date()))
    return found
