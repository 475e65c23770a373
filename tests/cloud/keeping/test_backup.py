"""A backup is what a restore read back: tried here on both databases, whole, damaged, and in wrong places."""

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from cloud.app import Application
from cloud.keeping import tables
from cloud.keeping.backup import Made, backup
from cloud.keeping.restore import drill, restore
from cloud.kit.db import Database
from cloud.kit.errors import Conflict, Invalid
from cloud.kit.scope import WHOLE_STATION
from cloud.metering.sqlite.store import SqliteStore
from cloud.settings import NoticeSettings, Settings
from tests.cloud.conftest import NOW


def quiet(_: int) -> None: ...


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The settings file of a station in a folder of its own."""
    path = tmp_path / "cloud.toml"
    path.write_text('data_dir = "data"\n')
    return path


def make(settings: Settings, config: Path, name: str = "station.tar.gz") -> Path:
    target = config.parent / name
    made = backup(settings, config, target, NOW, quiet)
    assert isinstance(made, Made)
    return target


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        return {each.name: (tar.extractfile(each) or io.BytesIO()).read() for each in tar}


def rewrite(path: Path, content: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz") as tar:
        for name, data in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def test_a_backup_of_the_running_service_can_be_restored_and_everything_is_equal(
    application: Application, settings: Settings, config: Path
) -> None:
    values = len(list(application.store.rows(WHOLE_STATION)))
    found = drill(make(settings, config), config.parent, quiet)
    assert found.readings == values > 0
    assert found.rows > 20
    assert not list(config.parent.glob(".*")), "nothing of a drill is left"


def test_a_backup_is_for_its_owners_eyes_and_holds_the_stations_secrets_with_it(
    application: Application, settings: Settings, config: Path
) -> None:
    (settings.data_dir / "broker.password").write_text("something secret\n")
    path = make(settings, config)
    assert path.stat().st_mode & 0o777 == 0o600
    names = set(members(path))
    assert {"cloud.toml", "readings.db", "data/broker.password", "tables/customer.jsonl"} <= names
    assert not [name for name in names if name.startswith("data/") and ".db" in name]


def test_settings_that_were_changed_in_the_backup_are_not_used(
    application: Application, settings: Settings, config: Path, tmp_path: Path
) -> None:
    path = make(settings, config)
    folder = tmp_path / "again"
    text = members(path)
    text["cloud.toml"] = b'data_dir = "elsewhere"\n'
    rewrite(path, text)
    with pytest.raises(Invalid, match=r"cloud\.toml: is not what was written"):
        restore(path, folder, quiet)


class TestSqlite:
    @pytest.fixture
    def database_url(self, sqlite_url: str) -> str:
        return sqlite_url

    @pytest.fixture
    def station(self, application: Application, settings: Settings, config: Path) -> Path:
        """A backup of the village."""
        return make(settings, config)

    def test_a_station_comes_back_in_a_new_folder(self, station: Path, tmp_path: Path) -> None:
        folder = tmp_path / "new"
        found = restore(station, folder, quiet)
        database = Database(f"sqlite:///{folder / 'data' / 'records.db'}")
        store = SqliteStore(folder / "data" / "readings.db")
        try:
            with database.read() as connection:
                rows = sum(tables.tally(connection, table).rows for table in tables.ordered())
            assert (rows, len(list(store.rows(WHOLE_STATION)))) == (found.rows, found.readings)
        finally:
            store.close()
            database.close()
        assert (folder / "cloud.toml").read_text() == 'data_dir = "data"\n'

    def test_the_secrets_that_lie_beside_the_settings_come_back_with_them(
        self, application: Application, settings: Settings, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        home = tmp_path_factory.mktemp("home")
        (home / "keys").mkdir()
        (home / "cloud.toml").write_text('data_dir = "data"\n')
        (home / "keys" / "notices.urls").write_text("json://example\n")
        (home / "else.txt").write_text("not named by the settings")
        named = NoticeSettings(urls_file=home / "keys" / "notices.urls")
        path = make(settings.model_copy(update={"notices": named}), home / "cloud.toml")
        restore(path, home / "new", quiet)
        back = home / "new" / "keys" / "notices.urls"
        assert (back.read_text(), back.stat().st_mode & 0o777) == ("json://example\n", 0o600)
        assert not (home / "new" / "else.txt").exists()

    def test_it_is_never_restored_over_anything(self, station: Path, tmp_path: Path) -> None:
        folder = tmp_path / "new"
        restore(station, folder, quiet)
        with pytest.raises(Conflict, match="is not empty"):
            restore(station, folder, quiet)

    @pytest.mark.parametrize("name", ["tables/meter.jsonl", "readings.db", "data/a.txt"])
    def test_a_changed_member_is_named_and_nothing_is_restored(
        self, settings: Settings, station: Path, config: Path, tmp_path: Path, name: str
    ) -> None:
        (settings.data_dir / "a.txt").write_text("a")
        path = make(settings, config, "second.tar.gz")
        content = members(path)
        content[name] = bytes([content[name][0] ^ 1]) + content[name][1:]
        rewrite(path, content)
        with pytest.raises(Invalid, match=f"{name}: is not what was written"):
            restore(path, tmp_path / "new", quiet)
        assert not list((tmp_path / "new").iterdir())

    def test_a_lacking_or_an_added_member_is_named(self, station: Path, config: Path) -> None:
        content = members(station)
        lost = content.pop("tables/alert.jsonl")
        rewrite(station, content)
        with pytest.raises(Invalid, match=r"alert\.jsonl: lacks"):
            drill(station, config.parent, quiet)
        rewrite(station, {**content, "tables/alert.jsonl": lost, "more": b"1"})
        with pytest.raises(Invalid, match="more: is not in the manifest"):
            drill(station, config.parent, quiet)

    def test_a_backup_cut_short_is_refused(self, station: Path, config: Path) -> None:
        station.write_bytes(station.read_bytes()[:-2000])
        with pytest.raises(Invalid, match=r"is damaged or no backup|has no manifest"):
            drill(station, config.parent, quiet)

    def test_what_is_no_backup_is_refused_in_one_line(self, tmp_path: Path) -> None:
        path = tmp_path / "x"
        for content in (b"", b"hello", gzip.compress(b"hello" * 1000)):
            path.write_bytes(content)
            with pytest.raises(Invalid, match=r"x: (is damaged or no backup|has no manifest)"):
                drill(path, tmp_path, quiet)
        with pytest.raises(Invalid, match="no such file"):
            drill(tmp_path / "y", tmp_path, quiet)

    def test_a_member_that_would_leave_its_folder_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "evil.tar.gz"
        rewrite(path, {"../../evil": b"1"})
        with pytest.raises(Invalid, match="none of ours"):
            drill(path, tmp_path, quiet)
        assert not (tmp_path / "evil").exists()

    def test_another_versions_backup_is_not_loaded_into_this_versions_tables(
        self, station: Path, config: Path
    ) -> None:
        content = members(station)
        content["manifest.json"] = content["manifest.json"].replace(b'"revision": "0', b'"revision": "9')
        rewrite(station, content)
        with pytest.raises(Conflict, match="restore it with that version"):
            drill(station, config.parent, quiet)

    def test_an_existing_file_is_not_overwritten(
        self, station: Path, settings: Settings, config: Path
    ) -> None:
        before = station.read_bytes()
        with pytest.raises(Conflict, match="is there already"):
            make(settings, config)
        assert station.read_bytes() == before
