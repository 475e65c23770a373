"""An InfluxDB for tests: Debian's influxd 1.6.7 as our own child, or a 2.x that the environment names.

`WATTPOST_TEST_INFLUXDB_URL`, `…_TOKEN` and `…_ORG` name a 2.x, and the same tests run on it unchanged;
otherwise the child is spoken to through `tests/influx_gateway.py`, which says what it stands for.
Either gives fresh buckets.
"""

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import psutil
import pytest

from cloud.settings import InfluxSettings

NAMED = {name: os.environ.get(f"WATTPOST_TEST_INFLUXDB_{name}", "") for name in ("URL", "TOKEN", "ORG")}
CONFIG = """\
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
dir = "{folder}/meta"
logging-enabled = false
[data]
dir = "{folder}/data"
wal-dir = "{folder}/wal"
query-log-enabled = false
cache-snapshot-write-cold-duration = "10m"
[monitor]
store-enabled = false
[subscriber]
enabled = false
[continuous_queries]
enabled = false
[http]
bind-address = "127.0.0.1:{http}"
log-enabled = false
[ifql]
enabled = false
[logging]
level = "warn"
"""


class Refused(Exception):
    """What an engine answered instead of doing it."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"{status}: {body[:500]!r}")
        self.status, self.body = status, body


class Engine(Protocol):
    """Where it is spoken to, and how a bucket of one's own comes and goes."""

    url: str
    org: str
    token: str

    def create(self, bucket: str) -> None: ...

    def drop(self, bucket: str) -> None: ...

    def tokens_for(self, bucket: str) -> dict[str, str]: ...


@dataclass(frozen=True)
class Influx:
    """A fresh bucket of a running engine; `token_file` holds the token."""

    engine: Engine
    bucket: str
    token_file: Path

    @property
    def url(self) -> str:
        return self.engine.url

    @property
    def org(self) -> str:
        return self.engine.org

    @property
    def token(self) -> str:
        return self.engine.token

    def settings(self, **other: Any) -> InfluxSettings:
        """What a station that keeps its readings here has under [readings]."""
        mine = {"url": self.url, "org": self.org, "bucket": self.bucket, "token_file": self.token_file}
        return InfluxSettings.model_validate(mine | other)

    def query(self, statement: str) -> list[dict[str, Any]]:
        """The series that an InfluxQL statement finds here."""
        found = _ask(
            self.engine, "GET", "/query?" + urlencode({"db": self.bucket, "q": statement, "epoch": "ms"})
        )
        (told,) = found.get("results") or [{}]  # 2.x answers a DROP with no result at all
        assert "error" not in told, found
        series: list[dict[str, Any]] = told.get("series", [])
        return series

    def tokens_for_this_bucket_alone(self) -> dict[str, str]:
        """`read`, `write` and `both`; nothing where an engine has one token for everything."""
        return self.engine.tokens_for(self.bucket)

    def write(self, lines: str) -> None:
        """Line protocol straight into the bucket, times in ms."""
        asked = urlencode({"org": self.org, "bucket": self.bucket, "precision": "ms"})
        _ask(self.engine, "POST", f"/api/v2/write?{asked}", lines.encode())


class Influxd:
    """Our own influxd and the gateway before it, each a child; ports and data stay over a `kill`."""

    org, token = "wattpost", "token-of-the-tests"

    def __init__(self, folder: Path, program: Path, free_port: Callable[[], int]) -> None:
        self.folder, self._program = folder, program
        self.port, self._http, self._rpc = free_port(), free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        (folder / "influxdb.conf").write_text(CONFIG.format(folder=folder, http=self._http, rpc=self._rpc))
        self._engine: subprocess.Popen[bytes] | None = None
        words = [str(self.port), str(self._http), self.token]
        gateway = Path(__file__).with_name("influx_gateway.py")
        self._gateway = self._child([sys.executable, gateway, *words], self.port)
        self.start()

    @property
    def pid(self) -> int:
        assert self._engine is not None
        return self._engine.pid

    @property
    def running(self) -> bool:
        return self._engine is not None and self._engine.poll() is None

    def told(self) -> str:
        return f"influxd: {(self.folder / 'log').read_text()[-500:]}"

    def start(self) -> None:
        self._engine = self._child([self._program, "-config", self.folder / "influxdb.conf"], self._http)

    def kill(self) -> None:
        """End the engine as a power cut would; the gateway stays and says 503."""
        if self._engine is not None:
            self._engine.kill()
            self._engine.wait(20)
            self._engine = None

    def stop(self) -> None:
        for child in (self._gateway, self._engine):
            if child is not None:
                child.terminate()
                child.wait(20)
        self._engine = None

    def create(self, bucket: str) -> None:
        _ask(self, "POST", "/query?" + urlencode({"q": f'CREATE DATABASE "{bucket}"'}))

    def drop(self, bucket: str) -> None:
        _ask(self, "POST", "/query?" + urlencode({"q": f'DROP DATABASE "{bucket}"'}))

    def tokens_for(self, bucket: str) -> dict[str, str]:
        return {}

    def _child(self, command: list[str | Path], port: int) -> subprocess.Popen[bytes]:
        """Start it, and see that our child and nobody else listens on the port."""
        with (self.folder / "log").open("ab") as log:
            child = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            told = (self.folder / "log").read_text()
            assert child.poll() is None, f"{command[0]} ended at once: {told[-2000:]}"
            if port in _listening(child.pid):
                return child
            time.sleep(0.02)
        pytest.fail(f"{command[0]} did not listen within 30 s")


class Named:
    """The InfluxDB 2.x of the environment; its token must be allowed to make and delete buckets."""

    url, org, token = NAMED["URL"].rstrip("/"), NAMED["ORG"], NAMED["TOKEN"]

    def __init__(self) -> None:
        found = _ask(self, "GET", "/api/v2/orgs?" + urlencode({"org": self.org}))
        self._org_id = found["orgs"][0]["id"]
        self._tokens: dict[str, list[str]] = {}

    def create(self, bucket: str) -> None:
        wanted = {"orgID": self._org_id, "name": bucket, "retentionRules": []}
        made = _ask(self, "POST", "/api/v2/buckets", json.dumps(wanted).encode())
        mapping = {
            "orgID": self._org_id,
            "bucketID": made["id"],
            "database": bucket,
            "retention_policy": "autogen",
            "default": True,
        }
        try:
            _ask(self, "POST", "/api/v2/dbrps", json.dumps(mapping).encode())
        except Refused as refused:  # newer ones map every bucket by themselves
            if refused.status not in (400, 409, 422):
                raise

    def drop(self, bucket: str) -> None:
        """And the tokens that were made for it; a mapping goes with its bucket."""
        for token in self._tokens.pop(bucket, ()):
            _ask(self, "DELETE", f"/api/v2/authorizations/{token}")
        _ask(self, "DELETE", f"/api/v2/buckets/{self._id(bucket)}")

    def tokens_for(self, bucket: str) -> dict[str, str]:
        resource = {"type": "buckets", "id": self._id(bucket), "orgID": self._org_id}
        made: dict[str, str] = {}
        for name, actions in (("read", ["read"]), ("write", ["write"]), ("both", ["read", "write"])):
            rights = [{"action": action, "resource": resource} for action in actions]
            wanted = {"orgID": self._org_id, "description": bucket, "permissions": rights}
            found = _ask(self, "POST", "/api/v2/authorizations", json.dumps(wanted).encode())
            self._tokens.setdefault(bucket, []).append(found["id"])
            made[name] = found["token"]
        return made

    def _id(self, bucket: str) -> str:
        asked = urlencode({"orgID": self._org_id, "name": bucket})
        found: str = _ask(self, "GET", f"/api/v2/buckets?{asked}")["buckets"][0]["id"]
        return found

    def stop(self) -> None:
        pass


def fresh(engine: Engine, folder: Path) -> Influx:
    """A bucket nobody else has, and the token in a file of `folder`."""
    token_file = folder / "influxdb.token"
    token_file.write_text(engine.token + "\n")
    bucket = f"t{uuid.uuid4().hex[:16]}"
    engine.create(bucket)
    return Influx(engine, bucket, token_file)


def _ask(engine: Engine, method: str, path: str, body: bytes | None = None) -> Any:
    headers = {"Authorization": f"Token {engine.token}", "Content-Type": "application/json"}
    request = Request(engine.url + path, body, headers, method=method)
    deadline = time.monotonic() + 20
    while True:
        try:
            with urlopen(request, timeout=20) as answer:
                return json.loads(answer.read() or b"{}")
        except HTTPError as error:
            with error:
                told = error.read()
            if error.code != 503 or time.monotonic() > deadline:  # 503: the engine is just being started
                raise Refused(error.code, told) from None
        except URLError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.05)


def _listening(pid: int) -> set[int]:
    connections = psutil.Process(pid).net_connections("tcp")
    return {each.laddr.port for each in connections if each.status == psutil.CONN_LISTEN}
