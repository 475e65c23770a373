"""What is owed and offered without money: inspection by grade, voltage, training and material.

An important customer's reminder follows from the grade alone: neither energy nor bills are looked at.
"""

from decimal import Decimal
from typing import Any

from cloud.customers.file.needs import Need
from cloud.tiers.advice.equipment.ground import Ground, area_of, kwh_year
from cloud.tiers.advice.equipment.hours import exact
from cloud.tiers.advice.equipment.offers import Turned, Why
from cloud.tiers.advice.product_documents import Aim, Product
from cloud.tiers.advice.product_facts import Answer
from cloud.tiers.advice.rules import Advice, Confidence, Facts, Refused

SMALL = ("business", "farm")


def important_inspection(ground: Ground, facts: Facts) -> Advice | Refused | None:
    """Dual supply and standby power of who is on the list: by grade, never by value."""
    if facts.grade is None:
        return None
    limits = ground.policy.important
    evidence = {
        "grade": facts.grade.value,
        "every_months": limits.inspection_months[facts.grade],
        "standby_share": limits.standby_share,
        "certain": False,
        "products": _offered(ground, facts, Aim.INSPECTION, {"important": True}),
    }
    needs = ("dual_supply", "standby_power", "protected_load")
    return _without_money(ground, facts, Aim.INSPECTION, evidence, needs)


def voltage_quality(ground: Ground, facts: Facts) -> Advice | Refused | None:
    """For who is sensitive to voltage, where the area's was outside its limits too often."""
    needs = ground.around.needs.get(facts.account, frozenset())
    if Need.VOLTAGE not in needs:
        return None
    area = area_of(facts)
    rate = ground.around.voltage.get(area) if area else None
    limits = ground.policy.voltage
    if rate is None:
        return Refused(Aim.VOLTAGE.value, facts.account, Why.AREA_UNKNOWN, {"area": area})
    if rate >= limits.least_rate:
        return None
    evidence = {
        "rate": round(rate, 4),
        "least": limits.least_rate,
        "days": limits.days,
        "products": _offered(ground, facts, Aim.VOLTAGE, {"needs_voltage": True}),
    }
    return _without_money(ground, facts, Aim.VOLTAGE, evidence, ())


def training(ground: Ground, facts: Facts) -> Advice | Refused | None:
    """A course, material or a report: for small businesses and farms, and a large industry's report."""
    whole = kwh_year(ground, facts)
    if not _for_training(ground, facts, whole):
        return None
    found = _offered(ground, facts, Aim.TRAINING, {"kwh_year": whole if len(facts.year) == 12 else None})
    if all("refused" in each for each in found):
        return None
    evidence = {"kwh_year": f"{whole:f}", "months": len(facts.year), "products": found}
    return _without_money(ground, facts, Aim.TRAINING, evidence, ())


def _for_training(ground: Ground, facts: Facts, whole: Decimal) -> bool:
    limits, capacity = ground.policy.training, facts.contract.capacity_kva
    small = (capacity is None or capacity <= exact(limits.most_kva)) and whole <= exact(limits.most_kwh)
    return facts.class_ == "large_industry" or (facts.class_ in SMALL and small)


def _offered(ground: Ground, facts: Facts, aim: Aim, known: dict[str, Answer | None]) -> list[dict[str, Any]]:
    return [_judged(each, known) for each in ground.answering(aim, facts.class_)]


def _judged(product: Product, known: dict[str, Answer | None]) -> dict[str, Any]:
    for condition, unknown in product.unmet(known):
        params: dict[str, Any] = {"fact": condition.fact, "known": not unknown}
        if not unknown:
            params["otherwise"] = condition.otherwise.model_dump()
        return Turned(product, Why.NOT_FIT, params).as_json()
    return {"id": product.id, "units": "1", "cost": "0.00", "saving": None, "payback": None, "life": None}


def _without_money(
    ground: Ground, facts: Facts, aim: Aim, evidence: dict[str, Any], needs: tuple[str, ...]
) -> Advice:
    until = ground.valid_until(facts)
    return Advice(aim.value, facts.account, evidence, None, "", None, Confidence.HIGH, until, needs)
