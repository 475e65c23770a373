"""The policy of contradictions: what cannot be meant is refused with file and line."""

from importlib.resources import files
from pathlib import Path

import pytest

from cloud.kit.errors import Invalid
from cloud.tiers.mismatch.policy import mismatch_policy

SHIPPED = files("cloud.policies")


def written(folder: Path, name: str, old: str, new: str) -> Path:
    text = (SHIPPED / name).read_text(encoding="utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new), encoding="utf-8")
    return folder


def test_what_ships_is_right() -> None:
    found = mismatch_policy()
    assert found.limits.names == ("household", "business", "farm")
    assert found.limits.family("large_industry") == "business"
    assert found.limits.family("lighting") is None
    assert "MIT" in found.profiles.source


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("mismatch.toml", 'farm = ["farm"]', 'farm = ["farm", "business"]', "business is in two of them"),
        ("mismatch.toml", 'farm = ["farm"]', 'farm = ["fram"]', "families.farm.1: Input should be"),
        ("mismatch.toml", 'farm = ["farm"]', "farm = []", "farm has no class"),
        ("mismatch.toml", "least_months = 3", "least_months = 9", "least_months"),
        ("mismatch.toml", "prior_probability = 0.95", "prior_probability = 0.7", "believed sooner"),
        ("mismatch.toml", "probability = 0.80", "probability = 0.4", "probability"),
        ("mismatch.toml", "in_row = 3", "in_row = 9", "in_row"),
        ("mismatch.toml", "folds = 5", "fold = 5", "folds"),
        ("class_profiles.toml", "work = [0.0592,", "work = [0.5592,", "come to"),
        ("class_profiles.toml", 'class = "farm"', 'class = "business"', "no profile of family farm"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, name: str, old: str, new: str, said: str) -> None:
    with pytest.raises(Invalid, match=said) as told:
        mismatch_policy(written(tmp_path, name, old, new))
    assert name in str(told.value)
