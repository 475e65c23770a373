"""Evidence put together: one item for a place, numbers for facts, no word of guilt anywhere."""

import re
from pathlib import Path

from cloud.analysis import loss
from cloud.analysis.loss.evidence import CHECKS, Check, Fact, Item, Kind, Line, ranked, together


def item(kind: Kind, point: str | None, kwh: float | None, strength: float, *lines: Line) -> Item:
    return Item(kind, "A01", point, None, kwh, None, None, strength, lines)


EXPLAINS = Line(Fact.EXPLAINS_LOSS, {"share": 0.5, "kwh_month": 120.0})
FELL = Line(Fact.FELL, {"fall": 0.5})
PHASES = Line(Fact.EVENTS, {"rule": "V15", "days": 4})


def test_all_evidence_of_a_place_is_one_item_that_is_more_certain() -> None:
    found = together(
        [item(Kind.FALLEN, "P1", 90.0, 0.5, FELL), item(Kind.UNDER_REGISTERED, "P1", 120.0, 0.8, EXPLAINS)]
    )
    assert len(found) == 1
    assert (found[0].kind, found[0].kwh_month) == (Kind.UNDER_REGISTERED, 120.0)
    assert found[0].lines == (EXPLAINS, FELL)
    assert 0.8 < found[0].strength <= 0.99


def test_the_list_is_by_expected_kwh_and_the_same_for_the_same_evidence() -> None:
    items = [item(Kind.UNDER_REGISTERED, f"P{n}", kwh, 0.5) for n, kwh in enumerate((10.0, 300.0, 50.0))]
    assert [each.point for each in ranked(items)] == ["P1", "P2", "P0"]
    assert ranked(items[::-1]) == ranked(items)


def test_who_pays_too_much_ranks_as_high_as_who_pays_too_little() -> None:
    items = [item(Kind.WRONG_RATIO, "P1", -400.0, 0.9), item(Kind.UNDER_REGISTERED, "P2", 100.0, 0.9)]
    assert ranked(items)[0].point == "P1"


def test_who_only_uses_less_is_not_listed_until_the_loss_rose_with_it() -> None:
    rose = Line(Fact.LOSS_ROSE, {"kwh_day": 3.0})
    assert together([item(Kind.FALLEN, "P1", 0.0, 0.1, FELL)]) == []
    assert len(together([item(Kind.FALLEN, "P1", 90.0, 0.5, FELL, rose)])) == 1


def test_every_kind_says_what_to_look_at_and_doubtful_phases_come_first() -> None:
    assert set(CHECKS) == set(Kind)
    found = item(Kind.UNDER_REGISTERED, "P1", 100.0, 0.9, EXPLAINS, PHASES)
    assert found.checks[0] is Check.PHASES_AND_VOLTAGE
    assert len(set(found.checks)) == len(found.checks)


def test_no_word_of_guilt_is_in_any_code() -> None:
    codes = " ".join([*Kind, *Fact, *Check])
    text = "".join(path.read_text() for path in Path(loss.__file__).parent.glob("*.py"))
    assert not re.search(r"theft|thief|steal|guilty|fraud|窃", codes + text, re.IGNORECASE)
