"""Reads entitlements.toml.

A tier may shorten a promise and never lengthen one: a file in which one does is refused with the line.
"""

from functools import partial
from pathlib import Path

from cloud import policies
from cloud.policies.current import Current
from cloud.policies.deadlines import deadline_policy
from cloud.tiers.entitlements import checks
from cloud.tiers.entitlements.document import EntitlementPolicy


def read(folder: Path | None = None) -> EntitlementPolicy:
    """The station's own or the one that ships; Invalid: file, line, what is wrong."""
    station = deadline_policy(folder)
    check = partial(checks.mistakes, station=station.profiles[station.profile])
    return policies.read("entitlements", EntitlementPolicy, folder, check)


def current(folder: Path | None) -> Current[EntitlementPolicy]:
    """In force while the service runs; it is held against deadlines.toml too."""
    return Current(read, folder, ["entitlements", "deadlines"])
