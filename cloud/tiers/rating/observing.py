"""Needs read off behaviour, with their evidence: only where the customer agreed, never over a declared."""

from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import Connection, bindparam, insert, select, update

from cloud.customers.file.needs import Need, NeedOrigin, need_table
from cloud.tiers.rating import criteria
from cloud.tiers.rating.facts import Facts
from cloud.tiers.rating.inputs import AT
from cloud.tiers.rating.policy import Rule


def observed(facts: Facts, rule: Rule) -> dict[tuple[str, Need], dict[str, Any]]:
    """By account and need the evidence, of those whose customers agreed to observation."""
    found: dict[tuple[str, Need], dict[str, Any]] = {}
    classes = np.asarray(facts.classes, object)
    for each in rule.need:
        of_class = np.isin(classes, [class_.value for class_ in each.classes])
        rows = np.flatnonzero(facts.observable & of_class & criteria.fits(each.when, facts.table))
        for row in rows.tolist():
            evidence = {name: round(float(facts.table[row, AT[name]]), 3) for name in each.when}
            found.setdefault((facts.accounts[row], each.need), evidence)
    return found


def keep(connection: Connection, facts: Facts, rule: Rule, now: datetime) -> int:
    """Begin what is seen now, end what is seen no more or may not be observed any longer; how many changed.

    What stands is left as it is, with the evidence of the time when it began.
    """
    seen = observed(facts, rule)
    table = need_table.c
    query = select(table.id, table.account, table.need, table.origin).where(table.ended_at.is_(None))
    standing = {(row.account, Need(row.need)): row for row in connection.execute(query)}
    by = f"rule {rule.version}"
    fresh = [
        {"account": account, "need": need.value, "detail": "", "origin": NeedOrigin.OBSERVED.value}
        | {"evidence": evidence, "since": now, "by": by}
        for (account, need), evidence in seen.items()
        if (account, need) not in standing
    ]
    over = [
        {"of": row.id}
        for key, row in standing.items()
        if row.origin == NeedOrigin.OBSERVED and key not in seen
    ]
    if fresh:
        connection.execute(insert(need_table), fresh)
    if over:
        ended = update(need_table).where(table.id == bindparam("of")).values(ended_at=now, ended_by=by)
        connection.execute(ended, over)
    return len(fresh) + len(over)
