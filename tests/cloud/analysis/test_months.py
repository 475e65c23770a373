"""Indicators of months and years: what the formulas say, and nothing where too little is known."""

from calendar import monthrange
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from cloud.analysis.indicators.daily import INDICATORS
from cloud.analysis.indicators.months import ALWAYS, MONTHLY, YEARLY, monthly, yearly

DAILY = {each.name: place for place, each in enumerate(INDICATORS)}
JANUARY = [date(2026, 1, 1) + timedelta(days=n) for n in range(31)]


def days_of(year: int) -> list[date]:
    return [date(year, 1, 1) + timedelta(days=n) for n in range(366 if monthrange(year, 2)[1] == 29 else 365)]


def table(days: Sequence[date], **of: Any) -> np.ndarray:
    """One point: every day 24 kWh at 1 kW mean and 2 kW at most, wholly measured; `of` says otherwise."""
    plain = dict.fromkeys(DAILY, 0.0) | {
        "energy_kwh": 24.0, "max_kw": 2.0, "min_kw": 0.5, "load_factor": 0.5, "peak_valley_rate": 0.75,
        "peak_valley_kw": 1.5, "base_kw": 0.6, "max_ramp_kw": 1.0, "peak_hours": 0.25, "valid_slots": 96.0,
        "peak_share": 0.4, "flat_share": 0.3, "valley_share": 0.3, "high_band_max_kw": 2.0,
    }  # fmt: skip
    made = np.zeros((1, len(days), len(INDICATORS)), np.float32)
    for name, value in (plain | of).items():
        made[0, :, DAILY[name]] = value
    return made


def types(days: Sequence[date]) -> list[str]:
    return [("work", "saturday", "off")[max(day.weekday() - 4, 0)] for day in days]


def month(daily: np.ndarray, slots: np.ndarray | None = None) -> dict[str, float]:
    found = monthly(daily, JANUARY, types(JANUARY), np.full(31, 96) if slots is None else slots)
    return dict(zip((each.name for each in MONTHLY), found[0].tolist(), strict=True))


def year(daily: np.ndarray, days: Sequence[date]) -> dict[str, float]:
    found = yearly(daily, days, types(days), np.full(len(days), 96))
    return dict(zip((each.name for each in YEARLY), found[0].tolist(), strict=True))


def test_a_month_says_what_its_formulas_say() -> None:
    energy = np.where(np.array(types(JANUARY)) == "work", 24.0, 12.0)
    highest = np.where(np.arange(31) == 9, 8.0, 2.0)
    found = month(table(JANUARY, energy_kwh=energy, max_kw=highest))
    total, work = energy.sum(), (energy == 24).sum()
    assert found["energy_kwh"] == pytest.approx(total)
    assert (found["max_kw"], found["max_day"], found["min_kw"]) == (8.0, 10.0, 0.5)
    assert found["mean_kw"] == pytest.approx(total / 744)
    assert found["month_load_factor"] == pytest.approx((energy / 24).mean() / 1.0)
    assert found["mean_daily_load_factor"] == pytest.approx(0.5)
    assert found["max_hours"] == pytest.approx(total / 8)
    assert found["load_factor"] == pytest.approx(total / 744 / 8)
    assert found["weekend_ratio"] == pytest.approx(0.5)
    assert found["day_cv"] == pytest.approx(energy.std() / energy.mean())
    assert (found["valid_days"], found["coverage"], found["max_measured"]) == (31, 1, 1)
    assert work == 22


def test_shares_are_weighed_by_energy_and_add_up_to_one() -> None:
    energy = np.where(np.arange(31) < 10, 100.0, 10.0)
    peak = np.where(np.arange(31) < 10, 1.0, 0.0)
    found = month(table(JANUARY, energy_kwh=energy, peak_share=peak, flat_share=0, valley_share=1 - peak))
    assert found["peak_share"] == pytest.approx(1000 / 1210)
    assert sum(
        found[f"{band}_share"] for band in ("sharp", "peak", "flat", "valley", "deep_valley")
    ) == pytest.approx(1)


def test_too_little_known_says_only_how_little() -> None:
    found = month(table(JANUARY, valid_slots=np.where(np.arange(31) < 3, 0, 96)))
    assert found["coverage"] == pytest.approx(28 / 31)
    assert {name for name, value in found.items() if not np.isnan(value)} == ALWAYS


def test_a_point_in_service_for_a_part_of_the_month_is_measured_by_its_part() -> None:
    slots = np.where(np.arange(31) < 20, 0, 96)[None, :]
    daily = table(JANUARY)
    daily[0, :20] = np.nan
    found = month(daily, slots)
    assert (found["coverage"], found["valid_days"], found["energy_kwh"]) == (1, 11, 264)


def test_ratios_are_of_valid_days_alone_and_estimates_are_told() -> None:
    holed = np.where(np.arange(31) == 4, 80, 96)
    factor, guessed = np.where(np.arange(31) == 4, 0.01, 0.5), np.where(np.arange(31) == 0, 48, 0)
    found = month(table(JANUARY, valid_slots=holed, load_factor=factor, estimated_slots=guessed))
    assert found["mean_daily_load_factor"] == pytest.approx(0.5)
    assert found["valid_days"] == 30
    assert found["estimated_share"] == pytest.approx(48 / (30 * 96 + 80))
    assert found["max_measured"] == 0  # the first of equal maxima lies on a day with estimates


def test_nothing_drawn_has_no_ratios_and_is_no_hole() -> None:
    nothing = {"energy_kwh": 0.0, "max_kw": 0.0, "load_factor": np.nan, "peak_share": np.nan}
    found = month(table(JANUARY, **nothing))
    assert (found["energy_kwh"], found["max_kw"], found["zero_days"]) == (0, 0, 31)
    assert all(
        np.isnan(found[name])
        for name in ("load_factor", "max_hours", "month_load_factor", "peak_share", "day_cv")
    )


@pytest.mark.parametrize(("number", "hours"), [(2026, 8760), (2024, 8784)])
def test_a_year_has_its_hours_of_use_over_8760_or_8784(number: int, hours: int) -> None:
    days = days_of(number)
    found = year(table(days, max_kw=[2.0 + (day.month == 7) for day in days]), days)
    assert found["max_hours"] == pytest.approx(hours / 3)
    assert found["load_factor"] == pytest.approx(found["max_hours"] / hours)
    assert found["season_factor"] == pytest.approx((11 * 2 + 3) / 12 / 3)
    assert np.isnan(year(table(days[:300]), days[:300])["season_factor"])


def test_the_order_and_the_ratio_of_points_change_no_ratio() -> None:
    rng = np.random.default_rng(4)
    daily = np.concatenate([table(JANUARY, energy_kwh=rng.gamma(2, 10, 31)) for _ in range(4)])
    scaled = daily.copy()
    for name in (
        "energy_kwh",
        "max_kw",
        "min_kw",
        "peak_valley_kw",
        "base_kw",
        "max_ramp_kw",
        "high_band_max_kw",
    ):
        scaled[:, :, DAILY[name]] *= 40
    one, other = (monthly(each, JANUARY, types(JANUARY), np.full(31, 96)) for each in (daily, scaled[::-1]))
    ratios = [place for place, each in enumerate(MONTHLY) if each.unit in ("1", "d", "h")]
    assert np.allclose(one[:, ratios], other[::-1][:, ratios], rtol=1e-5, equal_nan=True)
