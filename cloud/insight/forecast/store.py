"""What was forecast and what it was worth, one subject at a time; the rows hold whole groups.

Numbers are kW on the wall-clock grid of the local day (96 labels at 15 min); `Forecast.on` gives the day's
real slots, 92, 96 or 100. A customer's forecast shows who is at home: whoever asks checks the Scope first.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select

from cloud.analysis.forecast.figures import NOTHING, SUMS, Figures, figures
from cloud.fleet import topology
from cloud.insight.forecast.tables import forecast_table, score_table
from cloud.insight.indicators import packed

Kw = NDArray[np.float32]
WINDOW_DAYS = 28
HOLIDAY_DAYS = 366
CHUNK = 100
STATION = "station"
"""The one subject of its kind."""
_KEY = ("kind", "grouped", "day")


class Kind(StrEnum):
    POINT = "point"
    AREA = "area"
    TRANSFORMER = "transformer"
    FEEDER = "feeder"
    STATION = "station"


class Method(StrEnum):
    """How P50 was made, in the order of `cloud.analysis.forecast.choice.Method`."""

    SIMILAR = "similar"
    WEIGHTED = "weighted"
    MODEL = "model"
    BLEND = "blend"
    COLD = "cold"
    NONE = "none"
    SUM = "sum"
    JOINED = "joined"
    """Of the whole by itself or of its parts, whichever missed less; the two then add up."""


class Reason(StrEnum):
    """Why this method and no other, in the order of `cloud.analysis.forecast.choice.Reason`."""

    WINS = "wins"
    """Better than similar days by the margin, on this subject's own backtest."""
    NO_GAIN = "no_gain"
    FEW_DAYS = "few_days"
    """Too few scored days to choose by."""
    NO_MODEL = "no_model"
    NEW = "new"
    """Too few days of its own: the shape of its class times its own use."""
    NO_HISTORY = "no_history"


@dataclass(frozen=True, slots=True)
class Outlook:
    """A transformer's day: β = P / (cos φ · S). The probabilities are those of staying at or above the limit
    for the time that makes it heavy or overloaded, the hours those above it that are to be expected."""

    capacity_kva: float | None
    power_factor: float
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

    `similar_days` and `estimated_share` (of four weeks) say what P50 stands on. `figures` are of what was
    issued in the last 28 scored days, `similar` of similar days on the same, `holidays` of what was
    issued for the holidays of a year.
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
    estimated_share: float
    figures: Figures
    similar: Figures
    holidays: Figures
    outlook: Outlook | None = None

    def on(self, labels: NDArray[np.int64]) -> tuple[Kw, Kw, Kw]:
        """P10, P50, P90 of slots that stand at these labels (`DayGrid.label`): (slots,) each."""
        return self.p10[labels], self.p50[labels], self.p90[labels]


def newest(
    connection: Connection, kind: Kind, subject: str, day: date, *, holidays: Collection[date] = ()
) -> Forecast | None:
    """The forecast of that day; None where there is none. `holidays` are those whose figures are told."""
    found = of_kind(connection, kind, day, [subject], holidays=holidays)
    return found[0] if found else None


def of_kind(
    connection: Connection,
    kind: Kind,
    day: date,
    subjects: Collection[str] | None = None,
    *,
    holidays: Collection[date] = (),
) -> list[Forecast]:
    """Those named, in order; all of a kind without names (points: ask by name)."""
    groups = None if kind is not Kind.POINT or subjects is None else _areas(connection, subjects)
    table = forecast_table
    query = select(table).where(table.c.kind == kind, table.c.day == day)
    if groups is not None:
        query = query.where(table.c.grouped.in_(groups))
    found = [
        each for row in connection.execute(query) for each in _forecasts(connection, row, subjects, holidays)
    ]
    return sorted(found, key=lambda each: each.subject)


def days(connection: Connection, kind: Kind) -> tuple[date, date] | None:
    """The first and last day of which there is a forecast."""
    table = forecast_table.c
    first, last = connection.execute(
        select(func.min(table.day), func.max(table.day)).where(table.kind == kind)
    ).one()
    return None if first is None else (first, last)


def scored(connection: Connection) -> bool:
    """Whether any forecast was ever scored."""
    return connection.scalar(select(score_table.c.day).limit(1)) is not None


def over(connection: Connection, closed: date) -> date | None:
    """The newest day that is scored and after `closed`: its forecast, and older ones, stay as they were."""
    newest_scored: date | None = connection.scalar(select(func.max(score_table.c.day)))
    return newest_scored if newest_scored is not None and newest_scored > closed else None


def put(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Each in place of what was forecast of that group and day before."""
    if not rows:
        return
    same = [forecast_table.c[name] == bindparam(f"old_{name}") for name in _KEY]
    old = [{f"old_{name}": row[name] for name in _KEY} for row in rows]
    connection.execute(delete(forecast_table).where(*same), old)
    connection.execute(insert(forecast_table), list(rows))


def put_scores(connection: Connection, scores: Iterable[Mapping[str, Any]]) -> None:
    """In place of all scores of that day."""
    every = [dict(each) for each in scores]
    if every:
        connection.execute(delete(score_table).where(score_table.c.day == every[0]["day"]))
        connection.execute(insert(score_table), every)


def forget(connection: Connection, points_before: date, before: date) -> None:
    """Forecasts and scores of days before these; points' forecasts sooner than all else."""
    table = forecast_table.c
    connection.execute(delete(forecast_table).where(table.kind == Kind.POINT, table.day < points_before))
    connection.execute(delete(forecast_table).where(table.day < before))
    connection.execute(delete(score_table).where(score_table.c.day < before))


def _areas(connection: Connection, points: Collection[str]) -> set[str]:
    return {row.area for row in topology.points_named(connection, points)}


def _forecasts(
    connection: Connection, row: Row[Any], wanted: Collection[str] | None, holidays: Collection[date]
) -> Iterable[Forecast]:
    from cloud.insight.forecast import rows  # it loads the kernels

    if row.version != rows.VERSION:
        return
    subjects = packed.points(bytes(row.subjects))
    issued = rows.issued(bytes(row.body))
    outlooks = json.loads(row.outlook) if row.outlook else {}
    chosen = set(subjects if wanted is None else wanted)
    told = _figures(connection, row, chosen.intersection(subjects), holidays)
    for n, subject in enumerate(subjects):
        if subject in chosen:
            own, similar, festive = told.get(subject, (NOTHING, NOTHING, NOTHING))
            yield Forecast(
                Kind(row.kind), subject, row.day, row.made_at, row.closed,
                list(Method)[issued.method[n]], list(Reason)[issued.reason[n]],
                issued.p10[n], issued.p50[n], issued.p90[n], int(issued.used[n]), float(issued.estimated[n]),
                own, similar, festive, Outlook(**outlooks[subject]) if subject in outlooks else None,
            )  # fmt: skip


def _figures(
    connection: Connection, row: Row[Any], wanted: Collection[str], holidays: Collection[date]
) -> dict[str, tuple[Figures, Figures, Figures]]:
    """Issued, similar days, issued on holidays; of what had been scored when the forecast was made."""
    from cloud.insight.forecast import rows  # it loads the kernels

    table = score_table.c
    since = row.closed - timedelta(days=WINDOW_DAYS - 1)
    festive = [day for day in holidays if row.closed - timedelta(days=HOLIDAY_DAYS) <= day <= row.closed]
    query = select(score_table).where(
        table.kind == row.kind, table.grouped == row.grouped, table.day <= row.closed,
        (table.day >= since) | table.day.in_(festive), table.version == rows.VERSION,
    )  # fmt: skip
    width, sums = len(SUMS), {name: np.zeros((3, len(SUMS))) for name in wanted}
    for each in connection.execute(query):
        score = rows.score(bytes(each.body))
        for n, name in enumerate(packed.points(bytes(each.subjects))):
            if name not in sums or np.isnan(score[n, 0]):
                continue
            if each.day >= since:
                sums[name][:2] += score[n, : 2 * width].reshape(2, width)
            if each.day in festive:
                sums[name][2] += score[n, :width]
    return {name: (figures(own), figures(plain), figures(rare)) for name, (own, plain, rare) in sums.items()}
