"""A scenario: the station, its areas, lines, meters and gateways, read from TOML and checked once.

Whatever is wrong is told in one line: which file, which entry, what to do.
"""

import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from firmware_sim.kinds import KINDS
from protocols import models
from protocols.errors import ModelError
from protocols.models import MeterModel

LINE_OF_PROTOCOL = {
    "dlt645-2007": ("dlt645-tcp", "dlt645-serial"),
    "dlt645-1997": ("dlt645-tcp", "dlt645-serial"),
    "modbus": ("modbus-tcp",),
}
_PHASES = "ABC"


class ScenarioError(Exception):
    """A scenario cannot be run as it is."""


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
    echo: bool
    noise: Noise


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
    """`folder` is where files named in the scenario are looked for."""

    seed: int
    zone: ZoneInfo
    installed: date
    areas: tuple[AreaPlan, ...]
    lines: tuple[LinePlan, ...]
    meters: tuple[MeterPlan, ...]
    gateways: tuple[GatewayPlan, ...]
    models: dict[str, MeterModel]
    folder: Path


def load(path: Path) -> Scenario:
    """The scenario in a file, or ScenarioError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: cannot be read ({error}); name a scenario TOML file") from None
    return parse(text, str(path), path.parent)


def parse(text: str, origin: str = "scenario", folder: Path = Path()) -> Scenario:
    """The scenario in a text; `origin` is what its mistakes are told of."""
    try:
        document = _Document.model_validate(tomllib.loads(text))
        return _checked(document, folder)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{origin}: not valid TOML: {error}") from None
    except ValidationError as error:
        raise ScenarioError(f"{origin}: {_first_mistake(error)}") from None
    except _Mistake as mistake:
        raise ScenarioError(f"{origin}: {mistake}") from None


class _Mistake(Exception):
    pass


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


_Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\s/+#|:]+$")]
_Port = Annotated[int, Field(ge=0, le=65535)]
_Share = Annotated[float, Field(ge=0, le=1)]


class _Station(_Table):
    name: str = "示例供电所"
    timezone: str = "Asia/Shanghai"
    installed: date = date(2024, 1, 1)


class _Area(_Table):
    id: _Name
    name: str = ""
    feeder: str = ""


class _Noise(_Table):
    loss: _Share = 0
    flip: _Share = 0
    garbage: _Share = 0


class _Line(_Table):
    name: _Name
    kind: Literal["dlt645-tcp", "dlt645-serial", "modbus-tcp"]
    port: _Port = 0
    link: str | None = None
    delay_ms: Annotated[float, Field(ge=0, le=60_000)] = 2
    baud: Annotated[int, Field(ge=300, le=921_600)] | None = None
    echo: bool = False
    noise: _Noise = _Noise()


class _Curve(_Table):
    file: str
    scale: Annotated[float, Field(gt=0)] = 1
    power_factor: Annotated[float, Field(gt=0.1, le=1)] = 0.95


class _Meter(_Table):
    id: _Name
    address: Annotated[str, Field(pattern=r"^[0-9]{12}$")] | None = None
    unit: Annotated[int, Field(ge=1, le=247)] | None = None
    model: str
    area: str
    line: str
    role: Literal["customer", "area"] = "customer"
    phase: Literal["A", "B", "C"] | None = None
    load: str | _Curve | None = None
    aux_supply: bool = False
    customer: str = ""


class _Gateway(_Table):
    id: _Name
    area: str | None = None
    supply_file: str | None = None
    broker: Annotated[str, Field(pattern=r"^[^:\s]+:[0-9]{1,5}$")] | None = None
    relay_port: _Port = 0


class _Document(_Table):
    seed: int = 0
    station: _Station = _Station()
    area: tuple[_Area, ...]
    line: tuple[_Line, ...]
    meter: tuple[_Meter, ...]
    gateway: tuple[_Gateway, ...] = ()


def _first_mistake(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    where = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
    given = "" if first["type"] == "missing" else f" (it is {first['input']!r})"
    more = f"; {error.error_count() - 1} more" if error.error_count() > 1 else ""
    return f"{where.lstrip('.')}: {first['msg']}{given}{more}"


def _checked(document: _Document, folder: Path) -> Scenario:
    _unique("area", (area.id for area in document.area))
    _unique("line", (line.name for line in document.line))
    _unique("meter", (meter.id for meter in document.meter))
    _unique("gateway", (gateway.id for gateway in document.gateway))
    _unique("port", (str(port) for port in _ports(document)))
    kinds = {line.name: line.kind for line in document.line}
    areas = {area.id for area in document.area}
    known = _models(document.meter)
    plans = tuple(_meter_plan(meter, known[meter.model], areas, kinds) for meter in document.meter)
    _unique_addresses(plans)
    for gateway in document.gateway:
        if gateway.area is not None:
            _known("gateway", gateway.id, "area", gateway.area, areas)
    return Scenario(
        seed=document.seed,
        zone=_zone(document.station.timezone),
        installed=document.station.installed,
        areas=tuple(AreaPlan(area.id, area.name) for area in document.area),
        lines=tuple(_line_plan(line) for line in document.line),
        meters=plans,
        gateways=tuple(GatewayPlan(**gateway.model_dump()) for gateway in document.gateway),
        models=known,
        folder=folder,
    )


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise _Mistake(f"station.timezone: {name!r} is no zone; write one such as Asia/Shanghai") from None


def _ports(document: _Document) -> Iterator[int]:
    yield from (line.port for line in document.line if line.port)
    yield from (gateway.relay_port for gateway in document.gateway if gateway.relay_port)


def _unique(what: str, names: Iterable[str]) -> None:
    name, times = next(iter(Counter(names).most_common(1)), ("", 0))
    if times > 1:
        raise _Mistake(f"{what} {name!r} is there {times} times; give each its own")


def _unique_addresses(plans: Iterable[MeterPlan]) -> None:
    holders: dict[tuple[str, str], str] = {}
    for plan in plans:
        holder = holders.setdefault((plan.line, plan.address), plan.id)
        if holder != plan.id:
            raise _Mistake(
                f"meters {holder} and {plan.id} share the address {plan.address} on line {plan.line}; "
                "give each its own"
            )


def _known(what: str, name: str, field: str, value: str, names: Iterable[str]) -> None:
    if value not in names:
        raise _Mistake(f"{what} {name}: there is no {field} {value!r}; known: {', '.join(sorted(names))}")


def _models(meters: Iterable[_Meter]) -> dict[str, MeterModel]:
    known: dict[str, MeterModel] = {}
    for meter in meters:
        if meter.model not in known:
            _known("meter", meter.id, "model", meter.model, models.names())
            try:
                known[meter.model] = models.load(meter.model)
            except ModelError as error:
                raise _Mistake(str(error)) from None
    return known


def _line_plan(line: _Line) -> LinePlan:
    noise = Noise(line.noise.loss, line.noise.flip, line.noise.garbage)
    return LinePlan(line.name, line.kind, line.port, line.link, line.delay_ms, line.baud, line.echo, noise)


def _meter_plan(meter: _Meter, model: MeterModel, areas: set[str], kinds: Mapping[str, str]) -> MeterPlan:
    _known("meter", meter.id, "area", meter.area, areas)
    _known("meter", meter.id, "line", meter.line, kinds)
    fitting = LINE_OF_PROTOCOL[model.protocol]
    if kinds[meter.line] not in fitting:
        raise _Mistake(
            f"meter {meter.id}: model {meter.model} speaks {model.protocol}, line {meter.line} is "
            f"{kinds[meter.line]}; put it on a line of kind {' or '.join(fitting)}"
        )
    return MeterPlan(
        id=meter.id,
        address=_address(meter, modbus=model.protocol == "modbus"),
        model=meter.model,
        area=meter.area,
        line=meter.line,
        role=meter.role,
        phase=_phase(meter, model.phases),
        load=_load(meter),
        aux_supply=meter.aux_supply,
    )


def _address(meter: _Meter, modbus: bool) -> str:
    if modbus:
        if meter.unit is None or meter.address is not None:
            raise _Mistake(f"meter {meter.id}: a Modbus meter has a unit (1..247) and no address")
        return str(meter.unit)
    if meter.address is None or meter.unit is not None:
        raise _Mistake(f"meter {meter.id}: a DL/T 645 meter has an address of 12 digits and no unit")
    if meter.address == "9" * 12:
        raise _Mistake(f"meter {meter.id}: address {meter.address} is the broadcast; choose another")
    return meter.address


def _phase(meter: _Meter, phases: int) -> int | None:
    if phases == 1:
        return _PHASES.index(meter.phase or "A")
    if meter.phase is not None:
        raise _Mistake(f"meter {meter.id}: model {meter.model} has three phases; leave `phase` out")
    return None


def _load(meter: _Meter) -> str | CurvePlan | None:
    if meter.role == "area":
        if meter.load is not None:
            raise _Mistake(f"meter {meter.id}: an area meter sees its customers' load; leave `load` out")
        return None
    if isinstance(meter.load, _Curve):
        return CurvePlan(meter.load.file, meter.load.scale, meter.load.power_factor)
    if meter.load is None:
        return "household"
    _known("meter", meter.id, "load", meter.load, KINDS)
    return meter.load
