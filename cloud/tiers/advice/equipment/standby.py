"""What never goes off: (base − the peers' quarter) · hours · price, as two bills with the base lowered."""

from collections.abc import Mapping
from decimal import Decimal
from math import isfinite
from typing import Any

from cloud.tiers.advice.equipment.ground import Ground, confidence, never_stops, own, year_of
from cloud.tiers.advice.equipment.hours import Bands, kwh_of, taken, used
from cloud.tiers.advice.equipment.offers import judged, priced, scaled, share_of, worth_a_word
from cloud.tiers.advice.pricing import Change
from cloud.tiers.advice.product_documents import Aim, Product
from cloud.tiers.advice.rules import Advice, Facts, MonthUse, Quartiles, Reason, Refused

KIND = Aim.STANDBY.value


def standby(ground: Ground, facts: Facts) -> Advice | Refused | None:
    compared = _compared(ground, facts)
    if compared is None or isinstance(compared, Refused):
        return compared
    base, rising, peers = compared
    if why := never_stops(ground, facts):
        return Refused(KIND, facts.account, Reason.ROUND_THE_CLOCK, why)
    months = year_of(ground, KIND, facts)
    if isinstance(months, Refused):
        return months
    change = Change(added_kwh=_lowered(ground, facts, months, base - peers.p25))
    bills = priced(KIND, facts, months, change)
    if isinstance(bills, Refused):
        return bills
    if refused := worth_a_word(ground, KIND, facts, bills.saving):
        return refused
    less = kwh_of(change.added_kwh)

    def makes(product: Product, units: Decimal) -> tuple[Change, Mapping[str, Any]]:
        return scaled(change, share_of(product, units, less)), {}

    found = judged(ground, facts, Aim.STANDBY, months, {"affected_kwh": less}, makes)
    evidence = {
        "base_kw": round(base, 4),
        "peer_p25_kw": round(peers.p25, 4),
        "peers": peers.count,
        "rising": round(rising, 4),
        "less_kwh": f"{less:f}",
        "products": [] if isinstance(found, Refused) else found.as_json(),
    }
    formula = (
        f"({base:.3f} − {peers.p25:.3f}) kW → −{less:.0f} kWh; "
        f"{bills.now.total:.2f} − {bills.then.total:.2f} = {bills.saving:.2f} CNY"
    )
    sure = confidence(months, assumed=False)
    until = ground.valid_until(facts)
    return Advice(KIND, facts.account, evidence, bills.saving, formula, bills, sure, until)


def _compared(ground: Ground, facts: Facts) -> tuple[float, float, Quartiles] | Refused | None:
    """Its base in kW, how much that rose, and the peers': where both speak for a look at what stands by."""
    limits, base, mean = ground.policy.standby, own(facts, "base_kw"), own(facts, "mean_kw")
    if base is None or not mean:
        return None
    rising = _rising(facts, limits.pairs)
    if rising is not None and rising < limits.rising:
        return None
    peers, have = ground.peers(ground.around.bases, facts.class_, mean)
    if peers is not None and base <= peers.p25 * limits.over_peers:
        return None
    if rising is None:
        known = sum(isfinite(kw) for kw in facts.indicators.get("base_kw", ()))
        return Refused(KIND, facts.account, Reason.FEW_MONTHS, {"have": min(known, 12), "need": 13})
    if peers is None:
        need = ground.policy.peers.least
        return Refused(KIND, facts.account, Reason.FEW_PEERS, {"have": have, "need": need})
    return base, rising, peers


def _rising(facts: Facts, pairs: int) -> float | None:
    """The base of the newest months over that of the same months a year before; None without a pair."""
    base, months = facts.indicators.get("base_kw"), facts.indicator_months
    if base is None:
        return None
    of = {month: kw for month, kw in zip(months, base.tolist(), strict=True) if isfinite(kw)}
    both = [
        (of[month], of[before])
        for month in months[-pairs:]
        if month in of and (before := month.replace(year=month.year - 1)) in of
    ]
    then = sum(before for _, before in both)
    return sum(now for now, _ in both) / then if then > 0 else None


def _lowered(ground: Ground, facts: Facts, months: tuple[MonthUse, ...], less_kw: float) -> dict[Any, Bands]:
    """So many kW less at every hour of every day, band by band, and never more than was used."""
    return {
        month.month: taken(used(facts, month), less_kw * ground.days.hours(facts, month)) for month in months
    }
