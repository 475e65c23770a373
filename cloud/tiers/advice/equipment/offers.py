"""Which product answers an advice best, and why the others do not: each is priced by itself, by two bills."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any

from cloud.kit.errors import NotFound
from cloud.kit.money import CENT, ZERO
from cloud.tariffs.bill import plain
from cloud.tiers.advice.equipment.ground import Ground, Known
from cloud.tiers.advice.pricing import Change, as_it_is, bill
from cloud.tiers.advice.product_documents import Aim, Product
from cloud.tiers.advice.product_facts import Answer, Answers
from cloud.tiers.advice.rules import Facts, MonthUse, Reason, Refused, TwoBills


class Why(StrEnum):
    """Why a product, or an advice on equipment, is not offered; beside `rules.Reason`."""

    NO_PRODUCT = "no_product"
    """None in force is for this class."""
    NOT_FIT = "not_fit"
    """`otherwise` of the condition that is not met; `known` False: its fact is not known."""
    TOO_SMALL = "too_small"
    """`need`, `least` units."""
    NO_SAVING = "no_saving"
    """The second bill is not lower."""
    LITTLE = "little_saving"
    """`saving`, `least` CNY a year."""
    PAYBACK = "payback_too_long"
    """`years` (none: never), `most`."""
    NO_TYPICAL_DAY = "no_typical_day"
    NO_WEATHER = "no_weather"
    LOW_R2 = "low_r2"
    """`r2`, `least`: temperature says too little about this load."""
    HAS_PV = "has_pv"
    """`kwp` stand already."""
    LOW_SELF_USE = "low_self_use"
    """`share` of the yield would be used on site, `least`."""
    NO_SPREAD = "no_spread"
    """One price for all hours, or no valley to charge in."""
    AREA_STRAINED = "area_strained"
    """The transformer is expected near overload in the hours that load would be moved to."""
    AREA_UNKNOWN = "area_unknown"
    """Nothing is known of the transformer's load: more is not put on it."""
    NO_HEADROOM = "no_headroom"
    """The contracted capacity leaves no room to charge."""


@dataclass(frozen=True, slots=True)
class Offer:
    """So many units of a product; what they save is the difference of `bills`."""

    product: Product
    units: Decimal
    bills: TwoBills
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def saving(self) -> Decimal:
        return self.bills.saving

    @property
    def payback(self) -> Decimal | None:
        return self.product.payback_years(self.units, self.saving)

    @property
    def worth(self) -> Decimal:
        """CNY a year over its life, all costs taken off."""
        yearly = self.product.cost(self.units) / (self.product.life_years or 1)
        return self.saving - self.product.upkeep * self.units - yearly

    def as_json(self) -> dict[str, Any]:
        payback = self.payback
        return {
            "id": self.product.id,
            "units": plain(self.units),
            "cost": f"{self.product.cost(self.units):f}",
            "saving": f"{self.saving:f}",
            "then": f"{self.bills.then.total:f}",
            "payback": None if payback is None else f"{payback:f}",
            "life": self.product.life_years,
        } | dict(self.details)


@dataclass(frozen=True, slots=True)
class Turned:
    """A product that is not offered: `params` are what the reason's words need."""

    product: Product
    why: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {"id": self.product.id, "refused": self.why, "params": dict(self.params)}


@dataclass(frozen=True, slots=True)
class Judged:
    """`best` of the offers, none when nothing fits; all products of the class are in `rest` or `best`."""

    best: Offer | None
    rest: tuple[Offer | Turned, ...]

    def as_json(self) -> list[dict[str, Any]]:
        first = [] if self.best is None else [self.best.as_json()]
        return first + [each.as_json() for each in self.rest]

    def refused(self, kind: str, facts: Facts) -> Refused:
        """Why none fits: the first product's reason, all of them beside it."""
        if not self.rest:
            return Refused(kind, facts.account, Why.NO_PRODUCT, {"class": facts.class_})
        first = self.rest[0]
        why, params = (first.why, first.params) if isinstance(first, Turned) else (Why.NO_SAVING, {})
        return Refused(kind, facts.account, why, {**params, "products": self.as_json()})


Makes = Callable[[Product, Decimal], "tuple[Change, Mapping[str, Any]] | Turned"]
"""What so many units change, and what is worth saying of it."""


def judged(
    ground: Ground,
    facts: Facts,
    aim: Aim,
    months: Sequence[MonthUse],
    found: Mapping[str, Answer | None],
    makes: Makes,
) -> Judged | Refused:
    """All products that answer `aim`; `found` is what the rule found itself, the need among it.

    Refused: the bills cannot be priced at all.
    """
    products = ground.answering(aim, facts.class_)
    known = Known(ground, facts, found)
    offers: list[Offer] = []
    turned: list[Turned] = []
    for product in products:
        each = _fits(ground, facts, product, known) or _offered(facts, product, known, months, makes)
        if isinstance(each, Refused):
            return each
        (turned if isinstance(each, Turned) else offers).append(each)  # type: ignore[arg-type]
    offers.sort(key=lambda each: (-each.worth, each.product.id))
    return Judged(offers[0] if offers else None, (*offers[1:], *turned))


def priced(kind: str, facts: Facts, months: Sequence[MonthUse], change: Change) -> TwoBills | Refused:
    """As `pricing.two_bills` of months that `year_of` let pass; the bill as it is, with which all rules here
    compare, is priced once."""
    try:
        now = as_it_is(facts, months)
        then = bill(facts, months, change)
    except (ValueError, NotFound) as error:
        return Refused(kind, facts.account, Reason.UNPRICED, {"why": str(error)})
    return TwoBills(now, then, months[0].first, months[-1].last, change.as_json())


def worth_a_word(ground: Ground, kind: str, facts: Facts, saving: Decimal) -> Refused | None:
    """Refused: the saving is nothing, or too little."""
    least = ground.policy.least_saving
    if saving <= 0:
        return Refused(kind, facts.account, Why.NO_SAVING, {"saving": f"{saving:f}"})
    if saving < least:
        return Refused(kind, facts.account, Why.LITTLE, {"saving": f"{saving:f}", "least": least})
    return None


def scaled(change: Change, share: Decimal) -> Change:
    """A part of what a change takes away or moves."""
    return replace(
        change,
        added_kwh={
            month: {band: (kwh * share).quantize(Decimal("0.001")) for band, kwh in bands.items()}
            for month, bands in change.added_kwh.items()
        },
    )


def share_of(product: Product, units: Decimal, need: Decimal) -> Decimal:
    """Of what the advice finds, what so many units get: less where the need is above the most there is."""
    saved = product.effect.saved if product.effect else Decimal(1)
    done = units * product.size.per if product.size else need
    return saved * min(Decimal(1), done / need) if need > 0 else ZERO


def _fits(ground: Ground, facts: Facts, product: Product, known: Answers) -> Turned | None:
    subs = product.for_.sub_tiers
    if subs and ground.around.subs.get(facts.account) not in subs:
        return Turned(product, Why.NOT_FIT, {"fact": "sub_tier", "sub_tiers": list(subs), "known": True})
    for condition, unknown in product.unmet(known):
        params = {"fact": condition.fact, "known": not unknown}
        if not unknown:
            params["otherwise"] = condition.otherwise.model_dump()
        return Turned(product, Why.NOT_FIT, params)
    return None


def _offered(
    facts: Facts,
    product: Product,
    known: Answers,
    months: Sequence[MonthUse],
    makes: Makes,
) -> Offer | Turned | Refused:
    units = Decimal(1)
    if product.size is not None:
        need = Decimal(known.get(product.size.by) or 0)
        sized = product.size.of(need)
        if sized is None:
            params = {"need": plain(need.quantize(CENT)), "least": plain(product.size.least)}
            return Turned(product, Why.TOO_SMALL, params)
        units = sized
    made = makes(product, units)
    if isinstance(made, Turned):
        return made
    bills = priced(product.answers.value, facts, months, made[0])
    if isinstance(bills, Refused):
        return bills
    return _pays(Offer(product, units, bills, made[1]))


def _pays(offer: Offer) -> Offer | Turned:
    if offer.saving <= 0:
        return Turned(offer.product, Why.NO_SAVING, {"saving": f"{offer.saving:f}"})
    years, limit = offer.payback, offer.product.payback
    if limit is not None and (years is None or years > limit.years):
        params = {"years": None if years is None else f"{years:f}", "most": plain(limit.years)}
        return Turned(offer.product, Why.PAYBACK, params | offer.as_json())
    return offer
