"""The fixture `wattpost_fleet` (elder name: `meter_fleet`): simulated meters for the tests of any project.

Loading this file costs nothing and cannot fail: all that is ours is imported inside the fixture.
"""

import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from firmware_sim.fixture import MeterFleet, RunningFleet

__all__ = ["MeterFleet", "RunningFleet", "meter_fleet", "wattpost_fleet"]
_OURS = ("protocols", "firmware_sim")
_HOME = Path(__file__).resolve().parents[1]


@pytest.fixture
def wattpost_fleet(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator["MeterFleet"]:
    """Call it with a scenario (text, or the path of a TOML file); the running fleet is the answer."""
    yield from _fleets(tmp_path, request)


@pytest.fixture
def meter_fleet(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator["MeterFleet"]:
    """The same as `wattpost_fleet`."""
    yield from _fleets(tmp_path, request)


def _fleets(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator["MeterFleet"]:
    shadow = shadowed()
    if shadow:
        pytest.fail(shadow, pytrace=False)
    from firmware_sim.fixture import MeterFleet  # only who asks for a fleet pays for it

    fleets = MeterFleet(tmp_path, Path(str(request.node.path)).parent)
    request.node.stash[_FLEETS] = fleets
    yield fleets
    fleets.stop()


_FLEETS = pytest.StashKey[Any]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """A test that failed tells the seed and who asked what and when."""
    report: Any = yield
    fleets = item.stash.get(_FLEETS, None)
    if fleets is not None and report.when == "call" and report.failed:
        report.sections += fleets.sections()
    return report


def shadowed() -> str:
    """One line that names a folder which stands before one of ours on the path; empty when none does."""
    for name in _OURS:
        found = _found(name)
        if found is not None and _HOME not in found.resolve().parents:
            return (
                f"wattpost: {found} shadows the package {name!r} of wattpost ({_HOME / name}); "
                "rename it, or keep its folder off sys.path (--import-mode=importlib, pythonpath)"
            )
    return ""


def _found(name: str) -> Path | None:
    """Where an import of that name leads."""
    from importlib.util import find_spec

    loaded = sys.modules.get(name)
    try:
        spec = (loaded.__spec__ if loaded is not None else None) or find_spec(name)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        return None
    places = [spec.origin] if spec.origin else list(spec.submodule_search_locations or ())
    return Path(places[0]) if places and places[0] not in ("built-in", "frozen") else None


def __getattr__(name: str) -> Any:
    """`MeterFleet` and `RunningFleet` for type hints and isinstance, when they are asked for."""
    if name in ("MeterFleet", "RunningFleet"):
        from firmware_sim import fixture

        return getattr(fixture, name)
    raise AttributeError(name)
