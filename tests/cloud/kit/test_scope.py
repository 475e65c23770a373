from datetime import UTC, datetime, timedelta

import pytest

from cloud.kit.scope import WHOLE_STATION, Scope, Window

DAY = [datetime(2026, 3, day, tzinfo=UTC) for day in range(1, 29)]
OLD_TENANT = Scope((Window("M-1", DAY[1], DAY[10]),))
NEW_TENANT = Scope((Window("M-1", DAY[10], None), Window("M-2", DAY[3], DAY[5])))


@pytest.mark.parametrize(
    ("scope", "meter", "start", "end", "seen"),
    [
        (OLD_TENANT, "M-1", DAY[0], DAY[20], [(DAY[1], DAY[10])]),
        (NEW_TENANT, "M-1", DAY[0], DAY[20], [(DAY[10], DAY[20])]),
        (NEW_TENANT, "M-1", DAY[0], DAY[10], []),
        (NEW_TENANT, "M-2", DAY[4], DAY[20], [(DAY[4], DAY[5])]),
        (NEW_TENANT, "M-3", DAY[0], DAY[20], []),
        (NEW_TENANT, "M-1", DAY[20], DAY[12], []),
        (Scope(()), "M-1", DAY[0], DAY[20], []),
        (WHOLE_STATION, "M-9", DAY[0], DAY[20], [(DAY[0], DAY[20])]),
        (WHOLE_STATION, "M-9", DAY[5], DAY[5], []),
        (
            Scope((Window("M", DAY[8], DAY[9]), Window("M", DAY[1], DAY[3]), Window("M", DAY[2], DAY[5]))),
            "M",
            DAY[0],
            DAY[20],
            [(DAY[1], DAY[5]), (DAY[8], DAY[9])],
        ),
    ],
)
def test_only_the_own_part_of_a_span_is_seen(
    scope: Scope, meter: str, start: datetime, end: datetime, seen: list[tuple[datetime, datetime]]
) -> None:
    assert scope.clip(meter, start, end) == seen


def test_the_instant_of_moving_belongs_to_the_new_tenant_alone() -> None:
    moved = DAY[10]
    assert [NEW_TENANT.holds("M-1", moved), OLD_TENANT.holds("M-1", moved)] == [True, False]
    before = moved - timedelta(microseconds=1)
    assert [NEW_TENANT.holds("M-1", before), OLD_TENANT.holds("M-1", before)] == [False, True]


def test_a_scope_names_its_meters_and_the_whole_station_names_none() -> None:
    assert NEW_TENANT.meters() == {"M-1", "M-2"}
    assert WHOLE_STATION.meters() is None
