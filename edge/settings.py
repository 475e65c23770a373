"""gateway.toml: what this gateway is called, which meters hang on which line, and where the broker is.

Every mistake is told in one line that names the file, the key and what to do. Secrets come only by file.
"""

import re
import stat
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticCustomError

from edge.mistakes import SettingsError as SettingsError
from edge.mistakes import causes, told
from protocols import models, spelling
from protocols.dlt645.frame import BROADCAST
from protocols.errors import ModelError
from protocols.mqtt.topics import GATEWAY_ID

ENDPOINT = re.compile(r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\]):(?P<port>[0-9]{1,5})")
MODBUS_KINDS = ("modbus-tcp", "modbus-rtu")
MODBUS_QUIET_S = 0.00175
"""Above 19200 baud 3.5 characters are taken as no less than this (Modbus over serial line, 2.5.1.1)."""
DEVICE = "a device, as /dev/ttyS1"
NETWORK = "host:port, as 10.0.0.5:4001"
ENDPOINTS = {
    "tcp": NETWORK,
    "modbus-tcp": NETWORK,
    "serial": DEVICE,
    "modbus-rtu": f"{DEVICE}, or a serial server's {NETWORK}",
}


def _wrong(text: str) -> PydanticCustomError:
    return PydanticCustomError("settings", "{text}", {"text": text})


def _beside(path: Path, info: ValidationInfo) -> Path:
    """A relative path counts from the settings file, wherever the program was started."""
    folder: Path = (info.context or {}).get("folder", Path())
    return folder / path.expanduser()


def _present(path: Path) -> Path:
    if not path.is_file():
        raise _wrong(f"there is no file {path}; create it or correct the path")
    return path


def _gateway_name(name: str) -> str:
    if not GATEWAY_ID.fullmatch(name):
        raise _wrong(f"{name!r} is no gateway name; use 2 to 32 of a-z, 0-9 and -, not - at an end")
    return name


def _meter_address(address: str) -> str:
    if not re.fullmatch("[0-9]{12}", address) or address == BROADCAST:
        raise _wrong(f"{address!r} is no meter address; write its 12 digits, leading zeros too")
    return address


def _model_name(name: str, info: ValidationInfo) -> str:
    """A model of the program, or the path of one's own, which then goes by its absolute path."""
    if name.endswith(".toml"):
        return _own_model(_beside(Path(name), info).resolve())
    if name not in models.names():
        raise _wrong(
            f"{name!r} is no meter model; give a file of your own (./my-meter.toml) or one of "
            f"{', '.join(models.names())}"
        )
    return name


_parsed = lru_cache(maxsize=32)(models.parse)  # many meters name the same file


def _own_model(path: Path) -> str:
    try:
        models.register(str(path), _parsed(path.read_text(encoding="utf-8"), str(path)))
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(f"{path}: cannot be read ({error}); create it or correct the path") from None
    except ModelError as error:
        raise _wrong(f"{error}; to see all: wattpost edge model check {path}") from None
    return str(path)


def _listen(endpoint: str) -> str:
    match = ENDPOINT.fullmatch(endpoint)
    if match is None or not 0 <= int(match["port"]) <= 65_535:
        raise _wrong(f"{endpoint!r} is nowhere to listen; write host:port, as 127.0.0.1:8645")
    return endpoint


FilePath = Annotated[Path, AfterValidator(_beside)]
PresentFile = Annotated[Path, AfterValidator(_beside), AfterValidator(_present)]
Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]
IntervalSeconds = Annotated[int, Field(ge=1, le=86_400, strict=True)]
MeterId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Baud = Annotated[int, Field(ge=300, le=115_200)]
Parity = Literal["none", "even", "odd"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class TlsSettings(_Part):
    """`ca_file` proves the broker; `cert_file` with `key_file` proves this gateway to it."""

    ca_file: PresentFile
    cert_file: PresentFile | None = None
    key_file: PresentFile | None = None

    @model_validator(mode="after")
    def _pair(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise _wrong("cert_file and key_file belong together: give both or neither")
        return self


class BrokerSettings(_Part):
    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65_535)] = 1883
    username: str = ""  # empty: the gateway's name
    password_file: PresentFile | None = None
    protocol: Literal["auto", "3.1.1", "5"] = "auto"
    keepalive_s: Annotated[int, Field(ge=2, le=3600)] = 30
    tls: TlsSettings | None = None

    def password(self) -> str | None:
        """The secret, read anew at each connection and kept nowhere."""
        return self.password_file.read_text().strip() if self.password_file else None


class OutboxSettings(_Part):
    max_bytes: Annotated[int, Field(ge=1 << 20)] = 1 << 30
    batch_readings: Annotated[int, Field(ge=1, le=500)] = 200  # more might outgrow MAX_PAYLOAD
    batch_age_s: Seconds = 2.0


class MemorySettings(_Part):
    """Gaps are filled from the meters' own memory: freezes and load records."""

    enabled: bool = True
    days: Annotated[int, Field(ge=1, le=62)] = 10  # no further back
    clock_limit_s: Seconds = 300.0  # a meter's stamp is flagged when its clock is off by more
    timezone: str = "Asia/Shanghai"  # what the meters' clocks show


class OrderSettings(_Part):
    """What the cloud may have done here; the agent refuses the rest, whoever approved it."""

    clock: bool = True
    relay: bool = False
    protected: tuple[str, ...] = ()  # meters whose relay is never touched
    relay_per_day: Annotated[int, Field(ge=0, le=1000)] = 10
    operator: Annotated[str, Field(pattern="^[0-9]{8}$")] = "00000000"  # the code the meter notes
    passwords: dict[Literal["02", "04"], PresentFile] = {}  # by level; each file holds 6 digits
    quiet_minutes: tuple[Annotated[int, Field(ge=0, lt=1440)], ...] = (0,)
    """Minutes of the day (midnight, band edges, settlement) near which no clock is set."""


class PageSettings(_Part):
    """The read-only page for a phone beside the gateway, and /metrics for Prometheus."""

    listen: Annotated[str, AfterValidator(_listen)] = "127.0.0.1:8645"


class SimCardSettings(_Part):
    bytes_per_month: Annotated[int, Field(ge=1 << 20)]


class UpdateSettings(_Part):
    """Updates are taken only when they bear the signature of this key (Ed25519, as hex in a file)."""

    key_file: PresentFile
    folder: FilePath = Path("/opt/wattpost")
    confirm_s: Annotated[int, Field(ge=60, le=86_400)] = 600  # back to the old one without a `Stored` by then


class MeterSettings(_Part):
    id: MeterId
    model: Annotated[str, AfterValidator(_model_name)]
    address: Annotated[str, AfterValidator(_meter_address)] | None = None  # DL/T 645
    unit: Annotated[int, Field(ge=1, le=247)] | None = None  # Modbus
    interval_s: IntervalSeconds = 60
    baud: Baud | None = None  # another speed than its line's; serial devices only
    parity: Parity | None = None
    max_current_a: Annotated[float, Field(gt=0, le=100_000)] | None = (
        None  # bounds what a register may advance
    )
    memory: bool = True  # its gaps may be filled from its own memory


class LineSettings(_Part):
    name: Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,64}$")]  # else the cloud refuses the Health
    kind: Literal["tcp", "serial", "modbus-tcp", "modbus-rtu"]
    endpoint: str  # "host:port", or the path of a serial device
    baud: Baud = 2400
    parity: Parity = "even"
    timeout_s: Seconds = 1.0
    retries: Annotated[int, Field(ge=0, le=5)] = 1
    gap_ms: Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)] | None = None
    """Quiet before each question; else 3.5 characters on Modbus RTU, and none on DL/T 645, whose lead-in
    is there to be garbled by slow drivers."""
    meters: Annotated[tuple[MeterSettings, ...], Field(alias="meter", min_length=1)]

    @model_validator(mode="before")
    @classmethod
    def _usual_modbus_port(cls, raw: Any) -> Any:
        """DL/T 645 lines are 2400 8E1, Modbus lines 9600 8N1, unless told otherwise."""
        if isinstance(raw, Mapping) and raw.get("kind") == "modbus-rtu" and _is_device(raw.get("endpoint")):
            return {"baud": 9600, "parity": "none"} | dict(raw)
        return raw

    @model_validator(mode="after")
    def _endpoint_fits_kind(self) -> Self:
        match = ENDPOINT.fullmatch(self.endpoint)
        is_host_port = match is not None and 1 <= int(match["port"]) <= 65_535
        wanted = ENDPOINTS[self.kind]
        if not (DEVICE in wanted and not self.is_network) and not (NETWORK in wanted and is_host_port):
            raise _wrong(f"endpoint {self.endpoint!r} of a {self.kind} line must be {wanted}")
        return self

    @model_validator(mode="after")
    def _meters_fit_line(self) -> Self:
        """A `tcp` or `serial` line is a bus on which DL/T 645 and Modbus RTU meters may hang side by side."""
        for meter in self.meters:
            is_modbus = models.load(meter.model).protocol == "modbus"
            if self.is_modbus and not is_modbus:
                raise _wrong(f"meter {meter.id!r}: a {meter.model} cannot be read on a {self.kind} line")
            wanted, other = ("unit", "address") if is_modbus else ("address", "unit")
            if getattr(meter, wanted) is None or getattr(meter, other) is not None:
                raise _wrong(f"meter {meter.id!r}: a {meter.model} needs {wanted}, and no {other}")
            if self.is_network and (meter.baud or meter.parity):
                raise _wrong(f"meter {meter.id!r}: only on a serial device can a meter have its own speed")
        for key in ("address", "unit"):
            for twin in _twins(
                getattr(meter, key) for meter in self.meters if getattr(meter, key) is not None
            ):
                raise _wrong(f"{key} {twin} is given to two meters of this line; correct one of them")
        return self

    @property
    def is_modbus(self) -> bool:
        return self.kind in MODBUS_KINDS

    @property
    def is_network(self) -> bool:
        """Behind host:port, be it a Modbus TCP device or a serial server; else a device of this machine."""
        return not _is_device(self.endpoint)

    def speed_of(self, meter: MeterSettings) -> tuple[int, Parity]:
        return meter.baud or self.baud, meter.parity or self.parity

    def byte_s(self, meter: MeterSettings) -> float:
        """What one byte takes on the wire to this meter."""
        baud, parity = self.speed_of(meter)
        return (10 if parity == "none" else 11) / baud

    def quiet_s(self, meter: MeterSettings) -> float:
        """How long the line must be quiet before this meter is asked."""
        model = models.load(meter.model)
        on_wire = model.protocol == "modbus" and self.kind != "modbus-tcp"
        usual_s = max(3.5 * self.byte_s(meter), MODBUS_QUIET_S) if on_wire else 0.0
        own_s = model.pause_ms / 1000 if self.kind != "modbus-tcp" else 0.0
        return max(own_s, usual_s if self.gap_ms is None else self.gap_ms / 1000)

    @property
    def host_port(self) -> tuple[str, int]:
        host, _, port = self.endpoint.rpartition(":")
        return host.strip("[]"), int(port)


class Settings(_Part):
    gateway: Annotated[str, AfterValidator(_gateway_name)]
    data_dir: FilePath
    interval_s: IntervalSeconds = 60
    probe_s: IntervalSeconds = 300  # a silent meter is asked at least this often
    health_s: Seconds = 30.0
    supply_file: FilePath | None = None
    broker: BrokerSettings
    outbox: OutboxSettings = OutboxSettings()
    memory: MemorySettings = MemorySettings()
    orders: OrderSettings = OrderSettings()
    page: PageSettings | None = None
    sim_card: SimCardSettings | None = None
    update: UpdateSettings | None = None
    lines: Annotated[tuple[LineSettings, ...], Field(alias="line", min_length=1)]

    @model_validator(mode="before")
    @classmethod
    def _spread_interval(cls, raw: Any) -> Any:
        """A meter without its own interval takes the gateway's."""
        interval_s = raw.get("interval_s") if isinstance(raw, Mapping) else None
        if not isinstance(interval_s, int) or interval_s < 1 or not isinstance(raw.get("line"), list):
            return raw
        return dict(raw) | {"line": [_with_interval(line, interval_s) for line in raw["line"]]}

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        for twin in _twins(line.name for line in self.lines):
            raise _wrong(f"two lines are called {twin!r}; rename one")
        for twin in _twins(line.endpoint for line in self.lines):
            raise _wrong(f"two lines use endpoint {twin!r}; a line has one owner, so join them")
        for twin in _twins(meter.id for meter in self.meters):
            raise _wrong(f"two meters have the id {twin!r}; correct one")
        return self

    @property
    def meters(self) -> tuple[MeterSettings, ...]:
        return tuple(meter for line in self.lines for meter in line.meters)

    @property
    def username(self) -> str:
        return self.broker.username or self.gateway


def _is_device(endpoint: object) -> bool:
    return isinstance(endpoint, str) and endpoint.startswith("/")


def _with_interval(line: Any, interval_s: Any) -> Any:
    if not isinstance(line, Mapping) or not isinstance(line.get("meter"), list):
        return line
    meters = [{"interval_s": interval_s} | m if isinstance(m, dict) else m for m in line["meter"]]
    return dict(line) | {"meter": meters}


def _twins(values: Iterable[Any]) -> list[Any]:
    return [value for value, count in Counter(values).items() if count > 1]


def load(path: Path) -> Settings:
    """The settings in that file; SettingsError tells every mistake in it, one line each."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            [f"{path}: cannot be read ({error.strerror}); give the path of gateway.toml"]
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError([f"{path}: is not TOML: {error}; mend that place"]) from None
    try:
        return Settings.model_validate(raw, context={"folder": path.parent})
    except ValidationError as error:
        raise SettingsError(
            f"{path}: {told(each, raw, Settings)}" for each in causes(spelling.mistakes(Settings, error))
        ) from None


def warnings(settings: Settings) -> list[str]:
    """What works and should still be mended: secrets that others on this machine can read."""
    secrets = [settings.broker.password_file, settings.broker.tls and settings.broker.tls.key_file]
    return [
        f"{secret}: can be read by others; run: chmod 600 {secret}"
        for secret in secrets
        if secret and stat.S_IMODE(secret.stat().st_mode) & 0o077
    ]
