"""What a segment asks of an account, as plain data; an unknown word is refused with the nearest known one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cloud.kit.errors import Invalid
from protocols import spelling

INDICATORS: Mapping[str, str] = {
    "energy_kwh": "kWh", "max_kw": "kW", "mean_kw": "kW", "base_kw": "kW", "load_factor": "share",
    "mean_daily_load_factor": "share", "mean_peak_valley_rate": "share", "sharp_share": "share",
    "peak_share": "share", "flat_share": "share", "valley_share": "share", "deep_valley_share": "share",
    "night_share": "share", "daytime_share": "share", "weekend_ratio": "ratio", "day_cv": "ratio",
    "zero_days": "days", "coverage": "share", "estimated_share": "share",
}  # fmt: skip
"""Monthly indicators that may be asked for, with their unit."""
Words = Annotated[tuple[str, ...], Field(max_length=64)]


class Range(BaseModel):
    """From `least` to `most`, both included; null is open."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    indicator: str
    least: Annotated[float, Field(allow_inf_nan=False)] | None = None
    most: Annotated[float, Field(allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _asks(self) -> "Range":
        if self.least is None and self.most is None:
            raise ValueError("least or most is needed")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise ValueError(f"least {self.least:g} is more than most {self.most:g}")
        return self


class Conditions(BaseModel):
    """All must hold; of the words of one any. Nothing asked takes every account that is supplied."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    class_: Annotated[Words, Field(alias="class")] = ()
    sub: Words = ()
    grade: Words = ()
    need: Words = ()
    shape: Words = ()
    value: Words = ()
    credit: Words = ()
    area: Words = ()
    tariff: Words = ()
    plan: Words = ()
    consent: Words = ()
    ranges: Annotated[tuple[Range, ...], Field(max_length=12)] = ()

    def words(self) -> dict[str, tuple[str, ...]]:
        """By name what is asked; without ranges, and without what is not asked."""
        said = self.model_dump(by_alias=True, exclude={"ranges"})
        return {name: tuple(words) for name, words in said.items() if words}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """By condition the words that this station knows."""

    known: Mapping[str, Sequence[str]] = field(default_factory=dict)


def parsed(document: Mapping[str, Any], vocabulary: Vocabulary) -> Conditions:
    """Invalid is one line: what is not known, and the nearest that is."""
    try:
        found = Conditions.model_validate(document)
    except ValidationError as error:
        raise Invalid(_told(document, error)) from None
    for name, words in found.words().items():
        known = vocabulary.known.get(name, ())
        for word in words:
            if word not in known:
                raise Invalid(f"{name}: {word!r} is not known; {spelling.hint(word, known)}{_listed(known)}")
    for each in found.ranges:
        if each.indicator not in INDICATORS:
            raise Invalid(
                f"ranges: {each.indicator!r} is no monthly indicator; "
                f"{spelling.hint(each.indicator, INDICATORS)}{_listed(list(INDICATORS))}"
            )
    return found


def _told(document: Mapping[str, Any], error: ValidationError) -> str:
    names = [entry.alias or name for name, entry in Conditions.model_fields.items()]
    for name in document:
        if name not in names:
            return f"{name}: no such condition; {spelling.hint(name, names)}{_listed(names)}"
    return spelling.told(Conditions, error)


def _listed(known: Sequence[str]) -> str:
    if not known:
        return "the station has none"
    more = f" and {len(known) - 12} more" if len(known) > 12 else ""
    return f"known are {', '.join(known[:12])}{more}"
