"""Advice for a station out of its archive: each saving again by hand from the curves; what becomes of it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from sqlalchemy import delete, insert, select, update

from cloud.billing.store import bill_table
from cloud.customers.file.contracts import contract_table, contracts_on
from cloud.insight import pricing
from cloud.insight.curves import curves
from cloud.kit.calendar import station_calendar
from cloud.kit.errors import Conflict, Invalid, NotFound
from cloud.metering.vee.point_day import Channel
from cloud.policies.current import fixed
from cloud.tariffs.bill import Bill, as_json
from cloud.tariffs.catalogue import Catalogue, Filed
from cloud.tariffs.documents import Tariff
from cloud.tariffs.power_factor import Standard
from cloud.tariffs.price import price
from cloud.tariffs.two_part import Basis
from cloud.tariffs.usage import Household, Part, Supply, Usage
from cloud.tiers.advice import lifecycle, looks, store
from cloud.tiers.advice.actions import Advising
from cloud.tiers.advice.documents import Variant, varied
from cloud.tiers.advice.policy import advice_policy
from cloud.tiers.advice.pricing import Change, change_of, priced_again
from cloud.tiers.advice.rules import Facts, Ruled
from cloud.tiers.advice.store import AdviceRow, State
from tests.cloud.insight.archived_station import ZONE
from tests.cloud.tiers.advice.advised_station import AdvisedStation

TARIFF_KINDS = {
    "basic_charge", "contracted_demand", "power_factor", "band_shift", "step_crossing", "tou_choice",
    "large_household", "shared_meter",
}  # fmt: skip


@pytest.fixture(scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AdvisedStation]:
    found = AdvisedStation(tmp_path_factory.mktemp("advised"))
    found.advising.bring()
    yield found
    found.close()


@pytest.fixture
def station(_made: AdvisedStation) -> Iterator[AdvisedStation]:
    began, contracts = _made.clock.now(), _rows(_made)
    yield _made
    _made.clock.set(began)
    with _made.database.write() as connection:
        connection.execute(delete(store.advice_table))
        connection.execute(delete(store.refusal_table))
        connection.execute(delete(looks.look_table))
        connection.execute(delete(contract_table))
        connection.execute(insert(contract_table), contracts)


def _rows(station: AdvisedStation) -> list[dict[str, Any]]:
    with station.database.read() as connection:
        return [dict(row._mapping) for row in connection.execute(select(contract_table))]


def every(station: AdvisedStation) -> list[AdviceRow]:
    with station.database.read() as connection:
        return list(store.standing(connection).values())


def of(station: AdvisedStation, account: str, kind: str) -> AdviceRow:
    return next(each for each in every(station) if (each.account, each.kind) == (account, kind))


def test_what_was_looked_at_later_says_nothing_of_the_months_before(station: AdvisedStation) -> None:
    station.advising.run()
    first = station.clock.now().date()
    told = {each.account for each in every(station)}
    station.clock.set(station.clock.now() + timedelta(days=40))
    station.advising.run()
    later = station.clock.now().date()
    with station.database.read() as connection:
        assert not looks.last_looks(connection, sorted(told), first)
        before = looks.last_looks(connection, sorted(told), first + timedelta(days=1))
        assert told
        assert before == dict.fromkeys(told, first)
        assert set(looks.last_looks(connection, sorted(told), later + timedelta(days=1)).values()) == {later}


def test_every_kind_is_found_and_every_saving_is_the_difference_of_bills_out_of_the_archive(
    station: AdvisedStation,
) -> None:
    station.advising.run()
    found = every(station)
    assert {each.kind for each in found} == TARIFF_KINDS
    for each in found:
        assert each.bills is not None
        now, then = by_hand(station, each)
        assert (as_json(now), as_json(then)) == (each.bills["now"], each.bills["then"]), each.kind
        assert each.saving == now.total - then.total
        assert each.formula.endswith(f" = {each.saving:.2f} CNY")


def by_hand(station: AdvisedStation, row: AdviceRow) -> tuple[Bill, Bill]:
    """Both bills from the curves themselves: no stored energy takes part."""
    assert row.bills is not None
    change = change_of(row.bills["change"])
    first, last = (date.fromisoformat(row.bills[name]) for name in ("first", "last"))
    return tuple(  # type: ignore[return-value]
        _bill(station, row, first, last, each) for each in (Change(projected=change.projected), change)
    )


def _bill(station: AdvisedStation, row: AdviceRow, first: date, last: date, change: Change) -> Bill:
    assert row.bills is not None
    with station.database.read() as connection:
        contract = contracts_on(connection, date(2026, 11, 10), [row.account])[row.account]
        until = min([last, *(day - timedelta(days=1) for day in change.projected)])
        active = curves(connection, station.folder, [row.account], first, until, zone=station.zone)
        reactive = curves(
            connection, station.folder, [row.account], first, until, zone=station.zone,
            channel=Channel.REACTIVE_IMPORT,
        )  # fmt: skip
    plan = change.plan or contract.plan
    tariff = station.tariffs.documents(contract.tariff)[0]
    bands = pricing.PlanBands(tariff.plan(plan), station_calendar()).slots(active.grid)
    months = list(pricing.months(active.wh, active.grid, bands))
    parts = [_moved(pricing.part(each, 0), change) for each in months]
    parts += [Part(day, each.last, each.kwh) for day, each in sorted(change.projected.items())]
    supply = {}
    for number, each in enumerate(months):
        days = [at for at, day in enumerate(active.grid.days) if each.first <= day <= each.last]
        slots = slice(int(active.grid.first_slot[days[0]]), int(active.grid.first_slot[days[-1] + 1]))
        supply[each.first] = Supply(
            change.basis or (Basis(contract.basis) if contract.basis else None),
            contract.capacity_kva or Decimal(0),
            Decimal(float(np.nanmax(active.wh[0, slots])) * 4 / 1000).quantize(Decimal("0.0001")),
            change.contracted_kw or contract.contracted_kw,
            standard=Standard(contract.standard) if contract.standard else None,
            reactive_kvarh=change.reactive_kvarh.get(each.first, _kvarh(reactive.wh[0, slots])),
        )
        assert number < 12
    begins = None if "before_kwh" in row.bills["change"] else first.month
    document = varied(tariff, Variant(begins, change.without_step))
    household = Household(persons=change.persons or contract.persons, moved_in=contract.moved_in)
    usage = Usage(tuple(parts), household, supply if contract.capacity_kva else {})
    return price(_always(document), plan, usage)


def _kvarh(varh: Any) -> Decimal | None:
    total = float(np.nansum(varh, dtype=np.float64)) / 1000
    return None if np.isnan(varh).any() else Decimal(total).quantize(Decimal("0.001"))


def _moved(of_month: Part, change: Change) -> Part:
    added = change.added_kwh.get(of_month.first, {})
    kwh = {band: of_month.kwh.get(band, Decimal(0)) + added.get(band, 0) for band in {*of_month.kwh, *added}}
    return replace(
        of_month, kwh={band: kwh[band] for band in [*of_month.kwh, *(set(added) - set(of_month.kwh))]}
    )


def _always(tariff: Tariff) -> Any:
    return lambda _: tariff


def test_bills_can_be_made_again_from_what_was_kept(station: AdvisedStation) -> None:
    station.advising.run()
    for each in every(station):
        assert each.bills is not None
        with station.database.read() as connection:
            facts = station.advising.facts(connection, each.account)
        again = priced_again(facts, each.bills)
        assert [as_json(one) for one in again] == [each.bills["now"], each.bills["then"]]


def test_the_same_run_again_says_nothing_new(station: AdvisedStation) -> None:
    first = station.advising.run()
    before = every(station)
    second = station.advising.run()
    assert (second.kept.new, second.kept.expired) == (0, 0)
    assert second.kept.same == first.kept.new == len(before)
    assert every(station) == before


def test_other_numbers_replace_what_stood(station: AdvisedStation) -> None:
    station.advising.run()
    old = of(station, "F-000", "basic_charge")
    _set(station, "F-000", capacity_kva=Decimal(1200))
    station.advising.run()
    new = of(station, "F-000", "basic_charge")
    assert new.id != old.id
    assert new.saving is not None
    assert old.saving is not None
    assert new.saving > old.saving
    assert _one(station, old.id).state is State.REPLACED


def test_what_no_longer_holds_expires(station: AdvisedStation) -> None:
    station.advising.run()
    old = of(station, "F-000", "basic_charge")
    _set(station, "F-000", basis="demand")
    assert station.advising.run().kept.expired == 1
    assert _one(station, old.id).state is State.EXPIRED


def test_advice_is_valid_for_a_time(station: AdvisedStation) -> None:
    station.advising.run()
    old = of(station, "H-000", "tou_choice")
    station.clock.advance(70 * 86_400)
    station.advising.run(["F-000"])
    assert _one(station, old.id).state is State.EXPIRED


def test_what_was_declined_is_not_said_again_for_a_while(station: AdvisedStation) -> None:
    station.advising.run()
    with station.database.write() as connection:
        advice = store.one(connection, of(station, "H-000", "tou_choice").id)
        done = lifecycle.decline(connection, advice, "住不久", "C-H-000", station.clock.now())
        assert (done.state, done.why) == (State.DECLINED, "住不久")
        with pytest.raises(Conflict, match="declined"):
            lifecycle.take(connection, done, "C-H-000", station.clock.now())
    station.advising.run()
    assert not [each for each in every(station) if (each.account, each.kind) == ("H-000", "tou_choice")]


def test_a_crossing_keeps_its_row_from_night_to_night(station: AdvisedStation) -> None:
    station.advising.run()
    old = of(station, "H-003", "step_crossing")
    with station.database.write() as connection:
        lifecycle.show(connection, [old], station.clock.now())
        connection.execute(
            update(store.advice_table).where(store.advice_table.c.id == old.id).values(inputs="x")
        )
    ran = station.advising.run(nightly=True)
    assert (ran.kept.renewed, ran.kept.new) == (1, 0)
    again = of(station, "H-003", "step_crossing")
    assert (again.id, again.state, again.made_at) == (old.id, State.SEEN, old.made_at)
    assert of(station, "H-000", "tou_choice").state is State.OPEN, "the night judges no other kind"


def test_refusals_are_kept_and_counted(station: AdvisedStation) -> None:
    _set(station, "F-000", capacity_change_on=date(2026, 12, 1))
    station.advising.run()
    with station.database.read() as connection:
        (told,) = [each for each in store.refusals(connection, "F-000") if each.kind == "basic_charge"]
        assert ("basic_charge", "capacity_pending", 1) in store.reasons(connection)
    assert (told.reason, told.params) == ("capacity_pending", {"on": "2026-12-01"})
    _set(station, "F-000", capacity_change_on=None)
    station.advising.run()
    with station.database.read() as connection:
        assert not [each for each in store.refusals(connection, "F-000") if each.kind == "basic_charge"]


def test_what_was_taken_is_measured_once_the_contract_has_changed(station: AdvisedStation) -> None:
    """Advice of February, made so; October is a whole month under the new plan."""
    station.advising.run()
    advice = of(station, "H-000", "tou_choice")
    with station.database.write() as connection:
        lifecycle.take(connection, advice, "C-H-000", datetime(2026, 9, 15, tzinfo=UTC))
        made = update(store.advice_table).where(store.advice_table.c.id == advice.id)
        connection.execute(made.values(made_at=datetime(2026, 9, 10, tzinfo=UTC)))
        old = (contract_table.c.account == "H-000",)
        connection.execute(update(contract_table).where(*old).values(to_day=date(2026, 10, 1)))
        row = {**_contract(connection, "H-000"), "from_day": date(2026, 10, 1), "to_day": None, "plan": "tou"}
        connection.execute(insert(contract_table).values(row))
        paid = {
            "account": "H-000",
            "month": date(2026, 10, 1),
            "amount": Decimal("120.50"),
            "origin": "import",
        }
        connection.execute(insert(bill_table).values(**paid, due_on=date(2026, 11, 25)))
    station.advising.run()
    measured = _one(station, advice.id).measured
    assert measured is not None
    assert (measured["first"], measured["months"], measured["billed"]) == ("2026-10-01", 1, "120.50")
    assert Decimal(measured["saving"]) == Decimal(measured["as_before"]) - Decimal(measured["reckoned"])
    assert Decimal(measured["saving"]) > 30
    with station.database.write() as connection:
        connection.execute(delete(bill_table))


def test_an_account_alone_is_judged_without_keeping_anything(station: AdvisedStation) -> None:
    kinds = {each.kind for each in station.advising.of_account("F-001")}
    assert "contracted_demand" in kinds
    assert not every(station)
    with pytest.raises(NotFound, match="no contract"):
        station.advising.of_account("F-999")


def _facts(station: AdvisedStation, account: str) -> Facts:
    with station.database.read() as connection:
        return station.advising.facts(connection, account)


def test_another_plan_is_priced_out_of_the_archive(station: AdvisedStation) -> None:
    """The same months as the advice, so the same difference; a plan that no contract has is priced, too."""
    station.advising.run()
    told = of(station, "H-000", "tou_choice")
    found = station.advising.what_if("H-000", "zhejiang-household", "tou")
    assert (found.months, found.saving, found.remarks) == (12, told.saving, ())
    assert found.estimated == max(month.estimated for month in _facts(station, "H-000").year)
    other = station.advising.what_if("H-000", "shandong-household", "tou")
    assert other.now == found.now
    assert other.then.total != found.then.total
    odd = station.advising.what_if("F-000", "zhejiang-household", "plain")
    assert odd.remarks == ("class_differs",)
    with pytest.raises(Invalid, match="no plan"):
        station.advising.what_if("H-000", "zhejiang-household", "nights")
    with pytest.raises(Invalid, match="no components"):
        station.advising.what_if("H-000", "guangdong-industry", "tou")


def test_the_job_judges_all_once_and_then_the_nights(station: AdvisedStation) -> None:
    station.advising.tick()
    before = {each.id for each in every(station)}
    assert before
    station.advising.tick()
    station.advising.tick()
    assert {each.id for each in every(station)} == before


def test_the_job_judges_all_again_when_a_tariff_a_limit_or_a_product_changed(station: AdvisedStation) -> None:
    stamp, runs = ["products as they are"], Counted()
    tariffs, policy = fixed(station.tariffs), fixed(advice_policy())
    advising = Advising(
        station.database, ZONE, station.clock, tariffs, policy, station.advising._energies,
        [runs.rules], [lambda: stamp[0]],
    )  # fmt: skip
    for _ in range(3):
        advising.tick()
    assert runs.number == 1
    stamp[0] = "another product"
    advising.tick()
    assert runs.number == 2
    policy._value = policy.value.model_copy(update={"valid_days": policy.value.valid_days + 1})
    advising.tick()
    assert runs.number == 3
    hubei, *rest = (each for name in station.tariffs.ids for each in station.tariffs.documents(name))
    dearer = hubei.model_copy(update={"source": "another notice"})
    tariffs._value = Catalogue([Filed(each, each.id, "") for each in (dearer, *rest)])
    advising.tick()
    advising.tick()
    assert runs.number == 4


class Counted:
    """No rules, and how often all of them were asked for: the night's run asks for none of these."""

    number = 0

    def rules(self, _connection: object, _now: datetime) -> list[Ruled]:
        self.number += 1
        return []


def _contract(connection: Any, account: str) -> dict[str, Any]:
    query = select(contract_table).where(contract_table.c.account == account)
    return dict(connection.execute(query).one()._mapping)


def _set(station: AdvisedStation, account: str, **values: Any) -> None:
    with station.database.write() as connection:
        mine = contract_table.c.account == account
        connection.execute(update(contract_table).where(mine).values(values))


def _one(station: AdvisedStation, id: int) -> AdviceRow:  # noqa: A002
    with station.database.read() as connection:
        return store.one(connection, id)
