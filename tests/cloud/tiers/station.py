"""A made-up station in a records database: accounts of every class with contracts, bills, consents, months.

Everything follows from the seed. The first customers have each something that others have not: see `Made`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import insert

from cloud.billing.store import bill_table
from cloud.customers.file.consents import consent_table
from cloud.customers.file.contracts import contract_table
from cloud.customers.intake.documents import import_customers
from cloud.fleet.registry import import_registry
from cloud.insight.indicators import months as indicators
from cloud.insight.indicators.months import COLUMNS, MonthRows
from cloud.kit.db import Database

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 10, 4, tzinfo=UTC)
"""The instant that the station is made for: October 2026 is its last whole month."""
LAST = date(2026, 10, 1)
MIX = {"household": 0.4, "business": 0.2, "farm": 0.2, "large_industry": 0.2}
STATION_MIX = {"household": 0.9, "business": 0.07, "farm": 0.025, "large_industry": 0.005}
"""As in a town."""
PER_AREA = 100


@dataclass(frozen=True, slots=True)
class Kind:
    """Of a class: kWh a month at the median, its spread, CNY/kWh, load factor, valley and peak shares."""

    voltage: str
    tariff: str
    plan: str
    kwh: float
    spread: float
    price: float
    factor: float
    valley: float
    peak: float


KINDS = {
    "household": Kind("220V", "zhejiang-household", "plain", 220, 0.6, 0.56, 0.30, 0.38, 0.30),
    "business": Kind("380V", "jiangsu-industry", "single", 3_000, 0.9, 0.75, 0.38, 0.22, 0.42),
    "farm": Kind("380V", "jiangsu-industry", "single", 900, 0.9, 0.55, 0.25, 0.35, 0.28),
    "large_industry": Kind("10kV", "hubei-industry", "tou", 180_000, 0.7, 0.68, 0.60, 0.34, 0.33),
}


@dataclass(frozen=True, slots=True)
class Sample:
    """`point` is the meter's own, `area` where it stands."""

    account: str
    customer: str
    point: str
    area: str
    class_: str
    energy_kwh: float


@dataclass(frozen=True, slots=True)
class Made:
    """`newcomer` came 40 days ago, `billless` has no bills, `debtor` owes three months, `unmetered` has no
    months; `months` first days, oldest first."""

    accounts: tuple[Sample, ...]
    months: tuple[date, ...]
    newcomer: Sample
    billless: Sample
    debtor: Sample
    unmetered: Sample

    def of(self, class_: str) -> list[Sample]:
        return [each for each in self.accounts if each.class_ == class_]

    def account(self, no: str) -> Sample:
        return next(each for each in self.accounts if each.account == no)


def made(
    database: Database,
    accounts: int = 60,
    months: int = 14,
    seed: int = 1,
    mix: Mapping[str, float] = MIX,
) -> Made:
    """So many accounts, one to a customer, with whole months up to October 2026."""
    random = np.random.default_rng(seed)
    samples = _samples(accounts, mix, random)
    span = tuple(_months_back(LAST, back) for back in range(months - 1, -1, -1))
    found = Made(tuple(samples), span, samples[1], samples[2], samples[3], samples[4])
    with database.write() as connection:
        import_registry(connection, _registry(samples))
        import_customers(connection, _customers(samples, found.newcomer))
        connection.execute(insert(contract_table), _contracts(samples, random))
        connection.execute(insert(consent_table), _consents(samples))
        for month in span:
            energy = _energy(samples, month, random)
            here = [
                row
                for row, each in enumerate(samples)
                if each is not found.unmetered and (each is not found.newcomer or month >= LAST)
            ]
            indicators.save(connection, _indicators(samples, here, month, energy, random), 1, NOW)
            connection.execute(insert(bill_table), _bills(found, month, energy, random))
    return found


def _samples(count: int, mix: Mapping[str, float], random: np.random.Generator) -> list[Sample]:
    """Classes as the mix has them; the first ten are households, so that the special ones are."""
    classes = [name for name, share in mix.items() for _ in range(round(share * count))][:count]
    classes += ["household"] * (count - len(classes))
    found = []
    for number, class_ in enumerate(classes):
        kind = KINDS[class_]
        energy = kind.kwh * float(np.exp(kind.spread * random.standard_normal()))
        area = f"A{number // PER_AREA:03}"
        found.append(
            Sample(f"T{number:06}", f"C-T{number:06}", f"P-{number:06}", area, class_, round(energy, 2))
        )
    return found


def _registry(samples: Sequence[Sample]) -> dict[str, Any]:
    areas = sorted({each.area for each in samples})
    return {
        "area": [
            {"id": area, "name": f"示例台区 {area}", "feeder": f"F{number // 10 + 1}"}
            for number, area in enumerate(areas)
        ],
        "gateway": [{"id": "gw-t", "name": "示例网关"}],
        "meter": [
            {
                "id": each.point,
                "address": f"{7_000_000_000 + number:012}",
                "model": "dlt645-2007-1p",
                "area": each.area,
                "gateway": "gw-t",
                "line": each.area,
                "interval_s": 900,
            }
            for number, each in enumerate(samples)
        ],
    }


def _customers(samples: Sequence[Sample], newcomer: Sample) -> dict[str, Any]:
    old, new = datetime(2024, 1, 1, tzinfo=UTC), NOW - timedelta(days=40)
    return {
        "customer": [
            {"id": each.customer, "name": f"示例户 {each.account}", "language": "zh_CN"} for each in samples
        ],
        "account": [
            {
                "no": each.account,
                "customer": each.customer,
                "address": f"示例村 {number}",
                "class": each.class_,
            }
            for number, each in enumerate(samples)
        ],
        "service": [
            {
                "account": each.account,
                "meter": each.point,
                "start": (new if each is newcomer else old).isoformat(),
            }
            for each in samples
        ],
    }


def _contracts(samples: Sequence[Sample], random: np.random.Generator) -> list[dict[str, Any]]:
    rows = []
    for each in samples:
        kind = KINDS[each.class_]
        large, home = each.class_ == "large_industry", each.class_ == "household"
        mean_kw = each.energy_kwh / 730
        capacity = _round_up(mean_kw / kind.factor * random.uniform(1.1, 2.0), 50 if large else 5)
        rows.append(
            {
                "account": each.account,
                "from_day": date(2024, 1, 1),
                "tariff": kind.tariff,
                "plan": kind.plan,
                "voltage": kind.voltage,
                "capacity_kva": None if home else Decimal(max(capacity, 315 if large else 5)),
                "basis": "capacity" if large else None,
                "standard": {"large_industry": 90, "business": 85, "farm": 80}.get(each.class_),
                "price_source": "administered" if home else "agency_purchase",
                "persons": int(random.integers(1, 8)) if home else None,
                "round_the_clock": bool(random.random() < 0.3) if large else None,
                "pv_kwp": Decimal(8) if random.random() < 0.08 else None,
            }
        )
    return rows


def _consents(samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """Every second agrees to offers and observation, every third to be asked to shift load."""
    purposes = (("offers", 2), ("observation", 2), ("response", 3))
    return [
        {
            "customer": each.customer,
            "purpose": purpose,
            "given_at": datetime(2025, 1, 1, tzinfo=UTC),
            "how": "示例表单",
            "by": "operator",
        }
        for number, each in enumerate(samples)
        for purpose, every in purposes
        if number % every == 0
    ]


def _energy(samples: Sequence[Sample], month: date, random: np.random.Generator) -> NDArray[np.float64]:
    """(accounts,) kWh of a month: a season, a growth that is each account's own, and chance."""
    base = np.array([each.energy_kwh for each in samples])
    number = np.arange(len(samples))
    season = {"household": 0.3, "business": 0.2, "farm": 0.6, "large_industry": 0.05}
    amplitude = np.array([season[each.class_] for each in samples])
    growth = 1 + ((number * 7919) % 21 - 10) / 100
    years = (month.year - LAST.year) + (month.month - LAST.month) / 12
    wave = 1 + amplitude * np.cos(2 * np.pi * (month.month - 8) / 12)
    chance: NDArray[np.float64] = np.exp(0.05 * random.standard_normal(len(samples)))
    kwh: NDArray[np.float64] = base * wave * growth**years * chance
    return kwh


def _indicators(
    samples: Sequence[Sample],
    here: Sequence[int],
    month: date,
    energy: NDArray[np.float64],
    random: np.random.Generator,
) -> MonthRows:
    days = (_months_back(month, -1) - month).days
    some = [samples[row] for row in here]
    number = np.array(here)
    kinds = [KINDS[each.class_] for each in some]

    def around(of: str, own: int) -> NDArray[np.float64]:
        """What the class has, an account's own part of it, and a little chance."""
        usual = np.array([getattr(kind, of) for kind in kinds])
        habit = 1 + 0.3 * np.sin(number * own)
        found: NDArray[np.float64] = np.clip(
            usual * habit * (1 + 0.02 * random.standard_normal(len(number))), 0.02, 0.95
        )
        return found

    factor, valley, peak = around("factor", 3), around("valley", 5), around("peak", 7)
    kwh = energy[number]
    mean_kw = kwh / (24 * days)
    count = len(number)
    known: dict[str, NDArray[np.float64]] = {
        "energy_kwh": kwh,
        "mean_kw": mean_kw,
        "max_kw": mean_kw / factor,
        "min_kw": mean_kw * 0.2,
        "base_kw": mean_kw * 0.4 * (1 + factor) / 2,
        "load_factor": factor,
        "mean_daily_load_factor": np.minimum(1, factor * 1.3),
        "month_load_factor": np.minimum(1, factor * 1.6),
        "max_hours": factor * 24 * days,
        "valley_share": valley,
        "peak_share": np.minimum(peak, 0.98 - valley),
        "flat_share": 1 - valley - np.minimum(peak, 0.98 - valley),
        "sharp_share": np.zeros(count),
        "deep_valley_share": np.zeros(count),
        "night_share": valley,
        "daytime_share": 1 - valley,
        "weekend_ratio": np.full(count, 0.9),
        "day_cv": np.full(count, 0.2),
        "zero_days": np.zeros(count),
        "coverage": np.full(count, 0.99),
        "estimated_share": np.full(count, 0.01),
        "valid_days": np.full(count, float(days)),
        "max_measured": np.ones(count),
    }
    values = {
        name: known.get(name, np.full(count, np.nan)).astype(np.float32)
        for name in COLUMNS
    }  # fmt: skip
    areas = tuple(each.area for each in some)
    return MonthRows(month, tuple(each.point for each in some), areas, np.full(count, days), values)


def _bills(
    found: Made, month: date, energy: NDArray[np.float64], random: np.random.Generator
) -> list[dict[str, Any]]:
    """Due on the 25th of the next month; some pay late, one has not paid for three months."""
    after = _months_back(month, -1)
    due = after.replace(day=25)
    late = random.random(len(found.accounts)) < 0.08
    rows = []
    for number, each in enumerate(found.accounts):
        if each is found.billless or (each is found.newcomer and month < LAST):
            continue
        kwh = Decimal(str(round(float(energy[number]), 3)))
        habit = int((number * 31) % 14)
        paid: date | None = due + timedelta(days=12 if late[number] else -habit)
        owes = each is found.debtor and _months_back(LAST, 3) <= month
        if owes or (paid is not None and paid > NOW.date()):
            paid = None
        amount = (kwh * Decimal(str(KINDS[each.class_].price))).quantize(Decimal("0.01"))
        rows.append(
            {
                "account": each.account,
                "month": month,
                "kwh": kwh,
                "amount": amount,
                "due_on": due,
                "paid_on": paid,
                "origin": "import",
            }
        )
    return rows


def _months_back(month: date, back: int) -> date:
    number = month.year * 12 + month.month - 1 - back
    return date(number // 12, number % 12 + 1, 1)


def _round_up(value: float, step: int) -> int:
    return int(-(-value // step) * step)
