"""The analysed village, built once and copied for whoever changes something."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud.web.conftest import copied
from tests.cloud.web.load.analysed import analysed_village
from tests.cloud.web.sharing import Pattern
from tests.cloud.web.village import Village


@pytest.fixture(scope="session")
def analysed_pattern(tmp_path_factory: pytest.TempPathFactory) -> Pattern:
    """A folder with the village and its analysed days; nobody has it open."""
    return analysed_village(tmp_path_factory)


@pytest.fixture(scope="session")
def seen(analysed_pattern: Pattern, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Village]:
    """For tests that change nothing."""
    yield from copied(analysed_pattern, tmp_path_factory.mktemp("analysed"))


@pytest.fixture
def changed(analysed_pattern: Pattern, tmp_path: Path) -> Iterator[Village]:
    """For tests that change something."""
    yield from copied(analysed_pattern, tmp_path)
