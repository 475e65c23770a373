"""A battery that charges in valley hours for the dear ones: two bills with its losses, and a transformer that
has room for it. Demand is left as it is: what it may lower is not promised."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np

from cloud.kit.bands import Band
from cloud.kit.money import ZERO, total
from cloud.tiers.advice.equipment.ground import (
    LOW_VOLTAGE,
    Ground,
    area_of,
    by_hours,
    confidence,
    never_stops,
    year_of,
)
from cloud.tiers.advice.equipment.hours import PEAKS, Bands, exact, month_kw, moved, used
from cloud.tiers.advice.equipment.offers import Why, judged, worth_a_word
from cloud.tiers.advice.pricing import Change
from cloud.tiers.advice.product_documents import Aim, Product
from cloud.tiers.advice.rules import Advice, Facts, MonthUse, Reason, Refused

KIND = Aim.STORAGE.value


@dataclass(frozen=True, slots=True)
class Room:
    """`valley_kw`: the highest load of the valley hours, `headroom_kw` what the contract leaves above it."""

    valley_kw: float
    headroom_kw: float
    slots: frozenset[int]


def storage(ground: Ground, facts: Facts) -> Advice | Refused | None:
    share, peers = _dear_share(facts), facts.peer_shares.get("sharp_peak")
    if share is None or peers is None or share <= peers.p75:
        return None
    if why := never_stops(ground, facts):
        return Refused(KIND, facts.account, Reason.ROUND_THE_CLOCK, why)
    if not by_hours(facts):
        return Refused(KIND, facts.account, Why.NO_SPREAD)
    months = year_of(ground, KIND, facts)
    if isinstance(months, Refused):
        return months
    room = _room(ground, facts, months)
    if isinstance(room, Refused):
        return room
    if refused := crowded(ground, facts, KIND, room.slots, strict=True):
        return refused
    dear = _per_work_day(facts, months)
    return _sized(ground, facts, months, room, dear)


def crowded(
    ground: Ground, facts: Facts, kind: str, slots: frozenset[int], *, strict: bool
) -> Refused | None:
    """Refused where the area's transformer is near overload in these quarters of the day; `strict`: and
    where nothing is known of it. An account above low voltage has a transformer of its own."""
    if facts.contract.voltage not in LOW_VOLTAGE:
        return None
    area = area_of(facts)
    near = ground.around.near.get(area) if area else None
    if near is None or near.unknown is not None:
        return Refused(kind, facts.account, Why.AREA_UNKNOWN, {"area": area}) if strict else None
    if near.allows(slots):
        return None
    return Refused(kind, facts.account, Why.AREA_STRAINED, {"area": area, "day": f"{near.day}"})


def _sized(
    ground: Ground, facts: Facts, months: tuple[MonthUse, ...], room: Room, dear: Decimal
) -> Advice | Refused:
    limits = ground.policy.storage
    need = dear * exact(limits.work_share)

    def makes(product: Product, units: Decimal) -> tuple[Change, Mapping[str, Any]]:
        assert product.battery is not None
        out = units * product.battery.cycles / 12
        loss = 1 / product.battery.efficiency
        added: dict[date, Bands] = {}
        for month in months:
            have = used(facts, month)
            if have.get("valley") and (bands := moved(have, out, PEAKS, "valley", loss)):
                added[month.month] = bands
        into = total(kwh for bands in added.values() for kwh in bands.values() if kwh > 0)
        details = {
            "efficiency": f"{product.battery.efficiency:f}",
            "cycles": product.battery.cycles,
            "charged_kwh": f"{into:f}",
            "moved_kwh": f"{total(-kwh for bands in added.values() for kwh in bands.values() if kwh < 0):f}",
        }
        return Change(added_kwh=added), details

    known = {"battery_kwh": min(need, _most_kwh(ground, facts, room))}
    found = judged(ground, facts, Aim.STORAGE, months, known, makes)
    if isinstance(found, Refused):
        return found
    if found.best is None:
        return found.refused(KIND, facts)
    best = found.best
    if refused := worth_a_word(ground, KIND, facts, best.saving):
        return refused
    evidence = {
        "dear_share": round(_dear_share(facts) or 0.0, 4),
        "peer_p75": round(facts.peer_shares["sharp_peak"].p75, 4),
        "dear_kwh_day": f"{dear:.1f}",
        "headroom_kw": round(room.headroom_kw, 1),
        "battery_kwh": f"{best.units:f}",
        **best.details,
        "products": found.as_json(),
    }
    formula = (
        f"{best.details['moved_kwh']} kWh, η {best.details['efficiency']}; "
        f"{best.bills.now.total:.2f} − {best.bills.then.total:.2f} = {best.saving:.2f} CNY"
    )
    needs = ("fire_approval", "grid_approval", "back_feed_risk")
    sure, until = confidence(months, assumed=True), ground.valid_until(facts)
    return Advice(KIND, facts.account, evidence, best.saving, formula, best.bills, sure, until, needs)


def _most_kwh(ground: Ground, facts: Facts, room: Room) -> Decimal:
    """So much can be charged in the hours of a battery without going above the contract."""
    batteries = [each.battery for each in ground.answering(Aim.STORAGE, facts.class_) if each.battery]
    hours = min((each.hours for each in batteries), default=Decimal(1))
    return exact(room.headroom_kw) * hours


def _room(ground: Ground, facts: Facts, months: tuple[MonthUse, ...]) -> Room | Refused:
    """Refused without a valley in the plan, a typical day, or room under the contract."""
    month = months[-1]
    groups = ground.days.of(facts, month)
    both = month_kw(facts, groups, month)
    if both is None:
        return Refused(KIND, facts.account, Why.NO_TYPICAL_DAY)
    valley = np.zeros(96, np.bool_)
    for group in groups:
        if group.work:
            valley |= (group.bands == Band.VALLEY) | (group.bands == Band.DEEP_VALLEY)
    if not valley.any():
        return Refused(KIND, facts.account, Why.NO_SPREAD)
    highest = float(both[0][valley].max())
    limit = float(facts.contract.capacity_kva or ZERO) * ground.policy.storage.headroom
    room = Room(highest, limit - highest, frozenset(np.flatnonzero(valley).tolist()))
    if room.headroom_kw <= 0:
        params = {"valley_kw": round(highest, 1), "limit_kw": round(limit, 1)}
        return Refused(KIND, facts.account, Why.NO_HEADROOM, params)
    return room


def _per_work_day(facts: Facts, months: tuple[MonthUse, ...]) -> Decimal:
    """kWh in sharp and peak hours of a day, of the month that has least: it must be emptied every day."""
    return min(total(used(facts, each).get(band, ZERO) for band in PEAKS) / each.days for each in months)


def _dear_share(facts: Facts) -> float | None:
    return sum(facts.shares.get(band, 0.0) for band in PEAKS) if facts.shares else None
