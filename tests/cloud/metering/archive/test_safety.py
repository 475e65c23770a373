"""The archive is whole at every instant: killed writers, readers in between, flipped bits, strange files."""

import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from cloud.kit.errors import Conflict
from cloud.metering.archive import files, verify
from cloud.metering.archive.writer import GRACE
from tests.cloud.metering.archive.village import DAY, POINTS, Village, everything

NEXT = DAY + timedelta(1)


def faults(village: Village) -> dict[str, str]:
    with village.database.read() as connection:
        found = verify.verify(connection, village.archive.folder, lambda _: None)
    return {fault.path: fault.what for fault in found.faults}


def filled(village: Village) -> None:
    for point in POINTS:
        village.validate(point, DAY, 1.0)
        village.poll(point, DAY)


def test_what_was_written_is_found_good(either_village: Village) -> None:
    filled(either_village)
    either_village.archive_days(DAY)
    assert faults(either_village) == {}
    either_village.compact()
    assert faults(either_village) == {}
    with either_village.database.read() as connection:
        found = verify.verify(connection, either_village.archive.folder, lambda _: None)
    assert found.files == 2 * 5
    assert found.rows == 4 * (96 * 3 + 3 * 96 + 24)


def test_a_flipped_bit_is_found_wherever_it_is(village: Village) -> None:
    filled(village)
    village.archive_days(DAY)
    path = village.archive.folder / "final/A01/2026-03-05.r1.parquet"
    whole = path.read_bytes()
    for place in range(0, len(whole), len(whole) // 7):
        broken = bytearray(whole)
        broken[place] ^= 4
        path.write_bytes(broken)
        assert set(faults(village)) == {"final/A01/2026-03-05.r1.parquet"}
        assert "sha256" in faults(village)["final/A01/2026-03-05.r1.parquet"]
    path.write_bytes(whole[:-1])
    assert "bytes and should have" in faults(village)["final/A01/2026-03-05.r1.parquet"]
    path.unlink()
    assert "is missing" in faults(village)["final/A01/2026-03-05.r1.parquet"]


def test_files_of_nobody_and_half_files_are_named_and_never_removed(village: Village) -> None:
    filled(village)
    village.archive_days(DAY)
    stranger = village.archive.folder / "raw/A01/2026-03-05.r9.parquet"
    stranger.write_bytes(b"what a restored database does not know")
    assert "not in the manifest" in faults(village)["raw/A01/2026-03-05.r9.parquet"]
    village.clock.advance(10 * GRACE.total_seconds())
    with village.archive.turn():
        village.archive.sweep()
    assert stranger.exists()


def test_a_new_revision_is_not_seen_before_it_is_whole_and_the_old_one_stays_a_while(
    village: Village,
) -> None:
    filled(village)
    village.archive_days(DAY)
    village.validate("M-1", DAY, 2.0)
    village.archive_days(DAY)
    old = village.archive.folder / "final/A01/2026-03-05.r1.parquet"
    assert old.exists()
    with village.archive.turn():
        assert village.archive.sweep() == 0
    village.clock.advance(GRACE.total_seconds())
    with village.archive.turn():
        assert village.archive.sweep() == 2
    assert not old.exists()
    assert faults(village) == {}


def test_a_reader_sees_one_revision_or_the_other_while_they_are_switched(village: Village) -> None:
    village.validate("M-1", DAY, 0.0)
    village.archive_days(DAY)
    ended = threading.Event()
    seen: list[set[float]] = []

    def look() -> None:
        while not ended.is_set():
            seen.append(set(village.matrix(DAY, points=["M-1"])[0].tolist()))

    reader = threading.Thread(target=look)
    reader.start()
    for n in range(1, 6):
        village.validate("M-1", DAY, float(n))
        village.archive_days(DAY)
        if n % 2:
            village.compact()
    ended.set()
    reader.join(10)
    assert all(len(each) == 1 for each in seen)
    values = [each.pop() for each in seen]
    assert values == sorted(values)


def test_values_in_a_readers_hands_outlive_their_file(village: Village) -> None:
    village.validate("M-1", DAY, 7.0)
    village.archive_days(DAY)
    found = files.Mapped(village.archive.folder, "final/A01/2026-03-05.r1.parquet").values("energy_import_wh")
    (village.archive.folder / "final/A01/2026-03-05.r1.parquet").unlink()
    assert found is not None
    assert set(found.tolist()) == {7.0}


def test_a_second_writer_is_refused(village: Village) -> None:
    with village.archive.turn(), pytest.raises(Conflict, match="in use"), village.archive.turn():
        pass


def test_a_file_that_cannot_be_written_changes_nothing(village: Village) -> None:
    filled(village)
    village.archive_days(DAY)
    village.validate("M-1", DAY, 2.0)
    folder = village.archive.folder / "final/A01"
    (folder / "2026-03-05.r2.parquet").mkdir()  # where the next revision would go
    with pytest.raises(Conflict, match="nothing was changed"):
        village.archive_days(DAY)
    (folder / "2026-03-05.r2.parquet").rmdir()
    assert village.matrix(DAY)[0, 0] == 1
    assert village.archive_days(DAY)
    assert village.matrix(DAY)[0, 0] == 2
    assert faults(village) == {}


_KILLED = """
import os, shutil, signal, sys
from pathlib import Path
from cloud.metering.archive import files, manifest
from tests.cloud.metering.archive.village import DAY, Village

origin, what, steps = Path(sys.argv[1]), sys.argv[2], [int(word) for word in sys.argv[3:]]
calls = 0

def dying(work, when):
    def step(*args, **more):
        global calls
        calls += 1
        if calls == when:
            os.kill(os.getpid(), signal.SIGKILL)
        return work(*args, **more)
    return step

for when in steps:
    shutil.copytree(origin, f"{origin}-{when}")
    child = os.fork()
    if not child:
        village = Village(Path(f"{origin}-{when}"))
        for module, name in ((os, "fsync"), (Path, "replace"), (manifest, "switch"), (manifest, "allot")):
            setattr(module, name, dying(getattr(module, name), when))
        village.archive_days(DAY) if what == "day" else village.compact()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL), status
    print(when, status)
"""


@pytest.mark.parametrize("what", ["day", "month"])
def test_a_writer_that_is_killed_leaves_the_old_or_the_new_and_the_next_one_goes_on(
    village: Village, tmp_path: Path, what: str
) -> None:
    filled(village)
    village.archive_days(DAY)
    if what == "day":
        village.validate("M-1", DAY, 2.0)
        village.poll("M-1", DAY, every_s=300, seq=2)
    before, new = village.matrix(DAY), 2.0 if what == "day" else 1.0
    rows = everything(village.store)
    village.close()
    steps = ("2", "9", "13")
    command = [sys.executable, "-c", _KILLED, str(tmp_path), what, *steps]
    done = subprocess.run(command, cwd=Path.cwd(), capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split("\n")[:-1] == [f"{when} 9" for when in steps]
    for when in steps:
        after = Village(Path(f"{tmp_path}-{when}"))
        found = after.matrix(DAY)
        assert found[0].tolist() in (before[0].tolist(), [new] * 96)
        np.testing.assert_array_equal(found[1:], before[1:])
        assert all("never finished" in each for each in faults(after).values())
        after.archive_days(DAY)
        after.compact()
        assert after.matrix(DAY)[0].tolist() == [new] * 96
        assert faults(after) == {}
        assert everything(after.store) == rows
        assert not [name for name in after.files() if name.endswith(files.PART)]
        after.close()
