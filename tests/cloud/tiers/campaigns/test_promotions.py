"""A promotion that contradicts itself or another is refused with file, line and reason."""

from datetime import date
from pathlib import Path

import pytest

from cloud.kit.calendar import station_calendar
from cloud.kit.errors import Invalid, NotFound
from cloud.tiers.campaigns import promotions
from cloud.tiers.campaigns.policy import campaign_policy

GOOD = """id = "valley"
from = 2026-01-01
to = 2026-12-31
source = "示例"
reward = "points"
hours = ["00:00-06:00", "22:30-24:00"]
points_per_kwh = "0.5"
cap_points = 60
budget_points = 3000

[name]
zh_CN = "示例"
en = "Sample"

[for]
classes = ["household"]
"""


def test_a_document_says_when_its_hours_count() -> None:
    found = promotions.parsed(GOOD, "valley.toml").promotion
    assert found.quarters == frozenset([*range(24), *range(90, 96)])
    calendar = station_calendar()
    assert found.on(date(2026, 10, 1), calendar)
    assert not found.on(date(2027, 1, 1), calendar)
    off = promotions.parsed(GOOD.replace("hours", 'days = "off"\nhours', 1), "valley.toml").promotion
    assert off.on(date(2026, 10, 1), calendar)  # a statutory holiday on a Thursday
    assert not off.on(date(2026, 9, 24), calendar)


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("to = 2026-12-31", "to = 2025-12-31", 3, "before from"),
        ('"22:30-24:00"', '"05:00-07:00"', 6, "overlap"),
        ('"22:30-24:00"', '"22:30-01:00"', 6, "cut at midnight"),
        ('"22:30-24:00"', '"22:35-24:00"', 6, "quarters of an hour"),
        ("cap_points = 60", "cap_points = 6000", 8, "more than the budget"),
        ("cap_points = 60\n", "", 5, "needs cap_points"),
        ("cap_points = 60", 'voucher = "led-bulbs"\ncap_points = 60', 8, "is not of a promotion"),
        ('["household"]', '["houshold"]', 16, "did you mean 'household'"),
        ("budget_points", "bugdet_points", 9, "did you mean 'budget_points'"),
        ('"0.5"', '"0"', 7, "greater than 0"),
        ('"points"', '"discount"', 5, "'points' or 'voucher'"),
    ],
)
def test_a_contradiction_is_refused_with_its_line(old: str, new: str, line: int, reason: str) -> None:
    with pytest.raises(Invalid) as refused:
        promotions.parsed(GOOD.replace(old, new), "valley.toml")
    assert str(refused.value).startswith(f"valley.toml:{line}: ")
    assert reason in str(refused.value)


def test_two_that_hold_on_one_day_and_a_voucher_nobody_knows_are_refused() -> None:
    policy = campaign_policy()
    one = promotions.parsed(GOOD, "one.toml")
    later = promotions.parsed(GOOD.replace("from = 2026-01-01", "from = 2026-06-01"), "two.toml")
    with pytest.raises(Invalid, match=r"two.toml:2: from: valley holds already until 2026-12-31 by one.toml"):
        promotions.Promotions([one, later], policy)
    text = GOOD.replace('"points"', '"voucher"').replace('points_per_kwh = "0.5"', 'voucher = "led-bulb"')
    text = text.replace("cap_points = 60", 'min_kwh = "10"').replace("budget_points", "budget_vouchers")
    with pytest.raises(Invalid, match=r"v.toml:7: voucher: .*did you mean 'led-bulbs'"):
        promotions.Promotions([promotions.parsed(text, "v.toml")], policy)


def test_the_stations_own_stands_in_place_of_what_ships(tmp_path: Path) -> None:
    folder = tmp_path / "promotions"
    folder.mkdir()
    (folder / "mine.toml").write_text(GOOD.replace('"valley"', '"household-valley"'), encoding="utf-8")
    found = promotions.read(tmp_path, campaign_policy())
    assert found.of("household-valley", date(2026, 5, 1)).source == "示例"
    with pytest.raises(NotFound, match="did you mean 'household-valley'"):
        found.of("houshold-valley", date(2026, 5, 1))
    with pytest.raises(NotFound, match="does not hold on 2027-01-01"):
        found.of("household-valley", date(2027, 1, 1))
