"""Whatever is in a file, reading it gives a table or one clear refusal, within bounds."""

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from cloud.fleet import point_rows, sheets
from cloud.kit.errors import Invalid

TABLE = "计量点,台区\nP-1,示例\n"


def packed(rows: list[list[object]]) -> bytes:
    book, content = Workbook(), io.BytesIO()
    for row in rows:
        book.worksheets[0].append(row)
    book.save(content)
    return content.getvalue()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "points.csv"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_csv_of_any_usual_kind_is_the_same_table(
    path: Path, encoding: str, ends: str, delimiter: str
) -> None:
    path.write_bytes(TABLE.replace("\n", ends).replace(",", delimiter).encode(encoding))
    found = sheets.read(path)
    assert found.headings == ("计量点", "台区")
    assert found.rows == ((2, {"计量点": "P-1", "台区": "示例"}),)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "it is empty"),
        ("a,,b\n", "has no heading"),
        ("a,a\n", "is there twice"),
        ("a\n1,2\n", "more cells than headings"),
        ("a\n" + "x" * 501, "more than 500 characters"),
        ("a\nx\x00y", "no text"),
        ("a\n" * 100_002, "more than 100000 rows"),
        ('a\n"x', "not a CSV"),
        (",".join(f"c{n}" for n in range(70)), "more than 64 columns"),
    ],
)
def test_what_is_no_table_is_refused_in_one_line(path: Path, text: str, told: str) -> None:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Invalid, match=told):
        sheets.read(path)


def test_a_spreadsheet_by_its_name_alone_is_told(path: Path) -> None:
    named = path.with_suffix(".xlsx")
    named.write_text(TABLE, encoding="utf-8")
    with pytest.raises(Invalid, match="no XLSX file"):
        sheets.read(named)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "ignore")))
def test_garbage_is_a_table_or_refused_and_nothing_else(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    try:
        point_rows.rows(sheets.read(path))
    except Invalid:
        return


WHOLE = packed([["point", "area"], ["P-1", "A01"]])


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=30), st.booleans())
def test_a_broken_spreadsheet_is_a_table_or_refused_and_nothing_else(
    path: Path, at: int, noise: bytes, cut: bool
) -> None:
    path.write_bytes(WHOLE[:at] + noise + (b"" if cut else WHOLE[at + len(noise) :]))
    try:
        sheets.read(path)
    except Invalid:
        return


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=200)
    | st.sampled_from([b"<worksheet><sheetData><row><c r='ZZZZ9'><v>x</v></c>", b"<a/>"])
)
def test_a_spreadsheet_with_garbage_for_its_sheet_is_refused(path: Path, sheet: bytes) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(WHOLE)) as old, zipfile.ZipFile(content, "w") as new:
        for name in old.namelist():
            new.writestr(name, sheet if "sheet1" in name else old.read(name))
    path.write_bytes(content.getvalue())
    with pytest.raises(Invalid):
        sheets.read(path)


def test_a_spreadsheet_that_says_it_is_endless_is_read_to_the_limit_only(path: Path) -> None:
    sheet = (
        b'<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        b'<row r="1"><c r="A1" t="inlineStr"><is><t>point</t></is></c></row>'
        b'<row r="999999999"><c r="A999999999"><v>1</v></c></row></sheetData></worksheet>'
    )
    content = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(WHOLE)) as old, zipfile.ZipFile(content, "w") as new:
        for name in old.namelist():
            new.writestr(name, sheet if "sheet1" in name else old.read(name))
    path.write_bytes(content.getvalue())
    with pytest.raises(Invalid, match="more than 100000 rows"):
        sheets.read(path)


def test_a_file_that_unpacks_to_too_much_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MAX_UNPACKED", 1000)
    path.write_bytes(WHOLE)
    with pytest.raises(Invalid, match="unpacked it is too large"):
        sheets.read(path)


@pytest.mark.parametrize("cell", [1e15, 123456789012345678])
def test_a_number_that_has_lost_digits_is_refused(path: Path, cell: float) -> None:
    path.write_bytes(packed([["point"], [cell]]))
    with pytest.raises(Invalid, match="has lost digits"):
        sheets.read(path)


def test_numbers_and_days_of_a_spreadsheet_are_read_as_they_look(path: Path) -> None:
    path.write_bytes(packed([["a", "b", "c"], [12, 1.5, True]]))
    assert sheets.read(path).rows == ((2, {"a": "12", "b": "1.5", "c": "True"}),)


@pytest.mark.parametrize("heading", ["colour", "point,计量点", "area"])
def test_a_column_that_is_none_of_ours_or_ours_twice_is_refused(path: Path, heading: str) -> None:
    path.write_text(f"{heading}\nx\n", encoding="utf-8")
    with pytest.raises(Invalid, match="row 1"):
        point_rows.rows(sheets.read(path))
