"""Meters crossed in one visit: told by each customer going on as the other, by nothing without a visit."""

from datetime import date, timedelta

import numpy as np
from sqlalchemy import insert

from cloud.analysis.loss.balance import CUSTOMER, SUPPLY, Bounded
from cloud.fleet.events import event_table
from cloud.insight.loss import area_history, listing, misplaced
from cloud.insight.loss.energies import History
from cloud.insight.loss.listing import Span
from cloud.insight.loss.policy import loss_policy
from tests.cloud.insight.loss.hamlet import Hamlet

FIRST, DAYS, VISIT = date(2026, 1, 1), 120, 60
POINTS = ("P-1", "P-2", "P-3", "P-4", "T-1")


def area(crossed: bool) -> area_history.Area:
    """Four customers of different habits; from the visit on the first two have each other's meter."""
    random = np.random.default_rng(1)
    week = random.uniform(0.5, 2.0, (4, 7))
    level = np.array([[6.0], [15.0], [9.0], [12.0]])
    kwh = level * week[:, np.arange(DAYS) % 7] * np.exp(0.2 * random.standard_normal((4, DAYS)))
    if crossed:
        kwh[:2, VISIT:] = kwh[1::-1, VISIT:]
    kwh = np.vstack([kwh, kwh.sum(axis=0) * 1.04])
    bounds, nothing = Bounded(kwh, kwh, kwh), Bounded(*[np.zeros_like(kwh)] * 3)
    role = np.tile(np.array([[CUSTOMER]] * 4 + [[SUPPLY]], np.int8), (1, DAYS))
    days = tuple(FIRST + timedelta(days=number) for number in range(DAYS))
    history = History("A01", days, POINTS, role, np.ones(5), bounds, nothing, np.full(DAYS, np.nan))
    return area_history.area_of(history, loss_policy())


def found(of: area_history.Area, visit: int = VISIT) -> list[tuple[str | None, str | None]]:
    items = misplaced.crossed_at_exchanges(of, [(FIRST + timedelta(days=visit), POINTS[:4])])
    return [(item.point, item.other) for item in items]


def test_who_goes_on_as_the_other_since_the_visit_is_listed_with_them() -> None:
    assert found(area(crossed=True)) == [("P-1", "P-2"), ("P-2", "P-1")]


def test_a_visit_that_crossed_nothing_lists_nobody() -> None:
    assert found(area(crossed=False)) == []


def test_too_soon_after_the_visit_nothing_is_said() -> None:
    assert found(area(crossed=True), visit=DAYS - 20) == []


def test_only_days_with_several_exchanges_are_visits(hamlet: Hamlet) -> None:
    day = date(2026, 3, 5)
    at = hamlet.zone_instant(day) + timedelta(minutes=30)
    with hamlet.database.write() as connection:
        for point, later in (("M-1", 0), ("M-2", 2), ("M-3", 5 * 24)):
            row = {
                "point": point, "kind": "exchange", "at": at + timedelta(hours=later), "old": {}, "new": {},
                "removed_registers": {}, "installed_registers": {}, "doubts": [], "by": "", "why": "",
                "recorded_at": hamlet.now,
            }  # fmt: skip
            connection.execute(insert(event_table).values(row))
        span = Span(date(2026, 3, 1), date(2026, 3, 31), hamlet.zone)
        assert listing.visits(connection, ["M-1", "M-2", "M-3"], span) == [(day, ["M-1", "M-2"])]
        assert listing.visits(connection, ["M-1", "M-3"], span) == []
