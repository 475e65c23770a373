"""The list of inspections: how places get on it, leave it, and what people found says of it."""

from datetime import date, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import Connection

from cloud.insight.loss import balances, energies, gather, listing, rules, store
from cloud.insight.loss.actions import LineLoss
from cloud.insight.loss.balances import Baseline
from cloud.insight.loss.energies import AreaDay, Roster
from cloud.insight.loss.rules import Event, Result, State
from cloud.insight.loss.store import Inspection, Searched
from cloud.kit.errors import Conflict, Invalid, NotFound
from cloud.kit.worklist import Changes
from tests import simulated_losses
from tests.cloud.insight.loss.hamlet import ONE, Hamlet
from tests.cloud.metering.archive.village import DAY

FIRST = date(2025, 11, 1)
LAST = FIRST + 119 * ONE


def with_one_at_fault(hamlet: Hamlet, first: date = FIRST, area: str = "A01") -> str:
    """120 days of a simulated area; who registers 0.4 of what they use."""
    case = simulated_losses.case(simulated_losses.grids(40)[0], np.random.default_rng(5), at_fault=0)
    kwh = case.registered.sum(axis=2)
    who = int(np.argsort(kwh.sum(axis=1))[int(0.85 * len(kwh))])
    kwh[who] *= 0.4
    hamlet.history(area, "F1", first, kwh, case.supply.sum(axis=1), (case.supply**2).sum(axis=1))
    return f"{area}-{who + 1:03}"


def waiting(hamlet: Hamlet) -> list[Inspection]:
    with hamlet.database.read() as connection:
        return store.inspections(connection)


def said(hamlet: Hamlet, id: int, result: Result, **more: object) -> Inspection:  # noqa: A002
    with hamlet.database.write() as connection:
        return hamlet.losses.feedback(connection, id, result, "zhang", "示例", **more)  # type: ignore[arg-type]


def test_who_explains_the_loss_is_listed_with_numbers_and_what_to_look_at(hamlet: Hamlet) -> None:
    point = with_one_at_fault(hamlet)
    assert hamlet.losses.search(LAST).listed >= 1
    first = waiting(hamlet)[0]
    assert (first.point, first.kind, first.state) == (point, "under_registered", "open")
    assert first.low_kwh is not None
    assert first.high_kwh is not None
    assert 0 < first.low_kwh < (first.expected_kwh or 0) < first.high_kwh
    assert {"explains_loss", "steady", "area_loss"} <= {line["code"] for line in first.evidence}
    assert "seal_and_wiring" in first.checks
    assert (first.from_day, first.to_day) == (FIRST, LAST)


def test_a_loss_that_was_there_all_along_shows_in_the_rate_and_is_searched_whatever_the_state(
    hamlet: Hamlet,
) -> None:
    point = with_one_at_fault(hamlet)
    with hamlet.database.write() as connection:
        assert balances.refit(connection, ["A01"], LAST, hamlet.policy) == 1
        known = {area: each for area, (_, each) in balances.baselines(connection, LAST).items()}
        found = energies.histories(connection, ["A01"], LAST, LAST)["A01"]
        roster = Roster(found.points, found.role[:, 0], found.ratio)
        day = AreaDay("A01", "F1", LAST, roster, found.imported, found.exported, float(found.square[0]))
        (last,) = balances.of_areas([day], known, hamlet.policy)
        store.put(connection, [last], hamlet.now)
    assert (last.state, abs(last.z or 9) < 3, (last.rate or 0) > 0.02) == ("normal", True, True)
    hamlet.losses.search(LAST)
    assert waiting(hamlet)[0].point == point


def test_above_the_limit_an_area_is_high_however_usual_that_is_there(hamlet: Hamlet) -> None:
    hamlet.fill(DAY, T_1=2400.0)
    steady = Baseline(constant_kwh=38.4, per_square=0.0, spread_kwh=1.0, by_square=False)
    with hamlet.database.write() as connection:
        of = gather.rosters(connection, DAY, hamlet.zone)
        upper = gather.uppers(connection, of, DAY, back_days=28, margin=1.2)
        found = gather.area_days(connection, hamlet.archive.folder, DAY, of, upper, zone=hamlet.zone)
    told = {each.key: each for each in balances.of_areas(found, {"A01": steady}, hamlet.policy)}["A01"]
    assert (told.state, told.reason) == ("high", "over_limit")
    assert told.z == pytest.approx(0, abs=0.1)


def test_found_again_it_is_the_same_item_and_nothing_is_listed_twice(hamlet: Hamlet) -> None:
    with_one_at_fault(hamlet)
    listed = hamlet.losses.search(LAST).listed
    again = hamlet.losses.search(LAST, ["A01"])
    assert (again.listed, again.again, again.lapsed) == (0, listed, 0)
    assert len(waiting(hamlet)) == listed


@pytest.mark.parametrize("gone", [True, False])
def test_what_somebody_did_while_a_search_ran_stands(either_hamlet: Hamlet, gone: bool) -> None:
    hamlet = either_hamlet
    with_one_at_fault(hamlet)
    hamlet.losses.search(LAST)
    before = waiting(hamlet)[0]
    done = said(hamlet, before.id, Result.CONFIRMED)
    later = hamlet.now + ONE
    with hamlet.database.write() as connection:
        found = [] if gone else [(before, {"strength": 0.1, "changed_at": later})]
        changes = listing.LIST.keep(connection, found, [before] if gone else [], later)
        events = store.INSPECTIONS.events(connection, before.id)
        assert store.inspection(connection, before.id) == done
    assert (changes, [row.event for row in events]) == (Changes(), ["found", "inspect"])


def test_each_area_has_its_turn_once_a_week(hamlet: Hamlet) -> None:
    with_one_at_fault(hamlet)
    assert hamlet.losses.search(LAST).areas == 1
    assert hamlet.losses.search(LAST) == Searched(0, 0, 0, 0)
    with hamlet.database.read() as connection:
        assert [(row.area, row.clean_days, row.outcome) for row in store.searches(connection)] == [
            ("A01", 120, "searched")
        ]


def test_too_few_days_are_said_and_let_nothing_lapse(hamlet: Hamlet) -> None:
    with_one_at_fault(hamlet)
    hamlet.losses.search(LAST)
    before = len(waiting(hamlet))
    later = LAST + 80 * ONE
    hamlet.history("A01", "F1", later, np.ones((2, 1)), np.array([2.1]), np.array([0.1]))
    done = hamlet.losses.search(later)
    assert (done.lapsed, len(waiting(hamlet))) == (0, before)
    with hamlet.database.read() as connection:
        assert store.searches(connection)[0].outcome == "too_few_days"


@pytest.mark.parametrize("result", [Result.CONFIRMED, Result.NOTHING])
def test_who_was_inspected_is_not_listed_again_on_the_same_evidence(hamlet: Hamlet, result: Result) -> None:
    point = with_one_at_fault(hamlet)
    hamlet.losses.search(LAST)
    said(hamlet, waiting(hamlet)[0].id, result)
    hamlet.losses.search(LAST, ["A01"])
    assert point not in [each.point for each in waiting(hamlet)]


def test_new_days_list_them_again_and_say_what_was_seen_before(hamlet: Hamlet) -> None:
    point = with_one_at_fault(hamlet)
    hamlet.losses.search(LAST)
    hamlet.clock.set(hamlet.zone_instant(FIRST - ONE) + timedelta(hours=9))
    said(hamlet, waiting(hamlet)[0].id, Result.NOTHING)
    hamlet.losses.search(LAST, ["A01"])
    found = next(each for each in waiting(hamlet) if each.point == point)
    assert {"code": "seen_before", "result": "nothing", "on": (FIRST - ONE).isoformat()} in found.evidence


def test_an_order_is_made_by_whoever_can_and_taken_back(hamlet: Hamlet) -> None:
    with_one_at_fault(hamlet)
    hamlet.losses.search(LAST)
    first = waiting(hamlet)[0].id
    asked: list[tuple[int, str]] = []

    def dispatch(_: Connection, each: Inspection, who: str, __: datetime) -> str:
        asked.append((each.id, who))
        return "W-1"

    hamlet.losses = LineLoss(
        hamlet.database, hamlet.archive.folder, hamlet.policy, hamlet.zone, hamlet.clock, dispatch
    )
    with hamlet.database.write() as connection:
        ordered = hamlet.losses.order(connection, first, "zhang", "")
        assert (ordered.state, ordered.order, asked) == ("ordered", "W-1", [(first, "zhang")])
        back = hamlet.losses.withdraw(connection, first, "zhang", "示例")
        assert (back.state, back.order) == ("open", None)
        happened = store.INSPECTIONS.events(connection, first)
        assert [row.event for row in happened] == ["found", "order", "withdraw"]


def test_results_are_counted_with_what_they_brought(either_hamlet: Hamlet) -> None:
    hamlet = either_hamlet
    with_one_at_fault(hamlet)
    hamlet.losses.search(LAST)
    first = waiting(hamlet)[0].id
    with pytest.raises(Invalid, match="say what kind"):
        said(hamlet, first, Result.OTHER)
    hamlet.clock.advance(60)
    done = said(hamlet, first, Result.CONFIRMED, recovered_kwh=900.0)
    assert done.changed_at == hamlet.clock.now()
    assert (done.state, done.result_kind, done.recovered_kwh) == ("inspected", "under_registered", 900.0)
    with pytest.raises(Conflict):
        said(hamlet, first, Result.NOTHING)
    with hamlet.database.read() as connection:
        told = store.precision(connection)
        with pytest.raises(NotFound):
            store.inspection(connection, 999)
    assert (told.inspected, told.confirmed, told.share, told.recovered_kwh) == (1, 1, 1.0, 900.0)


def test_before_the_first_inspection_nothing_is_said_of_precision(hamlet: Hamlet) -> None:
    with hamlet.database.read() as connection:
        assert store.precision(connection).share is None
        assert store.newest_day(connection) is None


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (State.INSPECTED, Event.FOUND_AGAIN),
        (State.INSPECTED, Event.ORDER),
        (State.OPEN, Event.WITHDRAW),
        (State.LAPSED, Event.ORDER),
    ],
)
def test_what_does_not_fit_is_refused(state: State, event: Event) -> None:
    with pytest.raises(Conflict, match="not possible"):
        rules.move(state, event)


def test_a_customer_who_is_booked_next_door_is_listed_with_the_right_area(hamlet: Hamlet) -> None:
    random = np.random.default_rng(9)
    cases = [simulated_losses.case(grid, random, at_fault=0) for grid in simulated_losses.grids(40)[1:3]]
    own = [case.registered.sum(axis=2) for case in cases]
    moved = int(np.argsort(own[0].sum(axis=1))[int(0.8 * len(own[0]))])
    books = [np.delete(own[0], moved, axis=0), np.vstack([own[1], own[0][moved]])]
    for area, case, kwh in zip(("A01", "A02"), cases, books, strict=True):
        hamlet.history(area, "F1", FIRST, kwh, case.supply.sum(axis=1), (case.supply**2).sum(axis=1))
    hamlet.losses.search(LAST)
    found = [each for each in waiting(hamlet) if each.kind == "wrong_area"]
    assert [(each.point, each.area, each.other) for each in found] == [
        (f"A02-{len(own[1]) + 1:03}", "A02", "A01")
    ]
