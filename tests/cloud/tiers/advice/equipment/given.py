"""Accounts made up for the rules on equipment: documents with round prices, a year of the same months."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.profile.temperature import Sensitivity
from cloud.customers.file.contracts import Contract
from cloud.insight.profile.store import Profile, TypicalDay
from cloud.kit.calendar import Calendar
from cloud.kit.money import total
from cloud.tariffs.catalogue import Catalogue, parsed
from cloud.tariffs.usage import Part, month_end
from cloud.tiers.advice import products
from cloud.tiers.advice.by_plan import Exact
from cloud.tiers.advice.documents import documents
from cloud.tiers.advice.equipment.around import Around, Sized
from cloud.tiers.advice.equipment.ground import Ground
from cloud.tiers.advice.equipment.hours import BandDays
from cloud.tiers.advice.equipment.policy import equipment_policy
from cloud.tiers.advice.pricing import bill, change_of
from cloud.tiers.advice.product_documents import Product
from cloud.tiers.advice.rules import Advice, Demand, Facts, MonthUse, Refused

TODAY = date(2026, 11, 10)
HEAD = """\
id = "{id}"
name = {{ zh_CN = "试", en = "made up" }}
province = "浙江"
class = "business"
from = 2020-01-01
source = "made up"
"""
FLAT = (
    HEAD.format(id="flat")
    + '[[plan]]\nid = "plain"\nname = {zh_CN = "单", en = "one"}\nprices = [{flat = 0.5}]\n'
)
HOURS = (
    HEAD.format(id="hours")
    + """\
[two_part]
capacity = 25
demand = 40

[[plan]]
id = "tou"
name = { zh_CN = "分时", en = "hours" }
prices = [{ sharp = 1.25, peak = 1.0, flat = 0.6, valley = 0.25 }]

[[plan.windows]]
sharp = ["19:00-21:00"]
peak = ["08:00-11:00", "17:00-19:00", "21:00-22:00"]
flat = ["11:00-17:00", "22:00-24:00"]
valley = ["00:00-08:00"]
"""
)
CATALOGUE = Catalogue([parsed(FLAT, "flat.toml"), parsed(HOURS, "hours.toml")])
MONTHS = tuple(date(2025 + (9 + at) // 12, (9 + at) % 12 + 1, 1) for at in range(13))
"""October 2025 to October 2026."""


def ground(**around: Any) -> Ground:
    found = tuple(products.read().in_force(TODAY))
    return Ground(found, equipment_policy(), BandDays(Calendar()), Around(**around))


def only(of: Ground, *names: str, **changed: Any) -> Ground:
    """With these products alone, changed in this."""
    kept = [each.model_copy(update=changed) for each in of.products if each.id in names]
    return replace(of, products=tuple(kept))


def product(of: Ground, name: str) -> Product:
    return next(each for each in of.products if each.id == name)


def facts(
    class_: str = "business",
    *,
    kwh: Mapping[str, float] | None = None,
    tariff: str = "hours",
    months: Sequence[date] = MONTHS,
    contract: Mapping[str, Any] | None = None,
    reactive: tuple[float | None, float | None] = (None, None),
    demand_kw: float | None = None,
    estimated: float = 0.0,
    **more: Any,
) -> Facts:
    """The same kWh by band in each month; `reactive` kvarh of a month, drawn and given back."""
    plan = {"flat": "plain", "hours": "tou"}[tariff]
    used = kwh or {"flat": 1000}
    terms: dict[str, Any] = {"capacity_kva": Decimal(100), "voltage": "380V"} | dict(contract or {})
    its = Contract("A1", "C1", class_, date(2020, 1, 1), None, tariff, plan, **terms)
    return Facts(
        TODAY,
        its,
        documents(CATALOGUE, tariff),
        ("p1",),
        tuple(_month(each, plan, used, reactive, demand_kw, estimated) for each in months),
        **more,
    )


def _month(
    month: date,
    plan: str,
    kwh: Mapping[str, float],
    reactive: tuple[float | None, float | None],
    demand_kw: float | None,
    estimated: float,
) -> MonthUse:
    exact = {band: Decimal(str(value)) for band, value in kwh.items()}
    last = month_end(month)
    drawn, back = (None if each is None else Decimal(str(each)) for each in reactive)
    peak = None if demand_kw is None else Demand(Decimal(str(demand_kw)), datetime(2026, 1, 1, tzinfo=UTC))
    parts = {plan: (Part(month, last, exact),)}
    return MonthUse(month, month, last, True, Exact(parts), 1.0, estimated, peak, drawn, back)


def profile(
    work: NDArray[np.float32] | float = 1.0,
    off: NDArray[np.float32] | float | None = None,
    temperature: Sensitivity | None = None,
    area: str = "T1",
) -> Profile:
    days = [np.broadcast_to(np.float32(each), (96,)).copy() for each in (work, work if off is None else off)]
    typical = [TypicalDay(TODAY, each) for each in days]
    return Profile(
        "p1", area, MONTHS[-1], datetime(2026, 11, 1, tzinfo=UTC), MONTHS[0], TODAY, 300, False, 1.0, 0.0,
        typical[0], typical[1], None, None, None, None, temperature, None, None, (),
    )  # fmt: skip


def sized(kind: str, size: float, values: Sequence[float]) -> dict[str, Sized]:
    return {kind: Sized((size,) * len(values), np.array(values))}


def bases(now: float, before: float) -> dict[str, Any]:
    """Base load of a year ago and of the newest month; means of a year."""
    base = np.full(13, now, np.float32)
    base[0] = before
    return {
        "indicator_months": MONTHS,
        "indicators": {"base_kw": base},
        "own": {"base_kw": now, "mean_kw": 4 * now, "max_kw": 10 * now},
    }


def advised(found: Advice | Refused | None, of: Facts) -> Advice:
    """The advice, whose saving is what the two bills, priced here again, differ by."""
    assert isinstance(found, Advice), found
    assert found.bills is not None
    months = [each for each in of.months if each.first >= found.bills.first]
    now, then = bill(of, months), bill(of, months, change_of(found.bills.change))
    assert found.saving == now.total - then.total > 0
    assert found.bills.now == now
    assert found.bills.then == then
    first = found.evidence["products"][0] if found.evidence["products"] else None
    assert first is None or "refused" in first or Decimal(first["saving"]) <= found.saving
    return found


def refused(found: Advice | Refused | None, reason: str) -> Mapping[str, Any]:
    assert isinstance(found, Refused), found
    assert found.reason == reason, found
    return found.params


def kwh_change(found: Advice) -> dict[str, Decimal]:
    """kWh of the year that is added to each band."""
    assert found.bills is not None
    change = change_of(found.bills.change).added_kwh
    bands = {band for each in change.values() for band in each}
    return {band: total(each.get(band, Decimal(0)) for each in change.values()) for band in bands}
