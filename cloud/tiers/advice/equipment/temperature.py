"""What a degree costs beside peers of the same size: (slope − median) · degree-days, as two bills.

Refused where temperature says too little of the load (R² below the limit) or the weather is not known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.profile.temperature import Sensitivity
from cloud.kit.money import total
from cloud.tiers.advice.equipment.ground import Ground, confidence, kwh_year, year_of
from cloud.tiers.advice.equipment.hours import Bands, exact, in_proportion, kwh_of, used
from cloud.tiers.advice.equipment.offers import Why, judged, priced, scaled, share_of, worth_a_word
from cloud.tiers.advice.pricing import Change
from cloud.tiers.advice.product_documents import Aim, Product
from cloud.tiers.advice.rules import Advice, Facts, MonthUse, Quartiles, Reason, Refused


@dataclass(frozen=True, slots=True)
class _Side:
    """Of the two sides of the weather: `slope` kWh a day and °C beyond `limit_c`."""

    kind: str
    slope: float
    limit_c: float
    warm: bool

    def degrees(self, celsius: NDArray[np.float64]) -> float:
        """Degree-days of these days; a day without a temperature has the others' mean."""
        beyond = celsius - self.limit_c if self.warm else self.limit_c - celsius
        known = np.maximum(0, beyond[np.isfinite(beyond)])
        return float(known.mean() * len(celsius)) if len(known) else 0.0


def cooling(ground: Ground, facts: Facts) -> Advice | Refused | None:
    found = _sensitivity(facts)
    if found is None or found.cooling_kwh_per_c is None or found.cooling_above_c is None:
        return None
    side = _Side(Aim.COOLING.value, found.cooling_kwh_per_c, found.cooling_above_c, warm=True)
    return _advice(ground, facts, found, side)


def heating(ground: Ground, facts: Facts) -> Advice | Refused | None:
    found = _sensitivity(facts)
    if found is None or found.heating_kwh_per_c is None or found.heating_below_c is None:
        return None
    side = _Side("heating", found.heating_kwh_per_c, found.heating_below_c, warm=False)
    return _advice(ground, facts, found, side)


def _sensitivity(facts: Facts) -> Sensitivity | None:
    return facts.profile.temperature if facts.profile else None


def _advice(ground: Ground, facts: Facts, found: Sensitivity, side: _Side) -> Advice | Refused | None:
    limits = ground.policy.temperature
    if not found.base_kwh or found.base_kwh <= 0:
        return None
    of = ground.around.cooling if side.warm else ground.around.heating
    peers, have = ground.peers(of, facts.class_, found.base_kwh)
    if peers is None:
        need = ground.policy.peers.least
        return Refused(side.kind, facts.account, Reason.FEW_PEERS, {"have": have, "need": need})
    if side.slope <= peers.median * limits.over_peers:
        return None
    if found.r2 is None or found.r2 < limits.least_r2:
        params = {"r2": found.r2 if found.r2 is None else round(found.r2, 3), "least": limits.least_r2}
        return Refused(side.kind, facts.account, Why.LOW_R2, params)
    months = year_of(ground, side.kind, facts)
    if isinstance(months, Refused):
        return months
    celsius = ground.around.degrees(months[0].first, months[-1].last)
    known = float(np.isfinite(celsius).mean())
    if known < limits.least_weather:
        params = {"share": round(known, 3), "least": limits.least_weather}
        return Refused(side.kind, facts.account, Why.NO_WEATHER, params)
    return _told(ground, facts, found, side, peers, months)


def _told(
    ground: Ground,
    facts: Facts,
    found: Sensitivity,
    side: _Side,
    peers: Quartiles,
    months: tuple[MonthUse, ...],
) -> Advice | Refused:
    degrees = [(each, side.degrees(ground.around.degrees(each.first, each.last))) for each in months]
    change = Change(added_kwh=_lowered(ground, facts, degrees, side.slope - peers.median))
    bills = priced(side.kind, facts, months, change)
    if isinstance(bills, Refused):
        return bills
    if refused := worth_a_word(ground, side.kind, facts, bills.saving):
        return refused
    less = kwh_of(change.added_kwh)
    days = sum(each for _, each in degrees)

    def makes(product: Product, units: Decimal) -> tuple[Change, Mapping[str, Any]]:
        return scaled(change, share_of(product, units, less)), {}

    whole = kwh_year(ground, facts)
    known = {"affected_kwh": less, "cooling_share": exact(side.slope * days) / whole if whole else None}
    products = judged(ground, facts, Aim.COOLING, months, known, makes) if side.warm else None
    evidence = {
        "kwh_per_c": round(side.slope, 4),
        "limit_c": side.limit_c,
        "peer_median": round(peers.median, 4),
        "peers": peers.count,
        "degree_days": round(days, 1),
        "r2": None if found.r2 is None else round(found.r2, 3),
        "less_kwh": f"{less:f}",
        "products": [] if products is None or isinstance(products, Refused) else products.as_json(),
    }
    formula = (
        f"({side.slope:.2f} − {peers.median:.2f}) kWh/°C·d × {days:.0f} °C·d → −{less:.0f} kWh; "
        f"{bills.now.total:.2f} − {bills.then.total:.2f} = {bills.saving:.2f} CNY"
    )
    sure, until = confidence(months, assumed=False), ground.valid_until(facts)
    return Advice(side.kind, facts.account, evidence, bills.saving, formula, bills, sure, until)


def _lowered(
    ground: Ground, facts: Facts, degrees: Sequence[tuple[MonthUse, float]], slope: float
) -> dict[Any, Bands]:
    """By month, out of each band its part; never more of a month than the weather can be the cause of."""
    found: dict[Any, Bands] = {}
    most = exact(ground.policy.temperature.most_of_month)
    for month, days in degrees:
        have = used(facts, month)
        if less := in_proportion(have, min(exact(slope * days), total(have.values()) * most)):
            found[month.month] = less
    return found
