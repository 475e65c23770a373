"""Reminders without money: by grade and need alone; and every class has something that fits it."""

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from cloud.customers.file.consents import Purpose
from cloud.customers.file.grades import Grade
from cloud.customers.file.needs import Need
from cloud.tiers.advice.equipment import KINDS, ruled
from cloud.tiers.advice.equipment.ground import ANSWERS
from cloud.tiers.advice.equipment.reminders import important_inspection, training, voltage_quality
from cloud.tiers.advice.product_facts import NAMES, NEEDS
from cloud.tiers.advice.rules import Advice
from tests.cloud.tiers.advice.equipment.given import bases, facts, ground, profile, refused, sized

SENSITIVE = {"A1": frozenset({Need.VOLTAGE})}


def test_an_important_customers_reminder_follows_from_the_grade_alone() -> None:
    found = [
        important_inspection(ground(), facts("large_industry", grade=Grade.FIRST, **more))
        for more in ({}, {"kwh": {"flat": 9_000_000}}, {"months": ()}, {"contract": {"capacity_kva": None}})
    ]
    first = found[0]
    assert isinstance(first, Advice)
    assert all(each == first for each in found)
    assert first.saving is None
    assert first.evidence["every_months"] == 6
    assert first.evidence["standby_share"] == 1.2
    assert first.evidence["certain"] is False
    assert important_inspection(ground(), facts("large_industry")) is None


def test_voltage_is_a_word_to_those_it_matters_to_where_it_was_bad() -> None:
    of = facts(profile=profile())
    found = voltage_quality(ground(needs=SENSITIVE, voltage={"T1": 0.95}), of)
    assert isinstance(found, Advice)
    assert found.evidence["rate"] == 0.95
    assert voltage_quality(ground(needs=SENSITIVE, voltage={"T1": 0.99}), of) is None
    assert voltage_quality(ground(voltage={"T1": 0.95}), of) is None
    refused(voltage_quality(ground(needs=SENSITIVE), of), "area_unknown")


def test_small_businesses_are_offered_a_course_without_any_money() -> None:
    found = training(ground(), facts(contract={"capacity_kva": Decimal(50)}))
    assert isinstance(found, Advice)
    assert found.saving is None
    offered = {each["id"]: each.get("refused") for each in found.evidence["products"]}
    assert offered["energy-training"] is None
    assert offered["monthly-report"] == "not_fit"
    assert training(ground(), facts(contract={"capacity_kva": Decimal(400)})) is None
    assert training(ground(), facts("household")) is None
    report = training(ground(), facts("large_industry", kwh={"flat": 90_000}))
    assert isinstance(report, Advice)
    assert [each["id"] for each in report.evidence["products"]] == ["monthly-report"]


def test_every_fact_that_a_file_may_ask_for_is_answered_by_somebody() -> None:
    of_rules = NEEDS | {"cooling_share"}
    assert set(NAMES) - of_rules <= set(ANSWERS)
    assert set(ANSWERS) <= set(NAMES)


LONG_DAY = np.where((np.arange(96) >= 32) & (np.arange(96) < 72), 10.0, 1.0).astype(np.float32)


@pytest.mark.parametrize(
    ("class_", "more"),
    [
        ("large_industry", {"contract": {"standard": 90, "capacity_kva": Decimal(400), "basis": "capacity"},
                            "kwh": {"flat": 72_000}, "reactive": (54_000, 0),
                            "own": {"max_ramp_kw": 10.0, "max_kw": 200.0}}),
        ("business", {"kwh": {"flat": 3000}, "demand_kw": 15.0}),
        ("household", bases(now=2.0, before=1.5)),
        ("farm", {"shares": {"peak": 0.5}, "kwh": {"peak": 1500, "flat": 500, "valley": 1000},
                  "own": {"base_kw": 0.1, "mean_kw": 4.0}}),
    ],
)  # fmt: skip
def test_every_class_gets_something_worth_money(class_: str, more: dict[str, Any]) -> None:
    of = facts(class_, profile=profile(LONG_DAY), consents=frozenset({Purpose.ROOF}), **more)
    peers = {"household": sized("household", 8.0, [1.0] * 20)["household"]}
    rules = [each for each in ruled(ground(bases=peers)) if class_ in each.classes]
    found = [said for each in rules if isinstance(said := each.rule(of), Advice)]
    assert any((each.saving or 0) > 0 for each in found)
    assert {each.kind for each in found} <= set(KINDS)
