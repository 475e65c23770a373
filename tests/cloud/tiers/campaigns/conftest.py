"""A village for campaigns, built once and copied for each test."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.cloud.tiers.campaigns.campaigning import DAYS, Town, copied, town


@pytest.fixture(scope="session")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty homes in two areas that draw 400 W at all times."""
    folder = tmp_path_factory.mktemp("village")
    town(folder, np.full((40, DAYS * 96), 100.0, np.float32)).station.close()
    return folder


@pytest.fixture
def village(pattern: Path, tmp_path: Path) -> Iterator[Town]:
    made = copied(pattern, tmp_path)
    yield made
    made.station.close()
