"""Four accounts of four classes, rows that fit them, and how rows are taken in."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cloud.billing.bill_kind import BILL
from cloud.customers.file.contract_terms import contract_terms
from cloud.customers.intake.all_kinds import CUSTOMER_KINDS
from cloud.customers.intake.documents import import_customers
from cloud.customers.intake.kinds import Taking
from cloud.fleet.imports import Report
from cloud.fleet.owners import owners
from cloud.kit.db import Database
from cloud.kit.errors import Invalid
from cloud.tariffs import catalogue

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
KINDS = (*CUSTOMER_KINDS, BILL)
SHIPPED = cache(catalogue.read)
TAKING = Taking("import", NOW, ZONE, SHIPPED, cache(lambda: contract_terms(None)), owners(None, "sole"))
CLASSES = {"1": "household", "2": "large_industry", "3": "business", "4": "farm"}
PARTIES: dict[str, Any] = {
    "customer": [{"id": f"C-{n}", "name": f"示例户 {n}"} for n in CLASSES],
    "account": [
        {"no": f"10{n}", "customer": f"C-{n}", "address": f"示例村 {n}", "class": class_}
        for n, class_ in CLASSES.items()
    ],
}
HOME = {
    "account": "101",
    "from_day": "2025-01-01",
    "tariff": "zhejiang-household",
    "plan": "plain",
    "voltage": "220 V",
    "persons": 5,
}
PLANT = {
    "account": "102",
    "from_day": "2025-01-01",
    "tariff": "hubei-industry",
    "plan": "tou",
    "voltage": "10 kV",
    "capacity_kva": 500,
    "basis": "demand",
    "standard": "0.90",
}
BILLED = {"account": "101", "month": "2026-01", "kwh": "210.5", "amount": "113.25", "due_on": "2026-02-15"}
Take = Callable[..., Report]


def as_csv(rows: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def put(records: Database, **parts: Any) -> Report:
    with records.write() as connection:
        return import_customers(connection, parts, TAKING).report


def refused(records: Database, **parts: Any) -> str:
    with pytest.raises(Invalid) as told, records.write() as connection:
        import_customers(connection, parts, TAKING)
    return "; ".join(told.value.problems)
