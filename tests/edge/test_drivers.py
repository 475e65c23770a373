"""What the drivers share: partial readings, patience, the masked trace, and the air time of a reading."""

from collections.abc import Callable, Mapping

import pytest

from edge.drivers.parts import RETRY_EVERY, Part, Refusals, gather
from edge.drivers.patience import Patience
from edge.drivers.trace import shown
from edge.links import NoReply
from protocols.dlt645.frame import Frame, encode
from protocols.errors import FrameError, Refused
from protocols.readings import Value
from tests.edge.lines import ADDRESS, bcd

Outcome = Mapping[str, Value] | Exception
BLOCK = Part("block", (Part("a"), Part("b")))
TAIL = Part("tail")


def asking(outcomes: Mapping[str, Outcome], asked: list[str]) -> Callable[[str], Mapping[str, Value]]:
    def ask(what: str) -> Mapping[str, Value]:
        asked.append(what)
        outcome = outcomes.get(what, NoReply(what))
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return ask


def read(
    outcomes: Mapping[str, Outcome], refusals: Refusals[str] | None = None
) -> tuple[dict[str, Value], list[str]]:
    asked: list[str] = []
    remembered = refusals or Refusals()
    values = gather("m1", (BLOCK, TAIL), asking(outcomes, asked), remembered, lambda code: code == 2)
    return values, asked


NO = Refused(2, "no data")
BUSY = Refused(1, "other")


def test_a_refused_block_is_read_singly_and_then_left_out() -> None:
    remembered: Refusals[str] = Refusals()
    outcomes: dict[str, Outcome] = {"block": NO, "a": {"x": 1}, "b": {"y": 2}, "tail": {"z": 3}}
    assert read(outcomes, remembered) == ({"x": 1, "y": 2, "z": 3}, ["block", "a", "b", "tail"])
    assert read(outcomes, remembered)[1] == ["a", "b", "tail"]


def test_a_passing_refusal_is_tried_again_next_time() -> None:
    remembered: Refusals[str] = Refusals()
    outcomes: dict[str, Outcome] = {"block": BUSY, "a": {"x": 1}, "b": {"y": 2}, "tail": {"z": 3}}
    read(outcomes, remembered)
    assert read(outcomes, remembered)[1][0] == "block"


def test_a_refused_single_is_absent_and_not_zero() -> None:
    assert read({"block": NO, "a": NO, "b": {"y": 2}, "tail": {}})[0] == {"y": 2}


def test_a_meter_that_is_gone_is_left_after_two_silences() -> None:
    asked: list[str] = []
    with pytest.raises(NoReply):
        gather("m1", (BLOCK, TAIL), asking({}, asked), Refusals(), lambda _: True)
    assert asked == ["block", "a"]


def test_a_block_lost_to_corruption_is_read_singly_but_asked_for_again_next_time() -> None:
    remembered: Refusals[str] = Refusals()
    outcomes: dict[str, Outcome] = {
        "block": FrameError("checksum"),
        "a": {"x": 1},
        "b": {"y": 2},
        "tail": {"z": 3},
    }
    assert read(outcomes, remembered)[0] == {"x": 1, "y": 2, "z": 3}
    assert read(outcomes, remembered)[1][0] == "block"


def test_what_was_refused_is_asked_again_rarely() -> None:
    remembered: Refusals[str] = Refusals()
    outcomes: dict[str, Outcome] = {"block": NO, "a": {"x": 1}, "b": {"y": 2}, "tail": {"z": 3}}
    blocks = sum(read(outcomes, remembered)[1].count("block") for _ in range(2 * RETRY_EVERY))
    assert blocks == 3


def test_a_meter_that_refused_all_is_asked_for_all_again() -> None:
    remembered: Refusals[str] = Refusals()
    for _ in range(2):
        asked: list[str] = []
        nothing: dict[str, Outcome] = {"block": NO, "a": NO, "b": NO, "tail": NO}
        with pytest.raises(Refused):
            gather("m1", (BLOCK, TAIL), asking(nothing, asked), remembered, lambda _: True)
        assert asked == ["block", "a", "b", "tail"]


def test_patience_begins_at_the_ceiling_and_learns_down_to_the_floor() -> None:
    patience = Patience(0.5, 2.0)
    assert patience.wait_s("m1") == 2.0
    for _ in range(20):
        patience.learn("m1", 0.03)
    assert patience.wait_s("m1") == 0.5
    assert patience.wait_s("m2") == 2.0


def test_a_meter_whose_answers_vary_is_waited_for_longer() -> None:
    patience = Patience(0.1, 5.0)
    for took_s in (0.2, 1.2) * 10:
        patience.learn("m1", took_s)
    assert 1.2 < patience.wait_s("m1") <= 5.0


def test_a_floor_above_the_ceiling_wins() -> None:
    assert Patience(0.5, 0.1).wait_s("m1") == 0.5


WRITE = encode(Frame(ADDRESS, 0x14, bcd("04000101") + bytes.fromhex("02112233") + b"\x00" * 8))


def test_reads_and_answers_are_shown_whole() -> None:
    asked = encode(Frame(ADDRESS, 0x11, bcd("02010100")))
    answered = encode(Frame(ADDRESS, 0x91, bcd("02010100", "2301")))
    assert shown(asked + answered) == (asked + answered).hex(" ").upper()


@pytest.mark.parametrize("control", [0x03, 0x04, 0x0F, 0x10, 0x14, 0x18, 0x19, 0x1A, 0x1B, 0x1C])
def test_what_may_hold_a_password_is_masked(control: int) -> None:
    raw = encode(Frame(ADDRESS, control, bytes.fromhex("02112233")))
    assert shown(raw) == raw[:10].hex(" ").upper() + " ·· ·· ·· ·· ·· 16"


@pytest.mark.parametrize("cut", range(11, len(WRITE)))
def test_a_part_of_a_write_is_masked_too(cut: int) -> None:
    assert "44 55 66" not in shown(WRITE[:cut])
    assert shown(b"\x00\x01" + WRITE[:cut]).startswith("00 01 68")
