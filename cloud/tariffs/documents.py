"""A tariff as a dated document with its source: steps, bands, prices, components, two-part terms.

Numbers are exact decimals; every month and quarter of an hour has one price; a contradiction is refused.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cloud.kit.bands import BandTable
from cloud.kit.money import ZERO, Rounding
from cloud.tariffs.two_part import TwoPart
from cloud.tariffs.windows import DayWindows, Overlay

Price = Annotated[Decimal, Field(ge=-10, le=100, max_digits=12, decimal_places=8)]
"""CNY a kWh."""
Energy = Annotated[Decimal, Field(gt=0, le=10_000_000)]
Month = Annotated[int, Field(ge=1, le=12)]
Months = Annotated[frozenset[Month], Field(min_length=1)]
BANDS = ("sharp", "peak", "flat", "valley", "deep_valley")
YEAR: frozenset[int] = frozenset(range(1, 13))
Name = Annotated[str, Field(min_length=1, max_length=200)]
Identity = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=64)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CustomerClass(StrEnum):
    LARGE_INDUSTRY = "large_industry"
    BUSINESS = "business"
    HOUSEHOLD = "household"
    FARM = "farm"


class PriceSource(StrEnum):
    """Who makes the price of the energy itself."""

    ADMINISTERED = "administered"
    AGENCY_PURCHASE = "agency_purchase"
    MARKET = "market"


class Words(Strict):
    zh_CN: Name  # noqa: N815 - a language
    en: Name


class Limits(Strict):
    """The highest kWh of each step but the last, inclusive, in these months; none: one step."""

    months: Months = YEAR
    kwh: tuple[Energy, ...]

    @model_validator(mode="after")
    def _rise(self) -> "Limits":
        if any(low >= high for low, high in pairwise(self.kwh)):
            raise ValueError(f"kwh: the limits {', '.join(map(str, self.kwh))} do not rise")
        return self


class LargeHousehold(Strict):
    """From so many `persons` on every limit is higher by `add_kwh` a month."""

    persons: Annotated[int, Field(ge=2, le=20)]
    add_kwh: Energy


class Steps(Strict):
    """`adders`: CNY/kWh on top of the first step's price, above the first limit, the second, …"""

    cycle: Literal["month", "year"]
    begins_month: Month = 1
    adders: Annotated[tuple[Price, ...], Field(min_length=1, max_length=8)]
    limits: Annotated[tuple[Limits, ...], Field(min_length=1)]
    large_household: LargeHousehold | None = None

    @model_validator(mode="after")
    def _complete(self) -> "Steps":
        if below := next((each for each in self.adders if each <= 0), None):
            raise ValueError(f"adders: {below}: what a step adds to the first price is above 0")
        whole("steps.limits", [each.months for each in self.limits])
        if self.cycle == "year" and len(self.limits) > 1:
            raise ValueError("limits: a year's steps have one set of limits")
        for each in self.limits:
            if each.kwh and len(each.kwh) != len(self.adders):
                raise ValueError(f"limits: {len(each.kwh)} of them for {len(self.adders)} adders")
        if self.cycle == "month" and self.begins_month != 1:
            raise ValueError("begins_month: is for steps of a year")
        return self

    def limits_of(self, month: int) -> tuple[Decimal, ...]:
        return next(each.kwh for each in self.limits if month in each.months)


class Bands(Strict):
    """CNY/kWh or ratios of each band; what a document does not have is not there."""

    sharp: Price | None = None
    peak: Price | None = None
    flat: Price | None = None
    valley: Price | None = None
    deep_valley: Price | None = None

    @model_validator(mode="after")
    def _not_below_zero(self) -> "Bands":
        for name, value in self.said().items():
            if value < 0:
                raise ValueError(f"{name}: {value} is below 0: nobody is paid for using energy")
        return self

    def said(self) -> dict[str, Decimal]:
        return {name: value for name in BANDS if (value := getattr(self, name)) is not None}


class Prices(Bands):
    """Whole prices of these months; one price for all hours is `flat` alone."""

    months: Months = YEAR


class Ratios(Bands):
    """What floats of the components is multiplied by this, band by band; flat is 1 unless said."""

    months: Months = YEAR


class Components(Strict):
    """Of what a kWh's price is made up from `from` on; `funds` are never part of a power-factor adjustment.

    `published` are whole prices that the notice prints itself: they stand above what the ratios give.
    """

    from_: Annotated[date, Field(alias="from")]
    to: date | None = None
    source: Name
    floating: dict[str, Price]
    fixed: dict[str, Price] = {}
    funds: Price = ZERO
    published: Bands = Bands()

    @model_validator(mode="after")
    def _dated(self) -> "Components":
        if self.to is not None and self.to <= self.from_:
            raise ValueError(f"to: {self.to} is not after {self.from_}")
        if not self.floating:
            raise ValueError("floating: names no component")
        if sum(self.floating.values(), ZERO) <= 0:
            raise ValueError("floating: sums up to 0 or less: no hour could be dearer than another")
        if self.funds < 0:
            raise ValueError(f"funds: {self.funds} is below 0")
        return self

    def holds(self, day: date) -> bool:
        return self.from_ <= day and (self.to is None or day < self.to)

    def price(self, band: str, ratio: Decimal) -> Decimal:
        """CNY/kWh of a band: as published, else the floating part times its ratio and the rest."""
        own: Decimal | None = getattr(self.published, band)
        if own is not None:
            return own
        return self.made(ratio)

    def made(self, ratio: Decimal) -> Decimal:
        return sum(self.floating.values(), ZERO) * ratio + sum(self.fixed.values(), ZERO) + self.funds


class Surplus(Strict):
    """What is paid for a kWh of own PV that is fed in (余电上网), from `from` on."""

    from_: Annotated[date, Field(alias="from")]
    to: date | None = None
    price: Annotated[Decimal, Field(gt=0, le=5, max_digits=12, decimal_places=8)]
    source: Name

    @model_validator(mode="after")
    def _dated(self) -> "Surplus":
        if self.to is not None and self.to <= self.from_:
            raise ValueError(f"to: {self.to} is not after {self.from_}")
        return self

    def holds(self, day: date) -> bool:
        return self.from_ <= day and (self.to is None or day < self.to)


class Plan(Strict):
    """One way to be billed: with or without steps, bands, whole prices or ratios over the components."""

    id: Identity
    name: Words
    optional: bool = False
    """Only who asked for it is billed so."""
    steps: bool = False
    voltage: str = ""
    """Where it is not the document's."""
    windows: tuple[DayWindows, ...] = ()
    overlays: tuple[Overlay, ...] = ()
    prices: tuple[Prices, ...] = ()
    ratios: tuple[Ratios, ...] = ()

    @model_validator(mode="after")
    def _priced(self) -> "Plan":
        if bool(self.prices) == bool(self.ratios):
            raise ValueError("a plan has either prices or ratios")
        if self.prices:
            whole("prices", [each.months for each in self.prices])
        else:
            whole("ratios", [each.months for each in self.ratios])
        if self.windows:
            self.table()
        elif self.overlays:
            raise ValueError("overlays: without windows there is nothing they could replace")
        self._every_band_has_a_price()
        return self

    @property
    def bands(self) -> frozenset[str]:
        """The names of bands that its windows ever name; flat alone where there are none."""
        if not self.windows:
            return frozenset({"flat"})
        return self.table().bands()

    def table(self) -> BandTable:
        """The bands of any day. ValueError: a day is not filled, or twice."""
        return BandTable(
            self.id, [each.day_bands() for each in self.windows], [each.festival() for each in self.overlays]
        )

    def priced(self, month: int) -> Prices | Ratios:
        entries: Sequence[Prices | Ratios] = self.prices or self.ratios
        return next(each for each in entries if month in each.months)

    def _every_band_has_a_price(self) -> None:
        for month in sorted(YEAR):
            said = self.priced(month).said().keys() | ({"flat"} if self.ratios else set())
            named = self.table().bands(month) if self.windows else {"flat"}
            if lacking := sorted(named - said):
                raise ValueError(f"month {month}: no price for {', '.join(lacking)}")


class Tariff(Strict):
    """One dated document. `certain` is False until the station has compared it with the notice itself."""

    id: Identity
    aliases: tuple[Identity, ...] = ()
    name: Words
    province: Name
    class_: Annotated[CustomerClass, Field(alias="class")]
    voltage: str = ""
    from_: Annotated[date, Field(alias="from")]
    to: date | None = None
    notice: str = ""
    """The number of the notice, as 浙发改价格〔2024〕21号."""
    source: Name
    certain: bool = False
    remarks: tuple[Name, ...] = ()
    price_source: PriceSource = PriceSource.ADMINISTERED
    rounding: Rounding = Rounding.HALF_UP
    steps: Steps | None = None
    components: tuple[Components, ...] = ()
    two_part: TwoPart | None = None
    surplus: tuple[Surplus, ...] = ()
    plans: Annotated[tuple[Plan, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _agrees(self) -> "Tariff":
        if self.to is not None and self.to <= self.from_:
            raise ValueError(f"to: {self.to} is not after {self.from_}")
        ids = [each.id for each in self.plans]
        if twice := next((each for each in ids if ids.count(each) > 1), None):
            raise ValueError(f"plans: {twice!r} is there twice")
        for plan in self.plans:
            if plan.steps and self.steps is None:
                raise ValueError(f"plans: {plan.id!r} has steps and the document has none")
        _apart("components", self.components)
        _apart("surplus", self.surplus)
        return self

    def plan(self, plan: str) -> Plan:
        """ValueError names those that there are."""
        for each in self.plans:
            if each.id == plan:
                return each
        raise ValueError(
            f"{self.id} has no plan {plan!r}; it has {', '.join(each.id for each in self.plans)}"
        )

    def holds(self, day: date) -> bool:
        return self.from_ <= day and (self.to is None or day < self.to)

    def components_of(self, day: date) -> Components | None:
        return next((each for each in self.components if each.holds(day)), None)

    def surplus_of(self, day: date) -> Decimal | None:
        """CNY/kWh of what is fed in; None where the document does not say."""
        return next((each.price for each in self.surplus if each.holds(day)), None)


def _apart(what: str, given: Sequence[Components] | Sequence[Surplus]) -> None:
    dated: list[Components | Surplus] = [*given]
    for one, other in pairwise(sorted(dated, key=lambda each: each.from_)):
        if one.to is None or one.to > other.from_:
            raise ValueError(f"{what}: those of {one.from_} and of {other.from_} overlap")


def whole(what: str, months: Sequence[frozenset[int]]) -> None:
    """ValueError unless each month of the year is named once."""
    for month in sorted(YEAR):
        count = sum(month in each for each in months)
        if count != 1:
            raise ValueError(f"{what}: month {month} is {'named twice' if count else 'not named'}")
