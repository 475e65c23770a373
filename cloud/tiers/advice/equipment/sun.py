"""The yield of PV by month and quarter of an hour: a clear sky's hours (Haurwitz 1945), a month's known kWh.

B. Haurwitz, Insolation in relation to cloudiness and cloud density, J. Meteorology 2 (1945): on a clear day
GHI = 1098 · cos z · exp(−0.057 / cos z). Only its shape over the day is used here.
"""

from collections.abc import Sequence
from datetime import date
from math import asin, atan, cos, exp, pi, radians, sin, tan

import numpy as np
from numpy.typing import NDArray

QUARTERS = 96
_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def yields(
    kwh: Sequence[float], latitude: float, longitude: float, hours_of_zone: float
) -> NDArray[np.float64]:
    """(12, 96) kWh of one kWp in each quarter of an hour, by the wall clock, of a month's mean day.

    `kwh` (12,) is each month's sum. ValueError where the sun does not rise in a month that has a yield.
    """
    found = np.zeros((12, QUARTERS))
    for month in range(12):
        shape = clear_sky(date(2025, month + 1, 15), latitude, longitude, hours_of_zone)
        if shape.sum() <= 0 < kwh[month]:
            raise ValueError(f"yield_kwh: the sun does not rise at {latitude}° in month {month + 1}")
        found[month] = shape * (kwh[month] / _DAYS[month] / max(shape.sum(), 1e-12))
    return found


def clear_sky(day: date, latitude: float, longitude: float, hours_of_zone: float) -> NDArray[np.float64]:
    """(96,) W/m² on level ground at the middle of each quarter of an hour."""
    number = day.timetuple().tm_yday
    tilt = asin(0.39795 * cos(0.2163108 + 2 * atan(0.9671396 * tan(0.0086 * (number - 186)))))
    angle = 2 * pi * (number - 81) / 364
    equation_min = 9.87 * sin(2 * angle) - 7.53 * cos(angle) - 1.5 * sin(angle)
    noon_h = 12 + hours_of_zone - longitude / 15 - equation_min / 60
    found = np.zeros(QUARTERS)
    for slot in range(QUARTERS):
        hour_angle = radians(15 * ((slot + 0.5) / 4 - noon_h))
        height = sin(radians(latitude)) * sin(tilt) + cos(radians(latitude)) * cos(tilt) * cos(hour_angle)
        found[slot] = 1098 * height * exp(-0.057 / height) if height > 1e-3 else 0
    return found
