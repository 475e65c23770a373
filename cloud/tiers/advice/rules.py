"""What advice is made of: the facts of one account in; advice worth stated money, or why there is none, out.

A saving is the difference of two bills priced on the same data, and both are kept with it; without two
bills there is no saving. What stands against advice is said as a refusal with its reason, not left out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.customers.file.consents import Purpose
from cloud.customers.file.contracts import Contract
from cloud.customers.file.grades import Grade
from cloud.insight.profile.store import Profile
from cloud.kit.money import ZERO
from cloud.tariffs.bill import Bill
from cloud.tiers.advice.by_plan import ByPlan, total_kwh
from cloud.tiers.advice.documents import Documents


class Confidence(StrEnum):
    """`high`: 12 whole months, next to nothing estimated; `low`: it stands on something nobody confirmed."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Reason(StrEnum):
    """Why there is no advice; a rule may have more of its own. Each has words on the pages."""

    FEW_MONTHS = "few_months"
    """`have`, `need`: whole months that are known."""
    WINTER_ONLY = "winter_only"
    ESTIMATED = "estimated"
    """`share` of the slots was estimated, `limit`."""
    COMPONENTS_MISSING = "components_missing"
    """`tariff`, `month`: add that month's purchase price to the document."""
    NO_DOCUMENT = "no_document"
    """`tariff`, `day`: no document of the station's holds then."""
    MARKET_PRICE = "market_price"
    """The price of the energy is agreed on the market, and not known here."""
    CAPACITY_PENDING = "capacity_pending"
    """`on`: the day of a change of capacity."""
    BASIS_FIXED = "basis_fixed"
    """`until`: the basis of the basic charge was chosen for so long."""
    DEMAND_UNKNOWN = "demand_unknown"
    """`month`: nothing measured, or its highest value is an estimate."""
    REACTIVE_UNKNOWN = "reactive_unknown"
    LEADING = "leading"
    """`share` of the reactive energy is capacitive: more capacitors would make it worse."""
    ROUND_THE_CLOCK = "round_the_clock"
    """`ratio` of base to mean load, or as the contract says."""
    FEW_PEERS = "few_peers"
    """`have`, `need`: accounts of the class to compare with."""
    SEVERAL_POINTS = "several_points"
    """`points`: demands of several points are never added up."""
    UNPRICED = "unpriced"
    """`why`, as the pricing says it: something that a bill needs is not known."""
    CONSENT_MISSING = "consent_missing"
    """`purpose`: only with the customer's consent."""


@dataclass(frozen=True, slots=True)
class Demand:
    """The highest mean power of a quarter of an hour, primary kW; `measured`: no slot of its day as high was
    estimated."""

    kw: Decimal
    at: datetime
    measured: bool = True


@dataclass(frozen=True, slots=True)
class MonthUse:
    """What an account used in one month that it was served: `kwh` by plan of its contract's tariff.

    `whole`: every day of the month; the parts of a plan lie within one document each. Shares are of slots.
    Reactive energies are None where there is no such channel, or slots of it are missing.
    """

    month: date
    first: date
    last: date
    whole: bool
    kwh: ByPlan
    coverage: float
    estimated: float
    demand: Demand | None = None
    reactive_import_kvarh: Decimal | None = None
    reactive_export_kvarh: Decimal | None = None

    @property
    def reactive_kvarh(self) -> Decimal | None:
        """|Q+| + |Q-|: what the power-factor tables go by. A meter without Q- has none."""
        if self.reactive_import_kvarh is None:
            return None
        return self.reactive_import_kvarh + (self.reactive_export_kvarh or ZERO)

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def total_kwh(self, plan: str) -> Decimal:
        """Exact, of all its parts; 0 where there is no such plan."""
        return total_kwh(self.kwh, plan)


@dataclass(frozen=True, slots=True)
class Quartiles:
    """Of an indicator's mean over the last year, among `count` accounts of one class: never fewer than 10."""

    p25: float
    median: float
    p75: float
    count: int


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a rule may know of one account on `today`.

    `months` are whole ones, oldest first, at most 13 with no hole between them and the newest closed one
    last; `current` is the open month so far. `tariff` gives the document of the contract that holds on a day
    (NotFound where none). `indicators` are the columns of insight.indicators.months by name, float32
    (len(indicator_months),), NaN where unsaid, of an account with one point, as `gather.ASKED` names them;
    `own` their means over the last 12 months, and `peers` the quartiles of those among accounts of its class,
    names left out that 10 accounts do not have. `shares` are the part of the year's kWh in each band of the
    contract's plan, `peer_shares` the quartiles among accounts of its class and plan ("sharp_peak": both
    together).
    """

    today: date
    contract: Contract
    tariff: Documents
    points: tuple[str, ...] = ()
    months: tuple[MonthUse, ...] = ()
    current: MonthUse | None = None
    indicator_months: tuple[date, ...] = ()
    indicators: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    own: Mapping[str, float] = field(default_factory=dict)
    peers: Mapping[str, Quartiles] = field(default_factory=dict)
    shares: Mapping[str, float] = field(default_factory=dict)
    peer_shares: Mapping[str, Quartiles] = field(default_factory=dict)
    profile: Profile | None = None
    """Typical days, base load, kWh a degree (`temperature`); of an account with one point."""
    grade: Grade | None = None
    consents: frozenset[Purpose] = frozenset()
    protected: bool = False
    billed: dict[tuple[Any, ...], Bill] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Bills as they are, by what was priced: every rule compares with the same one (`pricing.as_it_is`)."""
    summed: dict[tuple[Any, ...], Mapping[str, int] | None] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """Months added up, by plan and months (`pricing.summed`)."""

    @property
    def account(self) -> str:
        return self.contract.account

    @property
    def class_(self) -> str:
        return self.contract.class_

    @property
    def year(self) -> tuple[MonthUse, ...]:
        """The last 12 whole months, or as many as there are."""
        return self.months[-12:]


@dataclass(frozen=True, slots=True)
class TwoBills:
    """What is billed now and what would be; `change` says what differs, to price it again: it is made, and
    read back, by `pricing.Change`. Make both bills with `pricing.two_bills`.
    """

    now: Bill
    then: Bill
    first: date
    last: date
    change: Mapping[str, Any]
    partial: str | None = None
    """What of the bill was priced where not all of it could be: "basic" is the basic charge alone."""
    saving: Decimal = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "saving", self.now.total - self.then.total)


@dataclass(frozen=True, slots=True)
class Advice:
    """`saving`: CNY of the time the bills are of, a year where that is known, never scaled up; with bills it
    is exactly their difference. `formula` has the numbers in it, in signs rather than words.

    `evidence` is plain JSON, Decimals as strings. `needs`: what must be so or be done first, as codes.
    """

    kind: str
    account: str
    evidence: Mapping[str, Any]
    saving: Decimal | None
    formula: str
    bills: TwoBills | None
    confidence: Confidence
    valid_until: date
    needs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.bills is not None and self.saving != self.bills.saving:
            raise ValueError(f"{self.kind}: a saving of {self.saving} and bills {self.bills.saving} apart")
        if self.bills is None and self.saving is not None:
            raise ValueError(f"{self.kind}: a saving of {self.saving} without the two bills it comes from")


@dataclass(frozen=True, slots=True)
class Refused:
    """The rule would speak here, and must not: `params` are what the reason's words need, plain JSON."""

    kind: str
    account: str
    reason: str
    params: Mapping[str, Any] = field(default_factory=dict)


Rule = Callable[[Facts], Advice | Refused | None]
"""None: the rule has nothing to say about this account."""


@dataclass(frozen=True, slots=True)
class Ruled:
    """A rule and whom it is for; `nightly`: its answer changes from day to day."""

    kind: str
    classes: frozenset[str]
    rule: Rule
    nightly: bool = False


EVERYBODY = frozenset({"large_industry", "business", "household", "farm"})
