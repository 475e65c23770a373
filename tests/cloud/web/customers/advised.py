"""The village with advice about tariffs: what rules say of made-up accounts, kept as advising keeps it."""

from dataclasses import replace
from datetime import date, timedelta

from cloud.tiers.advice import keeping
from cloud.tiers.advice.actions import judge
from cloud.tiers.advice.keeping import Found
from cloud.tiers.advice.policy import advice_policy
from cloud.tiers.advice.registry import tariff_rules
from cloud.tiers.advice.rules import Advice, Facts, Refused
from tests.cloud.tiers.advice.test_tariff_rules import YEAR, dear, factory, home, partial, reactive
from tests.cloud.web.village import NOW, Village

HOUSE, SHOP = "6001030", "6001031"
NEIGHBOUR = "6003020"


def advised(village: Village) -> None:
    """C-0103's house lives at night and will reach a step; the shop has a fixed basis, a low power factor and
    dear hours; the neighbour's is a factory with a capacity it does not use."""
    house = home("250", "150", months=YEAR[2:], current=partial(10, "10"))
    whole = home("300", "180", months=YEAR, plan="plain")
    shop = reactive("75000", basis_fixed_until=date(2026, 12, 31))
    shop = replace(shop, shares=dear().shares, peer_shares=dear().peer_shares, own=dear().own)
    every = [_as(house, HOUSE), _as(whole, HOUSE), _as(shop, SHOP), _as(factory(), NEIGHBOUR)]
    rules = tariff_rules(advice_policy())
    said = {(each.account, each.kind): each for facts in every for each in judge(facts, rules)}
    found = Found(
        frozenset(each.kind for each in rules),
        frozenset(),
        frozenset({HOUSE, SHOP, NEIGHBOUR}),
        [each for each in said.values() if isinstance(each, Advice)],
        [each for each in said.values() if isinstance(each, Refused)],
        YEAR[-1],
        1,
    )
    with village.application.database.write() as connection:
        keeping.keep(connection, found, NOW, timedelta(0))


def _as(facts: Facts, account: str) -> Facts:
    return replace(facts, contract=replace(facts.contract, account=account))
