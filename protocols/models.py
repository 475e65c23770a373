"""Meter models: which quantities a meter gives, and where. A model is data and is proved before it is used.

A value that is not available is absent, never 0. Counters are whole Wh or varh, gauges SI floats.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from importlib import resources

from protocols.dlt645 import conversations, frame
from protocols.dlt645.identifiers import Item, Kind, lookup, lookup_1997
from protocols.dlt645.values import decode_value
from protocols.errors import FrameError, ModelError, ProtocolError
from protocols.modbus import plan, registers, rtu
from protocols.model_file import (
    BlockPart,
    DltPointPart,
    GoldenPart,
    ModelPart,
    Protocol,
    RegisterPart,
    SerialPart,
    Side,
    read,
)
from protocols.quantities import QUANTITIES
from protocols.quantities import Kind as QuantityKind
from protocols.readings import Value

_FACTORS: Mapping[tuple[str, str], int] = {
    ("kWh", "Wh"): 1000, ("kvarh", "varh"): 1000, ("kW", "W"): 1000, ("kvar", "var"): 1000,
    ("kVA", "VA"): 1000,
    ("degC", "°C"): 1,
}  # fmt: skip
_FLOAT32_DIGITS = 7


@dataclass(frozen=True, slots=True)
class Point:
    """Where one quantity is: `di` in DL/T 645, the rest in Modbus. `unverified`: nobody has shown a frame."""

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

    @property
    def width(self) -> int:
        return registers.WIDTHS[self.type]


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
class Golden:
    """An exchange with known values; `origin` says whether others published it or we built it."""

    origin: str
    request: bytes
    response: bytes
    values: Mapping[str, Value]


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
        return plan.group(self.points, self.max_regs, self.max_gap)


def names() -> list[str]:
    """The models that come with the package."""
    folder = resources.files("protocols") / "meters"
    return sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))


@lru_cache(maxsize=64)
def load(name: str) -> MeterModel:
    """A model of the package by its name; ModelError when there is none, or its golden frames fail."""
    if name not in names():
        raise ModelError(f"no meter model is called {name!r}; use one of: {', '.join(names())}")
    file = resources.files("protocols") / "meters" / f"{name}.toml"
    model = parse(file.read_text(encoding="utf-8"), file.name)
    if model.name != name:
        raise ModelError(f"{file.name}: name: {model.name!r} is not the file's name; write name = {name!r}")
    return model


def parse(text: str, origin: str) -> MeterModel:
    """A model from TOML text, proved by its golden frames; `origin` names the file in errors."""
    part = read(text, origin)
    blocks = tuple(_block(part, block, f"{origin}: block[{at}]") for at, block in enumerate(part.block))
    points = [point for block in blocks for point in block.points]
    points += [_dlt_point(part, point, f"{origin}: point[{at}]") for at, point in enumerate(part.point)]
    points += [_register(part, point, f"{origin}: register[{at}]") for at, point in enumerate(part.registers)]
    _check_points(part, points, origin)
    golden = tuple(Golden(each.origin, each.request, each.response, each.values) for each in part.golden)
    model = MeterModel(
        part.name, part.maker, part.protocol, part.phases, tuple(points), blocks, golden,
        _serial(part.serial), part.max_regs, part.max_gap, part.pause_ms,
    )  # fmt: skip
    _prove(model, part.golden, origin)
    return model


def values_from_dlt645(model: MeterModel, di: str, data: bytes) -> dict[str, Value]:
    """The quantities in the data behind `di`, a block's or a point's.

    FrameError when the data does not fit the DI; a value of a block that cannot be read is left out.
    """
    item = _item(model.protocol, di)
    points = next((block.points for block in model.blocks if block.di == di), None)
    if points is None:
        points = tuple(point for point in model.points if point.di == di)
    if item is None or not points:
        raise ModelError(f"{model.name}: no block or point has di {di!r}; ask for one of the model's own")
    numbers = _numbers(item, data)
    found: dict[str, Value] = {}
    for point, number in zip(points, numbers, strict=False):
        if number is not None and (value := _value(point, number)) is not None:
            found[point.quantity] = value
    return found


def values_from_registers(model: MeterModel, words: Mapping[tuple[int, int], int]) -> dict[str, Value]:
    """The quantities whose registers, keyed (fc, address), are all there."""
    found: dict[str, Value] = {}
    for point in model.points:
        span = [(point.fc, point.address + at) for at in range(point.width)]
        if not all(each in words for each in span):
            continue
        raw = registers.decode_registers(
            [words[each] for each in span], point.type, point.word_order, point.not_available
        )
        if raw is not None and (value := _value(point, Decimal(raw) * point.scale)) is not None:
            found[point.quantity] = value
    return found


def _numbers(item: Item, data: bytes) -> list[Decimal | None]:
    if not item.block:
        return [_decimal(decode_value(data, item))]
    if item.di and len(item.di) == 4 and len(data) % item.size == 1:
        data = data[:-1]  # a 1997 block ends with AAH
    if not data or len(data) % item.size:
        raise FrameError("value_length", f"{len(data)} bytes are no multiple of {item.size} for {item.di}")
    return [_readable(item, data[at : at + item.size]) for at in range(0, len(data), item.size)]


def _readable(item: Item, raw: bytes) -> Decimal | None:
    try:
        value = decode_value(raw, item)
    except FrameError:
        return None
    return _decimal(value[0] if isinstance(value, list) else value)


def _decimal(value: object) -> Decimal | None:
    return value if isinstance(value, Decimal) else None


def _value(point: Point, number: Decimal) -> Value | None:
    """A wire number in the quantity's own unit; None when it can be no value of it (a counter below 0)."""
    quantity, scaled = QUANTITIES[point.quantity], number * point.factor
    value: Value
    if quantity.kind is QuantityKind.COUNTER:
        value = int(scaled.to_integral_value())
    elif point.type == "f32" and not point.di:
        value = float(f"{scaled:.{_FLOAT32_DIGITS}g}")  # what follows the seventh digit of a float32 is noise
    else:
        value = float(scaled)
    return value if quantity.can_be(value) else None


def _item(protocol: str, di: str) -> Item | None:
    return lookup(di) if protocol == "dlt645-2007" else lookup_1997(di)


def _serial(part: SerialPart) -> Serial:
    return Serial(part.baud, part.parity, part.stop_bits)


def _factor(quantity: str, unit: str, where: str) -> int:
    known = QUANTITIES.get(quantity)
    if known is None:
        raise ModelError(f"{where}.quantity: no quantity is called {quantity!r}; see protocols/quantities.py")
    if unit == known.unit:
        return 1
    if (unit, known.unit) not in _FACTORS:
        raise ModelError(f"{where}.unit: {unit} does not become the {known.unit} of {quantity}; correct one")
    return _FACTORS[unit, known.unit]


def _number_item(protocol: str, di: str, where: str) -> Item:
    item = _item(protocol, di)
    if item is None or item.kind is not Kind.NUMBER:
        raise ModelError(f"{where}.di: {di!r} is no number of {protocol}; write it as people do: DI3 first")
    return item


def _dlt_point(model: ModelPart, part: DltPointPart, where: str) -> Point:
    item = _number_item(model.protocol, part.di, where)
    if item.block:
        raise ModelError(f"{where}.di: {part.di} is a block; list it under [[block]]")
    unit = item.unit or "1"
    factor = _factor(part.quantity, unit, where)
    unverified = part.unverified or item.source == "unverified"
    return Point(part.quantity, unit, factor, unverified, model.side, part.di)


def _block(model: ModelPart, part: BlockPart, where: str) -> Block:
    item = _number_item(model.protocol, part.di, where)
    dis = tuple(point.di for point in part.points)
    if not item.block or dis != item.members[: len(dis)]:
        raise ModelError(
            f"{where}.points: {part.di} holds {', '.join(item.members) or 'one value'}, in order"
        )
    points = (_dlt_point(model, point, f"{where}.points[{at}]") for at, point in enumerate(part.points))
    return Block(part.di, tuple(points))


def _register(model: ModelPart, part: RegisterPart, where: str) -> Point:
    factor = _factor(part.quantity, part.unit, where)
    return Point(
        part.quantity, part.unit, factor, part.unverified, part.side or model.side, "", part.fc, part.address,
        part.type, part.word_order, part.scale, tuple(part.not_available),
    )  # fmt: skip


def _check_points(part: ModelPart, points: Iterable[Point], origin: str) -> None:
    if part.protocol == "modbus" and (part.block or part.point):
        raise ModelError(f"{origin}: point: a Modbus model has [[register]], no [[point]] or [[block]]")
    if part.protocol != "modbus" and part.registers:
        raise ModelError(f"{origin}: register: a DL/T 645 model has [[point]] and [[block]], no [[register]]")
    seen: set[str] = set()
    for point in points:
        if point.quantity in seen:
            raise ModelError(f"{origin}: quantity: {point.quantity} is there twice; keep one")
        seen.add(point.quantity)
        if part.protocol == "modbus" and point.width > part.max_regs:
            raise ModelError(f"{origin}: max_regs: {point.quantity} alone needs {point.width} registers")
    proved = {name for golden in part.golden for name in golden.values}
    if lacking := sorted(seen - proved):
        raise ModelError(f"{origin}: golden: no golden frame proves {', '.join(lacking)}; add one that does")


def _prove(model: MeterModel, golden: Iterable[GoldenPart], origin: str) -> None:
    for at, each in enumerate(golden):
        where = f"{origin}: golden[{at}]"
        try:
            got = golden_values(model, each.request, each.response)
        except ProtocolError as error:
            raise ModelError(f"{where}: {error}; correct the bytes or the model") from None
        if got != each.values:
            wrong = sorted(name for name in {*got, *each.values} if got.get(name) != each.values.get(name))
            told = "; ".join(f"{name} is {got.get(name)}, not {each.values.get(name)}" for name in wrong)
            raise ModelError(f"{where}.values: {told}; correct the model or the values")


def golden_values(model: MeterModel, request: bytes, response: bytes) -> dict[str, Value]:
    """What a model makes of an exchange as the line shows it (Modbus as RTU)."""
    if model.protocol == "modbus":
        _, fc, address, _ = rtu.parse_read_request(request)
        words = rtu.read_reply(request, response)
        return values_from_registers(model, {(fc, address + at): word for at, word in enumerate(words)})
    asked = frame.decode(request)
    width = 4 if model.version == "2007" else 2
    di = asked.data[:width][::-1].hex().upper()
    expected = conversations.read_request(asked.address, di, model.version)
    if (asked.control, asked.data) != (expected.control, expected.data):
        raise FrameError("other_function", "the request is no read of one identifier")
    return values_from_dlt645(model, di, conversations.read_reply(asked, frame.decode(response)))
