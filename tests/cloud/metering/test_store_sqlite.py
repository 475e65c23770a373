"""The SQLite store: the contract, and what is its own."""

import resource
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from cloud.kit.errors import Conflict, Invalid
from cloud.kit.scope import WHOLE_STATION, Scope, Window
from cloud.metering.sqlite import reading as reading_side
from cloud.metering.sqlite import writing as store_sqlite_write
from cloud.metering.sqlite.store import SqliteStore
from cloud.metering.store import QUALITY_ID, SOURCE_ID, ReadingStore, StoreFault
from tests.cloud.metering.store_contract import ReadingStoreContract, batch, dump, minute, reading


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


FORMAT_1 = """
CREATE TABLE meter (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE quantity (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE origin (id INTEGER PRIMARY KEY, gateway TEXT NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL,
  UNIQUE (gateway, epoch, seq)) STRICT;
CREATE TABLE value (meter INTEGER NOT NULL, at INTEGER NOT NULL, source INTEGER NOT NULL,
  quantity INTEGER NOT NULL, value ANY NOT NULL, quality INTEGER NOT NULL, origin INTEGER NOT NULL,
  PRIMARY KEY (meter, at, source, quantity)) STRICT, WITHOUT ROWID;
CREATE TABLE conflict (meter INTEGER NOT NULL, at INTEGER NOT NULL, source INTEGER NOT NULL,
  quantity INTEGER NOT NULL, value ANY NOT NULL, quality INTEGER NOT NULL, origin INTEGER NOT NULL,
  PRIMARY KEY (meter, at, source, quantity, value)) STRICT, WITHOUT ROWID;
CREATE TABLE newest (meter INTEGER NOT NULL, quantity INTEGER NOT NULL, at INTEGER NOT NULL,
  source INTEGER NOT NULL, PRIMARY KEY (meter, quantity)) STRICT, WITHOUT ROWID;
"""


def test_a_file_of_format_1_holds_the_same_afterwards(tmp_path: Path) -> None:
    whole = batch(*(reading(each, meter) for meter in ("m1", "m2") for each in range(50)), seq=2)
    other = batch(reading(3, power_w=1.5), reading(4, energy_import_wh=7), reading(5, energy_import_wh=8))
    (tmp_path / "new").mkdir()
    new = opened(str(tmp_path / "new"))
    for each in (whole, other):
        new.write(each)
    with sqlite3.connect(tmp_path / "readings.db") as old:
        old.executescript(FORMAT_1)
        _as_format_1(old, new)
        old.execute("PRAGMA user_version = 1")
    old.close()
    store = opened(str(tmp_path))
    assert dump(store) == dump(new)
    store.write(batch(reading(3, power_w=9.0), seq=9))
    new.write(batch(reading(3, power_w=9.0), seq=9))
    assert dump(store) == dump(new)
    store.close()
    new.close()


def _as_format_1(old: sqlite3.Connection, new: ReadingStore) -> None:
    found = {"value": list(new.rows(WHOLE_STATION)), "conflict": new.conflicts(WHOLE_STATION)}
    for table, kept in found.items():
        for each in kept:
            for name, value in (("meter", each.meter), ("quantity", each.quantity)):
                old.execute(f"INSERT INTO {name} (name) VALUES (?) ON CONFLICT DO NOTHING", (value,))
            origin = (each.gateway, each.epoch, each.seq)
            old.execute(
                "INSERT INTO origin (gateway, epoch, seq) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", origin
            )
            old.execute(
                f"INSERT INTO {table} SELECT m.id, ?, ?, q.id, ?, ?, o.id FROM meter m, quantity q, origin o "
                "WHERE m.name = ? AND q.name = ? AND (o.gateway, o.epoch, o.seq) = (?, ?, ?)",
                (
                    *(each.at_ms, SOURCE_ID[each.source], each.value, QUALITY_ID[each.quality]),
                    *(each.meter, each.quantity, *origin),
                ),
            )


def test_when_readings_are_filed_makes_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def written(name: str) -> bytes:
        (tmp_path / name).mkdir()
        store = opened(str(tmp_path / name))
        for seq in (5, 3, 8, 1, 9, 3):
            rows = [reading(minute, power_w=float(seq)) for minute in range(seq % 4, seq)]
            store.write(batch(*rows, reading(seq % 3, energy_import_wh=seq), seq=seq))
        found = dump(store)
        store.close()
        return found

    seldom = written("seldom")
    monkeypatch.setattr(store_sqlite_write, "FRESH", 2)
    assert written("often") == seldom


def test_one_meter_is_asked_for_without_a_look_at_all_others(tmp_path: Path) -> None:
    store = opened(str(tmp_path))
    store.write(batch(*(reading(0, f"m{number}") for number in range(3000))))
    one = Scope((Window("m7", minute(0), minute(1)),))
    with sqlite3.connect(tmp_path / "readings.db") as raw:
        steps: list[int] = []
        raw.set_progress_handler(lambda: steps.append(1), 100)
        assert [each.meter for each in reading_side.rows(raw, one)] == ["m7"]
        assert list(reading_side.conflicts(raw, one)) == []
    raw.close()
    store.close()
    assert len(steps) < 30
