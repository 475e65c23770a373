"""The policy that ships holds, and one that contradicts itself is refused with its line."""

from datetime import date
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import pytest

from cloud.kit.errors import Invalid
from cloud.tiers.response.policy import ResponsePolicy, response_policy

SHIPPED = files("cloud.policies").joinpath("response.toml").read_text(encoding="utf-8")


def changed(folder: Path, old: str, new: str) -> ResponsePolicy:
    assert old in SHIPPED
    (folder / "response.toml").write_text(SHIPPED.replace(old, new, 1), encoding="utf-8")
    return response_policy(folder)


def test_the_one_that_ships_is_dated_and_marked_to_be_checked() -> None:
    policy = response_policy()
    assert policy.terms_on(date(2026, 8, 6)).price_per_kwh == Decimal("2.00")
    assert "to be checked" in policy.source
    with pytest.raises(Invalid, match="2025-12-31"):
        policy.terms_on(date(2025, 12, 31))


def test_a_shapes_own_share_stands_before_its_classs(tmp_path: Path) -> None:
    more = '[[flexible]]\nclass = "business"\nshape = "flat"\nshare = 0.05\n[reliability]'
    policy = changed(tmp_path, "[reliability]", more)
    assert policy.share("business", "flat") == 0.05
    assert policy.share("business", "evening") == policy.share("business", None) == 0.15
    assert policy.share("strange", None) == 0


TWO = """[[terms]]
from = {start}
price_per_kwh = "2.00"
price_per_kw = "1.00"
least_share = "0.5"

[limits]"""


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[limits]", TWO.format(start="2026-06-01"), "two hold on 2026-06-01"),
        ("best = 5\n", "best = 11\n", "best"),
        ("answer_hours = 1 ", "answer_hours = 5 ", "answer_hours"),
        ('who = "household"', 'who = "help"', "protected households"),
        ('who = "household"         #', 'who = "household"\nunless_asked = true #', "never invited"),
        ('class = "farm"', 'class = "fram"', "farm"),
        ('class = "farm"', 'class = "business"', "twice"),
        ("adjust_until_hours = 2 ", "adjust_until_hours = 9 ", "adjust_until_hours"),
        ('price_per_kwh = "2.00"', 'price_per_kwh = "-2.00"', "price_per_kwh"),
    ],
)
def test_contradictions_are_refused_with_file_and_line(tmp_path: Path, old: str, new: str, told: str) -> None:
    with pytest.raises(Invalid, match=rf"response\.toml:\d+: .*{told}"):
        changed(tmp_path, old, new)


def test_terms_with_a_gap_are_refused(tmp_path: Path) -> None:
    gap = SHIPPED.replace("from = 2026-01-01", "from = 2026-01-01\nto = 2026-05-01", 1)
    (tmp_path / "response.toml").write_text(
        gap.replace("[limits]", TWO.format(start="2026-06-01"), 1), encoding="utf-8"
    )
    with pytest.raises(Invalid, match="none holds from 2026-05-01 to 2026-05-31"):
        response_policy(tmp_path)
