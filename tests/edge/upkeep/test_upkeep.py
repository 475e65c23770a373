"""The agent under a service manager, and what becomes of update orders."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.orders.states import Event, Outcome
from edge.upkeep.releases import Releases
from edge.upkeep.service import ServiceManager
from edge.upkeep.upkeep import HANGS_S, Handler, Upkeep
from protocols.mqtt.orders import Order, OrderKind
from tests.edge.gateway import START_MS, GatewayClock, gateway_settings, until
from tests.edge.upkeep.test_service import Listener
from tests.edge.upkeep.test_update import BUNDLE, in_use, on_trial


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Listener]:
    listener = Listener(tmp_path / "notify")
    yield listener
    listener.close()


def upkeep(folder: Path, clock: GatewayClock, listener: Listener | None = None) -> Upkeep:
    key = folder / "update.key"
    key.write_text("00" * 32)
    settings = gateway_settings(folder, 1, None, update={"key_file": str(key), "folder": str(folder / "opt")})
    manager = ServiceManager(listener.path, 120_000_000) if listener else None
    return Upkeep(settings, clock, folder / "gateway.toml", manager)


def update(url: str = "http://updates.example/u.tar", sha256: str = BUNDLE) -> Order:
    return Order(
        gateway="gw-a01",
        id="order-0001",
        kind=OrderKind.UPDATE,
        issued_at_ms=START_MS,
        expires_at_ms=START_MS + 3_600_000,
        url=url,
        sha256=sha256,
        signature="00" * 64,
    )


class Ends:
    """What was said of an order's end."""

    def __init__(self) -> None:
        self.said: list[tuple[Event, str]] = []

    def __call__(self, event: Event, outcome: Outcome) -> None:
        self.said.append((event, outcome.detail))


def test_the_watchdog_is_fed_only_while_every_line_moves(tmp_path: Path, manager: Listener) -> None:
    clock = GatewayClock()
    kept = upkeep(tmp_path, clock, manager)
    moved_s = clock.monotonic_s()
    clock.advance(HANGS_S - 1)
    kept.tick(settled=0, moved_s=moved_s)
    assert manager.words() == ["WATCHDOG=1"]
    clock.advance(120)
    kept.tick(settled=0, moved_s=moved_s)
    assert manager.words() == []


def test_a_release_that_proved_itself_says_that_the_update_is_done(tmp_path: Path) -> None:
    releases = on_trial(tmp_path / "opt")
    kept, ends = upkeep(tmp_path, GatewayClock()), Ends()
    _, resume = kept.handlers(lambda: None)
    resume[OrderKind.UPDATE](update(), ends)
    kept.tick(settled=0, moved_s=0)
    assert ends.said == []
    kept.tick(settled=1, moved_s=0)
    assert ends.said == [(Event.FINISH, "confirmed 1.1.0")]
    assert releases.trial is None


def test_a_release_without_a_stored_ends_the_program_and_the_one_before_says_why(tmp_path: Path) -> None:
    releases, clock, stops = on_trial(tmp_path / "opt"), GatewayClock(), []
    kept = upkeep(tmp_path, clock)
    kept.handlers(lambda: stops.append(True))
    clock.advance(600)
    kept.tick(settled=0, moved_s=clock.monotonic_s())
    assert stops == [True]
    assert releases.current == "1.0.0"

    before, ends = upkeep(tmp_path, clock), Ends()
    before.handlers(lambda: None)[1][OrderKind.UPDATE](update(), ends)
    assert ends.said == [(Event.FAIL, "rolled back 1.1.0: the cloud stored nothing within 600 s")]


def test_an_update_cut_off_while_it_was_installed_is_not_called_done(tmp_path: Path) -> None:
    in_use(tmp_path / "opt", "1.0.0")
    Releases(tmp_path / "opt").note("begun 1.1.0: it was not in place yet when the program ended", BUNDLE)
    kept, ends = upkeep(tmp_path, GatewayClock()), Ends()
    kept.handlers(lambda: None)[1][OrderKind.UPDATE](update(), ends)
    assert ends.said[0][0] is Event.LOSE


def test_an_update_cut_off_before_it_was_fetched_does_not_take_the_end_of_an_earlier_one(
    tmp_path: Path,
) -> None:
    releases = on_trial(tmp_path / "opt")
    releases.confirm()
    kept, ends = upkeep(tmp_path, GatewayClock()), Ends()
    kept.handlers(lambda: None)[1][OrderKind.UPDATE](update(sha256="11" * 32), ends)
    assert ends.said == [(Event.LOSE, "the program ended before it was installed")]


def test_of_several_updates_that_were_begun_each_is_told_its_end(tmp_path: Path) -> None:
    on_trial(tmp_path / "opt")
    kept, first, second = upkeep(tmp_path, GatewayClock()), Ends(), Ends()
    resume = kept.handlers(lambda: None)[1][OrderKind.UPDATE]
    resume(update(), first)
    resume(update(sha256="11" * 32), second)
    kept.tick(settled=1, moved_s=0)
    assert [each.said[0][0] for each in (first, second)] == [Event.FINISH, Event.LOSE]


def test_one_update_is_installed_at_a_time_and_a_defect_in_one_is_its_end_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def odd(*_: object) -> str:
        begun.set()
        go_on.wait(10)
        raise RuntimeError("no such thing")

    monkeypatch.setattr("edge.upkeep.update.Updater.take", odd)
    in_use(tmp_path / "opt", "1.0.0")
    kept, first, second, third = upkeep(tmp_path, GatewayClock()), Ends(), Ends(), Ends()
    handle = kept.handlers(lambda: None)[0][OrderKind.UPDATE]
    handle(update(), first)
    assert begun.wait(10)
    handle(update(), second)
    assert second.said[0][0] is Event.REFUSE
    go_on.set()
    until(lambda: bool(first.said), "the end of the first")
    assert first.said == [(Event.FAIL, "a defect: no such thing")]
    until(lambda: _is_taken(handle, third), "the next to be let in")


def _is_taken(handle: Handler, ends: Ends) -> bool:
    handle(update(), ends)
    return any(event is Event.FAIL for event, _ in ends.said)


def test_a_disk_that_takes_nothing_more_does_not_end_the_agent_on_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    releases, clock = on_trial(tmp_path / "opt"), GatewayClock()
    kept = upkeep(tmp_path, clock)
    with monkeypatch.context() as broken:
        broken.setattr("edge.upkeep.releases._sync", _disk_fails)
        kept.tick(settled=1, moved_s=0)
    clock.advance(600)
    kept.tick(settled=1, moved_s=clock.monotonic_s())
    assert (releases.current, releases.trial) == ("1.1.0", None)


def _disk_fails(_: Path) -> None:
    raise OSError(5, "Input/output error")


def test_without_an_update_key_no_update_is_taken_at_all(tmp_path: Path) -> None:
    settings = gateway_settings(tmp_path, 1, None)
    assert Upkeep(settings, GatewayClock(), tmp_path / "gateway.toml").handlers(lambda: None) == ({}, {})
