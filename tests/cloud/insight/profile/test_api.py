"""Profiles over HTTP: nobody sees a stranger's days, and no group that would say who it is."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np

from cloud.analysis.profile.names import ShapeName
from cloud.analysis.profile.temperature import Sensitivity
from cloud.insight.profile.api import _seen, _shape
from cloud.insight.profile.policy import profile_policy
from cloud.insight.profile.store import Group, Profile, Shape, TypicalDay
from cloud.kit.scope import WHOLE_STATION, Scope, Window
from tests.cloud.metering.archive.conftest import village as archived_village
from tests.cloud.metering.archive.village import Village

village = archived_village

SHANGHAI = ZoneInfo("Asia/Shanghai")
NAME = ShapeName("evening", 1, 76)


def made(first: date = date(2026, 1, 1), last: date = date(2026, 3, 31)) -> Profile:
    groups = tuple(
        Group(month, 3, NAME, 0.9, 0.4, 28, {3: 0.9, 1: 0.1})
        for month in (date(2026, 3, 1), date(2026, 2, 1))
    )
    kw = np.ones(96, np.float32)
    return Profile(
        "M-1", "A01", date(2026, 3, 1), datetime(2026, 4, 1, tzinfo=UTC), first, last, 80, False, 0.98, 0.01,
        TypicalDay(date(2026, 3, 4), kw), None, last, None, 0.1, 1.0, Sensitivity(85, 1.0), groups[0],
        date(2026, 2, 1), groups,
    )  # fmt: skip


def since(day: date) -> Scope:
    return Scope((Window("M-1", datetime(day.year, day.month, day.day, tzinfo=SHANGHAI), None),))


def test_a_customer_who_moved_in_sees_months_that_were_wholly_theirs_and_no_typical_day(
    village: Village,
) -> None:
    with village.database.read() as connection:
        asked = (connection, since(date(2026, 3, 1)), "M-1", made(), SHANGHAI, profile_policy())
        found = _seen(*asked)
    assert (found.ready, found.work, found.peak_kw, found.temperature) == (False, None, None, None)
    assert [each.month for each in found.groups] == [date(2026, 3, 1)]


def test_what_a_degree_costs_needs_its_whole_year_to_be_theirs(village: Village) -> None:
    with village.database.read() as connection:
        asked = (connection, since(date(2025, 12, 31)), "M-1", made(), SHANGHAI, profile_policy())
        found = _seen(*asked)
    assert found.ready
    assert found.work is not None
    assert found.temperature is None
    assert (found.since, found.groups[0].name.zh) == (date(2026, 2, 1), "晚峰（19 时）")  # type: ignore[union-attr]


def test_an_operator_sees_all_of_it(village: Village) -> None:
    with village.database.read() as connection:
        found = _seen(connection, WHOLE_STATION, "M-1", made(), SHANGHAI, profile_policy())
    assert found.ready
    assert found.temperature is not None
    assert len(found.groups) == 2


def test_a_group_of_nine_customers_tells_neither_how_many_nor_which_curve() -> None:
    curve = np.full(96, 1 / 96, np.float32)
    nine, ten = (
        _shape(Shape(3, NAME, date(2026, 1, 1), None, curve, 0.1, customers)) for customers in (9, 10)
    )
    assert (nine.suppressed, nine.customers, nine.share, nine.curve) == (True, None, None, None)
    assert (ten.suppressed, ten.customers) == (False, 10)
    assert ten.curve is not None
