"""Lamps, motors, hot water: what a better device saves of the part of the energy that it takes the place of.

No meter says how much of a load is lighting: the part is an assumption of the product's document, told as
such; where hours of use are too few, the product's own conditions refuse it.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from cloud.kit.money import ZERO
from cloud.tiers.advice.equipment.ground import Ground, confidence, kwh_year, year_of
from cloud.tiers.advice.equipment.hours import in_proportion, used
from cloud.tiers.advice.equipment.offers import judged, share_of, worth_a_word
from cloud.tiers.advice.pricing import Change
from cloud.tiers.advice.product_documents import Aim, Product
from cloud.tiers.advice.rules import Advice, Facts, MonthUse, Refused


def lighting(ground: Ground, facts: Facts) -> Advice | Refused | None:
    return _replaced(ground, facts, Aim.LIGHTING)


def motor(ground: Ground, facts: Facts) -> Advice | Refused | None:
    return _replaced(ground, facts, Aim.MOTOR)


def hot_water(ground: Ground, facts: Facts) -> Advice | Refused | None:
    return _replaced(ground, facts, Aim.HOT_WATER)


def _replaced(ground: Ground, facts: Facts, aim: Aim) -> Advice | Refused | None:
    whole = kwh_year(ground, facts)
    products = [each for each in ground.answering(aim, facts.class_) if _large_enough(each, whole)]
    if not products or whole <= 0:
        return None
    months = year_of(ground, aim.value, facts)
    if isinstance(months, Refused):
        return months
    affected = whole * max(_part(each, facts) for each in products)

    def makes(product: Product, units: Decimal) -> tuple[Change, Mapping[str, Any]]:
        mine = whole * _part(product, facts)
        saved = share_of(product, units, mine) * _part(product, facts)
        return _less(facts, months, saved), {
            "part": f"{_part(product, facts):f}",
            "saved": f"{product.effect.saved if product.effect else 1:f}",
            "less_kwh": f"{whole * saved:.1f}",
        }

    found = judged(ground, facts, aim, months, {"affected_kwh": affected}, makes)
    if isinstance(found, Refused):
        return found
    if found.best is None:
        return found.refused(aim.value, facts)
    best = found.best
    if refused := worth_a_word(ground, aim.value, facts, best.saving):
        return refused
    evidence = {
        "kwh_year": f"{whole:f}",
        **best.details,
        "assumed": True,
        "source": best.product.source,
        "products": found.as_json(),
    }
    formula = (
        f"{whole:.0f} kWh × {best.details['part']} × {best.details['saved']}"
        f" → −{best.details['less_kwh']} kWh; "
        f"{best.bills.now.total:.2f} − {best.bills.then.total:.2f} = {best.saving:.2f} CNY"
    )
    return Advice(
        aim.value,
        facts.account,
        evidence,
        best.saving,
        formula,
        best.bills,
        confidence(months, assumed=True),
        ground.valid_until(facts),
        ("count_devices",),
    )


def _large_enough(product: Product, kwh_year: Decimal) -> bool:
    """Whom a product is too large for is told nothing of it."""
    return all(each.met(kwh_year) for each in product.fit if each.fact == "kwh_year")


def _part(product: Product, facts: Facts) -> Decimal:
    parts = product.effect.part if product.effect else {}
    return next((share for kind, share in parts.items() if kind == facts.class_), ZERO)


def _less(facts: Facts, months: tuple[MonthUse, ...], share: Decimal) -> Change:
    added = {
        month.month: in_proportion(have, sum(have.values(), ZERO) * share)
        for month in months
        if (have := used(facts, month))
    }
    return Change(added_kwh=added)
