"""Load that another hour would do as well for: a car's charging, a field's water; moved into valley hours.

The energy stays the same: two bills of which one has it in the valley. Never into hours in which the area's
transformer is expected near overload, and never out of a process that does not stop.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.insight.pricing import NAMES
from cloud.kit.bands import Band
from cloud.kit.money import ZERO, total
from cloud.tiers.advice.equipment.ground import Ground, by_hours, confidence, never_stops, year_of
from cloud.tiers.advice.equipment.hours import (
    PEAKS,
    Bands,
    DayGroup,
    exact,
    kwh_by_band,
    moved,
    typical_kw,
    used,
)
from cloud.tiers.advice.equipment.offers import Why, judged, share_of, worth_a_word
from cloud.tiers.advice.equipment.storage import crowded
from cloud.tiers.advice.pricing import Change
from cloud.tiers.advice.product_documents import Aim, Product
from cloud.tiers.advice.rules import Advice, Facts, MonthUse, Reason, Refused

ONE = Decimal(1)


def ev_night(ground: Ground, facts: Facts) -> Advice | Refused | None:
    """A charger at home shows as a block of high load on a usual working day; in a shop much else does."""
    kind, profile = Aim.EV.value, facts.profile
    kw = typical_kw(profile.work.kw) if profile and profile.work else None
    if kw is None:
        return None
    block = charging(ground, kw)
    if block is None:
        return None
    if not by_hours(facts):
        return Refused(kind, facts.account, Why.NO_SPREAD)
    months = year_of(ground, kind, facts)
    if isinstance(months, Refused):
        return months
    movable: dict[date, dict[str, Decimal]] = {}
    for month in months:
        groups = tuple(each for each in ground.days.of(facts, month) if each.work)
        kwh = kwh_by_band(groups, block, np.zeros(96))
        movable[month.month] = {
            name: exact(each) for name, each in zip(NAMES, kwh, strict=True) if name not in _VALLEY
        }
    days = sum(each.days for month in months for each in ground.days.of(facts, month) if each.work)
    per_day = total(kwh for bands in movable.values() for kwh in bands.values()) / max(1, days)
    if per_day < exact(ground.policy.night.least_kwh_day):
        return None
    evidence = {"charger_kw": round(float(kw.max()), 2), "kwh_day": f"{per_day:.2f}"}
    return _moved(ground, facts, Aim.EV, months, movable, per_day, evidence, ("car_by_morning",))


def irrigation(ground: Ground, facts: Facts) -> Advice | Refused | None:
    """Water does not mind the hour: what is pumped in sharp and peak hours may wait."""
    kind = Aim.IRRIGATION.value
    dear = sum(facts.shares.get(band, 0.0) for band in PEAKS)
    if dear < ground.policy.irrigation.least_share:
        return None
    if why := never_stops(ground, facts):
        return Refused(kind, facts.account, Reason.ROUND_THE_CLOCK, why)
    months = year_of(ground, kind, facts)
    if isinstance(months, Refused):
        return months
    movable = {
        month.month: {band: kwh for band, kwh in used(facts, month).items() if band in PEAKS}
        for month in months
    }
    days = sum(each.days for each in months)
    per_day = total(kwh for bands in movable.values() for kwh in bands.values()) / days
    evidence = {"dear_share": round(dear, 4), "kwh_day": f"{per_day:.2f}"}
    return _moved(ground, facts, Aim.IRRIGATION, months, movable, per_day, evidence, ("crop_allows",))


def charging(ground: Ground, kw: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """(96,) kW above the day's median of the quarters that look like a charger; None where too few do."""
    limits = ground.policy.night
    usual = float(np.median(kw))
    high = (kw >= limits.charger_kw) & (kw - usual >= limits.above_kw)
    if _longest(high) < limits.least_quarters:
        return None
    return np.where(high, kw - usual, 0.0)


_VALLEY = ("valley", "deep_valley")


def _moved(
    ground: Ground,
    facts: Facts,
    aim: Aim,
    months: tuple[MonthUse, ...],
    movable: Mapping[date, Mapping[str, Decimal]],
    per_day: Decimal,
    evidence: Mapping[str, Any],
    needs: tuple[str, ...],
) -> Advice | Refused:
    slots = _valley_slots(ground.days.of(facts, months[-1]))
    if refused := crowded(ground, facts, aim.value, slots, strict=False):
        return refused

    def makes(product: Product, units: Decimal) -> tuple[Change, Mapping[str, Any]]:
        share = share_of(product, units, per_day)
        return _change(facts, months, movable, share), {"share": f"{share:f}"}

    found = judged(ground, facts, aim, months, {"movable_kwh_day": per_day}, makes)
    if isinstance(found, Refused):
        return found
    if found.best is None:
        return found.refused(aim.value, facts)
    best = found.best
    if refused := worth_a_word(ground, aim.value, facts, best.saving):
        return refused
    gone = total(-kwh for bands in _added(best.bills.change).values() for kwh in bands.values() if kwh < 0)
    formula = (
        f"{gone:.0f} kWh → valley; "
        f"{best.bills.now.total:.2f} − {best.bills.then.total:.2f} = {best.saving:.2f} CNY"
    )
    return Advice(
        aim.value,
        facts.account,
        {**evidence, "moved_kwh": f"{gone:f}", "products": found.as_json()},
        best.saving,
        formula,
        best.bills,
        confidence(months, assumed=True),
        ground.valid_until(facts),
        needs,
    )


def _change(
    facts: Facts,
    months: tuple[MonthUse, ...],
    movable: Mapping[date, Mapping[str, Decimal]],
    share: Decimal,
) -> Change:
    added: dict[date, Bands] = {}
    for month in months:
        have, wanted = used(facts, month), movable[month.month]
        mine = {band: min(kwh * share, have.get(band, ZERO)) for band, kwh in wanted.items()}
        if not have.get("valley"):
            continue
        if bands := moved(mine, total(mine.values()), tuple(wanted), "valley", ONE):
            added[month.month] = bands
    return Change(added_kwh=added)


def _added(change: Mapping[str, Any]) -> dict[str, dict[str, Decimal]]:
    return {
        month: {band: Decimal(kwh) for band, kwh in bands.items()}
        for month, bands in change.get("added_kwh", {}).items()
    }


def _valley_slots(groups: tuple[DayGroup, ...]) -> frozenset[int]:
    found = np.zeros(96, np.bool_)
    for each in groups:
        found |= (each.bands == Band.VALLEY) | (each.bands == Band.DEEP_VALLEY)
    return frozenset(np.flatnonzero(found).tolist())


def _longest(high: NDArray[np.bool_]) -> int:
    """The longest run of quarters, the day taken as a ring: charging goes on over midnight."""
    if high.all():
        return len(high)
    longest = run = 0
    for each in np.concatenate((high, high)):
        run = run + 1 if each else 0
        longest = max(longest, run)
    return longest
