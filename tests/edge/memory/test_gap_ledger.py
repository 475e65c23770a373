"""The ledger of gaps against a plain model, whatever is accepted, killed or exchanged in between."""

import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from edge.agent import Agent
from edge.memory.gaps import Gaps
from edge.memory.spans import Reason
from edge.settings import Settings
from protocols.readings import Quality, Reading, Source
from tests.edge.gateway import GatewayClock, gateway_settings

METER, SLOT_MS, DAYS = "M-000", 900_000, 2
START_MS = 1_795_000_500_000 // SLOT_MS * SLOT_MS
CLOSED = [each for each in Reason if each is not Reason.WAITING]


class GapLedger(RuleBasedStateMachine):
    """`have`: slots of which a value was ever accepted; `struck`: those the ledger has to know of."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.settings: Settings = gateway_settings(self.folder, 1, None)
        self.clock = GatewayClock(START_MS)
        self.have: set[int] = set()
        self.struck: set[int] = set()
        self.register = 1000
        self.gaps = self.opened()

    def opened(self) -> Gaps:
        gaps = Gaps(self.folder / "memory.db", self.settings, self.clock)
        gaps.trusted = True
        return gaps

    def teardown(self) -> None:
        self.gaps.close()
        shutil.rmtree(self.folder)

    @initialize()
    def begin(self) -> None:
        self.gaps.save(now=True)

    def slot(self) -> int:
        return self.clock.wall_ms // SLOT_MS * SLOT_MS

    def accept(self, at_ms: int, source: Source, quality: Quality = Quality.GOOD) -> None:
        self.register += 10
        values = {"energy_import_wh": self.register if source is Source.POLLED else 1}
        self.gaps.accepted([Reading(METER, at_ms, source, values, quality)])

    @rule()
    def a_poll_is_accepted(self) -> None:
        self.accept(self.clock.wall_ms, Source.POLLED)
        self.got(self.slot())

    @rule(minutes=st.integers(1, 400))
    def time_passes(self, minutes: int) -> None:
        self.clock.advance(minutes * 60)
        self.gaps.close_slots(self.clock.wall_ms)

    @precondition(lambda self: self.gaps.waiting(METER))
    @rule(data=st.data(), quality=st.sampled_from([Quality.GOOD, Quality.METER_CLOCK_OFF]))
    def a_record_is_accepted(self, data: st.DataObject, quality: Quality) -> None:
        slot = data.draw(st.sampled_from(self.listed(Reason.WAITING)))
        self.accept(slot, Source.PROFILE, quality)
        if quality is Quality.GOOD:
            self.got(slot)

    @precondition(lambda self: self.gaps.waiting(METER))
    @rule(data=st.data(), reason=st.sampled_from(CLOSED))
    def a_reason_is_found(self, data: st.DataObject, reason: Reason) -> None:
        slot = data.draw(st.sampled_from(self.listed(Reason.WAITING)))
        self.gaps.reason(METER, slot, slot + SLOT_MS, reason)
        assert slot in self.listed(reason)

    @rule()
    def it_ages(self) -> None:
        self.gaps.age(self.clock.wall_ms, DAYS)
        old_ms = self.clock.wall_ms - DAYS * 86_400_000 - SLOT_MS
        assert all(slot >= old_ms for slot in self.listed(Reason.WAITING))

    @rule(slots_back=st.integers(1, 60), slots=st.integers(1, 30))
    def somebody_wants_slots_again(self, slots_back: int, slots: int) -> None:
        first = self.slot() - slots_back * SLOT_MS
        self.gaps.want(METER, first, first + slots * SLOT_MS)
        self.struck -= set(self.listed(Reason.WAITING))

    @rule()
    def it_stops_and_starts(self) -> None:
        self.gaps.close()
        self.gaps = self.opened()

    @rule()
    def it_is_killed(self) -> None:
        """What was not on disk is forgotten: then more may wait than has to, never less."""
        self.gaps._file.close()
        self.gaps = self.opened()
        self.struck = {slot for slot in self.struck if slot < self.gaps[METER].closed_ms} - set(self.listed())

    @rule()
    def it_is_saved(self) -> None:
        self.gaps.save(now=True)

    @rule()
    def the_meter_is_exchanged(self) -> None:
        self.gaps.exchanged(METER, self.clock.wall_ms)
        assert not [slot for slot in self.listed(Reason.WAITING) if slot + SLOT_MS <= self.clock.wall_ms]
        assert self.gaps[METER].since_ms == self.clock.wall_ms

    def got(self, slot: int) -> None:
        self.have.add(slot)
        self.struck.add(slot)

    def listed(self, reason: Reason | None = None) -> list[int]:
        return [
            slot
            for gap in self.gaps.listing(METER)
            if reason in (None, gap.reason)
            for slot in range(gap.first_ms, gap.until_ms, SLOT_MS)
        ]

    @invariant()
    def every_slot_that_is_over_has_its_value_or_is_listed(self) -> None:
        listed = self.listed()
        assert len(listed) == len(set(listed)), "no slot is listed twice"
        over = set(range(START_MS, self.gaps[METER].closed_ms, SLOT_MS))
        assert over - set(listed) <= self.have
        assert not self.struck & set(self.listed(Reason.WAITING))

    @invariant()
    def no_slot_is_judged_before_it_is_over(self) -> None:
        assert self.gaps[METER].closed_ms <= self.clock.wall_ms


GapLedger.TestCase.settings = hypothesis_settings(max_examples=40, stateful_step_count=25, deadline=None)
test_gap_ledger = GapLedger.TestCase


def test_a_file_that_is_broken_is_kept_aside(tmp_path: Path) -> None:
    settings, clock = gateway_settings(tmp_path, 1, None), GatewayClock(START_MS)
    (tmp_path / "memory.db").write_bytes(b"no database at all" * 300)
    gaps = Gaps(tmp_path / "memory.db", settings, clock)
    assert gaps.listing() == []
    assert list(tmp_path.glob("memory.corrupt-*.db"))
    gaps.close()


def test_a_row_that_nobody_can_read_costs_one_meter_its_past(tmp_path: Path) -> None:
    import sqlite3

    settings, clock = gateway_settings(tmp_path, 1, None), GatewayClock(START_MS)
    Gaps(tmp_path / "memory.db", settings, clock).close()
    with sqlite3.connect(tmp_path / "memory.db") as db:
        db.execute("UPDATE meter SET state = '{}'")
    db.close()
    gaps = Gaps(tmp_path / "memory.db", settings, clock)
    assert gaps[METER].closed_ms == START_MS
    gaps.close()


def test_first_seen_without_valid_time_nothing_of_before_is_missing(tmp_path: Path) -> None:
    clock = GatewayClock(1000)
    gaps = Gaps(tmp_path / "memory.db", gateway_settings(tmp_path, 1, None), clock)
    clock.wall_ms = START_MS + 60_000
    gaps.trusted = True
    gaps.close_slots(clock.wall_ms)
    gaps.close_slots(clock.wall_ms)
    assert gaps.listing() == []
    assert datetime.fromtimestamp(gaps[METER].closed_ms / 1000, UTC).year == 2026
    gaps.close()


def test_a_clock_that_was_wrong_has_its_slots_read_again_and_none_of_the_future(tmp_path: Path) -> None:
    clock = GatewayClock(START_MS + 4 * SLOT_MS)
    gaps = Gaps(tmp_path / "memory.db", gateway_settings(tmp_path, 1, None), clock)
    gaps.trusted = True
    for number in range(4, 8):
        at_ms = START_MS + number * SLOT_MS + 1000
        gaps.accepted([Reading(METER, at_ms, Source.POLLED, {"energy_import_wh": number})])
    gaps.close_slots(START_MS + 9 * SLOT_MS)
    assert gaps.listing() == []
    gaps.stepped(START_MS + 6 * SLOT_MS + 60_000, START_MS + 5 * SLOT_MS)
    assert [(gap.first_ms, gap.until_ms, gap.reason) for gap in gaps.listing()] == [
        (START_MS + 5 * SLOT_MS, START_MS + 6 * SLOT_MS, Reason.WAITING)
    ]
    gaps.close()


def test_a_slot_is_struck_off_once_its_reading_is_on_disk_and_not_before(tmp_path: Path) -> None:
    clock = GatewayClock(START_MS)
    agent = Agent(gateway_settings(tmp_path, 1, None), clock, make_pollers=lambda *_: [])
    agent.memory.gaps.trusted = True
    agent.memory.gaps.close_slots(START_MS + 2 * SLOT_MS)
    record = Reading(METER, START_MS, Source.PROFILE, {"energy_import_wh": 1})
    assert agent.accept(record)
    assert [gap.first_ms for gap in agent.memory.listing()] == [START_MS]
    agent.flush(everything=True)
    assert agent.memory.listing() == []
    agent.stop()


def test_what_a_kill_makes_us_only_read_again_is_not_written_at_each_reading(tmp_path: Path) -> None:
    """Flash wears out: what comes as it should costs a write an hour; a gap is kept within a minute."""
    clock = GatewayClock(START_MS)
    gaps = Gaps(tmp_path / "memory.db", gateway_settings(tmp_path, 1, None), clock)
    gaps.trusted = True
    gaps.save(now=True)
    written = []
    for minute in range(180):
        if minute != 95 and not 100 < minute < 130:
            gaps.accepted([Reading(METER, clock.wall_ms, Source.POLLED, {"energy_import_wh": minute})])
        gaps.close_slots(clock.wall_ms)
        before = (tmp_path / "memory.db-wal").stat().st_size
        gaps.save()
        if (tmp_path / "memory.db-wal").stat().st_size > before:
            written.append(minute)
        clock.advance(60)
    gaps.close()
    assert len(written) <= 5
    assert any(100 < minute < 140 for minute in written)
