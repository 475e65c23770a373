"""A document with other steps than it has: a year that begins elsewhere, a step that adds nothing."""

from dataclasses import dataclass

from cloud.kit.money import ZERO
from cloud.tariffs.documents import Tariff


@dataclass(frozen=True, slots=True)
class Variant:
    """`begins_month`: the steps' year as if it began there. `without_step`: reaching that step (2, 3, …)
    costs no more than the one before it."""

    begins_month: int | None = None
    without_step: int | None = None


AS_IT_IS = Variant()


def varied(tariff: Tariff, variant: Variant) -> Tariff:
    """The same document with other steps; as it is where it has none of them."""
    steps = tariff.steps
    if steps is None or variant == AS_IT_IS:
        return tariff
    if variant.begins_month is not None and steps.cycle == "year":
        steps = steps.model_copy(update={"begins_month": variant.begins_month})
    if variant.without_step is not None:
        first = variant.without_step - 2
        below = steps.adders[first - 1] if first else ZERO
        adders = tuple(below if at == first else adder for at, adder in enumerate(steps.adders))
        steps = steps.model_copy(update={"adders": adders})
    return tariff.model_copy(update={"steps": steps})
