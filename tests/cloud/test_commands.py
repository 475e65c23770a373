"""`wattpost cloud …` as people and scripts meet it: real processes, real files, real signals."""

import io
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from cloud.__main__ import main
from cloud.kit.scope import WHOLE_STATION
from cloud.metering.sqlite.store import SqliteStore
from tests.cloud.conftest import CUSTOMERS, REGISTRY

PROGRAM = [sys.executable, "-m", "cloud"]
ROOT = Path(__file__).parents[2]
READING = {"meter": "M-1", "at_ms": 1_772_000_000_000, "source": "polled", "values": {"energy_import_wh": 5}}


def cloud(*words: str | Path, folder: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *map(str, words)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
    )


class Here:
    """The same commands in this process, where a new one would prove nothing more."""

    def __init__(self, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> None:
        self._patch, self._capture = patch, capture

    def __call__(self, *words: str | Path, folder: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
        self._patch.chdir(folder)
        self._patch.setattr(sys, "argv", ["wattpost cloud", *map(str, words)])
        self._patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        self._capture.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = self._capture.readouterr()
        return subprocess.CompletedProcess(words, int(ended.value.code or 0), said.out, said.err)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    return Here(monkeypatch, capsys)


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The one line a refused command leaves."""
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def good(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A station on free ports with its village, made by the commands themselves; to be copied."""
    folder = tmp_path_factory.mktemp("station")
    good(cloud("init", ".", folder=folder))
    settings = (folder / "cloud.toml").read_text()
    settings = settings.replace("port = 8080", "port = 0").replace("port = 1883", "port = 0")
    (folder / "cloud.toml").write_text(settings.replace('kind = "auto" ', 'kind = "embedded" '))
    (folder / "registry.json").write_text(json.dumps(REGISTRY))
    (folder / "customers.json").write_text(json.dumps(CUSTOMERS))
    good(cloud("import", "registry", "registry.json", folder=folder))
    good(cloud("import", "customers", "customers.json", folder=folder))
    return folder


@pytest.fixture
def village(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "station")
    return tmp_path / "station"


class Service:
    """`run` in a process of its own, up when it says so."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*PROGRAM, "run", "--json"],
                cwd=folder,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.log.read_text()
        self.url = str(json.loads(line)["url"])

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.url}/api/v1/{path}", timeout=10)

    def end(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        code = self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@pytest.fixture
def service(village: Path) -> Iterator[Service]:
    running = Service(village)
    yield running
    if running.process.poll() is None:
        running.end(signal.SIGKILL)


def test_the_first_settings_are_commented_and_the_data_for_this_user_alone(tmp_path: Path) -> None:
    good(cloud("init", "station", "--name", '示例 "供电所"', folder=tmp_path))
    assert stat.S_IMODE((tmp_path / "station/data").stat().st_mode) == 0o700
    assert "# " in (tmp_path / "station/cloud.toml").read_text()
    good(cloud("migrate", "-c", "station/cloud.toml", folder=tmp_path))
    assert "there already" in refused(cloud("init", "station", folder=tmp_path))
    assert "no time zone" in refused(cloud("init", "other", "--timezone", "Mars/Base", folder=tmp_path))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[http]\nport = 99999", "http.port"),
        ("[http]\nprot = 80", "http.prot"),
        ("[station]\ntimezone = 'Mars'", "station.timezone"),
        ("[http", "not TOML"),
        ("database_url = 'postgresql://me:secret@host/x'", "database_password_file"),
        ("data_dir = 'nowhere'", "does not exist"),
        ("database_url = 'postgresql://me@127.0.0.1:1/x'", "does not answer"),
    ],
)
def test_wrong_settings_are_told_in_one_line_without_what_is_secret(
    here: Here, tmp_path: Path, text: str, told: str
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "cloud.toml").write_text(text)
    line = refused(here("migrate", folder=tmp_path))
    assert told in line
    assert "secret" not in line


def test_a_variable_goes_before_the_file(village: Path) -> None:
    done = subprocess.run(
        [*PROGRAM, "migrate"],
        cwd=village,
        env=os.environ | {"PYTHONPATH": str(ROOT), "WATTPOST_STATION__TIMEZONE": "Mars"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "Mars" in refused(done)


def test_a_login_is_made_with_a_password_shown_once_or_taken_from_a_file(here: Here, village: Path) -> None:
    made = json.loads(good(here("user", "add", "head", "--role", "operator", "--json", folder=village)))
    assert len(made["password"]) >= 20
    assert "already" in refused(here("user", "add", "head", "--role", "operator", folder=village))
    (village / "word").write_text("correct horse battery\n")
    words = ("user", "add", "guest", "--role", "customer", "--customer", "C-A", "--password-file", "word")
    assert "correct horse" not in good(here(*words, folder=village))
    assert "C-Z" in refused(
        here("user", "add", "ghost", "--role", "customer", "--customer", "C-Z", folder=village)
    )
    assert here("user", "add", "king", "--role", "king", folder=village).returncode == 2
    assert len(good(here("user", "password", "head", folder=village)).strip()) >= 20


def test_a_registry_with_a_wrong_row_is_refused_by_row(here: Here, village: Path) -> None:
    wrong = REGISTRY | {"meter": [row | {"area": "A99"} for row in REGISTRY["meter"]]}
    (village / "wrong.json").write_text(json.dumps(wrong))
    done = here("import", "registry", "wrong.json", folder=village)
    assert done.returncode == 1
    assert [f"M-{n}" in line for n, line in enumerate(done.stderr.splitlines(), 1)] == [True] * 4
    assert (
        json.loads(good(here("import", "registry", "registry.json", "--json", folder=village)))["meters"] == 4
    )


def test_a_file_that_is_none_is_told(here: Here, village: Path) -> None:
    (village / "broken.json").write_text('{"area": [')
    assert "broken.json: cannot be read as JSON" in refused(
        here("import", "registry", "broken.json", folder=village)
    )
    (village / "deep.json").write_text("[" * 100_000)
    assert "deep.json: cannot be read" in refused(here("import", "registry", "deep.json", folder=village))
    assert "No such file" in refused(here("import", "registry", "nowhere.json", folder=village))
    assert "No such file" in refused(here("import", "readings", "nowhere.jsonl", folder=village))


def counted(folder: Path) -> list[int]:
    """How many values there are, how many lost their key to others, and of how many steps they came."""
    store = SqliteStore(folder / "data/readings.db")
    rows = list(store.rows(WHOLE_STATION))
    conflicts = store.conflicts(WHOLE_STATION)
    store.close()
    return [len(rows), len(conflicts), len({(row.gateway, row.epoch, row.seq) for row in rows})]


def readings(count: int) -> str:
    rows = (READING | {"at_ms": READING["at_ms"] + 60_000 * n} for n in range(count))  # type: ignore[operator]
    return "\n".join(json.dumps(row) for row in rows)


def test_readings_from_a_file_or_a_pipe_count_once_however_often(village: Path) -> None:
    (village / "history.jsonl").write_text(readings(2500))
    for words, stdin in ((("history.jsonl",), ""), (("history.jsonl",), ""), (("-",), readings(2500))):
        done = good(cloud("import", "readings", *words, "--json", folder=village, stdin=stdin))
        assert json.loads(done) == {"readings": 2500}
    assert counted(village) == [2500, 0, 3]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"meter": "M-77"}, "M-77"),
        ({"values": {"charm": 1}}, "charm"),
        ({"values": {}}, "no values"),
        ({"values": {"energy_import_wh": 1.5}}, "1.5"),
        ({"values": {"energy_import_wh": 2**63}}, "no counter"),
        ({"source": "rumour"}, "rumour"),
        ({"at_ms": -1}, "-1"),
        ({"at_ms": 4_000_000_000_000}, "2096-10-02, which is to come"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_one_wrong_reading_keeps_the_whole_file_out(
    here: Here, village: Path, change: dict[str, Any], told: str
) -> None:
    text = "\n".join([readings(1200), json.dumps(READING | change)])
    line = refused(here("import", "readings", "-", folder=village, stdin=text))
    assert "line 1201" in line
    assert told in line
    assert counted(village) == [0, 0, 0]


def test_a_gateway_is_let_in_with_a_password_of_its_own(here: Here, village: Path) -> None:
    first, second = (good(here("gateway", "add", "gw-a01", folder=village)).strip() for _ in range(2))
    assert first != second
    for wrong in ("add", "revoke"):
        assert "gw-z" in refused(here("gateway", wrong, "gw-z", folder=village))
    assert "cannot be written" in refused(here("gateway", "export", "cloud.toml", folder=village))
    good(here("gateway", "export", "mosquitto", folder=village))
    assert stat.S_IMODE((village / "mosquitto/passwd").stat().st_mode) == 0o600
    assert second not in (village / "mosquitto/passwd").read_text()
    good(here("gateway", "revoke", "gw-a01", folder=village))
    good(here("gateway", "export", "mosquitto", folder=village))
    assert "gw-a01" not in (village / "mosquitto/passwd").read_text()


def test_settings_of_a_gateway_are_checked_written_down_and_shown(here: Here, village: Path) -> None:
    (village / "next.toml").write_text("interval_s = 300\n")
    (village / "wrong.toml").write_text("intervall_s = 300\n")
    assert "did you mean 'interval_s'" in refused(
        here("gateway", "config", "gw-a01", "wrong.toml", folder=village)
    )
    assert "nothing was ever set" in refused(here("gateway", "config", "gw-a01", folder=village))
    said = good(here("gateway", "config", "gw-a01", "next.toml", "--json", folder=village))
    assert json.loads(said) == {"gateway": "gw-a01", "version": 1, "warnings": []}
    assert good(here("gateway", "config", "gw-a01", folder=village)) == "interval_s = 300\n"


def test_the_service_says_when_it_is_ready_and_ends_cleanly_on_a_signal(village: Path) -> None:
    for how in (signal.SIGTERM, signal.SIGINT):
        service = Service(village)
        assert service.get("healthz").json() == {"status": "alive"}
        assert service.get("readyz").json() == {"ready": True, "lacking": []}
        assert service.get("meters").status_code == 401
        assert httpx.get(service.url + "/login").status_code == 200
        assert service.end(how) == 0, service.log.read_text()
        assert "Traceback" not in service.log.read_text()
        assert "SQLite" in service.log.read_text()


def test_while_the_service_runs_a_second_one_and_every_writing_command_is_refused(
    village: Path, service: Service
) -> None:
    for words in (
        ["run"],
        ["import", "registry", "registry.json"],
        ["user", "add", "x1", "--role", "operator"],
    ):
        assert "in use by another wattpost process" in refused(cloud(*words, folder=village))
    assert service.get("healthz").status_code == 200


def test_a_port_that_is_taken_is_told_in_one_line(village: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = village / "cloud.toml"
        settings.write_text(settings.read_text().replace("port = 0", f"port = {port}", 1))
        assert f"127.0.0.1:{port} is in use" in refused(cloud("run", folder=village))


def test_a_broker_that_is_away_is_waited_for_and_told(village: Path) -> None:
    (village / "word").write_text("a secret of some length")
    settings = (village / "cloud.toml").read_text()
    broker = '[broker]\nkind = "external"\nport = 1\npassword_file = "word"\n[readings]'
    before, after = settings.split("[broker]")[0], settings.split("[readings]")[1]
    (village / "cloud.toml").write_text(before + broker + after)
    service = Service(village)
    answer = service.get("readyz")
    assert answer.status_code == 503
    assert "broker" in answer.json()["lacking"][0]
    assert service.end(signal.SIGTERM) == 0
    assert "cannot be reached" in service.log.read_text()


@pytest.mark.parametrize(
    "command",
    [
        "init",
        "run",
        "ingest",
        "migrate",
        "user add",
        "user password",
        "import registry",
        "import customers",
        "import readings",
        "gateway add",
        "gateway config",
    ],
)
def test_every_command_explains_itself_with_an_example(here: Here, command: str) -> None:
    said = good(here(*command.split(), "--help", folder=ROOT))
    assert f"wattpost cloud {command}" in said.partition("Example: ")[2]
