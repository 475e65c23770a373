"""One tariff's documents over time as pricing asks for them, and small changes of them; looked up once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from cloud.kit.errors import NotFound
from cloud.tariffs.catalogue import Catalogue
from cloud.tariffs.documents import BANDS, Tariff
from cloud.tariffs.price import Pricer, band_price, cycle_of
from cloud.tariffs.variants import AS_IT_IS, Variant, varied

__all__ = ["AS_IT_IS", "Documents", "Known", "Variant", "documents", "varied"]


class Known(Enum):
    """`NO_PRICE`: the document holds, and the month's purchase price is not in it."""

    PRICED = 0
    NO_PRICE = 1
    NO_DOCUMENT = 2


@dataclass(slots=True)
class Documents:
    """`in_force` gives the document of a day: NotFound where none holds. Kept for as long as one run."""

    in_force: Callable[[date], Tariff]
    _months: dict[date, Tariff] = field(default_factory=dict)
    _varied: dict[tuple[int, Variant], Tariff] = field(default_factory=dict)
    _pricers: dict[tuple[str, Variant], Pricer] = field(default_factory=dict)
    _prices: dict[tuple[str, date], tuple[float, ...]] = field(default_factory=dict)
    _known: dict[tuple[str, date], "Known"] = field(default_factory=dict)
    _one: dict[tuple[str, date, date, Variant], bool] = field(default_factory=dict)
    _tables: dict[tuple[str, tuple[date, ...]], NDArray[np.float64]] = field(default_factory=dict)
    _bands: dict[tuple[int, str, int | None], frozenset[str]] = field(default_factory=dict)

    def __call__(self, day: date) -> Tariff:
        if day not in self._months:
            self._months[day] = self.in_force(day)
        return self._months[day]

    def pricer(self, plan: str, variant: Variant = AS_IT_IS) -> Pricer:
        key = (plan, variant)
        if key not in self._pricers:
            self._pricers[key] = Pricer(lambda day: self.under(day, variant), plan)
        return self._pricers[key]

    def under(self, day: date, variant: Variant) -> Tariff:
        """The document of a day with other steps; the same one each time it is asked for."""
        tariff = self(day)
        if variant == AS_IT_IS:
            return tariff
        key = (id(tariff), variant)
        if key not in self._varied:
            self._varied[key] = varied(tariff, variant)
        return self._varied[key]

    def known(self, plan: str, day: date) -> "Known":
        """Whether a plan can be priced on a day."""
        if (plan, day) not in self._known:
            self._known[plan, day] = self._judged(plan, day)
        return self._known[plan, day]

    def _judged(self, plan: str, day: date) -> "Known":
        try:
            tariff = self(day)
            its = tariff.plan(plan)
        except (NotFound, ValueError):
            return Known.NO_DOCUMENT
        return Known.NO_PRICE if its.ratios and tariff.components_of(day) is None else Known.PRICED

    def bands(self, plan: str, day: date, month: int | None = None) -> frozenset[str]:
        """The names of the bands that any day, of this month or at all, may have. NotFound, ValueError."""
        tariff = self(day)
        key = (id(tariff), plan, month)
        if key not in self._bands:
            its = tariff.plan(plan)
            self._bands[key] = its.table().bands(month) if its.windows else frozenset({"flat"})
        return self._bands[key]

    def one_price(self, plan: str, first: date, last: date, variant: Variant) -> bool:
        """Whether all of these days cost the same and lie in one year of steps. NotFound, ValueError."""
        key = (plan, first, last, variant)
        if key not in self._one:
            self._one[key] = self._costs_the_same(*key)
        return self._one[key]

    def _costs_the_same(self, plan: str, first: date, last: date, variant: Variant) -> bool:
        tariff = self(first)
        its = tariff.plan(plan)
        if not its.prices or len(its.prices) > 1 or self(last) is not tariff:
            return False
        if not its.steps or tariff.steps is None:
            return True
        steps = self.under(first, variant).steps
        assert steps is not None
        return steps.cycle == "year" and cycle_of(steps, first) == cycle_of(steps, last)

    def table(self, plan: str, days: tuple[date, ...]) -> NDArray[np.float64]:
        """`prices` of these days (days, bands)."""
        if (plan, days) not in self._tables:
            self._tables[plan, days] = np.array([self.prices(plan, day) for day in days])
        return self._tables[plan, days]

    def prices(self, plan: str, day: date) -> tuple[float, ...]:
        """CNY/kWh of each band on a day, 0 for one that the plan does not have then: to estimate by, never to
        bill. ValueError, NotFound: what it costs is not known."""
        if (plan, day) not in self._prices:
            tariff = self(day)
            its = tariff.plan(plan)
            bands = self.bands(plan, day, day.month)
            self._prices[plan, day] = tuple(
                float(band_price(tariff, its, band, day)) if band in bands else 0.0 for band in BANDS
            )
        return self._prices[plan, day]


def documents(catalogue: Catalogue, tariff: str) -> Documents:
    """NotFound, when asked for a day, where the catalogue has no such tariff."""
    return Documents(lambda day: catalogue.in_force(tariff, day))
