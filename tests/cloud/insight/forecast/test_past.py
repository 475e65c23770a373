"""What earlier nights left: each subject its own sums, of days before the one that is scored now."""

from datetime import UTC, date, datetime, timedelta

import numpy as np

from cloud.analysis.forecast.night import SCORE
from cloud.insight.forecast import compute, rows, store
from cloud.insight.forecast.past import Pasts
from cloud.insight.indicators import packed
from cloud.kit.db import Database

CLOSED, NOW = date(2026, 3, 10), datetime(2026, 3, 11, tzinfo=UTC)


def put(database: Database, day: date, scores: dict[str, float]) -> None:
    body = np.repeat(np.array(list(scores.values()), np.float32)[:, None], SCORE, axis=1)
    row = {
        "kind": "point", "grouped": "A1", "day": day, "version": rows.VERSION, "scored_at": NOW,
        "subjects": packed.of_points(list(scores)), "body": rows.of_score(body),
    }  # fmt: skip
    with database.write() as connection:
        store.put_scores(connection, [row])


def test_each_has_its_own_sums_of_the_window_and_none_of_the_day_itself(database: Database) -> None:
    put(database, CLOSED, {"a": 1000, "b": 1000})
    put(database, CLOSED - timedelta(days=1), {"a": 1, "b": 2})
    put(database, CLOSED - timedelta(days=2), {"b": 20, "c": 30})
    put(database, CLOSED - timedelta(days=28), {"a": 500, "b": 500})
    with database.read() as connection:
        found = Pasts(connection, "point", CLOSED, 28).of("A1", ["c", "b", "a", "new"])
    assert found.scores[:, 0].tolist() == [30, 22, 1, 0]
    assert found.days.tolist() == [1, 2, 1, 0]
    assert np.isnan(found.issued.p50).all()


def test_supply_over_sales_is_of_the_slots_that_both_have_and_no_gain() -> None:
    sold = np.full((2, 96), 10, np.float32)
    fed = np.full((2, 96), 10.5, np.float32)
    sold[0, :10], fed[1, :10] = np.nan, np.nan
    assert abs(compute._loss(sold, fed) - 1.05) < 1e-6
    assert compute._loss(sold, fed * np.float32(0.5)) == 1.0
    assert compute._loss(sold, fed * 3) == compute.MOST_LOSS
    assert compute._loss(sold, fed * np.nan) == 1.0
