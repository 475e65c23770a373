"""The judge: each clause is kept by a good master and broken by the one that breaks it."""

import json
from pathlib import Path

import pytest

from firmware_sim.judge import CLAUSES, Judgement, judge
from firmware_sim.transcript import Entry, Transcript, from_json_lines
from protocols.dlt645.conversations import normal_reply, read_more_request, read_request, refusal
from protocols.dlt645.frame import Frame, encode
from protocols.modbus import rtu
from tests.firmware_sim.texts import HOUSE, SHOP

READ = read_request(HOUSE, "00010000")
ANSWER = normal_reply(READ, HOUSE, READ.data + b"\x78\x56\x34\x12")
OTHER = read_request(SHOP, "00010000")
LONG = read_request(HOUSE, "03300201")
FIRST_PART = normal_reply(LONG, HOUSE, LONG.data + b"\0" * 190, more=True)
RTU_READ = rtu.read_request(7, 4, 0, 2)
_BODY = bytes((7, 4, 4, 0, 1, 0, 2))
RTU_ANSWER = _BODY + rtu.crc(_BODY)
DAY_MS = 86_400_000


class Line:
    """A transcript made by hand: entries with their time, as a line of 2400 baud would have them."""

    def __init__(self, char_s: float = 11 / 2400) -> None:
        self.char_s, self.entries = char_s, list[Entry]()

    def said(
        self, start_s: float, who: str, what: Frame | bytes, form: str = "dlt645", at_ms: int = 0
    ) -> float:
        """Put it on the line; when it ended."""
        raw = encode(what) if isinstance(what, Frame) else what
        end_s = start_s + len(raw) * self.char_s
        kind = "request" if who == "master" else "reply"
        self.entries.append(Entry("bus", form, kind, who, raw, start_s, end_s, at_ms))  # type: ignore[arg-type]
        return end_s

    def verdict(self) -> Judgement:
        return judge(self.entries)

    def broken(self) -> list[str]:
        return [verdict.clause for verdict in self.verdict().broken]


def a_good_day() -> Line:
    line = Line()
    end = line.said(0, "master", READ)
    end = line.said(end + 0.02, "house", ANSWER)
    end = line.said(end + 0.03, "master", LONG)
    end = line.said(end + 0.02, "house", FIRST_PART)
    end = line.said(end + 0.03, "master", read_more_request(HOUSE, "03300201", 1))
    end = line.said(end + 0.6, "master", OTHER)
    line.said(end + 0.6, "master", OTHER)
    return line


def test_a_good_master_breaks_nothing() -> None:
    verdict = a_good_day().verdict()
    assert verdict
    outcomes = {each.clause: each.outcome for each in verdict.verdicts}
    assert outcomes["talks-alone"] == outcomes["waits-td"] == outcomes["follow-ups"] == "kept"
    assert outcomes["rtu-silence"] == "not seen"
    assert "standard as commonly known" in str(verdict)


def test_who_speaks_over_an_answer_is_told() -> None:
    line = Line()
    end = line.said(0, "master", READ)
    line.said(end + 0.02, "house", ANSWER)
    line.said(end + 0.05, "master", OTHER)
    assert "talks-alone" in line.broken()


def test_who_does_not_wait_for_td_is_told() -> None:
    line = Line()
    end = line.said(0, "master", READ)
    line.said(end + 0.2, "master", OTHER)
    assert line.broken() == ["waits-td"]
    [verdict] = line.verdict().broken
    assert "only 200 ms" in verdict.evidence[0]


def test_who_takes_a_late_answer_for_the_next_is_told() -> None:
    line = Line()
    end = line.said(0, "master", READ)
    end = line.said(end + 0.6, "master", OTHER)
    end = line.said(end + 0.02, "house", ANSWER)
    line.said(end + 0.01, "master", LONG)
    assert line.broken() == ["late-answers"]


def test_who_asks_again_although_the_answer_stood_behind_an_echo_is_told() -> None:
    line = Line()
    end = line.said(0, "master", READ)
    end = line.said(end + 0.02, "house", encode(READ) + encode(ANSWER))
    line.said(end + 0.1, "master", READ)
    assert line.broken() == ["echo"]


def test_who_retries_without_end_is_told() -> None:
    line = Line()
    for times in range(6):
        line.said(times * 0.7, "master", READ)
    assert line.broken() == ["retries"]


def test_who_does_not_take_no_for_an_answer_is_told() -> None:
    line = Line()
    end = line.said(0, "master", READ)
    end = line.said(end + 0.02, "house", refusal(READ, HOUSE, 2))
    line.said(end + 0.02, "master", READ)
    assert line.broken() == ["refusals"]


def test_who_leaves_a_long_answer_or_asks_for_parts_of_none_is_told() -> None:
    line = Line()
    end = line.said(0, "master", LONG)
    end = line.said(end + 0.02, "house", FIRST_PART)
    line.said(end + 0.02, "master", OTHER)
    assert line.broken() == ["follow-ups"]
    line = Line()
    end = line.said(0, "master", READ)
    end = line.said(end + 0.02, "house", ANSWER)
    line.said(end + 0.02, "master", read_more_request(HOUSE, "00010000", 1))
    assert line.broken() == ["no-idle-follow-up"]


@pytest.mark.parametrize(
    ("frame", "clause"),
    [
        (Frame("9" * 12, 0x14, b"\0" * 14, 4), "broadcasts"),
        (Frame("9" * 12, 0x1A, b"\0" * 8, 4), "broadcasts"),
        (Frame("A" * 12, 0x14, b"\0" * 14, 4), "wildcards"),
        (Frame("AAAAAAAA0001", 0x1C, b"\0" * 16, 4), "wildcards"),
        (Frame("20AA00010001", 0x11, b"\0" * 4, 4), "addresses"),
        (Frame(HOUSE, 0x11, b"\0" * 3, 4), "lengths"),
        (Frame(HOUSE, 0x14, b"\0" * 60, 4), "lengths"),
        (Frame(HOUSE, 0x11, b"\0" * 4, 0), "lead-in"),
    ],
)
def test_a_frame_that_should_not_be_sent_is_told(frame: Frame, clause: str) -> None:
    line = Line()
    line.said(0, "master", frame)
    assert line.broken() == [clause]


@pytest.mark.parametrize(("later_ms", "kept"), [(DAY_MS // 2, False), (DAY_MS, True)])
def test_clocks_are_set_once_a_day(later_ms: int, kept: bool) -> None:
    line = Line()
    sync = Frame("9" * 12, 0x08, b"\0" * 6, 4)
    line.said(0, "master", sync)
    line.said(100, "master", sync, at_ms=later_ms)
    assert bool(line.verdict()) is kept


def test_modbus_has_clauses_of_its_own() -> None:
    line = Line(11 / 9600)
    end = line.said(0, "master", RTU_READ, "rtu")
    end = line.said(end + 0.02, "boiler", RTU_ANSWER, "rtu")
    end = line.said(end + 0.001, "master", rtu.read_request(0, 3, 0, 2), "rtu")
    line.said(end + 1, "master", rtu.read_request(7, 3, 0, 126), "rtu")
    assert line.broken() == ["rtu-silence", "register-count", "unit-0"]
    kept = Line(11 / 9600)
    end = kept.said(0, "master", RTU_READ, "rtu")
    end = kept.said(end + 0.02, "boiler", RTU_ANSWER, "rtu")
    kept.said(end + 0.0045, "master", RTU_READ, "rtu")
    assert kept.verdict()


def test_a_transcript_is_judged_from_its_file_as_it_was_live(tmp_path: Path) -> None:
    transcript = Transcript()
    for entry in a_good_day().entries:
        transcript.add(entry)
    file = tmp_path / "transcript.jsonl"
    file.write_text(transcript.json_lines(), encoding="utf-8")
    read = from_json_lines(file.read_text(encoding="utf-8").splitlines())
    assert judge(read) == judge(transcript)
    told = json.loads(json.dumps(judge(read).told()))
    assert told["sound"] is True
    assert len(told["clauses"]) == len(CLAUSES)


def test_a_line_that_is_no_entry_is_named() -> None:
    with pytest.raises(ValueError, match="line 2 is no entry"):
        from_json_lines(["", "{}"])
