"""Reads mismatch.toml and class_profiles.toml: when a contradiction is worth a look, what speaks for few."""

from collections import Counter
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cloud import policies
from cloud.analysis.classes.prior import Prior, Profile
from cloud.kit.errors import Invalid
from cloud.tariffs.documents import CustomerClass

Share = Annotated[float, Field(ge=0, le=1)]
Probability = Annotated[float, Field(gt=0.5, lt=1)]
Months = Annotated[int, Field(ge=1, le=24)]
Windows = Annotated[tuple[Share, ...], Field(min_length=8, max_length=8)]
Ratio = Annotated[float, Field(ge=0, le=10)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EvidenceLimits(_Strict):
    months: Months
    least_months: Months
    least_coverage: Share
    most_estimated: Share
    least_kwh_month: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    learn_from: Annotated[int, Field(ge=10, le=10_000)]
    folds: Annotated[int, Field(ge=2, le=20)]

    @model_validator(mode="after")
    def _ordered(self) -> "EvidenceLimits":
        if self.least_months > self.months:
            raise ValueError(f"least_months: {self.least_months} is above months, {self.months}")
        return self


class CaseLimits(_Strict):
    probability: Probability
    prior_probability: Probability
    in_row: Months
    most_share: Share
    least_listed: Annotated[int, Field(ge=0, le=1000)]
    quiet_months: Months

    @model_validator(mode="after")
    def _careful(self) -> "CaseLimits":
        if self.prior_probability < self.probability:
            raise ValueError(
                "prior_probability: published profiles know less, and must not be believed sooner"
            )
        return self


class PriceLimits(_Strict):
    months: Months
    least_contracts: Annotated[int, Field(ge=1, le=10_000)]


class MismatchPolicy(_Strict):
    """`families` by name: the classes that behave alike."""

    version: Annotated[str, Field(max_length=32)]
    source: str
    families: Annotated[dict[str, tuple[CustomerClass, ...]], Field(min_length=2)]
    evidence: EvidenceLimits
    case: CaseLimits
    price: PriceLimits

    @model_validator(mode="after")
    def _once(self) -> "MismatchPolicy":
        count = Counter(each for found in self.families.values() for each in found)
        if twice := [each for each, times in count.items() if times > 1]:
            raise ValueError(f"families: {twice[0].value} is in two of them")
        if empty := [name for name, found in self.families.items() if not found]:
            raise ValueError(f"families: {empty[0]} has no class")
        if self.case.in_row > self.evidence.months:
            raise ValueError(f"case: in_row is above evidence.months, {self.evidence.months}")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The families in order: a class index of the analysis is a place in it."""
        return tuple(self.families)

    def family(self, class_: str) -> str | None:
        """Of a contract's class; None of one that behaviour does not judge."""
        return next((name for name, found in self.families.items() if class_ in found), None)


class _ProfileRow(_Strict):
    name: str
    class_: Annotated[CustomerClass, Field(alias="class")]
    work: Windows
    off: Windows
    saturday_ratio: Ratio
    off_ratio: Ratio

    @model_validator(mode="after")
    def _whole(self) -> "_ProfileRow":
        for key in ("work", "off"):
            if abs(sum(getattr(self, key)) - 1) > 0.01:
                raise ValueError(
                    f"{key}: the shares of {self.name} come to {sum(getattr(self, key)):.3f}, not 1"
                )
        return self


class ClassProfiles(_Strict):
    version: str
    source: str
    share_spread: Annotated[float, Field(gt=0, le=1)]
    ratio_spread: Annotated[float, Field(gt=0, le=10)]
    weight: Annotated[float, Field(gt=0, le=18)]
    profiles: Annotated[tuple[_ProfileRow, ...], Field(min_length=2)]

    def prior(self, policy: MismatchPolicy) -> Prior:
        """For the families of the policy. Invalid: one of them has no profile."""
        family = {row.name: policy.family(row.class_) for row in self.profiles}
        if lacking := set(policy.names) - set(family.values()):
            raise Invalid(f"class_profiles.toml: no profile of family {min(lacking)} of mismatch.toml")
        rows = [
            Profile(policy.names.index(name), row.work, row.off, row.saturday_ratio, row.off_ratio)
            for row in self.profiles
            if (name := family[row.name]) is not None
        ]
        return Prior(rows, len(policy.names), self.share_spread, self.ratio_spread, self.weight)


class Mismatching(_Strict):
    """What one station goes by."""

    limits: MismatchPolicy
    profiles: ClassProfiles


def mismatch_policy(folder: Path | None = None) -> Mismatching:
    """Invalid says what is wrong with which file."""
    limits = policies.read("mismatch", MismatchPolicy, folder)
    profiles = policies.read("class_profiles", ClassProfiles, folder)
    profiles.prior(limits)
    return Mismatching(limits=limits, profiles=profiles)
