"""A scenario: the station, its areas, lines, meters and gateways, read from TOML and checked once.

Whatever is wrong is told in one line: which file, which entry, what to do.
"""

import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from firmware_sim.kinds import KINDS
from firmware_sim.life import LifePlan
from firmware_sim.making import Making, check_wiring, life_of, making_of
from firmware_sim.plans import (
    AnswerPlan,
    AreaPlan,
    CurvePlan,
    FaultPlan,
    GatewayPlan,
    LinePlan,
    MasterPlan,
    MeterPlan,
    Noise,
    Scenario,
)
from firmware_sim.scenario_tables import (
    AnswerTable,
    CurveTable,
    Document,
    FaultTable,
    LineTable,
    MasterTable,
    MeterTable,
    RequestTable,
)
from protocols import models
from protocols.dlt645.conversations import read_request
from protocols.dlt645.explain import from_hex
from protocols.dlt645.frame import encode
from protocols.errors import FrameError, ModelError
from protocols.modbus import rtu
from protocols.models import MeterModel
from protocols.spelling import advice, hint

LINE_OF_PROTOCOL = {
    "dlt645-2007": ("dlt645-tcp", "dlt645-serial", "tcp", "serial"),
    "dlt645-1997": ("dlt645-tcp", "dlt645-serial", "tcp", "serial"),
    "modbus": ("modbus-tcp", "tcp", "serial"),
}
"""`tcp` and `serial` are buses that hold DL/T 645 and Modbus RTU meters side by side."""
_PHASES = "ABC"
__all__ = [
    "AnswerPlan",
    "AreaPlan",
    "CurvePlan",
    "FaultPlan",
    "GatewayPlan",
    "LinePlan",
    "MasterPlan",
    "MeterPlan",
    "Noise",
    "Scenario",
    "ScenarioError",
    "load",
    "parse",
]


class ScenarioError(Exception):
    """A scenario cannot be run as it is."""


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
        document = Document.model_validate(tomllib.loads(text))
        return _checked(document, folder)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{origin}: not valid TOML: {error}") from None
    except ValidationError as error:
        raise ScenarioError(f"{origin}: {_first_mistake(error)}") from None
    except _Mistake as mistake:
        raise ScenarioError(f"{origin}: {mistake}") from None


class _Mistake(Exception):
    pass


def _first_mistake(error: ValidationError) -> str:
    mistakes = error.errors(include_url=False)
    # A misspelt key is behind what seems to be missing.
    first = next((each for each in mistakes if each["type"] == "extra_forbidden"), mistakes[0])
    where = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"{where.lstrip('.')}: {advice(Document, first['loc'])}"
    given = "" if first["type"] == "missing" else f" (it is {first['input']!r})"
    more = f"; {error.error_count() - 1} more" if error.error_count() > 1 else ""
    return f"{where.lstrip('.')}: {first['msg']}{given}{more}"


def _checked(document: Document, folder: Path) -> Scenario:
    _unique("area", (area.id for area in document.area))
    _unique("line", (line.name for line in document.line))
    _unique("meter", (meter.id for meter in document.meter))
    _unique("gateway", (gateway.id for gateway in document.gateway))
    _unique("port", (str(port) for port in _ports(document)))
    kinds = {line.name: line.kind for line in document.line}
    areas = {area.id for area in document.area}
    known = _models(document.meter, folder)
    plans = tuple(_meter_plan(meter, known[meter.model], areas, kinds) for meter in document.meter)
    _unique_addresses(plans, {meter.id for meter in document.meter if meter.twin})
    _unique("master", (master.name for master in document.master))
    for gateway in document.gateway:
        if gateway.area is not None:
            _known("gateway", gateway.id, "area", gateway.area, areas)
    return Scenario(
        seed=document.seed,
        speed=document.speed,
        zone=_zone(document.station.timezone),
        installed=document.station.installed,
        areas=tuple(AreaPlan(area.id, area.name) for area in document.area),
        lines=tuple(_line_plan(line) for line in document.line),
        meters=plans,
        gateways=tuple(GatewayPlan(**gateway.model_dump()) for gateway in document.gateway),
        faults=tuple(_fault_plan(fault) for fault in document.fault),
        masters=tuple(_master_plan(master, kinds, plans, known) for master in document.master),
        answers=tuple(_answer_plan(answer, {plan.id for plan in plans}) for answer in document.answer),
        models=known,
        folder=folder,
        life=_lives(document, plans, known),
    )


def _lives(
    document: Document, plans: Iterable[MeterPlan], known: Mapping[str, MeterModel]
) -> tuple[LifePlan, ...]:
    phases = {plan.id: known[plan.model].phases for plan in plans}
    try:
        check_wiring(document.meter, phases)
        return tuple(life_of(life, phases) for life in document.life)
    except ValueError as error:
        raise _Mistake(str(error)) from None


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise _Mistake(f"station.timezone: {name!r} is no zone; write one such as Asia/Shanghai") from None


def _ports(document: Document) -> Iterator[int]:
    yield from (line.port for line in document.line if line.port)
    yield from (gateway.relay_port for gateway in document.gateway if gateway.relay_port)


def _unique(what: str, names: Iterable[str]) -> None:
    name, times = next(iter(Counter(names).most_common(1)), ("", 0))
    if times > 1:
        raise _Mistake(f"{what} {name!r} is there {times} times; give each its own")


def _unique_addresses(plans: Iterable[MeterPlan], twins: set[str]) -> None:
    holders: dict[tuple[str, str], str] = {}
    for plan in plans:
        holder = holders.setdefault((plan.line, plan.address), plan.id)
        if holder != plan.id and plan.id not in twins:
            raise _Mistake(
                f"meters {holder} and {plan.id} share the address {plan.address} on line {plan.line}; "
                "give each its own, or say `twin = true` when that is what is to be tried"
            )


def _known(what: str, name: str, field: str, value: str, names: Iterable[str]) -> None:
    if value not in names:
        known = ", ".join(sorted(names)) or "none"
        raise _Mistake(f"{what} {name}: there is no {field} {value!r}; {hint(value, names)}known: {known}")


def _models(meters: Iterable[MeterTable], folder: Path) -> dict[str, MeterModel]:
    known: dict[str, MeterModel] = {}
    for meter in meters:
        if meter.model not in known:
            try:
                known[meter.model] = _model(meter, folder)
            except ModelError as error:
                raise _Mistake(f"meter {meter.id}: {error}") from None
    return known


def _model(meter: MeterTable, folder: Path) -> MeterModel:
    """One that comes along, or one's own: the path of its file, seen from the scenario."""
    if not meter.model.endswith(".toml"):
        _known("meter", meter.id, "model", meter.model, models.names())
        return models.load(meter.model)
    path = folder / meter.model
    try:
        return models.parse(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"model {path}: cannot be read ({error})") from None


def _line_plan(line: LineTable) -> LinePlan:
    """Without a delay of its own a line answers in 2 ms; with a baud rate in 20 ms, as meters do."""
    delay_ms = line.delay_ms if line.delay_ms is not None else 20 if line.baud else 2
    return LinePlan(
        name=line.name,
        kind=line.kind,
        port=line.port,
        link=line.link,
        delay_ms=delay_ms,
        baud=line.baud,
        parity=line.parity,
        echo=line.echo,
        noise=Noise(line.noise.loss, line.noise.flip, line.noise.garbage),
    )


def _fault_plan(fault: FaultTable) -> FaultPlan:
    if isinstance(fault.until, type(fault.at)) and fault.until <= fault.at:  # type: ignore[operator]
        raise _Mistake(
            f"fault {fault.kind} of {fault.target}: until {fault.until} is not after at {fault.at}"
        )
    options = {name: getattr(fault, name) for name in ("nth", "times", "share", "delay_s")}
    given = {name: value for name, value in options.items() if value is not None}
    return FaultPlan(fault.kind, fault.target, fault.at, fault.until, given)


def _answer_plan(answer: AnswerTable, meters: set[str]) -> AnswerPlan:
    _known("answer", answer.di or f"FC{answer.fc}", "meter", answer.meter, meters)
    if (answer.di is None) == (answer.fc is None):
        raise _Mistake(
            f"answer of meter {answer.meter}: give it a `di`, or `fc` with `first_register` and `words`"
        )
    return AnswerPlan(
        answer.meter, answer.di, bytes.fromhex(answer.data), answer.fc, answer.first_register, answer.words,
        answer.error,
    )  # fmt: skip


def _master_plan(
    master: MasterTable,
    kinds: Mapping[str, str],
    meters: Iterable[MeterPlan],
    known: Mapping[str, MeterModel],
) -> MasterPlan:
    _known("master", master.name, "line", master.line, kinds)
    if kinds[master.line] == "modbus-tcp":
        raise _Mistake(
            f"master {master.name}: line {master.line} is modbus-tcp and no bus; use serial or tcp"
        )
    by_id = {meter.id: meter for meter in meters}
    requests = tuple(_request(master.name, request, by_id, known) for request in master.request)
    return MasterPlan(
        master.name, master.line, master.cycle_s, master.gap_ms, master.at, master.until, requests
    )


def _request(
    master: str, request: RequestTable, meters: Mapping[str, MeterPlan], known: Mapping[str, MeterModel]
) -> bytes:
    """The bytes of one request of a second master."""
    try:
        if request.hex is not None:
            return from_hex(request.hex)
        address, protocol = request.address or "", "modbus" if request.first_register is not None else ""
        if request.meter is not None:
            _known("master", master, "meter", request.meter, meters)
            address, protocol = meters[request.meter].address, known[meters[request.meter].model].protocol
        if protocol == "modbus":
            return rtu.read_request(int(address), request.fc, request.first_register or 0, request.count)
        version = "1997" if protocol == "dlt645-1997" else "2007"
        return encode(
            read_request(address, request.di or {"2007": "00010000", "1997": "9010"}[version], version)
        )
    except (FrameError, ValueError) as error:
        raise _Mistake(f"master {master}: a request cannot be sent ({error})") from None


def _meter_plan(meter: MeterTable, model: MeterModel, areas: set[str], kinds: Mapping[str, str]) -> MeterPlan:
    _known("meter", meter.id, "area", meter.area, areas)
    _known("meter", meter.id, "line", meter.line, kinds)
    if meter.twin and kinds[meter.line] == "modbus-tcp":
        raise _Mistake(
            f"meter {meter.id}: twins talk at once on a bus; put them on a line of kind tcp or serial"
        )
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
        response_ms=meter.response_ms,
        baud=meter.baud,
        parity=meter.parity,
        making=_making(meter),
    )


def _making(meter: MeterTable) -> Making:
    try:
        return making_of(meter)
    except ValueError as error:
        raise _Mistake(f"meter {meter.id}: {error}") from None


def _address(meter: MeterTable, modbus: bool) -> str:
    if modbus:
        if meter.unit is None or meter.address is not None:
            raise _Mistake(f"meter {meter.id}: a Modbus meter has a unit (1..247) and no address")
        return str(meter.unit)
    if meter.address is None or meter.unit is not None:
        raise _Mistake(f"meter {meter.id}: a DL/T 645 meter has an address of 12 digits and no unit")
    if meter.address == "9" * 12:
        raise _Mistake(f"meter {meter.id}: address {meter.address} is the broadcast; choose another")
    return meter.address


def _phase(meter: MeterTable, phases: int) -> int | None:
    if phases == 1:
        return _PHASES.index(meter.phase or "A")
    if meter.phase is not None:
        raise _Mistake(f"meter {meter.id}: model {meter.model} has three phases; leave `phase` out")
    return None


def _load(meter: MeterTable) -> str | CurvePlan | None:
    if meter.role == "area":
        if meter.load is not None:
            raise _Mistake(f"meter {meter.id}: an area meter sees its customers' load; leave `load` out")
        return None
    if isinstance(meter.load, CurveTable):
        return CurvePlan(meter.load.file, meter.load.scale, meter.load.power_factor)
    if meter.load is None:
        return "household"
    _known("meter", meter.id, "load", meter.load, KINDS)
    return meter.load
