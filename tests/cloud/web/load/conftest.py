"""The analysed village, built once and copied for whoever changes something."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud.web import village as villages
from tests.cloud.web.conftest import copied
from tests.cloud.web.load.analysed import analysed
from tests.cloud.web.village import Village


@pytest.fixture(scope="session")
def analysed_pattern(
    pattern: tuple[Path, dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, str]]:
    """A folder with the village and its analysed days; nobody has it open."""
    folder = tmp_path_factory.mktemp("analysed-pattern")
    shutil.copytree(pattern[0], folder, dirs_exist_ok=True)
    made = villages.opened(folder)
    analysed(made)
    made.application.stop()
    return folder, pattern[1]


@pytest.fixture(scope="session")
def seen(
    analysed_pattern: tuple[Path, dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Village]:
    """For tests that change nothing."""
    yield from copied(analysed_pattern, tmp_path_factory.mktemp("analysed"))


@pytest.fixture
def changed(analysed_pattern: tuple[Path, dict[str, str]], tmp_path: Path) -> Iterator[Village]:
    """For tests that change something."""
    yield from copied(analysed_pattern, tmp_path)
