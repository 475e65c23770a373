"""A station with campaigns on it: an archive of real shape, consents, and a forecast set by hand."""

import shutil
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, insert

from cloud import app
from cloud.customers.file.consents import consent_table
from cloud.customers.intake.documents import import_customers
from cloud.insight.bands import station_bands
from cloud.kit.calendar import station_calendar
from cloud.kit.db import Database
from cloud.policies.current import fixed
from cloud.tariffs import catalogue
from cloud.tiers.advice import products
from cloud.tiers.campaigns import awards, segment_store, store
from cloud.tiers.campaigns.actions import Campaigns
from cloud.tiers.campaigns.conditions import Conditions
from cloud.tiers.campaigns.ground import Around, Rules
from cloud.tiers.campaigns.house import read_promotions
from cloud.tiers.campaigns.measured_days import Archive
from cloud.tiers.campaigns.plan import CampaignIn
from cloud.tiers.campaigns.policy import campaign_policy
from cloud.tiers.letters import Letter
from cloud.tiers.overload import SLOTS, Near, Unknown
from cloud.tiers.rating import policy as tier_policy
from tests.clocks import ManualClock
from tests.cloud.insight.archived_station import ZONE, ArchivedStation, Place

FIRST = date(2026, 9, 28)
DAYS = 28
"""From Monday 28 September to Sunday 25 October; campaigns begin on 12 October."""
START = date(2026, 10, 12)
NOW = datetime(2026, 10, 12, 2, tzinfo=UTC)
TEXTS = {
    "title": {"zh_CN": "低谷用电", "en": "Night use"},
    "text": {"zh_CN": "夜间用电得积分。", "en": "Points."},
}


@dataclass(slots=True)
class Outside:
    """What the rest of the service would say."""

    near: dict[str, Collection[int]] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    troubled: set[str] = field(default_factory=set)
    letters: list[Letter] = field(default_factory=list)
    invited: dict[str, int] = field(default_factory=dict)

    def overload(self, connection: Connection, area: str, day: date) -> Near:
        why = Unknown.NO_FORECAST if area in self.unknown else None
        return Near(area, day, frozenset(self.near.get(area, ())), (0.0,) * SLOTS, 100.0, why)

    def tell(self, connection: Connection, letter: Letter) -> None:
        self.letters.append(letter)


@dataclass(frozen=True, slots=True)
class Stood:
    """What is left of building a station: where its archive and its records are."""

    folder: Path
    database: Database

    def close(self) -> None:
        self.database.close()


@dataclass(slots=True)
class Town:
    station: Stood
    campaigns: Campaigns
    outside: Outside
    clock: ManualClock
    segment: int

    @property
    def database(self) -> Database:
        return self.station.database

    def write(self, **changed: object) -> int:
        """A campaign for the whole segment, of the shipped promotion for households."""
        plan = {
            "name": "示例活动", "segment": self.segment, "subject_kind": "promotion",
            "subject": "household-valley", "from_day": START, "to_day": START.replace(day=25), **TEXTS,
        }  # fmt: skip
        with self.database.write() as connection:
            return self.campaigns.write(
                connection, CampaignIn.model_validate(plan | changed), "ann", seed="s1"
            )

    def started(self, **changed: object) -> int:
        made = self.write(**changed)
        with self.database.write() as connection:
            self.campaigns.approve(connection, made, "bob")
            self.campaigns.start(connection, made, "ann")
        return made

    def daily(self) -> None:
        """The day's work of every campaign."""
        with self.database.read() as connection:
            every = [row.id for row in store.campaigns(connection)]
        for each in every:
            with self.database.write() as connection:
                self.campaigns.daily(connection, each)

    def award_due(self) -> int:
        """The awards of every campaign; how many were written."""
        due = awards.awarding(self.campaigns, self.database)
        return sum(awards.award_campaign(self.campaigns, self.database, each) for each in due)


def town(
    folder: Path,
    wh: NDArray[np.float32],
    *,
    areas: int = 2,
    url: str | None = None,
    method: NDArray[np.uint8] | None = None,
) -> Town:
    """Customer n at point A0-000 …: accounts "1000" + n, one each, all with the consent to offers."""
    assert app
    parts = np.array_split(np.arange(len(wh)), areas)
    places = [
        Place(f"A{n}", "F1", wh[rows].astype(np.float32), method=None if method is None else method[rows])
        for n, rows in enumerate(parts)
    ]
    station = ArchivedStation(folder, places, FIRST, DAYS, url=url)
    with station.database.write() as connection:
        _people(connection, [point for place in places for point in place.points])
        segment_store.save(connection, "全部", Conditions(), by="ann", at=NOW)
    return _opened(station.folder, station.database)


def copied(pattern: Path, folder: Path) -> Town:
    """One like that of `pattern`, which was closed: its files alone are copied."""
    shutil.copytree(pattern, folder, dirs_exist_ok=True)
    return _opened(folder / "archive", Database(f"sqlite:///{folder / 'records.db'}"))


def _people(connection: Connection, names: list[str]) -> None:
    document = {
        "customer": [{"id": f"C{n}", "name": f"示例户 {n}"} for n in range(len(names))],
        "account": [
            {"no": f"{1000 + n}", "customer": f"C{n}", "address": f"示例村 {n}", "class": "household"}
            for n in range(len(names))
        ],
        "service": [
            {"account": f"{1000 + n}", "meter": name, "start": "2025-01-01T00:00:00+08:00"}
            for n, name in enumerate(names)
        ],
    }
    import_customers(connection, document)
    rows = [
        {"customer": f"C{n}", "purpose": "offers", "given_at": datetime(2026, 1, 1, tzinfo=UTC),
         "how": "示例表单", "by": "desk"}
        for n in range(len(names))
    ]  # fmt: skip
    connection.execute(insert(consent_table), rows)


@cache
def _read() -> tuple[Any, ...]:
    return (
        campaign_policy(), read_promotions(None), products.read(), catalogue.read(), tier_policy.read(None),
        station_bands(), station_calendar(),
    )  # fmt: skip


def _opened(archive: Path, database: Database) -> Town:
    clock, outside = ManualClock(NOW), Outside()
    *found, bands, calendar = _read()
    around = Around(
        outside.overload, lambda _, __: outside.troubled, outside.tell, lambda _, __: outside.invited
    )
    campaigns = Campaigns(
        Rules(*(fixed(each) for each in found)), Archive(archive, ZONE, bands), calendar, clock, around
    )
    return Town(Stood(archive, database), campaigns, outside, clock, 1)
