"""The boards of one language, brought into a Grafana: folder, datasource looked for, then board by board."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dashboards.build import documents
from dashboards.grafana import Grafana, GrafanaRefused
from dashboards.parts import DATASOURCE_UID, LANGUAGES, Language

FOLDER_UID = "wattpost"


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of the folder and of each board: made, changed or same."""

    version: str
    folder: str
    boards: dict[str, str]
    warnings: list[str]


def push_boards(
    url: str,
    token_file: Path,
    folder: str,
    language: str,
    datasource: str = DATASOURCE_UID,
    ca_file: Path | None = None,
    *,
    overwrite: bool = False,
) -> Pushed:
    """GrafanaRefused says in one line why not; what was saved before that stays saved."""
    boards = {uid: _reading(board, datasource) for uid, board in documents(_language(language)).items()}
    there = Grafana(url, _token(token_file), verify=True if ca_file is None else str(ca_file))
    version = there.version()
    warnings = []
    if not there.has_datasource(datasource):
        warnings.append(
            f"there is no datasource with the uid {datasource!r} yet: the boards stay empty until it is"
            " provisioned (dashboards/provisioning/) or named with --datasource"
        )
    placed = there.put_folder(FOLDER_UID, folder)
    done = {
        uid: there.put_board(board, FOLDER_UID, overwrite=overwrite, message="wattpost grafana push").value
        for uid, board in boards.items()
    }
    return Pushed(version, placed.value, done, warnings)


def _language(name: str) -> Language:
    for known in LANGUAGES:
        if known == name:
            return known
    raise GrafanaRefused(f"--language {name}: the boards are there in {' and '.join(LANGUAGES)}")


def _reading(board: dict[str, Any], datasource: str) -> dict[str, Any]:
    """The board with every panel and variable asking this datasource."""
    text = json.dumps(board, ensure_ascii=False)
    changed = json.loads(text.replace(json.dumps(DATASOURCE_UID), json.dumps(datasource)))
    assert isinstance(changed, dict)
    return changed


def _token(path: Path) -> str:
    try:
        said = path.read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not plain text"
        raise GrafanaRefused(f"{path}: the token cannot be read: {reason}") from None
    if len(said) != 1:
        raise GrafanaRefused(f"{path}: should hold one line, the token of a service account")
    return said[0]
