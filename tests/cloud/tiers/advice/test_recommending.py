"""A station is advised on equipment, what fits is read off it, and who wants it is kept."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

import pytest

from cloud.kit.calendar import station_calendar
from cloud.kit.errors import NotFound
from cloud.policies.current import Current, fixed
from cloud.tiers.advice import products, signups, store
from cloud.tiers.advice.actions import Advising, archive_energies
from cloud.tiers.advice.equipment import KINDS
from cloud.tiers.advice.equipment.policy import equipment_policy
from cloud.tiers.advice.fits import Verdict
from cloud.tiers.advice.policy import advice_policy
from cloud.tiers.advice.pricing import bill, change_of
from cloud.tiers.advice.recommending import Recommending
from cloud.tiers.overload import overload_policy
from tests.bench.advised import Advised, station


@dataclass(frozen=True, slots=True)
class Judged:
    of: Advised
    advising: Advising
    recommending: Recommending


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judged]:
    folder = tmp_path_factory.mktemp("recommended")
    of = station(folder, 150)
    recommending = Recommending(
        of.database,
        of.zone,
        of.clock,
        station_calendar(),
        Current(products.read, None, []),
        fixed(equipment_policy()),
        fixed(overload_policy()),
    )
    advising = Advising(
        of.database,
        of.zone,
        of.clock,
        fixed(of.tariffs),
        fixed(advice_policy()),
        archive_energies(of.database, folder, of.zone, of.clock, None),
        [recommending.rules],
    )
    advising.run()
    yield Judged(of, advising, recommending)
    of.database.close()


def test_what_is_kept_says_the_difference_of_its_two_bills(judged: Judged) -> None:
    with judged.of.database.read() as connection:
        found = [each for each in store.standing(connection, KINDS).values() if each.saving is not None]
        assert {"standby", "hot_water"} <= {each.kind for each in found}
        for each in found[:20]:
            row = store.one(connection, each.id)
            assert row.bills is not None
            assert row.saving == Decimal(row.bills["now"]["total"]) - Decimal(row.bills["then"]["total"])
            facts = judged.advising.facts(connection, each.account)
            months = [month for month in facts.months if f"{month.first}" >= row.bills["first"]]
            change = change_of(row.bills["change"])
            assert row.saving == bill(facts, months).total - bill(facts, months, change).total


def test_an_accounts_products_are_those_of_its_class_each_with_a_verdict(judged: Judged) -> None:
    verdicts: Counter[Verdict] = Counter()
    with judged.of.database.read() as connection:
        for each in judged.of.made.accounts[:60]:
            found = judged.recommending.of_account(connection, each.account)
            assert found
            assert all(each.class_ in fit.product.for_.classes for fit in found)
            assert [fit.verdict for fit in found] == sorted(
                (fit.verdict for fit in found), key=list(Verdict).index
            )
            verdicts.update(fit.verdict for fit in found)
            for fit in found:
                assert (fit.verdict is Verdict.REFUSED) == (fit.why is not None)
                paid = fit.verdict is Verdict.FITS and not fit.product.free
                assert not paid or (fit.saving is not None and fit.payback is not None)
    assert set(verdicts) == set(Verdict)


def test_counts_are_those_of_the_accounts(judged: Judged) -> None:
    with judged.of.database.read() as connection:
        counted = {each.product.id: each for each in judged.recommending.counted(connection)}
        fits: Counter[str] = Counter()
        refused: Counter[str] = Counter()
        for each in judged.of.made.accounts:
            found = judged.recommending.of_account(connection, each.account)
            fits.update(fit.product.id for fit in found if fit.units is not None)
            refused.update(fit.product.id for fit in found if fit.verdict is Verdict.REFUSED)
    assert {name: each.fits for name, each in counted.items() if each.fits} == fits
    assert {name: n for name, each in counted.items() if (n := sum(each.refused.values()))} == refused
    assert counted["rooftop-pv"].refused["consent_missing"] > 10


def test_signing_up_twice_is_once_and_only_ones_own(judged: Judged) -> None:
    home = judged.of.made.of("household")[0]
    for _ in range(2):
        kept = judged.recommending.sign_up(home.account, "energy-handbook", by="u", customer=home.customer)
    with judged.of.database.read() as connection:
        assert signups.of_product(connection, "energy-handbook") == [kept]
        assert signups.counts(connection) == {"energy-handbook": 1}
    with pytest.raises(NotFound):
        judged.recommending.sign_up(home.account, "energy-handbook", by="u", customer="C-other")
    with pytest.raises(NotFound, match="no product 'irrigation-timer'"):
        judged.recommending.sign_up(home.account, "irrigation-timer", by="u", customer=home.customer)
    judged.recommending.withdraw(home.account, "energy-handbook", by="u", customer=home.customer)
    with judged.of.database.read() as connection:
        assert signups.of_account(connection, home.account) == {}
    with pytest.raises(NotFound):
        judged.recommending.withdraw(home.account, "energy-handbook", by="u", customer=home.customer)
