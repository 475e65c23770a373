"""Registers of files beside the meter's own: never one difference out of both, never a silent roll-over."""

from datetime import timedelta

import numpy as np
import pytest

from cloud.metering.store import QUALITY_ID, SOURCE_ID, Columns
from cloud.metering.vee.across import Edge, edge_before
from cloud.metering.vee.grid import grid
from cloud.metering.vee.point_day import Channel, Method, PointDay
from cloud.metering.vee.raw import RawDay, Register, raw_days
from protocols.readings import Quality, Source
from tests.cloud.metering.vee.village import DAY, ZONE

DAY_GRID = grid(DAY, ZONE, 900)
START = int(DAY_GRID.bounds_ms[0])
Q = 900_000
M0 = Register("m0", 0, 2**60, 1.0, 1e9, 20_000, 16_000, 5 * 60_000)


def raw(*values: tuple[Source, int, int], doubtful: int | None = None) -> RawDay:
    """(source, boundary, Wh); the value at the boundary `doubtful` is suspect."""
    rows = sorted(values, key=lambda each: (each[1], SOURCE_ID[each[0]]))
    quality = [QUALITY_ID[Quality.SUSPECT if each[1] == doubtful else Quality.GOOD] for each in rows]
    columns = Columns(
        "energy_import_wh",
        np.zeros(len(rows), np.int32),
        np.array([START + each[1] * Q for each in rows], np.int64),
        np.array([SOURCE_ID[each[0]] for each in rows], np.uint8),
        np.array(quality, np.uint8),
        np.array([each[2] for each in rows], np.int64),
    )
    return raw_days(columns, {"m0": 0}, {"P": [M0]}, {}, DAY_GRID)["P"]


def of_file(first: int, last: int, start: int, step: int = 10) -> list[tuple[Source, int, int]]:
    return [(Source.IMPORT, at, start + step * (at - first)) for at in range(first, last + 1)]


def own(first: int, last: int, start: int) -> list[tuple[Source, int, int]]:
    return [(Source.PROFILE, at, start + 7 * (at - first)) for at in range(first, last + 1)]


def test_a_register_that_begins_again_near_its_end_is_no_roll_over() -> None:
    """999 999 990 Wh and then 0 behind an hour's gap: as the meter's own it would be 10 Wh."""
    found = raw(*of_file(0, 40, 999_999_590), *of_file(44, 96, 0))
    assert found.between(40, 44) is None
    assert np.isnan(found.wh[40:44]).all()
    assert np.nansum(found.wh) == 10 * (40 + 52)


def test_one_that_begins_again_from_zero_at_zero_is_a_fall_that_a_person_sees() -> None:
    found = raw(*of_file(0, 40, 0, step=0), *of_file(44, 96, 0), doubtful=44)
    assert found.falls[44]
    assert found.between(40, 45) is None, "what the first interval holds is not shared with the gap"


@pytest.mark.parametrize("end", [12_000_000, 500])
def test_where_a_file_ends_and_the_meter_begins_there_is_no_difference(end: int) -> None:
    found = raw(*of_file(0, 60, 100), *own(61, 96, end))
    assert np.nansum(found.wh) == 10 * 60
    assert found.known() == (None, None), "nor over midnight"


def test_a_meter_that_was_heard_all_day_is_believed_and_not_the_file() -> None:
    found = raw(*of_file(0, 96, 0), *own(0, 96, 5000))
    assert np.nansum(found.wh) == 7 * 96
    assert found.known() == ((0, 5000), (96, 5000 + 7 * 96))


def test_no_hole_reaches_over_a_day_of_a_file() -> None:
    """Its energy would be counted in the hole a second time."""

    def day(back: int, method: Method, last_known: tuple[int, int] | None) -> PointDay:
        of = grid(DAY - timedelta(days=back), ZONE, 900)
        flags, methods = np.zeros(96, np.uint32), np.full(96, method, np.uint8)
        content = (np.full(96, 10.0), flags, methods, None, None)
        return PointDay("P", Channel.IMPORT, of.day, of.start, 900, *content, last_known=last_known)

    old = day(2, Method.MEASURED, (96, 5000))
    assert edge_before(DAY, [old, day(1, Method.MISSING, None)]) == Edge(old.day, (96, 5000))
    assert edge_before(DAY, [old, day(1, Method.MEASURED, None)]) is None
