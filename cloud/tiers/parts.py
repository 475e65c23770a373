"""Everything that decides and delivers service, built once: what is scheduled, served and shown of it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta, tzinfo
from pathlib import Path
from typing import Any

from fastapi import APIRouter

from cloud.billing import store as billing  # noqa: F401 - its tables
from cloud.customers.file import consents, contracts, grades, needs, persons  # noqa: F401 - their tables
from cloud.customers.file.contract_terms import ContractTerms, contract_terms
from cloud.insight.energies import store as energies  # noqa: F401 - its table
from cloud.kit.calendar import station_calendar
from cloud.kit.clock import Clock
from cloud.kit.db import Database
from cloud.kit.guard import Guard
from cloud.policies.current import Current
from cloud.tariffs import catalogue
from cloud.tariffs.catalogue import Catalogue
from cloud.tiers.advice import api as advice_api
from cloud.tiers.advice import product_api, products
from cloud.tiers.advice import store as advice  # noqa: F401 - its tables
from cloud.tiers.advice.actions import Advising, archive_energies
from cloud.tiers.advice.equipment.policy import EquipmentPolicy, equipment_policy
from cloud.tiers.advice.policy import AdvicePolicy, advice_policy
from cloud.tiers.advice.products import Products
from cloud.tiers.advice.recommending import Recommending
from cloud.tiers.advised import newest_advice
from cloud.tiers.campaigns import api as campaigns_api
from cloud.tiers.campaigns import house as campaign_house
from cloud.tiers.campaigns import offers_api
from cloud.tiers.entitlements import api as entitlements_api
from cloud.tiers.entitlements import store as entitlements
from cloud.tiers.entitlements import tables as entitlement_tables  # noqa: F401 - its tables
from cloud.tiers.entitlements.actions import APPLY_EVERY, COUNT_EVERY, REOPEN_EVERY, Entitling
from cloud.tiers.entitlements.evidence import Outside
from cloud.tiers.letters import Tell, Troubled, nobody, tell_nobody
from cloud.tiers.mismatch import api as mismatch_api
from cloud.tiers.mismatch.actions import Mismatches
from cloud.tiers.mismatch.policy import Mismatching, mismatch_policy
from cloud.tiers.overload import OverloadPolicy, overload_policy
from cloud.tiers.rating import api as rating_api
from cloud.tiers.rating import policy as rating_policy
from cloud.tiers.rating.actions import Ratings
from cloud.tiers.rating.gather import Events
from cloud.tiers.rating.policy import TierPolicy
from cloud.tiers.response import api as response_api
from cloud.tiers.response import tables as response_tables  # noqa: F401 - its tables
from cloud.tiers.response.actions import Responses
from cloud.tiers.response.policy import ResponsePolicy, response_policy
from cloud.tiers.response.store import invited_since

Turn = tuple[str, timedelta, Callable[[], object]]
"""A job's name, how often, and its work."""


@dataclass(frozen=True, slots=True)
class Station:
    """`archive` is the folder of closed days, `policies` that of the station's own rules or None; `tell`
    writes a letter to a customer, `troubled` are customers to be left alone now."""

    database: Database
    archive: Path
    zone: tzinfo
    policies: Path | None
    clock: Clock
    tell: Tell = tell_nobody
    troubled: Troubled = nobody
    deliveries: Outside = field(default_factory=Outside)
    events: Events | None = None
    """How often each account called somebody out for nothing."""


class Tiers:
    """Invalid at the start names the policy that is wrong; later a wrong one is told and the old one kept."""

    def __init__(self, station: Station) -> None:
        self.station = station
        self.tariffs: Current[Catalogue] = Current(tariff_catalogue, station.policies, ["tariffs"])
        self.contract_terms: Current[ContractTerms] = Current(contract_terms, station.policies, ["contracts"])
        self.products: Current[Products] = Current(products.read, station.policies, ["products"])
        self.equipment: Current[EquipmentPolicy] = Current(equipment_policy, station.policies, ["equipment"])
        self.tier_policy: Current[TierPolicy] = Current(rating_policy.read, station.policies, ["tiers"])
        self.ratings = Ratings(
            station.database,
            station.zone,
            station.clock,
            self.tier_policy,
            self.tariffs,
            station.events,
        )
        self.overload: Current[OverloadPolicy] = Current(overload_policy, station.policies, ["overload"])
        self.recommending = Recommending(
            station.database,
            station.zone,
            station.clock,
            station_calendar(station.policies),
            self.products,
            self.equipment,
            self.overload,
        )
        self.advice_policy: Current[AdvicePolicy] = Current(advice_policy, station.policies, ["advice"])
        self.advising = Advising(
            station.database,
            station.zone,
            station.clock,
            self.tariffs,
            self.advice_policy,
            archive_energies(
                station.database, station.archive, station.zone, station.clock, station.policies
            ),
            [self.recommending.rules],
        )
        self.response_policy: Current[ResponsePolicy] = Current(
            response_policy, station.policies, ["response"]
        )
        self.responses = Responses(
            station.database,
            station.archive,
            station.zone,
            station.clock,
            self.response_policy,
            station_calendar(station.policies),
            station.tell,
            station.troubled,
        )
        self.campaigns = campaign_house.campaigns_of(
            archive=station.archive,
            zone=station.zone,
            policies=station.policies,
            clock=station.clock,
            products=self.products,
            tariffs=self.tariffs,
            overload=self.overload,
            troubled=station.troubled,
            tell=station.tell,
            invited=invited_since,
        )
        self.mismatch_policy: Current[Mismatching] = Current(
            mismatch_policy, station.policies, ["mismatch", "class_profiles"]
        )
        self.mismatches = Mismatches(
            station.database,
            station.zone,
            station.clock,
            station_calendar(station.policies),
            self.mismatch_policy,
            self.tariffs,
        )
        self.promises = entitlements.promises(station.policies, station.zone)
        deliveries = replace(station.deliveries, advised=newest_advice)
        self.entitling = Entitling(station.database, self.promises, station.clock, deliveries)

    @property
    def policies(self) -> list[Current[Any]]:
        """All that may change while the service runs."""
        return [
            self.tariffs,
            self.tier_policy,
            self.products,
            self.equipment,
            self.advice_policy,
            self.contract_terms,
            self.overload,
            self.response_policy,
            self.campaigns.rules.policy,
            self.campaigns.rules.promotions,
            self.mismatch_policy,
            self.promises.policy,
            self.promises.deadlines,
        ]

    def routers(self, guard: Guard) -> list[APIRouter]:
        database, clock = self.station.database, self.station.clock
        return [
            rating_api.router(database, guard, self.ratings),
            product_api.router(database, guard, self.recommending),
            advice_api.router(database, guard, self.advising, clock),
            response_api.router(database, guard, self.responses, clock),
            entitlements_api.router(database, guard, self.entitling, clock),
            mismatch_api.router(database, guard, self.mismatches),
            campaigns_api.router(database, guard, self.campaigns),
            offers_api.router(database, guard, self.campaigns),
        ]

    def jobs(self) -> list[Turn]:
        return [
            ("tiers", timedelta(hours=6), self.ratings.due),
            ("class evidence", timedelta(hours=6), self.mismatches.run),
            ("advice", timedelta(hours=1), self.advising.tick),
            ("load response", timedelta(minutes=1), self.responses.tick),
            ("campaigns", timedelta(hours=1), self._campaigns),
            ("promises", APPLY_EVERY, self.entitling.apply),
            ("ledger of promises", COUNT_EVERY, self.entitling.count),
            ("late facts of promises", REOPEN_EVERY, self.entitling.reopen),
        ]

    def _campaigns(self) -> None:
        campaign_house.by_the_clock(self.campaigns, self.station.database)


def tariff_catalogue(folder: Path | None) -> Catalogue:
    return catalogue.read(None if folder is None else folder / "tariffs")
