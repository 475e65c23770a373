"""The SQLite store: the contract, and what is its own."""

import resource
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from cloud.kit.errors import Conflict, Invalid
from cloud.kit.scope import WHOLE_STATION
from cloud.metering.store import ReadingStore, StoreFault
from cloud.metering.store_sqlite import SqliteStore
from tests.cloud.metering.store_contract import ReadingStoreContract, batch, dump, reading


def opened(folder: str) -> ReadingStore:
    return SqliteStore(Path(folder) / "readings.db")


class TestSqliteStore(ReadingStoreContract):
    opened = staticmethod(opened)


def test_a_second_process_is_refused_in_one_line(tmp_path: Path) -> None:
    store = opened(str(tmp_path))
    with pytest.raises(Conflict, match="in use by another wattpost process"):
        opened(str(tmp_path))
    store.close()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "readings.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(Invalid, match=r"readings.db cannot be opened .*restore it from a backup"):
        opened(str(tmp_path))


def test_a_file_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    opened(str(tmp_path)).close()
    with sqlite3.connect(tmp_path / "readings.db") as raw:
        raw.execute("PRAGMA user_version = 99")
    raw.close()
    with pytest.raises(Conflict, match="version 99"):
        opened(str(tmp_path))


def test_a_full_disk_is_a_store_fault_and_afterwards_it_goes_on_from_what_is_on_the_disk(
    tmp_path: Path,
) -> None:
    store = opened(str(tmp_path))
    store.write(batch(reading(0)))
    before = dump(store)
    wal = (tmp_path / "readings.db-wal").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (wal + 4096, hard))  # writing beyond it fails
    try:
        with pytest.raises(StoreFault, match=r"readings.db"):
            store.write(batch(*(reading(each, f"new-{each}") for each in range(500)), seq=2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert dump(store) == before
    store.write(batch(*(reading(each, f"new-{each}") for each in range(500)), seq=2))
    assert len(list(store.rows(WHOLE_STATION))) == 501
    store.close()


def test_what_write_returned_for_survives_a_kill(tmp_path: Path) -> None:
    program = """
import os, signal, sys
from tests.cloud.metering.store_contract import batch, reading
from tests.cloud.metering.test_store_sqlite import opened
store = opened(sys.argv[1])
for seq in range(1, 21):
    store.write(batch(reading(seq), seq=seq))
os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=Path.cwd(), check=False)
    assert ended.returncode == -9
    store = opened(str(tmp_path))
    assert len(list(store.rows(WHOLE_STATION))) == 20
    store.close()


def test_commits_are_fsynced_and_readers_neither_write_nor_checkpoint(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "readings.db")
    assert store._writer is not None
    assert store._writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store._writer.execute("PRAGMA synchronous").fetchone() == (2,)
    with store._reading() as reader:
        assert reader.execute("PRAGMA wal_autocheckpoint").fetchone() == (0,)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.execute("DELETE FROM reading")
    store.close()


def test_a_thread_left_over_cannot_write_into_a_closed_store(tmp_path: Path) -> None:
    store = opened(str(tmp_path))
    store.close()
    with pytest.raises(StoreFault, match="closed"):
        store.write(batch(reading(1)))
    opened(str(tmp_path)).close()
