"""The village with advice on equipment: what the rules say of made-up accounts, kept as advising keeps it."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np

from cloud.tiers.advice import keeping
from cloud.tiers.advice.actions import judge
from cloud.tiers.advice.equipment import KINDS, ruled
from cloud.tiers.advice.keeping import Found
from cloud.tiers.advice.rules import Advice, Facts, Refused
from tests.cloud.tiers.advice.equipment import given
from tests.cloud.web.village import NOW, Village

HOUSE, SHOP = "6001030", "6001031"
NEIGHBOUR = "6003020"
DAY = np.where((np.arange(96) >= 32) & (np.arange(96) < 72), 10.0, 1.0).astype(np.float32)


def told(village: Village) -> None:
    """C-0103's house wastes standby power and has five persons; the shop burns old lamps, has no consent."""
    home: dict[str, Any] = {
        "kwh": {"sharp": 300, "peak": 800, "flat": 900, "valley": 900},
        "contract": {"capacity_kva": None, "persons": 5},
        "demand_kw": 12.0,
    }
    house = given.facts("household", **(home | given.bases(now=2.0, before=1.5)))
    shop = given.facts(
        "business",
        kwh={"peak": 1500, "flat": 1500},
        demand_kw=15.0,
        own={"daytime_share": 0.9},
        profile=given.profile(DAY),
        contract={"capacity_kva": Decimal(80)},
    )
    of = given.ground(bases=given.sized("household", 8.0, [1.0] * 20))
    rules = ruled(of)
    said = [each for facts in (_as(house, HOUSE), _as(shop, SHOP)) for each in judge(facts, rules)]
    found = Found(
        frozenset(KINDS),
        frozenset(),
        frozenset({HOUSE, SHOP}),
        [each for each in said if isinstance(each, Advice)],
        [each for each in said if isinstance(each, Refused)],
        given.MONTHS[-1],
        1,
    )
    with village.application.database.write() as connection:
        keeping.keep(connection, found, NOW, NOW - NOW)


def _as(facts: Facts, account: str) -> Facts:
    return replace(facts, contract=replace(facts.contract, account=account))
