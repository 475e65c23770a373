"""What is priced: energies by band of unbroken spans of days, and what else a bill needs to know."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from cloud.kit.money import ZERO, total
from cloud.tariffs.power_factor import Standard
from cloud.tariffs.two_part import Basis


@dataclass(frozen=True, slots=True)
class Part:
    """kWh by band's name of the local days from `first` to `last`, both included, all of one month."""

    first: date
    last: date
    kwh: Mapping[str, Decimal]

    @property
    def total_kwh(self) -> Decimal:
        return total(self.kwh.values())


@dataclass(frozen=True, slots=True)
class Household:
    """`before_kwh` was used in the steps' cycle before the first part; moving counts the months of a year."""

    before_kwh: Decimal = ZERO
    persons: int | None = None
    moved_in: date | None = None
    moved_out: date | None = None


@dataclass(frozen=True, slots=True)
class Supply:
    """Of a two-part or power-factor customer; the month's values, None where not known."""

    basis: Basis | None = None
    capacity_kva: Decimal = ZERO
    demand_kw: Decimal | None = None
    contracted_kw: Decimal | None = None
    share: Decimal = Decimal(1)
    standard: Standard | None = None
    reactive_kvarh: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Parts in order of time, none overlapping; `supply` and the kWh `fed_in` by the first day of a month."""

    parts: tuple[Part, ...]
    household: Household = Household()
    supply: Mapping[date, Supply] = field(default_factory=dict)
    fed_in: Mapping[date, Decimal] = field(default_factory=dict)


def by_month(first: date, last: date) -> Iterator[tuple[date, date]]:
    """The days from `first` to `last` cut at the ends of months."""
    while first <= last:
        end = min(last, month_end(first))
        yield first, end
        first = end + timedelta(days=1)


def spread(kwh: Decimal | Mapping[str, Decimal], first: date, last: date) -> tuple[Part, ...]:
    """A use of which only the sum is known, whole or of each band, evenly over its days; the parts add up to
    it exactly."""
    bands = kwh if isinstance(kwh, Mapping) else {"flat": kwh}
    spans = list(by_month(first, last))
    days = (last - first).days + 1
    parts: list[Part] = []
    given = dict.fromkeys(bands, ZERO)
    for begin, end in spans[:-1]:
        share = (end - begin).days + 1
        some = {band: (each * share / days).quantize(Decimal("0.001")) for band, each in bands.items()}
        parts.append(Part(begin, end, some))
        given = {band: given[band] + each for band, each in some.items()}
    begin, end = spans[-1]
    return (*parts, Part(begin, end, {band: each - given[band] for band, each in bands.items()}))


def month_end(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
