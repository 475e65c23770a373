"""Holds settings for a gateway against what may be set from afar and against the registry.

The gateway checks again and has the last word; what is told here needs no journey there and back.
"""

import json
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import Connection, select

from cloud.fleet.registry import meter_table
from cloud.kit.errors import Invalid
from protocols import models, spelling

MAX_TEXT = 500_000
Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]
Interval = Annotated[int, Field(ge=1, le=86_400, strict=True)]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Parity = Literal["none", "even", "odd"]


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone") from None
    return name


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MemoryPart(_Part):
    enabled: bool = True
    days: Annotated[int, Field(ge=1, le=62)] = 10
    clock_limit_s: Seconds = 300.0
    timezone: Annotated[str, AfterValidator(_zone)] = "Asia/Shanghai"


class OrdersPart(_Part):
    """What may be forbidden from afar; what is allowed is written on the gateway itself."""

    protected: tuple[Id, ...] = ()
    relay_per_day: Annotated[int, Field(ge=0, le=1000)] = 10
    quiet_minutes: tuple[Annotated[int, Field(ge=0, lt=1440)], ...] = (0,)


class MeterPart(_Part):
    id: Id
    model: str
    address: Annotated[str, Field(pattern=r"^[0-9]{12}$")] | None = None
    unit: Annotated[int, Field(ge=1, le=247)] | None = None
    interval_s: Interval | None = None
    baud: Annotated[int, Field(ge=300, le=115_200)] | None = None
    parity: Parity | None = None
    max_current_a: Annotated[float, Field(gt=0, le=100_000)] | None = None
    memory: bool = True


class LinePart(_Part):
    name: Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,64}$")]
    kind: Literal["tcp", "serial", "modbus-tcp", "modbus-rtu"]
    endpoint: Annotated[str, Field(min_length=1, max_length=200)]
    baud: Annotated[int, Field(ge=300, le=115_200)] | None = None
    parity: Parity | None = None
    timeout_s: Seconds | None = None
    retries: Annotated[int, Field(ge=0, le=5)] | None = None
    meter: Annotated[tuple[MeterPart, ...], Field(min_length=1)]


class ConfigPart(_Part):
    """The tables of gateway.toml that may be set from afar."""

    interval_s: Interval | None = None
    probe_s: Interval | None = None
    health_s: Seconds | None = None
    memory: MemoryPart | None = None
    orders: OrdersPart | None = None
    line: Annotated[tuple[LinePart, ...], Field(min_length=1)] | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """`warnings` do not stand against it, but somebody should have read them."""

    document: dict[str, Any]
    warnings: tuple[str, ...]


def parse(text: str) -> dict[str, Any]:
    """Settings written as TOML, or as a JSON object."""
    if len(text) > MAX_TEXT:
        raise Invalid(f"settings of {len(text)} characters are over the limit of {MAX_TEXT}")
    is_json = text.lstrip().startswith("{")
    try:
        found = json.loads(text) if is_json else tomllib.loads(text.replace("\r\n", "\n"))
    except (ValueError, RecursionError) as error:
        raise Invalid(f"not {'JSON' if is_json else 'TOML'}: {error}; mend that place") from None
    if not isinstance(found, dict):
        raise Invalid("settings are a table of keys")
    return found


def check(connection: Connection, gateway: str, document: Mapping[str, Any]) -> Checked:
    """Invalid names every mistake, one line each."""
    try:
        part = ConfigPart.model_validate(document)
    except ValidationError as error:
        problems = [_told(each["loc"], each["type"], each["msg"]) for each in error.errors()]
        raise Invalid(problems[0], problems) from None
    if not document:
        raise Invalid("the settings are empty: name at least one key")
    registered = {
        row.id: row for row in connection.execute(select(meter_table).where(meter_table.c.gateway == gateway))
    }
    _refuse([*_protected(part, registered), *_lines(part, registered)])
    return Checked(dict(document), tuple(_left_out(part, registered)))


def _refuse(problems: list[str]) -> None:
    if problems:
        raise Invalid(problems[0], problems)


def _told(loc: tuple[int | str, ...], kind: str, said: str) -> str:
    where = ".".join(str(step + 1) if isinstance(step, int) else step for step in loc)
    return f"{where}: {spelling.advice(ConfigPart, loc) if kind == 'extra_forbidden' else said}"


def _protected(part: ConfigPart, registered: Mapping[str, Any]) -> Iterable[str]:
    for meter in part.orders.protected if part.orders else ():
        if meter not in registered:
            yield f"orders.protected: meter {meter!r} is not one of this gateway"


def _lines(part: ConfigPart, registered: Mapping[str, Any]) -> Iterable[str]:
    lines = part.line or ()
    for name in _twins(line.name for line in lines):
        yield f"line: two lines are called {name!r}; rename one"
    for endpoint in _twins(line.endpoint for line in lines):
        yield f"line: two lines use endpoint {endpoint!r}; join them"
    for twin in _twins(meter.id for line in lines for meter in line.meter):
        yield f"line: meter {twin!r} is there twice; keep one"
    for line in lines:
        for meter in line.meter:
            if why := _meter(line, meter, registered.get(meter.id)):
                yield f"line {line.name!r}, meter {meter.id!r}: {why}"


def _meter(line: LinePart, meter: MeterPart, row: Any) -> str | None:
    if row is None:
        return "the registry hangs no such meter on this gateway; import it first"
    if meter.model not in models.names():
        return f"no meter model is called {meter.model!r}"
    if meter.model != row.model:
        return f"the registry says model {row.model!r}"
    is_modbus = models.load(meter.model).protocol == "modbus"
    wanted = None if meter.unit is None else str(meter.unit)
    given = wanted if is_modbus else meter.address
    if given is None or (meter.address if is_modbus else meter.unit) is not None:
        return f"a {meter.model} needs {'unit, and no address' if is_modbus else 'address, and no unit'}"
    if given.lstrip("0") != row.address.lstrip("0"):
        return f"the registry says address {row.address}"
    return None if line.name == row.line else f"the registry hangs it on line {row.line!r}"


def _left_out(part: ConfigPart, registered: Mapping[str, Any]) -> Iterable[str]:
    if part.line is None:
        return
    named = {meter.id for line in part.line for meter in line.meter}
    for meter in sorted(set(registered) - named):
        yield f"meter {meter!r} of this gateway is on no line of it and would be read no more"


def _twins(values: Iterable[str]) -> list[str]:
    return [value for value, count in Counter(values).items() if count > 1]
