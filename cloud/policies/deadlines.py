"""Reads deadlines.toml: by when the station as a whole has promised a crew and supply, place by place."""

from datetime import timedelta
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


def deadline_policy(folder: Path | None = None) -> DeadlinePolicy:
    """The deadline policy; Invalid says what is wrong with the file."""
    return policies.read("deadlines", DeadlinePolicy, folder)
