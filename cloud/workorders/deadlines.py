"""Counts by when a crew is on site, supply is back, and what we expect of it."""

from dataclasses import dataclass
from datetime import datetime

from cloud.policies.deadlines import DeadlinePolicy, Place, Profile, deadline_policy

__all__ = ["DeadlinePolicy", "Deadlines", "Place", "Profile", "deadline_policy", "deadlines"]


@dataclass(frozen=True, slots=True)
class Deadlines:
    """What was promised (`on_site_by`, `restore_by`) and the range we expect supply in."""

    on_site_by: datetime
    restore_by: datetime
    earliest: datetime
    latest: datetime


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
