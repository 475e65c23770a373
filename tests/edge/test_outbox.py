"""The outbox keeps what it accepted: through kills, full disks, broken files, old images and its own cap."""

import logging
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from edge import outbox_file
from edge.outbox import Backlog, BatchKey, Outbox, OutboxFull
from edge.outbox_file import OutboxRefused, StorageFault
from protocols.mqtt import messages
from protocols.readings import Quality, Reading
from tests.edge.gateway import GATEWAY, START_MS, GatewayClock, reading, readings, stored

ROOT = Path(__file__).parents[2]
Opener = Callable[..., Outbox]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "outbox.db"


@pytest.fixture
def opened(path: Path) -> Iterator[Opener]:
    """Opens the outbox of this test; whatever is still open is closed at the end."""
    made: list[Outbox] = []

    def open_it(
        cap_bytes: int = 1 << 30, clock: GatewayClock | None = None, gateway: str = GATEWAY
    ) -> Outbox:
        made.append(Outbox(path, gateway, clock or GatewayClock(), cap_bytes))
        return made[-1]

    yield open_it
    for outbox in made:
        outbox.close()


def bulky(count: int) -> list[Reading]:
    """Readings that hardly deflate."""
    return [reading(number, meter=os.urandom(200).hex()) for number in range(count)]


def payloads(outbox: Outbox) -> dict[BatchKey, bytes]:
    return {batch.key: batch.payload for batch in outbox.unsettled(1_000_000)}


def kept_readings(outbox: Outbox) -> set[tuple[str, int]]:
    batches = (messages.decode(payload, messages.Readings) for payload in payloads(outbox).values())
    return {(row.meter, row.at_ms) for batch in batches for row in batch.readings}


# -- one row, one batch, one seq ---------------------------------------------------------------------------


def test_a_batch_is_one_message_whose_bytes_never_change(opened: Opener) -> None:
    outbox = opened()
    key = outbox.append(readings(3))
    before = payloads(outbox)
    outbox.append(readings(2, start=3))
    outbox.close()
    again = opened()
    assert payloads(again)[key] == before[key]
    batch = messages.decode(before[key], messages.Readings)
    assert (batch.gateway, batch.epoch, batch.seq) == (GATEWAY, key.epoch, 1)
    assert [messages.reading(row) for row in batch.readings] == readings(3)


def test_every_new_file_begins_an_epoch_of_its_own(tmp_path: Path) -> None:
    epochs = set()
    for number in range(5):
        outbox = Outbox(tmp_path / f"{number}.db", GATEWAY, GatewayClock())
        epochs.add(outbox.epoch)
        outbox.close()
    assert len(epochs) == 5


def test_seqs_go_on_after_everything_was_settled_and_the_program_restarted(opened: Opener) -> None:
    outbox = opened()
    epoch = outbox.epoch
    outbox.append(readings(1))
    outbox.append(readings(1))
    outbox.settle(stored(epoch, (1, 2)))
    outbox.close()
    assert opened().append(readings(1)) == BatchKey(epoch, 3)


def test_backlog_counts_what_is_left(opened: Opener) -> None:
    outbox = opened()
    assert outbox.backlog() == Backlog(0, 0, None)
    outbox.append(readings(3))
    outbox.append(readings(2, start=3))
    assert outbox.backlog() == Backlog(2, 5, START_MS)
    assert outbox.settle(stored(outbox.epoch, (1, 1))) == 1
    assert outbox.backlog() == Backlog(1, 2, START_MS + 3000)


def test_answers_for_other_epochs_and_other_seqs_change_nothing(opened: Opener) -> None:
    outbox = opened()
    outbox.append(readings(1))
    assert outbox.settle(stored("f" * 16, (1, 100))) == 0
    outbox.append(readings(1))
    outbox.settle(stored(outbox.epoch, (1, 1)))
    assert outbox.settle(stored(outbox.epoch, (1, 1))) == 0
    assert outbox.backlog().batches == 1


def test_unsettled_batches_are_paged_oldest_first(opened: Opener) -> None:
    outbox = opened()
    for number in range(10):
        outbox.append(readings(1, start=number))
    first = outbox.unsettled(4)
    assert [batch.seq for batch in first] == [1, 2, 3, 4]
    assert [batch.seq for batch in outbox.unsettled(4, after=first[-1].id)] == [5, 6, 7, 8]
    assert [batch.seq for batch in outbox.unsettled(9, after=first[-1].id, until=6)] == [5, 6]


# -- one owner ---------------------------------------------------------------------------------------------


def test_a_second_start_is_refused_in_one_line_that_names_the_owner(opened: Opener, path: Path) -> None:
    opened()
    with pytest.raises(OutboxRefused) as refused:
        Outbox(path, GATEWAY, GatewayClock())
    assert f"in use by process {os.getpid()}" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_another_gateways_outbox_is_refused(opened: Opener) -> None:
    opened().close()
    with pytest.raises(OutboxRefused, match="belongs to gateway 'gw-a01'"):
        opened(gateway="gw-b02")


def test_an_outbox_of_another_version_is_refused_and_left_alone(opened: Opener, path: Path) -> None:
    opened().close()
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version = 99")
    other.close()
    with pytest.raises(OutboxRefused, match="schema 99"):
        opened()
    assert path.exists()


def test_every_commit_is_fsynced(opened: Opener) -> None:
    with opened()._file.reading() as db:
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA auto_vacuum").fetchone() == (2,)  # INCREMENTAL


# -- kills -------------------------------------------------------------------------------------------------

KILLED = """
import os, sys
from pathlib import Path
from edge.outbox import Outbox
from tests.edge.gateway import GATEWAY, GatewayClock, readings, stored
outbox = Outbox(Path(sys.argv[1]), GATEWAY, GatewayClock())
hits, at, line = 0, int(sys.argv[2]), sys.argv[3]
def trace(statement):
    global hits
    if statement.startswith(line):
        hits += 1
        if hits == at:
            os._exit(9)
outbox._file._db.set_trace_callback(trace)
for number in range(50):
    key = outbox.append(readings(3, start=3 * number))
    os.write(1, f"{key.seq}\\n".encode())
    if number % 5 == 4:
        outbox.settle(stored(key.epoch, (key.seq - 4, key.seq - 2)))
        os.write(1, f"settled {key.seq - 4} {key.seq - 2}\\n".encode())
"""


@pytest.mark.parametrize(
    "statement", ["BEGIN", "INSERT INTO batch", "UPDATE epoch", "DELETE FROM batch", "COMMIT"]
)
@pytest.mark.parametrize("hit", [1, 7])
def test_a_kill_at_any_step_loses_nothing_accepted_and_reuses_no_seq(
    statement: str, hit: int, path: Path, opened: Opener
) -> None:
    child = subprocess.run(
        [sys.executable, "-c", KILLED, path, str(hit), statement],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert child.returncode == 9, child.stderr
    told = child.stdout.splitlines()
    accepted = {int(line) for line in told if not line.startswith("settled")}
    settled = {
        seq
        for line in told
        if line.startswith("settled")
        for seq in range(int(line.split()[1]), int(line.split()[2]) + 1)
    }
    outbox = opened()
    kept = {key.seq for key in payloads(outbox)}
    assert accepted - settled - kept <= _being_settled(told)
    assert outbox.append(readings(1)).seq > max(accepted | kept, default=0)


def _being_settled(told: list[str]) -> set[int]:
    """The kill may fall between the commit of a settlement and the line that tells of it."""
    last = [int(line) for line in told if not line.startswith("settled")][-1:]
    return {last[0] - 4, last[0] - 3, last[0] - 2} if last and last[0] % 5 == 0 else set()


# -- the cap -----------------------------------------------------------------------------------------------


def fill(outbox: Outbox, batches: int) -> list[BatchKey]:
    return [outbox.append(readings(200, start=200 * number)) for number in range(batches)]


def test_at_the_cap_the_oldest_are_given_up_and_every_one_of_them_is_declared(
    opened: Opener, path: Path
) -> None:
    cap = 500_000
    outbox = opened(cap_bytes=cap)
    keys = fill(outbox, 400)
    kept = {key.seq for key in payloads(outbox)}
    (declared,) = outbox.declarations()
    gone = {seq for first, last in declared.seqs for seq in range(first, last + 1)}
    assert kept | gone == {key.seq for key in keys}
    assert not kept & gone
    assert max(gone) < min(kept)
    assert declared.readings == 200 * len(gone)
    assert declared.reason == "outbox_full"
    assert sum(file.stat().st_size for file in path.parent.iterdir()) <= cap


def test_a_declaration_stays_until_the_cloud_has_settled_all_of_it(opened: Opener) -> None:
    outbox = opened(cap_bytes=500_000)
    fill(outbox, 400)
    (told,) = outbox.declarations()
    ((first, last),) = told.seqs
    outbox.settle(stored(outbox.epoch, (first, last - 1)))
    assert outbox.declarations() == [told]
    fill(outbox, 50)
    assert outbox.declarations()[0] == told  # once shown it never changes
    assert outbox.declarations()[1].seqs[0][0] == last + 1
    outbox.close()
    outbox = opened(cap_bytes=500_000)
    assert outbox.declarations()[0] == told
    outbox.settle(stored(outbox.epoch, (first, last - 1), (last, last)))
    assert told not in outbox.declarations()


def test_a_batch_that_cannot_fit_at_all_is_refused_without_giving_up_others_for_nothing(
    opened: Opener,
) -> None:
    outbox = opened(cap_bytes=300_000)
    with pytest.raises(OutboxFull, match="max_bytes"):
        outbox.append(bulky(600))
    assert outbox.append(readings(1)).seq == 1


def test_disk_space_comes_back_after_draining(opened: Opener, path: Path) -> None:
    outbox = opened()
    for _ in range(300):
        outbox.append(bulky(100))
    outbox.close()
    full = path.stat().st_size
    outbox = opened()
    for seq in range(1, 300, 10):
        outbox.settle(stored(outbox.epoch, (seq, seq + 9)))
    outbox.close()
    assert full > 5_000_000
    assert path.stat().st_size < 1_500_000


# -- old images --------------------------------------------------------------------------------------------


def test_a_file_put_back_from_an_old_image_goes_on_in_a_new_epoch_and_keeps_every_reading(
    opened: Opener, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = opened()
    old = outbox.epoch
    outbox.append(readings(3))
    outbox.close()
    shutil.copy(path, path.with_suffix(".image"))
    outbox = opened()
    for number in range(5):
        outbox.append(readings(1, start=100 + number))
    outbox.settle(stored(old, (1, 6)))
    outbox.close()
    shutil.copy(path.with_suffix(".image"), path)

    outbox = opened()
    collided = outbox.append(readings(2, start=200))  # the cloud has another batch under this seq
    assert collided == BatchKey(old, 2)
    untouched = payloads(outbox)[collided]
    outbox.settle(stored(old, (5, 6)))
    assert outbox.epoch != old
    assert payloads(outbox)[collided] == untouched
    outbox.settle(stored(old, (1, 6)))
    assert kept_readings(outbox) == {
        (each.meter, each.at_ms) for each in [*readings(3), *readings(2, start=200)]
    }
    assert {key.epoch for key in payloads(outbox)} == {outbox.epoch}
    assert outbox.append(readings(1)).epoch == outbox.epoch
    assert [r.levelno for r in caplog.records if "old image" in r.message] == [logging.WARNING]


# -- broken files ------------------------------------------------------------------------------------------


def test_a_file_that_is_no_database_is_set_aside_and_a_new_epoch_begun(
    opened: Opener, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = opened()
    old = outbox.epoch
    outbox.append(readings(3))
    outbox.close()
    path.write_bytes(b"\0garbage" * 5000)
    outbox = opened()
    assert outbox.epoch != old
    assert outbox.append(readings(1)).seq == 1
    (aside,) = path.parent.glob("outbox.corrupt-*.db")
    assert aside.read_bytes().startswith(b"\0garbage")
    assert len([r for r in caplog.records if "is corrupt" in r.message and "\n" not in r.message]) == 1


def test_what_can_still_be_read_of_a_broken_file_is_saved_under_its_old_epoch(
    opened: Opener, path: Path
) -> None:
    outbox = opened()
    fill(outbox, 300)
    before = payloads(outbox)
    outbox.close()
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 8 * 4096] = os.urandom(8 * 4096)
    path.write_bytes(content)
    outbox = opened()
    saved = _read_whatever(outbox)
    declared = {
        BatchKey(d.epoch, s) for d in outbox.declarations() for a, b in d.seqs for s in range(a, b + 1)
    }
    assert saved.items() <= before.items()
    assert len(saved) > 200
    assert len(saved) + len(declared) <= 300
    assert outbox.append(readings(1))


def _read_whatever(outbox: Outbox) -> dict[BatchKey, bytes]:
    try:
        return payloads(outbox)
    except StorageFault:  # noticed only now: set aside, begun anew
        return payloads(outbox)


def test_a_row_whose_checksum_is_wrong_is_never_sent_and_is_declared(opened: Opener) -> None:
    outbox = opened()
    keys = [outbox.append(readings(3, start=3 * number)) for number in range(3)]
    with outbox._file.transaction() as db:
        db.execute("UPDATE batch SET payload = ? WHERE seq = 2", (zlib.compress(b"{}"),))
    assert set(payloads(outbox)) == {keys[0], keys[2]}
    (declared,) = outbox.declarations()
    assert (declared.seqs, declared.readings, declared.reason) == ([(2, 2)], 3, "checksum")


def test_behind_broken_rows_the_sound_ones_are_still_found(opened: Opener) -> None:
    outbox = opened()
    keys = [outbox.append(readings(1, start=number)) for number in range(6)]
    with outbox._file.transaction() as db:
        db.execute("UPDATE batch SET payload = x'00' WHERE seq BETWEEN 2 AND 4")
    (first,) = outbox.unsettled(1)
    assert [batch.key for batch in outbox.unsettled(1, after=first.id)] == [keys[4]]
    assert sum(each.readings for each in outbox.declarations()) == 3


def test_a_corrupt_file_that_cannot_be_set_aside_is_a_fault_of_the_storage(
    opened: Opener, path: Path
) -> None:
    path.parent.mkdir()
    path.write_bytes(b"\0garbage" * 5000)
    clock = GatewayClock()
    aside = path.with_name(f"outbox.corrupt-{clock.now():%Y%m%dT%H%M%S%fZ}.db")
    aside.mkdir()
    with pytest.raises(StorageFault, match="cannot be set aside"):
        opened(clock=clock)
    aside.rmdir()
    assert opened(clock=clock).append(readings(1))


# -- full and failing disks --------------------------------------------------------------------------------

FILE_LIMIT = """
import resource, sys
from pathlib import Path
from edge.outbox import Outbox
from edge.outbox_file import StorageFault
from tests.edge.gateway import GATEWAY, GatewayClock, readings, stored
outbox = Outbox(Path(sys.argv[1]), GATEWAY, GatewayClock())
first = outbox._file._db
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, hard))
accepted = []
try:
    while len(accepted) < 1000:
        accepted.append(outbox.append(readings(50, start=50 * len(accepted))))
except StorageFault as fault:
    assert outbox.fault, "the fault is to be seen in health"
assert 10 < len(accepted) < 1000, len(accepted)
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
assert outbox._file._db is not first, "nothing is tried again on the connection that failed"
assert outbox.recover() and outbox.fault is None
kept = {batch.key for batch in outbox.unsettled(1000)}
assert set(accepted) <= kept, sorted(set(accepted) - kept)
assert outbox.append(readings(1)).seq > accepted[-1].seq
print("good")
"""


def test_when_writing_fails_nothing_is_accepted_until_it_works_again_and_nothing_accepted_is_lost(
    path: Path,
) -> None:
    child = subprocess.run(
        [sys.executable, "-c", FILE_LIMIT, path], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert child.stdout == "good\n", child.stderr


SMALL: int = 9 << 20


@pytest.fixture(params=["a disk", "a folder"])
def small_disk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A real file system of 9 MiB; or a folder that counts as one, for machines where none may be mounted."""
    disk = Path(tempfile.mkdtemp(prefix="wattpost-disk-"))
    words: list[str | Path] = ["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "wattpost-test", disk]
    is_mounted = request.param == "a disk" and not subprocess.run(words, capture_output=True).returncode
    if not is_mounted:
        monkeypatch.setattr(outbox_file, "_free_disk_bytes", lambda folder: SMALL - folder_bytes(folder))
    yield disk
    if is_mounted:
        subprocess.run(["umount", "--lazy", disk], check=True)
    shutil.rmtree(disk)


def folder_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


def test_on_a_full_disk_what_is_settled_can_still_leave_and_then_readings_are_accepted_again(
    small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = Outbox(small_disk / "outbox.db", GATEWAY, GatewayClock())
    accepted: list[BatchKey] = []
    with suppress(StorageFault):
        while True:
            accepted.append(outbox.append(bulky(50)))
    with pytest.raises(StorageFault):
        outbox.append(readings(1))
    assert set(payloads(outbox)) == set(accepted)
    (small_disk / "other").write_bytes(
        b"x" * (outbox_file._free_disk_bytes(small_disk) - 8192)
    )  # somebody takes the rest
    with suppress(StorageFault):
        outbox.settle(stored(outbox.epoch, (1, 50)))
    assert set(accepted[50:]) <= set(payloads(outbox)) <= set(accepted)
    (small_disk / "other").unlink()
    assert not outbox.recover()
    outbox.settle(stored(outbox.epoch, (1, len(accepted) - 1)))
    assert set(payloads(outbox)) == {accepted[-1]}
    assert outbox.recover()
    assert outbox.append(readings(1)).seq == accepted[-1].seq + 1
    outbox.close()
    told = [record.levelname for record in caplog.records if "disk" in record.message]
    assert told == ["ERROR", "WARNING"]


def test_a_closed_outbox_accepts_nothing(opened: Opener) -> None:
    outbox = opened()
    outbox.close()
    with pytest.raises(StorageFault, match="closed"):
        outbox.append(readings(1))


# -- no valid time -----------------------------------------------------------------------------------------


def test_readings_taken_without_valid_time_are_dated_once_there_is_one(opened: Opener) -> None:
    clock = GatewayClock(now_ms=1000)
    outbox = opened(clock=clock)
    outbox.hold([(clock.since_boot_ns(), reading(1, at_ms=clock.now_ms()))])
    clock.advance(60)
    outbox.hold([(clock.since_boot_ns(), reading(2, at_ms=clock.now_ms()))])
    assert outbox.backlog() == Backlog(0, 2, None)
    clock.advance(40)
    clock.wall_ms = START_MS
    done = outbox.date_held()
    assert done
    key, dated = done
    assert [each.at_ms for each in dated] == [START_MS - 100_000, START_MS - 40_000]
    assert {each.quality for each in dated} == {Quality.CLOCK_UNSURE}
    assert outbox.backlog() == Backlog(1, 2, START_MS - 100_000)
    batch = messages.decode(payloads(outbox)[key], messages.Readings)
    assert [messages.reading(row) for row in batch.readings] == dated
    assert outbox.date_held() is None


def test_held_readings_outlive_the_program_but_not_the_boot(opened: Opener) -> None:
    clock = GatewayClock(now_ms=1000)
    outbox = opened(clock=clock)
    outbox.hold([(clock.since_boot_ns(), reading(1, at_ms=1000))])
    outbox.close()
    outbox = opened(clock=clock)
    assert outbox.held == 1
    outbox.close()
    outbox = opened(clock=GatewayClock(boot="boot-2"))
    assert outbox.date_held() is None
    assert outbox.held == 0
    (declared,) = outbox.declarations()
    assert (declared.readings, declared.reason) == (1, "no_valid_time")
    assert outbox.append(readings(1)).seq == declared.seqs[0][1] + 1


def test_held_readings_respect_the_cap_too(opened: Opener, path: Path) -> None:
    clock = GatewayClock(now_ms=1000)
    outbox = opened(cap_bytes=400_000, clock=clock)
    for _ in range(60):
        outbox.hold([(clock.since_boot_ns(), reading(n, at_ms=1000)) for n in range(100)])
    assert 0 < outbox.held < 6000
    declared = sum(each.readings for each in outbox.declarations())
    assert outbox.held + declared == 6000
    assert sum(file.stat().st_size for file in path.parent.iterdir()) <= 400_000


def test_limits_of_this_process_are_untouched() -> None:
    """The failing-disk test limits its child only."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
