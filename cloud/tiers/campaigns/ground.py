"""What campaigns stand on: their rules in force, the archive, the clock, and what the rest of us says."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row

from cloud.kit.calendar import Calendar
from cloud.kit.clock import Clock
from cloud.kit.days import local_day
from cloud.policies.current import Current
from cloud.tariffs.catalogue import Catalogue
from cloud.tiers.advice.products import Products
from cloud.tiers.campaigns import hours
from cloud.tiers.campaigns.measured_days import Archive
from cloud.tiers.campaigns.policy import CampaignPolicy
from cloud.tiers.campaigns.promotions import Promotion, Promotions
from cloud.tiers.letters import Tell, Troubled
from cloud.tiers.rating.policy import TierPolicy

Invited = Callable[[Connection, datetime], Mapping[str, int]]
"""By customer how many invitations of another kind went out since an instant: they count for the cap."""


def invited_to_nothing(connection: Connection, since: datetime) -> Mapping[str, int]:  # noqa: ARG001
    """For a station that sends offers alone."""
    return {}


@dataclass(frozen=True, slots=True)
class Around:
    """What campaigns ask of the rest: `near` overload by area and day, whom not to trouble, how to tell, and
    who was `invited` to something else."""

    near: hours.NearOverload
    troubled: Troubled
    tell: Tell
    invited: Invited = invited_to_nothing


@dataclass(frozen=True, slots=True)
class Rules:
    policy: Current[CampaignPolicy]
    promotions: Current[Promotions]
    products: Current[Products]
    tariffs: Current[Catalogue]
    tiers: Current[TierPolicy]


class Ground:
    """`archive` says where curves lie; days are the station's."""

    def __init__(
        self, rules: Rules, archive: Archive, calendar: Calendar, clock: Clock, around: Around
    ) -> None:
        self.rules, self.archive, self.calendar = rules, archive, calendar
        self.clock, self.around = clock, around

    @property
    def today(self) -> date:
        return local_day(self.clock.now(), self.archive.zone)

    def promotion_of(self, row: Row[Any]) -> Promotion | None:
        """The promotion that a campaign is about, as it stands now."""
        if row.subject_kind != "promotion":
            return None
        return self.rules.promotions.value.of(row.subject, row.from_day)
