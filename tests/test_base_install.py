"""The bare base install is a gateway: small, and without the cloud's libraries."""

import os
import subprocess
import sys
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]
CLOUD_ONLY = ("numba", "fastapi", "sqlalchemy", "influxdb_client", "numpy", "amqtt", "apprise")
BASE_MEGABYTES = 25


def _run(*command: str | Path, cwd: Path, **set_: str) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | set_,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an empty environment with nothing but the base install, of a gateway's wheel."""
    place = tmp_path_factory.mktemp("bare")
    build = (sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", place)
    _run(*build, cwd=ROOT, WATTPOST_WHEEL="gateway")
    venv.create(place / "env", with_pip=True)
    pip: list[str | Path] = [
        place / "env/bin/python",
        "-m",
        "pip",
        "install",
        "-q",
        "--no-compile",
        "--disable-pip-version-check",
    ]
    _run(*pip, "--require-hashes", "-r", ROOT / "requirements-edge.lock", cwd=place)
    _run(*pip, "--no-deps", *place.glob("*.whl"), cwd=place)
    return place / "env/bin"


@pytest.mark.timeout(400)
def test_edge_help_works_without_the_clouds_libraries(bare: Path) -> None:
    seen = _run(
        bare / "python",
        "-c",
        f"from importlib.util import find_spec as f; print(*filter(f, {CLOUD_ONLY!r}))",
        cwd=bare,
    )
    assert seen.strip() == ""
    assert "run" in _run(bare / "wattpost", "edge", "--help", cwd=bare)
    assert "frame" in _run(bare / "wattpost", "--help", cwd=bare)


def test_a_verb_that_needs_an_extra_names_it_in_one_line(bare: Path) -> None:
    done = subprocess.run([bare / "wattpost", "cloud", "run"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "pip install 'wattpost[cloud]'" in done.stderr


def test_the_base_install_stays_small(bare: Path) -> None:
    packages = next((bare.parent / "lib").glob("python3*/site-packages"))
    tools = ("pip", "setuptools", "pkg_resources", "_distutils_hack")
    size = sum(
        file.stat().st_size
        for file in packages.rglob("*")
        if file.is_file() and file.relative_to(packages).parts[0].split("-")[0] not in tools
    )
    assert size < BASE_MEGABYTES * 1_000_000
    assert not (packages / "cloud").exists()


def test_the_whole_wheel_has_the_service_and_no_pictures_of_its_readmes(tmp_path: Path) -> None:
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path, cwd=ROOT)
    (wheel,) = tmp_path.glob("*.whl")
    names = ZipFile(wheel).namelist()
    ours = {"cloud/app/application.py", "dashboards/__main__.py", "edge/agent.py", "wattpost.py"}
    assert ours <= set(names)
    assert not [name for name in names if name.endswith((".png", "README.md"))]


def test_help_answers_at_once_and_loads_no_heavy_library() -> None:
    heavy = "('typer', 'fastapi', 'numpy')"
    probe = f"import sys, wattpost; wattpost.usage(); print([m for m in {heavy} if m in sys.modules])"
    assert _run(sys.executable, "-c", probe, cwd=ROOT).strip() == "[]"


def test_an_unknown_verb_is_a_usage_error() -> None:
    done = subprocess.run(
        [sys.executable, "wattpost.py", "fly"], cwd=ROOT, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 2
    assert "there is no verb 'fly'" in done.stderr
