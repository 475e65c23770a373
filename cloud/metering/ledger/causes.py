"""Decides, from what is known to have gone wrong and when, why slots are missing; pure. The evidence is kept.

What covers most of the gap is the cause; a loss that a gateway declared comes first, for it was seen. What is
not covered at least to half is unknown.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cloud.metering.ledger.reasons import Cause

HALF = 0.5
MOST_EVIDENCE = 5
STATION = ("station", "")
_ORDER = list(Cause)


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Something that kept readings away from `start` to `end` (None: still).

    `place` is (station, ""), (gateway, id), (line, "gateway/line") or (meter, id); `told` goes into the
    evidence: plain JSON.
    """

    cause: Cause
    place: tuple[str, str]
    start: datetime
    end: datetime | None
    told: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Missing:
    """Slots [start, end) of a meter that hangs on a line of a gateway."""

    meter: str
    gateway: str
    line: str
    start: datetime
    end: datetime


class Troubles:
    """All disturbances of some days, by place. `slack`: how much earlier than told each may have begun."""

    def __init__(self, disturbances: Iterable[Disturbance], slack: timedelta, now: datetime) -> None:
        self._slack, self._now = slack, now
        self._at: dict[tuple[str, str], list[Disturbance]] = defaultdict(list)
        for each in disturbances:
            self._at[each.place].append(each)

    def cause(self, gap: Missing) -> tuple[Cause, list[dict[str, Any]]]:
        """The cause and its evidence, the strongest first."""
        found = sorted(self._touching(gap), key=lambda pair: self._rank(*pair))
        evidence = [_evidence(each, share) for each, share in found[:MOST_EVIDENCE]]
        if not found or found[0][1] < HALF:
            return Cause.UNKNOWN, evidence
        return found[0][0].cause, evidence

    def _touching(self, gap: Missing) -> Iterable[tuple[Disturbance, float]]:
        line = f"{gap.gateway}/{gap.line}"
        places = (STATION, ("gateway", gap.gateway), ("line", line), ("meter", gap.meter))
        for place in places:
            for each in self._at.get(place, ()):
                if (share := self._share(each, gap)) > 0:
                    yield each, share

    def _share(self, each: Disturbance, gap: Missing) -> float:
        first = max(each.start - self._slack, gap.start)
        last = min(each.end or self._now, gap.end)
        return max(0.0, (last - first) / (gap.end - gap.start))

    @staticmethod
    def _rank(each: Disturbance, share: float) -> tuple[bool, bool, float, int]:
        covers = share >= HALF
        declared = covers and each.cause is Cause.DECLARED_DROP
        return not declared, not covers, -round(share, 2), _ORDER.index(each.cause)


def _evidence(each: Disturbance, share: float) -> dict[str, Any]:
    return {
        "cause": each.cause.value,
        "place": each.place[0],
        "key": each.place[1],
        "start": each.start.isoformat(),
        "end": None if each.end is None else each.end.isoformat(),
        "share": round(share, 2),
        **each.told,
    }
