"""Shifting use out of dear hours: what a stated part of the sharp and peak kWh would cost in the valley."""

from collections.abc import Mapping
from datetime import date
from decimal import ROUND_DOWN, Decimal

from cloud.kit.errors import NotFound
from cloud.kit.money import ZERO, total
from cloud.tiers.advice.policy import AdvicePolicy
from cloud.tiers.advice.pricing import Change, two_bills
from cloud.tiers.advice.rules import Advice, Facts, MonthUse, Reason, Refused
from cloud.tiers.advice.tariff.months import few, guessed, number, told, usable

KIND = "band_shift"
PEERS = 10
DEAR = ("sharp", "peak")


def shift(policy: AdvicePolicy, facts: Facts) -> Advice | Refused | None:
    """Where the share of dear hours is above three quarters of its class; a steady process is left alone."""
    own, peers = facts.shares.get("sharp_peak"), facts.peer_shares.get("sharp_peak")
    if own is None or not _has_bands(facts):
        return None
    if peers is None:
        return Refused(KIND, facts.account, Reason.FEW_PEERS, {"need": PEERS})
    if own <= peers.p75:
        return None
    months = usable(policy, facts)
    if refused := _steady(policy, facts) or few(KIND, facts, months, policy.data.months):
        return refused
    if refused := guessed(KIND, facts, months, policy.data.estimated):
        return refused
    moved = {month.month: _moved(policy, facts, month, Decimal(str(peers.p75))) for month in months}
    moved = {month: bands for month, bands in moved.items() if bands}
    if not moved:
        return None
    bills = two_bills(KIND, facts, months, Change(added_kwh=moved))
    taken = {band: -total(each.get(band, ZERO) for each in moved.values()) for band in DEAR}
    kwh = total(taken.values())
    evidence = {
        "share": round(own, 4), "p75": round(peers.p75, 4), "peers": peers.count,
        "moved_kwh": number(kwh), "moved_sharp_kwh": number(taken["sharp"]),
        "moved_peak_kwh": number(taken["peak"]), "bound": number(policy.shifting.share),
    }  # fmt: skip
    formula = f"Σ {number(kwh)} kWh × (p_peak − p_valley), ≤ {number(100 * policy.shifting.share)} %"
    return told(KIND, policy, facts, months, bills, formula, evidence, needs=("flexible_hours",))


def _has_bands(facts: Facts) -> bool:
    return bool({"peak", "sharp"} & _bands(facts, facts.today))


def _steady(policy: AdvicePolicy, facts: Facts) -> Refused | None:
    """A process that does not stop has no hours to move."""
    if facts.contract.round_the_clock:
        return Refused(KIND, facts.account, Reason.ROUND_THE_CLOCK, {"declared": True})
    base, mean = facts.own.get("base_kw"), facts.own.get("mean_kw")
    if base is None or not mean or base / mean <= policy.shifting.base_ratio:
        return None
    params = {"ratio": round(base / mean, 3), "limit": policy.shifting.base_ratio}
    return Refused(KIND, facts.account, Reason.ROUND_THE_CLOCK, params)


def _moved(policy: AdvicePolicy, facts: Facts, month: MonthUse, p75: Decimal) -> Mapping[str, Decimal]:
    """kWh taken from sharp first, then peak, for the valley: no more than leads to the class' P75."""
    parts = month.kwh.get(facts.contract.plan, ())
    if "valley" not in _bands(facts, month.last, month.last.month):
        return {}
    of = {band: total(part.kwh.get(band, ZERO) for part in parts) for band in DEAR}
    dear = total(of.values())
    above = dear - p75 * total(part.total_kwh for part in parts)
    left = max(ZERO, min(policy.shifting.share * dear, above)).quantize(Decimal("0.001"), ROUND_DOWN)
    moved: dict[str, Decimal] = {}
    for band in DEAR:
        some = min(left, of[band])
        if some:
            moved[band] = -some
        left -= some
    if moved:
        moved["valley"] = -total(moved.values())
    return moved


def _bands(facts: Facts, day: date, month: int | None = None) -> frozenset[str]:
    """Of the contract's plan; none where no document has it."""
    try:
        return facts.tariff.bands(facts.contract.plan, day, month)
    except (NotFound, ValueError):
        return frozenset()
