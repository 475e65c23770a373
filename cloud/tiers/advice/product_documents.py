"""A saving product as a dated document: for whom it fits, its price, life and size, and where that is from.

Money is Decimal as the file writes it; a contradiction is refused with the key that it stands at.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from cloud.kit.money import CENT, ZERO, rounded
from cloud.tariffs.documents import CustomerClass, Identity, Words
from cloud.tiers.advice.product_facts import NAMES, NEEDS, Answer, Answers, Sort
from protocols import spelling

Number = Annotated[Decimal, Field(ge=-1_000_000_000, le=1_000_000_000)]
Positive = Annotated[Decimal, Field(gt=0, le=1_000_000_000)]
Money = Annotated[Decimal, Field(gt=0, le=100_000_000, decimal_places=2)]
Share = Annotated[Decimal, Field(gt=0, le=1)]
Text = Annotated[str, Field(min_length=1, max_length=400)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Sentence(Strict):
    zh_CN: Text  # noqa: N815 - a language
    en: Text


class Kind(StrEnum):
    EQUIPMENT = "equipment"
    TRAINING = "training"
    MATERIAL = "material"
    SERVICE = "service"


class Aim(StrEnum):
    """The advice that a product answers: what it saves is that advice's money."""

    POWER_FACTOR = "capacitor"
    STANDBY = "standby"
    COOLING = "cooling"
    PV = "pv"
    STORAGE = "storage"
    LIGHTING = "lighting"
    MOTOR = "motor"
    HOT_WATER = "hot_water"
    EV = "ev_night"
    IRRIGATION = "irrigation"
    TRAINING = "training"
    INSPECTION = "important_inspection"
    VOLTAGE = "voltage_quality"


REPLACING = frozenset({Aim.LIGHTING, Aim.MOTOR, Aim.HOT_WATER})
"""What they save is reckoned from a part of the energy that the product names."""


class Condition(Strict):
    """One thing that must be so of an account; `otherwise` is what it is told where it is not."""

    fact: str
    at_least: Number | None = None
    below: Number | None = None
    is_: Annotated[bool | None, Field(alias="is", strict=True)] = None
    otherwise: Sentence

    @field_validator("fact")
    @classmethod
    def _known(cls, fact: str) -> str:
        if fact not in NAMES:
            raise ValueError(
                f"unknown fact {fact!r}: {spelling.hint(fact, NAMES)}there are {', '.join(NAMES)}"
            )
        return fact

    @model_validator(mode="after")
    def _asks(self) -> "Condition":
        if NAMES[self.fact] is Sort.FLAG:
            if self.is_ is None or self.at_least is not None or self.below is not None:
                raise ValueError(f"fact: {self.fact} is true or false: ask with is = true or is = false")
        elif self.is_ is not None or (self.at_least is None and self.below is None):
            raise ValueError(f"fact: {self.fact} is a number: ask with at_least, below or both")
        elif self.at_least is not None and self.below is not None and self.at_least >= self.below:
            raise ValueError(f"below: no number is at least {self.at_least} and below {self.below}")
        return self

    def met(self, answer: Answer | None) -> bool | None:
        """None: it is not known."""
        if answer is None:
            return None
        if self.is_ is not None:
            return bool(answer) is self.is_
        return (self.at_least is None or answer >= self.at_least) and (
            self.below is None or answer < self.below
        )


class ForWhom(Strict):
    """`sub_tiers` narrow it down, as "household.large_family"; none: all of the classes."""

    classes: Annotated[frozenset[CustomerClass], Field(min_length=1)]
    sub_tiers: tuple[Annotated[str, Field(pattern=r"^[a-z_]+\.[a-z][a-z0-9_]*$", max_length=64)], ...] = ()

    @model_validator(mode="after")
    def _of_its_classes(self) -> "ForWhom":
        for each in self.sub_tiers:
            owner = each.partition(".")[0]
            if owner not in set(CustomerClass):
                hint = spelling.hint(owner, list(CustomerClass))
                raise ValueError(
                    f"sub_tiers: {each!r} is of no class: {hint}there are {', '.join(CustomerClass)}"
                )
            if owner not in self.classes:
                raise ValueError(f"sub_tiers: {each!r} and classes without {owner} contradict one another")
        return self


class Size(Strict):
    """How many units: `by` a need over what one unit does (`per`), in steps, from `least` to `most`."""

    by: str
    per: Positive = Decimal(1)
    step: Positive = Decimal(1)
    least: Positive
    most: Positive
    round: Literal["up", "down"] = "up"

    @field_validator("by")
    @classmethod
    def _known(cls, by: str) -> str:
        if by not in NEEDS:
            known = ", ".join(sorted(NEEDS))
            raise ValueError(f"nothing is sized by {by!r}: {spelling.hint(by, NEEDS)}there are {known}")
        return by

    @model_validator(mode="after")
    def _range(self) -> "Size":
        if self.least > self.most:
            raise ValueError(f"least: {self.least} is above most, {self.most}")
        if self.least % self.step or self.most % self.step:
            raise ValueError(f"step: least and most are multiples of {self.step}")
        return self

    def of(self, need: Decimal) -> Decimal | None:
        """Units for a need, no more than `most`; None where it is too small for the least there is."""
        mode = ROUND_CEILING if self.round == "up" else ROUND_FLOOR
        units = (need / self.per / self.step).quantize(Decimal(1), rounding=mode) * self.step
        if need <= 0 or units < self.least:
            return None
        return min(units, self.most)


class Effect(Strict):
    """`saved` of what the advice finds; `part`: what a product of efficiency takes the place of, as a part of
    each class's energy. Both are assumptions with a source, shown as such beside the money.
    """

    saved: Share
    part: dict[CustomerClass, Share] = {}


class Battery(Strict):
    """`efficiency` out over in, `cycles` a year, `hours` from full to empty."""

    efficiency: Annotated[Decimal, Field(gt=0, lt=1)]
    cycles: Annotated[int, Field(ge=1, le=730)]
    hours: Positive


class Payback(Strict):
    """Longer than this it is not recommended."""

    years: Positive


class Product(Strict):
    """`price` CNY a unit, built in; `upkeep` CNY a unit and year; `free`: it costs the customer nothing.

    `certain` is False until the station has compared price, life and effect with offers of its own.
    """

    id: Identity
    name: Words
    about: Sentence
    kind: Kind
    from_: Annotated[date, Field(alias="from")]
    to: date | None = None
    source: Text
    certain: bool = False
    for_: Annotated[ForWhom, Field(alias="for")]
    answers: Aim
    unit: Words
    price: Money | None = None
    free: bool = False
    upkeep: Annotated[Decimal, Field(ge=0, le=1_000_000, decimal_places=2)] = ZERO
    life_years: Annotated[int, Field(ge=1, le=50)] | None = None
    fit: tuple[Condition, ...] = ()
    size: Size | None = None
    effect: Effect | None = None
    battery: Battery | None = None
    payback: Payback | None = None

    @model_validator(mode="after")
    def _agrees(self) -> "Product":
        if self.to is not None and self.to <= self.from_:
            raise ValueError(f"to: {self.to} is not after {self.from_}")
        if self.free is (self.price is not None):
            raise ValueError("price: a product has either a price or free = true")
        self._equipment()
        for fact in {each.fact for each in self.fit}:
            _together(fact, [each for each in self.fit if each.fact == fact])
        self._effect()
        return self

    def _equipment(self) -> None:
        if self.kind is not Kind.EQUIPMENT:
            return
        if self.life_years is None or self.payback is None:
            raise ValueError("life_years: equipment has a life, and a [payback] with years")
        if self.payback.years > self.life_years:
            raise ValueError(
                f"payback: {self.payback.years} years contradict a life of {self.life_years}: it never pays"
            )

    def _effect(self) -> None:
        if (self.battery is not None) is not (self.answers is Aim.STORAGE):
            raise ValueError("battery: a product that answers storage has one, and no other has")
        named = self.effect.part.keys() if self.effect else frozenset()
        if self.answers not in REPLACING:
            if named:
                raise ValueError(f"effect: part is for products that answer {', '.join(sorted(REPLACING))}")
            return
        if outside := sorted(named - self.for_.classes):
            raise ValueError(f"effect: names {', '.join(outside)}, and classes does not")
        if lacking := sorted(self.for_.classes - named):
            raise ValueError(f"effect: says nothing of the energy of {', '.join(lacking)}")

    def holds(self, day: date) -> bool:
        return self.from_ <= day and (self.to is None or day < self.to)

    def cost(self, units: Decimal) -> Decimal:
        """CNY of so many, once."""
        return rounded((self.price or ZERO) * units)

    def payback_years(self, units: Decimal, saving: Decimal) -> Decimal | None:
        """Years until the saving less upkeep has paid it; None where it never does."""
        net = saving - self.upkeep * units
        return (self.cost(units) / net).quantize(CENT) if net > 0 else None

    def unmet(self, answers: Answers) -> Iterable[tuple[Condition, bool]]:
        """Conditions that do not hold; True with those whose fact is not known."""
        for each in self.fit:
            met = each.met(answers.get(each.fact))
            if not met:
                yield each, met is None


def _together(fact: str, asked: Sequence[Condition]) -> None:
    """ValueError where no account could meet all that is asked of one fact."""
    flags = {each.is_ for each in asked if each.is_ is not None}
    if len(flags) > 1:
        raise ValueError(f"fit: {fact} is asked to be true and to be false: nobody is both")
    low = max((each.at_least for each in asked if each.at_least is not None), default=None)
    high = min((each.below for each in asked if each.below is not None), default=None)
    if low is not None and high is not None and low >= high:
        raise ValueError(f"fit: {fact} at least {low} and below {high}: nobody is both")
