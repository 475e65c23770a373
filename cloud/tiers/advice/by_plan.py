"""The energies of a month by plan: what a bill is priced on; exact when asked for, cheap before."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal

from cloud.insight.pricing import STEP
from cloud.kit.money import ZERO, total
from cloud.tariffs.documents import BANDS
from cloud.tariffs.usage import Part


class ByPlan(Mapping[str, tuple[Part, ...]]):
    """Parts by plan that also tell about how much they are, without exact numbers being made first."""

    __slots__ = ()

    @abstractmethod
    def about(self, plan: str) -> Sequence[tuple[date, Sequence[float]]]:
        """(first day, kWh by band) of each part, about: to see whether pricing is worth while.

        KeyError: there is no such plan.
        """

    @abstractmethod
    def about_kwh(self, plan: str) -> float:
        """Of all its parts and bands, 0 where there is no such plan."""

    @abstractmethod
    def one(self, plan: str) -> Sequence[float] | None:
        """kWh by band, as stored, of the one part that there is; None of several. KeyError as above."""

    @abstractmethod
    def millionths(self, plan: str) -> Mapping[str, int] | None:
        """Of the one part that there is its energies in millionths of a kWh, exactly; None of several parts.

        KeyError: there is no such plan.
        """


class Exact(ByPlan):
    """Parts that somebody named: nothing is stored of them, so there is no short way either."""

    __slots__ = ("_parts",)

    def __init__(self, parts: Mapping[str, tuple[Part, ...]]) -> None:
        self._parts = parts

    def __getitem__(self, plan: str) -> tuple[Part, ...]:
        return self._parts[plan]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)

    def about(self, plan: str) -> Sequence[tuple[date, Sequence[float]]]:
        return [(part.first, [float(part.kwh.get(band, 0)) for band in BANDS]) for part in self[plan]]

    def about_kwh(self, plan: str) -> float:
        return float(total(part.total_kwh for part in self.get(plan, ())))

    def one(self, plan: str) -> None:
        if plan not in self:
            raise KeyError(plan)

    def millionths(self, plan: str) -> None:
        self.one(plan)


def total_kwh(energies: ByPlan, plan: str) -> Decimal:
    """Exact, of all parts of a plan; 0 where there is no such plan."""
    if plan not in energies:
        return ZERO
    found = energies.millionths(plan)
    if found is not None:
        return kwh_of(sum(found.values()))
    return total(part.total_kwh for part in energies[plan])


def millionths_of(kwh: float) -> int:
    """As `insight.pricing.part_of` rounds it: near a half the product is not to be trusted."""
    found = kwh * 1e6
    near = round(found)
    if abs(found - near) < 0.499 and abs(found) < 1e12:
        return near
    return int(Decimal(kwh).quantize(STEP).scaleb(6))


def kwh_of(millionths: int) -> Decimal:
    return Decimal(millionths).scaleb(-6)
