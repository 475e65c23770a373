"""Campaigns of the demo, as two operators write and approve them and customers answer."""

from datetime import date
from typing import Any

from cloud.demo.prepare import OPERATOR, SECOND
from cloud.demo.then import Days
from cloud.fleet.registry import area_names
from cloud.kit.days import DAY
from cloud.tiers.campaigns import segment_store, store
from cloud.tiers.campaigns.plan import CampaignIn
from cloud.tiers.campaigns.rules import Answer, OfferState

HOMES = ("低谷有余量台区的居民", {"class": ["household"], "consent": ["offers"]})
SMALL = ("居民与商户（同意接收优惠）", {"class": ["household", "business"], "consent": ["offers"]})
SHOPS = ("商户", {"class": ["business"]})


def over(days: Days, began: date) -> None:
    """Two weeks of a handbook: offered, taken by every other customer, ended by the clock."""
    days.at(began - DAY * 4)
    made = _written(
        days, SMALL, "秋季节能手册", "product:energy-handbook",
        ("免费节能用电手册", "A free handbook on saving energy"),
        ("到营业厅或由抄表员上门送达。", "At the desk, or brought along by the meter reader."),
        began, began + DAY * 13,
    )  # fmt: skip
    days.at(began)
    _begin(days, made)
    days.at(began + DAY, 19)
    _answered(days, made)
    days.at(began + DAY * 14)
    _daily(days, made)


def running(days: Days, today: date) -> None:
    """Points for the night's electricity, for four weeks from `today`; most take part the same evening."""
    days.at(today - DAY)
    name, asked = HOMES
    segment = (name, asked | {"area": _free(days, "household-valley", today)})
    made = _written(
        days, segment, "低谷用电有积分", "promotion:household-valley",
        ("夜间用电攒积分", "Points for electricity at night"),
        ("0:00-7:00 每用 2 千瓦时得 1 分，可换 LED 灯泡或线路检查。",
         "One point for every 2 kWh between 0:00 and 7:00; exchange them for LED bulbs or a wiring check."),
        today, today + DAY * 27,
    )  # fmt: skip
    days.at(today)
    _begin(days, made)
    days.at(today, 20)
    _answered(days, made)


def _free(days: Days, promotion: str, today: date) -> list[str]:
    """The areas whose transformers have room in its hours, today and tomorrow: it is refused elsewhere."""
    campaigns = days.app.tiers.campaigns
    hours = campaigns.rules.promotions.value.of(promotion, today).quarters
    with days.app.database.read() as connection:
        return [
            area
            for area in sorted(area_names(connection))
            if all(campaigns.around.near(connection, area, day).allows(hours) for day in (today, today + DAY))
        ]


def waiting(days: Days, today: date) -> None:
    """A draft that another person has still to approve."""
    days.at(today, 8)
    _written(
        days, SHOPS, "商户清晨用电", "promotion:business-shift",
        ("清晨备货送线路检查", "A wiring check for early work"),
        ("把备货、洗涤等用电放到 6:00-8:00，满 20 千瓦时送一次室内线路检查。",
         "Move cooling, washing and the like to 6:00-8:00; from 20 kWh on a check of your wiring is free."),
        today, min(today + DAY * 27, date(today.year, 12, 31)),
    )  # fmt: skip


def _written(
    days: Days,
    of: tuple[str, dict[str, Any]],
    name: str,
    subject: str,
    title: tuple[str, str],
    text: tuple[str, str],
    first: date,
    last: date,
) -> int:
    kind, _, what = subject.partition(":")
    campaigns = days.app.tiers.campaigns
    with days.app.database.write() as connection:
        known = {row.name: row.id for row in segment_store.segments(connection)}
        segment = known.get(of[0]) or segment_store.save(
            connection, of[0], campaigns.conditions(connection, of[1]), by=OPERATOR, at=days.clock.now()
        )
        plan = CampaignIn.model_validate(
            {
                "name": name, "segment": segment, "subject_kind": kind, "subject": what,
                "title": dict(zip(("zh_CN", "en"), title, strict=True)),
                "text": dict(zip(("zh_CN", "en"), text, strict=True)),
                "from_day": first, "to_day": last,
            }
        )  # fmt: skip
        return campaigns.write(connection, plan, OPERATOR)


def _begin(days: Days, made: int) -> None:
    with days.app.database.write() as connection:
        days.app.tiers.campaigns.approve(connection, made, SECOND)
        days.app.tiers.campaigns.start(connection, made, OPERATOR)


def _daily(days: Days, made: int) -> None:
    with days.app.database.write() as connection:
        days.app.tiers.campaigns.daily(connection, made)


def _answered(days: Days, made: int) -> None:
    """Three of five take it, one does not want it, one says nothing."""
    campaigns = days.app.tiers.campaigns
    with days.app.database.write() as connection:
        sent = [each for each in store.drawn(connection, made).values() if each.state == OfferState.SENT]
        for number, each in enumerate(sent):
            answer = (Answer.ACCEPT, Answer.DECLINE, Answer.ACCEPT, Answer.SEE, Answer.ACCEPT)[number % 5]
            campaigns.answer(connection, made, each.account, answer, each.customer)
