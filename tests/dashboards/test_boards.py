"""The boards: what is committed is what the code makes, Grafana's schema takes it, and our own rules hold."""

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml  # type: ignore[import-untyped]

from cloud.metering import board_rows
from dashboards import build
from dashboards.parts import DATASOURCE_UID, LANGUAGES
from protocols.quantities import QUANTITIES

ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "tests/vectors/grafana"
MEASURED = {
    "reading": set(QUANTITIES),
    "meter_info": {"value"},
    "area_15min": {
        "energy_wh",
        "power_w",
        "meters",
        "heard",
        "voltage_min_v",
        "voltage_max_v",
        "voltage_known",
        "voltage_out",
    },
    "collection_day": {
        "expected",
        "received",
        "late",
        "meters",
        "silent",
        "rate",
        "freeze_expected",
        "freeze_received",
    },
}
TAGS = {
    "reading": {"meter", "source"},
    "meter_info": {"feeder", "area", "meter"},
    "area_15min": {"feeder", "area"},
    "collection_day": {"feeder", "area", "gateway"},
}
Board = dict[str, Any]


def everyone() -> Iterator[Any]:
    for path in sorted(build.FOLDER.glob("*/*.json")):
        yield pytest.param(json.loads(path.read_text()), id=f"{path.parent.name}/{path.stem}")


def schema() -> Board:
    made: Board = json.loads((VECTORS / "dashboard.jsonschema.json").read_text())
    made["definitions"]["MatcherConfig"]["properties"]["options"] = {}
    made["definitions"]["DynamicConfigValue"]["properties"]["value"] = {}
    return made


each_board = pytest.mark.parametrize("board", list(everyone()))


def test_the_committed_boards_are_what_the_code_makes() -> None:
    assert build.differing() == []
    assert len(list(build.FOLDER.glob("*/*.json"))) == len(LANGUAGES) * len(build.BOARDS) == 8


def test_a_board_that_was_changed_lost_or_left_over_is_told_and_written_again(tmp_path: Path) -> None:
    build.write(tmp_path)
    first, second, *_ = sorted(path.relative_to(tmp_path) for path in tmp_path.glob("*/*.json"))
    (tmp_path / first).write_text("{}")
    (tmp_path / second).unlink()
    (tmp_path / "en/old.json").write_text("{}")
    assert build.differing(tmp_path) == sorted([first, second, Path("en/old.json")])
    build.write(tmp_path)
    assert build.differing(tmp_path) == []


def test_the_command_says_which_files_differ(tmp_path: Path) -> None:
    command: list[str | Path] = [
        sys.executable,
        ROOT / "wattpost.py",
        "grafana",
        "build",
        "--check",
        "--folder",
        tmp_path,
    ]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.returncode == 1
    assert len(told.stdout.splitlines()) == 8
    assert "8 files differ" in told.stderr


def test_the_schema_is_the_published_one() -> None:
    told = re.findall(r"^([0-9a-f]{64})  (\S+)$", (VECTORS / "README.md").read_text(), re.MULTILINE)
    assert {name for _, name in told} == {path.name for path in VECTORS.glob("*.json")}
    for digest, name in told:
        assert hashlib.sha256((VECTORS / name).read_bytes()).hexdigest() == digest


@each_board
def test_grafanas_schema_takes_the_board(board: Board) -> None:
    jsonschema.Draft7Validator(schema()).validate(board)


@each_board
def test_grafanas_schema_takes_each_panels_own_options(board: Board) -> None:
    for panel in board["panels"]:
        own = json.loads((VECTORS / f"{panel['type'].replace('-', '')}.jsonschema.json").read_text())
        parts = {
            "Options": panel["options"],
            "FieldConfig": panel["fieldConfig"]["defaults"].get("custom", {}),
        }
        for name, part in parts.items():
            if name in own["definitions"]:
                jsonschema.Draft7Validator({**own, "$ref": f"#/definitions/{name}"}).validate(part)


def test_grafanas_schema_refuses_what_is_no_board() -> None:
    check = jsonschema.Draft7Validator(schema())
    board = build.documents("en")["wattpost-station"]
    assert check.is_valid(board)
    for spoil in (
        lambda b: b["panels"][0].pop("type"),
        lambda b: b["panels"][0]["gridPos"].pop("h"),
        lambda b: b.update(colour="red"),
        lambda b: b["templating"]["list"][0].update(type="choice"),
        lambda b: b["panels"][0].update(title=1),
    ):
        spoilt = json.loads(json.dumps(board))
        spoil(spoilt)  # type: ignore[no-untyped-call]
        assert not check.is_valid(spoilt)


@each_board
def test_every_panel_says_what_it_answers_and_in_which_unit(board: Board) -> None:
    for panel in board["panels"]:
        assert panel["title"].strip()
        assert len(panel["description"]) >= 10
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        assert panel["targets"]


@each_board
def test_a_board_is_not_edited_by_hand(board: Board) -> None:
    assert board["editable"] is False
    assert board["schemaVersion"] == 42
    assert board["title"]
    assert board["description"]


@each_board
def test_panels_have_ids_of_their_own_and_do_not_overlap(board: Board) -> None:
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    places = [panel["gridPos"] for panel in board["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for a, b in combinations(places, 2):
        apart = (
            a["x"] + a["w"] <= b["x"]
            or b["x"] + b["w"] <= a["x"]
            or a["y"] + a["h"] <= b["y"]
            or b["y"] + b["h"] <= a["y"]
        )
        assert apart, (a, b)


def provisioned_uids() -> set[str]:
    files = (ROOT / "dashboards/provisioning/datasources").glob("*.yaml")
    return {one["uid"] for file in files for one in yaml.safe_load(file.read_text())["datasources"]}


def sources(found: object) -> Iterator[Board]:
    if isinstance(found, dict):
        for name, value in found.items():
            if name == "datasource":
                yield value
            yield from sources(value)
    elif isinstance(found, list):
        for value in found:
            yield from sources(value)


@each_board
def test_every_query_asks_a_datasource_that_is_provisioned(board: Board) -> None:
    asked = list(sources(board))
    targets = sum(len(panel["targets"]) for panel in board["panels"])
    assert len(asked) == targets + len(board["panels"]) + len(board["templating"]["list"])
    assert {one["type"] for one in asked} == {"influxdb"}
    assert {one["uid"] for one in asked} <= provisioned_uids() == {DATASOURCE_UID}


def statements(board: Board) -> list[str]:
    asked = [target["query"] for panel in board["panels"] for target in panel["targets"]]
    return [*asked, *(one["query"] for one in board["templating"]["list"])]


@each_board
def test_every_measurement_field_and_tag_is_one_that_somebody_writes(board: Board) -> None:
    for query in statements(board):
        (measurement,) = set(re.findall(r'FROM "(\w+)"', query))
        named = set(re.findall(r'"(\w+)"', query)) - set(re.findall(r' AS "(\w+)"', query)) - {measurement}
        aliases = set(re.findall(r' AS "(\w+)"', query))
        inner = named & aliases if "(SELECT" in query else set()
        assert named - inner <= MEASURED[measurement] | TAGS[measurement], query
        fields = set(re.findall(r'(?:sum|count|last|mean|min|max)\("(\w+)"\)', query))
        assert fields <= MEASURED[measurement], query


@each_board
def test_what_is_missing_is_never_filled_and_never_joined_over(board: Board) -> None:
    for panel in board["panels"]:
        for target in panel["targets"]:
            filled = set(re.findall(r"fill\((\w+)\)", target["query"]))
            assert filled <= {"null", "none"}, target
            assert ("GROUP BY time" not in target["query"]) or filled, target
        custom = panel["fieldConfig"]["defaults"].get("custom", {})
        assert custom.get("spanNulls", False) is False
        if panel["type"] in ("timeseries", "state-timeline"):
            assert custom["spanNulls"] is False


@each_board
def test_every_query_keeps_to_the_span_and_the_choice_shown(board: Board) -> None:
    names = {one["name"] for one in board["templating"]["list"]}
    for panel in board["panels"]:
        for target in panel["targets"]:
            assert "$timeFilter" in target["query"]
            assert set(re.findall(r"\$\{(\w+)", target["query"])) <= names
            assert "${" in target["query"]
    for one in board["templating"]["list"]:
        assert set(re.findall(r"\$\{(\w+)", one["query"])) < names


def test_the_voltage_limits_are_those_that_are_counted_by() -> None:
    from dashboards.parts import VOLTAGE

    assert [step.value for step in VOLTAGE] == [None, board_rows.LOWEST_V, board_rows.HIGHEST_V]


def test_both_languages_ask_the_same() -> None:
    zh, en = (build.documents(language) for language in LANGUAGES)
    assert zh.keys() == en.keys()
    for uid, board in zh.items():
        assert statements(board) == statements(en[uid])
        assert board["title"] != en[uid]["title"]
        for here, there in zip(board["panels"], en[uid]["panels"], strict=True):
            assert here["title"] != there["title"]
            assert re.search(r"[一-鿿]", here["title"])
            assert re.search(r"[一-鿿]", here["description"])
            assert not re.search(r"[一-鿿]", there["title"] + there["description"])
