"""A project that is not ours uses the fleet from the wheel: it works, tells why, names what shadows."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCENARIO = """
seed = 42

[[area]]
id = "A01"

[[line]]
name = "bus"
kind = "tcp"

[[meter]]
id = "house"
address = "202600010001"
model = "dlt645-2007-1p"
area = "A01"
line = "bus"
"""
READ = "FE FE FE FE 68 01 00 01 00 26 20 68 11 04 33 33 34 33 FA 16"
MINE = f'''
import asyncio
import socket
import time


def ask(port):
    with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
        line.sendall(bytes.fromhex("{READ}"))
        reply = b""
        while not reply.endswith(b"\\x16"):
            reply += line.recv(300)
        return reply


def shown_kwh(reply):
    return int(bytes(byte - 0x33 & 0xFF for byte in reply[-6:-2])[::-1].hex()) / 100


def test_my_reader_reads_the_energy(wattpost_fleet):
    began = time.monotonic()
    fleet = wattpost_fleet("scenario.toml")
    ready_s = time.monotonic() - began
    before = fleet.truth("house")
    kwh = shown_kwh(ask(fleet.port("bus")))
    assert before // 10_000 / 100 <= kwh <= fleet.truth("house") / 1e6
    assert fleet.transcript.of(what="request")[0].decoded["di"] == "00010000"
    assert fleet.verdict()
    print("ready in", ready_s)


def test_two_fleets_at_once_and_asyncio(wattpost_fleet):
    fleets = [wattpost_fleet("scenario.toml") for _ in range(2)]

    async def both():
        return await asyncio.gather(*(asyncio.to_thread(ask, fleet.port("bus")) for fleet in fleets))

    assert len(asyncio.run(both())) == 2


def test_without_a_fleet_nothing_of_theirs_is_loaded():
    pass
'''
FAILING = """
from test_mine import ask


def test_that_fails(wattpost_fleet):
    fleet = wattpost_fleet("scenario.toml")
    fleet.fault("flip-data", "house", nth=1)
    ask(fleet.port("bus"))
    assert "my reader" == "right"
"""
NOTHING_LOADED = """
import sys


def pytest_sessionstart():
    ours = ("protocols", "firmware_sim", "edge")
    assert not {name for name in sys.modules if name.split(".")[0] in ours}
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has our wheel, and other people's packages from this one.

    Our own editable install is not in it: its .pth is not read from a second folder of packages.
    """
    place = tmp_path_factory.mktemp("stranger")
    build: list[str | Path] = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", place]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=120)
    venv.create(place / "env", with_pip=False)
    packages = next((place / "env/lib").glob("python3*/site-packages"))
    with zipfile.ZipFile(next(place.glob("*.whl"))) as wheel:
        wheel.extractall(packages)
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return place / "env/bin/python"


def project(folder: Path) -> Path:
    folder.mkdir()
    (folder / "scenario.toml").write_text(SCENARIO, encoding="utf-8")
    (folder / "test_mine.py").write_text(MINE, encoding="utf-8")
    return folder


def pytest_in(folder: Path, python: Path, *words: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHON"))}
    command: list[str | Path] = [python, "-m", "pytest", "-p", "no:cacheprovider", "-q", *words]
    return subprocess.run(
        command, cwd=folder, env=clean, capture_output=True, text=True, timeout=100, check=False
    )


def test_a_strangers_tests_run_side_by_side_and_a_failure_tells_who_asked_what(
    tmp_path: Path, python: Path
) -> None:
    theirs = project(tmp_path / "theirs")
    (theirs / "test_failing.py").write_text(FAILING, encoding="utf-8")
    (theirs / "conftest.py").write_text(NOTHING_LOADED, encoding="utf-8")
    done = pytest_in(theirs, python, "-n", "2", "-rP")
    assert "1 failed, 3 passed" in done.stdout, done.stdout + done.stderr
    assert float(done.stdout.split("ready in ")[1].split()[0]) < 1
    told = done.stdout.split("wattpost fleet 1: ")
    assert len(told) == 2  # those that passed tell nothing
    assert told[1].startswith("seed 42")
    assert "FE FE FE FE 68 01 00 01 00 26 20 68 11 04" in told[1]
    assert "flip-data" in told[1]


@pytest.mark.parametrize("name", ["protocols", "firmware_sim"])
def test_a_package_of_theirs_that_shadows_ours_is_named_in_one_line(
    tmp_path: Path, python: Path, name: str
) -> None:
    theirs = project(tmp_path / "theirs")
    (theirs / name).mkdir()
    (theirs / name / "__init__.py").write_text("", encoding="utf-8")
    done = pytest_in(theirs, python)
    assert "1 passed, 2 errors" in done.stdout  # their own tests are left alone
    told = [line for line in done.stdout.splitlines() if line.startswith("wattpost: ")]
    assert str(theirs / name / "__init__.py") in told[0]
    assert f"shadows the package {name!r}" in told[0]
    assert "Traceback" not in done.stdout
