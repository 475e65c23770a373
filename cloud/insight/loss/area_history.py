"""An area's days with their balance, as searches look at them: who draws, what is clean, what was lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.loss.balance import CUSTOMER, OUTSIDE, SUPPLY, Balance, balance
from cloud.analysis.loss.evidence import Fact, Line
from cloud.insight.loss.balances import limits_of
from cloud.insight.loss.energies import History
from cloud.insight.loss.gather import BEHIND
from cloud.insight.loss.policy import LossPolicy

Floats = NDArray[np.float64]
MONTH_DAYS = 30
_SPARE = 1.3
"""Not every day is clean: so many more than are needed."""


@dataclass(frozen=True, slots=True)
class Area:
    """An area's history with its balance: (days,) kWh; `customers` are rows of the history that draw."""

    history: History
    balance: Balance
    customers: NDArray[np.int64]
    slack: float

    @property
    def name(self) -> str:
        return self.history.area

    @property
    def clean(self) -> NDArray[np.bool_]:
        """(days,): measured on both sides, or all but so little of the supply that it may be estimated."""
        told = self.balance
        with np.errstate(invalid="ignore"):
            near = self.doubt <= self.slack * told.supply[0]
        found: NDArray[np.bool_] = told.computable[0] & np.isfinite(told.loss[0]) & near
        return found

    @property
    def doubt(self) -> Floats:
        """(days,) kWh: how far apart the bounds of the loss are."""
        found: Floats = self.balance.high[0] - self.balance.low[0]
        return found

    @property
    def energies(self) -> Floats:
        """(customers, days) kWh drawn with estimates, NaN where there is none, 0 where not there."""
        found: Floats = np.where(self.history.role >= 0, self.history.imported.value, 0.0)[self.customers]
        return found

    @property
    def loss(self) -> Floats:
        return np.where(self.clean, self.balance.loss[0], np.nan)

    @property
    def measured(self) -> Floats:
        """(customers, days) kWh drawn, NaN where not measured, 0 where not there."""
        of = self.history
        values = np.where(of.imported.measured, of.imported.value, np.nan)
        found: Floats = np.where(of.role >= 0, values, 0.0)[self.customers]
        return found

    @property
    def square(self) -> Floats:
        """(days,) kWh²: of slots where every clean day has them, else of days."""
        slots = self.history.square
        return slots if np.isfinite(slots[self.clean]).all() else self.balance.supply[0] ** 2


def area_of(history: History, policy: LossPolicy) -> Area:
    """An area's history, its balance, and who is to be looked at."""
    usual = np.where((history.role == SUPPLY).any(axis=1), SUPPLY, CUSTOMER).astype(np.int64)
    there = np.where((history.role < 0) | (history.role == BEHIND), OUTSIDE, 0).astype(np.int64)
    told = balance(there, usual, history.imported, history.exported, 1, limits_of(policy))
    drew = np.where(history.role == CUSTOMER, np.nan_to_num(history.imported.value), 0.0).sum(axis=1) > 0
    return Area(history, told, np.flatnonzero((usual == CUSTOMER) & drew), policy.search.slack)


def loss_line(area: Area) -> Line:
    """What the area lost over its clean days, for whoever reads the other numbers."""
    days = int(area.clean.sum())
    lost = float(np.nansum(area.loss))
    supplied = float(area.balance.supply[0][area.clean].sum())
    month = None if not days else round(lost / days * MONTH_DAYS, 1)
    rate = None if not supplied else round(lost / supplied, 4)
    return Line(Fact.AREA_LOSS, {"rate": rate, "kwh_month": month, "days": days})


def window(history_days: int, seen: Sequence[date], day: date, least_days: int) -> date:
    """The first day of evidence: after the area's last inspection where enough days have passed since."""
    first = day - timedelta(days=history_days - 1)
    enough = round(_SPARE * least_days)
    if seen and (after := max(seen) + timedelta(days=1)) > first and (day - after).days + 1 >= enough:
        return after
    return first
