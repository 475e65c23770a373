"""A line is lent to one tool at a time, and comes back however the tool ends."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.loans import SOCKET_NAME, LoanDesk, LoanRefused, borrow
from edge.settings import Settings
from tests.edge.gateway import gateway_settings
from tests.edge.lines import line, meter
from tests.edge.test_poller import BOTH, polling, until
from tests.edge.wire import Meters, TcpWire, dlt645_ear


def of(folder: Path) -> Settings:
    return gateway_settings(folder, 1, None).model_copy(update={"data_dir": folder})


class Line:
    """A line that is lent when `free`."""

    def __init__(self, name: str = "north") -> None:
        self.name, self.free, self.lent, self.loans = name, True, False, 0

    def lend(self, timeout_s: float) -> bool:
        self.lent = self.free
        self.loans += self.lent
        return self.free

    def take_back(self) -> None:
        self.lent = False


@contextmanager
def desk(folder: Path, *lines: Line, longest_s: float = 60) -> Iterator[Settings]:
    made = LoanDesk(folder, lines, longest_s)
    made.start()
    yield of(folder)
    made.stop()


def test_without_an_agent_there_is_nothing_to_borrow(tmp_path: Path) -> None:
    with borrow(of(tmp_path), "north"):
        pass
    with socket.socket(socket.AF_UNIX) as left_by_a_killed_one:
        left_by_a_killed_one.bind(str(tmp_path / SOCKET_NAME))
    with borrow(of(tmp_path), "north"):
        pass


def test_a_line_is_held_for_the_time_of_the_block(tmp_path: Path) -> None:
    north = Line()
    with desk(tmp_path, north) as settings:
        for _ in range(2):
            with borrow(settings, "north"):
                assert north.lent
            until(lambda: not north.lent)
        assert north.loans == 2
    assert not (tmp_path / SOCKET_NAME).exists()


def test_only_the_agents_user_may_borrow(tmp_path: Path) -> None:
    with desk(tmp_path, Line()):
        assert (tmp_path / SOCKET_NAME).stat().st_mode & 0o777 == 0o600


def test_a_second_tool_is_refused_in_one_line(tmp_path: Path) -> None:
    with (
        desk(tmp_path, Line()) as settings,
        borrow(settings, "north"),
        pytest.raises(LoanRefused, match="lent to another tool"),
        borrow(settings, "north"),
    ):
        pass


@pytest.mark.parametrize(("name", "why"), [("north", "not free within"), ("south", "no line 'south'")])
def test_a_line_that_cannot_be_had_is_refused(tmp_path: Path, name: str, why: str) -> None:
    north = Line()
    north.free = False
    with (
        desk(tmp_path, north) as settings,
        pytest.raises(LoanRefused, match=why),
        borrow(settings, name),
    ):
        pass
    assert not north.lent


def test_a_tool_that_never_ends_loses_the_line(tmp_path: Path) -> None:
    north = Line()
    with desk(tmp_path, north, longest_s=0.1) as settings, borrow(settings, "north"):
        until(lambda: not north.lent)


def test_a_data_directory_of_any_depth_will_do(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    north = Line()
    with desk(deep, north) as settings, borrow(settings, "north"):
        assert north.lent


def test_a_real_line_is_silent_while_it_is_lent_and_reads_afterwards(tmp_path: Path) -> None:
    with (
        TcpWire(Meters(BOTH), dlt645_ear) as wire,
        polling(line(wire.endpoint, meter(interval_s=1))) as (
            poller,
            kept,
        ),
    ):
        until(lambda: kept.readings)
        made = LoanDesk(tmp_path, [poller])
        made.start()
        with borrow(of(tmp_path), "l1"):
            read, connections = len(kept.readings), wire.connections
            with socket.create_connection(("127.0.0.1", int(wire.endpoint.rpartition(":")[2]))):
                until(lambda: wire.connections > connections)  # it takes one connection at a time: it is free
            assert len(kept.readings) == read
        until(lambda: len(kept.readings) > read)
        made.stop()


def test_a_line_begun_anew_while_it_is_lent_stays_lent_until_the_loan_ends(tmp_path: Path) -> None:
    before, after = Line(), Line()
    made = LoanDesk(tmp_path, [before])
    made.start()
    with borrow(of(tmp_path), "north"):
        made.replace([after])
        assert after.lent
    until(lambda: not after.lent)
    made.stop()
