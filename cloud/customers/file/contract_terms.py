"""Whether a contract may be as it is said: its tariff and plan, class, capacity, and how its basic charge is.

Refused with the reason; the numbers are the tariff's own and those of policies/contracts.toml.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from cloud import policies
from cloud.kit.errors import NotFound
from cloud.tariffs.catalogue import Catalogue
from cloud.tariffs.documents import CustomerClass, Tariff
from cloud.tariffs.two_part import Basis

AccountClass = Literal["large_industry", "business", "household", "farm", "other"]


class ContractTerms(BaseModel):
    """`accepts`: by class of the account, the classes of tariffs that it may be on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str
    source: str
    two_part_least_kva: Annotated[Decimal, Field(ge=0, le=100_000)]
    accepts: dict[AccountClass, frozenset[CustomerClass]]


def contract_terms(folder: Path | None) -> ContractTerms:
    return policies.read("contracts", ContractTerms, folder)


def objections(
    values: Mapping[str, Any], class_: str, catalogue: Catalogue, terms: ContractTerms
) -> Iterator[str]:
    """Each reason against a contract with these columns of `contract_table` for an account of that class."""
    try:
        documents = catalogue.documents(values["tariff"])
    except NotFound as error:
        yield f"tariff: {error}"
        return
    tariff = _of(documents, values["from_day"])
    plans = sorted({plan.id for each in documents for plan in each.plans})
    if values["plan"] not in plans:
        yield f"plan: {tariff.id} has no plan {values['plan']!r}; it has {', '.join(plans)}"
    if tariff.class_ not in terms.accepts.get(class_, ()):  # type: ignore[call-overload]
        yield (
            f"tariff: {tariff.id} is for {tariff.class_} and the account is {class_}: "
            "mend the account's class or the contract"
        )
    yield from _basic_charge(values, class_, tariff, terms)
    yield from _only_where_it_counts(values, class_)


def _of(documents: list[Tariff], day: date) -> Tariff:
    """What holds when the contract begins; of one older than every document, the first of them."""
    held = (each for each in documents if each.to is None or each.to > day)
    return next(held, documents[-1])


def _basic_charge(
    values: Mapping[str, Any], class_: str, tariff: Tariff, terms: ContractTerms
) -> Iterator[str]:
    basis, capacity = values["basis"], values["capacity_kva"]
    if basis is None:
        if class_ == CustomerClass.LARGE_INDUSTRY and tariff.two_part is not None:
            yield "basis: large industry pays a basic charge: say capacity, demand or contract"
    elif tariff.two_part is None:
        yield f"basis: {tariff.id} has no two-part terms: there is no basic charge on it"
    elif capacity is None:
        yield "capacity_kva: a basic charge needs the capacity"
    elif capacity < terms.two_part_least_kva:
        least = terms.two_part_least_kva.normalize()
        yield f"basis: {capacity.normalize():f} kVA: in two parts from {least:f} kVA on"
    elif basis == Basis.CONTRACT:
        yield from _contracted(values["contracted_kw"], capacity, tariff.two_part.least_share)
    if basis != Basis.CONTRACT and values["contracted_kw"] is not None:
        yield "contracted_kw: is for the basis contract alone"
    if basis is None and values["basis_fixed_until"] is not None:
        yield "basis_fixed_until: there is no basis that could be fixed"


def _contracted(contracted_kw: Decimal | None, capacity: Decimal, least_share: Decimal) -> Iterator[str]:
    if contracted_kw is None:
        yield "contracted_kw: the basis contract needs the contracted demand"
        return
    least = least_share * capacity
    if contracted_kw < least:
        yield (
            f"contracted_kw: {contracted_kw.normalize():f} kW: at least {least.normalize():f} kW "
            f"for {capacity.normalize():f} kVA"
        )
    if contracted_kw > capacity:
        yield f"contracted_kw: {contracted_kw.normalize():f} kW is over {capacity.normalize():f} kVA"


def _only_where_it_counts(values: Mapping[str, Any], class_: str) -> Iterator[str]:
    if class_ == CustomerClass.HOUSEHOLD:
        for name in ("standard", "basis_fixed_until", "round_the_clock"):
            if values[name]:
                yield f"{name}: is of no household"
    elif values["persons"] is not None:
        yield "persons: is of households alone"
