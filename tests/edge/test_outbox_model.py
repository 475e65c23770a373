"""The outbox against a plain list: whatever the order of steps, both hold the same."""

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge.outbox import BatchKey, Outbox
from protocols.mqtt import messages
from tests.edge.gateway import GATEWAY, START_MS, GatewayClock, reading, stored


class OutboxModel(RuleBasedStateMachine):
    """`kept` is what must be in the outbox, in order; `given` all that was ever accepted, byte for byte."""

    def __init__(self) -> None:
        super().__init__()
        memory = Path("/dev/shm")  # where there is one: thousands of commits, and no power cut to outlive
        self._folder = tempfile.TemporaryDirectory(
            prefix="wattpost-model-", dir=memory if memory.is_dir() else None
        )
        self._path = Path(self._folder.name) / "outbox.db"
        self.clock = GatewayClock()
        self.outbox = self._open()
        self.kept: list[BatchKey] = []
        self.given: dict[BatchKey, bytes] = {}
        self.held: list[int] = []
        self.dropped = 0
        self.count = 0

    def _open(self) -> Outbox:
        return Outbox(self._path, GATEWAY, self.clock, cap_bytes=8 << 20)

    def _note(self, key: BatchKey) -> None:
        assert key not in self.given, "a seq was used twice"
        self.kept.append(key)
        self.given[key] = self._payloads()[key]

    def _payloads(self) -> dict[BatchKey, bytes]:
        return {batch.key: batch.payload for batch in self.outbox.unsettled(10_000)}

    @rule(size=st.integers(1, 20))
    def append(self, size: int) -> None:
        new = [reading(self.count + number) for number in range(size)]
        self.count += size
        self._note(self.outbox.append(new))

    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        last = self.outbox.last_seq
        if not last:
            return
        seq = st.integers(1, last)
        ranges = data.draw(st.lists(st.tuples(seq, seq).map(lambda pair: (min(pair), max(pair))), max_size=4))
        epochs = [*dict.fromkeys(key.epoch for key in self.given), self.outbox.epoch, "none"]
        epoch = epochs[data.draw(st.integers(0, len(epochs) - 1))]
        self.outbox.settle(stored(epoch, *ranges))
        gone = {key for key in self.kept for a, b in ranges if key.epoch == epoch and a <= key.seq <= b}
        self.kept = [key for key in self.kept if key not in gone]
        self.dropped = sum(each.readings for each in self.outbox.declarations(10_000))

    @rule()
    def close_and_open(self) -> None:
        self.outbox.close()
        self.outbox = self._open()

    @rule()
    def lose_and_reopen_the_connection(self) -> None:
        self.outbox._file._drop_connection()

    @rule()
    def hold(self) -> None:
        self.outbox.hold([(self.clock.since_boot_ns(), reading(self.count, at_ms=5))])
        self.held.append(self.clock.since_boot_ns())
        self.count += 1

    @rule(seconds=st.integers(1, 100))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule()
    def date(self) -> None:
        done = self.outbox.date_held()
        assert bool(done) == bool(self.held)
        if done:
            key, dated = done
            boot_ms = self.clock.now_ms() - self.clock.since_boot_ns() // 1_000_000
            assert [each.at_ms for each in dated] == [boot_ms + ns // 1_000_000 for ns in self.held]
            self.held = []
            self._note(key)

    @rule()
    def reboot(self) -> None:
        self.outbox.close()
        self.clock.boot += "+"
        self.outbox = self._open()
        before = self.outbox.last_seq
        assert self.outbox.date_held() is None
        assert self.outbox.last_seq == before + bool(self.held)
        self.dropped += len(self.held)
        self.held = []

    @precondition(lambda self: self.given)
    @rule()
    def learn_of_a_restored_image(self) -> None:
        old = self.outbox.epoch
        mine = [key for key in self.kept if key.epoch == old]
        self.outbox.settle(stored(old, (self.outbox.last_seq + 1, self.outbox.last_seq + 5)))
        assert self.outbox.epoch != old
        for number, key in enumerate(mine):
            copy = BatchKey(self.outbox.epoch, number + 1)
            self._note(copy)
            assert _rows(self.given[copy]) == _rows(self.given[key])

    @invariant()
    def holds_the_same(self) -> None:
        assert self._payloads() == {key: self.given[key] for key in self.kept}

    @invariant()
    def counts_the_same(self) -> None:
        backlog = self.outbox.backlog()
        assert backlog.batches == len(self.kept)
        assert backlog.readings == sum(len(_rows(self.given[key])) for key in self.kept) + len(self.held)
        assert backlog.oldest_at_ms is None or backlog.oldest_at_ms >= START_MS - 10**9

    @invariant()
    def declares_what_it_could_not_keep(self) -> None:
        assert sum(each.readings for each in self.outbox.declarations(10_000)) == self.dropped

    def teardown(self) -> None:
        self.outbox.close()
        self._folder.cleanup()


def _rows(payload: bytes) -> list[messages.Row]:
    return messages.decode(payload, messages.Readings).readings


OutboxModel.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
test_the_outbox_holds_what_a_plain_list_would = OutboxModel.TestCase
