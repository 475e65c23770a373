from pathlib import Path

import pytest

from cloud.kit.errors import Conflict, Invalid
from cloud.settings import HttpSettings, lines, load, secret, write_first


@pytest.mark.parametrize(
    ("base_url", "secure"),
    [
        ("http://127.0.0.1:8080", False),
        ("http://localhost", False),
        ("http://[::1]:8080/", False),
        ("https://127.0.0.1", True),
        ("http://station.example", True),
        ("https://station.example", True),
    ],
)
def test_cookies_are_for_https_only_except_on_this_machine(base_url: str, secure: bool) -> None:
    assert HttpSettings(base_url=base_url).secure is secure


def test_the_first_settings_are_the_defaults_with_the_stations_name(tmp_path: Path) -> None:
    path = write_first(tmp_path, '示例 "站" \\', "Asia/Urumqi")
    settings = load(path)
    assert (settings.station.name, settings.station.timezone) == ('示例 "站" \\', "Asia/Urumqi")
    assert settings.records_url == f"sqlite:///{tmp_path}/data/records.db"
    with pytest.raises(Conflict):
        write_first(tmp_path, "示例", "Asia/Shanghai")


def test_paths_count_from_the_file_and_a_database_password_from_its_own(tmp_path: Path) -> None:
    (tmp_path / "word").write_text("p@ss/word\n")
    (tmp_path / "cloud.toml").write_text(
        'database_url = "postgresql://me@db.example/x"\ndatabase_password_file = "word"\n'
        '[broker]\ntls = {ca_file = "ca.pem"}\n'
    )
    settings = load(tmp_path / "cloud.toml")
    assert settings.data_dir == tmp_path / "data"
    assert settings.broker.tls is not None
    assert settings.broker.tls.ca_file == tmp_path / "ca.pem"
    assert settings.records_url == "postgresql://me:p%40ss%2Fword@db.example/x"
    assert "p@ss" not in repr(settings)


def test_a_variable_goes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cloud.toml").write_text("[http]\nport = 8081\nhost = '0.0.0.0'\n")
    monkeypatch.setenv("WATTPOST_HTTP__PORT", "9090")
    settings = load(tmp_path / "cloud.toml")
    assert (settings.http.port, settings.http.host) == (9090, "0.0.0.0")


@pytest.mark.parametrize("text", ["", "\n\n", "one\ntwo\n"])
def test_a_secrets_file_holds_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "word"
    path.write_text(text)
    with pytest.raises(Invalid, match="should hold one line"):
        secret(path)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="cannot be read"):
        lines(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("content", "told"), [("[station]\nname = '供电所'".encode("gbk"), "not UTF-8"), (b"[http", "not TOML")]
)
def test_a_settings_file_that_is_none_is_told_in_one_line(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "cloud.toml"
    path.write_bytes(content)
    with pytest.raises(Invalid, match=told) as refused:
        load(path)
    assert "\n" not in str(refused.value)


def test_a_variable_that_is_no_section_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cloud.toml").write_text("")
    monkeypatch.setenv("WATTPOST_HTTP", "{bad")
    with pytest.raises(Invalid, match="WATTPOST_"):
        load(tmp_path / "cloud.toml")
