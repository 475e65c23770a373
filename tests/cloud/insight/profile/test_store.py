"""What is kept of profiles is read as it was, on both databases; what is newer stays."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pytest

from cloud.analysis.profile.dictionary import Known, Renewed
from cloud.analysis.profile.names import ShapeName
from cloud.analysis.profile.shapes import Fit
from cloud.analysis.profile.temperature import Sensitivity
from cloud.analysis.profile.variability import Habits
from cloud.insight.profile import store, writing
from cloud.insight.profile.tasks import Encoded, PointMonth
from cloud.kit.db import Database

AT = datetime(2026, 4, 1, tzinfo=UTC)
MARCH, APRIL, MAY = date(2026, 3, 1), date(2026, 4, 1), date(2026, 5, 1)
KW = np.arange(96, dtype="<f4").tobytes()
POINT = PointMonth(
    "P-1", 3, 80, 0.99, 0.01, 10, -1, 20, 30, KW, None, 0.5, 2.0,
    Sensitivity(80, reason="no_gain", gain=0.01),
    Habits(31, 1, 0.75, 0.8, {1: 0.75, 0: 0.25}),
)  # fmt: skip


def known(code: int, key: str = "evening", *, retired: bool = False) -> Known:
    return Known(code, ShapeName(key, 1, 76), np.full(96, 1 / 96, np.float32), retired)


def renewed(*shapes: Known, gone: tuple[int, ...] = ()) -> Renewed:
    centres = np.stack([each.centre for each in shapes])
    fit = Fit(centres, {len(shapes): 0.9}, 0.5, 0.8)
    return Renewed(shapes, tuple(1 / len(shapes) for _ in shapes), gone, fit, kept=True)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    made = Database(database_url)
    yield made
    made.close()


def test_a_month_is_read_as_it_was_written_and_writing_it_again_replaces_it(database: Database) -> None:
    start = date(2026, 1, 1)
    for _ in range(2):
        with database.write() as connection:
            made = renewed(known(0, "flat"), known(1))
            writing.save_dictionary(connection, MARCH, made, days=500, points=20, theta=0.3, at=AT)
            writing.save_points(connection, "A01", "0" * 32, start, date(2026, 3, 31), [POINT], AT)
            codes = np.array([[1, -1], [0, 1]], np.int16)
            writing.save_days(connection, [("A01", MARCH, "0" * 32, Encoded(("P-1", "P-2"), codes))], MARCH)
            writing.count_customers(connection, MARCH, {1: 12})
    with database.read() as connection:
        found, dictionary = store.profile(connection, "P-1"), store.dictionary(connection)
        assert store.codes_of_point(connection, "P-1", MARCH, date(2026, 3, 31)) == {MARCH: 1}
        assert store.profile(connection, "P-9") is None
    assert found is not None
    assert found.work is not None
    assert (found.work.day, found.work.kw[95], found.off) == (date(2026, 1, 11), 95.0, None)
    assert (found.first, found.max_day, found.mean_day) == (
        date(2026, 1, 4),
        date(2026, 1, 21),
        date(2026, 1, 31),
    )
    assert found.temperature == POINT.temperature
    assert (found.provisional, found.coverage, found.estimated) == (False, 0.99, 0.01)
    assert found.group is not None
    assert (found.group.code, found.group.shares) == (1, {0: 0.25, 1: 0.75})
    assert dictionary is not None
    assert dictionary.stability == 0.9
    assert [(each.code, each.customers) for each in dictionary.shapes] == [(0, 0), (1, 12)]


def test_a_shape_that_goes_is_retired_and_one_that_is_back_is_not(database: Database) -> None:
    said = []
    for month, made in (
        (MARCH, renewed(known(0), known(1))),
        (APRIL, renewed(known(0), known(2), gone=(1,))),
        (MAY, renewed(known(0), known(1), gone=(2,))),
    ):
        with database.write() as connection:
            writing.save_dictionary(connection, month, made, days=500, points=20, theta=0.3, at=AT)
            before = writing.known_shapes(connection, date(month.year, month.month + 1, 1))
            said.append({each.code: each.retired for each in before})
    assert said == [{0: False, 1: False}, {0: False, 1: True, 2: False}, {0: False, 1: False, 2: True}]
    with database.read() as connection:
        march, may = store.dictionary(connection, MARCH), store.dictionary(connection)
    assert march is not None
    assert may is not None
    assert [each.since for each in may.shapes] == [MARCH, MARCH]
    assert {each.code: each.retired for each in may.shapes} == {0: None, 1: None}


def test_an_older_month_reckoned_late_leaves_the_newer_profile(database: Database) -> None:
    with database.write() as connection:
        made = renewed(known(0), known(1))
        for month, last in ((APRIL, date(2026, 4, 30)), (MARCH, date(2026, 3, 31))):
            writing.save_dictionary(connection, month, made, days=500, points=20, theta=0.3, at=AT)
            each = replace(POINT, valid_days=70 if month == MARCH else 90)
            writing.save_points(connection, "A01", "0" * 32, date(2026, 1, 1), last, [each], AT)
        found = store.profile(connection, "P-1")
    assert found is not None
    assert (found.month, found.valid_days, found.since) == (APRIL, 90, MARCH)
    assert [group.month for group in found.groups] == [APRIL, MARCH]
