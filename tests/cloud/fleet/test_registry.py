from copy import deepcopy
from typing import Any

import pytest
from sqlalchemy import func, select

from cloud.fleet import registry
from cloud.kit.db import Database
from cloud.kit.errors import Invalid, NotFound

VILLAGE: dict[str, Any] = {
    "area": [
        {"id": "A01", "name": "示例台区 01", "feeder": "F1"},
        {"id": "A02", "name": "示例台区 02", "feeder": "F1"},
    ],
    "gateway": [{"id": "gw-a01", "name": "示例网关 01"}],
    "meter": [
        {
            "id": f"M-{number}",
            "address": f"{number:012}",
            "model": "dlt645-2007-1p",
            "area": "A01",
            "gateway": "gw-a01",
            "line": "rs485-1",
            "phase": "l1",
        }
        for number in (1, 2, 3)
    ],
}


def bring_in(database: Database, document: dict[str, Any]) -> registry.Imported:
    with database.write() as connection:
        return registry.import_registry(connection, document)


def counted(database: Database) -> list[int]:
    tables = (registry.area_table, registry.gateway_table, registry.meter_table)
    with database.read() as connection:
        return [connection.scalar(select(func.count()).select_from(table)) or 0 for table in tables]


def test_a_document_brings_in_areas_gateways_and_meters(database: Database) -> None:
    assert bring_in(database, VILLAGE) == registry.Imported(areas=2, gateways=1, meters=3)
    with database.read() as connection:
        assert [(area.id, area.meters) for area in registry.areas(connection)] == [("A01", 3), ("A02", 0)]
        assert [(row.id, row.meters) for row in registry.gateways(connection)] == [("gw-a01", 3)]
        assert registry.meter(connection, "M-2").address == "000000000002"


def test_bringing_in_the_same_document_again_changes_nothing(database: Database) -> None:
    bring_in(database, VILLAGE)
    bring_in(database, VILLAGE)
    assert counted(database) == [2, 1, 3]


def test_a_later_document_changes_what_it_names_and_leaves_the_rest(database: Database) -> None:
    bring_in(database, VILLAGE)
    bring_in(database, {"meter": [VILLAGE["meter"][1] | {"area": "A02"}]})
    with database.read() as connection:
        assert [meter.id for meter in registry.meters(connection, area="A02")] == ["M-2"]
        assert [meter.id for meter in registry.meters(connection, area="A01")] == ["M-1", "M-3"]


@pytest.mark.parametrize(
    ("row", "change", "told"),
    [
        (1, {"area": "A09"}, "meter 'M-2': there is no area 'A09'"),
        (1, {"model": "dlt645"}, "meter 'M-2': there is no model 'dlt645'"),
        (1, {"gateway": "gw-b"}, "meter 'M-2': there is no gateway 'gw-b'"),
        (1, {"address": "12A"}, "meter 2: address"),
        (1, {"interval_s": 0}, "meter 2: interval_s"),
        (1, {"colour": "red"}, "meter 2: colour"),
        (1, {"id": "M-1"}, "meter 2: meter 'M-1' is there twice"),
        (1, {"address": "000000000001"}, "two meters answer to address 000000000001"),
    ],
)
def test_one_wrong_row_keeps_the_whole_document_out_and_is_named(
    database: Database, row: int, change: dict[str, Any], told: str
) -> None:
    document = deepcopy(VILLAGE)
    document["meter"][row] |= change
    with pytest.raises(Invalid) as refused:
        bring_in(database, document)
    assert told in str(refused.value)
    assert counted(database) == [0, 0, 0]


def test_every_wrong_row_is_named_at_once(database: Database) -> None:
    document = deepcopy(VILLAGE)
    for meter in document["meter"]:
        meter["area"] = "A09"
    with pytest.raises(Invalid) as refused:
        bring_in(database, document)
    assert len(refused.value.problems) == 3


@pytest.mark.parametrize("document", [{"areas": []}, {"area": {}}, {"meter": [7]}])
def test_a_document_of_another_shape_is_refused(database: Database, document: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        bring_in(database, document)


def test_meters_are_read_page_by_page(database: Database) -> None:
    bring_in(database, VILLAGE)
    with database.read() as connection:
        first = registry.meters(connection, limit=2)
        assert [meter.id for meter in first] == ["M-1", "M-2"]
        assert [meter.id for meter in registry.meters(connection, after=first[-1].id, limit=2)] == ["M-3"]
        assert [meter.id for meter in registry.meters(connection, ["M-3", "M-9"])] == ["M-3"]
        assert registry.meters(connection, []) == []


def test_a_meter_that_is_not_there_is_not_found(database: Database) -> None:
    with database.read() as connection, pytest.raises(NotFound):
        registry.meter(connection, "M-9")
