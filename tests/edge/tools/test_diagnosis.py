"""What was observed leads to the likeliest reason first, and never to "dead" or "safe"."""

import pytest

from edge.tools.diagnosis import RULES, Evidence, Neighbour, findings


def around(*answers: bool, at: int = 0) -> tuple[Neighbour, ...]:
    """Neighbours in order of the line; the meter itself stands before the one with index `at`."""
    places = [place - at if place < at else place - at + 1 for place in range(len(answers))]
    return tuple(Neighbour(f"m{place}", place, answer) for place, answer in zip(places, answers, strict=True))


WELL, DARK = around(True, True, True), around(False, False, False)
NOISY = (Neighbour("a", 1, False, garbled=True),)
CASES = [
    ("line_down", Evidence(line_down="cannot open")),
    ("answers", Evidence(asked=3, answered=3)),
    ("now_and_then", Evidence(asked=3, answered=1)),
    ("refuses", Evidence(asked=3, answered=3, refusals=("D1H: no_requested_data",))),
    ("wrong_speed", Evidence(asked=3, other_speed="9600 8N1", neighbours=WELL)),
    ("wrong_speed", Evidence(asked=3, garbled=40, neighbours=DARK)),
    ("two_meters", Evidence(asked=3, answered=3, two_answers=True)),
    ("two_meters", Evidence(asked=3, answered=3, registers_disagree=True)),
    ("two_meters", Evidence(asked=3, garbled=20, neighbours=WELL, speeds_tried=True)),
    ("wrong_protocol", Evidence(asked=3, other_protocol="DL/T 645-1997", neighbours=WELL)),
    ("only_698", Evidence(asked=3, speaks_698=True, neighbours=WELL)),
    ("wrong_address", Evidence(asked=3, similar=("000000000018",), neighbours=WELL)),
    ("other_master", Evidence(masters=("DL/T 645: 4 requests",))),
    ("other_master", Evidence(asked=3, garbled=9, masters=("DL/T 645: 4 requests",))),
    ("echo_only", Evidence(asked=3, echo=True, neighbours=DARK)),
    ("noise", Evidence(asked=3, garbled=9, neighbours=NOISY, speeds_tried=True)),
    ("noise", Evidence(asked=3, noise_bytes=50, speeds_tried=True)),
    ("bad_segment", Evidence(asked=3, neighbours=around(True, True, False, at=2), speeds_tried=True)),
    ("no_supply", Evidence(asked=3, neighbours=DARK, supply="backup")),
    ("whole_line", Evidence(asked=3, neighbours=DARK, supply="mains")),
    ("itself", Evidence(asked=3, neighbours=WELL)),
    ("unknown", Evidence(asked=3, speeds_tried=True)),
]  # fmt: skip


@pytest.mark.parametrize(("code", "seen"), CASES, ids=[f"{code}-{n}" for n, (code, _) in enumerate(CASES)])
def test_the_likeliest_reason_stands_first(code: str, seen: Evidence) -> None:
    assert findings(seen)[0].code == code


def test_every_rule_is_the_first_of_some_case() -> None:
    assert {rule.code for rule in RULES} == {code for code, _ in CASES} - {"unknown"}


def test_no_finding_calls_a_line_dead_or_safe() -> None:
    for _, seen in CASES:
        for each in findings(seen):
            said = f"{each.says} {each.do}".lower()
            assert "safe" not in said
            assert "dead" not in said
            assert "de-energised" not in said


def test_findings_come_in_order_of_confidence_with_their_bytes() -> None:
    seen = Evidence(
        asked=3, neighbours=WELL, similar=("1",), proofs={"similar": "> AA  < BB", "neighbours": "x"}
    )
    found = findings(seen)
    assert [each.confidence for each in found] == sorted((each.confidence for each in found), reverse=True)
    assert found[0].shown == "> AA  < BB"


def test_a_gap_in_the_middle_of_the_line_is_no_bad_segment() -> None:
    seen = Evidence(asked=3, neighbours=around(True, False, True, at=1))
    assert "bad_segment" not in {each.code for each in findings(seen)}


def test_an_echo_is_not_blamed_where_others_answer() -> None:
    assert findings(Evidence(asked=3, echo=True, neighbours=WELL))[0].code == "itself"


def test_a_garbled_neighbour_is_no_silent_one() -> None:
    seen = Evidence(asked=3, neighbours=(Neighbour("a", -2, True), Neighbour("b", -1, False, garbled=True)))
    assert findings(seen)[0].code == "itself"
