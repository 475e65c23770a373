"""Which products fit an account, why and what they pay; which do not, and why: read off what was advised.

Nothing is priced here: each rule kept what it found of every product beside its advice or its refusal.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, select

from cloud.customers.store import account_table
from cloud.tiers.advice import store
from cloud.tiers.advice.product_documents import Aim, Product
from cloud.tiers.advice.products import Products
from cloud.tiers.advice.store import STANDING, AdviceRow, RefusalRow, advice_table, refusal_table

KINDS = frozenset(each.value for each in Aim)


class Verdict(StrEnum):
    """`quiet`: nothing about the account calls for it, or nothing was reckoned yet."""

    FITS = "fits"
    REFUSED = "refused"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class Fit:
    """`cost` once, `saving` a year, in CNY; `payback` years. `why` and `params` are of a refusal. Of several
    that fit, `first` is the one that the advice's money is reckoned with."""

    product: Product
    verdict: Verdict
    units: Decimal | None = None
    cost: Decimal | None = None
    saving: Decimal | None = None
    payback: Decimal | None = None
    why: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    first: bool = False
    advice: int | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """Of all accounts: how many it fits, how many it was refused by reason, what it would save together."""

    product: Product
    fits: int
    refused: Mapping[str, int]
    saving: Decimal
    cost: Decimal


def of_account(connection: Connection, account: str, class_: str, products: Products, day: date) -> list[Fit]:
    """Those in force for its class: what fits, the dearest saving first, then what does not."""
    advice = {each.kind: each for each in store.of_account(connection, account)}
    refusals = {each.kind: each for each in store.refusals(connection, account)}
    found = [
        _fit(each, advice.get(each.answers), refusals.get(each.answers))
        for each in products.in_force(day)
        if class_ in each.for_.classes
    ]
    return sorted(found, key=_order)


def counted(connection: Connection, products: Products, day: date) -> list[Counted]:
    """All products in force, over all accounts that rules have judged."""
    in_force = products.in_force(day)
    said: dict[str, list[Mapping[str, Any]]] = {}
    for entry in (*_of_advice(connection), *_of_refusals(connection, in_force)):
        said.setdefault(str(entry.get("id")), []).append(entry)
    return [_counted(each, said.get(each.id, [])) for each in in_force]


def _of_advice(connection: Connection) -> Iterable[Mapping[str, Any]]:
    table = advice_table.c
    standing = select(table.evidence).where(
        table.state.in_([each.value for each in STANDING]), table.kind.in_(sorted(KINDS))
    )
    for evidence in connection.scalars(standing):
        yield from evidence.get("products", ())


def _of_refusals(connection: Connection, products: Sequence[Product]) -> Iterable[Mapping[str, Any]]:
    """A refusal that names no products is one of each that would have answered it."""
    table = refusal_table.c
    query = (
        select(table.kind, table.reason, table.params, account_table.c["class"].label("class_"))
        .join(account_table, account_table.c.no == table.account)
        .where(table.kind.in_(sorted(KINDS)))
    )
    for row in connection.execute(query):
        named = row.params.get("products")
        if named is not None:
            yield from named
            continue
        for each in products:
            if each.answers == row.kind and row.class_ in each.for_.classes:
                yield {"id": each.id, "refused": row.reason}


def _counted(product: Product, said: Sequence[Mapping[str, Any]]) -> Counted:
    fitting = [each for each in said if "refused" not in each]
    refused: dict[str, int] = {}
    for each in said:
        if "refused" in each:
            refused[each["refused"]] = refused.get(each["refused"], 0) + 1
    return Counted(
        product,
        len(fitting),
        dict(sorted(refused.items(), key=lambda each: -each[1])),
        sum((Decimal(each["saving"]) for each in fitting if each.get("saving")), Decimal(0)),
        sum((Decimal(each["cost"]) for each in fitting if each.get("cost")), Decimal(0)),
    )


def _fit(product: Product, advice: AdviceRow | None, refusal: RefusalRow | None) -> Fit:
    if advice is not None:
        entries = list(advice.evidence.get("products", ()))
        place = next((at for at, each in enumerate(entries) if each.get("id") == product.id), None)
        if place is not None:
            return _said(product, entries[place], first=place == 0, advice=advice.id)
    if refusal is not None:
        params = dict(refusal.params)
        listed = params.pop("products", ())
        entry = next((each for each in listed if each.get("id") == product.id), None)
        if entry is not None:
            return _said(product, entry, first=False, advice=None)
        return Fit(product, Verdict.REFUSED, why=refusal.reason, params=params)
    if product.free and not product.fit:  # whoever asks for it gets it
        return Fit(product, Verdict.FITS, cost=Decimal(0))
    return Fit(product, Verdict.QUIET)


def _said(product: Product, entry: Mapping[str, Any], *, first: bool, advice: int | None) -> Fit:
    if "refused" in entry:
        return Fit(product, Verdict.REFUSED, why=str(entry["refused"]), params=entry.get("params") or {})
    return Fit(
        product,
        Verdict.FITS,
        units=_number(entry.get("units")),
        cost=_number(entry.get("cost")),
        saving=_number(entry.get("saving")),
        payback=_number(entry.get("payback")),
        first=first,
        advice=advice,
    )


def _number(text: Any) -> Decimal | None:
    return None if text is None else Decimal(str(text))


def _order(fit: Fit) -> tuple[int, Decimal, str]:
    return list(Verdict).index(fit.verdict), -(fit.saving or Decimal(0)), fit.product.id
