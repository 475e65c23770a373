"""docker-compose.yml and its images: by the Compose schema, by our own rules, and what it starts, tried.

No Docker engine takes part: that the images build and the containers come up is not shown here.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml  # type: ignore[import-untyped]

from cloud import settings
from cloud.demo import composed
from cloud.demo.registering import register_line
from cloud.fleet import registry
from cloud.kit.auth import Accounts
from cloud.kit.clock import SystemClock
from cloud.kit.db import Database
from tests.programs import require_program

ROOT = Path(__file__).parents[1]
SCHEMA = ROOT / "tests/vectors/compose/compose-spec.json"
OURS = {"prepare", "register", "cloud", "firmware_sim", "edge"}
ONCE = {"prepare", "register"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return found


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose["services"]
    return found


@pytest.fixture(scope="module")
def prepared_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("volumes")
    composed.prepare(folder, give_away=False, meters=3)
    return folder


@pytest.fixture
def prepared(prepared_once: Path, tmp_path: Path) -> Path:
    """The volumes as they are after the first step, a copy for each test."""
    return Path(shutil.copytree(prepared_once, tmp_path / "volumes"))


def test_the_schema_is_the_published_one() -> None:
    told = re.search(
        r"^([0-9a-f]{64})  compose-spec.json$", SCHEMA.with_name("README.md").read_text(), re.MULTILINE
    )
    assert told
    assert hashlib.sha256(SCHEMA.read_bytes()).hexdigest() == told[1]


def test_the_compose_specification_takes_the_file(compose: dict[str, Any]) -> None:
    check = jsonschema.Draft7Validator(json.loads(SCHEMA.read_text()))
    check.validate(compose)
    assert not check.is_valid({**compose, "services": {"cloud": {"imagee": "x"}}})


def test_every_service_is_small_and_none_but_one_is_root(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert ("cap_add" in service) == (service["user"] == "0:0") == (name == "prepare")
        assert "privileged" not in service
    assert services["prepare"]["network_mode"] == "none"


def test_each_runs_as_the_user_that_its_folder_belongs_to(services: dict[str, dict[str, Any]]) -> None:
    for name, owner in composed.OWNERS.items():
        if name in services:
            assert services[name]["user"] == f"{owner.uid}:{owner.gid}"
    assert composed.OWNERS["influxdb-for-cloud"].gid == composed.OWNERS["cloud"].gid
    assert composed.OWNERS["influxdb-for-grafana"].gid == composed.OWNERS["grafana"].gid


def test_images_are_pinned_and_none_floats(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert re.fullmatch(r"[a-z/-]+:\d+\.\d+(\.\d+)?(-\w+)?", service["image"]), name
        assert ("build" in service) == (name in OURS)


def test_only_the_two_faces_are_published_and_only_on_loopback(compose: dict[str, Any]) -> None:
    published = {name: one["ports"] for name, one in compose["services"].items() if "ports" in one}
    assert published == {"cloud": ["127.0.0.1:8080:8080"], "grafana": ["127.0.0.1:3000:3000"]}
    assert {name for name, net in compose["networks"].items() if not (net or {}).get("internal")} == {"face"}


def test_nobody_is_in_a_network_without_need(services: dict[str, dict[str, Any]]) -> None:
    met = {name: set(one.get("networks", [])) for name, one in services.items()}
    assert met["grafana"] & met["postgres"] == met["grafana"] & met["mosquitto"] == set()
    assert met["firmware_sim"] == met["mosquitto"] == {"field"}
    assert met["postgres"] == {"records"}


def test_no_secret_stands_in_the_file_and_none_is_shared_too_far(services: dict[str, dict[str, Any]]) -> None:
    readers: dict[str, set[str]] = {}
    for name, service in services.items():
        for key, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|TOKEN|SECRET", key):
                assert key.endswith("_FILE"), key
                assert str(value).startswith("/run/")
        for volume in service.get("volumes", []):
            if name != "prepare":
                readers.setdefault(volume.split(":")[0], set()).add(name)
    assert readers["cloud-settings"] == {"cloud", "register"}
    assert readers["influxdb-for-grafana"] == {"influxdb", "grafana"}
    assert readers["influxdb-for-cloud"] == {"influxdb", "cloud", "register"}
    for name in ("postgres", "influxdb", "mosquitto", "grafana"):
        assert readers[f"{name}-settings"] == {name}


def test_every_service_that_stays_tells_whether_it_is_well(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert ("healthcheck" in service) == (name not in ONCE), name
        waits = service.get("depends_on", {})
        for other, how in waits.items():
            wanted = "service_completed_successfully" if other in ONCE else "service_healthy"
            assert how["condition"] == wanted, (name, other)
        assert waits or name == "prepare"


def test_what_is_mounted_from_here_is_here_and_read_only(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            source, _, rest = volume.partition(":")
            if source.startswith("."):
                language = rest if "-zh_CN}" in volume else ""
                path = ROOT / re.sub(r"\$\{.*", "zh_CN", source)
                assert path.is_dir(), path
                assert volume.endswith(":ro"), language
            else:
                assert source in compose["volumes"]
    assert os.access(ROOT / "dashboards/influxdb/10-tokens.sh", os.X_OK)


def test_the_images_are_pinned_small_and_not_root() -> None:
    lines = (ROOT / "Dockerfile").read_text()
    assert re.findall(r"^FROM (\S+)", lines, re.MULTILINE) == ["python:3.11.14-slim-bookworm", "base", "base"]
    assert lines.count("USER 10001:10001") == 2
    assert "ADD " not in lines
    assert "apt-get" not in lines
    assert all("--require-hashes" in one for one in lines.splitlines() if "pip install" in one)
    for copied in re.findall(r"^COPY (?!requirements)(.+) \S+$", lines, re.MULTILINE):
        assert all((ROOT / each).exists() for each in copied.split()), copied
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[0] == "*"
    assert "!tests" not in ignored


def test_every_command_of_ours_is_one_that_exists(services: dict[str, dict[str, Any]]) -> None:
    for name in OURS:
        words = [word for word in services[name]["command"] if word.isalpha() and word.islower()]
        told = subprocess.run(
            [sys.executable, ROOT / "wattpost.py", *words, "--help"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert told.returncode == 0, told.stderr
        for option in (word for word in services[name]["command"] if word.startswith("--")):
            assert option in told.stdout


def test_secrets_are_random_made_once_and_for_their_owner_alone(
    prepared: Path, tmp_path_factory: Any
) -> None:
    other = tmp_path_factory.mktemp("other")
    composed.prepare(other, give_away=False, meters=3)
    named = sorted(
        path.relative_to(prepared)
        for path in prepared.rglob("*")
        if "pass" in path.name or "token" in path.name
    )
    before = {path: (prepared / path).read_text() for path in named}
    assert len(set(before.values())) >= 9
    for path, text in before.items():
        assert (prepared / path).stat().st_mode & 0o077 == 0
        if path.name != "meter.password":
            assert text != (other / path).read_text()
            assert len(text) > 40
    composed.prepare(prepared, give_away=False, meters=3)
    again = {path: (prepared / path).read_text() for path in named if path.name != "passwd"}
    assert again == {path: text for path, text in before.items() if path.name != "passwd"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_each_folder_is_given_to_its_user(tmp_path: Path) -> None:
    composed.prepare(tmp_path, give_away=True, meters=3)
    for name, owner in composed.OWNERS.items():
        found = (tmp_path / name).stat()
        assert (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (owner.uid, owner.gid, owner.mode)
        assert all(path.stat().st_uid == owner.uid for path in (tmp_path / name).iterdir())


def test_the_services_settings_are_settings(prepared: Path, services: dict[str, dict[str, Any]]) -> None:
    found = settings.load(prepared / "cloud/cloud.toml")
    mounts = {volume.split(":")[1] for volume in services["cloud"]["volumes"]}
    assert found.readings.influxdb.token_file is not None
    assert found.broker.password_file is not None
    for path in (
        found.data_dir,
        found.readings.influxdb.token_file.parent,
        found.broker.password_file.parent,
    ):
        assert str(path) in mounts
    hosts = (found.broker.host, "influxdb", "postgres")
    assert all(host in services for host in hosts)
    assert found.readings.influxdb.url == "http://influxdb:8086"
    bucket = services["influxdb"]["environment"]["DOCKER_INFLUXDB_INIT_BUCKET"]
    assert (
        found.readings.influxdb.bucket
        == services["grafana"]["environment"]["WATTPOST_INFLUXDB_BUCKET"]
        == bucket
    )
    assert found.readings.influxdb.org == services["influxdb"]["environment"]["DOCKER_INFLUXDB_INIT_ORG"]


def test_mosquitto_takes_its_settings_and_lets_in_whom_it_should(prepared: Path, unused_port: int) -> None:
    require_program("mosquitto")
    folder = prepared / "mosquitto"
    conf = folder / "mosquitto.conf"
    assert "allow_anonymous false\n" in conf.read_text()  # besides the list of who may what
    conf.write_text(
        conf.read_text().replace("/run/wattpost", str(folder)).replace("1883", f"{unused_port} 127.0.0.1")
    )
    if os.geteuid() == 0:
        conf.write_text(conf.read_text() + "user root\n")
    broker = subprocess.Popen([require_program("mosquitto"), "-c", conf], stderr=subprocess.DEVNULL)
    try:
        ask = ["-h", "127.0.0.1", "-p", str(unused_port), "-V", "5"]
        publish = require_program("mosquitto_sub").with_name("mosquitto_pub")
        message = ["-q", "1", "-t", "wattpost/v1/gw-a01/up/readings", "-m", "x"]
        password = (prepared / "edge/gw-a01.password").read_text().strip()

        def login(words: list[str]) -> int:
            return subprocess.run(
                [publish, *ask, *words, *message], capture_output=True, check=False, timeout=10
            ).returncode

        deadline = time.monotonic() + 10
        while login(["-u", "gw-a01", "-P", password]):
            assert broker.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert login(["-u", "gw-a01", "-P", "wrong"])
        assert login([])
    finally:
        broker.terminate()
        broker.wait(10)


def moved(path: Path, **places: object) -> None:
    """The same file with what containers call `from` at its place here."""
    text = path.read_text()
    for name, place in places.items():
        text = text.replace(
            {"run": "/run/wattpost", "state": "/var/lib/wattpost"}.get(name, name), str(place)
        )
    path.write_text(text)


def test_the_gateways_settings_pass_its_own_check(
    prepared: Path, services: dict[str, dict[str, Any]]
) -> None:
    folder = prepared / "edge"
    gateway = folder / "gateway.toml"
    gateway.write_text(gateway.read_text().replace("/var/lib/wattpost", str(folder)))
    told = subprocess.run(
        [sys.executable, ROOT / "wattpost.py", "edge", "check", "--config", gateway],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    asked = re.search(r"http://([\d.:]+)/", services["edge"]["healthcheck"]["test"][-1])
    assert asked
    assert f'listen = "{asked[1]}"' in gateway.read_text()


def test_the_tokens_script_writes_what_the_influx_command_answers(tmp_path: Path) -> None:
    """With a stand-in for the command, whose answer has the documented shape."""
    answer = '{\n\t"id": "0a1",\n\t"description": "cloud",\n\t"token": "abc-_==",\n\t"permissions": []\n}\n'
    program = tmp_path / "influx"
    program.write_text(f"#!/bin/sh\necho \"$@\" >> {tmp_path}/asked\ncat <<'E'\n{answer}E\n")
    program.chmod(0o755)
    script = tmp_path / "tokens.sh"
    text = (ROOT / "dashboards/influxdb/10-tokens.sh").read_text()
    script.write_text(text.replace("/run/wattpost-for-", f"{tmp_path}/"))
    for name in ("cloud", "grafana"):
        (tmp_path / name).mkdir()
    env = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "DOCKER_INFLUXDB_INIT_BUCKET_ID": "b1",
        "DOCKER_INFLUXDB_INIT_ORG": "o",
    }
    subprocess.run(["bash", script], env=env, check=True)
    for name in ("cloud", "grafana"):
        made = tmp_path / name / "influxdb.token"
        assert made.read_text() == "abc-_==\n"
        assert made.stat().st_mode & 0o777 == 0o640
    asked = (tmp_path / "asked").read_text().splitlines()
    assert "--write-bucket b1" in asked[0]
    assert "write" not in asked[1]


def test_the_lines_registry_and_operators_come_in_once(prepared: Path, sqlite_url: str) -> None:
    folder, database = prepared / "cloud", Database(sqlite_url)
    assert register_line(database, folder) == list(composed.OPERATORS)
    assert register_line(database, folder) == []
    with database.read() as connection:
        assert len(registry.meters(connection)) == 3
    accounts = Accounts(database, SystemClock())
    password = (folder / "operator.password").read_text().strip()
    assert accounts.sign_in("operator", password, address="127.0.0.1")
    database.close()
