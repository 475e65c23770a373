"""What the station decides: cloud.toml, overridden by WATTPOST_* variables; a secret is named by file only.

Paths in the file are relative to the file. Every mistake is told in one line: where, what, what to do.
"""

import json
import os
import tomllib
from pathlib import Path
from typing import Literal, TypeVar
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from cloud.kit.errors import Conflict, Invalid
from protocols import spelling

M = TypeVar("M", bound=BaseModel)
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StationSettings(Section):
    """`mode`: `sole` keeps every record itself; in a `companion` other systems own some fields."""

    mode: Literal["sole", "companion"] = "sole"
    name: str = Field(default="示例供电所", min_length=1, max_length=80)
    timezone: str = "Asia/Shanghai"
    language: Literal["zh_CN", "en"] = "zh_CN"

    @field_validator("timezone")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError(f"no time zone is called {name!r}; write it like Asia/Shanghai")
        return name

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


class HttpSettings(Section):
    """`base_url` is the address people type; cookies go over https only unless it is http on this machine."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    base_url: str = "http://127.0.0.1:8080"
    trusted_proxies: tuple[str, ...] = ()
    session_hours: float = Field(default=12.0, gt=0, le=24 * 90)

    @field_validator("base_url")
    @classmethod
    def _address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
            raise ValueError("write it like https://station.example")
        return url.rstrip("/")

    @property
    def secure(self) -> bool:
        """False only for plain http on this very machine."""
        parts = urlsplit(self.base_url)
        return not (parts.scheme == "http" and parts.hostname in LOOPBACK)


class BrokerTlsSettings(Section):
    ca_file: Path
    cert_file: Path | None = None
    key_file: Path | None = None


class BrokerSettings(Section):
    """`embedded` runs in this process, `mosquitto` as its child, `auto` is mosquitto where it is installed.

    These make their own passwords and listen on loopback only; `external` is yours.
    """

    kind: Literal["auto", "embedded", "mosquitto", "external"] = "auto"
    host: str = "127.0.0.1"
    port: int = Field(default=1883, ge=0, le=65535)
    username: str = "cloud"
    password_file: Path | None = None
    tls: BrokerTlsSettings | None = None


class InfluxSettings(Section):
    """An InfluxDB 2.x; `token_file` holds a token that may read and write `bucket`."""

    url: str = "http://127.0.0.1:8086"
    org: str = "wattpost"
    bucket: str = "readings"
    token_file: Path | None = None
    ca_file: Path | None = None
    timeout_s: float = Field(default=10.0, gt=0, le=300)

    @field_validator("url")
    @classmethod
    def _address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise ValueError("write it like https://influx.example:8086, without a user")
        return url.rstrip("/")


class ReadingsSettings(Section):
    """Where raw readings are kept: readings.db in the data folder, or an InfluxDB."""

    kind: Literal["sqlite", "influxdb"] = "sqlite"
    influxdb: InfluxSettings = InfluxSettings()


class IngestSettings(Section):
    """`workers` threads handle messages; `shared` takes part in `$share/ingest/…` with other processes."""

    workers: int = Field(default=2, ge=1, le=16)
    shared: bool = False


class ArchiveSettings(Section):
    """A day is archived `after_days` after its end, a month compacted `compact_after_days` after its own."""

    folder: Path = Path("archive")
    after_days: int = Field(default=1, ge=1, le=60)
    compact_after_days: int = Field(default=5, ge=1, le=60)


class RetentionSettings(Section):
    """How long each layer is kept, in days, 0 for ever; only what the archive has, verified, ever goes."""

    raw_days: int = Field(default=400, ge=0)
    hourly_days: int = Field(default=1100, ge=0)
    archive_days: int = Field(default=0, ge=0)
    batches_days: int = Field(default=90, ge=0)


class AnalysisSettings(Section):
    """`threads` of this process (`workers`, 0: as many as processors), or the workers of a Dask cluster."""

    engine: Literal["threads", "dask"] = "threads"
    workers: int = Field(default=0, ge=0, le=256)
    scheduler: str = ""


class GrafanaSettings(Section):
    url: str = "http://127.0.0.1:3000"
    token_file: Path | None = None


class NoticeSettings(Section):
    """`urls_file` holds one notification address a line (e-mail, WeCom, DingTalk …): it is a secret."""

    urls_file: Path | None = None


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="WATTPOST_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    data_dir: Path = Path("data")
    database_url: str = ""
    database_password_file: Path | None = None
    policies_dir: Path | None = None
    station: StationSettings = StationSettings()
    http: HttpSettings = HttpSettings()
    broker: BrokerSettings = BrokerSettings()
    readings: ReadingsSettings = ReadingsSettings()
    ingest: IngestSettings = IngestSettings()
    archive: ArchiveSettings = ArchiveSettings()
    retention: RetentionSettings = RetentionSettings()
    analysis: AnalysisSettings = AnalysisSettings()
    grafana: GrafanaSettings = GrafanaSettings()
    notices: NoticeSettings = NoticeSettings()

    @field_validator("database_url")
    @classmethod
    def _no_password(cls, url: str) -> str:
        if urlsplit(url).password:
            raise ValueError("a password does not belong here: put it into database_password_file")
        return url

    @property
    def records_url(self) -> str:
        """The records database: what was set, or records.db in the data folder. It may hold the password."""
        if not self.database_url:
            return f"sqlite:///{self.data_dir / 'records.db'}"
        if self.database_password_file is None:
            return self.database_url
        before, _, after = self.database_url.partition("@")
        if not after:
            raise Invalid("database_url: name the user before the host, as postgresql://USER@HOST/NAME")
        return f"{before}:{quote(secret(self.database_password_file), safe='')}@{after}"


def load(path: Path) -> Settings:
    """The settings in `path`; Invalid says what is wrong with it, or that it is not there."""
    if not path.is_file():
        raise Invalid(f"{path}: no such file; make one with `wattpost cloud init`")

    class FromFile(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, path)

    try:
        return _rooted(FromFile(), path.resolve().parent)
    except OSError as error:
        raise Invalid(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise Invalid(f"{path}: not UTF-8 ({error.reason} at byte {error.start}): save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"{path}: not TOML: {error}") from None
    except SettingsError as error:
        raise Invalid(f"WATTPOST_* variables: {error}: a section is a JSON object") from None
    except ValidationError as error:
        raise Invalid(f"{path}: {spelling.told(Settings, error)}") from None


def _rooted(model: M, folder: Path) -> M:
    """The same settings with every path made absolute, from `folder`."""
    changes: dict[str, object] = {}
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, Path):
            changes[name] = folder / value
        elif isinstance(value, BaseModel):
            changes[name] = _rooted(value, folder)
    return model.model_copy(update=changes)


def require_shared(settings: Settings) -> None:
    """Invalid unless each part can be shared by several processes that take in what gateways send."""
    needs = {
        "ingest.shared = true, for every one": settings.ingest.shared,
        "database_url of a PostgreSQL": settings.records_url.startswith("postgresql"),
        'readings.kind = "influxdb"': settings.readings.kind == "influxdb",
        'broker.kind = "external" (our own has use_username_as_clientid: one connection a user)': (
            settings.broker.kind == "external"
        ),
    }
    if lacking := [need for need, met in needs.items() if not met]:
        raise Invalid(f"ingest.shared: several processes need {', '.join(lacking)}")


FIRST = """\
# What this station decides. Paths count from this file; WATTPOST_HTTP__PORT=8081 and the like override it.

data_dir = "data"
# Records are kept in data/records.db unless a PostgreSQL is named; its password has a file of its own:
# database_url = "postgresql://wattpost@127.0.0.1/wattpost"
# database_password_file = "database.password"
# Your own alert limits, deadlines and notice rules (*.toml) instead of the built-in ones:
# policies_dir = "policies"

[station]
name = {name}
timezone = {timezone}
language = "zh_CN"        # or "en"

[http]
host = "127.0.0.1"        # behind a proxy that speaks https to the world
port = 8080
# What people type; sign-in cookies travel over https only, except to http on this very machine.
base_url = "http://127.0.0.1:8080"
trusted_proxies = []      # addresses whose X-Forwarded-For is believed
session_hours = 12.0

[broker]
kind = "auto"             # mosquitto as a child where installed, else embedded; or external
host = "127.0.0.1"
port = 1883
# For an external broker:
# username = "cloud"
# password_file = "broker.password"
# tls = {{ ca_file = "ca.pem", cert_file = "cloud.pem", key_file = "cloud.key" }}

[readings]
kind = "sqlite"           # data/readings.db; or "influxdb":
# influxdb = {{ url = "http://127.0.0.1:8086", bucket = "readings", token_file = "influxdb.token" }}
# (the token's file: mode 0600; org = "…" beside them where the organisation is not "wattpost")

[archive]
folder = "archive"        # Parquet, a file per area and day, compacted to one per area and month
after_days = 1

[retention]               # days; 0 keeps for ever; nothing goes that is not in the archive, verified
raw_days = 400

[analysis]
engine = "threads"        # or "dask", with scheduler = "tcp://10.0.0.5:8786" and the extra `cluster`
workers = 0               # threads; 0: as many as processors

[notices]
# One address a line (mailto://…, json://…): where the station itself is told of alerts. Keep it mode 0600.
# urls_file = "notices.urls"
"""


def write_first(folder: Path, name: str, timezone: str) -> Path:
    """Write the first cloud.toml into `folder` and make its data folder, for this user's eyes only."""
    try:
        StationSettings(name=name, timezone=timezone)
    except ValidationError as error:
        first = error.errors()[0]
        raise Invalid(f"--{first['loc'][0]}: {first['msg']}") from None
    path = folder / "cloud.toml"
    words = {"name": json.dumps(name, ensure_ascii=False), "timezone": json.dumps(timezone)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(FIRST.format_map(words))
        (folder / "data").mkdir(mode=0o700, exist_ok=True)
        (folder / "data").chmod(0o700)
    except FileExistsError:
        raise Conflict(f"{path} is there already: change it, or name another folder") from None
    except OSError as error:
        raise Invalid(f"{folder}: {error.strerror}") from None
    return path


def lines(path: Path) -> list[str]:
    """The lines of a file that say something; Invalid when it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    stripped = (line.strip() for line in text.splitlines())
    return [line for line in stripped if line]


def secret(path: Path) -> str:
    """The one line in a secret's file; Invalid when it cannot be read or says nothing."""
    found = lines(path)
    if len(found) != 1:
        raise Invalid(f"{path}: should hold one line, the secret; it holds {len(found)}")
    return found[0]


def spoken() -> Literal["zh_CN", "en"]:
    """The terminal's language, as programs find it: LC_ALL before LC_MESSAGES before LANG."""
    told = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return "zh_CN" if told.lower().startswith("zh") else "en"
