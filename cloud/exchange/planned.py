"""What a file of intervals would write here, before anything is written."""

from dataclasses import dataclass, field

from cloud.exchange.registers import Run, State
from cloud.exchange.understanding import Understood
from cloud.metering.vee.days import Channel


@dataclass(frozen=True, slots=True)
class Stretch:
    """What one meter's register of one direction will say: `total` is the source's own sum, in Wh."""

    meter: str
    channel: Channel
    runs: tuple[Run, ...]
    state: State
    total: float
    divisor: float

    @property
    def count(self) -> int:
        return sum(len(run.at_s) for run in self.runs)


@dataclass(slots=True)
class Plan:
    """Everything that is to be written, and nothing yet is; `names` is how the file calls whom."""

    file: Understood
    names: dict[str, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    stretches: list[Stretch] = field(default_factory=list)
