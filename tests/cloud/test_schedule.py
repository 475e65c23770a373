from datetime import timedelta
from threading import Event

import pytest
from sqlalchemy import func, select

from cloud.kit.clock import SystemClock
from cloud.kit.db import Database
from cloud.schedule import KEPT_RUNS, Job, Schedule, job_run_table
from tests.clocks import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def fail() -> None:
    raise ZeroDivisionError("no denominator")


def jobs(done: list[str]) -> list[Job]:
    return [
        Job("often", timedelta(seconds=5), lambda: done.append("often")),
        Job("daily", timedelta(days=1), lambda: done.append("daily")),
    ]


def test_each_job_runs_at_its_own_pace(database: Database, clock: ManualClock) -> None:
    done: list[str] = []
    schedule = Schedule(jobs(done), database, clock)
    ran = []
    for _ in range(3):
        ran.append(schedule.run_due())
        clock.advance(3)
    assert ran == [["often", "daily"], [], ["often"]]
    assert done == ["often", "daily", "often"]


def test_a_restart_does_not_run_a_daily_job_again(database: Database, clock: ManualClock) -> None:
    done: list[str] = []
    Schedule(jobs(done), database, clock).run_due()
    clock.advance(3600)
    assert Schedule(jobs(done), database, clock).run_due() == ["often"]
    clock.advance(23 * 3600)
    assert Schedule(jobs(done), database, clock).run_due() == ["often", "daily"]


def test_a_job_that_fails_is_written_down_and_holds_up_nobody(database: Database, clock: ManualClock) -> None:
    done: list[str] = []
    schedule = Schedule([Job("broken", timedelta(seconds=1), fail), *jobs(done)], database, clock)
    assert schedule.run_due() == ["broken", "often", "daily"]
    with database.read() as connection:
        rows = connection.execute(select(job_run_table).order_by(job_run_table.c.id)).all()
    assert [(row.job, row.failure) for row in rows] == [
        ("broken", "ZeroDivisionError: no denominator"),
        ("often", None),
        ("daily", None),
    ]
    assert rows[0].started_at == clock.now()
    clock.advance(1)
    assert schedule.run_due() == ["broken"]


def test_a_clock_set_back_does_not_hold_a_job(database: Database, clock: ManualClock) -> None:
    done: list[str] = []
    schedule = Schedule(jobs(done), database, clock)
    schedule.run_due()
    clock.advance(-3600)
    assert schedule.run_due() == ["often", "daily"]


def test_the_ledger_keeps_the_last_runs_only(database: Database, clock: ManualClock) -> None:
    done: list[str] = []
    schedule = Schedule(jobs(done), database, clock)
    for _ in range(KEPT_RUNS + 5):
        schedule.run_due()
        clock.advance(5)
    runs = job_run_table.c
    with database.read() as connection:
        counted = select(runs.job, func.count()).group_by(runs.job).order_by(runs.job)
        assert [tuple(row) for row in connection.execute(counted)] == [("daily", 1), ("often", KEPT_RUNS)]


def test_a_stopped_schedule_starts_nothing_more(database: Database, clock: ManualClock) -> None:
    done: list[str] = []
    schedule = Schedule(jobs(done), database, clock)
    schedule.start()
    schedule.stop()
    before = list(done)
    clock.advance(3600)
    assert schedule.run_due() == []
    assert done == before


def test_a_job_that_takes_long_holds_up_no_other(database: Database) -> None:
    let_go, ran = Event(), Event()
    jobs = [Job("dear", timedelta(0), lambda: let_go.wait(30)), Job("often", timedelta(0), ran.set)]
    schedule = Schedule(jobs, database, SystemClock())
    schedule.start()
    assert ran.wait(30)
    let_go.set()
    schedule.stop()


def test_a_dear_job_rests_so_that_others_have_the_machine(database: Database, clock: ManualClock) -> None:
    busy = Event()
    schedule = Schedule([Job("dear", timedelta(0), lambda: busy.wait(0.1))], database, clock)
    assert schedule.run_due() == ["dear"]
    clock.advance(0.2)
    assert schedule.run_due() == []
    clock.advance(60)
    assert schedule.run_due() == ["dear"]
