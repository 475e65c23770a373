"""Settings from the cloud: laid over the gateway's own file, checked like it, kept on disk once good.

A few tables can be set from afar and no other; what protects customers can only be made stricter there.
"""

import json
import logging
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final

import msgspec
from pydantic import ValidationError

from edge.clock import Clock
from edge.mistakes import SettingsError, causes, told
from edge.orders.rules import zone_of
from edge.outbox_file import sync_folder
from edge.settings import Settings
from protocols import spelling
from protocols.errors import MessageError
from protocols.mqtt import orders
from protocols.mqtt.orders import MAX_DETAIL, Applied, Config, ConfigState

log = logging.getLogger(__name__)

FILE_NAME: Final = "config.json"
SETTABLE: Final = frozenset({"interval_s", "probe_s", "health_s", "memory", "line"})
SETTABLE_ORDERS: Final = frozenset({"protected", "relay_per_day", "quiet_minutes"})
SOURCE: Final = "settings from the cloud"


@dataclass(frozen=True, slots=True)
class _Kept:
    """The last good ones."""

    version: int
    settings: dict[str, Any]


class RemoteConfig:
    """One thread calls `start` and `tick`; `receive` may be called from any."""

    def __init__(
        self,
        local: Settings,
        clock: Clock,
        apply: Callable[[Settings], None],
        say: Callable[[str, bytes, bool], None],
        *,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._local, self._clock, self._apply, self._say, self._wake = local, clock, apply, say, wake
        self._path = local.data_dir / FILE_NAME
        self._inbox: SimpleQueue[bytes] = SimpleQueue()
        self._kept = _Kept(0, {})
        self._answered: tuple[int, bytes] | None = None

    def receive(self, payload: bytes) -> None:
        self._inbox.put(payload)
        self._wake()

    def overlaid(self) -> Settings:
        """At the start: the gateway's own settings, with the last good ones from the cloud over them."""
        kept = _read(self._path)
        if kept is None:
            return self._local
        try:
            settings = overlay(self._local, kept.settings)
        except SettingsError as error:
            log.error(  # noqa: TRY400
                "%s: version %d does not go with gateway.toml any more and is left out: %s",
                self._path, kept.version, error,
            )  # fmt: skip
            self._tell(kept.version, str(error))
            return self._local
        self._kept = kept
        self._tell(kept.version)
        return settings

    def tick(self) -> None:
        with suppress(Empty):
            while True:
                self._take(self._inbox.get_nowait())

    def _take(self, payload: bytes) -> None:
        if not payload:  # the retained message was taken away: what is in force stays
            return
        try:
            config = _config(payload, self._local.gateway)
        except MessageError as error:
            log.warning("what came as settings is none and is ignored: %s", error)
            return
        if config.version < self._kept.version:
            log.info("settings of version %d are older than those in force", config.version)
        elif config.version == self._kept.version:
            self._same_again(config)
        elif self._answered != (config.version, _content(config.settings)):
            self._offer(config)

    def _same_again(self, config: Config) -> None:
        """The same is no news; another content under a version in force is a mistake, and is told."""
        if _content(config.settings) != _content(self._kept.settings):
            self._tell(config.version, f"version {config.version} is in force with another content")

    def _offer(self, config: Config) -> None:
        self._answered = (config.version, _content(config.settings))
        try:
            settings = overlay(self._local, config.settings)
            _write(self._path, _Kept(config.version, config.settings))
            self._put_in_force(settings)
        except SettingsError as error:
            log.warning("settings of version %d are refused: %s", config.version, error)
            self._tell(config.version, str(error))
            return
        except OSError as error:
            self._answered = None  # it will be offered again
            log.error("settings of version %d cannot be kept: %s", config.version, error)  # noqa: TRY400
            self._tell(config.version, f"cannot be kept: {error.strerror}")
            return
        self._kept = _Kept(config.version, config.settings)
        log.info("settings of version %d are in force", config.version)
        self._tell(config.version)

    def _put_in_force(self, settings: Settings) -> None:
        """A defect that shows only now must not end the gateway, nor meet it again at each start."""
        try:
            self._apply(settings)
        except Exception as defect:
            log.exception("settings from the cloud could not be put in force")
            _write(self._path, self._kept)
            raise SettingsError([f"{SOURCE}: a defect: {defect}"]) from defect

    def _tell(self, offered: int, mistakes: str = "") -> None:
        applied = Applied(
            gateway=self._local.gateway,
            version=self._kept.version,
            offered=offered,
            state=ConfigState.REFUSED if mistakes else ConfigState.APPLIED,
            at_ms=self._clock.now_ms(),
            detail=mistakes[:MAX_DETAIL],
        )
        self._say("config", orders.encode(applied), True)


def _config(payload: bytes, gateway: str) -> Config:
    config = orders.decode(payload, Config)
    if config.gateway != gateway:
        raise MessageError(f"it is for gateway {config.gateway!r}")
    return config


def overlay(local: Settings, remote: Mapping[str, Any]) -> Settings:
    """The settings with those from the cloud over them; SettingsError tells each mistake in one line."""
    if foreign := _foreign(remote):
        raise SettingsError(foreign)
    raw = _as_file(local)
    raw |= {key: value for key, value in remote.items() if key not in ("orders", "memory")}
    for table in ("orders", "memory"):
        if isinstance(given := remote.get(table, {}), Mapping):
            raw[table] = raw.get(table, {}) | dict(given)
        else:
            raw[table] = given
    return _strict(local, _checked(raw))


def _checked(raw: dict[str, Any]) -> Settings:
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as error:
        mistakes = (told(each, raw, Settings) for each in causes(spelling.mistakes(Settings, error)))
        raise SettingsError(f"{SOURCE}: {mistake}" for mistake in mistakes) from None
    if zone_of(settings.memory.timezone) is None:
        zone = settings.memory.timezone[:64]
        raise SettingsError([f"{SOURCE}: memory.timezone: {zone!r} is not known on this gateway; correct it"])
    return settings


def _foreign(remote: Mapping[str, Any]) -> list[str]:
    """What is never set from afar, by name."""
    allowed = SETTABLE | {"orders"}
    keys = [key for key in remote if key not in allowed]
    given = remote.get("orders")
    if isinstance(given, Mapping):
        keys += [f"orders.{key}" for key in given if key not in SETTABLE_ORDERS]
    return [f"{SOURCE}: {key[:64]}: is never set from afar; it stands in gateway.toml" for key in keys]


def _as_file(local: Settings) -> dict[str, Any]:
    """As gateway.toml would give it. A meter with the gateway's interval goes on following it."""
    raw = local.model_dump(by_alias=True, exclude_unset=True)
    for line in raw["line"]:
        for meter in line["meter"]:
            if meter.get("interval_s") == local.interval_s:
                del meter["interval_s"]
    _as_lists(raw)
    return raw


def _as_lists(raw: dict[str, Any]) -> None:
    """TOML has lists where the settings have tuples."""
    raw["line"] = [dict(line) | {"meter": list(line["meter"])} for line in raw["line"]]


def _strict(local: Settings, settings: Settings) -> Settings:
    """What the gateway's own file protects stays protected, whatever the cloud says."""
    ours, theirs = local.orders, settings.orders
    if theirs.relay_per_day > ours.relay_per_day:
        most = f"{theirs.relay_per_day} is more than the {ours.relay_per_day} of gateway.toml; raise it there"
        raise SettingsError([f"{SOURCE}: orders.relay_per_day: {most}"])
    orders_ = theirs.model_copy(
        update={
            "protected": tuple(dict.fromkeys((*ours.protected, *theirs.protected))),
            "quiet_minutes": tuple(sorted({*ours.quiet_minutes, *theirs.quiet_minutes})),
        }
    )
    return settings.model_copy(update={"orders": orders_})


def _content(settings: Any) -> bytes:
    return json.dumps(settings, sort_keys=True).encode()


def _read(path: Path) -> _Kept | None:
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=_Kept)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        log.error("%s: cannot be read (%s): gateway.toml alone is in force", path, error)  # noqa: TRY400
        return None
    return kept


def _write(path: Path, kept: _Kept) -> None:
    """Whole or not at all, also through a power cut."""
    new = path.with_suffix(".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(kept))
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync_folder(path.parent)
