"""A small HTTP server that answers as Grafana's classic API does, for the few calls that a push makes.

Written after the documentation of its HTTP API: health, folders, boards and datasources by uid, tokens, 412
on a version that is not the newest. It proves what is sent and how answers are taken; whether a real Grafana
takes the boards, its published schema says, and nothing here does.
"""

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

TOKEN, VIEWER = "glsa_editor", "glsa_viewer"
Answer = tuple[int, Any]


@dataclass
class State:
    folders: dict[str, dict[str, Any]] = field(default_factory=dict)
    boards: dict[str, dict[str, Any]] = field(default_factory=dict)
    datasources: set[str] = field(default_factory=set)
    provisioned: set[str] = field(default_factory=set)
    requests: list[tuple[str, str]] = field(default_factory=list)
    somebody_saves_first: bool = False
    html: bool = False


class GrafanaServer:
    """Listens on loopback; `prefix` is the path it lives under, as behind a proxy."""

    def __init__(self, prefix: str = "") -> None:
        self.state, self.prefix = State(), prefix
        state = self.state

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                self._answer()

            do_POST = do_PUT = do_GET  # noqa: N815

            def _answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length) or b"null")
                path = urlsplit(self.path).path
                state.requests.append((self.command, path))
                if state.html:
                    self._send(200, b"<html>sign in</html>", "text/html")
                    return
                if not path.startswith(f"{prefix}/api/"):
                    self._send(404, b"404 page not found", "text/plain")
                    return
                status, said = answer(
                    state,
                    self.command,
                    path.removeprefix(f"{prefix}/api"),
                    body,
                    self.headers.get("Authorization", ""),
                )
                self._send(status, json.dumps(said).encode(), "application/json")

            def _send(self, status: int, body: bytes, kind: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}{self.prefix}"

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def answer(state: State, method: str, path: str, body: Any, token: str) -> Answer:
    if path == "/health":
        return 200, {"database": "ok", "version": "13.2.3", "commit": "abc"}
    if token not in (f"Bearer {TOKEN}", f"Bearer {VIEWER}"):
        return 401, {"message": "Invalid API key"}
    if method != "GET" and token == f"Bearer {VIEWER}":
        return 403, {"message": "You'll need additional permissions to perform this action."}
    match (method, *path.strip("/").split("/")):
        case ("GET", "folders", uid):
            return (
                (200, state.folders[uid]) if uid in state.folders else (404, {"message": "folder not found"})
            )
        case ("POST", "folders"):
            state.folders[body["uid"]] = {"id": 7, "uid": body["uid"], "title": body["title"], "version": 1}
            return 200, state.folders[body["uid"]]
        case ("PUT", "folders", uid):
            return _rename(state.folders[uid], body)
        case ("GET", "datasources", "uid", uid):
            return (
                (200, {"uid": uid})
                if uid in state.datasources
                else (404, {"message": "Data source not found"})
            )
        case ("GET", "dashboards", "uid", uid):
            return _shown(state, uid)
        case ("POST", "dashboards", "db"):
            return _save(state, body)
    return 404, {"message": "Not found"}


def _rename(folder: dict[str, Any], body: dict[str, Any]) -> Answer:
    if body.get("version") != folder["version"] and not body.get("overwrite"):
        return 412, {"message": "the folder has been changed by someone else", "status": "version-mismatch"}
    folder.update(title=body["title"], version=folder["version"] + 1)
    return 200, folder


def _shown(state: State, uid: str) -> Answer:
    if uid not in state.boards:
        return 404, {"message": "Dashboard not found"}
    kept = state.boards[uid]
    return 200, {
        "dashboard": kept["dashboard"],
        "meta": {"folderUid": kept["folderUid"], "provisioned": uid in state.provisioned},
    }


def _save(state: State, body: dict[str, Any]) -> Answer:
    board = body["dashboard"]
    if not board.get("title"):
        return 400, {"message": "Dashboard title cannot be empty", "status": "empty-name"}
    if body["folderUid"] not in state.folders:
        return 400, {"message": "folder not found"}
    there = state.boards.get(board["uid"])
    if there is not None and state.somebody_saves_first:
        there["dashboard"]["version"] += 1
    version = there["dashboard"]["version"] if there else 0
    if there and not body["overwrite"] and board.get("version") != version:
        told = "The dashboard has been changed by someone else"
        return 412, {"message": told, "status": "version-mismatch"}
    number = there["dashboard"]["id"] if there else len(state.boards) + 1
    kept = {**board, "id": number, "version": version + 1}
    state.boards[board["uid"]] = {"dashboard": kept, "folderUid": body["folderUid"]}
    return 200, {"id": number, "uid": board["uid"], "status": "success", "version": version + 1}
