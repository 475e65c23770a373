"""Jobs on a line: by right, each told its end once, between the exchanges of what has less right."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from edge.drivers import MeterTalk
from edge.drivers.mixed import LineDriver
from edge.jobs import Expired, Job, JobQueue, Priority
from edge.links import Interrupted, LinkDown, NoReply, TcpLink
from edge.settings import LineSettings, MeterSettings
from protocols.dlt645.conversations import read_request, time_sync_request
from protocols.dlt645.frame import Frame
from protocols.errors import Refused
from protocols.models import load
from tests.edge.lines import ADDRESS, OTHER, THREE_PHASE_VALUES, bcd, blocks, line, meter
from tests.edge.test_poller import BOTH, SureClock, polling, until
from tests.edge.wire import Chunks, Meters, TcpWire, dlt645_ear

SLOW = meter(interval_s=86_400)
SLOW_TOO = meter(OTHER, id_="m2", interval_s=86_400)


def calm(endpoint: str, *meters: MeterSettings) -> LineSettings:
    """A line on which a slow machine is no silence."""
    return line(endpoint, *meters, timeout_s=5)


class Ends:
    """What jobs ended with, in this order."""

    def __init__(self) -> None:
        self.ends: list[tuple[str, Any]] = []

    def job(
        self,
        name: str,
        work: Callable[[MeterTalk], Any],
        priority: Priority = Priority.ON_DEMAND,
        meter: str = "m1",
        until_s: float | None = None,
    ) -> Job:
        return Job(meter, priority, name, work, lambda end: self.ends.append((name, end)), until_s)

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.ends]

    def of(self, name: str) -> Any:
        return next(end for each, end in self.ends if each == name)


def test_the_queue_gives_more_right_first_and_the_older_of_equal_right() -> None:
    ends, queue = Ends(), JobQueue()
    for name, priority in (
        ("b", Priority.BACKLOG), ("d1", Priority.ON_DEMAND),
        ("d2", Priority.ON_DEMAND), ("c", Priority.COMMAND),
    ):  # fmt: skip
        queue.put(ends.job(name, lambda _: None, priority), 0.0)
    taken = [job.name for job in iter(lambda: queue.take(len(Priority)), None)]
    assert taken == ["c", "d1", "d2", "b"]


def test_a_job_asks_its_meter_and_its_result_is_told_once() -> None:
    ends = Ends()
    with (
        TcpWire(Meters(BOTH), dlt645_ear) as wire,
        polling(calm(wire.endpoint, SLOW, SLOW_TOO), as_told=True) as (poller, _),
    ):
        poller.submit(ends.job("di", lambda talk: talk.ask("02800002")))
        poller.submit(ends.job("values", lambda talk: talk.values(), meter="m2"))
        until(lambda: len(ends.ends) == 2)
    assert ends.of("di") == bcd("5001")
    assert ends.of("values") == THREE_PHASE_VALUES
    assert len(ends.ends) == 2


@pytest.mark.parametrize(
    ("address", "end"),
    [pytest.param(ADDRESS, Refused, id="refused"), pytest.param(OTHER, NoReply, id="silent")],
)
def test_a_job_that_fails_is_told_how(address: str, end: type) -> None:
    ends = Ends()
    with (
        TcpWire(Meters({ADDRESS: blocks()}), dlt645_ear) as wire,
        polling(line(wire.endpoint, SLOW, SLOW_TOO), as_told=True) as (poller, _),
    ):
        poller.submit(
            ends.job("a", lambda talk: talk.ask("04000102"), meter="m1" if address == ADDRESS else "m2")
        )
        until(lambda: ends.ends)
    assert isinstance(ends.of("a"), end)


def test_an_unknown_meter_is_refused_at_once() -> None:
    with (
        TcpWire(Meters(BOTH), dlt645_ear) as wire,
        polling(calm(wire.endpoint, SLOW), as_told=True) as (poller, _),
        pytest.raises(KeyError, match="m9"),
    ):
        poller.submit(Ends().job("a", lambda _: None, meter="m9"))


def test_more_right_goes_first_between_two_exchanges_of_less() -> None:
    """A job of least right holds the line while others are put: they all go before its next exchange."""
    ends, order = Ends(), list[str]()
    begun, go_on = threading.Event(), threading.Event()

    def two_exchanges(talk: MeterTalk) -> None:
        begun.set()
        go_on.wait(5)
        talk.ask("02800002")
        order.append("backlog")

    def one(name: str) -> Callable[[MeterTalk], None]:
        def work(talk: MeterTalk) -> None:
            talk.ask("02800002")
            order.append(name)

        return work

    with (
        TcpWire(Meters(BOTH), dlt645_ear) as wire,
        polling(calm(wire.endpoint, SLOW), as_told=True) as (poller, kept),
    ):
        until(lambda: kept.readings)
        poller.submit(ends.job("backlog", two_exchanges, Priority.BACKLOG))
        assert begun.wait(5)
        poller.submit(ends.job("wanted", one("wanted"), Priority.ON_DEMAND))
        poller.submit(ends.job("event", one("event"), Priority.EVENT))
        poller.submit(ends.job("command", one("command"), Priority.COMMAND))
        poller.submit(ends.job("backlog2", one("backlog2"), Priority.BACKLOG))
        go_on.set()
        until(lambda: len(ends.ends) == 5)
    assert order == ["command", "event", "wanted", "backlog", "backlog2"]
    assert poller.backlog_passed_over >= 3


def test_a_command_waits_only_for_the_exchange_in_progress_of_a_reading() -> None:
    ends, asked = Ends(), list[str]()
    well, is_there = Meters(BOTH), threading.Event()

    def react(request: Frame) -> Chunks:
        assert is_there.wait(10)
        di = request.data[:4][::-1].hex().upper()
        asked.append(di)
        if di == "0001FF00":
            poller.submit(ends.job("now", lambda talk: talk.ask("04000102"), Priority.COMMAND))
        return well(request)

    with (
        TcpWire(react, dlt645_ear) as wire,
        polling(calm(wire.endpoint, SLOW), as_told=True) as (poller, kept),
    ):
        is_there.set()
        until(lambda: kept.readings and ends.ends)
    assert asked[:3] == ["0001FF00", "04000102", "0002FF00"]
    assert dict(kept.readings[0].values) == THREE_PHASE_VALUES


def test_a_slot_goes_before_the_next_exchange_of_backlog() -> None:
    """The backlog job holds the line until a slot is due; the reading comes before its next exchange ends."""
    ends, seen = Ends(), list[int]()

    def patient(talk: MeterTalk) -> int:
        before = len(kept.readings)
        end_s = time.monotonic() + 5
        while time.monotonic() < end_s:
            talk.ask("02800002")
            if len(kept.readings) > before:
                return len(seen)
            seen.append(1)
        return -1

    with (
        TcpWire(Meters(BOTH), dlt645_ear) as wire,
        polling(calm(wire.endpoint, meter(interval_s=1)), as_told=True) as (
            poller,
            kept,
        ),
    ):
        until(lambda: kept.readings)
        poller.submit(ends.job("backlog", patient, Priority.BACKLOG))
        until(lambda: ends.ends)
    assert ends.of("backlog") >= 0


def test_a_job_past_its_time_is_told_so_and_sends_nothing() -> None:
    ends, clock = Ends(), SureClock()
    with (
        TcpWire(Meters(BOTH), dlt645_ear) as wire,
        polling(calm(wire.endpoint, SLOW), clock=clock, as_told=True) as (poller, _),
    ):
        late_s = clock.monotonic_s() - 0.001
        poller.submit(ends.job("late", lambda talk: talk.ask("04000102"), Priority.COMMAND, until_s=late_s))
        until(lambda: ends.ends)
        assert isinstance(ends.of("late"), Expired)
        assert all(request.data[:4] != bcd("04000102") for request in wire.requests)


def test_a_job_that_expires_while_the_line_is_lent_is_told_in_time() -> None:
    ends, clock = Ends(), SureClock()
    with (
        TcpWire(Meters(BOTH), dlt645_ear) as wire,
        polling(calm(wire.endpoint, SLOW), clock=clock, as_told=True) as (poller, _),
    ):
        assert poller.lend(5)
        poller.submit(ends.job("a", lambda talk: talk.ask("04000102"), until_s=clock.monotonic_s() + 0.05))
        until(lambda: ends.ends, within_s=2)
        assert isinstance(ends.of("a"), Expired)
        poller.take_back()


def test_jobs_left_at_the_end_are_told_so() -> None:
    ends = Ends()
    with TcpWire(Meters(BOTH), dlt645_ear) as wire:
        with polling(calm(wire.endpoint, SLOW), as_told=True) as (poller, _):
            assert poller.lend(5)
            poller.submit(ends.job("waiting", lambda talk: talk.ask("04000102")))
        poller.submit(ends.job("after", lambda talk: talk.ask("04000102")))
    assert ends.names == ["waiting", "after"]
    assert all(isinstance(end, Interrupted) for _, end in ends.ends)


def test_who_waits_for_a_line_that_is_down_is_told_and_backlog_stays() -> None:
    ends = Ends()
    with TcpWire(lambda _: [], dlt645_ear) as wire:
        endpoint = wire.endpoint
    with polling(line(endpoint, SLOW), as_told=True) as (poller, _):
        poller.submit(ends.job("backlog", lambda talk: talk.ask("04000102"), Priority.BACKLOG))
        poller.submit(ends.job("wanted", lambda talk: talk.ask("04000102")))
        until(lambda: ends.ends)
        assert ends.names == ["wanted"]
        assert isinstance(ends.of("wanted"), LinkDown)
    assert isinstance(ends.of("backlog"), Interrupted)


def test_an_order_is_sent_once_though_nobody_answers() -> None:
    ends = Ends()
    order = Frame(ADDRESS, 0x1C, bytes(16))

    def react(request: Frame) -> Chunks:
        return [] if request.function == 0x1C else Meters(BOTH)(request)

    with TcpWire(react, dlt645_ear) as wire, polling(line(wire.endpoint, SLOW), as_told=True) as (poller, _):
        poller.submit(ends.job("trip", lambda talk: talk.order(order), Priority.COMMAND))
        until(lambda: ends.ends)
        assert isinstance(ends.of("trip"), NoReply)
        assert [request.function for request in wire.requests].count(0x1C) == 1


def test_an_order_whose_answer_is_lost_with_the_connection_is_sent_once_and_is_unknown() -> None:
    ends = Ends()

    def react(request: Frame) -> Chunks:
        if request.function == 0x1C:
            assert isinstance(wire, TcpWire)
            wire.cut()
            return []
        return Meters(BOTH)(request)

    with TcpWire(react, dlt645_ear) as wire, polling(line(wire.endpoint, SLOW), as_told=True) as (poller, _):
        poller.submit(
            ends.job("trip", lambda talk: talk.order(Frame(ADDRESS, 0x1C, bytes(16))), Priority.COMMAND)
        )
        until(lambda: ends.ends)
        assert isinstance(ends.of("trip"), NoReply)
        assert [request.function for request in wire.requests].count(0x1C) == 1


class Breaking(TcpLink):
    """Breaks as soon as an order is sent; nobody can tell whether it went out whole."""

    def write(self, data: bytes) -> None:
        super().write(data)
        if data[12] == 0x1C:  # behind four FE
            self.close()
            raise LinkDown("broken pipe")


def test_an_order_on_a_line_that_breaks_while_it_is_sent_is_not_sent_again() -> None:
    ends = Ends()
    with TcpWire(Meters(BOTH), dlt645_ear) as wire:
        on = line(wire.endpoint, SLOW)
        driver = LineDriver(on, {SLOW.model: load(SLOW.model)}, link=Breaking(*on.host_port))
        with polling(on, as_told=True, driver=driver) as (poller, _):
            order = Frame(ADDRESS, 0x1C, bytes(16), 4)
            poller.submit(ends.job("trip", lambda talk: talk.order(order), Priority.COMMAND))
            until(lambda: ends.ends)
            assert isinstance(ends.of("trip"), NoReply)
            poller.submit(ends.job("read", lambda talk: talk.ask("02800002")))
            until(lambda: len(ends.ends) == 2)
            assert ends.of("read") == bcd("5001")
        assert [request.function for request in wire.requests].count(0x1C) == 1


def test_an_order_to_another_address_is_none_of_this_meter() -> None:
    ends = Ends()
    with (
        TcpWire(Meters(BOTH), dlt645_ear) as wire,
        polling(calm(wire.endpoint, SLOW), as_told=True) as (poller, _),
    ):
        poller.submit(ends.job("a", lambda talk: talk.order(read_request(OTHER, "02800002"))))
        poller.submit(ends.job("b", lambda talk: talk.registers(3, 0, 2)))
        until(lambda: len(ends.ends) == 2)
        assert isinstance(ends.of("a"), ValueError)
        assert isinstance(ends.of("b"), ValueError)


def test_what_nobody_answers_is_told_without_waiting_for_an_answer() -> None:
    ends, clock = Ends(), SureClock()
    with (
        TcpWire(Meters(BOTH), dlt645_ear) as wire,
        polling(line(wire.endpoint, SLOW, timeout_s=5), as_told=True) as (poller, _),
    ):
        until(lambda: wire.requests)
        poller.submit(ends.job("time", lambda talk: talk.tell(time_sync_request(clock.now()))))
        until(lambda: ends.ends, within_s=3)
        assert ends.of("time") is None
        until(lambda: 0x08 in [request.function for request in wire.requests])


def test_a_lent_line_is_closed_and_polling_goes_on_when_it_is_taken_back() -> None:
    with (
        TcpWire(Meters(BOTH), dlt645_ear) as wire,
        polling(calm(wire.endpoint, meter(interval_s=1)), as_told=True) as (
            poller,
            kept,
        ),
    ):
        until(lambda: kept.readings)
        assert poller.lend(5)
        asked = len(wire.requests)
        assert poller.lend(5), "lent already"
        poller.take_back()
        until(lambda: len(wire.requests) > asked)
        assert wire.connections == 2
