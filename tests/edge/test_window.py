"""What is sent when: the newest first, the oldest alone knocks on a silent cloud, nothing is overfed."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from edge.back_off import BackOff
from edge.outbox import Batch, BatchKey, Outbox
from edge.window import BACKLOG_LIMIT, LIMIT, Window
from tests.edge.gateway import GATEWAY, GatewayClock, readings, stored


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    made = Outbox(tmp_path / "outbox.db", GATEWAY, GatewayClock())
    yield made
    made.close()


@pytest.fixture
def window(outbox: Outbox) -> Window:
    made = Window(outbox, Random(1))
    made.reopen()
    return made


def keep(outbox: Outbox, count: int) -> list[BatchKey]:
    return [outbox.append(readings(1)) for _ in range(count)]


def sent(window: Window, now_s: float, *, delivered: bool = True) -> list[int]:
    batches: list[Batch] = window.next(now_s)
    for batch in batches:
        if delivered:
            window.delivered(batch.key, now_s)
    return [batch.seq for batch in batches]


def watch(window: Window, start_s: float, end_s: float) -> list[tuple[float, int]]:
    """(when, seq) of all that is sent in that time, looked at every half second."""
    seen = []
    for half in range(int(start_s * 2) + 1, int(end_s * 2) + 1):
        seen += [(half / 2, seq) for seq in sent(window, half / 2)]
    return seen


def test_a_silent_cloud_hears_one_knock_at_a_time_ever_more_seldom(outbox: Outbox, window: Window) -> None:
    keep(outbox, 10)
    assert len(sent(window, 0)) == 10
    knocks = watch(window, 0, 600)
    gaps = [after[0] - before[0] for before, after in pairwise(knocks)]
    assert knocks[0][0] <= 2.5
    assert knocks[0][1] == 1
    assert len({when for when, _ in knocks}) == len(knocks)
    assert max(gaps) <= 60.5
    assert min(gaps[6:]) >= 44
    assert len(knocks) < 20


def test_once_the_cloud_answers_again_all_that_wait_follow_soon(outbox: Outbox, window: Window) -> None:
    keys = keep(outbox, 10)
    sent(window, 0)
    watch(window, 0, 300)
    answer = stored(keys[0].epoch, (1, 1))
    outbox.settle(answer)
    window.settled(answer, 300)
    assert {seq for _, seq in watch(window, 300, 303)} == set(range(2, 11))


def test_a_slow_cloud_that_gets_on_is_not_buried_in_copies(outbox: Outbox, window: Window) -> None:
    """A batch is answered after 30 s, one each second, the newest last of all: a few copies of each."""
    keys = keep(outbox, 300)
    window.reopen()
    copies: dict[int, int] = {}
    for second in range(200):
        for seq in sent(window, second):
            copies[seq] = copies.get(seq, 0) + 1
        if second >= 30:
            answer = stored(keys[0].epoch, (second - 29, second - 29))
            outbox.settle(answer)
            window.settled(answer, second)
    assert copies.pop(300) <= 7
    assert max(copies.values()) <= 4


def test_what_the_broker_has_not_taken_is_not_sent_twice_on_a_slow_line(
    outbox: Outbox, window: Window
) -> None:
    keep(outbox, 3)
    sent(window, 0, delivered=False)
    assert [seq for when in range(1, 59) for seq in sent(window, when, delivered=False)] == []


def test_a_batch_given_up_at_the_cap_leaves_the_window(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "small.db", GATEWAY, GatewayClock(), cap_bytes=300_000)
    window = Window(outbox, Random(1))
    window.reopen()
    outbox.append(readings(200))
    assert sent(window, 0) == [1]
    while not outbox.declarations():
        outbox.append(readings(200))
    watch(window, 0, 200)
    assert 1 not in {seq for _, seq in watch(window, 200, 400)}
    outbox.close()


def test_live_batches_find_room_beside_any_backlog(outbox: Outbox, window: Window) -> None:
    keep(outbox, 500)
    window.reopen()
    assert sent(window, 0) == [500, *range(1, BACKLOG_LIMIT)]
    for number in range(LIMIT - BACKLOG_LIMIT):
        keep(outbox, 1)
        assert sent(window, 1) == [501 + number]
    keep(outbox, 2)
    assert sent(window, 1) == []
    assert window.under_way == LIMIT


def test_live_batches_that_pile_up_are_all_sent_in_the_end(outbox: Outbox, window: Window) -> None:
    keep(outbox, 50)
    window.reopen()
    seen = set(sent(window, 0))
    keys = keep(outbox, 700)
    for second in range(1, 200):
        seen |= set(sent(window, second))
        answer = stored(keys[0].epoch, *((seq, seq) for seq in seen))
        outbox.settle(answer)
        window.settled(answer, second)
    assert seen == set(range(1, 751))
    assert outbox.backlog().batches == 0


def test_waits_double_up_to_their_limit_and_differ_between_gateways() -> None:
    waits = BackOff(2, 60, Random(1))
    first = [waits.next_s() for _ in range(8)]
    assert all(
        0.75 * full <= wait <= full for wait, full in zip(first, [2, 4, 8, 16, 32, 60, 60, 60], strict=True)
    )
    waits.reset()
    assert waits.next_s() <= 2
    assert BackOff(2, 60, Random(2)).next_s() != first[0]


def test_behind_a_slow_cloud_the_backlog_keeps_little_under_way_and_behind_a_fast_one_more_again(
    outbox: Outbox, window: Window
) -> None:
    """What is under way is what a live batch waits behind; here the cloud settles three batches a second."""
    keep(outbox, 700)
    window.reopen()
    under_way = [seq for seq in sent(window, 0) if seq != 700]

    def settle_oldest(now_s: float, count: int) -> int:
        for seq in under_way[:count]:
            word = stored(outbox.epoch, (seq, seq))
            outbox.settle(word)
            window.settled(word, now_s)
        del under_way[:count]
        under_way.extend(sent(window, now_s))
        return len(under_way)

    slow = [settle_oldest(third / 3, 1) for third in range(1, 181)]
    assert max(slow[-30:]) <= 8
    fast = [settle_oldest(60 + tenth / 10, 8) for tenth in range(1, 41)]
    assert fast[-1] >= BACKLOG_LIMIT - 8
