"""entitlements.toml: the one that ships, and every contradiction refused with its file and line."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from cloud.kit.errors import Invalid
from cloud.policies.current import Current
from cloud.tiers.entitlements.policy import current, read

LENGTHENED, BASE_LENGTHENED = "a tier never lengthens a promise", "a promise is never lengthened"
BEFORE_GRADE = "the grade goes before all else"
SHIPPED = (files("cloud.policies") / "entitlements.toml").read_text(encoding="utf-8")


def refused(folder: Path, text: str) -> tuple[int, str]:
    """The line and the reason of the first mistake."""
    (folder / "entitlements.toml").write_text(text, encoding="utf-8")
    with pytest.raises(Invalid) as told:
        read(folder)
    found = re.match(r"policy (\S+entitlements\.toml):(\d+): (.*)", str(told.value))
    assert found is not None, str(told.value)
    return int(found[2]), found[3]


def line(text: str, part: str, after: str = "") -> int:
    """Where `part` first stands behind `after`."""
    at = text.index(part, text.index(after))
    return text.count("\n", 0, at) + 1


def changed(old: str, new: str, after: str = "") -> str:
    at = SHIPPED.index(old, SHIPPED.index(after))
    return SHIPPED[:at] + new + SHIPPED[at + len(old) :]


def test_the_one_that_ships_promises_something_to_every_class() -> None:
    policy = read()
    assert {base.class_ for base in policy.base} == {
        "large_industry",
        "business",
        "household",
        "farm",
        "other",
    }


@pytest.mark.parametrize(
    ("old", "new", "after", "said"),
    [
        ("order_priority = 5", "order_priority = 9", 'id = "need-continuity"', LENGTHENED),
        ("interval_s = 300", "interval_s = 3600", 'id = "need-voltage"', LENGTHENED),
        ("on_site_min = { city = 40", "on_site_min = { city = 46", 'id = "large-industry-b"', LENGTHENED),
        ("quiet = { start = 21:00:00, end = 08:00:00 }", "quiet = { start = 23:00:00, end = 08:00:00 }",
         'id = "need-help"', LENGTHENED),
        ("on_site_min = { city = 45", "on_site_min = { city = 50", 'class = "farm"', BASE_LENGTHENED),
        ("order_priority = 4", "order_priority = 3", 'id = "protected-household"', BEFORE_GRADE),
    ],
)  # fmt: skip
def test_what_lengthens_a_promise_or_passes_an_important_customer_is_refused_with_its_line(
    tmp_path: Path, old: str, new: str, after: str, said: str
) -> None:
    text = changed(old, new, after)
    at, reason = refused(tmp_path, text)
    assert said in reason
    assert at == line(text, new.split(" =")[0], after)


@pytest.mark.parametrize(
    ("old", "new", "after", "said", "key"),
    [
        ('value = ["A"]', 'value = ["E"]', 'id = "large-industry-a"', "'A', 'B', 'C' or 'D'", "when"),
        ('class = ["household"]', 'class = ["castle"]', 'id = "household-a"', "'household'", "when"),
        ('grade = ["first"]', 'grade = ["third"]', 'id = "grade-first"', "'special'", "when"),
        ('{ grade = ["first"] }', '{ grade = ["first"], value = ["A"] }', 'id = "grade-first"',
         "never ranked", "when"),
        ('{ grade = ["first"] }', "{}", 'id = "grade-first"', "name at least one axis", "when"),
        ('class = ["household"]', 'class = ["household"], sub = ["business.shop"]', 'id = "household-a"',
         "nobody is both", "when"),
    ],
)  # fmt: skip
def test_an_unknown_class_or_tier_or_a_condition_nobody_meets_is_refused_with_its_line(
    tmp_path: Path, old: str, new: str, after: str, said: str, key: str
) -> None:
    text = changed(old, new, after)
    at, reason = refused(tmp_path, text)
    assert said in reason
    assert at == line(text, key, after)


FARM = SHIPPED[SHIPPED.index('[[base]]\nclass = "farm"') : SHIPPED.index('[[base]]\nclass = "other"')]


def test_a_class_without_a_promise_is_a_gap(tmp_path: Path) -> None:
    _, reason = refused(tmp_path, SHIPPED.replace(FARM, ""))
    assert "class farm has no promise of its own" in reason


def test_days_between_two_promises_are_a_gap(tmp_path: Path) -> None:
    ended = FARM.replace("from = 2026-01-01", "from = 2026-01-01\nto = 2026-06-01")
    later = FARM.replace("from = 2026-01-01", "from = 2026-07-01")
    text = SHIPPED.replace(FARM, ended + later)
    at, reason = refused(tmp_path, text)
    assert reason == "a gap: farm is promised nothing from 2026-06-01 on"
    assert at == line(text, "from = 2026-07-01")


def test_a_promise_that_ends_without_another_is_a_gap(tmp_path: Path) -> None:
    text = SHIPPED.replace(FARM, FARM.replace("from = 2026-01-01", "from = 2026-01-01\nto = 2026-06-01"))
    at, reason = refused(tmp_path, text)
    assert reason == "a gap: farm is promised nothing from 2026-06-01 on"
    assert at == line(text, "to = 2026-06-01")


def test_two_promises_on_one_day_are_refused(tmp_path: Path) -> None:
    text = SHIPPED.replace(FARM, FARM + FARM.replace("from = 2026-01-01", "from = 2026-03-01"))
    at, reason = refused(tmp_path, text)
    assert reason == "two promises to farm hold on 2026-03-01: end one before"
    assert at == line(text, "from = 2026-03-01")


def test_one_rule_twice_on_one_day_is_refused(tmp_path: Path) -> None:
    rule = SHIPPED[SHIPPED.index('[[rule]]\nid = "need-price"') : SHIPPED.index("# ---- what an account")]
    text = SHIPPED + "\n" + rule.replace("2026-01-01", "2026-05-01")
    at, reason = refused(tmp_path, text)
    assert reason == "rule 'need-price' holds twice on 2026-05-01: end one before the other"
    assert at == line(text, "from = 2026-05-01")


def test_the_same_rule_anew_after_its_end_is_taken(tmp_path: Path) -> None:
    rule = SHIPPED[SHIPPED.index('[[rule]]\nid = "need-price"') : SHIPPED.index("# ---- what an account")]
    ended = rule.replace("from = 2026-01-01", "from = 2026-01-01\nto = 2026-05-01")
    text = SHIPPED.replace(rule, ended + rule.replace("2026-01-01", "2026-05-01"))
    (tmp_path / "entitlements.toml").write_text(text, encoding="utf-8")
    assert len(read(tmp_path).rule) == len(read().rule) + 1


def test_a_grade_without_priority_or_before_a_higher_one_is_refused(tmp_path: Path) -> None:
    _, reason = refused(tmp_path, changed('["second", "temporary"]', '["second"]'))
    assert "grade temporary has no order_priority" in reason
    _, reason = refused(tmp_path, changed("order_priority = 1\n", "order_priority = 3\n"))
    assert "grade first comes before grade special" in reason


def test_a_grade_has_its_priority_from_the_first_day_on_and_not_only_later(tmp_path: Path) -> None:
    text = changed("from = 2026-01-01", "from = 2027-01-01", 'id = "grade-second"')
    _, reason = refused(tmp_path, text)
    assert "grade second has no order_priority on 2026-01-01" in reason


@pytest.mark.parametrize("besides", ['credit = ["good"]', 'class = ["business"]', 'need = ["voltage"]'])
def test_no_other_ground_brings_a_grade_before_a_higher_one(tmp_path: Path, besides: str) -> None:
    rule = f"""
[[rule]]
id = "second-and-more"
from = 2026-01-01
when = {{ grade = ["second"], {besides} }}
order_priority = 1
"""
    at, reason = refused(tmp_path, SHIPPED + rule)
    assert "order_priority: 1 comes before the 2 of grade first" in reason
    assert at == line(SHIPPED + rule, "order_priority", "second-and-more")


def test_shorter_deadlines_of_the_station_reach_the_entitlements(tmp_path: Path) -> None:
    """Who shortens the promise to everybody has to shorten what is written for classes too."""
    deadlines = (files("cloud.policies") / "deadlines.toml").read_text(encoding="utf-8")
    (tmp_path / "deadlines.toml").write_text(deadlines.replace("city = 45", "city = 30", 1), encoding="utf-8")
    with pytest.raises(Invalid, match=r"longer than the 30 min of deadlines\.toml"):
        read(tmp_path)


def test_a_wrong_file_leaves_the_old_promises_in_force(tmp_path: Path) -> None:
    file = tmp_path / "entitlements.toml"
    file.write_text(SHIPPED, encoding="utf-8")
    policy: Current[object] = current(tmp_path)  # type: ignore[assignment]
    before = policy.value
    file.write_text(
        changed("order_priority = 8", "order_priority = 2", 'class = "household"'), encoding="utf-8"
    )
    assert not policy.refresh()
    assert policy.value is before
    assert policy.refused is not None
    assert "entitlements.toml:" in policy.refused
