"""Meter models: which quantities a meter gives, and where. A model is data and is proved before it is used.

A value that is not available is absent, never 0. Counters are whole Wh or varh, gauges SI floats.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from functools import lru_cache
from importlib import resources

from protocols import spelling
from protocols.dlt645 import conversations, frame
from protocols.dlt645.identifiers import Item, Kind, lookup, lookup_1997
from protocols.dlt645.values import decode_value
from protocols.errors import FrameError, ModelError, ProtocolError
from protocols.modbus import registers, rtu
from protocols.modbus.values import MAX_EXPONENT, Reader, exact, in_unit
from protocols.model_file import (
    BlockPart,
    DltPointPart,
    GoldenPart,
    ModelPart,
    RegisterPart,
    SerialPart,
    read,
)
from protocols.points import Block, Golden, MeterModel, Point, Serial, SunSpec, is_billing_grade
from protocols.quantities import QUANTITIES
from protocols.readings import Value

__all__ = [
    "Block", "Golden", "MeterModel", "Point", "Serial", "SunSpec", "golden_values", "is_billing_grade",
    "load", "names", "parse", "register", "values_from_dlt645", "values_from_registers",
]  # fmt: skip

_FACTORS: Mapping[tuple[str, str], int] = {
    ("kWh", "Wh"): 1000, ("kvarh", "varh"): 1000, ("kW", "W"): 1000, ("kvar", "var"): 1000,
    ("kVA", "VA"): 1000, ("kVAh", "VAh"): 1000,
    ("degC", "°C"): 1,
}  # fmt: skip
_own: dict[str, MeterModel] = {}


def names() -> list[str]:
    """The models that come with the package."""
    folder = resources.files("protocols") / "meters"
    return sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))


def register(name: str, model: MeterModel) -> None:
    """Make a user's own model known under a name that `load` takes from now on: the path of its file."""
    _own[name] = model


def load(name: str) -> MeterModel:
    """A model of the package, or a registered one; ModelError when there is none, or it is not proved."""
    return _own[name] if name in _own else _of_package(name)


@lru_cache(maxsize=64)
def _of_package(name: str) -> MeterModel:
    if name not in names():
        raise ModelError(f"no meter model is called {name!r}; use one of: {', '.join(names())}")
    file = resources.files("protocols") / "meters" / f"{name}.toml"
    model = parse(file.read_text(encoding="utf-8"), file.name)
    if model.name != name:
        raise ModelError(f"{file.name}: name: {model.name!r} is not the file's name; write name = {name!r}")
    return model


def parse(text: str, origin: str) -> MeterModel:
    """A model from TOML text, proved by its golden frames; `origin` names the file in errors.

    ModelError holds every mistake of the first kind met: of form, then of points, then of golden frames.
    """
    part = read(text, origin)
    mistakes: list[str] = []
    blocks, points = _parts(part, origin, mistakes)
    points = [*(point for block in blocks for point in block.points), *points]
    mistakes += _wrong_points(part, points, origin)
    if mistakes:
        raise ModelError(*mistakes)
    model = MeterModel(
        name=part.name,
        maker=part.maker,
        protocol=part.protocol,
        phases=part.phases,
        points=tuple(points),
        blocks=tuple(blocks),
        golden=tuple(_golden(each) for each in part.golden),
        serial=_serial(part.serial),
        max_regs=part.max_regs,
        max_gap=part.max_gap,
        pause_ms=part.pause_ms,
        sunspec=SunSpec(tuple(part.sunspec.bases), tuple(part.sunspec.ids)) if part.sunspec else None,
        sources=tuple(part.sources),
    )
    if unproved := [*_unproved(model, origin)]:
        raise ModelError(*unproved)
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
        if number is not None and (value := in_unit(point, number)) is not None:
            found[point.quantity] = value
    return found


def values_from_registers(model: MeterModel, words: Mapping[tuple[int, int], int]) -> dict[str, Value]:
    """The quantities whose registers, keyed (fc, address), are all there: one by one, by the rule itself."""
    found: dict[str, Value] = {}
    for point in model.points:
        raw, exponent = _raw(point, words), _exponent(point, words)
        if raw is None or exponent is None:
            continue
        if (value := exact(point, raw, exponent)) is not None:
            found[point.quantity] = value
    return found


def _raw(point: Point, words: Mapping[tuple[int, int], int]) -> int | float | None:
    span = [(point.fc, point.address + at) for at in range(point.width)]
    if not all(each in words for each in span):
        return None
    held = [words[each] for each in span]
    return registers.decode_registers(held, point.type, point.word_order, point.not_available)


def _exponent(point: Point, words: Mapping[tuple[int, int], int]) -> int | None:
    """None: the scale register was not read, or says that it has no scale."""
    if point.scale_register is None:
        return 0
    word = words.get((point.fc, point.scale_register))
    exponent = None if word is None else int(registers.decode_registers([word], "s16") or 0)
    return exponent if exponent is not None and abs(exponent) <= MAX_EXPONENT else None


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


def _item(protocol: str, di: str) -> Item | None:
    return lookup(di) if protocol == "dlt645-2007" else lookup_1997(di)


def _serial(part: SerialPart) -> Serial:
    return Serial(part.baud, part.parity, part.stop_bits)


def _factor(quantity: str, unit: str, where: str) -> int:
    known = QUANTITIES.get(quantity)
    if known is None:
        raise ModelError(f"{where}.quantity: {_no_quantity(quantity)}")
    if unit == known.unit:
        return 1
    if (unit, known.unit) not in _FACTORS:
        raise ModelError(f"{where}.unit: {unit} does not become the {known.unit} of {quantity}; correct one")
    return _FACTORS[unit, known.unit]


def _no_quantity(name: str) -> str:
    meant = spelling.nearest(name, QUANTITIES)
    advice = f"did you mean {meant!r}?" if meant else "see protocols/quantities.py"
    return f"no quantity is called {name!r}; {advice}"


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
    return Point(part.quantity, unit, factor, unverified, model.side or "primary", part.di)


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
    side = part.side or model.side
    if side is None:
        raise ModelError(
            f'{where}.side: say of which side {part.quantity} is: side = "primary" or "secondary"'
        )
    bits = 16 * registers.WIDTHS[part.type]
    if any(pattern >> bits for pattern in part.not_available):
        raise ModelError(f"{where}.not_available: a {part.type} has {bits} bits; write no more")
    return Point(
        part.quantity, part.unit, factor, part.unverified, side, "", part.fc, part.address,
        part.type, part.word_order, part.scale, tuple(part.not_available), part.scale_register, part.form,
    )  # fmt: skip


def _golden(part: GoldenPart) -> Golden:
    return Golden(part.origin, part.request, part.response, part.values, part.start)


def _parts(part: ModelPart, origin: str, mistakes: list[str]) -> tuple[list[Block], list[Point]]:
    """Blocks and points, each mistake in them noted."""
    blocks: list[Block] = []
    points: list[Point] = []
    for at, block in enumerate(part.block):
        with _noted(mistakes):
            blocks.append(_block(part, block, f"{origin}: block[{at}]"))
    for at, point in enumerate(part.point):
        with _noted(mistakes):
            points.append(_dlt_point(part, point, f"{origin}: point[{at}]"))
    for at, each in enumerate(part.registers):
        with _noted(mistakes):
            points.append(_register(part, each, f"{origin}: register[{at}]"))
    return blocks, points


@contextmanager
def _noted(mistakes: list[str]) -> Iterator[None]:
    try:
        yield
    except ModelError as error:
        mistakes += error.mistakes


def _wrong_points(part: ModelPart, points: Iterable[Point], origin: str) -> Iterator[str]:
    is_modbus = part.protocol == "modbus"
    if is_modbus and (part.block or part.point):
        yield f"{origin}: point: a Modbus model has [[register]], no [[point]] or [[block]]"
    if not is_modbus and (part.registers or part.sunspec):
        yield f"{origin}: register: a DL/T 645 model has [[point]] and [[block]], no [[register]]"
    seen: set[str] = set()
    for point in points:
        if point.quantity in seen:
            yield f"{origin}: quantity: {point.quantity} is there twice; keep one"
        seen.add(point.quantity)
        if is_modbus and point.span > part.max_regs:
            yield f"{origin}: max_regs: {point.quantity} alone needs {point.span} registers"
    proved = {name for golden in part.golden for name in golden.values}
    if lacking := sorted(seen - proved):
        yield f"{origin}: golden: no golden frame proves {', '.join(lacking)}; add one that does"


def _unproved(model: MeterModel, origin: str) -> Iterator[str]:
    """What the golden frames say against the model."""
    for at, each in enumerate(model.golden):
        where = f"{origin}: golden[{at}]"
        try:
            got = golden_values(model, each.request, each.response, each.start)
        except ProtocolError as error:
            yield f"{where}: {error}; correct the bytes or the model"
            continue
        if got != each.values:
            wrong = sorted(name for name in {*got, *each.values} if got.get(name) != each.values.get(name))
            told = "; ".join(_difference(name, got.get(name), each.values.get(name)) for name in wrong)
            yield f"{where}.values: {told}; correct the model or the values"


def _difference(name: str, got: Value | None, wanted: Value | None) -> str:
    return f"{name} is {got}, not {wanted}" if name in QUANTITIES else _no_quantity(name)


def golden_values(model: MeterModel, request: bytes, response: bytes, start: int = 0) -> dict[str, Value]:
    """What a model makes of an exchange as the line shows it (Modbus as RTU), as readings are taken."""
    if model.protocol == "modbus":
        _, fc, address, count = rtu.parse_read_request(request)
        words = rtu.read_reply(request, response)
        first = address - start
        there = [
            p for p in model.points if p.fc == fc and first <= p.first and p.first + p.span <= first + count
        ]
        return Reader(there, first, count).values(words)
    asked = frame.decode(request)
    width = 4 if model.version == "2007" else 2
    di = asked.data[:width][::-1].hex().upper()
    expected = conversations.read_request(asked.address, di, model.version)
    if (asked.control, asked.data) != (expected.control, expected.data):
        raise FrameError("other_function", "the request is no read of one identifier")
    return values_from_dlt645(model, di, conversations.read_reply(asked, frame.decode(response)))
