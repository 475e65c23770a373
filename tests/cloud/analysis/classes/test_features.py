"""Features of a month: no size in them, nothing made up where days are missing, what each is said to be."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cloud.analysis.classes.features import FEATURES, LEAST_DAYS, NAMES, features
from cloud.analysis.indicators.daily import daily
from cloud.kit.calendar import Calendar

DAYS = [date(2026, 6, 1) + timedelta(days=at) for at in range(30)]
KINDS = [each.value for each in Calendar(country="DE").day_types(DAYS)]
SLOTS = np.full((1, 30), 96, np.int64)
Floats = NDArray[np.float32]


def office() -> Floats:
    """(30, 96) kW: 4 from 8 to 18 on working days, 1 else."""
    kw = np.ones((30, 96), np.float32)
    kw[np.array(KINDS) == "work", 32:72] = 4
    return kw


def of(kw: Floats, work: Floats | None = None, off: Floats | None = None) -> dict[str, float]:
    bands = np.full(96, 2, np.int8)
    rows = daily(kw * np.float32(250), interval_s=900, bands=bands)[None]
    typical = [kw[0:1] if work is None else work, kw[6:7] if off is None else off]
    found = features(rows, KINDS, SLOTS, *typical)
    assert found.shape == (1, len(FEATURES))
    return dict(zip(NAMES, found[0].tolist(), strict=True))


def test_an_office_is_told_by_hand() -> None:
    found = of(office())
    work = 40 * 4 + 56
    assert found["load_factor"] == pytest.approx(work / 96 / 4)
    assert found["daytime_share"] == pytest.approx(160 / work)
    assert found["night_share"] == pytest.approx(32 / work)
    assert found["saturday_ratio"] == found["off_ratio"] == pytest.approx(96 / work)
    assert found["base_ratio"] == pytest.approx(96 / work)
    assert found["ramp_ratio"] == pytest.approx(3 / (work / 96))
    assert found["work_cv"] == pytest.approx(0, abs=1e-6)
    assert found["load_factor_off"] == pytest.approx(1)
    assert found["work_09"] == pytest.approx(48 / work)
    assert found["off_09"] == pytest.approx(1 / 8)
    assert found["noon_dip"] == pytest.approx(0, abs=1e-6)
    assert found["evening_rise"] < -1
    shared = 40 * (4 / work - 1 / 96)
    assert found["off_likeness"] == pytest.approx(1 - shared)
    assert np.hypot(found["peak_sin"], found["peak_cos"]) == pytest.approx(1), "always at eight"


@settings(max_examples=20, deadline=None)
@given(st.floats(0.05, 500))
def test_size_makes_no_difference(times: float) -> None:
    small, large = of(office()), of(office() * np.float32(times))
    assert list(large.values()) == pytest.approx(list(small.values()), rel=1e-3, abs=1e-5)


def test_a_month_of_too_few_working_days_says_nothing() -> None:
    kw = office()
    kw[LEAST_DAYS:] = np.nan
    assert all(np.isnan(value) for value in of(kw).values())


def test_a_day_with_holes_does_not_count() -> None:
    kw = office()
    kw[2, :20] = np.nan
    kw[3] = 0
    found, whole = of(kw), of(office())
    for each in (found, whole):
        each.pop("month_load_factor")  # fewer working days among as many days off
    assert list(found.values()) == pytest.approx(list(whole.values()), rel=1e-5, abs=1e-6)


def test_without_typical_days_the_rest_is_still_told() -> None:
    nothing = np.full((1, 96), np.nan, np.float32)
    found = of(office(), nothing, nothing)
    windows = {f"{kind}_{3 * n:02}" for kind in ("work", "off") for n in range(8)}
    shaped = windows | {"noon_dip", "evening_rise", "morning_rise", "off_likeness", "roughness"}
    assert {name for name, value in found.items() if np.isnan(value)} == shaped


def test_a_month_without_saturdays_has_no_saturday_ratio() -> None:
    kw = office()
    kw[np.array(KINDS) == "saturday"] = np.nan
    found = of(kw)
    assert np.isnan(found["saturday_ratio"])
    assert not np.isnan(found["off_ratio"])
