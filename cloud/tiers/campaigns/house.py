"""Puts campaigns together for the service: their rules in force, and what they do by the clock."""

import logging
from collections.abc import Callable, Iterable
from datetime import date, tzinfo
from pathlib import Path

from sqlalchemy import Connection

from cloud.insight.bands import station_bands
from cloud.kit.calendar import station_calendar
from cloud.kit.clock import Clock
from cloud.kit.db import Database
from cloud.kit.errors import CloudError
from cloud.policies.current import Current
from cloud.tariffs.catalogue import Catalogue
from cloud.tiers.advice.products import Products
from cloud.tiers.campaigns import ledger, promotions, store
from cloud.tiers.campaigns.actions import Campaigns
from cloud.tiers.campaigns.awards import award_campaign, awarding
from cloud.tiers.campaigns.ground import Around, Invited, Rules
from cloud.tiers.campaigns.measured_days import Archive
from cloud.tiers.campaigns.measuring import measurable, measure
from cloud.tiers.campaigns.policy import campaign_policy
from cloud.tiers.campaigns.promotions import Promotions
from cloud.tiers.campaigns.rules import State
from cloud.tiers.letters import Tell, Troubled
from cloud.tiers.overload import Near, OverloadPolicy, near_overload
from cloud.tiers.rating.policy import TierPolicy

log = logging.getLogger(__name__)


def read_promotions(folder: Path | None) -> Promotions:
    """Held against the vouchers of campaigns.toml. Invalid: file, line, what is wrong."""
    return promotions.read(folder, campaign_policy(folder))


def campaigns_of(
    *,
    archive: Path,
    zone: tzinfo,
    policies: Path | None,
    clock: Clock,
    products: Current[Products],
    tariffs: Current[Catalogue],
    tiers: Current[TierPolicy],
    overload: Current[OverloadPolicy],
    troubled: Troubled,
    tell: Tell,
    invited: Invited,
) -> Campaigns:
    """Invalid names the policy that is wrong."""

    def near(connection: Connection, area: str, day: date) -> Near:
        return near_overload(connection, area, day, overload.value)

    rules = Rules(
        Current(campaign_policy, policies, ["campaigns"]),
        Current(read_promotions, policies, ["promotions", "campaigns"]),
        products,
        tariffs,
        tiers,
    )
    return Campaigns(
        rules,
        Archive(archive, zone, station_bands(policies)),
        station_calendar(policies),
        clock,
        Around(near, troubled, tell, invited),
    )


def by_the_clock(campaigns: Campaigns, database: Database) -> None:
    """Offers, ends, rewards, expiry and measurement that are due; done again, it does nothing.

    Each campaign by itself: what one lacks, as a promotion taken off the shelf, is no other's.
    """
    with database.read() as connection:
        running = [row.id for row in store.campaigns(connection, states={State.RUNNING})]

    def daily(number: int) -> None:
        with database.write() as connection:
            campaigns.daily(connection, number)

    _each(running, daily)
    _each(awarding(campaigns, database), lambda number: award_campaign(campaigns, database, number))
    with database.write() as connection:
        ledger.expire(connection, at=campaigns.clock.now(), today=campaigns.today)
    _each(measurable(campaigns, database), lambda number: measure(campaigns, database, number, "system"))


def _each(numbers: Iterable[int], work: Callable[[int], object]) -> None:
    for number in numbers:
        try:
            work(number)
        except CloudError as error:
            log.warning("campaign %d: %s", number, error)
