"""An event from its proposal to the money, with a planted reduction in a real archive."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import insert, update

from cloud.customers import protection
from cloud.customers.file import consents
from cloud.customers.file.consents import Purpose
from cloud.customers.file.grades import grade_table
from cloud.customers.intake.documents import import_customers, usual_taking
from cloud.customers.protection import Protection
from cloud.customers.store import service_table
from cloud.insight.forecast.store import Kind
from cloud.kit.days import DAY
from cloud.kit.errors import Conflict, Invalid, NotFound
from cloud.tiers.response import planning, store
from cloud.tiers.response.candidates import Left, Origin, Verdict
from cloud.tiers.response.measuring import Measuring
from cloud.tiers.response.planning import Plan, Where
from cloud.tiers.response.rules import Answer, Reply, State, Step, Times
from cloud.tiers.response.settlement import Line
from cloud.tiers.withdrawing import nothing_rests_on_it
from tests.cloud.insight.archived_station import ZONE
from tests.cloud.tiers.response.place import (
    BEFORE,
    CUSTOMERS,
    END,
    EVENT_DAY,
    FIRST,
    START,
    Scene,
    made,
    opened,
)

HERE = Where(Kind.TRANSFORMER, "A1", START, END)
TOOK, IDLE, UNREAD = 0, 1, 2
"""Customers: one draws 40 % less, one changes nothing, one is not read."""


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("response")
    made(folder, {TOOK: 0.4}, UNREAD)
    return folder


@pytest.fixture
def stage(pattern: Path, tmp_path: Path) -> Iterator[Scene]:
    shutil.copytree(pattern, tmp_path, dirs_exist_ok=True)
    found = opened(tmp_path)
    yield found
    found.database.close()


def planned(stage: Scene) -> Plan:
    with stage.database.read() as connection:
        return stage.responses.plan(connection, HERE)


def proposed(stage: Scene, *numbers: int) -> int:
    accounts = [stage.account(number) for number in numbers] or None
    with stage.database.write() as connection:
        return stage.responses.propose(connection, HERE, "li", accounts)


def invited(stage: Scene, *numbers: int) -> int:
    event = proposed(stage, *numbers)
    stage.responses.step(event, Step.APPROVE, "wang")
    stage.responses.step(event, Step.INVITE, "li")
    return event


def reply(stage: Scene, event: int, number: int, what: Reply, kw: str | None = None) -> Answer:
    with stage.database.write() as connection:
        mine = store.invitations(connection, customer=f"C{number}", event=event)
        return stage.responses.reply(
            connection, mine[0].id, f"C{number}", what, None if kw is None else Decimal(kw)
        )


def state(stage: Scene, event: int) -> State:
    with stage.database.read() as connection:
        return store.event(connection, event).state


def lines(stage: Scene, event: int, number: int) -> list[Line]:
    with stage.database.read() as connection:
        found = store.invitations(connection, customer=f"C{number}", event=event)[0]
        return store.payments(connection, [found.id]).get(found.id, [])


def ended(stage: Scene, event: int) -> None:
    stage.clock.set(END)
    stage.responses.tick()
    assert state(stage, event) is State.ENDED


def test_the_outlook_names_the_transformer_its_hours_and_what_is_too_much(stage: Scene) -> None:
    with stage.database.read() as connection:
        (found,) = planning.overloads(connection, EVENT_DAY, stage.policy)
        assert planning.overloads(connection, EVENT_DAY + DAY, stage.policy) == []
    whole = stage.kw[:, (EVENT_DAY - FIRST).days - 7].sum(axis=0)
    assert found.need.limit_kw == pytest.approx(150 * 0.95)
    assert found.need.p50_kw == pytest.approx(max(0, whole.max() - 142.5), abs=0.1)
    assert all(64 <= first < last <= 96 for first, last in found.spells)


def test_candidates_are_those_who_agreed_with_the_share_of_what_is_above_base(stage: Scene) -> None:
    found = planned(stage)
    assert found.gathered.left == {stage.account(CUSTOMERS - 1): Left.NO_CONSENT}
    assert len(found.gathered.found) == CUSTOMERS - 1
    curve = stage.kw[TOOK, (EVENT_DAY - FIRST).days - 7]
    mine = next(each for each in found.gathered.found if each.account == stage.account(TOOK))
    assert mine.kw == pytest.approx(0.15 * (curve[72:80].mean() - curve.min()), rel=0.01)
    assert mine.expected_kw == pytest.approx(mine.kw * 0.6)
    assert mine.origin is Origin.FORECAST


def test_not_enough_is_said_plainly(stage: Scene) -> None:
    found = planned(stage)
    assert found.cover is not None
    assert found.cover.verdict is Verdict.SHORT
    assert found.cover.lacking_kw > 0
    assert len(found.asked) == len(found.gathered.found)


def test_who_is_protected_important_or_in_need_is_left_out_but_whoever_asked_may_come(stage: Scene) -> None:
    with stage.database.write() as connection:
        for number, kind in ((0, Protection.HOUSEHOLD), (1, Protection.IMPORTANT), (2, Protection.IMPORTANT)):
            protection.protect(connection, stage.account(number), kind, "test", "op", BEFORE)
        grade = {"account": stage.account(3), "from_day": FIRST, "grade": "first", "list_no": "1", "by": "op",
                 "recorded_at": BEFORE}  # fmt: skip
        connection.execute(insert(grade_table).values(grade))
        for number in (0, 2):
            stage.responses.offer(connection, stage.account(number), f"C{number}", Decimal("3.5"))
    found = planned(stage).gathered
    assert {found.left[stage.account(n)] for n in (1, 3)} == {Left.IMPORTANT}
    assert found.left[stage.account(0)] is Left.HOUSEHOLD
    asked = next(each for each in found.found if each.account == stage.account(2))
    assert (asked.kw, asked.origin) == (3.5, Origin.DECLARED)


def test_an_account_is_asked_once_a_day_and_so_often_a_month(stage: Scene) -> None:
    proposed(stage, 4)
    assert planned(stage).gathered.left[stage.account(4)] is Left.OFTEN
    with pytest.raises(Invalid, match="often"):
        proposed(stage, 4)


def test_a_second_person_approves_and_customers_are_told_in_time(stage: Scene) -> None:
    event = proposed(stage)
    with pytest.raises(Conflict, match="second person"):
        stage.responses.step(event, Step.APPROVE, "li")
    stage.responses.step(event, Step.APPROVE, "wang")
    stage.clock.set(START - timedelta(hours=3))
    with pytest.raises(Conflict, match="too late"):
        stage.responses.step(event, Step.INVITE, "li")
    assert stage.letters == []
    with pytest.raises(Conflict, match="clock"):
        stage.responses.step(event, Step.START, "li")


def test_an_invitation_has_its_terms_and_its_letter_has_no_figure(stage: Scene) -> None:
    event = invited(stage, TOOK, IDLE)
    with stage.database.read() as connection:
        found = store.invitations(connection, event=event)
    assert [each.state for each in found] == [Answer.INVITED] * 2
    assert {each.terms.price_per_kwh for each in found if each.terms} == {Decimal("2.00")}
    assert [each.customer for each in stage.letters] == ["C0", "C1"]
    assert {name for each in stage.letters for name in each.params} == {"what", "invitation", "start", "end"}


def test_consent_withdrawn_before_the_invitation_leaves_the_customer_out(stage: Scene) -> None:
    event = proposed(stage, TOOK, IDLE)
    stage.responses.step(event, Step.APPROVE, "wang")
    with stage.database.write() as connection:
        consents.withdraw(connection, "C1", Purpose.RESPONSE, by="C1", now=BEFORE)
    stage.responses.step(event, Step.INVITE, "li")
    with stage.database.read() as connection:
        found = {each.customer: each.state for each in store.invitations(connection, event=event)}
    assert found == {"C0": Answer.INVITED, "C1": Answer.LEFT_OUT}
    with pytest.raises(NotFound), stage.database.write() as connection:
        stage.responses.reply(connection, 2, "C1", Reply.ACCEPT)


def test_whoever_has_no_supply_is_not_invited_and_may_still_answer(stage: Scene) -> None:
    stage.troubled.add("C3")
    assert planned(stage).gathered.left[stage.account(3)] is Left.TROUBLED
    event = proposed(stage, TOOK, IDLE)
    stage.responses.step(event, Step.APPROVE, "wang")
    stage.troubled.add("C1")
    stage.responses.step(event, Step.INVITE, "li")
    stage.troubled.add("C0")
    assert [each.customer for each in stage.letters] == ["C0"]
    assert reply(stage, event, TOOK, Reply.ACCEPT) is Answer.ACCEPTED


def test_consent_withdrawn_after_the_invitation_ends_what_has_not_begun(stage: Scene) -> None:
    event = invited(stage, TOOK, IDLE, 3)
    for number in (TOOK, IDLE):
        reply(stage, event, number, Reply.ACCEPT)
    with stage.database.write() as connection:
        consents.withdraw(connection, f"C{TOOK}", Purpose.RESPONSE, by="t", now=BEFORE)
        nothing_rests_on_it(connection, f"C{TOOK}", Purpose.RESPONSE, BEFORE)
        minute = timedelta(minutes=1)
        taking = replace(usual_taking(ZONE), now=BEFORE + 2 * minute, withdrawn=nothing_rests_on_it)
        row = {"customer": "C3", "purpose": "response", "given_at": BEFORE.isoformat(), "how": "表单"}
        row["withdrawn_at"] = (BEFORE + minute).isoformat()
        import_customers(connection, {"consent": [row]}, taking)  # by a file it is the same
        found = {each.customer: each.state for each in store.invitations(connection, event=event)}
    assert found == {"C0": Answer.WITHDRAWN, "C1": Answer.ACCEPTED, "C3": Answer.DECLINED}
    ended(stage, event)
    with stage.database.write() as connection:
        stage.responses.leave(connection, "C1")
        found = {each.customer: each.state for each in store.invitations(connection, event=event)}
    assert found["C1"] is Answer.ACCEPTED  # what they did is measured and paid


def test_invitations_are_counted_by_customer_since_an_instant(stage: Scene) -> None:
    proposed(stage, 4)
    invited(stage, TOOK)
    with stage.database.read() as connection:
        assert store.invited_since(connection, BEFORE - DAY) == {"C0": 1}
        assert store.invited_since(connection, BEFORE) == {}


def test_only_the_customer_answers_and_only_in_time(stage: Scene) -> None:
    event = invited(stage, TOOK, IDLE)
    with stage.database.write() as connection, pytest.raises(NotFound):
        stage.responses.reply(connection, 1, "C1", Reply.ACCEPT)
    assert reply(stage, event, TOOK, Reply.ACCEPT, "0.7") is Answer.ACCEPTED
    assert reply(stage, event, IDLE, Reply.DECLINE) is Answer.DECLINED
    with pytest.raises(Invalid, match="at the most"):
        reply(stage, event, TOOK, Reply.ACCEPT, "99")
    stage.clock.set(START - timedelta(minutes=30))
    with pytest.raises(Conflict, match="closed"):
        reply(stage, event, IDLE, Reply.ACCEPT)
    stage.responses.tick()
    assert reply(stage, event, TOOK, Reply.WITHDRAW) is Answer.WITHDRAWN
    stage.responses.tick()
    assert state(stage, event) is State.CANCELLED


def test_an_event_is_measured_when_its_day_is_archived_and_paid_by_a_person_once(stage: Scene) -> None:
    event = invited(stage, TOOK, IDLE, UNREAD, 3)
    for number in (TOOK, IDLE, UNREAD):
        reply(stage, event, number, Reply.ACCEPT)
    ended(stage, event)
    with pytest.raises(Conflict, match="archived"):
        stage.responses.step(event, Step.MEASURE, "li")
    stage.archived(EVENT_DAY + DAY)
    stage.responses.tick()
    assert state(stage, event) is State.MEASURED
    with stage.database.read() as connection:
        results = {each.customer: each.result for each in store.invitations(connection, event=event)}
        whole = store.event(connection, event).result
    planted = float(stage.kw[TOOK, (EVENT_DAY - FIRST).days, 72:80].sum() / 4 * 0.4)
    took, idle, unread = (results[f"C{number}"] for number in (TOOK, IDLE, UNREAD))
    assert took is not None
    assert idle is not None
    assert unread is not None
    assert took["reduction"]["low"] <= planted <= took["reduction"]["high"]
    assert took["reduction"]["low"] > 0
    assert idle["reduction"]["low"] <= 0 <= idle["reduction"]["high"]
    assert unread["refused"] == "not_read"
    assert results["C3"] is None
    assert whole is not None
    assert (whole["accepted"], whole["computed"]) == (3, 2)
    stage.responses.step(event, Step.SETTLE, "li")
    paid = lines(stage, event, TOOK)
    assert sum(each.amount for each in paid) > 0
    assert sum(each.amount for each in lines(stage, event, UNREAD)) == 0
    stage.responses.step(event, Step.SETTLE, "wang")
    assert lines(stage, event, TOOK) == paid
    assert [each.params["what"] for each in stage.letters].count("settled") == 3


def test_days_of_events_teach_no_baseline_and_promises_kept_are_remembered(stage: Scene) -> None:
    event = invited(stage, TOOK, IDLE)
    for number in (TOOK, IDLE):
        reply(stage, event, number, Reply.ACCEPT)
    ended(stage, event)
    stage.archived(EVENT_DAY + DAY)
    stage.responses.tick()
    with stage.database.read() as connection:
        taken = store.took_part(connection, [stage.account(TOOK)])
        kept = store.kept_promises(connection)
    assert taken == {stage.account(TOOK): [START]}
    assert kept[stage.account(TOOK)][0] > 0.9
    assert kept[stage.account(IDLE)][0] < 0.6


def test_a_day_on_which_the_customer_took_part_is_no_day_of_a_baseline(stage: Scene) -> None:
    account, times = stage.account(TOOK), Times(START, START, END)
    measuring = Measuring(stage.folder, ZONE, stage.responses.calendar, stage.policy)
    with stage.database.read() as connection:
        before = measuring.measured(connection, times, [account]).baselines[account]
    first = EVENT_DAY - DAY * (45 + 56)
    at = START - (EVENT_DAY - (first + DAY * before.days[0]))
    row = {
        "kind": "transformer", "subject": "A1", "start": at, "end": at, "close_at": at, "outlook": {},
        "state": State.SETTLED.value, "policy": "t", "proposed_by": "li", "changed_at": at,
    }  # fmt: skip
    mine = {"account": account, "customer": "C0", "asked_kw": Decimal(1), "state": Answer.ACCEPTED.value}
    with stage.database.write() as connection:
        store.add(connection, row, [mine])
        after = measuring.measured(connection, times, [account]).baselines[account]
    assert before.days[0] not in after.days
    assert set(before.days[1:]) <= set(after.days)


def test_a_new_tenant_is_not_measured_against_the_old_ones_habits(stage: Scene) -> None:
    """Who came ten days before has no eight days of their own."""
    moved = START - timedelta(days=10)
    with stage.database.write() as connection:
        mine = service_table.c.account == stage.account(TOOK)
        connection.execute(update(service_table).where(mine).values(start=moved))
    event = invited(stage, TOOK)
    reply(stage, event, TOOK, Reply.ACCEPT)
    ended(stage, event)
    stage.archived(EVENT_DAY + DAY)
    stage.responses.tick()
    with stage.database.read() as connection:
        result = store.invitations(connection, event=event)[0].result
    assert result is not None
    assert result["refused"] == "few_days"
    assert "share" not in result


def test_hours_that_cannot_be_an_event_are_refused(stage: Scene) -> None:
    for start, end, told in (
        (START, START, "not after"),
        (START + timedelta(minutes=5), END, "quarter"),
        (START, START + timedelta(hours=5), "hours long"),
        (START, START + timedelta(hours=9), "one day"),
    ):
        with stage.database.read() as connection, pytest.raises(Invalid, match=told):
            stage.responses.plan(connection, Where(Kind.TRANSFORMER, "A1", start, end))
    later = Where(Kind.TRANSFORMER, "A1", START + 2 * DAY, END + 2 * DAY)
    with stage.database.write() as connection, pytest.raises(Invalid, match="no forecast"):
        stage.responses.propose(connection, later, "li")
