"""The boards as Grafana's JSON, one folder for each language; the committed files are exactly this.

A station shows one language, so the boards keep their uids in both: a link leads to the same board anywhere.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from dashboards import areas, meter, readings, station
from dashboards.panels import built
from dashboards.parts import DATASOURCE, LANGUAGES, Board, Language, Text, Variable

BOARDS = (station.BOARD, areas.BOARD, meter.BOARD, readings.BOARD)
FOLDER = Path(__file__).with_name("boards")
TAG = "wattpost"
_OTHERS = Text("其他看板", "Other boards")


def board(one: Board, language: Language) -> dict[str, Any]:
    """One board as the object that Grafana imports."""
    made = (
        dashboard.Dashboard(one.title.to(language))
        .uid(one.uid)
        .description(one.description.to(language))
        .tags([TAG])
        .readonly()
        .timezone("browser")
        .time(one.since, "now")
        .refresh(one.refresh)
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .links([_others(language)])
        .variables([_variable(each, language) for each in one.variables])
    )
    for number, panel in enumerate(one.panels, 1):
        made = made.with_panel(built(panel, number, language))
    document = json.loads(JSONEncoder().encode(made.build()))
    assert isinstance(document, dict)
    return document


def documents(language: Language) -> dict[str, dict[str, Any]]:
    """Every board by its uid."""
    return {one.uid: board(one, language) for one in BOARDS}


def files() -> dict[Path, str]:
    """What belongs into `boards/`: path below it and text."""
    return {
        Path(language) / f"{uid}.json": text(document)
        for language in LANGUAGES
        for uid, document in documents(language).items()
    }


def text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def differing(folder: Path = FOLDER) -> list[Path]:
    """The files below `folder` that are not what the code makes: changed, lacking or left over."""
    wanted = files()
    there = {path.relative_to(folder) for path in folder.glob("*/*.json")}
    changed = [
        path for path in wanted.keys() & there if (folder / path).read_text(encoding="utf-8") != wanted[path]
    ]
    return sorted([*changed, *(wanted.keys() ^ there)])


def write(folder: Path = FOLDER) -> list[Path]:
    """Make `folder` what the code says; the files that were changed, made or removed."""
    wanted, changed = files(), differing(folder)
    for path in changed:
        if path in wanted:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(wanted[path], encoding="utf-8")
        else:
            (folder / path).unlink()
    return changed


def _others(language: Language) -> dashboard.DashboardLink:
    return (
        dashboard.DashboardLink(_OTHERS.to(language))
        .type(model.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(True)
        .include_vars(True)
        .keep_time(True)
    )


def _variable(one: Variable, language: Language) -> dashboard.QueryVariable:
    made = (
        dashboard.QueryVariable(one.name)
        .label(one.label.to(language))
        .datasource(DATASOURCE)
        .query(one.query)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.NATURAL_ASC)
        .multi(one.many)
        .include_all(one.many)
        .allow_custom_value(False)
    )
    if not one.many:
        return made
    # not every value joined by |: three hundred areas make a pattern that no line can hold
    everything = model.VariableOption(text="All", value="$__all")
    return made.all_value(".*").current(everything)
