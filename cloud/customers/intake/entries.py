"""What each row about customers may hold, in a document or a table: one model a kind, nothing unknown."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from cloud.customers.file.consents import Purpose
from cloud.customers.file.grades import Grade
from cloud.customers.file.needs import DETAILED, Need
from cloud.customers.file.persons import PersonRole, Reach
from cloud.tariffs.documents import PriceSource
from cloud.tariffs.two_part import Basis

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
No = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,31}$")]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
Said = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
Phone = Annotated[str, StringConstraints(pattern=r"^\+?[0-9 -]{3,30}$")]
Day = Annotated[date, Field(ge=date(1950, 1, 1), le=date(2200, 1, 1))]
Moment = AwareDatetime | Day
"""An instant, or a local day from whose beginning on it holds."""
LocalTime = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Amount = Annotated[Decimal, Field(ge=0, le=10_000_000, decimal_places=3, max_digits=12)]


def _hundredths(value: Any) -> Any:
    """cos φ as 0.9 or as 90."""
    try:
        number = Decimal(str(value))
    except ArithmeticError:
        return value
    if not number.is_finite() or number <= 0:
        return value
    whole = number * 100 if number < 1 else number
    return int(whole) if whole == int(whole) else value


class Entry(BaseModel):
    """A field that a row does not name stays as it is known; null takes it away."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class CustomerEntry(Entry):
    id: Id
    name: Text
    language: Literal["zh_CN", "en"] = "zh_CN"
    phone: Phone | None = None


class AccountEntry(Entry):
    """`class`: which of the station's customer classes the account is of."""

    no: No
    customer: Id
    address: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    class_: Literal["large_industry", "business", "household", "farm", "other"] = Field(alias="class")


class ServiceEntry(Entry):
    """From `start` up to and without `end`; no end means still.

    `proven_at`: when `wattpost edge identify` showed that this meter serves this account.
    """

    account: No
    meter: Id
    start: AwareDatetime
    end: AwareDatetime | None = None
    proven_at: AwareDatetime | None = None

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.end is not None and self.end <= self.start:
            raise ValueError("end must be later than start")
        return self


class ContactEntry(Entry):
    """`channel` is an apprise URL such as mailto://… or json://…"""

    customer: Id
    channel: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+://\S+$", max_length=500)]


class Spanned(Entry):
    from_day: Day
    to_day: Day | None = None

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.to_day is not None and self.to_day <= self.from_day:
            raise ValueError("to_day is the first day that it does not hold: later than from_day")
        return self


class ContractEntry(Spanned):
    """A new contract names at least tariff, plan and voltage; see `contracts.contract_table`."""

    account: No
    tariff: Annotated[str, StringConstraints(max_length=64, min_length=1)] = ""
    plan: Annotated[str, StringConstraints(max_length=64, min_length=1)] = ""
    voltage: Annotated[str, StringConstraints(strip_whitespace=True, max_length=32, min_length=1)] = ""
    capacity_kva: Annotated[Amount, Field(gt=0)] | None = None
    basis: Basis | None = None
    contracted_kw: Annotated[Amount, Field(gt=0)] | None = None
    basis_fixed_until: Day | None = None
    capacity_change_on: Day | None = None
    standard: Annotated[Literal[80, 85, 90], BeforeValidator(_hundredths)] | None = None
    price_source: PriceSource | None = None
    persons: Annotated[int, Field(ge=1, le=50)] | None = None
    moved_in: Day | None = None
    round_the_clock: bool | None = None
    pv_kwp: Amount | None = None


class GradeEntry(Spanned):
    """`list_no`: the list that declares it."""

    account: No
    grade: Grade
    list_no: Text


class NeedEntry(Entry):
    """Declared by the customer; what is observed never comes from a file."""

    account: No
    need: Need
    since: Moment
    detail: Said = ""
    ended_at: Moment | None = None

    @model_validator(mode="after")
    def _said(self) -> Self:
        if self.need in DETAILED and "detail" in self.model_fields_set and not self.detail:
            raise ValueError("detail: say which help, or which channel")
        return self


class ConsentEntry(Entry):
    """`how`: the form, page or call by which it was given."""

    customer: Id
    purpose: Purpose
    given_at: Moment
    how: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    withdrawn_at: Moment | None = None


class PersonEntry(Entry):
    """`quiet_from` to `quiet_until`, local: not called then. No `since` means from the import on."""

    customer: Id
    role: PersonRole
    phone: Phone
    name: Text | None = None
    reach: Reach = Reach.CALL
    quiet_from: LocalTime | None = None
    quiet_until: LocalTime | None = None
    ended_at: Moment | None = None

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.quiet_from is None) != (self.quiet_until is None):
            raise ValueError("quiet_from and quiet_until come together")
        return self
