"""Air time: what a reading takes on its line, and whether a plan fits; the schedule counts with the same.

Behind a network the wire's speed is known only when the settings tell it; else only thinking counts.
"""

import math
from dataclasses import dataclass
from typing import Final

from edge.settings import LineSettings, MeterSettings
from protocols import models
from protocols.air_time import Exchange, exchanges_of, think_s

LEAST_THINK_S: Final = 0.02
"""The response delay that the wire's limit is counted with."""
LOST_SHARE: Final = 0.01
"""So many questions of a sound line are asked a second time."""
DEAD_SHARE: Final = 0.1
FULL_LINE: Final = 0.9
"""What is left is for probes, orders and what meters remember."""


@dataclass(frozen=True, slots=True)
class MeterPlan:
    """One reading of a meter: seconds of each kind, and the share of its interval that they take."""

    meter: MeterSettings
    exchanges: tuple[Exchange, ...]
    wire_s: float
    gap_s: float
    think_s: float
    retry_s: float
    limit_s: float
    probe_s: float

    @property
    def reading_s(self) -> float:
        return self.wire_s + self.gap_s + self.think_s + self.retry_s

    @property
    def bytes(self) -> int:
        return sum(each.size for each in self.exchanges)

    @property
    def share(self) -> float:
        return self.reading_s / self.meter.interval_s


@dataclass(frozen=True, slots=True)
class LinePlan:
    line: LineSettings
    meters: tuple[MeterPlan, ...]
    probe_s: float

    @property
    def load(self) -> float:
        """Share of the line's time that the plan takes; above 1 it cannot be done."""
        return sum(each.share for each in self.meters)

    @property
    def limit_load(self) -> float:
        """The same if meters answered after 20 ms and nothing was ever lost."""
        return sum(each.limit_s / each.meter.interval_s for each in self.meters)

    @property
    def load_with_dead(self) -> float:
        """The same with one meter in ten dead, those for whom probes cost most more than readings."""
        extra = sorted((self._dead_share(each) - each.share for each in self.meters), reverse=True)
        return self.load + sum(extra[: math.ceil(DEAD_SHARE * len(extra))])

    @property
    def fits(self) -> bool:
        return self.load <= FULL_LINE and self.load_with_dead <= 1.0 and not self.cramped

    @property
    def cramped(self) -> list[MeterPlan]:
        """Meters whose interval can pass while another one is being read."""
        return [
            each
            for each in self.meters
            if any(each.reading_s + o.reading_s > each.meter.interval_s for o in self.meters if o is not each)
        ]

    def margin_s(self, each: MeterPlan) -> float:
        """What the whole plan leaves free of that meter's interval; below 0 it lacks so much."""
        return each.meter.interval_s * (1.0 - self.load)

    def _dead_share(self, each: MeterPlan) -> float:
        return each.probe_s / min(self.probe_s, max(self.probe_s / 2, each.meter.interval_s))


def plan_of(line: LineSettings, probe_s: float) -> LinePlan:
    return LinePlan(line, tuple(meter_plan(line, meter) for meter in line.meters), probe_s)


def meter_plan(line: LineSettings, meter: MeterSettings) -> MeterPlan:
    model = models.load(meter.model)
    exchanges = exchanges_of(model)
    byte_s = line.byte_s(meter) if speed_is_known(line) else 0.0
    wire_s = sum(each.size for each in exchanges) * byte_s
    gap_s = len(exchanges) * line.quiet_s(meter)
    repeated = LOST_SHARE * len(exchanges) if line.retries else 0.0
    return MeterPlan(
        meter=meter,
        exchanges=exchanges,
        wire_s=wire_s,
        gap_s=gap_s,
        think_s=len(exchanges) * think_s(model),
        retry_s=repeated * (line.timeout_s + (wire_s + gap_s) / len(exchanges)),
        limit_s=wire_s + gap_s + len(exchanges) * LEAST_THINK_S,
        probe_s=min(each.request for each in exchanges) * byte_s + line.timeout_s,
    )


def cost_of(line: LineSettings, meter: MeterSettings) -> float:
    """Seconds of the line's time that one reading of this meter takes, as far as can be told beforehand."""
    return meter_plan(line, meter).reading_s


def speed_is_known(line: LineSettings) -> bool:
    return not line.is_network or "baud" in line.model_fields_set
