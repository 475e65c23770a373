"""What the containers of docker-compose.yml need before they start: settings, a line, generated secrets.

Each service gets a folder of its own and nothing of another's; a secret is made once and never again, and no
secret has a default. Addresses are those of the compose network.
"""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cloud.demo.programs import tool
from cloud.demo.station import Paces, Place, Station
from cloud.fleet import broker as brokers
from cloud.kit.errors import Invalid

OPERATORS = ("operator", "operator-2")
"""One alone opens no relay."""
RUN = Path("/run/wattpost")
STATE = Path("/var/lib/wattpost")
"""Where a container finds its folder: read-only secrets and settings, and what it keeps."""
TOKENS = Path("/run/wattpost-influxdb")
LINE_PORT = 4001
ORG, BUCKET = "wattpost", "readings"
PACES = Paces(interval_s=60, timeout_s=1.0, health_s=10.0, batch_age_s=2.0)


@dataclass(frozen=True, slots=True)
class Owner:
    """Of a service's folder: the user it runs as in its container."""

    uid: int
    gid: int
    mode: int = 0o700


OURS = Owner(10001, 10001)
OWNERS: Mapping[str, Owner] = {
    "cloud": OURS,
    "edge": OURS,
    "firmware_sim": OURS,
    "mosquitto": Owner(1883, 1883),
    "postgres": Owner(999, 999),
    "influxdb": Owner(1000, 1000),
    "grafana": Owner(472, 472),
    # InfluxDB makes these tokens itself at its first start; whom they are for reads them by the group
    "influxdb-for-cloud": Owner(1000, OURS.gid, 0o2750),
    "influxdb-for-grafana": Owner(1000, 472, 0o2750),
}


def prepare(root: Path, *, give_away: bool, meters: int = 12, seed: int = 7) -> list[Path]:
    """Fill `root`/<service>; what is there stays. The files made now. `give_away`: to the users there."""
    made: list[Path] = []
    for name in OWNERS:
        (root / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    made += _secrets(root)
    texts = _texts(root, meters, seed)
    made += [path for path, text in texts.items() if _write(path, text)]
    _write_users(root)
    if give_away:
        _give_away(root)
    return made


def _secrets(root: Path) -> list[Path]:
    """Each random, each in one file; a password that two services share is copied to the second."""
    own = [root / "influxdb/admin.password", root / "influxdb/admin.token", root / "grafana/admin.password"]
    own += [root / f"cloud/{login}.password" for login in OPERATORS]
    made = [path for path in own if _write(path, secrets.token_urlsafe(32))]
    shared = {
        root / "cloud/database.password": root / "postgres/password",
        root / "cloud/broker.password": root / "mosquitto/cloud.password",
        root / "edge/gw-a01.password": root / "mosquitto/gw-a01.password",
    }
    for first, second in shared.items():
        if not (first.exists() and second.exists()):
            known = first if first.exists() else second
            secret = _read(known) if known.exists() else secrets.token_urlsafe(32)
            made += [path for path in (first, second) if _write(path, secret)]
    return made


def _texts(root: Path, meters: int, seed: int) -> dict[Path, str]:
    """The files that are no secrets. The line's meters have the password that all simulated meters have."""
    scenario = root / "firmware_sim/scenario.toml"
    told = _read(scenario) if scenario.exists() else _scenario(meters, seed)
    if not scenario.exists():
        _write(scenario, told)
    station = Station.read(scenario)
    (gateway,) = station.gateways
    ready = {
        "gateways": [{"id": gateway, "uplink": "mosquitto:1883"}],
        "lines": [{"name": "line-a01", "kind": "tcp", "endpoint": f"127.0.0.1:{LINE_PORT}"}],
    }
    return {
        root / "edge/gateway.toml": station.gateway_toml(gateway, ready, Place(STATE), PACES) + PAGE,
        root / "edge/meter.password": "111111",
        root / "cloud/registry.json": _json(station.registry(PACES.interval_s)),
        root / "cloud/cloud.toml": CLOUD_TOML,
        root / "mosquitto/mosquitto.conf": MOSQUITTO_CONF,
        root / "mosquitto/acl": brokers.acl_file(),
    }


def _scenario(meters: int, seed: int) -> str:
    size = ["--areas", "1", "--meters", str(meters), "--seed", str(seed)]
    village = tool("firmware_sim", "village", *size)
    return village.replace('kind = "dlt645-tcp"\n', f'kind = "dlt645-tcp"\nport = {LINE_PORT}\n', 1)


def _write_users(root: Path) -> None:
    """Mosquitto's own file of hashes, anew each time: its salts may change, its passwords do not."""
    folder = root / "mosquitto"
    users = {
        name: brokers.hash_password(_read(folder / f"{name}.password")) for name in (brokers.CLOUD, "gw-a01")
    }
    (folder / "passwd").unlink(missing_ok=True)
    _write(folder / "passwd", brokers.passwd_file(users))


def _write(path: Path, text: str) -> bool:
    """For its owner's eyes only, and only if it is not there; whether it was made."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text if text.endswith("\n") else text + "\n")
    return True


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip()


def _json(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, indent=1)


def _give_away(root: Path) -> None:
    try:
        for name, owner in OWNERS.items():
            folder = root / name
            for path in (*folder.iterdir(), folder):
                os.chown(path, owner.uid, owner.gid)
            folder.chmod(owner.mode)  # after chown, which takes the set-group bit away
    except PermissionError as error:
        raise Invalid(f"{error.filename}: cannot be given to another user: run this as root") from None


PAGE = """
[page]                    # asked by the container's health check
listen = "127.0.0.1:8645"
"""
CLOUD_TOML = f"""\
# Of the service in docker-compose.yml; WATTPOST_* variables of the container override it.
data_dir = "{STATE}"
database_url = "postgresql://wattpost@postgres/wattpost"
database_password_file = "{RUN}/database.password"

[http]
host = "0.0.0.0"          # within the container; docker-compose.yml publishes it on loopback only
port = 8080
base_url = "http://127.0.0.1:8080"

[broker]
kind = "external"
host = "mosquitto"
port = 1883
password_file = "{RUN}/broker.password"

[readings]
kind = "influxdb"

[readings.influxdb]
url = "http://influxdb:8086"
org = "{ORG}"
bucket = "{BUCKET}"
token_file = "{TOKENS}/influxdb.token"
"""
MOSQUITTO_CONF = f"""\
per_listener_settings false
listener 1883
allow_anonymous false
password_file {RUN}/passwd
acl_file {RUN}/acl
use_username_as_clientid true
persistence false
max_inflight_messages 64
max_queued_messages 10000
max_packet_size {brokers.BROKER_MAX_PACKET}
sys_interval 0
log_dest stderr
log_type error
log_type warning
"""
