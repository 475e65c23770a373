"""What a degree costs: found again where it is known, refused with the reason where it cannot be said."""

import csv
import gzip
from collections import defaultdict
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from cloud.analysis.profile.temperature import Limits, Sensitivity, sensitivities

SAMPLE = Path(__file__).parents[3] / "data" / "opendsm"
FEW = Limits()


def slow(energy: NDArray[np.float64], celsius: NDArray[np.float64], off: NDArray[np.bool_]) -> float:
    """R² of the best model of the grid with slopes none or above zero; two only where they gain 0.02."""
    known = np.isfinite(energy) & np.isfinite(celsius)
    y, t, away = energy[known], celsius[known], off[known].astype(float)
    total = float(((y - y.mean()) ** 2).sum())
    best = {0: np.inf, 1: np.inf, 2: np.inf}
    for cold in (None, *np.arange(8.0, 18.5)):
        for warm in (None, *np.arange(20.0, 28.5)):
            parts = [np.ones_like(t), away]
            if cold is not None:
                parts.append(np.maximum(0, cold - t))
            if warm is not None:
                parts.append(np.maximum(0, t - warm))
            x = np.stack(parts, axis=1)
            beta, *_ = np.linalg.lstsq(x, y, rcond=None)
            if (beta[2:] >= 0).all():
                count = x.shape[1] - 2
                best[count] = min(best[count], float(((y - x @ beta) ** 2).sum()))
    few = min(best[0], best[1])
    return 1 - (best[2] if best[2] <= few - 0.02 * total else few) / total


def weather(days: int, seed: int = 1) -> NDArray[np.float64]:
    random = np.random.default_rng(seed)
    season = 15 - 14 * np.cos(2 * np.pi * np.arange(days) / 365)
    return np.asarray(season + random.normal(0, 3, days))


def one(
    energy: NDArray[np.float64], celsius: NDArray[np.float64], off: NDArray[np.bool_], limits: Limits = FEW
) -> Sensitivity:
    (found,) = sensitivities(energy[None], celsius, off, limits)
    return found


def test_slopes_and_points_are_found_again() -> None:
    celsius, off = weather(365), np.arange(365) % 7 >= 5
    energy = 10 + 1.5 * np.maximum(0, 12 - celsius) + 0.8 * np.maximum(0, celsius - 24) + 2 * off
    found = one(energy, celsius, off)
    assert (found.heating_below_c, found.cooling_above_c, found.days) == (12, 24, 365)
    assert found.heating_kwh_per_c == pytest.approx(1.5, rel=1e-6)
    assert found.cooling_kwh_per_c == pytest.approx(0.8, rel=1e-6)
    assert found.base_kwh == pytest.approx(10, rel=1e-6)
    assert found.day_off_kwh == pytest.approx(2, rel=1e-6)
    assert found.r2 == pytest.approx(1)


def test_many_at_once_with_holes_agree_with_a_slow_search() -> None:
    random = np.random.default_rng(3)
    celsius, off = weather(200), np.arange(200) % 7 >= 5
    celsius[5] = np.nan
    slopes = random.uniform(-1, 2, (12, 2))
    energy = 10 + slopes[:, :1] * np.maximum(0, 13 - celsius) + slopes[:, 1:] * np.maximum(0, celsius - 22)
    energy += random.normal(0, 2, energy.shape)
    energy[random.random(energy.shape) < 0.1] = np.nan
    for row, found in enumerate(sensitivities(energy, celsius, off)):
        if found.reason is None:
            assert found.r2 == pytest.approx(slow(energy[row], celsius, off), abs=1e-6)
        assert found.days == int((np.isfinite(energy[row]) & np.isfinite(celsius)).sum())


def test_too_few_days_are_refused() -> None:
    celsius = weather(59)
    found = one(10 + celsius, celsius, np.zeros(59, np.bool_))
    assert (found.reason, found.days, found.heating_kwh_per_c, found.r2) == ("too_few_days", 59, None, None)


def test_a_customer_whom_weather_does_not_touch_is_refused() -> None:
    random = np.random.default_rng(2)
    found = one(random.normal(10, 1, 365), weather(365), np.zeros(365, np.bool_))
    assert found.reason == "no_gain"
    assert found.gain is not None
    assert found.gain < 0.02
    assert one(np.full(365, 7.0, np.float64), weather(365), np.zeros(365, np.bool_)).reason == "no_gain"
    assert one(np.zeros(365), weather(365), np.zeros(365, np.bool_)).reason == "no_gain"


def test_the_kind_of_day_is_no_temperature() -> None:
    off = np.arange(365) % 7 >= 5
    found = one(np.asarray(10 + 20.0 * off, np.float64), weather(365), off)
    assert found.reason == "no_gain"


def test_less_load_in_the_cold_is_no_heating() -> None:
    celsius = weather(365)
    found = one(30 - np.maximum(0, 14 - celsius), celsius, np.zeros(365, np.bool_))
    assert found.heating_kwh_per_c is None
    assert found.heating_below_c is None


def test_slopes_go_with_the_scale_of_the_load() -> None:
    celsius, off = weather(365), np.zeros(365, np.bool_)
    energy = 10 + np.maximum(0, 12 - celsius) + np.random.default_rng(1).normal(0, 1, 365)
    small, large = one(energy, celsius, off), one(energy * 1000, celsius, off)
    assert small.heating_kwh_per_c is not None
    assert large.heating_kwh_per_c == pytest.approx(1000 * small.heating_kwh_per_c)
    assert large.r2 == pytest.approx(small.r2)
    assert large.heating_below_c == small.heating_below_c


def sample() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """The first year of the meter: daily kWh, °C, weekends."""
    kwh: dict[date, float] = defaultdict(float)
    degrees: dict[date, list[float]] = defaultdict(list)
    for name, take in (("hourly", 0), ("tempF", 1)):
        with gzip.open(SAMPLE / f"il-electricity-cdd-hdd-{name}.csv.gz", "rt", encoding="utf-8") as file:
            for at, value in list(csv.reader(file))[1:]:
                day = datetime.fromisoformat(at).date()
                if take:
                    degrees[day].append((float(value) - 32) / 1.8)
                else:
                    kwh[day] += float(value)
    days = sorted(kwh)[:365]
    return (
        np.array([kwh[day] for day in days]),
        np.array([np.mean(degrees[day]) for day in days]),
        np.array([day.weekday() >= 5 for day in days]),
    )


def test_a_house_that_heats_and_cools_with_electricity_is_seen_to_do_both() -> None:
    energy, celsius, off = sample()
    found = one(energy, celsius, off)
    assert (found.days, found.reason) == (365, None)
    assert found.heating_kwh_per_c == pytest.approx(1.98, abs=0.02)
    assert found.cooling_kwh_per_c == pytest.approx(4.61, abs=0.02)
    assert (found.heating_below_c, found.cooling_above_c) == (12, 20)
    assert found.r2 == pytest.approx(slow(energy, celsius, off), abs=1e-9)
    assert found.r2 is not None
    assert found.r2 > 0.75
