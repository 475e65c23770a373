"""`wattpost grafana push` against a server that answers as Grafana does: what arrives, and what is said."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboards import build
from dashboards.grafana import Grafana, GrafanaRefused
from dashboards.push import FOLDER_UID, Pushed, push_boards
from tests.dashboards.grafana_server import TOKEN, VIEWER, GrafanaServer

ROOT = Path(__file__).parents[2]
UIDS = [board.uid for board in build.BOARDS]


@pytest.fixture
def grafana() -> Iterator[GrafanaServer]:
    server = GrafanaServer()
    server.state.datasources.add("wattpost-influxdb")
    yield server
    server.stop()


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "grafana.token"
    path.write_text(TOKEN + "\n")
    return path


def push(server: GrafanaServer, token_file: Path, folder: str = "供电所", **more: object) -> Pushed:
    return push_boards(server.url, token_file, folder, "zh_CN", **more)  # type: ignore[arg-type]


def test_the_boards_arrive_in_their_folder(grafana: GrafanaServer, token_file: Path) -> None:
    pushed = push(grafana, token_file)
    assert pushed.boards == dict.fromkeys(UIDS, "made")
    assert (pushed.folder, pushed.version, pushed.warnings) == ("made", "13.2.3", [])
    assert grafana.state.folders[FOLDER_UID]["title"] == "供电所"
    for uid, board in build.documents("zh_CN").items():
        kept = grafana.state.boards[uid]
        assert kept["folderUid"] == FOLDER_UID
        assert {
            name: value for name, value in kept["dashboard"].items() if name not in ("id", "version")
        } == {name: value for name, value in board.items() if name not in ("id", "version")}


def test_doing_it_twice_changes_nothing(grafana: GrafanaServer, token_file: Path) -> None:
    push(grafana, token_file)
    before = json.dumps(grafana.state.boards, sort_keys=True)
    again = push(grafana, token_file)
    assert again.boards == dict.fromkeys(UIDS, "same")
    assert again.folder == "same"
    assert json.dumps(grafana.state.boards, sort_keys=True) == before


def test_a_board_that_differs_there_is_the_next_version_of_the_same_board(
    grafana: GrafanaServer, token_file: Path
) -> None:
    push(grafana, token_file)
    grafana.state.boards[UIDS[0]]["dashboard"]["title"] = "changed by hand"
    again = push(grafana, token_file)
    assert again.boards == {uid: "changed" if uid == UIDS[0] else "same" for uid in UIDS}
    kept = grafana.state.boards[UIDS[0]]["dashboard"]
    assert (kept["title"], kept["version"], kept["id"]) == ("全所", 2, 1)


def test_a_folder_is_renamed_and_not_doubled(grafana: GrafanaServer, token_file: Path) -> None:
    push(grafana, token_file)
    assert push(grafana, token_file, folder="Station").folder == "changed"
    assert [folder["title"] for folder in grafana.state.folders.values()] == ["Station"]


def test_somebody_who_saves_at_that_moment_is_not_run_over(grafana: GrafanaServer, token_file: Path) -> None:
    push(grafana, token_file)
    grafana.state.boards[UIDS[1]]["dashboard"]["title"] = "x"
    grafana.state.somebody_saves_first = True
    with pytest.raises(GrafanaRefused, match=r"412: .*changed by someone else.*--overwrite"):
        push(grafana, token_file)
    assert push(grafana, token_file, overwrite=True).boards[UIDS[1]] == "changed"


def test_boards_that_come_from_that_grafanas_own_files_are_left_alone(
    grafana: GrafanaServer, token_file: Path
) -> None:
    push(grafana, token_file)
    grafana.state.boards[UIDS[0]]["dashboard"]["title"] = "old"
    grafana.state.provisioned.add(UIDS[0])
    with pytest.raises(GrafanaRefused, match="from its own files"):
        push(grafana, token_file)


def test_a_datasource_that_is_not_there_yet_is_said(grafana: GrafanaServer, token_file: Path) -> None:
    pushed = push(grafana, token_file, datasource="influx-of-the-house")
    assert "'influx-of-the-house'" in pushed.warnings[0]
    text = json.dumps(grafana.state.boards)
    assert '"influx-of-the-house"' in text
    assert '"wattpost-influxdb"' not in text


def test_no_call_goes_by_number(grafana: GrafanaServer, token_file: Path) -> None:
    push(grafana, token_file)
    push(grafana, token_file, folder="other")
    assert {path.rsplit("/", 1)[0] for _, path in grafana.state.requests} == {
        "/api",
        "/api/folders",
        "/api/datasources/uid",
        "/api/dashboards/uid",
        "/api/dashboards",
    }


def test_a_wrong_token_and_one_that_may_not_are_two_things(grafana: GrafanaServer, tmp_path: Path) -> None:
    wrong, viewer = tmp_path / "wrong", tmp_path / "viewer"
    wrong.write_text("glsa_nobody")
    viewer.write_text(VIEWER)
    with pytest.raises(GrafanaRefused, match=r"does not know this token \(401\)"):
        push(grafana, wrong)
    with pytest.raises(GrafanaRefused, match=r"may not make folder .* \(403: .*role Editor"):
        push(grafana, viewer)
    assert grafana.state.boards == {}


def test_what_cannot_be_reached_or_is_no_grafana_is_said_in_one_line(
    grafana: GrafanaServer, token_file: Path, unused_port: int
) -> None:
    with pytest.raises(GrafanaRefused) as refused:
        push_boards(f"http://127.0.0.1:{unused_port}", token_file, "x", "en")
    assert str(refused.value) == f"http://127.0.0.1:{unused_port} cannot be reached: Connection refused"
    grafana.state.html = True
    with pytest.raises(GrafanaRefused, match="not as a Grafana does"):
        push(grafana, token_file)


@pytest.mark.parametrize("url", ["grafana.example", "ftp://x", "http://user:secret@x", "http://"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(GrafanaRefused, match="write it like"):
        Grafana(url, TOKEN)


def test_a_silent_server_is_not_waited_for_long(token_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboards.grafana.TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        with pytest.raises(GrafanaRefused, match="did not answer within"):
            push_boards(url, token_file, "x", "en")


def test_it_lives_under_a_path_behind_a_proxy_too(token_file: Path) -> None:
    server = GrafanaServer(prefix="/grafana")
    try:
        assert push(server, token_file).boards == dict.fromkeys(UIDS, "made")
    finally:
        server.stop()


def test_the_command_tells_machines_and_people(grafana: GrafanaServer, token_file: Path) -> None:
    command = [sys.executable, str(ROOT / "wattpost.py"), "grafana", "push", "--url", grafana.url]
    command += ["--token-file", str(token_file), "--language", "en"]
    machine = subprocess.run([*command, "--json"], cwd=ROOT, capture_output=True, text=True, check=True)
    told = {"grafana": "13.2.3", "folder": "made", "boards": dict.fromkeys(UIDS, "made")}
    assert json.loads(machine.stdout) == told
    assert TOKEN not in machine.stdout + machine.stderr
    token_file.write_text("")
    refused = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "should hold one line" in refused.stderr
