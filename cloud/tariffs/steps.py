"""Steps (阶梯档): how much of a use lies in each, after what the cycle had before; limits are inclusive."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

from cloud.kit.money import ZERO


def split(kwh: Decimal, before_kwh: Decimal, limits_kwh: Sequence[Decimal]) -> tuple[Decimal, ...]:
    """kWh in each of len(limits) + 1 steps of a use that follows on `before_kwh`; their sum is `kwh`.

    A use is not negative, and limits rise: ValueError otherwise.
    """
    if kwh < 0 or before_kwh < 0:
        raise ValueError(f"{kwh} kWh after {before_kwh} kWh: a use is not negative")
    if any(low >= high for low, high in pairwise(limits_kwh)):
        raise ValueError(f"limits {', '.join(map(str, limits_kwh))} do not rise")
    after = before_kwh + kwh
    edges = [ZERO, *limits_kwh]
    ends: list[Decimal | None] = [*limits_kwh, None]
    return tuple(
        max(ZERO, (after if high is None else min(after, high)) - max(before_kwh, low))
        for low, high in zip(edges, ends, strict=True)
    )


def prorated(limits_kwh: Sequence[Decimal], months: int) -> tuple[Decimal, ...]:
    """A year's limits for so many months of it: who moved in or out has a part of the year's allowance."""
    if not 1 <= months <= 12:
        raise ValueError(f"{months} months of a year")
    return tuple(limit * months / 12 for limit in limits_kwh)


def crossing(before_kwh: Decimal, limits_kwh: Sequence[Decimal]) -> Decimal | None:
    """kWh left to the next limit; None in the last step."""
    return next((limit - before_kwh for limit in limits_kwh if before_kwh < limit), None)
