"""What was decided before a month: the state from which its decisions go on."""

from collections.abc import Collection
from datetime import date
from typing import Any

import numpy as np
from sqlalchemy import Connection, select

from cloud.tiers.rating.facts import Facts
from cloud.tiers.rating.judging import Past
from cloud.tiers.rating.machine import NONE, ORDER
from cloud.tiers.rating.months import back
from cloud.tiers.rating.tables import decision_table

_PLACES = {value.value: place for place, value in enumerate(ORDER)}
_KEPT = ("value_since", "credit", "credit_since", "sub", "sub_since", "shape", "shape_since")
LOOK_BACK = 6
"""Decisions older than so many months do not count as the state before: rating begins anew."""


def nothing(count: int, scores_back: int) -> Past:
    """Nobody was ever judged."""
    return Past(
        value=np.full(count, NONE),
        value_since=[None] * count,
        credit=[None] * count,
        credit_since=[None] * count,
        sub=[None] * count,
        sub_since=[None] * count,
        shape=[None] * count,
        shape_since=[None] * count,
        scores=np.full((count, scores_back), np.nan),
    )


def past(connection: Connection, month: date, facts: Facts, scores_back: int, alike: Collection[str]) -> Past:
    """Of each account its newest decision before `month`; another class begins anew, there and back too.

    `alike` are the rules whose scores compare with those of now: others say nothing of it.
    """
    count = len(facts.accounts)
    at = {no: row for row, no in enumerate(facts.accounts)}
    found = nothing(count, scores_back)
    table = decision_table.c
    query = select(
        table.account, table.month, table.rule, table["class"], table.score, table.value, table.value_since,
        table.credit, table.credit_since, table.sub, table.sub_since, table.shape, table.shape_since,
    ).where(table.month < month, table.month >= back(month, LOOK_BACK))  # fmt: skip
    for row in connection.execute(query.order_by(table.month)):
        place = at.get(row.account)
        if place is None:
            continue
        if row._mapping["class"] != facts.classes[place]:
            _forget(found, place)
        else:
            months = (month.year - row.month.year) * 12 + month.month - row.month.month
            _take(found, place, row, months, comparable=row.rule in alike)
    return found


def _forget(found: Past, place: int) -> None:
    """It was of another class in between: what stood before does not go on."""
    found.value[place], found.scores[place] = NONE, np.nan
    for name in _KEPT:
        getattr(found, name)[place] = None


def _take(found: Past, place: int, row: Any, months: int, *, comparable: bool) -> None:
    """A later one in place of an earlier one."""
    found.value[place] = _PLACES.get(row.value, NONE)
    if comparable and months <= found.scores.shape[1] and row.score is not None:
        found.scores[place, -months] = row.score
    for name in _KEPT:
        getattr(found, name)[place] = getattr(row, name)
