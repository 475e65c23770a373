"""A scenario as the rest of the simulator knows it: checked, complete, unchangeable."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from firmware_sim.life import LifePlan
from firmware_sim.making import AS_IT_SHOULD_BE, Making
from protocols.models import MeterModel


@dataclass(frozen=True, slots=True)
class CurvePlan:
    """A load taken from a file; `scale` multiplies its power."""

    file: str
    scale: float
    power_factor: float


@dataclass(frozen=True, slots=True)
class Noise:
    """How often (0..1) a reply is lost, has one byte changed, or comes behind some stray bytes."""

    loss: float = 0.0
    flip: float = 0.0
    garbage: float = 0.0


@dataclass(frozen=True, slots=True)
class AreaPlan:
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class LinePlan:
    """`port` 0 takes a free one; `link`: another path of a serial line; no `baud`: no air time."""

    name: str
    kind: str
    port: int
    link: str | None
    delay_ms: float
    baud: int | None
    parity: str
    echo: bool
    noise: Noise

    @property
    def char_s(self) -> float:
        """Air time of one byte: start, eight bits, perhaps parity, stop."""
        return (10 if self.parity == "N" else 11) / self.baud if self.baud else 0.0


@dataclass(frozen=True, slots=True)
class MeterPlan:
    """`address` is 12 digits, or the unit number on a Modbus line. `phase` 0..2 for a single-phase meter."""

    id: str
    address: str
    model: str
    area: str
    line: str
    role: str
    phase: int | None
    load: str | CurvePlan | None
    aux_supply: bool
    response_ms: float | None
    baud: int | None
    parity: str | None
    making: Making = AS_IT_SHOULD_BE


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """A fault of the script: from `at` on, until `until` (seconds after the start, or aware instants)."""

    kind: str
    target: str
    at: float | datetime
    until: float | datetime | None
    options: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class MasterPlan:
    """A second master: `requests` one after the other, `gap_ms` apart, again every `cycle_s`."""

    name: str
    line: str
    cycle_s: float
    gap_ms: float
    at: float | datetime
    until: float | datetime | None
    requests: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class AnswerPlan:
    """A captured answer: `data` of a DI (without 33H and DI), or `words` from a register on; or `error`."""

    meter: str
    di: str | None
    data: bytes
    fc: int | None
    first_register: int
    words: tuple[int, ...]
    error: int | None


@dataclass(frozen=True, slots=True)
class GatewayPlan:
    """`broker` and `relay_port` put a relay in front of the broker that `gateway-dark` can cut."""

    id: str
    area: str | None
    supply_file: str | None
    broker: str | None
    relay_port: int


@dataclass(frozen=True, slots=True)
class Scenario:
    """`folder` is where files named in the scenario are looked for; `speed`: simulated seconds a second."""

    seed: int
    speed: float
    zone: ZoneInfo
    installed: date
    areas: tuple[AreaPlan, ...]
    lines: tuple[LinePlan, ...]
    meters: tuple[MeterPlan, ...]
    gateways: tuple[GatewayPlan, ...]
    faults: tuple[FaultPlan, ...]
    masters: tuple[MasterPlan, ...]
    answers: tuple[AnswerPlan, ...]
    models: dict[str, MeterModel]
    folder: Path
    life: tuple[LifePlan, ...] = ()
