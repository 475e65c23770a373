"""Judges a master by what it said on the wire: a verdict for each clause, with source and evidence."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from firmware_sim.judge_exchanges import READS, Asked, exchanges, overlaps
from firmware_sim.transcript import Entry
from firmware_sim.wire_forms import sound

TD_MAX_S, TD_SLACK_S = 0.5, 0.005
RETRIES = 3
DAY_MS = 86_400_000
_SILENCE_CHARS = 3.5
_SILENCE_FAST_S = 0.00175
_FAST_CHAR_S = 11 / 19_200
_KNOWN = "standard as commonly known"
_DLT = f"DL/T 645-2007 ({_KNOWN})"
_SERIAL = "Modbus over Serial Line V1.02, 2.5.1.1"
_MODBUS = "Modbus Application Protocol V1.1b3"
_PRACTICE = "good practice on a shared line"
_MAY_BROADCAST = (0x08, 0x16)

Finding = tuple[bool, str]
"""Whether the clause was kept at this place, and what says so."""


@dataclass(frozen=True, slots=True)
class Clause:
    name: str
    text: str
    source: str
    look: Callable[[Asked], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`outcome`: kept, broken, or not seen (the transcript has no case of it)."""

    clause: str
    text: str
    source: str
    outcome: str
    seen: int
    broken: int
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """All clauses. True when none is broken."""

    master: str
    requests: int
    verdicts: tuple[Verdict, ...]

    def __bool__(self) -> bool:
        return not self.broken

    @property
    def broken(self) -> list[Verdict]:
        return [verdict for verdict in self.verdicts if verdict.outcome == "broken"]

    def told(self) -> dict[str, Any]:
        """For a line of JSON."""
        names = ("clause", "outcome", "seen", "broken", "text", "source", "evidence")
        rows = [{name: getattr(verdict, name) for name in names} for verdict in self.verdicts]
        return {"master": self.master, "requests": self.requests, "sound": bool(self), "clauses": rows}

    def __str__(self) -> str:
        return "\n".join(self._rows())

    def _rows(self) -> Iterator[str]:
        yield f"{self.requests} requests of {self.master}: {len(self.broken)} clauses broken"
        for verdict in self.verdicts:
            count = f"{verdict.broken}/{verdict.seen}" if verdict.seen else "-"
            yield f"{verdict.outcome:<9} {count:>9}  {verdict.clause:<20} {verdict.text}  [{verdict.source}]"
            yield from (f"{'':<22} {line}" for line in verdict.evidence)


def judge(entries: Iterable[Entry], master: str = "master") -> Judgement:
    """The verdict over one master ("master": whoever is connected to the lines)."""
    asked = exchanges(entries, master)
    return Judgement(master, len(asked), tuple(_verdict(clause, asked) for clause in CLAUSES))


def _verdict(clause: Clause, asked: Sequence[Asked]) -> Verdict:
    found = [finding for one in asked for finding in clause.look(one)]
    wrong = [evidence for kept, evidence in found if not kept]
    outcome = "broken" if wrong else "kept" if found else "not seen"
    return Verdict(clause.name, clause.text, clause.source, outcome, len(found), len(wrong), tuple(wrong[:3]))


def _at(entry: Entry, said: str) -> str:
    return f"{entry.start_s:.3f} s, {entry.line}: {entry.raw.hex(' ').upper()[:60]}: {said}"


def _talks_alone(asked: Asked) -> Iterator[Finding]:
    """No request while somebody else is on the wire."""
    then = asked.then
    if then is None or not asked.others:
        return
    jammed = [entry for entry in asked.others if overlaps(entry, then.request)]
    yield not jammed, _at(then.request, f"{len(jammed)} other frames were on the wire")


def _waits(asked: Asked) -> Iterator[Finding]:
    """An unanswered request is given the whole of Td before the next."""
    then = asked.then
    said = asked.answer() or any(entry.what == "reply" for entry in asked.others)
    if then is None or not asked.expects_answer or said:
        return
    waited_s = then.request.start_s - asked.request.end_s
    yield waited_s >= TD_MAX_S - TD_SLACK_S, _at(then.request, f"only {waited_s * 1000:.0f} ms after it")


def _waits_for_its_own(asked: Asked) -> Iterator[Finding]:
    """What came first was another's answer: the right one still has to be waited for."""
    then, strangers = asked.then, _strangers(asked)
    if then is None or not strangers or not asked.expects_answer:
        return
    waited_s = then.request.start_s - asked.request.end_s
    kept = asked.answer() is not None or waited_s >= TD_MAX_S - TD_SLACK_S
    yield kept, _at(then.request, f"{waited_s * 1000:.0f} ms after a request that only a stranger answered")


def _strangers(asked: Asked) -> list[Entry]:
    right = asked.answer()
    others = (entry for entry in asked.others if entry is not right and entry.what == "reply")
    return [entry for entry in others if sound(entry.form, entry.raw)]


def _takes_echo(asked: Asked) -> Iterator[Finding]:
    """An answer that came behind the request's own echo is an answer: no retry of it."""
    answer = asked.answer()
    if answer is None or asked.request.raw not in answer.raw:
        return
    again = asked.then is not None and asked.then.request.raw == asked.request.raw
    soon = again and asked.then is not None and asked.then.request.start_s - answer.end_s < TD_MAX_S * 4
    yield not soon, _at(asked.request, "asked again although the answer stood behind the echo")


def _bounded_retries(asked: Asked) -> Iterator[Finding]:
    """The same unanswered request at most four times on end."""
    if not asked.expects_answer or asked.answer() is not None:
        return
    times, last = 1, asked
    while last.then and last.then.request.raw == asked.request.raw and last.answer() is None:
        last = last.then
        times += 1
        if last.request.start_s - asked.request.start_s > 60:
            break
    yield times <= RETRIES + 1, _at(asked.request, f"{times} times on end without an answer")


def _takes_no(asked: Asked) -> Iterator[Finding]:
    """What a meter refused is not asked again at once."""
    if asked.then is None or not asked.refused():
        return
    then = asked.then.request
    again = then.raw == asked.request.raw and then.start_s - asked.request.end_s < 5
    yield not again, _at(then, "asked again within 5 s of a refusal")


def _follows_up(asked: Asked) -> Iterator[Finding]:
    """After B1H or B2H the next part is asked for, with the sequence number that is due."""
    frame = asked.frame
    if frame is None or not asked.more() or asked.then is None:
        return
    seq = frame.data[4] if frame.function == 0x12 and len(frame.data) > 4 else 0
    then = asked.then.frame
    due = then is not None and then.function == 0x12 and then.data == frame.data[:4] + bytes((seq + 1,))
    repeated = asked.then.request.raw == asked.request.raw
    yield due or repeated, _at(asked.then.request, f"part {seq + 1} was due")


def _no_idle_follow_up(asked: Asked) -> Iterator[Finding]:
    """12H only where a meter promised more."""
    then = asked.then
    frame = then.frame if then else None
    if then is None or frame is None or frame.function != 0x12:
        return
    allowed = asked.more() or asked.request.raw == then.request.raw
    yield allowed, _at(then.request, "no follow-up had been promised")


def _broadcasts(asked: Asked) -> Iterator[Finding]:
    frame = asked.frame
    if frame is not None and frame.address == "9" * 12:
        yield frame.function in _MAY_BROADCAST, _at(asked.request, f"function {frame.function:02X}H to all")


def _wildcards(asked: Asked) -> Iterator[Finding]:
    frame = asked.frame
    if frame is not None and "A" in frame.address:
        yield frame.function in READS, _at(asked.request, f"function {frame.function:02X}H to any meter")


def _addresses(asked: Asked) -> Iterator[Finding]:
    frame = asked.frame
    if frame is not None:
        pairs = [frame.address[at : at + 2] for at in range(0, 12, 2)]
        low = "".join(pairs).lstrip("A")
        yield low.isdecimal() or not low, _at(asked.request, f"address {frame.address}")


def _lengths(asked: Asked) -> Iterator[Finding]:
    frame = asked.frame
    if frame is None:
        return
    legal = {0x11: (4, 5, 10), 0x12: (5,), 0x13: (0,), 0x08: (6,), 0x01: (2,)}.get(frame.function)
    kept = len(frame.data) in legal if legal else len(frame.data) <= 50
    yield kept, _at(asked.request, f"{len(frame.data)} data bytes with function {frame.function:02X}H")


def _lead_in(asked: Asked) -> Iterator[Finding]:
    frame = asked.frame
    if frame is not None and asked.request.form == "dlt645":
        yield 1 <= frame.preamble <= 4, _at(asked.request, f"{frame.preamble} FE before the frame")


def _time_setting(asked: Asked) -> Iterator[Finding]:
    """08H to all at most once on a day."""
    frame, then = asked.frame, asked.then
    if frame is None or frame.function != 0x08:
        return
    while then is not None:
        other = then.frame
        soon = 0 <= then.request.at_ms - asked.request.at_ms < DAY_MS
        if other is not None and other.function == 0x08 and other.address == frame.address and soon:
            yield False, _at(then.request, "the second time within a day")
            return
        then = then.then
    yield True, ""


def _rtu_silence(asked: Asked) -> Iterator[Finding]:
    """3.5 characters of silence (1.75 ms above 19200 baud) between a reply and the next request."""
    then = asked.then
    if then is None or asked.request.form != "rtu" or not asked.others:
        return
    last = max(asked.others, key=lambda entry: entry.end_s)
    char_s = (last.end_s - last.start_s) / len(last.raw) if last.raw else 0.0
    if not char_s:
        return
    needed_s = _SILENCE_FAST_S if char_s < _FAST_CHAR_S else _SILENCE_CHARS * char_s
    gap_s = then.request.start_s - last.end_s
    yield gap_s >= needed_s - 1e-4, _at(then.request, f"{gap_s * 1000:.1f} ms of {needed_s * 1000:.1f} ms")


def _modbus_counts(asked: Asked) -> Iterator[Finding]:
    at = 6 if asked.request.form == "tcp" else 0
    raw = asked.request.raw
    if asked.frame is None and len(raw) >= at + 6 and raw[at + 1] in (3, 4):
        count = int.from_bytes(raw[at + 4 : at + 6], "big")
        yield 1 <= count <= 125, _at(asked.request, f"{count} registers")


def _modbus_unit_0(asked: Asked) -> Iterator[Finding]:
    """Unit 0 is the broadcast of a serial line: nobody answers, so nothing is read by it."""
    if asked.request.form == "rtu" and asked.request.raw[0] == 0:
        yield asked.request.raw[1] not in (1, 2, 3, 4), _at(asked.request, "a read of all units")


CLAUSES: Sequence[Clause] = (
    Clause("talks-alone", "no request while another talks", _PRACTICE, _talks_alone),
    Clause("waits-td", "an unanswered meter has 500 ms before the next request", _DLT, _waits),
    Clause("late-answers", "a stranger's or late answer is not taken for the own", _PRACTICE,
           _waits_for_its_own),
    Clause("echo", "an answer behind an echo is taken", _PRACTICE, _takes_echo),
    Clause("retries", f"at most {RETRIES} retries on end", _PRACTICE, _bounded_retries),
    Clause("refusals", "what was refused is not asked again at once", _PRACTICE, _takes_no),
    Clause("follow-ups", "a promised follow-up is read, in its order", _DLT, _follows_up),
    Clause("no-idle-follow-up", "12H only after B1H or B2H", _DLT, _no_idle_follow_up),
    Clause("broadcasts", "99H x 6 only for 08H and 16H", _DLT, _broadcasts),
    Clause("wildcards", "AAH only for reading", _DLT, _wildcards),
    Clause("addresses", "addresses are BCD, AAH only in high bytes", _DLT, _addresses),
    Clause("lengths", "request data of a legal length, writes of 50 bytes at most", _DLT, _lengths),
    Clause("lead-in", "one to four FE before a request", _DLT, _lead_in),
    Clause("time-setting", "08H at most once a day", _DLT, _time_setting),
    Clause("rtu-silence", "3.5 characters of silence before a request", _SERIAL, _rtu_silence),
    Clause("register-count", "1 to 125 registers a read", _MODBUS, _modbus_counts),
    Clause("unit-0", "nothing is read from unit 0", _MODBUS, _modbus_unit_0),
)  # fmt: skip
