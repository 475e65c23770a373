"""The tables of a scenario as TOML has them: keys, types, ranges; `scenario` says what they mean."""

from datetime import date
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\s/+#|:]+$")]
Port = Annotated[int, Field(ge=0, le=65535)]
Share = Annotated[float, Field(ge=0, le=1)]
Delay = Annotated[float, Field(ge=0, le=60_000)]
Baud = Annotated[int, Field(ge=300, le=921_600)]
Parity = Literal["E", "N", "O"]
Instant = Annotated[float, Field(ge=0)] | AwareDatetime


class StationTable(Table):
    name: str = "示例供电所"
    timezone: str = "Asia/Shanghai"
    installed: date = date(2024, 1, 1)


class AreaTable(Table):
    id: Name
    name: str = ""
    feeder: str = ""


class NoiseTable(Table):
    loss: Share = 0
    flip: Share = 0
    garbage: Share = 0


class LineTable(Table):
    name: Name
    kind: Literal["dlt645-tcp", "dlt645-serial", "modbus-tcp", "tcp", "serial"]
    port: Port = 0
    link: str | None = None
    delay_ms: Delay | None = None
    baud: Baud | None = None
    parity: Parity = "E"
    echo: bool = False
    noise: NoiseTable = NoiseTable()


class CurveTable(Table):
    file: str
    scale: Annotated[float, Field(gt=0)] = 1
    power_factor: Annotated[float, Field(gt=0.1, le=1)] = 0.95


class MeterTable(Table):
    id: Name
    address: Annotated[str, Field(pattern=r"^[0-9]{12}$")] | None = None
    unit: Annotated[int, Field(ge=1, le=247)] | None = None
    model: str
    area: str
    line: str
    role: Literal["customer", "area"] = "customer"
    phase: Literal["A", "B", "C"] | None = None
    load: str | CurveTable | None = None
    aux_supply: bool = False
    customer: str = ""
    twin: bool = False
    response_ms: Delay | None = None
    baud: Baud | None = None
    parity: Parity | None = None
    clock_drift_ppm: Annotated[float, Field(ge=-100_000, le=100_000)] = 0
    clock_offset_s: float = 0
    rating: Annotated[float, Field(gt=0, le=10_000)] = 60
    pv: Annotated[float, Field(ge=0, le=10_000_000)] = 0
    ratio: Annotated[int, Field(ge=1, le=100_000)] = 1
    wrong_ratio: Annotated[int, Field(ge=1, le=100_000)] | None = None
    slot_table: tuple[str, ...] = ()
    serves: str | None = None
    behaviour: tuple[str, ...] = ()
    start_kwh: Annotated[float, Field(ge=0, lt=100_000_000)] = 0
    counts: Share = 1


class LifeTable(Table):
    """An event in a meter's life at an instant; `begins = false` ends what lasts."""

    meter: str
    at: AwareDatetime
    event: str
    value: str | float | int = ""
    begins: bool = True


class GatewayTable(Table):
    id: Name
    area: str | None = None
    supply_file: str | None = None
    broker: Annotated[str, Field(pattern=r"^[^:\s]+:[0-9]{1,5}$")] | None = None
    relay_port: Port = 0


class FaultTable(Table):
    kind: str
    target: str
    at: Instant = 0
    until: Instant | None = None
    nth: Annotated[int, Field(ge=1)] | None = None
    times: Annotated[int, Field(ge=1)] | None = None
    share: Share | None = None
    delay_s: Annotated[float, Field(ge=0, le=600)] | None = None


class RequestTable(Table):
    """One request of a second master: a meter's id or an address with what to read, or bytes in hex."""

    meter: str | None = None
    address: str | None = None
    di: Annotated[str, Field(pattern=r"^([0-9A-Fa-f]{4}|[0-9A-Fa-f]{8})$")] | None = None
    fc: Literal[3, 4] = 3
    first_register: Annotated[int, Field(ge=0, le=65_535)] | None = None
    count: Annotated[int, Field(ge=1, le=125)] = 2
    hex: str | None = None


class AnswerTable(Table):
    """A captured answer that a meter gives instead of its own: data of a DI, words of registers, or a no."""

    meter: str
    di: Annotated[str, Field(pattern=r"^([0-9A-F]{4}|[0-9A-F]{8})$")] | None = None
    data: Annotated[str, Field(pattern=r"^([0-9A-Fa-f]{2})*$")] = ""
    fc: Literal[3, 4] | None = None
    first_register: Annotated[int, Field(ge=0, le=65_535)] = 0
    words: tuple[Annotated[int, Field(ge=0, le=65_535)], ...] = ()
    error: Annotated[int, Field(ge=0, le=255)] | None = None


class MasterTable(Table):
    name: Name
    line: str
    cycle_s: Annotated[float, Field(gt=0, le=86_400)] = 60
    gap_ms: Delay = 300
    at: Instant = 0
    until: Instant | None = None
    request: Annotated[tuple[RequestTable, ...], Field(min_length=1)]


class Document(Table):
    seed: int = 0
    speed: Annotated[float, Field(gt=0, le=100_000)] = 1
    station: StationTable = StationTable()
    area: tuple[AreaTable, ...]
    line: tuple[LineTable, ...]
    meter: tuple[MeterTable, ...]
    gateway: tuple[GatewayTable, ...] = ()
    fault: tuple[FaultTable, ...] = ()
    master: tuple[MasterTable, ...] = ()
    answer: tuple[AnswerTable, ...] = ()
    life: tuple[LifeTable, ...] = ()
