"""Promotions as dated documents: points or a voucher for electricity used in given hours, never a price.

A document that contradicts itself or another is refused with file, line and reason.
"""

import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from cloud.kit.bands import QUARTER_MIN
from cloud.kit.calendar import Calendar
from cloud.kit.errors import Invalid, NotFound
from cloud.kit.toml_lines import line_of, told
from cloud.tiers.campaigns.policy import CampaignPolicy, Key, Said, Strict
from protocols import spelling

CLASSES = ("large_industry", "business", "household", "farm", "other")
_DAY_TYPES = {"workdays": frozenset({"work"}), "off": frozenset({"saturday", "off"})}


class ForWhom(Strict):
    """`areas` empty: everywhere."""

    classes: Annotated[tuple[str, ...], Field(min_length=1)]
    areas: tuple[str, ...] = ()

    @field_validator("classes")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in CLASSES:
                raise ValueError(
                    f"{name!r} is no class; {spelling.hint(name, CLASSES)}one of {', '.join(CLASSES)}"
                )
        return names


class Promotion(Strict):
    """`hours` as "22:00-24:00"; of points a rate and caps, of a voucher which one and from how many kWh."""

    id: Key
    name: Said
    source: Annotated[str, Field(min_length=1)]
    from_: Annotated[date, Field(alias="from")]
    to: date
    reward: Literal["points", "voucher"]
    days: Literal["all", "workdays", "off"] = "all"
    hours: Annotated[tuple[str, ...], Field(min_length=1)]
    for_: Annotated[ForWhom, Field(alias="for")]
    points_per_kwh: Annotated[Decimal, Field(gt=0, le=1000, max_digits=7, decimal_places=3)] | None = None
    cap_points: Annotated[int, Field(ge=1)] | None = None
    budget_points: Annotated[int, Field(ge=1)] | None = None
    voucher: Key | None = None
    min_kwh: Annotated[Decimal, Field(ge=0, max_digits=10, decimal_places=3)] | None = None
    budget_vouchers: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _possible(self) -> "Promotion":
        if self.to < self.from_:
            raise ValueError(f"to: {self.to} is before from, {self.from_}")
        quarters_of(self.hours)
        points = ("points_per_kwh", "cap_points", "budget_points")
        voucher = ("voucher", "min_kwh", "budget_vouchers")
        own, others = (points, voucher) if self.reward == "points" else (voucher, points)
        for name in others:
            if getattr(self, name) is not None:
                raise ValueError(f"{name}: is not of a promotion whose reward is {self.reward}")
        for name in own:
            if getattr(self, name) is None:
                raise ValueError(f"reward: {self.reward} needs {name}")
        if (
            self.cap_points is not None
            and self.budget_points is not None
            and self.cap_points > self.budget_points
        ):
            raise ValueError(
                f"cap_points: {self.cap_points} of one account is more than the budget of all, "
                f"{self.budget_points}"
            )
        return self

    @property
    def quarters(self) -> frozenset[int]:
        """The quarter-hours 0 to 95 of the local day, by the wall clock."""
        return quarters_of(self.hours)

    def holds(self, day: date) -> bool:
        return self.from_ <= day <= self.to

    def on(self, day: date, calendar: Calendar) -> bool:
        """Whether its hours count on this day."""
        return self.holds(day) and (
            self.days == "all" or calendar.day_type(day).value in _DAY_TYPES[self.days]
        )


def quarters_of(hours: Sequence[str]) -> frozenset[int]:
    """Of "06:00-08:00" and others. ValueError begins with the key's name: no hours, or one given twice."""
    spans = sorted(_span(each) for each in hours)
    for (_, end, one), (start, _, other) in pairwise(spans):
        if start < end:
            raise ValueError(f"hours: {one} and {other} overlap")
    return frozenset(slot for start, end, _ in spans for slot in range(start, end))


def _span(text: str) -> tuple[int, int, str]:
    start, dash, end = text.partition("-")
    try:
        low, high = _minutes(start), _minutes(end)
    except ValueError:
        low = high = -1
    if not dash or not 0 <= low < high <= 24 * 60 or low % QUARTER_MIN or high % QUARTER_MIN:
        raise ValueError(
            f'hours: {text!r} is no part of a day on quarters of an hour, as "06:00-08:30"; cut at midnight'
        )
    return low // QUARTER_MIN, high // QUARTER_MIN, text


def _minutes(text: str) -> int:
    hour, colon, minute = text.strip().partition(":")
    if not colon or len(hour) != 2 or len(minute) != 2 or not 0 <= int(minute) < 60:
        raise ValueError(text)
    return int(hour) * 60 + int(minute)


@dataclass(frozen=True, slots=True)
class Filed:
    promotion: Promotion
    file: str
    text: str


class Promotions:
    """All documents; of one id no two hold on the same day. Invalid names file, line and reason."""

    def __init__(self, found: Iterable[Filed], policy: CampaignPolicy) -> None:
        self._filed = sorted(found, key=lambda each: (each.promotion.id, each.promotion.from_))
        for one, other in pairwise(self._filed):
            _apart(one, other)
        for each in self._filed:
            _voucher_is_known(each, policy)

    def __iter__(self) -> Iterator[Promotion]:
        return iter([each.promotion for each in self._filed])

    def of(self, id: str, day: date) -> Promotion:  # noqa: A002
        """The one that holds on a day; NotFound names the nearest there is."""
        known = sorted({each.promotion.id for each in self._filed})
        if id not in known:
            raise NotFound(
                f"there is no promotion {id!r}; {spelling.hint(id, known)}there are {', '.join(known)}"
            )
        for each in self._filed:
            if each.promotion.id == id and each.promotion.holds(day):
                return each.promotion
        spans = ", ".join(
            f"{each.promotion.from_} to {each.promotion.to}"
            for each in self._filed
            if each.promotion.id == id
        )
        raise NotFound(f"promotion {id!r} does not hold on {day}: {spans}")


def read(folder: Path | None, policy: CampaignPolicy) -> Promotions:
    """What ships, and the station's own in `folder`/promotions in place of what ships of one id."""
    own_folder = None if folder is None else folder / "promotions"
    own = []
    if own_folder is not None and own_folder.is_dir():
        own = [from_file(path) for path in sorted(own_folder.glob("*.toml"))]
    replaced = {each.promotion.id for each in own}
    ships = files("cloud.policies").joinpath("promotions")
    shipped = [
        parsed(each.read_text(encoding="utf-8"), each.name)
        for each in sorted(ships.iterdir(), key=lambda each: each.name)
        if each.name.endswith(".toml")
    ]
    return Promotions([*(each for each in shipped if each.promotion.id not in replaced), *own], policy)


def from_file(path: Path) -> Filed:
    try:
        return parsed(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise Invalid(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Invalid(f"{path}:1: not UTF-8: save it as UTF-8") from None


def parsed(text: str, file: str) -> Filed:
    """One document. Invalid: file, line, what is wrong."""
    try:
        return Filed(Promotion.model_validate(tomllib.loads(text, parse_float=Decimal)), file, text)
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"{file}: not TOML: {error}") from None
    except ValidationError as error:
        found = [told(Promotion, each, text, file) for each in spelling.mistakes(Promotion, error)]
        raise Invalid(found[0], found) from None


def _apart(one: Filed, other: Filed) -> None:
    same = one.promotion.id == other.promotion.id
    if same and one.promotion.to >= other.promotion.from_:
        line = line_of(other.text, ["from"])
        raise Invalid(
            f"{other.file}:{line}: from: {other.promotion.id} holds already until {one.promotion.to} "
            f"by {one.file}"
        )


def _voucher_is_known(each: Filed, policy: CampaignPolicy) -> None:
    name = each.promotion.voucher
    if name is not None and policy.voucher_of(name) is None:
        known = [voucher.id for voucher in policy.voucher]
        line = line_of(each.text, ["voucher"])
        raise Invalid(
            f"{each.file}:{line}: voucher: campaigns.toml has no {name!r}; {spelling.hint(name, known)}"
            f"it has {', '.join(known) or 'none'}"
        )
