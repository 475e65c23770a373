"""The difference of two bills on the same energies, written out; unknown, with its reason, else."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from cloud.customers.file.contracts import Contract
from cloud.insight.energies import store as energies
from cloud.insight.energies.store import FLAT, HEAD, Block
from cloud.kit.db import Database
from cloud.tariffs.catalogue import Catalogue, parsed
from cloud.tariffs.usage import month_end
from cloud.tiers.mismatch.policy import mismatch_policy
from cloud.tiers.mismatch.priced import Place, Priced, Unpriced, differences, usual_tariffs

NOW = datetime(2026, 5, 1, tzinfo=UTC)
MONTHS = [date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)]
POLICY = mismatch_policy().limits
PLACE = Place("1", "m-1", "A1", "business", date(2025, 1, 1))
"""1 uses 100 kWh a month at 0.5 CNY as a household and 0.8 CNY as a shop."""


def document(name: str, class_: str, price: str) -> str:
    return f"""
id = "{name}"
name = {{ zh_CN = "示例", en = "sample" }}
province = "示例"
class = "{class_}"
from = 2020-01-01
source = "made up"
[[plan]]
id = "plain"
name = {{ zh_CN = "示例", en = "sample" }}
prices = [{{ flat = {price} }}]
"""


CATALOGUE = Catalogue(
    [parsed(document("home", "household", "0.5"), "h"), parsed(document("shop", "business", "0.8"), "s")]
)


def contract(account: str, class_: str, tariff: str, plan: str = "plain") -> Contract:
    return Contract(account, f"C-{account}", class_, date(2020, 1, 1), None, tariff, plan, "220V")


CONTRACTS = {
    "1": contract("1", "household", "home"),
    **{f"9{n}": contract(f"9{n}", "business", "shop") for n in range(5)},
}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path}/records.db")
    made.migrate()
    with made.write() as connection:
        energies.replace(connection, [block(month) for month in MONTHS], NOW)
    yield made
    made.close()


def block(month: date, missing: int = 0) -> Block:
    row = np.zeros((1, len(HEAD) + 5))
    row[0, :5] = month.toordinal(), month_end(month).toordinal(), 2976, 2976 - missing, 0
    row[0, len(HEAD) + 2] = 100.0
    return Block(month, "A1", (FLAT,), ("m-1",), row)


def difference(
    database: Database, place: Place = PLACE, contracts: dict[str, Contract] = CONTRACTS, months: int = 3
) -> Priced:
    with database.read() as connection:
        found = differences(connection, [place], contracts, CATALOGUE, POLICY, MONTHS[:months])
    return found["1"]


def test_it_is_the_other_bill_less_the_present_one_on_the_same_energies(database: Database) -> None:
    found = difference(database)
    assert found.difference == Decimal("90.00"), "300 kWh x (0.80 - 0.50) CNY"
    assert (found.told["now"]["total"], found.told["other"]["total"]) == ("150.00", "240.00")
    assert found.told["now"]["kwh"] == found.told["other"]["kwh"]
    assert (found.told["first"], found.told["last"]) == ("2026-01-01", "2026-03-31")


def test_months_across_a_new_year_have_one_years_allowance(tmp_path: Path) -> None:
    """100 kWh in each of November to January, 150 kWh a year at the first step's price: 150 cost 0.10 more.
    Reckoned by calendar years it would be 50 (200 - 150) and none: 5.00 CNY for 15.00."""
    steps = '[steps]\ncycle = "year"\nadders = [0.10]\nlimits = [{ kwh = [150] }]\n[[plan]]'
    home = document("home", "household", "0.5").replace("[[plan]]", steps) + "steps = true\n"
    catalogue = Catalogue([parsed(home, "h"), parsed(document("shop", "business", "0.8"), "s")])
    months = [date(2025, 11, 1), date(2025, 12, 1), date(2026, 1, 1)]
    made = Database(f"sqlite:///{tmp_path}/winter.db")
    made.migrate()
    with made.write() as connection:
        energies.replace(connection, [block(month) for month in months], NOW)
    with made.read() as connection:
        found = differences(connection, [PLACE], CONTRACTS, catalogue, POLICY, months)["1"]
    made.close()
    assert found.told["now"]["total"] == "165.00"
    assert found.difference == Decimal("75.00")


def test_what_lacks_is_said_and_nothing_is_guessed(database: Database) -> None:
    market = replace(CONTRACTS["1"], price_source="market")
    gone = {**CONTRACTS, "1": contract("1", "household", "home", "another")}
    few = {no: each for no, each in CONTRACTS.items() if no != "90"}
    alone = {no: each for no, each in CONTRACTS.items() if no != "1"}
    for contracts, reason in (
        (alone, Unpriced.NO_CONTRACT),
        (few, Unpriced.NO_USUAL_TARIFF),
        ({**CONTRACTS, "1": market}, Unpriced.MARKET_PRICE),
        (gone, Unpriced.TOO_FEW_MONTHS),
    ):
        found = difference(database, contracts=contracts)
        assert (found.difference, found.told["reason"]) == (None, reason)


def test_a_hole_in_a_month_or_a_tenant_of_before_is_no_year(database: Database) -> None:
    late = replace(PLACE, since=date(2026, 1, 15))
    assert difference(database, late).told["reason"] == Unpriced.TOO_FEW_MONTHS
    with database.write() as connection:
        energies.replace(connection, [block(MONTHS[1], missing=1)], NOW)
    found = difference(database)
    assert found.told == {"reason": Unpriced.TOO_FEW_MONTHS, "months": 2}


def test_the_usual_tariff_is_what_most_of_the_family_have_at_that_voltage() -> None:
    high = [replace(contract(f"8{n}", "large_industry", "high"), voltage="10kV") for n in range(6)]
    found = usual_tariffs([*CONTRACTS.values(), *high], POLICY)
    assert found["business", "220V"] == ("shop", "plain")
    assert found["business", "10kV"] == ("high", "plain")
    assert found["business", "low"] == ("shop", "plain"), "for a voltage that too few have"
    assert found["business", "high"] == ("high", "plain")
    assert ("household", "220V") not in found, "one contract is no usage"
