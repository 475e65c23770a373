"""Shapes of days: what one is, how surely they are found, that they stay the same from month to month."""

import re
from collections.abc import Sequence
from datetime import date, timedelta
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from cloud.analysis.grid import by_wall, day_grid
from cloud.analysis.profile import clusters, shapes
from cloud.analysis.profile.dictionary import Known, renew
from cloud.analysis.profile.shapes import Wanted
from tests import simbench_station

QUICK = Wanted(least=8, most=9, refits=3, starts=4)
WINDOW = timedelta(days=92)


@cache
def year() -> tuple[NDArray[np.float32], tuple[date, ...]]:
    """(profiles, days, 96) of every customer profile of SimBench: each once, copies would make it easy."""
    names = [name for name in simbench_station.profile_names() if re.fullmatch(r"(H0|G\d|L\d)-\w", name)]
    assert len(names) == 25
    _, power = simbench_station.profiles(names)
    at_ms = round(simbench_station.START.timestamp() * 1000) + 900_000 * np.arange(simbench_station.SLOTS)
    grid = day_grid(at_ms, 900, simbench_station.ZONE)
    return by_wall(np.stack([power[name] for name in names]), grid), grid.days


def of_days(chosen: NDArray[np.bool_] | None = None) -> NDArray[np.float32]:
    kw, _ = year()
    part = kw if chosen is None else kw[:, chosen]
    rows = part.reshape(-1, 96)
    return shapes.shapes_of(rows, np.isfinite(rows).mean(axis=1) >= 0.95)


def test_groups_of_real_days_come_out_the_same_from_half_of_them() -> None:
    found = shapes.fit(of_days(), QUICK)
    assert found.stability[len(found.centres)] >= 0.85
    assert found.explained >= 0.5
    assert found.within_theta >= 0.9


def test_the_number_of_shapes_is_the_most_stable_one_and_of_near_equals_the_larger() -> None:
    assert shapes.chosen({6: 0.70, 7: 0.92, 8: 0.94, 9: 0.93, 10: 0.81}) == 9
    assert shapes.chosen({6: 0.70, 7: 0.92, 8: 0.94, 9: 0.90}) == 8


def test_few_shapes_never_win_by_being_more_stable() -> None:
    assert shapes.chosen({2: 1.0, 3: 0.99, 6: 0.87, 7: 0.86, 8: 0.7}) == 7
    assert shapes.chosen({2: 1.0, 3: 0.9, 4: 0.6, 6: 0.5, 7: 0.4}) == 3
    assert shapes.chosen({2: 0.7, 3: 0.6, 6: 0.55}) == 2
    assert shapes.chosen({}) == 1


def small_station(households: int, workshops: int, days: int = 30) -> NDArray[np.float32]:
    """(customers × days, 96): evenings at home, work until late in the afternoon; every day is its own."""
    random = np.random.default_rng(4)
    hour = np.arange(96) / 4
    home = 0.4 + np.exp(-(((hour - 19) / 2.8) ** 2)) + 0.3 * np.exp(-(((hour - 7.5) / 1.5) ** 2))
    work = 0.35 + np.exp(-(((hour - 14.5) / 3.0) ** 2))
    kinds = np.repeat([0, 1], [households * days, workshops * days])
    rows = np.stack([home, work])[kinds] * random.lognormal(0, 0.25, (len(kinds), 96))
    return shapes.shapes_of(rows.astype(np.float32), np.ones(len(rows), np.bool_))


def test_workshops_and_households_of_a_small_station_are_in_different_groups() -> None:
    rows = small_station(24, 12)
    made = renew(rows, (), shapes.WANTED)
    groups = shapes.encode(rows, made.fit.centres)
    home, work = groups[: 24 * 30], groups[24 * 30 :]
    assert not set(np.unique(home)) & set(np.unique(work))
    names = [each.name for each in made.shapes]
    assert {names[group].key for group in np.unique(home)} == {"evening"}
    assert {names[group].key for group in np.unique(work)} <= {"afternoon", "day_work"}
    assert all(13 <= names[group].peak_slot / 4 <= 16 for group in np.unique(work))


def test_households_alone_are_one_shape_until_workshops_come() -> None:
    alone = renew(small_station(24, 0), (), shapes.WANTED)
    assert len(alone.shapes) == 1
    rows = small_station(24, 12)
    later = renew(rows, alone.shapes, shapes.WANTED)
    groups = shapes.encode(rows, later.fit.centres)
    assert not set(np.unique(groups[: 24 * 30])) & set(np.unique(groups[24 * 30 :]))


def test_a_shape_keeps_its_code_and_name_through_the_months_of_a_year() -> None:
    _, days = year()
    known: Sequence[Known] = ()
    names: dict[int, str] = {}
    same = []
    for month in range(3, 13):
        end = date(2016 + month // 12, month % 12 + 1, 1)
        window = np.array([end - WINDOW <= day < end for day in days])
        rows = of_days(window if known else None)
        before = [each for each in known if not each.retired]
        made = renew(rows, known, QUICK)
        if before:
            old = np.array([each.code for each in before])[
                shapes.encode(rows, np.stack([each.centre for each in before]))
            ]
            new = np.array([each.code for each in made.shapes])[shapes.encode(rows, made.fit.centres)]
            same.append(float((old == new).mean()))
        for each in made.shapes:
            assert names.setdefault(each.code, each.name.said("zh_CN")) == each.name.said("zh_CN")
        known = made.shapes
    assert len(names) <= 1.2 * len(known)
    assert min(same) >= 0.85, same
    assert np.mean(same) >= 0.93, same


def test_a_shape_that_was_not_there_gets_a_new_code_and_one_that_is_gone_keeps_its_own_for_good() -> None:
    random = np.random.default_rng(1)
    first = renew(days_of((6, 12, 20), random), (), TINY)
    assert [each.code for each in first.shapes] == [0, 1, 2]
    second = renew(days_of((6, 16, 20), random), first.shapes, TINY)
    assert [each.code for each in second.shapes] == [0, 2, 3] or len(second.gone) == 1
    assert len(second.gone) == 1
    gone = second.gone[0]
    old = next(each for each in first.shapes if each.code == gone)
    every = (*second.shapes, Known(old.code, old.name, old.centre, retired=True))
    third = renew(days_of((6, 12, 20), random), every, TINY)
    assert gone in {each.code for each in third.shapes}
    assert next(each for each in third.shapes if each.code == gone).name == old.name


TINY = Wanted(least=3, most=3, refits=2, starts=4)


def days_of(peaks: Sequence[int], random: np.random.Generator) -> NDArray[np.float32]:
    hour = np.arange(96) / 4
    rows = [
        (1 + 8 * np.exp(-(((hour - peak) / 2) ** 2))) * random.lognormal(0, 0.1, 96)
        for peak in peaks
        for _ in range(60)
    ]
    return shapes.shapes_of(np.array(rows, np.float32), np.ones(len(rows), np.bool_))


def test_settled_centres_are_a_fixed_point_that_scikit_learn_agrees_with() -> None:
    rows = shapes.by_hour(of_days()[::7])
    begin = rows[:: len(rows) // 8][:8]
    centres, error = clusters.settled(rows, begin, 300)
    twin = KMeans(8, init=begin, n_init=1, tol=0, max_iter=300, algorithm="lloyd").fit(rows)
    np.testing.assert_allclose(centres, twin.cluster_centers_, atol=1e-4)
    assert error == pytest.approx(twin.inertia_, rel=1e-4)


def test_wards_hierarchy_is_scipys_where_leaves_are_single_rows() -> None:
    rows = np.random.default_rng(2).normal(size=(60, 5)).astype(np.float32)
    merged = clusters.merge(rows, np.ones(60), 12)
    for count in (2, 5, 12):
        twin = fcluster(linkage(rows.astype(np.float64), "ward"), count, "maxclust")
        assert adjusted_rand_score(merged[count], twin) == 1.0


def test_leaves_meet_theta_or_are_as_many_as_may_be() -> None:
    rows = shapes.by_hour(of_days()[::20])
    leaves, sizes = clusters.adaptive(rows, 0.3, np.random.default_rng(1))
    assert sizes.sum() == len(rows)
    centres = leaves[clusters.nearest(rows, leaves)]
    met = ((rows - centres) ** 2).sum(axis=1) <= 0.3 * (centres**2).sum(axis=1)
    assert len(leaves) >= clusters.LEAVES or met.mean() > 0.99


@given(
    st.lists(st.integers(0, 4), min_size=2, max_size=60),
    st.integers(0, 2**31),
)
@settings(deadline=None)
def test_the_rand_index_is_scikit_learns(one: list[int], seed: int) -> None:
    other = np.random.default_rng(seed).integers(0, 4, len(one))
    found = shapes.rand_index(np.array(one), other)
    assert found == pytest.approx(adjusted_rand_score(one, other), abs=1e-9)


def test_a_shape_does_not_know_how_much_it_was() -> None:
    rows = np.random.default_rng(1).random((50, 96)).astype(np.float32)
    valid = np.ones(50, np.bool_)
    centres = shapes.shapes_of(rows[:5], valid[:5])
    one, other = shapes.shapes_of(rows, valid), shapes.shapes_of(rows * np.float32(37.5), valid)
    assert (shapes.encode(one, centres) == shapes.encode(other, centres)).all()
    np.testing.assert_allclose(one.sum(axis=1), 1, rtol=1e-5)


def test_a_hole_of_a_valid_day_is_on_the_line_between_its_neighbours() -> None:
    row = np.arange(96, dtype=np.float32)
    holed = row.copy()
    holed[[0, 40, 41, 95]] = np.nan
    filled = shapes.filled(holed[None])[0]
    np.testing.assert_allclose(filled[1:95], row[1:95], rtol=1e-6)
    assert (filled[0], filled[95]) == (1, 94)
    assert np.isnan(holed[40])


def test_too_few_days_are_no_dictionary() -> None:
    with pytest.raises(ValueError, match="3 days are too few"):
        shapes.fit(np.full((3, 96), 1 / 96, np.float32))


def test_days_that_are_all_the_same_make_one_group_of_any_number_asked_for() -> None:
    found = shapes.fit(np.full((200, 96), 1 / 96, np.float32), Wanted(least=3, most=5, refits=2, starts=2))
    assert found.explained == 1.0
    assert np.isfinite(found.centres).all()
