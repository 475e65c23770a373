"""The made-up station for tests: what its accounts are on is what an import would take."""

import pytest

from cloud.customers.file.contract_terms import contract_terms
from cloud.tariffs import catalogue
from tests.cloud.tiers.station import KINDS


@pytest.mark.parametrize("class_", KINDS)
def test_every_class_is_on_a_tariff_that_an_import_takes(class_: str) -> None:
    kind = KINDS[class_]
    tariff = catalogue.read().documents(kind.tariff)[-1]
    accepted: tuple[str, ...] = tuple(contract_terms(None).accepts[class_])  # type: ignore[index]
    assert tariff.class_ in accepted
    assert kind.plan in [each.id for each in tariff.plans]
