import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

from cloud.kit import db
from cloud.kit.auth import session_table, user_table
from cloud.kit.db import Database
from cloud.kit.errors import Conflict, Invalid

AT = datetime(2026, 3, 2, 8, 0, 0, 123456, tzinfo=UTC)
ROW = {"login": "op", "role": "operator", "password_hash": "-", "created_at": AT}


def logins(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.scalars(select(user_table.c.login)))


def test_a_block_that_ends_well_is_kept_and_one_that_fails_leaves_nothing(database: Database) -> None:
    with database.write() as connection:
        connection.execute(insert(user_table).values(ROW))
    second = ROW | {"login": "second"}
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(insert(user_table), [second, second])
    assert logins(database) == ["op"]


def test_an_instant_comes_back_in_utc_to_the_microsecond_whatever_zone_it_went_in(database: Database) -> None:
    east = AT.astimezone(timezone(timedelta(hours=8)))
    with database.write() as connection:
        connection.execute(insert(user_table).values(ROW | {"created_at": east}))
    with database.read() as connection:
        back = connection.scalars(select(user_table.c.created_at)).one()
    assert back == AT
    assert back.tzinfo == UTC


def test_an_instant_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="no time zone"), database.write() as connection:
        connection.execute(insert(user_table).values(ROW | {"created_at": AT.replace(tzinfo=None)}))


def test_a_reading_connection_cannot_write(database: Database) -> None:
    with pytest.raises(DBAPIError, match=r"readonly|read-only"), database.read() as connection:
        connection.execute(insert(user_table).values(ROW))


def test_a_reader_sees_one_state_while_writers_go_on(database: Database) -> None:
    with database.read() as reader:
        assert reader.scalars(select(user_table.c.login)).all() == []
        with database.write() as connection:
            connection.execute(insert(user_table).values(ROW))
        assert reader.scalars(select(user_table.c.login)).all() == []
    assert logins(database) == ["op"]


def test_references_are_kept_whole(database: Database) -> None:
    orphan = {"token_hash": "-", "login": "nobody", "kind": "cookie", "created_at": AT, "expires_at": AT}
    with pytest.raises(DBAPIError), database.write() as connection:
        connection.execute(insert(session_table).values(orphan))


def test_what_is_read_in_a_write_transaction_still_holds_when_it_writes(
    database: Database, database_url: str
) -> None:
    # PostgreSQL serves several processes, each with its own Database
    ours = [database] if database.dialect == "sqlite" else [database, Database(database_url)]
    with database.write() as connection:
        connection.execute(insert(user_table).values(ROW | {"role": "0"}))

    def count_up(database: Database) -> None:
        for _ in range(20):
            with database.write() as connection:
                seen = int(connection.scalars(select(user_table.c.role)).one())
                connection.execute(user_table.update().values(role=str(seen + 1)))

    threads = [threading.Thread(target=count_up, args=(ours[n % len(ours)],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with database.read() as connection:
        assert connection.scalars(select(user_table.c.role)).one() == "80"
    for other in ours[1:]:
        other.close()


def test_a_write_inside_a_write_is_refused_instead_of_waiting_for_itself(database: Database) -> None:
    with database.write(), pytest.raises(RuntimeError, match="pass its connection on"), database.write():
        pass


def test_a_second_process_on_the_same_file_is_refused_in_one_line(sqlite_url: str) -> None:
    first = Database(sqlite_url)
    with pytest.raises(Conflict, match=r"in use by another wattpost process \(\d+\): stop that one first$"):
        Database(sqlite_url)
    first.close()
    Database(sqlite_url).close()


def test_sqlite_is_durable_and_only_the_writer_checkpoints(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    with database.write() as connection:
        wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "query_only": 0}
        assert {name: connection.scalar(text(f"PRAGMA {name}")) for name in wanted} == wanted
    with database.read() as connection:
        wanted = {"query_only": 1, "wal_autocheckpoint": 0}
        assert {name: connection.scalar(text(f"PRAGMA {name}")) for name in wanted} == wanted
    database.close()


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "mysql://localhost/x",
        "sqlite://",
        "sqlite:////nowhere/at/all/records.db",
        "postgresql://me@host:port/x",
    ],
)
def test_a_wrong_url_is_told_in_one_line(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        Database(url)
    assert "\n" not in str(refused.value)


def test_a_database_that_is_gone_is_told_without_its_password() -> None:
    database = Database("postgresql://someone:canary@127.0.0.1:1/x")
    with pytest.raises(Conflict, match="does not answer") as told:
        database.ping()
    assert "canary" not in str(told.value)
    database.close()


@pytest.mark.parametrize(
    ("version", "has_race"),
    [((3, 6, 23), False), ((3, 40, 1), True), ((3, 51, 2), True), ((3, 51, 3), False)],
)
def test_the_start_says_whether_this_sqlite_has_the_wal_reset_race(
    version: tuple[int, int, int], has_race: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sqlite3.sqlite_version_info", version)
    assert ("WAL-reset race" in db.sqlite_note()) is has_race


def test_a_thread_left_over_cannot_write_into_a_closed_database(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    database.close()
    with pytest.raises(Conflict, match="closed"), database.write():
        pass


def test_a_file_that_is_no_database_is_named_and_let_go(tmp_path: Path) -> None:
    (tmp_path / "records.db").write_bytes(b"nonsense" * 100)
    for _ in range(2):
        with pytest.raises(Invalid, match=r"records\.db cannot be opened \(file is not a database\)"):
            Database(f"sqlite:///{tmp_path}/records.db")


def test_a_lock_that_cannot_be_taken_is_told(tmp_path: Path) -> None:
    (tmp_path / "records.db.lock").mkdir()
    with pytest.raises(Invalid, match=r"records\.db\.lock cannot be opened: Is a directory"):
        Database(f"sqlite:///{tmp_path}/records.db")


def test_a_database_of_a_newer_program_is_left_alone(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Conflict, match="update wattpost"):
        database.migrate()
    database.close()
