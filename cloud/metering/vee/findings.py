"""What a rule found on a day: which slots, what was seen and what the limit is."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cloud.metering.vee.point_day import Flag
from cloud.metering.vee.policy import Code, Severity

_RULES = [code for code in Code if code.value[0] == "V"]
FLAG: Mapping[Code, Flag] = dict(zip(_RULES, Flag, strict=False))
"""The bit of each rule."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Slots `first` to `last`, both included; `observed` and `limit` in the rule's own unit, None: none."""

    code: Code
    severity: Severity
    first: int
    last: int
    observed: float | None = None
    limit: float | None = None

    def as_bad_as(self, severity: Severity) -> "Finding":
        return replace(self, severity=severity)


def mark(flags: NDArray[np.uint32], finding: Finding) -> None:
    """Set the finding's bit in the slots it names."""
    if finding.code in FLAG:
        flags[finding.first : finding.last + 1] |= np.uint32(FLAG[finding.code])
