"""A rating over the made-up station."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from cloud.kit.db import Database
from cloud.policies.current import Current, fixed
from cloud.tariffs import catalogue
from cloud.tariffs.catalogue import Catalogue
from cloud.tiers.axes import Axis
from cloud.tiers.rating import policy, store
from cloud.tiers.rating.actions import Ratings
from cloud.tiers.rating.policy import TierPolicy
from cloud.tiers.rating.store import Standing
from tests.clocks import ManualClock
from tests.cloud.tiers.station import NOW, ZONE, Made, made


@dataclass(frozen=True, slots=True)
class Rated:
    database: Database
    ratings: Ratings
    clock: ManualClock
    made: Made

    def standing(self, account: str, axis: Axis, day: date | None = None) -> Standing:
        with self.database.read() as connection:
            return store.standing(connection, day or self.ratings.today(), account)[axis]

    def all(self, axis: Axis = Axis.VALUE) -> dict[str, Standing]:
        with self.database.read() as connection:
            found = store.standings(connection, self.ratings.today(), axis=axis)
        return {account: each[axis] for account, each in found.items() if axis in each}


@pytest.fixture(scope="session")
def station_file(empty_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Made]:
    """A station of 120 accounts, to be copied."""
    path = tmp_path_factory.mktemp("station") / "records.db"
    shutil.copy(empty_sqlite, path)
    database = Database(f"sqlite:///{path}")
    found = made(database, accounts=120, months=16)
    database.close()
    return path, found


@pytest.fixture
def rated(station_file: tuple[Path, Made], tmp_path: Path) -> Iterator[Rated]:
    """Nothing is judged yet."""
    path, found = station_file
    shutil.copy(path, tmp_path / "records.db")
    database = Database(f"sqlite:///{tmp_path / 'records.db'}")
    clock = ManualClock(NOW)
    yield Rated(database, ratings_on(database, clock), clock, found)
    database.close()


@cache
def shipped() -> tuple[Current[TierPolicy], Current[Catalogue]]:
    return fixed(policy.read(None)), fixed(catalogue.read(None))


def ratings_on(database: Database, clock: ManualClock) -> Ratings:
    return Ratings(database, ZONE, clock, *shipped())
