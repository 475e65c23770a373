"""What a shape of a day is called in plain words, said from the curve itself."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WORDS: dict[str, tuple[str, str]] = {
    "flat": ("Even all day", "全天平稳"),
    "night": ("Night", "夜间为主"),
    "day_work": ("Daytime work", "日间作业"),
    "long_day": ("Day into the evening", "日间至晚间"),
    "double": ("Two peaks", "双峰"),
    "morning": ("Morning peak", "早峰"),
    "midday": ("Midday peak", "午峰"),
    "afternoon": ("Afternoon peak", "下午峰"),
    "evening": ("Evening peak", "晚峰"),
    "late": ("Late evening peak", "深夜峰"),
}
"""Key: English, Chinese. The hour of the highest load and a number tell shapes of one name apart."""


@dataclass(frozen=True, slots=True)
class ShapeName:
    """`key` of `WORDS`; `number` counts shapes of one key from 1; `peak_slot` of the day's slots."""

    key: str
    number: int
    peak_slot: int

    def said(self, language: str, slots: int = 96) -> str:
        """In "zh_CN" or in English: 晚峰（19 时）, Evening peak (19 h)."""
        english, chinese = WORDS[self.key]
        hour = self.peak_slot * 24 // slots
        if self.key == "flat":
            hour_en = hour_zh = ""
        else:
            hour_en, hour_zh = f" ({hour} h)", f"（{hour} 时）"
        more = "" if self.number == 1 else f" {self.number}"
        return f"{chinese}{hour_zh}{more}" if language.startswith("zh") else f"{english}{hour_en}{more}"


def key_of(centre: NDArray[np.float32]) -> str:
    """The key of a curve (slots,) of sum 1, from its hours: how even, when it is high, how many peaks."""
    hours = centre.reshape(24, -1).sum(axis=1).astype(float)
    if hours.max() <= 1.35 * hours.mean():
        return "flat"
    if (night := hours[[22, 23, 0, 1, 2, 3, 4, 5]].sum()) >= 0.45 and night > hours[8:18].sum():
        return "night"
    if hours[8:18].sum() >= 0.6:
        return _of_day(hours)
    if hours[8:21].sum() >= 0.72:
        return "long_day"
    if len(_peaks(hours)) == 2:
        return "double"
    return _by_hour(int(hours.argmax()))


def _of_day(hours: NDArray[np.float64]) -> str:
    """Mostly by day: one high stretch of work, or a peak within it."""
    top = hours >= 0.7 * hours.max()
    return "day_work" if top.sum() >= 6 else _by_hour(int(hours.argmax()))


def _peaks(hours: NDArray[np.float64]) -> list[int]:
    """Hours of clear maxima: at least 70 % of the highest, 4 h apart, a dip of a quarter between."""
    found: list[int] = []
    for hour in np.argsort(-hours):
        if hours[hour] < 0.7 * hours.max():
            break
        apart = all(abs(hour - other) >= 4 for other in found)
        if apart and all(_dip(hours, int(hour), other) for other in found):
            found.append(int(hour))
    return found


def _dip(hours: NDArray[np.float64], one: int, other: int) -> bool:
    low, high = sorted((one, other))
    return bool(hours[low : high + 1].min() <= 0.75 * min(hours[one], hours[other]))


def _by_hour(hour: int) -> str:
    for until, key in ((4, "late"), (10, "morning"), (14, "midday"), (17, "afternoon"), (22, "evening")):
        if hour < until:
            return key
    return "late"
