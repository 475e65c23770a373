"""The made-up village for every test of the pages; built once, copied for each test that changes it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud.web import village as villages
from tests.cloud.web.sharing import Pattern, shared
from tests.cloud.web.village import Village


@pytest.fixture(scope="session")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Pattern:
    """A folder with the whole village in it, and its passwords; nobody has it open."""
    return village_pattern(tmp_path_factory)


def village_pattern(paths: pytest.TempPathFactory) -> Pattern:
    """The same for every worker of the run."""

    def make(folder: Path) -> dict[str, str]:
        made = villages.found(folder)
        made.application.stop()
        return made.passwords

    return shared(paths, "village", make)


def copied(pattern: Pattern, folder: Path) -> Iterator[Village]:
    shutil.copytree(pattern[0], folder, dirs_exist_ok=True)
    made = villages.opened(folder)
    made.passwords = pattern[1]
    yield made
    made.application.stop()


@pytest.fixture(scope="session")
def looked_at(pattern: Pattern, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Village]:
    """For tests that change nothing."""
    yield from copied(pattern, tmp_path_factory.mktemp("looked-at"))


@pytest.fixture
def village(pattern: Pattern, tmp_path: Path) -> Iterator[Village]:
    """For tests that change something."""
    yield from copied(pattern, tmp_path)


@pytest.fixture
def empty_village(tmp_path: Path) -> Iterator[Village]:
    """Registered, and not one reading yet."""
    made = villages.found(tmp_path, history=False)
    yield made
    made.application.stop()
