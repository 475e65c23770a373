"""Revisions of validated days: none is overwritten, the newest is read, and arrays come back as they were."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.fleet.registry import import_registry
from cloud.kit.db import Database
from cloud.metering.vee import blobs, days
from cloud.metering.vee.days import Channel, Flag, Method, PointDay

DAY = date(2026, 7, 1)
NOW = datetime(2026, 7, 2, 1, tzinfo=UTC)
START = datetime(2026, 6, 30, 16, tzinfo=UTC)


def a_day(point: str = "M-1", day: date = DAY, *, wh: float = 100.0, slots: int = 96) -> PointDay:
    final = np.full(slots, wh)
    final[3] = np.nan
    flags = np.zeros(slots, np.uint32)
    flags[3] = Flag.GAP | Flag.OUTAGE
    method = np.full(slots, Method.MEASURED, np.uint8)
    method[3] = Method.MISSING
    start = START + (day - DAY)
    return PointDay(
        point,
        Channel.IMPORT,
        day,
        start,
        900,
        final,
        flags,
        method,
        1000,
        2000,
        0,
        (DAY - timedelta(7),),
        (0, 1000),
        (90, 1900),
    )


def test_a_second_revision_leaves_the_first_as_it_was(database: Database) -> None:
    first, second = a_day(), a_day(wh=50.0)
    with database.write() as connection:
        days.put(connection, [first], by="validate", why="first", at=NOW)
        days.put(connection, [second, second], by="operator", why="示例原因", at=NOW)
        kept = days.revisions(connection, "M-1", Channel.IMPORT, DAY)
        (newest,) = days.newest(connection, DAY, DAY)
    assert [(each.content.revision, each.by, each.why) for each in kept] == [
        (1, "validate", "first"),
        (2, "operator", "示例原因"),
        (3, "operator", "示例原因"),
    ]
    assert days.same(kept[0].content, first)
    assert days.same(newest, second)
    assert newest.revision == 3


def test_the_newest_of_some_points_days_channels_and_areas(database: Database) -> None:
    with database.write() as connection:
        import_registry(connection, REGISTRY)
        wanted = [a_day(point, DAY + timedelta(n)) for n in range(3) for point in ("M-1", "M-2", "M-3")]
        days.put(connection, wanted, by="validate", why="", at=NOW)

        def found(*span: date, **only: object) -> list[tuple[str, int]]:
            return [(each.point, each.day.day) for each in days.newest(connection, *span, **only)]  # type: ignore[arg-type]

        assert found(DAY, DAY + timedelta(1), points=["M-2"]) == [("M-2", 1), ("M-2", 2)]
        assert found(DAY, DAY, areas=["A01"]) == [("M-1", 1), ("M-2", 1)]
        assert found(DAY, DAY, areas=["A02"], points=["M-1", "M-3"]) == [("M-3", 1)]
        assert found(DAY, DAY, channel=Channel.EXPORT) == []
        assert len(found(DAY, DAY + timedelta(9))) == 9


@given(
    st.lists(
        st.one_of(st.just(float("nan")), st.integers(-(2**31), 2**53), st.floats(allow_nan=False)),
        min_size=1,
        max_size=100,
    )
)
def test_final_values_come_back_exactly_with_their_holes(values: list[float]) -> None:
    final = np.array(values, np.float64)
    assert np.array_equal(blobs.final(blobs.of_final(final)), final, equal_nan=True)


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=100))
def test_marks_come_back_exactly(values: list[int]) -> None:
    marks = np.array(values, np.uint32)
    back = blobs.marks(blobs.of_marks(marks), np.dtype("<u4"), len(values))
    assert np.array_equal(back, marks)
    assert back.flags.writeable


@pytest.mark.parametrize("slots", [92, 96, 100, 24])
def test_a_common_day_is_small(slots: int) -> None:
    assert len(blobs.of_final(np.full(slots, 120.0))) == 2 + 4 * slots
    assert len(blobs.of_marks(np.zeros(slots, np.uint32))) == 4


REGISTRY = {
    "area": [{"id": name, "name": name, "feeder": "F1"} for name in ("A01", "A02")],
    "gateway": [{"id": "gw-a01", "name": "gw"}],
    "meter": [
        {
            "id": f"M-{n}",
            "address": f"{n}",
            "model": "dlt645-2007-1p",
            "area": "A02" if n == 3 else "A01",
            "gateway": "gw-a01",
            "line": "l1",
        }
        for n in (1, 2, 3)
    ],
}
