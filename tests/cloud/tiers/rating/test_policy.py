"""The policy of the rating: what ships is whole; a contradiction is refused with file, line and reason."""

from datetime import date
from importlib.resources import files
from pathlib import Path

import pytest

from cloud.kit.errors import Invalid
from cloud.policies.current import Current
from cloud.tiers.rating import policy
from cloud.tiers.rating.inputs import CustomerClass

SHIPPED = files("cloud.policies").joinpath("tiers.toml").read_text(encoding="utf-8")
SECOND = SHIPPED[SHIPPED.index("[[rule]]") :]


def refused(folder: Path, text: str) -> str:
    (folder / "tiers.toml").write_text(text, encoding="utf-8")
    with pytest.raises(Invalid) as error:
        policy.read(folder)
    return str(error.value)


def line(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def test_every_class_has_three_sub_tiers_at_least_and_weights_of_one() -> None:
    rule = policy.read(None).on(date(2026, 11, 1))
    for class_ in CustomerClass:
        assert len(rule.sub[class_]) >= 3
        assert sum(map(abs, rule.value[class_].weights.values())) == pytest.approx(1)


@pytest.mark.parametrize(
    ("old", "new", "said", "at"),
    [
        ("C = 0.32 }", "C = 0.55 }", "the cuts do not fall: B from 0.5, C from 0.55", "[rule.value.large"),
        ("revenue = 0.25", "revenue = 0.30", "make 1.05, not 1", "[rule.value.large_industry]"),
        ("growth = 0.10", "grouth = 0.10", "grouth: no such input", "[rule.value.large_industry]"),
        ("capacity_kva = { at_least = 1000 } }\n", "kva = { at_least = 1 } }\n", "kva: no such input", ""),
        ("[rule.value.farm]", "[rule.value.kiosk]", "large_industry", ""),
        ("round_the_clock = { is = true } }", "round_the_clock = { at_least = 1 } }", "is a flag", ""),
        ("promote = [2, 3]", "promote = [4, 3]", "4 of 3 months cannot be", "promote = [2, 3]"),
        ("late_bills = 6", "late_bills = 1", "late_bills is reached before watch", ""),
        ("least_group = 10", "least_group = 3", "greater than or equal to 10", "least_group"),
        ("below = 2500", "below = 2500, at_least = 9000", "nothing is at least 9000 and below 2500", ""),
    ],
)
def test_a_contradiction_is_refused_with_its_line(
    tmp_path: Path, old: str, new: str, said: str, at: str
) -> None:
    assert old in SHIPPED
    told = refused(tmp_path, SHIPPED.replace(old, new, 1))
    assert said in told
    assert "tiers.toml:" in told
    if at:
        number = int(told.split("tiers.toml:")[1].split(":")[0])
        assert number - line(SHIPPED, at) in range(4)


def test_a_gap_between_sub_tiers_is_refused_and_says_who_falls_through(tmp_path: Path) -> None:
    small = SHIPPED[SHIPPED.index('[[rule.sub.farm]]\nid = "small"') :].split("\n\n")[0]
    told = refused(tmp_path, SHIPPED.replace(small, ""))
    assert "farm: a gap: no sub-tier takes annual_kwh below 20000, season_ratio below 1.6" in told


def test_a_sub_tier_that_nobody_reaches_is_refused(tmp_path: Path) -> None:
    more = '[[rule.sub.farm]]\nid = "late"\nname = { zh_CN = "迟", en = "late" }\n\n# The value'
    assert "farm: late is never reached" in refused(tmp_path, SHIPPED.replace("# The value", more, 1))


def test_an_unknown_class_is_told_with_the_line_of_its_sub_tiers(tmp_path: Path) -> None:
    told = refused(tmp_path, SHIPPED.replace("[[rule.sub.farm]]", "[[rule.sub.fram]]"))
    line = SHIPPED.splitlines().index("[[rule.sub.farm]]") + 1
    assert f"tiers.toml:{line}: rule.1.sub.fram: Input should be" in told


def test_two_rules_on_one_day_and_a_time_without_one_are_refused(tmp_path: Path) -> None:
    second = SECOND.replace("2026-01", "2027-01").replace("from = 2026-01-01", "from = 2027-01-01")
    told = refused(tmp_path, SHIPPED + second)
    line = SHIPPED.count("\n") + 1 + second.splitlines().index("[[rule]]")
    overlaps = "2027-01 from 2027-01-01 overlaps 2026-01, which holds to further notice"
    assert f"tiers.toml:{line}: rule.2: {overlaps}" in told
    ended = SHIPPED.replace("from = 2026-01-01", "from = 2026-01-01\nto = 2026-12-01", 1)
    assert "no rule holds from 2026-12-01 to 2027-01-01" in refused(tmp_path, ended + second)


def test_two_rules_one_after_the_other_hold_each_in_their_time(tmp_path: Path) -> None:
    second = SECOND.replace("2026-01", "2027-01").replace("from = 2026-01-01", "from = 2027-01-01")
    ended = SHIPPED.replace("from = 2026-01-01", "from = 2026-01-01\nto = 2027-01-01", 1)
    (tmp_path / "tiers.toml").write_text(ended + second, encoding="utf-8")
    found = policy.read(tmp_path)
    assert found.on(date(2026, 12, 31)).version == "2026-01"
    assert found.on(date(2027, 1, 1)).version == "2027-01"


def test_a_wrong_file_leaves_the_old_policy_in_force(tmp_path: Path) -> None:
    file = tmp_path / "tiers.toml"
    file.write_text(SHIPPED, encoding="utf-8")
    current = Current(policy.read, tmp_path, ["tiers"])
    file.write_text(SHIPPED.replace("C = 0.32 }", "C = 0.9 }"), encoding="utf-8")
    assert not current.refresh()
    assert current.refused is not None
    assert "cuts do not fall" in current.refused
    assert current.value.on(date(2026, 11, 1)).version == "2026-01"
