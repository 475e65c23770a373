"""Who may talk with the broker and about what, and what every broker of ours can do.

A gateway writes below its own `up` and reads below its own `down`; only the cloud writes `down`. Nobody is
anonymous, and passwords are kept as hashes in the format that mosquitto reads.
"""

import base64
import hashlib
import hmac
import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from sqlalchemy import Column, Connection, ForeignKey, String, Table, delete, insert, select, update

from cloud.fleet.registry import gateway_table
from cloud.kit.db import metadata
from cloud.kit.errors import Conflict, Invalid, NotFound
from protocols.mqtt.topics import PREFIX, PROBE_GATEWAY, up

CLOUD = "cloud"
"""The cloud's own user; no gateway may be called so."""
HOST = "127.0.0.1"
BROKER_MAX_PACKET = 256 * 1024 + 1024
_ITERATIONS = 1000  # the passwords are random, so guessing them is hopeless at any speed
_SALT_BYTES = 12  # what mosquitto 2.0 expects

Users = Mapping[str, str]
"""User to password hash."""
Action = Literal["read", "write"]

credential_table = Table(
    "gateway_credential",
    metadata,
    Column("gateway", ForeignKey("gateway.id"), primary_key=True),
    Column("password_hash", String(200), nullable=False),
)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    ca_file: Path
    cert_file: Path | None = None
    key_file: Path | None = None


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where a broker is; `protocol` auto tries MQTT 5 and then 3.1.1."""

    host: str
    port: int
    protocol: Literal["auto", "5", "3.1.1"] = "auto"
    tls: TlsFiles | None = None


class Broker(Protocol):
    """A broker that this process runs."""

    def start(self, users: Users) -> BrokerAddress:
        """Listen, and say where; Invalid or Conflict says why not."""
        ...

    def reload(self, users: Users) -> None:
        """Take over who may talk; whoever may no longer is cut off."""
        ...

    def stop(self) -> None: ...


def free_port(port: int) -> int:
    """The port, or any free one for 0; Conflict when somebody has it, who would be taken for ours."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise Conflict(
                f"port {port} is in use by another program: end that one or change broker.port"
            ) from None
        return int(probe.getsockname()[1])


# who may talk


def add_gateway(connection: Connection, gateway: str) -> str:
    """A new password for a gateway, shown once; an old one ends. Then the broker is to be reloaded."""
    if gateway == CLOUD:
        raise Invalid(f"no gateway can be called {CLOUD!r}: that is the cloud's own user")
    _require_known(connection, gateway)
    password = secrets.token_urlsafe(24)
    hashed = hash_password(password)
    mine = credential_table.c.gateway == gateway
    if not connection.execute(update(credential_table).where(mine).values(password_hash=hashed)).rowcount:
        connection.execute(insert(credential_table).values(gateway=gateway, password_hash=hashed))
    return password


def revoke_gateway(connection: Connection, gateway: str) -> None:
    """From the next reload on the gateway is not let in."""
    _require_known(connection, gateway)
    connection.execute(delete(credential_table).where(credential_table.c.gateway == gateway))


def _require_known(connection: Connection, gateway: str) -> None:
    known = connection.execute(select(gateway_table.c.id).where(gateway_table.c.id == gateway)).first()
    if known is None:
        raise NotFound(f"there is no gateway {gateway!r}; import it with the registry first")


def users(connection: Connection, secret: str) -> dict[str, str]:
    """Everybody who may talk: the gateways, and the cloud with its `secret`."""
    rows = connection.execute(select(credential_table))
    return {row.gateway: row.password_hash for row in rows} | {CLOUD: hash_password(secret)}


def cloud_secret(data_dir: Path) -> str:
    """The cloud's own password, made at the first start and kept for this user's eyes only."""
    path = data_dir / "broker.password"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        path.chmod(0o600)
        secret = path.read_text(encoding="ascii").strip()
        if len(secret) < 24:
            raise Invalid(f"{path}: too short to be a secret; remove the file to have it made anew") from None
        return secret
    with os.fdopen(handle, "w", encoding="ascii") as file:
        secret = secrets.token_urlsafe(32)
        file.write(secret + "\n")
    return secret


def hash_password(password: str) -> str:
    """As `mosquitto_passwd` writes it: $7$ is PBKDF2 with SHA-512."""
    return _hash(password, secrets.token_bytes(_SALT_BYTES), _ITERATIONS)


def right_password(password: str, hashed: str) -> bool:
    _, _, iterations, salt, _ = hashed.split("$")
    return hmac.compare_digest(_hash(password, base64.b64decode(salt), int(iterations)), hashed)


def _hash(password: str, salt: bytes, iterations: int) -> str:
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, iterations)
    return "$".join(("", "7", str(iterations), _base64(salt), _base64(key)))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


# about what


def filters(user: str, action: Action) -> tuple[str, ...]:
    """The topic filters on which `user` may do `action`."""
    if user == CLOUD:
        write = (f"{PREFIX}/+/down/#", up(PROBE_GATEWAY, "probe"))
        return (f"{PREFIX}/+/up/#",) if action == "read" else write
    return (f"{PREFIX}/{user}/{'down' if action == 'read' else 'up'}/#",)


def allowed(user: str, action: Action, topic: str) -> bool:
    """Whether `user` may do `action` on a topic, or on everything that a filter matches."""
    return any(_covers(each.split("/"), topic.split("/")) for each in filters(user, action))


def _covers(allowed: list[str], asked: list[str]) -> bool:
    for position, level in enumerate(allowed):
        if level == "#":
            return len(asked) > position
        if position >= len(asked) or asked[position] == "#":
            return False
        if level not in ("+", asked[position]):
            return False
    return len(asked) == len(allowed)


def acl_file() -> str:
    """The same rules as mosquitto reads them: %u is the user's name."""
    lines = [f"pattern {action} {each}" for action in ("write", "read") for each in filters("%u", action)]
    lines.append(f"user {CLOUD}")
    lines += [f"topic {action} {each}" for action in ("read", "write") for each in filters(CLOUD, action)]
    return "\n".join([*lines, ""])


def passwd_file(users: Users) -> str:
    return "".join(f"{user}:{hashed}\n" for user, hashed in sorted(users.items()))
