"""What is kept of a measured event, of each invitation and of all together: nobody's own curve."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from cloud.tiers.response.baseline import Kw
from cloud.tiers.response.measuring import Measured, told
from cloud.tiers.response.rules import Times
from cloud.tiers.response.store import Invitation


def hours_of(times: Times) -> Decimal:
    """How long an event is."""
    return Decimal(round((times.end - times.start).total_seconds())) / 3600


def result_of(found: Measured, each: Invitation, hours: Decimal) -> dict[str, Any]:
    """Of one who took part; `share` of what was accepted."""
    effect = found.effects.get(each.account)
    result = told(effect, found.baselines.get(each.account))
    if effect is not None and each.accepted_kw:
        promised = float(each.accepted_kw * hours)
        result["share"] = round(effect.reduction.kwh / promised, 4)
    return result


def whole_of(found: Measured, part: Sequence[Invitation], hours: Decimal) -> dict[str, Any]:
    """Of all together, with the two curves of all who have a baseline."""
    computed = sum(1 for each in found.effects.values() if each is not None)
    accepted = sum((each.accepted_kw or Decimal(0) for each in part), Decimal(0))
    return told(found.whole, None) | {
        "accepted": len(part), "computed": computed,
        "accepted_kw": float(accepted), "accepted_kwh": float(accepted * hours),
        "window": [found.window.start, found.window.end, found.window.after],
        "kw": _curve(found.kw), "baseline_kw": _curve(found.baseline_kw),
    }  # fmt: skip


def _curve(kw: Kw) -> list[float | None]:
    return [None if np.isnan(each) else round(float(each), 3) for each in kw]
