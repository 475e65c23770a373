"""The short way by which nearly every reading goes finds exactly what the rules would find."""

from collections.abc import Mapping
from random import Random

import pytest

from edge import plausible
from edge.plausible import Past, check
from edge.settings import MeterSettings
from protocols import models
from protocols.models import MeterModel
from protocols.quantities import QUANTITIES, Kind
from protocols.readings import Value

MODELS = ["eastron-sdm630", "chint-dtsu666", "dlt645-2007-3p", "eastron-sdm120"]


def by_the_rules(
    values: Mapping[str, Value],
    past: Mapping[str, Past],
    meter: MeterSettings,
    model: MeterModel,
    now_s: float,
) -> list[str]:
    scale = plausible._Scale(values, meter.max_current_a, model)
    found = []
    for name, value in values.items():
        counter = QUANTITIES[name].kind is Kind.COUNTER
        rules = plausible._COUNTER_RULES if counter else plausible._GAUGE_RULES
        if any(rule(name, value, past.get(name), scale, now_s) for rule in rules):
            found.append(name)
    return found


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("rated_a", [None, 60.0])
def test_the_short_way_and_the_rules_agree(name: str, rated_a: float | None) -> None:
    model, draw = models.load(name), Random(7)
    meter = MeterSettings(id="m", model=name, max_current_a=rated_a)
    seen = 0
    for _ in range(400):
        values: dict[str, Value] = {}
        past: dict[str, Past] = {}
        for each in QUANTITIES.values():
            size = 10 ** draw.uniform(-1, 7)
            if each.kind is Kind.COUNTER:
                values[each.name] = round(size)
                past[each.name] = Past(round(size) - draw.randint(-50, 5_000), draw.uniform(0, 900))
            else:
                values[each.name] = draw.choice([0.0, 1.0, -1.0, 50.0, 229.5, size, -size])
        values = dict(draw.sample(list(values.items()), draw.randint(1, len(values))))
        told = {each.quantity for each in check(values, past, meter, model, 1000.0) if each.rule != "sum"}
        assert told == set(by_the_rules(values, past, meter, model, 1000.0))
        seen += len(told)
    assert seen > 100
