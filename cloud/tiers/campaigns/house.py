"""Puts campaigns together for the service: their rules in force, and what they do by the clock."""

from collections.abc import Collection
from datetime import date, datetime, tzinfo
from pathlib import Path

from sqlalchemy import Connection

from cloud.insight.bands import station_bands
from cloud.kit.calendar import station_calendar
from cloud.kit.clock import Clock
from cloud.kit.db import Database
from cloud.policies.current import Current
from cloud.tariffs.catalogue import Catalogue
from cloud.tiers.advice.products import Products
from cloud.tiers.campaigns import ledger, promotions
from cloud.tiers.campaigns.actions import Around, Campaigns, Rules, Troubled
from cloud.tiers.campaigns.awards import award_due
from cloud.tiers.campaigns.measured_days import Archive
from cloud.tiers.campaigns.measuring import measure_due
from cloud.tiers.campaigns.policy import campaign_policy
from cloud.tiers.campaigns.promotions import Promotions
from cloud.tiers.letters import Tell
from cloud.tiers.overload import Near, OverloadPolicy, near_overload
from cloud.tiers.rating import policy as tier_policy


def nobody(connection: Connection, at: datetime) -> Collection[str]:  # noqa: ARG001
    """For a station that keeps no work orders."""
    return ()


def read_promotions(folder: Path | None) -> Promotions:
    """Held against the vouchers of campaigns.toml. Invalid: file, line, what is wrong."""
    return promotions.read(folder, campaign_policy(folder))


__all__ = ["Troubled", "by_the_clock", "campaigns_of", "nobody", "read_promotions"]


def campaigns_of(
    *,
    archive: Path,
    zone: tzinfo,
    policies: Path | None,
    clock: Clock,
    products: Current[Products],
    tariffs: Current[Catalogue],
    overload: Current[OverloadPolicy],
    troubled: Troubled,
    tell: Tell,
) -> Campaigns:
    """Invalid names the policy that is wrong."""

    def near(connection: Connection, area: str, day: date) -> Near:
        return near_overload(connection, area, day, overload.value)

    rules = Rules(
        Current(campaign_policy, policies, ["campaigns"]),
        Current(read_promotions, policies, ["promotions", "campaigns"]),
        products,
        tariffs,
        Current(tier_policy.read, policies, ["tiers"]),
    )
    return Campaigns(
        rules,
        Archive(archive, zone, station_bands(policies)),
        station_calendar(policies),
        clock,
        Around(near, troubled, tell),
    )


def by_the_clock(campaigns: Campaigns, database: Database) -> None:
    """Offers, ends, rewards, expiry and measurement that are due; done again, it does nothing."""
    with database.write() as connection:
        campaigns.daily(connection)
    award_due(campaigns, database)
    with database.write() as connection:
        ledger.expire(connection, at=campaigns.clock.now(), today=campaigns.today)
    measure_due(campaigns, database)
