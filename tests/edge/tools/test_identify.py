"""One breaker, one meter: what is proved, what is refused, and what the screen says of crossed meters."""

import json
from pathlib import Path
from typing import Any

import pytest

from edge.tools.proof import State, Watched, judge
from protocols.dlt645.frame import Frame
from tests.edge.lines import bcd
from tests.edge.tools.buses import MeterBus, call, gateway_file, meter_table, tcp
from tests.edge.wire import Chunks, TcpWire, dlt645_ear

A, B, C = "202107072501", "202107072602", "202107072703"
LISTED = [meter_table(name, address) for name, address in (("m1", A), ("m2", B), ("m3", C))]
ACCOUNT = "3601000123"


class Breaker:
    """Opens after so many questions and closes after so many more; `behind` are the meters behind it."""

    def __init__(self, *behind: str, opens: int = 18, closes: int = 30) -> None:
        self.bus, self._behind, self._opens, self._closes = MeterBus([A, B, C]), behind, opens, closes

    def __call__(self, request: Frame) -> Chunks:
        count = len(self.bus.asked)
        self.bus.muted = set(self._behind) if self._opens <= count < self._closes else set()
        return self.bus(request)


def identified(folder: Path, react: Any, *words: object, for_s: float = 2.0) -> tuple[int, dict[str, Any]]:
    with TcpWire(react, dlt645_ear) as wire:
        file = gateway_file(folder, tcp(wire.endpoint, 0.05), LISTED)
        result = call("identify", "--config", file, "--account", ACCOUNT, "--for", for_s, "--json", *words)
    return result.exit_code, json.loads(result.stdout)


def test_the_meter_that_fell_and_came_back_is_proved_and_kept(tmp_path: Path) -> None:
    code, record = identified(tmp_path, Breaker(B), "--expected", "m2", for_s=20)
    assert (code, record["meter"], record["proved"], record["crossed"]) == (0, "m2", True, False)
    assert record["fell_at_ms"] < record["back_at_ms"]
    answer, silence, back = record["bytes"]
    assert "< (nothing)" in silence
    assert "< 68 02 26 07 07 21 20" in answer
    assert "< 68 02 26 07 07 21 20" in back
    (kept,) = (tmp_path / "data" / "identify.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(kept)["meter"] == "m2"
    assert json.loads(kept)["account"] == ACCOUNT
    assert "not de-energised" in record["warning"]


def test_crossed_meters_are_shown(tmp_path: Path) -> None:
    with TcpWire(Breaker(C), dlt645_ear) as wire:
        file = gateway_file(tmp_path, tcp(wire.endpoint, 0.05), LISTED)
        words = ("--account", ACCOUNT, "--expected", "m1", "--for", 20)
        result = call("identify", "--config", file, *words)
    assert result.exit_code == 0
    assert "串户 (crossed meters): the records give this account meter m1" in result.stdout
    assert "必须验电" in result.stdout


def test_several_that_fell_prove_nothing(tmp_path: Path) -> None:
    code, record = identified(tmp_path, Breaker(A, B), for_s=20)
    assert (code, record["meter"]) == (1, None)
    assert "several meters fell (m1, m2)" in record["why"]
    assert not (tmp_path / "data" / "identify.jsonl").exists()


def test_a_meter_that_was_silent_before_leaves_it_open(tmp_path: Path) -> None:
    breaker = Breaker(B)
    breaker.bus.meters.pop()
    code, record = identified(tmp_path, breaker, for_s=20)
    assert (code, record["meter"]) == (1, None)
    assert "m3 was silent before" in record["why"]


def test_a_meter_that_feeds_back_proves_nothing(tmp_path: Path) -> None:
    breaker = Breaker(B)
    breaker.bus.meters[1][1].values[B] = dict(breaker.bus.meters[1][1].values[B]) | {
        "00020000": bcd("00001234")
    }
    code, record = identified(tmp_path, breaker, for_s=20)
    assert (code, record["meter"]) == (1, None)
    assert "m2 feeds back (PV)" in record["why"]


def test_nothing_that_fell_proves_nothing(tmp_path: Path) -> None:
    code, record = identified(tmp_path, MeterBus([A, B, C]), for_s=0.2)
    assert (code, record["meter"]) == (1, None)
    assert record["why"].startswith("no meter fell: the breaker may stand behind the meter")


def test_one_lost_answer_is_no_fall() -> None:
    one = Watched("m1")
    assert [one.heard(answered, 0, "") for answered in (True, True, False, True, True)] == [None] * 5
    assert judge([one]).fell == ()


def test_a_meter_that_does_not_come_back_is_not_proved() -> None:
    one = Watched("m1")
    for answered in (True, True, False, False):
        one.heard(answered, 0, "")
    assert one.state is State.FELL
    assert "close the breaker again" in judge([one]).why


def test_generation_is_told_when_nothing_fell() -> None:
    one = Watched("m1", feeds_back=True)
    one.heard(True, 0, "")
    assert "its own generation (PV)" in judge([one]).why


@pytest.mark.parametrize(("words", "told"), [(("--account", "?"), "no account number")])
def test_a_wrong_account_is_a_usage_mistake(tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    result = call("identify", "--config", gateway_file(tmp_path, tcp("127.0.0.1:9"), LISTED), *words)
    assert (result.exit_code, told in result.stderr) == (2, True)


def test_a_line_that_breaks_proves_nothing(tmp_path: Path) -> None:
    file = gateway_file(tmp_path, tcp("127.0.0.1:9"), LISTED)
    result = call("identify", "--config", file, "--account", ACCOUNT, "--for", 1)
    assert (result.exit_code, "nothing is proved" in result.stderr) == (1, True)
