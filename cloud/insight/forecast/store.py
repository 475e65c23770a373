"""What was forecast and what it was worth, one subject at a time; the rows hold whole groups.

Numbers are kW on the wall-clock grid of the local day (96 labels at 15 min); `Forecast.on` gives the day's
real slots, 92, 96 or 100. A customer's forecast shows who is at home: whoever asks checks the Scope first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from cloud.analysis.forecast.figures import Figures
from cloud.insight.forecast import tables  # noqa: F401 - they are to be known wherever this is

Kw = NDArray[np.float32]


class Kind(StrEnum):
    POINT = "point"
    AREA = "area"
    TRANSFORMER = "transformer"
    FEEDER = "feeder"


class Method(StrEnum):
    """How P50 was made."""

    NONE = "none"
    SIMILAR = "similar"
    MODEL = "model"
    BLEND = "blend"
    COLD = "cold"
    SUM = "sum"


class Reason(StrEnum):
    """Why this method and no other."""

    WINS = "wins"
    """Better than similar days by the margin, on this subject's own backtest."""
    NO_GAIN = "no_gain"
    FEW_DAYS = "few_days"
    """Too few scored days to choose by."""
    NO_MODEL = "no_model"
    NEW = "new"
    """Too few days of its own: the profile of its class times its daily use."""
    NO_HISTORY = "no_history"
    COHERENT = "coherent"
    """Of the parts and the whole, weighed by their errors."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """A transformer's day (load_analysis §2.6): β = S / capacity; probabilities that β stays above the limit
    for the time that makes it heavy or overloaded. None, with the reason, where it cannot be said."""

    capacity_kva: float | None
    power_factor: float | None
    assumed_power_factor: bool
    peak_beta_p50: float | None
    peak_beta_p90: float | None
    heavy_probability: float | None
    over_probability: float | None
    heavy_hours: float | None
    over_hours: float | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """`p10`, `p50`, `p90` float32 (96,), kW, NaN where nothing can be said.

    `similar_days` and `estimated_share` say what P50 stands on; `figures` are this method's own over the
    scored window, `similar` those of similar days in the same, `holidays` those of holidays alone.
    """

    kind: Kind
    subject: str
    day: date
    made_at: datetime
    closed: date
    method: Method
    reason: Reason
    p10: Kw
    p50: Kw
    p90: Kw
    similar_days: int
    estimated_share: float | None
    figures: Figures
    similar: Figures
    holidays: Figures
    outlook: Outlook | None = None

    def on(self, labels: NDArray[np.int64]) -> tuple[Kw, Kw, Kw]:
        """P10, P50, P90 of slots that stand at these labels (`DayGrid.label`): (slots,) each."""
        return self.p10[labels], self.p50[labels], self.p90[labels]


def newest(connection: Connection, kind: Kind, subject: str, day: date) -> Forecast | None:
    """The newest forecast of that day; None where there is none."""
    return None


def of_kind(
    connection: Connection, kind: Kind, day: date, subjects: Sequence[str] | None = None
) -> list[Forecast]:
    """All of a kind, or those named, in order of subject; for lists of areas, transformers, feeders."""
    return []


def days(connection: Connection, kind: Kind) -> tuple[date, date] | None:
    """The first and last day of which there is a forecast."""
    return None
