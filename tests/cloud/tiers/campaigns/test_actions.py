"""Who is offered what: consent, protection, trouble, cap, hold-out; and the hours it may not be for."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection, func, select

from cloud.customers.file.consents import Purpose, give, purposes_of, withdraw
from cloud.customers.protection import Protection, protect
from cloud.insight.areas import store as areas
from cloud.kit.errors import Conflict, Forbidden, Invalid, NotFound
from cloud.tiers.campaigns import hours, ledger, store
from cloud.tiers.campaigns.house import by_the_clock
from cloud.tiers.campaigns.plan import CampaignIn
from cloud.tiers.campaigns.policy import campaign_policy
from cloud.tiers.campaigns.rules import Answer, OfferState, State, held_out
from cloud.tiers.campaigns.tables import offer_table
from cloud.tiers.letters import Letter
from tests.cloud.insight.archived_station import ZONE
from tests.cloud.tiers.campaigns.campaigning import DAYS, NOW, START, TEXTS, Town, town

HOMES = 40


def states(village: Town, campaign: int) -> dict[str, str]:
    with village.database.read() as connection:
        return {account: row.state for account, row in store.drawn(connection, campaign).items()}


def state(village: Town, campaign: int) -> str:
    with village.database.read() as connection:
        return str(store.campaign(connection, campaign).state)


def test_nobody_approves_what_they_wrote(village: Town) -> None:
    made = village.write()
    with pytest.raises(Forbidden, match="another person"), village.database.write() as connection:
        village.campaigns.approve(connection, made, "ann")
    with pytest.raises(Conflict, match="draft"), village.database.write() as connection:
        village.campaigns.start(connection, made, "ann")
    with village.database.write() as connection:
        village.campaigns.approve(connection, made, "bob")
        village.campaigns.send_back(connection, made, "bob", "文字有误")
        village.campaigns.edit(connection, made, _plan_of(village), "cai")
        village.campaigns.approve(connection, made, "ann")
    assert state(village, made) == State.APPROVED


def _plan_of(village: Town) -> CampaignIn:
    return CampaignIn.model_validate(
        {"name": "示例活动", "segment": village.segment, "subject_kind": "promotion", "from_day": START,
         "subject": "household-valley", "to_day": START.replace(day=25), **TEXTS}
    )  # fmt: skip


def test_everybody_but_the_hold_out_is_offered_and_told_once(village: Town) -> None:
    made = village.started()
    held = {f"{1000 + n}" for n in range(HOMES) if held_out("s1", f"C{n}", 100)}
    assert 1 <= len(held) <= 10
    assert {account for account, each in states(village, made).items() if each == "held_out"} == held
    told = {each.customer for each in village.outside.letters}
    assert told == {f"C{n}" for n in range(HOMES)} - {f"C{int(each) - 1000}" for each in held}
    assert all(
        each.subject == f"campaign {made}" and each.kind == "offer" for each in village.outside.letters
    )
    with village.database.write() as connection:
        again = village.campaigns.deliver(connection, made)
    village.daily()
    assert (again.offered, again.held_out) == (0, 0)
    assert len(village.outside.letters) == HOMES - len(held)


def test_nothing_of_a_letter_is_a_figure_of_usage(village: Town) -> None:
    village.started()
    assert {frozenset(each.params) for each in village.outside.letters} == {
        frozenset({"title", "text", "until"})
    }


def test_an_offer_and_its_notice_are_one_transaction(village: Town) -> None:
    class Broken(Exception):
        pass

    def broken(connection: Connection, letter: Letter) -> None:
        if letter.customer == "C9":
            raise Broken

    around = village.campaigns.around
    village.campaigns.around = type(around)(around.near, around.troubled, broken)
    made = village.write()
    with village.database.write() as connection:
        village.campaigns.approve(connection, made, "bob")
    with pytest.raises(Broken), village.database.write() as connection:
        village.campaigns.start(connection, made, "ann")
    with village.database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(offer_table)) == 0
    assert state(village, made) == State.APPROVED


def test_no_offer_reaches_the_protected_the_unwilling_and_those_in_trouble(village: Town) -> None:
    village.outside.troubled = {"C3"}
    with village.database.write() as connection:
        protect(connection, "1001", Protection.HOUSEHOLD, "家用呼吸机", "desk", NOW)
        withdraw(connection, "C2", Purpose.OFFERS, by="C2", now=NOW - timedelta(days=1))
    made = village.started()
    assert states(village, made).keys() == {f"{1000 + n}" for n in range(HOMES)} - {"1001", "1002", "1003"}
    with village.database.read() as connection:
        left = store.campaign(connection, made).left_out
    assert left == {"protected": 1, "no_consent": 1, "troubled": 1}
    village.outside.troubled = set()
    village.daily()
    assert "1003" in states(village, made)  # the trouble is over while the campaign runs


def test_the_cap_counts_offers_of_all_campaigns_and_no_hold_out(village: Town) -> None:
    cap = campaign_policy().cap
    for number in range(cap.offers):
        made = village.started(name=f"示例活动 {number}")
        assert len(states(village, made)) == HOMES
    last = village.started(name="示例活动 N")
    held = {f"{1000 + n}" for n in range(HOMES) if held_out("s1", f"C{n}", 100)}
    assert states(village, last).keys() == held  # they were offered nothing yet, and nothing now
    with village.database.read() as connection:
        most = store.offered_since(connection, NOW - timedelta(days=cap.days))
    assert set(most.values()) == {cap.offers}


def test_an_answer_is_the_customers_own_and_the_hold_out_has_no_offer(village: Town) -> None:
    made = village.started()
    held = next(n for n in range(HOMES) if held_out("s1", f"C{n}", 100))
    free = next(n for n in range(HOMES) if not held_out("s1", f"C{n}", 100))
    account = f"{1000 + free}"
    answer = village.campaigns.answer
    with village.database.write() as connection:
        for wrong in (("9999", f"C{free}"), (account, "C999"), (f"{1000 + held}", f"C{held}")):
            with pytest.raises(NotFound):
                answer(connection, made, wrong[0], Answer.ACCEPT, wrong[1])
        assert store.offers_to(connection, f"C{held}") == []
        village.campaigns.see_all(connection, f"C{free}")
        assert store.offer(connection, made, account).state == "seen"
        assert answer(connection, made, account, Answer.ACCEPT, f"C{free}") is OfferState.ACCEPTED
        assert answer(connection, made, account, Answer.DECLINE, f"C{free}") is OfferState.DECLINED


def test_to_withdraw_the_consent_declines_what_is_open_and_nothing_can_be_taken(village: Town) -> None:
    made = village.started()
    free = next(n for n in range(HOMES) if not held_out("s1", f"C{n}", 100))
    customer, account = f"C{free}", f"{1000 + free}"
    with village.database.write() as connection:
        withdraw(connection, customer, Purpose.OFFERS, by="u", now=NOW)
        store.close_of_customer(connection, customer, NOW)
        assert store.offer(connection, made, account).state == "declined"
        with pytest.raises(Conflict, match="agree"):
            village.campaigns.answer(connection, made, account, Answer.ACCEPT, customer)
        give(connection, customer, Purpose.OFFERS, how="portal", by="u", now=NOW)
        assert Purpose.OFFERS in purposes_of(connection, customer)
        village.campaigns.answer(connection, made, account, Answer.ACCEPT, customer)


def test_a_campaign_ends_by_itself_and_unanswered_offers_expire(village: Town) -> None:
    made = village.started()
    village.clock.advance(14 * 86_400)
    village.daily()
    assert state(village, made) == State.ENDED
    assert set(states(village, made).values()) == {"expired", "held_out"}
    free = next(n for n in range(HOMES) if not held_out("s1", f"C{n}", 100))
    with pytest.raises(Conflict), village.database.write() as connection:
        village.campaigns.answer(connection, made, f"{1000 + free}", Answer.ACCEPT, f"C{free}")


def test_a_campaign_runs_to_its_end_on_either_database(tmp_path: Path, database_url: str) -> None:
    made = town(tmp_path, np.full((12, DAYS * 96), 100.0, np.float32), areas=1, url=database_url)
    campaign = made.started()
    account = next(each for each, is_ in states(made, campaign).items() if is_ == "sent")
    with made.database.write() as connection:
        made.campaigns.answer(connection, campaign, account, Answer.ACCEPT, f"C{int(account) - 1000}")
    made.clock.advance(20 * 86_400)
    by_the_clock(made.campaigns, made.database)
    by_the_clock(made.campaigns, made.database)
    assert state(made, campaign) == State.MEASURED
    with made.database.read() as connection:
        (kept,) = store.measurements(connection, campaign)
        assert ledger.balance(connection, account, made.campaigns.today) == 18  # 13 nights of 2.8 kWh
    assert kept.result["effect"]["verdict"] == "too_few"
    made.station.close()


# the hours


def test_a_promotion_is_refused_where_its_hours_are_near_overload(village: Town) -> None:
    made = village.write()
    village.outside.near = {"A1": [3]}
    with (
        pytest.raises(Conflict, match="area A1 is near overload in these hours"),
        village.database.write() as c,
    ):
        village.campaigns.approve(c, made, "bob")
    village.outside.near = {"A1": [50]}  # at noon: not its hours
    with village.database.write() as connection:
        village.campaigns.approve(connection, made, "bob")
    village.outside.near = {"A1": [3]}
    with pytest.raises(Conflict, match="A1"), village.database.write() as connection:
        village.campaigns.start(connection, made, "ann")
    assert village.outside.letters == []


def test_while_it_runs_an_area_that_comes_near_overload_gets_no_more_offers(village: Town) -> None:
    village.outside.troubled = {"C39"}
    made = village.started()
    village.outside.troubled, village.outside.near = set(), {"A1": [3]}
    with village.database.write() as connection:
        assert village.campaigns.deliver(connection, made).left_out == {"near_overload": 1}
    assert "1039" not in states(village, made)


def test_where_nothing_is_known_of_the_transformer_no_load_is_drawn(village: Town) -> None:
    village.outside.unknown = {"A0"}
    made = village.started()
    assert {int(each) for each in states(village, made)} == {1000 + n for n in range(HOMES // 2, HOMES)}
    message = village.started(subject_kind="message", subject="", name="培训")
    assert len(states(village, message)) == HOMES  # that asks for no load


def test_a_promotion_is_refused_for_the_hours_of_its_feeders_peak(village: Town) -> None:
    made = village.write()
    with village.database.write() as connection:
        _feeder_days(connection, hour=3)
    with pytest.raises(Conflict, match="at the peak of its feeder"), village.database.write() as connection:
        village.campaigns.approve(connection, made, "bob")
    with village.database.write() as connection:
        _feeder_days(connection, hour=19)
        village.campaigns.approve(connection, made, "bob")


def _feeder_days(connection: Connection, hour: int) -> None:
    found = []
    for back in range(1, 15):
        day = START - timedelta(days=back)
        at = datetime(day.year, day.month, day.day, hour, 30, tzinfo=ZONE).astimezone(UTC)
        empty: dict[str, Any] = {
            "coverage": 1.0,
            "estimated_share": 0.0,
            "coincidence": 0.8,
            "maxima_kw": 10.0,
        }
        found.append(
            areas.AreaDay(
                areas.Kind.FEEDER, "F1", day, customers=40, counted=40, peak_kw=8.0, peak_at=at, **empty
            )
        )
    areas.save(connection, found, inputs={}, version=1, now=NOW)


def test_an_hour_is_the_feeders_peak_when_the_peak_of_a_fifth_of_the_days_fell_near_it() -> None:
    policy = campaign_policy().feeder_peak

    def at(hour: int) -> datetime:
        return datetime(2026, 10, 1, hour, tzinfo=ZONE)

    assert hours.peak_slots([at(19)] * (policy.min_days - 1), policy) is None
    found = hours.peak_slots([at(19)] * 8 + [at(10)] * 1 + [at(12)] * 2, policy)
    assert found is not None
    assert {74, 76, 78} <= found
    assert not found & {40, 44, 48 - 1, 73, 79}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"subject": "houshold-valley"}, "did you mean 'household-valley'"),
        ({"to_day": START.replace(year=2027, month=1, day=5)}, "ends on 2026-12-31"),
        ({"segment": 99}, "no segment 99"),
        ({"subject_kind": "product", "subject": "no-such"}, "no product 'no-such'"),
    ],
)
def test_what_a_campaign_names_has_to_be_there(village: Town, changed: dict[str, object], said: str) -> None:
    with pytest.raises((Invalid, NotFound)) as refused:
        village.write(**changed)
    assert said in str(refused.value)
