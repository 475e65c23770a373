"""Counts by when a crew is on site, supply is back, and what we expect of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cloud.policies.deadlines import DeadlinePolicy, Place, Profile, deadline_policy

__all__ = [
    "DeadlinePolicy",
    "Deadlines",
    "Place",
    "Profile",
    "Sooner",
    "deadline_policy",
    "deadlines",
    "place_of",
]


@dataclass(frozen=True, slots=True)
class Deadlines:
    """What was promised (`on_site_by`, `restore_by`) and the range we expect supply in."""

    on_site_by: datetime
    restore_by: datetime
    earliest: datetime
    latest: datetime


@dataclass(frozen=True, slots=True)
class Sooner:
    """What is owed to those an order serves, in minutes; never later than the station's deadlines."""

    on_site_min: int | None = None
    restore_min: int | None = None


def place_of(policy: DeadlinePolicy, area: str | None) -> Place:
    return policy.places.areas.get(area or "", policy.places.default)


def deadlines(
    policy: DeadlinePolicy,
    area: str | None,
    opened_at: datetime,
    arrived_at: datetime | None = None,
    sooner: Sooner | None = None,
) -> Deadlines:
    """The deadlines of an order in `area`: until the crew is there its arrival counts as just in time."""
    place, profile = place_of(policy, area), policy.profiles[policy.profile]
    sooner = sooner or Sooner()
    on_site_by = opened_at + _least(profile.on_site_min.at(place), sooner.on_site_min)
    restore_by = (arrived_at or on_site_by) + _least(profile.restore_min.at(place), sooner.restore_min)
    begun_at = arrived_at or opened_at
    return Deadlines(
        on_site_by, restore_by, begun_at + policy.earliest_share * (restore_by - begun_at), restore_by
    )


def _least(everybodys: timedelta, owed_min: int | None) -> timedelta:
    return everybodys if owed_min is None else min(everybodys, timedelta(minutes=owed_min))
