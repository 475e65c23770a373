"""Everything that decides and delivers service, built once: what is scheduled, served and shown of it."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta, tzinfo
from pathlib import Path
from typing import Any

from cloud.billing import store as billing  # noqa: F401 - its tables
from cloud.customers.file import consents, contracts, grades, needs, persons  # noqa: F401 - their tables
from cloud.customers.file.contract_terms import ContractTerms, contract_terms
from cloud.insight.energies import store as energies  # noqa: F401 - its table
from cloud.kit.calendar import station_calendar
from cloud.kit.clock import Clock
from cloud.kit.db import Database
from cloud.kit.guard import Guard
from cloud.kit.routes import Routes
from cloud.policies.current import Current
from cloud.tariffs import catalogue
from cloud.tariffs.catalogue import Catalogue
from cloud.tiers.advice import api as advice_api
from cloud.tiers.advice import product_api, products
from cloud.tiers.advice import store as advice  # noqa: F401 - its tables
from cloud.tiers.advice.actions import Advising, archive_energies
from cloud.tiers.advice.equipment.policy import EquipmentPolicy, equipment_policy
from cloud.tiers.advice.looks import last_looks
from cloud.tiers.advice.policy import AdvicePolicy, advice_policy
from cloud.tiers.advice.products import Products
from cloud.tiers.advice.recommending import Recommending
from cloud.tiers.campaigns import api as campaigns_api
from cloud.tiers.campaigns import house as campaign_house
from cloud.tiers.campaigns import offers_api
from cloud.tiers.campaigns.actions import Campaigns
from cloud.tiers.entitlements import api as entitlements_api
from cloud.tiers.entitlements import store as entitlements
from cloud.tiers.entitlements import tables as entitlement_tables  # noqa: F401 - its tables
from cloud.tiers.entitlements.actions import (
    APPLY_EVERY,
    COUNT_EVERY,
    REMIND_EVERY,
    REOPEN_EVERY,
    Entitling,
)
from cloud.tiers.entitlements.evidence import Outside
from cloud.tiers.entitlements.store import Promises
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


@dataclass(frozen=True, slots=True)
class Rules:
    """The policies of all rooms, each read once and in force while the service runs."""

    tariffs: Current[Catalogue]
    contract_terms: Current[ContractTerms]
    products: Current[Products]
    equipment: Current[EquipmentPolicy]
    tiers: Current[TierPolicy]
    overload: Current[OverloadPolicy]
    advice: Current[AdvicePolicy]
    response: Current[ResponsePolicy]
    mismatch: Current[Mismatching]


def rules_in(folder: Path | None) -> Rules:
    """Out of the station's folder, or those that ship. Invalid names the one that is wrong."""
    return Rules(
        tariffs=Current(tariff_catalogue, folder, ["tariffs"]),
        contract_terms=Current(contract_terms, folder, ["contracts"]),
        products=Current(products.read, folder, ["products"]),
        equipment=Current(equipment_policy, folder, ["equipment"]),
        tiers=Current(rating_policy.read, folder, ["tiers"]),
        overload=Current(overload_policy, folder, ["overload"]),
        advice=Current(advice_policy, folder, ["advice"]),
        response=Current(response_policy, folder, ["response"]),
        mismatch=Current(mismatch_policy, folder, ["mismatch", "class_profiles"]),
    )


class Tiers:
    """Invalid at the start names the policy that is wrong; later a wrong one is told and the old one kept."""

    def __init__(self, station: Station) -> None:
        self.station = station
        self.rules = rules_in(station.policies)
        self.ratings = _ratings(station, self.rules)
        self.recommending = _recommending(station, self.rules)
        self.advising = _advising(station, self.rules, self.recommending)
        self.responses = _responses(station, self.rules)
        self.campaigns = _campaigns(station, self.rules)
        self.mismatches = _mismatches(station, self.rules)
        self.promises = entitlements.promises(station.policies, station.zone)
        self.entitling = _entitling(station, self.promises)

    @property
    def policies(self) -> list[Current[Any]]:
        """All that may change while the service runs."""
        return [
            *(getattr(self.rules, each.name) for each in fields(self.rules)),
            self.campaigns.rules.policy,
            self.campaigns.rules.promotions,
            self.promises.policy,
            self.promises.deadlines,
        ]

    def routers(self, guard: Guard) -> list[Routes]:
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
            ("campaigns", timedelta(hours=1), self._by_the_clock),
            ("promises", APPLY_EVERY, self.entitling.apply),
            ("reminders", REMIND_EVERY, self.entitling.reminding.run),
            ("ledger of promises", COUNT_EVERY, self.entitling.count),
            ("late facts of promises", REOPEN_EVERY, self.entitling.reopen),
        ]

    def _by_the_clock(self) -> None:
        campaign_house.by_the_clock(self.campaigns, self.station.database)


def tariff_catalogue(folder: Path | None) -> Catalogue:
    return catalogue.read(None if folder is None else folder / "tariffs")


def _ratings(station: Station, rules: Rules) -> Ratings:
    return Ratings(
        station.database, station.zone, station.clock, rules.tiers, rules.tariffs, station.events
    )  # fmt: skip


def _recommending(station: Station, rules: Rules) -> Recommending:
    calendar = station_calendar(station.policies)
    return Recommending(
        station.database,
        station.zone,
        station.clock,
        calendar,
        rules.products,
        rules.equipment,
        rules.overload,
    )


def _advising(station: Station, rules: Rules, recommending: Recommending) -> Advising:
    energies_of = archive_energies(
        station.database, station.archive, station.zone, station.clock, station.policies
    )
    return Advising(
        station.database,
        station.zone,
        station.clock,
        rules.tariffs,
        rules.advice,
        energies_of,
        [recommending.rules],
        [recommending.stamp],
    )


def _responses(station: Station, rules: Rules) -> Responses:
    return Responses(
        station.database,
        station.archive,
        station.zone,
        station.clock,
        rules.response,
        station_calendar(station.policies),
        station.tell,
        station.troubled,
    )


def _campaigns(station: Station, rules: Rules) -> Campaigns:
    return campaign_house.campaigns_of(
        archive=station.archive,
        zone=station.zone,
        policies=station.policies,
        clock=station.clock,
        products=rules.products,
        tariffs=rules.tariffs,
        tiers=rules.tiers,
        overload=rules.overload,
        troubled=station.troubled,
        tell=station.tell,
        invited=invited_since,
    )


def _mismatches(station: Station, rules: Rules) -> Mismatches:
    calendar = station_calendar(station.policies)
    return Mismatches(
        station.database, station.zone, station.clock, calendar, rules.mismatch, rules.tariffs
    )  # fmt: skip


def _entitling(station: Station, promises: Promises) -> Entitling:
    deliveries = replace(station.deliveries, advised=last_looks)
    return Entitling(
        station.database, promises, station.clock, deliveries, station.tell, station.troubled
    )  # fmt: skip
