"""What the other class's usual tariff would have come to: the difference of two bills on the same months.

Energy and steps alone: a basic charge and the power factor depend on what another contract would say. Where
anything is not known there is no difference, and the reason is told.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import partial
from typing import Any

from sqlalchemy import Connection

from cloud.customers.file.contracts import Contract
from cloud.insight.energies import store as energies
from cloud.insight.energies.plans import key_of
from cloud.kit.errors import NotFound
from cloud.tariffs.catalogue import Catalogue
from cloud.tariffs.documents import PriceSource, Tariff
from cloud.tariffs.price import price
from cloud.tariffs.usage import Household, Part, Usage
from cloud.tariffs.variants import Variant, varied
from cloud.tiers.mismatch.policy import MismatchPolicy


class Unpriced(StrEnum):
    """Why there is no difference."""

    NO_CONTRACT = "no_contract"
    NO_USUAL_TARIFF = "no_usual_tariff"
    MARKET_PRICE = "market_price"
    TOO_FEW_MONTHS = "too_few_months"
    NO_PRICE = "no_price"


@dataclass(frozen=True, slots=True)
class Priced:
    """`difference` yuan of the months in `told`, the other bill less the present one."""

    difference: Decimal | None
    told: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a case's energy was measured, and since when the account is served there."""

    account: str
    point: str
    area: str
    seems: str
    since: date


def usual_tariffs(
    contracts: Collection[Contract], policy: MismatchPolicy
) -> dict[tuple[str, str], tuple[str, str]]:
    """(tariff, plan) that most contracts of a family have, only of enough: by (family, voltage), and by
    (family, "low" or "high") for a voltage that too few have."""
    count: dict[tuple[str, str], Counter[tuple[str, str]]] = defaultdict(Counter)
    for each in contracts:
        family = policy.family(each.class_)
        if family is not None and each.price_source != PriceSource.MARKET:
            for voltage in (each.voltage, _level(each.voltage)):
                count[family, voltage][each.tariff, each.plan] += 1
    found = {}
    for key, of in count.items():
        ranked = sorted(of.items(), key=lambda item: (-item[1], item[0]))
        if ranked[0][1] >= policy.price.least_contracts:
            found[key] = ranked[0][0]
    return found


def differences(
    connection: Connection,
    places: Sequence[Place],
    contracts: Mapping[str, Contract],
    catalogue: Catalogue,
    policy: MismatchPolicy,
    months: Sequence[date],
) -> dict[str, Priced]:
    """By account; `months` the first days of those to be priced, oldest first."""
    usual = usual_tariffs(list(contracts.values()), policy)
    asked: dict[str, tuple[Place, Contract, tuple[str, str]]] = {}
    found: dict[str, Priced] = {}
    for each in places:
        contract = contracts.get(each.account)
        if contract is None:
            found[each.account] = _unknown(Unpriced.NO_CONTRACT)
        elif contract.price_source == PriceSource.MARKET:
            found[each.account] = _unknown(Unpriced.MARKET_PRICE)
        elif (
            other := usual.get((each.seems, contract.voltage))
            or usual.get((each.seems, _level(contract.voltage)))
        ) is None:
            found[each.account] = _unknown(Unpriced.NO_USUAL_TARIFF)
        elif not months or each.since > months[0]:
            found[each.account] = _unknown(Unpriced.TOO_FEW_MONTHS)
        else:
            asked[each.account] = (each, contract, other)
    blocks = _blocks(connection, {place.area for place, *_ in asked.values()}, months)
    for account, (place, contract, other) in asked.items():
        mine = blocks.get(place.area, [])
        found[account] = _difference(place, contract, other, catalogue, mine, len(months))
    return found


def _difference(
    place: Place,
    contract: Contract,
    other: tuple[str, str],
    catalogue: Catalogue,
    blocks: Sequence[energies.Block],
    months: int,
) -> Priced:
    plans = {"now": (contract.tariff, contract.plan), "other": other}
    parts = {name: _parts(blocks, place.point, catalogue, *plan) for name, plan in plans.items()}
    fewest = min(len({part.first.replace(day=1) for part in each}) for each in parts.values())
    if fewest < months:
        return _unknown(Unpriced.TOO_FEW_MONTHS, months=fewest)
    household = Household(persons=contract.persons, moved_in=contract.moved_in)
    bills: dict[str, Any] = {}
    total: dict[str, Decimal] = {}
    for name, (tariff, plan) in plans.items():
        try:
            in_force = partial(_in_force, catalogue, tariff, parts[name][0].first.month)
            bill = price(in_force, plan, Usage(parts[name], household))
        except (NotFound, ValueError) as error:
            return _unknown(Unpriced.NO_PRICE, tariff=tariff, plan=plan, lacking=str(error)[:200])
        total[name] = bill.total
        bills[name] = {"tariff": tariff, "plan": plan, "total": str(bill.total), "kwh": str(bill.kwh)}
    span = {"first": f"{parts['now'][0].first}", "last": f"{parts['now'][-1].last}", "months": months}
    return Priced(total["other"] - total["now"], bills | span | {"of": "energy"})


def _in_force(catalogue: Catalogue, tariff: str, begins_month: int, day: date) -> Tariff:
    """The document of a day, a year of steps as if it began with the first month that is priced: twelve
    months have one year's allowance, whenever its own year begins."""
    return varied(catalogue.in_force(tariff, day), Variant(begins_month))


def _parts(
    blocks: Sequence[energies.Block], point: str, catalogue: Catalogue, tariff: str, plan: str
) -> tuple[Part, ...]:
    """Of whole months alone: where a slot is missing or a plan is not kept, the month is not there."""
    found: list[Part] = []
    for block in blocks:
        rows = [row for row, name in enumerate(block.points) if name == point]
        parts = [_part(block, row, catalogue, tariff, plan) for row in rows]
        whole = [part for part in parts if part is not None]
        found += whole if len(whole) == len(parts) else []
    return tuple(found)


def _part(block: energies.Block, row: int, catalogue: Catalogue, tariff: str, plan: str) -> Part | None:
    if block.column("known")[row] < block.column("slots")[row]:
        return None
    first, last = (date.fromordinal(int(block.column(each)[row])) for each in ("first", "last"))
    key = key_of(catalogue, tariff, plan, first, last)
    return None if key is None or key not in block.plans else block.part(row, key)


def _blocks(
    connection: Connection, areas: Collection[str], months: Sequence[date]
) -> dict[str, list[energies.Block]]:
    found: dict[str, list[energies.Block]] = defaultdict(list)
    if areas and months:
        for block in energies.blocks(connection, months[0], months[-1], areas):
            found[block.area].append(block)
    return found


def _level(voltage: str) -> str:
    """A home of 220 V is compared with shops of 380 V, never with a mill of 10 kV."""
    return "high" if "kv" in voltage.lower() else "low"


def _unknown(why: Unpriced, **said: Any) -> Priced:
    return Priced(None, {"reason": why.value} | said)
