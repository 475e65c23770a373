"""`wattpost cloud policy check` judges a station's rules as the service would."""

import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

import cloud.policies
from cloud.__main__ import app
from cloud.kit.errors import Invalid
from cloud.policies.added import ADDED, completed
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


def test_a_file_of_the_version_before_is_taken_and_what_it_lacks_is_named(tmp_path: Path) -> None:
    whole = {name: tomllib.loads((SHIPPED / f"{name}.toml").read_text(encoding="utf-8")) for name in ADDED}
    for name, places in ADDED.items():
        text = (SHIPPED / f"{name}.toml").read_text(encoding="utf-8")
        for *around, key in places:
            text = _without(text, [*around, key])
        (tmp_path / f"{name}.toml").write_text(text, "utf-8")
        assert completed(name, tomllib.loads(text)) == (whole[name], [".".join(each) for each in places])
    done = run(tmp_path)
    assert done.exit_code == 0, done.exception
    assert "entitlements.toml: sound; it lacks watch, remind: as wattpost ships them" in done.stdout
    assert "notices.toml: sound; it lacks severity.reminder" in done.stdout


def test_what_a_file_always_had_to_have_it_must_have(tmp_path: Path) -> None:
    (tmp_path / "notices.toml").write_text('version = "2026-01-01"\nsource = "x"\n', "utf-8")
    error = run(tmp_path).exception
    assert isinstance(error, Invalid)
    assert [each.partition(": ")[2].partition(":")[0] for each in error.problems] == [
        "quiet", "delivery", "severity", "operators_from"
    ]  # fmt: skip


def _without(text: str, place: list[str]) -> str:
    """The file without a table of this name, or without the key's line in the table."""
    header = re.compile(rf"^\[{re.escape('.'.join(place))}\].*?(?=^\[|^# ----|\Z)", re.MULTILINE | re.DOTALL)
    key = re.compile(rf"^{place[-1]} *=.*\n", re.MULTILINE)
    return (header if header.search(text) else key).sub("", text)
