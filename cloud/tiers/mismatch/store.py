"""Remembers evidence of classes, groups to compare with, cases and what people said. For operators only."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, delete, func, insert, select

from cloud.analysis.classes.groups import LEAST_CUSTOMERS, Quartiles
from cloud.kit.moving import Moving
from cloud.tiers.mismatch.rules import MACHINE, SETTLED, WAITING, State
from cloud.tiers.mismatch.tables import (
    case_table,
    event_table,
    evidence_table,
    group_table,
    model_table,
)

CASES = Moving(MACHINE, case_table, event_table)
"""Each with what was done about it: (id, case, at, who, event, state, note)."""


@dataclass(frozen=True, slots=True)
class Case:
    """Behaviour of an account that speaks for `seems`, not for its contract's class. Evidence, no verdict.

    `evidence` as `groups.Contradiction` has it; `difference` what the other tariff comes to more in yuan of
    the months in `priced`, None where it is not known: `priced` says why.
    """

    id: int
    account: str
    class_: str
    seems: str
    state: str
    probability: float
    months: int
    in_row: int
    month: date
    coverage: float | None
    estimated: float | None
    evidence: tuple[dict[str, Any], ...]
    checks: tuple[str, ...]
    difference: Decimal | None
    priced: dict[str, Any]
    source: str
    version: int
    policy: str
    found_at: datetime
    changed_at: datetime
    settled_at: datetime | None
    quiet_until: date | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the behaviour of an account speaks for; `probabilities` by family, classes weighed evenly."""

    account: str
    month: date
    class_: str
    probabilities: dict[str, float]
    months: int
    in_row: int
    coverage: float | None
    estimated: float | None
    source: str
    version: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Model:
    """How well behaviour told the families apart in a month, out of fold."""

    month: date
    version: int
    policy: str
    source: str
    accounts: dict[str, int]
    balanced: float | None
    recall: dict[str, float | None]
    confusion: dict[str, dict[str, int]]
    inputs: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Group:
    """Quartiles of a family: `work`, `off` float64 (3, 96) of days over their mean load, None of too few."""

    family: str
    customers: int
    features: dict[str, Quartiles]
    work: NDArray[np.float64] | None
    off: NDArray[np.float64] | None


@dataclass(frozen=True, slots=True)
class Worth:
    """What looks at cases came to: `share` of those that were looked at."""

    settled: int
    confirmed: int
    not_confirmed: int
    dismissed: int

    @property
    def share(self) -> float | None:
        looked = self.confirmed + self.not_confirmed
        return self.confirmed / looked if looked else None


def cases(
    connection: Connection, *, waiting: bool = True, after: int | None = None, limit: int | None = None
) -> list[Case]:
    """Those that wait, the surest first, `after` so many; with `waiting` false all, newest first."""
    table = case_table.c
    query = select(case_table).limit(limit)
    if waiting:
        query = query.where(table.state.in_(sorted(WAITING)))
        query = query.order_by(table.probability.desc(), table.in_row.desc(), table.id).offset(after or 0)
    else:
        query = query.order_by(table.id.desc())
        query = query if after is None else query.where(table.id < after)
    return [_case(row) for row in connection.execute(query)]


def case(connection: Connection, id: int) -> Case:  # noqa: A002
    """NotFound: there is none."""
    return _case(CASES.row(connection, id))


def every(connection: Connection) -> list[Case]:
    """All there ever were, oldest first."""
    return [_case(row) for row in connection.execute(select(case_table).order_by(case_table.c.id))]


def worth(connection: Connection) -> Worth:
    """What came of all that somebody settled: told beside the list."""
    table = case_table.c
    query = select(table.state, func.count()).where(table.state.in_(sorted(SETTLED))).group_by(table.state)
    count: dict[str, int] = {row[0]: row[1] for row in connection.execute(query)}
    found = [count.get(each.value, 0) for each in (State.CONFIRMED, State.NOT_CONFIRMED, State.DISMISSED)]
    return Worth(sum(found), *found)


def save_evidence(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """In place of all there was."""
    connection.execute(delete(evidence_table))
    if rows:
        connection.execute(insert(evidence_table), list(rows))


def evidence(connection: Connection, accounts: Collection[str]) -> dict[str, Evidence]:
    """By account, of a few; an account without has too few months that can be judged."""
    query = select(evidence_table).where(evidence_table.c.account.in_(sorted(accounts)))
    return {row.account: Evidence(**_renamed(row)) for row in connection.execute(query)}


def save_model(connection: Connection, made: Model) -> None:
    """In place of what there was of the month."""
    connection.execute(delete(model_table).where(model_table.c.month == made.month))
    connection.execute(insert(model_table).values(asdict(made)))


def newest_model(connection: Connection) -> Model | None:
    query = select(model_table).order_by(model_table.c.month.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else Model(**row._mapping)


def save_groups(connection: Connection, month: date, made: Collection[Group]) -> None:
    """In place of all there was; a family of fewer than ten is not kept."""
    connection.execute(delete(group_table))
    rows = [
        {
            "month": month,
            "class": each.family,
            "customers": each.customers,
            "features": {name: list(three) for name, three in each.features.items()},
            "work": _packed(each.work),
            "off": _packed(each.off),
        }
        for each in made
        if each.customers >= LEAST_CUSTOMERS
    ]
    if rows:
        connection.execute(insert(group_table), rows)


def groups(connection: Connection) -> dict[str, Group]:
    """By family."""
    return {row[1]: _group(row) for row in connection.execute(select(group_table))}


def _group(row: Row[Any]) -> Group:
    values = row._mapping
    features = {name: (three[0], three[1], three[2]) for name, three in values["features"].items()}
    work, off = (_unpacked(values[name]) for name in ("work", "off"))
    return Group(values["class"], values["customers"], features, work, off)


def _case(row: Row[Any]) -> Case:
    values = _renamed(row)
    values["evidence"], values["checks"] = tuple(values["evidence"]), tuple(values["checks"])
    return Case(**values)


def _renamed(row: Row[Any]) -> dict[str, Any]:
    return {("class_" if name == "class" else name): value for name, value in row._mapping.items()}


def _packed(values: NDArray[np.float64] | None) -> bytes | None:
    return None if values is None else values.astype("<f4").tobytes()


def _unpacked(content: bytes | None) -> NDArray[np.float64] | None:
    return None if content is None else np.frombuffer(content, "<f4").reshape(3, -1).astype(np.float64)
