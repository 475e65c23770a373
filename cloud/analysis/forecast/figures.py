"""What a forecast was worth: sums per day that add up, and the figures that come of them.

Figures: WAPE = Σ|e| / Σ|y|; MASE = mean |e| / mean |y − y of 7 days before| on the same slots; pinball as the
mean over P10, P50 and P90 in kW; coverage = share within [P10, P90]; bias = Σe / Σ|y| (above 0: forecast too
high); peak error as the mean of |peak forecast − peak| over the mean peak, and of its time in
minutes. Estimated and missing slots are no truth and never counted.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SUMS = (
    "days", "slots", "abs_error", "abs_truth", "error", "naive_error", "naive_slots",
    "pinball", "covered", "peak_error", "peak_truth", "peak_shift_min", "peak_days",
)  # fmt: skip
"""The columns of sums, float64 (…, SUMS): kW each; `days` 1 where the day counts at all, `peak_days` where
enough of it is known to speak of its peak."""
Sums = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Figures:
    """None where it cannot be said: no truth yet, or nothing but zeros. `days` is how many were scored."""

    days: int
    wape: float | None
    mase: float | None
    pinball_kw: float | None
    coverage: float | None
    bias: float | None
    peak_error: float | None
    peak_shift_min: float | None


NOTHING = Figures(0, None, None, None, None, None, None, None)


def figures(sums: Sums) -> Figures:
    """Of added-up sums (SUMS,)."""
    of: dict[str, Any] = dict(zip(SUMS, map(float, sums), strict=True))
    mae, naive = _over(of["abs_error"], of["slots"]), _over(of["naive_error"], of["naive_slots"])
    return Figures(
        days=round(of["days"]),
        wape=_over(of["abs_error"], of["abs_truth"]),
        mase=None if mae is None or naive is None else _over(mae, naive),
        pinball_kw=_over(of["pinball"], of["slots"]),
        coverage=_over(of["covered"], of["slots"]),
        bias=_over(of["error"], of["abs_truth"]),
        peak_error=_over(of["peak_error"], of["peak_truth"]),
        peak_shift_min=_over(of["peak_shift_min"], of["peak_days"]),
    )


def _over(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None
