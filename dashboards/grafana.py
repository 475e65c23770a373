"""The one file that speaks with a Grafana, and the only importer of grafana-api.

Everything goes by uid: calls by the number of a datasource are off in newer Grafanas. Each failure is one
line that says what to do, and doing a thing twice is doing it once.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

import requests
from grafana_api.grafana_api import GrafanaClientError, GrafanaException, GrafanaUnauthorizedError
from grafana_api.grafana_face import GrafanaFace

TIMEOUT_S = 15.0


class GrafanaRefused(Exception):
    """Grafana did not do it, or cannot be reached: one line, what and what to do."""


class Outcome(StrEnum):
    MADE = "made"
    CHANGED = "changed"
    SAME = "same"


class Grafana:
    """A Grafana at `url`, spoken to as the service account whose `token` it is."""

    def __init__(self, url: str, token: str, *, verify: bool | str = True) -> None:
        """`verify`: a CA file to trust instead of the machine's."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise GrafanaRefused(f"{url!r} is no address of a Grafana: write it like https://grafana.example")
        prefix = parts.path.strip("/")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        self._url = url.rstrip("/")
        self._face = GrafanaFace(
            auth=token,
            host=host,
            port=parts.port,
            url_path_prefix=f"{prefix}/" if prefix else "",
            protocol=parts.scheme,
            verify=verify,
            timeout=TIMEOUT_S,
        )

    def version(self) -> str:
        """What it says it is; GrafanaRefused when that is no Grafana."""
        with self._told("ask for its health"):
            found = self._face.api.GET("/health")
        if not isinstance(found, Mapping) or "version" not in found:
            raise GrafanaRefused(f"{self._url} answers, but not as a Grafana does: check the address")
        return str(found["version"])

    def has_datasource(self, uid: str) -> bool:
        return (
            self._found("look for the datasource", self._face.api.GET, f"/datasources/uid/{uid}") is not None
        )

    def put_folder(self, uid: str, title: str) -> Outcome:
        """The folder with this uid has this title afterwards."""
        there = self._found("look for the folder", self._face.folder.get_folder, uid)
        if there is None:
            with self._told(f"make folder {title!r}"):
                self._face.folder.create_folder(title, uid)
            return Outcome.MADE
        if there["title"] == title:
            return Outcome.SAME
        with self._told(f"rename folder {there['title']!r} to {title!r}"):
            self._face.folder.update_folder(uid, title, version=there["version"])
        return Outcome.CHANGED

    def put_board(self, board: Mapping[str, Any], folder: str, *, overwrite: bool, message: str) -> Outcome:
        """The board is in `folder` (uid) as it is here; `overwrite` wins over who saves it at that moment."""
        uid = str(board["uid"])
        there = self._found(f"look for board {uid}", self._face.dashboard.get_dashboard, uid)
        if there is not None:
            same_place = there["meta"].get("folderUid") == folder
            if same_place and _content(there["dashboard"]) == _content(board):
                return Outcome.SAME
            if there["meta"].get("provisioned"):
                raise GrafanaRefused(
                    f"board {uid}: this Grafana has it from its own files: change those, or take them away"
                )
        said = {**board, "id": None} if there is None else _successor(board, there["dashboard"])
        body = {"dashboard": said, "folderUid": folder, "overwrite": overwrite, "message": message}
        with self._told(f"save board {uid}"):
            self._face.dashboard.update_dashboard(body)
        return Outcome.MADE if there is None else Outcome.CHANGED

    def board(self, uid: str) -> dict[str, Any] | None:
        """As it is there, with Grafana's own id and version; None when there is none."""
        found = self._found(f"look for board {uid}", self._face.dashboard.get_dashboard, uid)
        return None if found is None else dict(found["dashboard"])

    def _found(self, doing: str, ask: Callable[[str], Any], what: str) -> Any:
        """What it has, or None when it has none."""
        with self._told(doing):
            try:
                return ask(what)
            except GrafanaClientError as error:
                if error.status_code == 404:
                    return None
                raise

    @contextmanager
    def _told(self, doing: str) -> Iterator[None]:
        try:
            yield
        except GrafanaUnauthorizedError:
            raise GrafanaRefused(
                f"{self._url} does not know this token (401): make a new one for a service account"
            ) from None
        except GrafanaException as error:
            raise GrafanaRefused(_why(self._url, doing, error)) from None
        except requests.exceptions.SSLError as error:
            raise GrafanaRefused(f"{self._url}: its certificate is not trusted: {_root(error)}") from None
        except requests.exceptions.JSONDecodeError:
            raise GrafanaRefused(
                f"{self._url} answers, but not as a Grafana does: check the address"
            ) from None
        except requests.exceptions.Timeout:
            raise GrafanaRefused(f"{self._url} did not answer within {TIMEOUT_S:.0f} s") from None
        except requests.exceptions.RequestException as error:
            raise GrafanaRefused(f"{self._url} cannot be reached: {_root(error)}") from None


_OWN = frozenset({"id", "version"})
"""What Grafana adds to a board by itself."""


def _content(board: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in board.items() if name not in _OWN}


def _successor(board: Mapping[str, Any], there: Mapping[str, Any]) -> dict[str, Any]:
    """The board as the next version of the one that is there: somebody's change in between is a conflict."""
    return {**board, "id": there.get("id"), "version": there.get("version")}


def _why(url: str, doing: str, error: GrafanaException) -> str:
    said = _message(error.response) or f"status {error.status_code}"
    match error.status_code:
        case 403:
            return (
                f"{url}: the token may not {doing} (403: {said}); give its service account the role Editor, "
                "or write access to this folder"
            )
        case 412:
            return (
                f"{url}: cannot {doing} (412: {said}): somebody changed it there since; push again, "
                "or with --overwrite to replace it"
            )
        case 404:
            return f"{url}: cannot {doing} (404: {said}): check the address, with its path"
        case status:
            return f"{url}: cannot {doing} ({status}: {said})"


def _message(response: Any) -> str:
    """Grafana's own words, one line."""
    said = response.get("message", "") if isinstance(response, Mapping) else str(response)
    return " ".join(str(said).split())[:200]


def _root(error: BaseException) -> str:
    """The innermost reason in a library's nest of them."""
    seen: BaseException = error
    while True:
        reason = getattr(seen, "reason", None)
        inner = reason if isinstance(reason, BaseException) else seen.args[0] if seen.args else None
        if not isinstance(inner, BaseException):
            return str(getattr(seen, "strerror", None) or seen).rpartition("] ")[2][:200]
        seen = inner
