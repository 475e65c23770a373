"""Reads deadlines.toml and counts: by when a crew is on site, supply is back, and what we expect of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cloud import policies

Minutes = Annotated[int, Field(ge=1, le=60 * 24 * 7)]


class Place(StrEnum):
    CITY = "city"
    COUNTRY = "country"
    REMOTE = "remote"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ByPlace(_Strict):
    city: Minutes
    country: Minutes
    remote: Minutes

    def at(self, place: Place) -> timedelta:
        return timedelta(minutes=getattr(self, place.value))


class Profile(_Strict):
    """`restore_min` counts from the crew's arrival."""

    source: str
    on_site_min: ByPlace
    restore_min: ByPlace


class Places(_Strict):
    default: Place
    areas: dict[str, Place] = {}


class Reports(_Strict):
    per_hour: int = Field(ge=1)


class DeadlinePolicy(_Strict):
    version: str
    profile: str
    earliest_share: float = Field(ge=0, le=1)
    reports: Reports
    places: Places
    profiles: dict[str, Profile]

    @model_validator(mode="after")
    def _known(self) -> "DeadlinePolicy":
        if self.profile not in self.profiles:
            raise ValueError(f"profile {self.profile!r} is none of {', '.join(sorted(self.profiles))}")
        return self


@dataclass(frozen=True, slots=True)
class Deadlines:
    """What was promised (`on_site_by`, `restore_by`) and the range we expect supply in."""

    on_site_by: datetime
    restore_by: datetime
    earliest: datetime
    latest: datetime


def deadline_policy(folder: Path | None = None) -> DeadlinePolicy:
    """The deadline policy; Invalid says what is wrong with the file."""
    return policies.read("deadlines", DeadlinePolicy, folder)


def deadlines(
    policy: DeadlinePolicy, area: str | None, opened_at: datetime, arrived_at: datetime | None = None
) -> Deadlines:
    """The deadlines of an order in `area`: until the crew is there its arrival counts as just in time."""
    place = policy.places.areas.get(area or "", policy.places.default)
    profile = policy.profiles[policy.profile]
    on_site_by = opened_at + profile.on_site_min.at(place)
    restore_by = (arrived_at or on_site_by) + profile.restore_min.at(place)
    begun_at = arrived_at or opened_at
    return Deadlines(
        on_site_by, restore_by, begun_at + policy.earliest_share * (restore_by - begun_at), restore_by
    )
