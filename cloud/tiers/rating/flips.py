"""How steady the tiers are: how many moved in a month, and how many went away and came back."""

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from cloud.tiers.rating.machine import NONE
from cloud.tiers.rating.months import back
from cloud.tiers.rating.tables import decision_table

WITHIN = 6
"""Months within which a return to a tier that was left counts as an oscillation."""
_CHUNK = 400
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Report:
    """Of accounts that had a value tier before and have one now (`compared`): `up`, `down`, `returned` (A→x→A
    within six months). `first` guesses moved freely and are not in it. Shares are None of nothing."""

    accounts: int
    rated: int
    provisional: int
    compared: int
    up: int
    down: int
    returned: int
    flips: float | None
    oscillation: float | None
    needs: int = 0

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def report(before: Ints, now: Ints, free: NDArray[np.bool_], returned: int) -> Report:
    """Tiers by account as places in `machine.ORDER`."""
    both = (before != NONE) & (now != NONE) & ~free
    up, down = int((both & (now < before)).sum()), int((both & (now > before)).sum())
    compared = int(both.sum())
    return Report(
        accounts=len(now),
        rated=int((now != NONE).sum()),
        provisional=int(free.sum()),
        compared=compared,
        up=up,
        down=down,
        returned=returned,
        flips=(up + down) / compared if compared else None,
        oscillation=returned / compared if compared else None,
    )


def came_back(connection: Connection, month: date, moved: dict[str, tuple[str, str]]) -> int:
    """How many of those that moved (account: from, to) had left that tier within six months."""
    table, found = decision_table.c, set()
    accounts = sorted(moved)
    for low in range(0, len(accounts), _CHUNK):
        query = select(table.account, table.value).where(
            table.account.in_(accounts[low : low + _CHUNK]),
            table.month.between(back(month, WITHIN), back(month, 1)),
        )
        for row in connection.execute(query):
            if row.value == moved[row.account][1]:
                found.add(row.account)
    return len(found)
