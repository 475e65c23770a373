"""What a meter model is made of, as frozen data: points, blocks, golden exchanges."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final

from protocols.modbus import plan, registers
from protocols.model_file import Form, Protocol, Side
from protocols.quantities import QUANTITIES, Kind
from protocols.readings import Value

BILLING_STEP_WH: Final = 10
"""An energy that can only be told in bigger steps (0.01 kWh) is not fit for a bill."""
_MANTISSA_BITS: Final = 24


@dataclass(frozen=True, slots=True)
class Point:
    """Where one quantity is: `di` in DL/T 645, the rest in Modbus. `unverified`: nobody has shown a frame.

    `scale_register` holds a power of ten by which the value is multiplied besides.
    """

    quantity: str
    unit: str
    factor: int
    unverified: bool = False
    side: Side = "primary"
    di: str = ""
    fc: int = 0
    address: int = 0
    type: registers.RegisterType = "u16"
    word_order: registers.WordOrder = "big"
    scale: Decimal = Decimal(1)
    not_available: tuple[int, ...] = ()
    scale_register: int | None = None
    form: Form = "plain"

    @property
    def width(self) -> int:
        return registers.WIDTHS[self.type]

    @property
    def first(self) -> int:
        """The lowest register that its value needs."""
        return self.address if self.scale_register is None else min(self.address, self.scale_register)

    @property
    def span(self) -> int:
        """How many registers from `first` on its value needs."""
        end = self.address + self.width
        return (end if self.scale_register is None else max(end, self.scale_register + 1)) - self.first

    @property
    def is_counter(self) -> bool:
        return QUANTITIES[self.quantity].kind is Kind.COUNTER

    @property
    def billing_limit_wh(self) -> int | None:
        """From here on the register's steps exceed 0.01 kWh (kvarh): no bill may rest on it. None: no limit.

        A float32 has 24 binary digits, so its steps double with each power of two.
        """
        if self.di or self.type != "f32" or not self.is_counter:
            return None
        step_of_one = float(self.scale) * self.factor
        power = math.floor(math.log2(BILLING_STEP_WH / step_of_one)) + _MANTISSA_BITS
        return int(Decimal(2) ** power * self.scale * self.factor)


@dataclass(frozen=True, slots=True)
class Block:
    """A DI that brings several points in order; a meter that refuses it is asked for each point's own DI."""

    di: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Serial:
    """How the meter's port is set when it leaves the factory."""

    baud: int
    parity: str
    stop_bits: int


@dataclass(frozen=True, slots=True)
class SunSpec:
    """The map is searched: "SunS" stands at one of `bases`, then come blocks; ours has one of these `ids`.

    The addresses of such a model count from the first register (the id) of that block.
    """

    bases: tuple[int, ...]
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Golden:
    """An exchange with known values; `origin` says whether others published it or we built it.

    `start`: where the block of a SunSpec model began in it.
    """

    origin: str
    request: bytes
    response: bytes
    values: Mapping[str, Value]
    start: int = 0


@dataclass(frozen=True, slots=True, eq=False)  # a model is itself: what is made from it may be kept by it
class MeterModel:
    """`points` holds all; `singles` those in no block. `pause_ms` is the quiet time before a request."""

    name: str
    maker: str
    protocol: Protocol
    phases: int
    points: tuple[Point, ...]
    blocks: tuple[Block, ...]
    golden: tuple[Golden, ...]
    serial: Serial
    max_regs: int
    max_gap: int
    pause_ms: int
    sunspec: SunSpec | None = None
    sources: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """The DL/T 645 edition, "2007" or "1997"."""
        return self.protocol.removeprefix("dlt645-")

    @property
    def singles(self) -> tuple[Point, ...]:
        grouped = {point.di for block in self.blocks for point in block.points}
        return tuple(point for point in self.points if point.di not in grouped)

    def requests(self) -> list[plan.Request[Point]]:
        """The register reads that bring all points of a Modbus model."""
        return list(_requests(self))

    def point(self, quantity: str) -> Point | None:
        return next((point for point in self.points if point.quantity == quantity), None)


@lru_cache(maxsize=256)
def _requests(model: MeterModel) -> tuple[plan.Request[Point], ...]:
    return tuple(plan.group(model.points, model.max_regs, model.max_gap))


def is_billing_grade(model: MeterModel, quantity: str, value_wh: float) -> bool:
    """Whether a bill may rest on that value of a counter, as far as the register's own steps go."""
    point = model.point(quantity)
    limit = point.billing_limit_wh if point else None
    return limit is None or value_wh <= limit
