"""The station's own rules are checked at start, and a mistake is told in one line."""

from pathlib import Path

import pytest

from cloud.alerts.policy import alert_policy, notice_policy
from cloud.kit.errors import Invalid
from cloud.workorders.deadlines import deadline_policy

SHIPPED = Path(__file__).parents[3] / "cloud" / "policies"


def test_what_ships_is_dated_and_says_where_it_comes_from() -> None:
    for policy in (alert_policy(), notice_policy()):
        assert policy.version
        assert policy.source
    for profile in deadline_policy().profiles.values():
        assert profile.source


def test_a_file_of_the_stations_own_goes_before_the_one_that_ships(tmp_path: Path) -> None:
    text = (SHIPPED / "alerts.toml").read_text(encoding="utf-8")
    (tmp_path / "alerts.toml").write_text(text.replace("min_meters = 2", "min_meters = 5"), encoding="utf-8")
    assert alert_policy(tmp_path).supply.min_meters == 5
    assert notice_policy(tmp_path) == notice_policy()


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("alerts", "min_meters = 2", "min_meters = 1", "supply.min_meters: Input should be greater than"),
        ("alerts", "min_share = 0.6", "", "supply.min_share: Field required"),
        ("alerts", "supplied_above_v = 45.0", "supplied_above_v = 10.0", "must be above dark_below_v"),
        ("alerts", "[kinds.line_down]", "[kinds.line_don]", "kinds.line_don"),
        ("alerts", "min_share = 0.6", "min_shares = 0.6", "min_share"),
        ("alerts", "[supply]", "[supply", "not TOML"),
        ("notices", 'outage = "severe"', "", "severity says nothing of outage"),
        ("notices", "attempts = 8", "attempts = 0", "delivery.attempts"),
        ("deadlines", 'profile = "sgcc"', 'profile = "sgc"', "profile 'sgc' is none of csg, generic, sgcc"),
        ("deadlines", "city = 45", "city = 0", "profiles.sgcc.on_site_min.city"),
    ],
)
def test_a_mistake_is_one_line_that_says_where_and_what(
    tmp_path: Path, name: str, old: str, new: str, said: str
) -> None:
    text = (SHIPPED / f"{name}.toml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / f"{name}.toml").write_text(text.replace(old, new, 1), encoding="utf-8")
    read = {"alerts": alert_policy, "notices": notice_policy, "deadlines": deadline_policy}[name]
    with pytest.raises(Invalid) as told:
        read(tmp_path)
    assert said in str(told.value)
    assert f"{name}.toml" in str(told.value)
    assert "\n" not in str(told.value)


def test_a_folder_of_the_stations_own_rules_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"policies_dir: .*nowhere is no folder"):
        alert_policy(tmp_path / "nowhere")
