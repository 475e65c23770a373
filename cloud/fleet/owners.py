"""Who says what: each field has one owner, wattpost or another system, by owners.toml.

It binds a companion alone; a station of its own owns every field.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator

from cloud import policies
from cloud.kit.errors import Forbidden

OURS = "wattpost"
FIELDS = (
    "name",
    "area",
    "feeder",
    "section",
    "area_name",
    "area_kind",
    "capacity_kva",
    "manager",
    "deputy",
    "box",
    "role",
    "side",
    "phase",
    "parent",
    "ct_ratio",
    "pt_ratio",
    "meter",
    "asset_no",
    "address",
    "model",
    "gateway",
    "line",
    "interval_s",
    "account",
    "seals",
    "customer",
    "class",
    "contract",
    "grade",
    "need",
    "consent",
    "contact",
    "person",
    "bill",
)
System = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]


class OwnersPolicy(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str
    source: str
    system: System
    fields: dict[str, System]

    @model_validator(mode="after")
    def _each_has_one(self) -> Self:
        lacking, strange = set(FIELDS) - set(self.fields), set(self.fields) - set(FIELDS)
        if lacking or strange:
            told = [f"no owner of {', '.join(sorted(lacking))}"] if lacking else []
            told += [f"no field is called {', '.join(sorted(strange))}"] if strange else []
            raise ValueError("; ".join(told))
        return self


@dataclass(frozen=True, slots=True)
class Owners:
    """`companion` False: everything is ours, and any import is ours too."""

    policy: OwnersPolicy
    companion: bool

    def refuse_local(self, *fields: str) -> None:
        """Forbidden when people here may not change one of these fields."""
        told = self.not_of(OURS, fields)
        if told:
            raise Forbidden(f"{told[0]}: change it there, the next import brings it here")

    def not_of(self, system: str, fields: Iterable[str]) -> list[str]:
        """One line for each field that is another's."""
        if not self.companion:
            return []
        owners = self.policy.fields
        return [f"{field} is owned by {owners[field]}" for field in fields if owners[field] != system]


def owners(folder: Path | None, mode: str) -> Owners:
    """The built-in owners, or the station's own."""
    return Owners(policies.read("owners", OwnersPolicy, folder), mode == "companion")
