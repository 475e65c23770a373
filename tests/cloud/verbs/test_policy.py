"""`wattpost cloud policy check` judges a station's rules as the service would."""

import shutil
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

import cloud.policies
from cloud.__main__ import app
from cloud.kit.errors import Invalid
from cloud.verbs.policy import readers

SHIPPED = Path(cloud.policies.__file__).parent


def run(folder: Path) -> Any:
    return CliRunner().invoke(app, ["policy", "check", str(folder)])


def shipped() -> set[str]:
    """The policies there are: a file, or a folder of documents."""
    files = {path.stem for path in SHIPPED.glob("*.toml")}
    return files | {path.parent.name for path in SHIPPED.glob("*/*.toml")}


def test_every_policy_that_ships_has_somebody_who_judges_it() -> None:
    assert set(readers()) == shipped()


def test_what_ships_is_sound_also_as_a_stations_own(tmp_path: Path) -> None:
    for name in shipped():
        source = SHIPPED / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name)
        else:
            shutil.copy(SHIPPED / f"{name}.toml", tmp_path)
    (tmp_path / "__pycache__").mkdir()
    done = run(tmp_path)
    assert done.exit_code == 0, done.exception
    assert len(done.stdout.splitlines()) == len(list(tmp_path.rglob("*.toml")))


def test_every_mistake_of_every_file_is_told_with_its_line(tmp_path: Path) -> None:
    text = (SHIPPED / "alerts.toml").read_text(encoding="utf-8")
    (tmp_path / "alerts.toml").write_text(text.replace("min_share = 0.6 ", "min_share = 6 "), "utf-8")
    (tmp_path / "tarifs").mkdir()
    error = run(tmp_path).exception
    assert isinstance(error, Invalid)
    line = next(at for at, each in enumerate(text.splitlines(), 1) if each.startswith("min_share"))
    first, second = error.problems
    assert "tarifs: nobody reads it; did you mean 'tariffs'?" in first
    assert f"alerts.toml:{line}: supply.min_share" in second
