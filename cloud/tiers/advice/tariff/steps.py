"""Step crossing (跨档): the day on which a household will reach its next step, and what that costs."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from math import nan

from cloud.kit.days import DAY
from cloud.kit.errors import NotFound
from cloud.kit.money import ZERO, total
from cloud.tariffs.documents import Tariff
from cloud.tariffs.price import cycle_of, limits_in
from cloud.tariffs.steps import crossing
from cloud.tariffs.usage import Household, by_month
from cloud.tiers.advice.policy import AdvicePolicy
from cloud.tiers.advice.pricing import Change, Projected, two_bills
from cloud.tiers.advice.rules import Advice, Confidence, Facts, MonthUse, Reason, Refused
from cloud.tiers.advice.tariff.months import estimated_share, number, told

KIND = "step_crossing"
_STEP = Decimal("0.001")
_MARGIN = 1.0
"""kWh: more than floats and the rounding of a year's months can be off."""
_NOTHING = 0.001


def step_crossing(policy: AdvicePolicy, facts: Facts) -> Advice | Refused | None:
    """Adder × kWh over the limit: the bill of the cycle with the next step and as if it cost no more."""
    current = facts.current or (facts.months[-1] if facts.months else None)
    tariff = _stepped(facts, current)
    if tariff is None or tariff.steps is None or current is None:
        return None
    begins, ends = _cycle(tariff, current.last)
    before = [month for month in facts.months if begins <= month.first < current.first]
    months = [*before, current]
    household = Household(persons=facts.contract.persons, moved_in=facts.contract.moved_in)
    limits = limits_in(tariff.steps, current.last, household)
    if current.last >= ends or _far(policy, facts, months, ends, limits):
        return None
    used = total(_kwh(facts, month) for month in months)
    left = crossing(used, limits)
    if left is None:
        return None
    projected = _projected(policy, facts, current, ends)
    expected = total(kwh for each in projected.values() for kwh in each.kwh.values())
    if expected <= left:
        return None
    if refused := _against(policy, facts, months, begins):
        return refused
    step = limits.index(used + left) + 2
    bills = two_bills(KIND, facts, months, Change(projected=projected, without_step=step), before_kwh=ZERO)
    adder = _adder(tariff, step)
    over = _over(used + expected, limits, step)
    on = _day(projected, left)
    evidence = {
        "step": step, "limit_kwh": number(used + left), "used_kwh": number(used), "left_kwh": number(left),
        "crossing_on": f"{on}", "expected_kwh": number(used + expected), "over_kwh": number(over),
        "adder": number(adder), "cycle_from": f"{begins}", "cycle_to": f"{ends}",
    }  # fmt: skip
    formula = f"{number(adder)} CNY/kWh × {number(over)} kWh"
    policy = policy.model_copy(update={"least_saving": min(policy.least_saving, Decimal(1))})
    found = told(KIND, policy, facts, months, bills, formula, evidence, confidence=Confidence.MEDIUM)
    return replace(found, valid_until=ends) if isinstance(found, Advice) else found


def _stepped(facts: Facts, current: MonthUse | None) -> Tariff | None:
    """The document that holds now, where the contract's plan has steps."""
    if current is None:
        return None
    try:
        tariff = facts.tariff(current.last)
        return tariff if tariff.plan(facts.contract.plan).steps else None
    except (NotFound, ValueError):
        return None


def _cycle(tariff: Tariff, day: date) -> tuple[date, date]:
    """The first and last day of the steps' cycle that the day lies in."""
    assert tariff.steps is not None
    year, month = cycle_of(tariff.steps, day)
    first = date(year, month, 1)
    months = 1 if tariff.steps.cycle == "month" else 12
    after = first.year * 12 + first.month - 1 + months
    return first, date(after // 12, after % 12 + 1, 1) - DAY


def _projected(policy: AdvicePolicy, facts: Facts, current: MonthUse, ends: date) -> dict[date, Projected]:
    """Month by month to the cycle's end: of this one as of late, of others as a year ago where that is known,
    in proportion to how the last whole month compares with its own of a year ago."""
    recent = [current]
    if current.days < policy.steps.recent_days and facts.current and facts.months:
        recent.insert(0, facts.months[-1])
    late = _daily(facts, recent)
    ago = {(month.month.year, month.month.month): month for month in facts.months}
    growth = _growth(facts, ago)
    found: dict[date, Projected] = {}
    for first, last in by_month(current.last + DAY, ends):
        daily, same = late, ago.get((first.year - 1, first.month))
        if same is not None and growth is not None and first.month != current.last.month:
            daily = {band: kwh * growth for band, kwh in _daily(facts, [same]).items()}
        days = (last - first).days + 1
        found[first] = Projected(last, {band: (kwh * days).quantize(_STEP) for band, kwh in daily.items()})
    return found


def _far(
    policy: AdvicePolicy,
    facts: Facts,
    months: Sequence[MonthUse],
    ends: date,
    limits: Sequence[Decimal],
) -> bool:
    """Whether the cycle ends well below its next limit, whatever rounding may do: reckoned in floats, to see
    for whom the exact numbers need not be made. Never an answer of its own."""
    used = sum(_about(facts, month) for month in months)
    above = [float(limit) for limit in limits if float(limit) > used - _MARGIN]
    if not above:
        return used > float(limits[-1]) + _MARGIN if limits else True
    current = months[-1]
    recent = [current]
    if current.days < policy.steps.recent_days and facts.current and facts.months:
        recent.insert(0, facts.months[-1])
    late = sum(_about(facts, month) for month in recent) / sum(month.days for month in recent)
    ago = {(month.month.year, month.month.month): month for month in facts.months}
    growth = _about_growth(facts, ago)
    expected = 0.0
    for first, last in by_month(current.last + DAY, ends):
        daily, same = late, ago.get((first.year - 1, first.month))
        if same is not None and growth is not None and first.month != current.last.month:
            daily = _about(facts, same) / same.days * growth
        expected += daily * ((last - first).days + 1)
    return used + expected < above[0] - _MARGIN


def _about(facts: Facts, month: MonthUse) -> float:
    plan = facts.contract.plan
    return month.kwh.about_kwh(plan)


def _about_growth(facts: Facts, ago: dict[tuple[int, int], MonthUse]) -> float | None:
    """As `_growth`; NaN, which no comparison lets pass, where a rounded zero would make it None."""
    if not facts.months:
        return None
    last = facts.months[-1]
    same = ago.get((last.month.year - 1, last.month.month))
    if same is None or not _about(facts, same):
        return None
    if _about(facts, same) < _NOTHING:
        return nan
    ratio = (_about(facts, last) / last.days) / (_about(facts, same) / same.days)
    return min(max(ratio, 0.5), 2.0)


def _growth(facts: Facts, ago: dict[tuple[int, int], MonthUse]) -> Decimal | None:
    """The last whole month by its own of a year ago; None where that is not known or was empty."""
    if not facts.months:
        return None
    last = facts.months[-1]
    same = ago.get((last.month.year - 1, last.month.month))
    if same is None or not _kwh(facts, same):
        return None
    ratio = (_kwh(facts, last) / last.days) / (_kwh(facts, same) / same.days)
    return min(max(ratio, Decimal("0.5")), Decimal(2))


def _daily(facts: Facts, months: Sequence[MonthUse]) -> dict[str, Decimal]:
    """kWh a day of each band."""
    days = sum(month.days for month in months)
    found: dict[str, Decimal] = {}
    for month in months:
        for part in month.kwh.get(facts.contract.plan, ()):
            for band, kwh in part.kwh.items():
                found[band] = found.get(band, ZERO) + kwh
    return {band: kwh / days for band, kwh in found.items()}


def _against(policy: AdvicePolicy, facts: Facts, months: Sequence[MonthUse], begins: date) -> Refused | None:
    share = estimated_share(months)
    if share > policy.steps.estimated_days:
        params = {"share": round(share, 3), "limit": policy.steps.estimated_days}
        return Refused(KIND, facts.account, Reason.ESTIMATED, params)
    since = max(begins, facts.contract.moved_in or begins)
    whole = sum(month.days * month.coverage for month in months)
    need = (months[-1].last - since).days + 1
    if whole < policy.data.coverage * need:
        last = months[-1].last
        params = {"have": len(months), "need": 12 * (last.year - since.year) + last.month - since.month + 1}
        return Refused(KIND, facts.account, Reason.FEW_MONTHS, params)
    return None


def _adder(tariff: Tariff, step: int) -> Decimal:
    """What a kWh of the step costs more than one of the step before it."""
    assert tariff.steps is not None
    adders = (ZERO, *tariff.steps.adders)
    return adders[step - 1] - adders[step - 2]


def _over(kwh: Decimal, limits: Sequence[Decimal], step: int) -> Decimal:
    """kWh in that very step."""
    high = limits[step - 1] if step - 1 < len(limits) else kwh
    return min(kwh, high) - limits[step - 2]


def _day(projected: dict[date, Projected], left: Decimal) -> date:
    """The day on which the next step is reached, at an even pace within a month."""
    for first, each in sorted(projected.items()):
        kwh, days = total(each.kwh.values()), (each.last - first).days + 1
        if kwh >= left:
            return first + int(left * days / kwh) * DAY if kwh else first
        left -= kwh
    return max(each.last for each in projected.values())


def _kwh(facts: Facts, month: MonthUse) -> Decimal:
    return month.total_kwh(facts.contract.plan)
