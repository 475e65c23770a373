"""The shape of a meter model's TOML file, and one clear line for whatever is wrong with it."""

import tomllib
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from protocols import spelling
from protocols.errors import ModelError
from protocols.modbus.registers import RegisterType, WordOrder

Side = Literal["primary", "secondary"]
Form = Literal["plain", "four_quadrant"]
"""four_quadrant: Schneider's power factor from -2 to 2, which tells leading from lagging too."""
Protocol = Literal["dlt645-2007", "dlt645-1997", "modbus"]


def _from_hex(text: object) -> object:
    if not isinstance(text, str):
        return text
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise ValueError("these are not hex bytes") from None


def _scale(text: object) -> object:
    if not isinstance(text, str):
        raise ValueError('a scale is written in quotes, such as "0.1", so that it stays exact')  # noqa: TRY004
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is no number") from None


def _pattern(value: object) -> object:
    """Bits as a number, or in quotes as hex: TOML has no whole numbers beyond 63 bits."""
    try:
        return int(value, 16) if isinstance(value, str) else value
    except ValueError:
        raise ValueError(f"{value!r} is no bit pattern; write its hex digits, as FFFFFFFF") from None


HexBytes = Annotated[bytes, BeforeValidator(_from_hex)]
Pattern = Annotated[int, BeforeValidator(_pattern), Field(ge=0, lt=1 << 64)]
Address = Annotated[int, Field(ge=0, le=0xFFFF)]
Scale = Annotated[Decimal, BeforeValidator(_scale), Field(gt=0)]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class DltPointPart(Part):
    """A quantity and the single DI it is read by."""

    quantity: str
    di: str
    unverified: bool = False


class BlockPart(Part):
    """A block DI; `points` are its values in order, each with the single DI to fall back to."""

    di: str
    points: list[DltPointPart] = Field(min_length=1)


class RegisterPart(Part):
    """A quantity and its registers; `address` is the PDU address, 0-based.

    `scale_register` holds a power of ten (s16) that multiplies the value besides.
    """

    quantity: str
    fc: Literal[3, 4]
    address: Address
    type: RegisterType
    word_order: WordOrder = "big"
    scale: Scale = Decimal(1)
    scale_register: Address | None = None
    form: Form = "plain"
    unit: str
    not_available: list[Pattern] = []
    side: Side | None = None
    unverified: bool = False


class SerialPart(Part):
    """What the meter is shipped with."""

    baud: int = Field(gt=0)
    parity: Literal["none", "even", "odd"]
    stop_bits: Literal[1, 2] = 1


class SunSpecPart(Part):
    """Where the map may begin, and which model blocks are ours; register addresses count from the block."""

    bases: list[Address] = Field(default=[40000, 50000, 0], min_length=1)
    ids: list[Annotated[int, Field(ge=1, le=0xFFFE)]] = Field(min_length=1)


class GoldenPart(Part):
    """One exchange that proves the model: the bytes and the values they must give.

    `start`: where the block of a SunSpec model began in it.
    """

    origin: Literal["published", "constructed"]
    source: str
    request: HexBytes
    response: HexBytes
    values: dict[str, int | float]
    start: Address = 0


class ModelPart(Part):
    name: str
    maker: str
    protocol: Protocol
    phases: Literal[1, 3]
    sources: list[str] = Field(min_length=1)
    serial: SerialPart
    side: Side | None = None
    sunspec: SunSpecPart | None = None
    max_regs: int = Field(default=125, ge=1, le=125)
    max_gap: int = Field(default=0, ge=0)
    pause_ms: int = Field(default=0, ge=0)
    block: list[BlockPart] = []
    point: list[DltPointPart] = []
    registers: list[RegisterPart] = Field(default=[], alias="register")
    golden: list[GoldenPart] = Field(min_length=1)


_MISSING = "this key is missing; add it"


def read(text: str, origin: str) -> ModelPart:
    """The checked content of a model file; ModelError names file, key and what to do, for each mistake."""
    try:
        document: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"{origin}: not TOML: {error}; correct the file there") from None
    try:
        return ModelPart.model_validate(document)
    except ValidationError as error:
        found = spelling.mistakes(ModelPart, error)
        raise ModelError(*(f"{origin}: {_key(each['loc'])}: {_told(each)}" for each in found)) from None


def _told(error: ErrorDetails) -> str:
    match error["type"]:
        case "missing":
            return _MISSING
        case "extra_forbidden":
            return spelling.advice(ModelPart, error["loc"])
        case _:
            return error["msg"].removeprefix("Value error, ")


def _key(location: tuple[int | str, ...]) -> str:
    """point, 3, di -> point[3].di"""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
