"""Tables as a station has them: their languages and encodings, templates, dry runs, what is kept of them."""

from dataclasses import replace
from pathlib import Path

import pytest
from openpyxl import Workbook

from cloud.customers.file.contracts import contracts_of
from cloud.customers.intake import files as customer_import
from cloud.customers.intake import tables as customer_tables
from cloud.fleet import imports
from cloud.fleet.owners import owners
from cloud.kit.db import Database
from cloud.kit.errors import Invalid
from tests.cloud.customers.intake.rows import (
    HOME,
    KINDS,
    TAKING,
    Take,
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "xlsx"])
def test_tables_speak_the_houses_language(records: Database, tmp_path: Path, encoding: str) -> None:
    heads = ["户号", "生效日期", "电价", "电价方案", "电压等级", "运行容量", "基本电费计收方式", "力调标准"]
    cells = ["102", "2025-01-01", "hubei-industry", "tou", "10千伏", "500", "需量", "0.90"]
    path = tmp_path / ("合同.xlsx" if encoding == "xlsx" else "合同.csv")
    if encoding == "xlsx":
        book = Workbook()
        for row in (heads, cells):
            book.worksheets[0].append(row)
        book.save(path)
    else:
        path.write_bytes("\r\n".join(map(",".join, (heads, cells))).encode(encoding))
    report = customer_import.from_table(records, path, TAKING, KINDS)
    assert (len(report.added), report.refused) == (1, ())


def test_a_dry_run_says_the_same_and_keeps_nothing(records: Database, table: Take) -> None:
    assert table([HOME], dry_run=True).added == [("contract", "101 2025-01-01")]
    with records.read() as connection:
        assert not contracts_of(connection, "101")
        assert not imports.newest(connection)
    table([HOME])
    with records.read() as connection:
        assert imports.newest(connection)[0].report["counts"]["added"] == 1


def test_a_kept_report_repeats_no_names_and_no_channels(records: Database, table: Take) -> None:
    table([{"id": "C-1", "name": "示例户 新", "phone": "13900000000"}], named="customer")
    table([{"customer": "C-1", "channel": "mailto://canary.example"}])
    with records.read() as connection:
        kept = str([row.report for row in imports.newest(connection)])
    assert "示例户" not in kept
    assert "139" not in kept
    assert "canary" not in kept


def test_a_companion_file_changes_only_what_its_system_owns(records: Database, table: Take) -> None:
    marketing = replace(TAKING, owners=owners(None, "companion"))
    assert table([HOME], marketing).added
    need = {"account": "101", "need": "price", "since": "2025-06-01"}
    (refusal,) = table([need], marketing).refused
    assert "need is owned by wattpost; marketing may neither add nor end it" in refusal.why
    assert table([need], replace(marketing, system="wattpost")).added
    (refusal,) = table([HOME | {"persons": 3}], replace(marketing, system="wattpost")).refused
    assert "contract is owned by marketing" in refusal.why


def test_a_table_that_could_be_two_things_is_asked_about(records: Database, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("颜色\n红\n")
    with pytest.raises(Invalid, match="give --kind, one of customer, account"):
        customer_import.from_table(records, path, TAKING, KINDS)
    with pytest.raises(Invalid, match="did you mean 'contract'"):
        customer_import.from_table(records, path, TAKING, KINDS, named="contracts")
    with pytest.raises(Invalid, match="no column of a bill is called '颜色'"):
        customer_import.from_table(records, path, TAKING, KINDS, named="bill")


def test_a_row_that_is_there_twice_is_refused(table: Take) -> None:
    (refusal,) = table([HOME, HOME | {"persons": 3}]).refused
    assert (refusal.row, "is in row 2 already" in refusal.why) == (3, True)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_template_is_a_table_of_its_own_kind(language: str, tmp_path: Path) -> None:
    from cloud.fleet import sheets

    for kind in KINDS:
        path = tmp_path / "t.csv"
        path.write_text(customer_tables.template(kind, language))
        assert customer_tables.rows(sheets.read(path), kind, TAKING) == ([], [])
        assert set(kind.columns) == {
            field.alias or name for name, field in kind.entry.model_fields.items()
        }, kind.name
