"""Whom a campaign reaches, over all others and several areas and days, and what one's fault stops."""

from datetime import date, timedelta

import numpy as np
import pytest
from sqlalchemy import Connection, update

from cloud.customers.protection import Protection, protect
from cloud.kit.errors import Conflict
from cloud.tiers.campaigns import hours, ledger, segments, store, uplift
from cloud.tiers.campaigns.house import by_the_clock
from cloud.tiers.campaigns.ledger import Award
from cloud.tiers.campaigns.measuring import measure
from cloud.tiers.campaigns.policy import campaign_policy
from cloud.tiers.campaigns.promotions import Promotion
from cloud.tiers.campaigns.rules import Answer, Barred, LeftOut, State, held_out, why_left_out
from cloud.tiers.campaigns.segments import Member
from cloud.tiers.campaigns.tables import campaign_table
from cloud.tiers.overload import Near
from tests.cloud.insight.archived_station import ZONE
from tests.cloud.tiers.campaigns.campaigning import NOW, START, Town

FREE = next(n for n in range(40) if not held_out("s1", f"C{n}", 100))
HELD = next(n for n in range(40) if held_out("s1", f"C{n}", 100))


def drawn(village: Town, campaign: int) -> dict[str, str]:
    with village.database.read() as connection:
        return {no: row.state for no, row in store.drawn(connection, campaign).items()}


def test_an_invitation_to_shift_load_counts_for_the_cap_of_offers(village: Town) -> None:
    village.outside.invited = {"C5": campaign_policy().cap.offers}
    assert "1005" not in drawn(village, village.started())


def test_a_campaigns_own_offer_does_not_keep_it_from_a_second_account(village: Town) -> None:
    """Or accounts of those offered would be left out, and those of the hold-out would not."""
    made = village.started()
    with village.database.read() as connection:
        row = store.campaign(connection, made)
        village.outside.invited = {f"C{FREE}": row.cap_offers - 1}
        second = Member("9999", f"C{FREE}", "household", ("A0",), ("A0-000",))
        barred = village.campaigns._barred(connection, row, [second])
    assert why_left_out(second, barred) is None


def test_whoever_is_protected_after_they_were_offered_something_is_asked_no_more(village: Town) -> None:
    made = village.started()
    with village.database.write() as connection:
        protect(connection, f"{1000 + FREE}", Protection.HOUSEHOLD, "家用呼吸机", "desk", NOW)
    village.daily()
    assert drawn(village, made)[f"{1000 + FREE}"] == "expired"


@pytest.mark.parametrize("areas", [("A0", "A1"), ("A1", "A0")])
def test_an_account_in_two_areas_is_left_out_for_either(areas: tuple[str, ...]) -> None:
    member = Member("1", "C", "farm", areas, ("P1", "P2"))
    barred = Barred((), {"C"}, (), (), {"A1": LeftOut.NEAR_OVERLOAD})
    assert why_left_out(member, barred) is LeftOut.NEAR_OVERLOAD


def barred(
    village: Town, promotion: Promotion, today: date, near: hours.NearOverload | None = None
) -> dict[str, LeftOut]:
    with village.database.read() as connection:
        return hours.barred_areas(
            connection, promotion, {"A0"}, today, near=near or village.outside.overload,
            peak=campaign_policy().feeder_peak, calendar=village.campaigns.calendar, zone=ZONE,
        )  # fmt: skip


def test_where_one_of_the_days_is_not_known_no_load_is_drawn(village: Town) -> None:
    promotion = village.campaigns.rules.promotions.value.of("household-valley", START)
    assert barred(village, promotion, START) == {}

    def tomorrow_unknown(connection: Connection, area: str, day: date) -> Near:
        village.outside.unknown = {area} if day > START else set()
        return village.outside.overload(connection, area, day)

    assert barred(village, promotion, START, tomorrow_unknown) == {"A0": LeftOut.LOAD_UNKNOWN}


def test_on_a_saturday_nothing_is_known_of_hours_on_workdays(village: Town) -> None:
    promotion = village.campaigns.rules.promotions.value.of("household-valley", START)
    workdays = promotion.model_copy(update={"days": "workdays"})
    saturday = date(2026, 10, 17)
    assert barred(village, workdays, saturday) == {"A0": LeftOut.LOAD_UNKNOWN}
    assert barred(village, workdays, saturday + timedelta(days=1)) == {}


def test_a_promotion_taken_off_the_shelf_stops_its_own_campaign_alone(village: Town) -> None:
    gone, other = village.started(), village.started(subject_kind="message", subject="", name="培训")
    with village.database.write() as connection:
        mine = campaign_table.c.id == gone
        connection.execute(update(campaign_table).where(mine).values(subject="no-such-promotion"))
    village.clock.advance(5 * 86_400)
    with village.database.write() as connection:
        protect(connection, f"{1000 + FREE}", Protection.HOUSEHOLD, "家用呼吸机", "desk", NOW)
    by_the_clock(village.campaigns, village.database)
    assert drawn(village, other)[f"{1000 + FREE}"] == "expired"


def test_a_campaign_that_was_measured_early_still_pays_the_days_that_were_promised(village: Town) -> None:
    """Its measure may end before it does: what is checked later is earned all the same, and once."""
    day = timedelta(days=1)
    measured = {
        "metric": "total_kwh", "before_from": START - 7 * day, "before_to": START - day,
        "after_from": START, "after_to": START + timedelta(days=6),
    }  # fmt: skip
    made = village.started(measure=measured)
    account = f"{1000 + FREE}"
    with village.database.write() as connection:
        village.campaigns.answer(connection, made, account, Answer.ACCEPT, f"C{FREE}")
    village.clock.advance(14 * 86_400)
    village.daily()
    measure(village.campaigns, village.database, made, "bob")
    with village.database.read() as connection:
        assert store.campaign(connection, made).state == State.MEASURED
    village.clock.advance(10 * 86_400)
    for _ in range(2):
        by_the_clock(village.campaigns, village.database)
    with village.database.read() as connection:
        assert ledger.balance(connection, account, village.campaigns.today) == 18  # 13 nights of 2.8 kWh


def test_one_form_buys_one_voucher_and_no_other(village: Town) -> None:
    today = village.campaigns.today
    given = Award("k", "1000", 1000, today + timedelta(days=300), "test")
    with village.database.write() as connection:
        ledger.award(connection, given, by="t", at=NOW)
        buy = village.campaigns.buy
        code = buy(connection, "C0", "1000", "led-bulbs", "12345678")
        assert buy(connection, "C0", "1000", "led-bulbs", "12345678") == code
        with pytest.raises(Conflict, match="another voucher"):
            buy(connection, "C0", "1000", "wiring-check", "12345678")
        assert ledger.balance(connection, "1000", today) == 800


def test_few_takers_tell_no_interval_rather_than_an_endless_one() -> None:
    """With ten takers of 300 many draws of the hold-out have none: nothing JSON could not hold is kept."""
    random = np.random.default_rng(2)
    offered = np.arange(300) >= 30
    took = offered & (np.arange(300) >= 290)
    before = random.normal(10, 1, 300)
    found = uplift.effect(
        uplift.Sides(before, before + random.normal(0, 1, 300), offered, took),
        confidence=0.95, min_per_arm=20, resamples=500,
    )  # fmt: skip
    assert found.all_offered is not None
    assert found.takers is None


def test_two_previews_that_differ_by_one_account_do_not_tell_what_it_uses() -> None:
    """A mean has two digits, and a single small group is not found by taking the others off the whole."""
    assert segments._counted(["a"] * 95 + ["b"] * 20 + ["c"] * 3) == {"a": 95, "b": None, "c": None}
    assert segments._counted(["a"] * 95 + ["b"] * 20) == {"a": 95, "b": 20}
    assert segments._counted(["a"] * 3) == {"a": None}
