"""The similar-day mean of tomorrow as others would reckon it; runs in these packages' own environment.

Arguments: tool, file (.npy float32, series × days × 96), kinds of the days (digits). Prints seconds and how
many series it was given, as one JSON object. Each tool has its data as it likes it, in memory, and is warm.
"""

import json
import sys
from time import perf_counter

import numpy as np

TOOL, FILE, DIGITS = sys.argv[1:4]
KINDS = np.array([int(digit) for digit in DIGITS])
TARGET, COUNT = 0, 5
PANDAS, STATS = 3000, 60


def numpy_(kw):
    days = np.flatnonzero(KINDS == TARGET)[::-1][:COUNT]
    return lambda: np.nanmean(kw[:, days], axis=1)


def pandas_(kw):
    import pandas as pd

    series, days, slots = kw.shape
    table = pd.DataFrame(
        {
            "series": np.repeat(np.arange(series), days * slots),
            "day": np.tile(np.repeat(np.arange(days), slots), series),
            "slot": np.tile(np.arange(slots), series * days),
            "kw": kw.ravel(),
        }
    )
    kind = pd.Series(KINDS)

    def go():
        like = table[table["day"].map(kind) == TARGET]
        latest = like.sort_values("day", ascending=False).groupby(["series", "slot"]).head(COUNT)
        return latest.groupby(["series", "slot"])["kw"].mean()

    return go


def statsforecast_(model):
    def prepare(kw):
        import pandas as pd
        from statsforecast import StatsForecast

        series, days, slots = kw.shape
        at = pd.date_range("2026-01-01", periods=days * slots, freq="15min")
        table = pd.DataFrame(
            {"unique_id": np.repeat(np.arange(series), len(at)), "ds": np.tile(at, series), "y": kw.ravel()}
        )
        tool = StatsForecast(models=[model()], freq="15min", n_jobs=1)
        return lambda: tool.forecast(df=table, h=slots)

    return prepare


def seasonal_naive():
    from statsforecast.models import SeasonalNaive

    return SeasonalNaive(season_length=672)


def window_average():
    from statsforecast.models import SeasonalWindowAverage

    return SeasonalWindowAverage(season_length=96, window_size=5)


TOOLS = {
    "numpy": (numpy_, None),
    "pandas": (pandas_, PANDAS),
    "statsforecast SeasonalNaive": (statsforecast_(seasonal_naive), STATS),
    "statsforecast SeasonalWindowAverage": (statsforecast_(window_average), STATS),
}

prepare, most = TOOLS[TOOL]
given = np.load(FILE, mmap_mode="r")[:most]
go = prepare(np.ascontiguousarray(given))
go()
start = perf_counter()
go()
print(json.dumps({"seconds": perf_counter() - start, "series": len(given)}))
