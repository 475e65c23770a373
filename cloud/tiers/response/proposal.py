"""What an event is proposed with: those who are to be asked, for how many kW each, and the outlook then."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from cloud.kit.errors import Invalid
from cloud.kit.money import Rounding, rounded
from cloud.tiers.response.candidates import Candidate
from cloud.tiers.response.planning import Plan

TENTH = Decimal("0.1")


def named(found: Plan, accounts: Sequence[str] | None) -> Sequence[Candidate]:
    """Those whom the plan asks, or the `accounts` of its candidates. Invalid: one is none of them."""
    if accounts is None:
        return found.asked
    known = {each.account: each for each in found.gathered.found}
    if strange := next((each for each in accounts if each not in known), None):
        why = found.gathered.left.get(strange)
        raise Invalid(f"accounts: {strange} cannot be asked ({why.value if why else 'not supplied there'})")
    return [known[each] for each in dict.fromkeys(accounts)]


def outlook(found: Plan) -> dict[str, Any]:
    """As it is kept with the event."""
    assert found.need is not None
    assert found.cover is not None
    return {
        "limit_kw": round(found.need.limit_kw, 3),
        "peak_slot": found.need.peak_slot,
        "can_kw": round(found.cover.kw, 3),
        "can_low_kw": round(found.cover.low_kw, 3),
        "can_high_kw": round(found.cover.high_kw, 3),
        "verdict": found.cover.verdict.value,
        "lacking_kw": round(found.cover.lacking_kw, 3),
        "candidates": len(found.gathered.found),
    }


def asked_kw(each: Candidate, least_kw: Decimal) -> Decimal:
    """Down to a tenth of a kW, and never less than the least."""
    return max(rounded(Decimal(repr(each.kw)), Rounding.DOWN, TENTH), least_kw)
