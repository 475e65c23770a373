"""A row of the table of metering points: its columns in two languages, what each may hold, a template."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from cloud.fleet.imports import Refusal
from cloud.fleet.sheets import Sheet
from cloud.kit.errors import Invalid
from protocols import spelling

CLEAR = "-"
"""In a cell: nothing any more. An empty cell leaves what is known as it is."""
COLUMNS: dict[str, tuple[str, ...]] = {
    "point": ("计量点", "计量点编号"),
    "name": ("计量点名称",),
    "area": ("台区", "台区编号"),
    "area_name": ("台区名称",),
    "area_kind": ("台区性质",),
    "capacity_kva": ("变压器容量", "容量", "容量kVA"),
    "feeder": ("线路", "馈线", "线路编号"),
    "section": ("线路段", "分段开关"),
    "manager": ("台区经理",),
    "deputy": ("台区副经理", "副经理"),
    "box": ("表箱", "表箱编号"),
    "role": ("计量点用途", "用途"),
    "side": ("计量侧", "计量方式"),
    "phase": ("相别", "相位"),
    "parent": ("上级计量点", "被扣减计量点"),
    "ct_ratio": ("电流互感器变比", "CT变比", "CT"),
    "pt_ratio": ("电压互感器变比", "PT变比", "PT"),
    "meter": ("电能表", "电能表编号", "表号"),
    "asset_no": ("资产编号",),
    "address": ("通信地址", "表地址"),
    "model": ("表型号", "型号"),
    "gateway": ("网关", "采集终端"),
    "line": ("采集线路", "端口"),
    "interval_s": ("采集间隔", "采集间隔秒"),
    "account": ("户号", "用电户"),
    "start": ("启用日期",),
    "end": ("终止日期", "销户日期"),
}
WORDS: dict[str, dict[str, str]] = {
    "area_kind": {"公变": "public", "公用": "public", "专变": "dedicated", "专用": "dedicated"},
    "role": {"用户": "customer", "客户": "customer", "台区总表": "area", "总表": "area"},
    "side": {"高压": "hv", "高供高计": "hv", "低压": "lv", "高供低计": "lv", "低供低计": "lv"},
    "phase": {"A": "l1", "B": "l2", "C": "l3", "A相": "l1", "B相": "l2", "C相": "l3"},
}
EXAMPLE = {
    "point": "P-A01-03",
    "area": "A01",
    "area_name": "示例台区 01",
    "area_kind": "公变",
    "capacity_kva": "400",
    "feeder": "F1",
    "box": "B-A01-1",
    "role": "用户",
    "side": "低压",
    "phase": "A",
    "ct_ratio": "1",
    "pt_ratio": "1",
    "meter": "A01-03",
    "address": "000000000103",
    "model": "dlt645-2007-1p",
    "gateway": "gw-a01",
    "line": "rs485-1",
    "interval_s": "900",
    "start": "2026-01-01",
}


def _ratio(value: Any) -> Any:
    """A transformer's "100/5" is 20."""
    above, slash, below = str(value).partition("/")
    try:
        return float(above) / float(below) if slash else value
    except (ValueError, ZeroDivisionError):
        return value


Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
Login = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Ratio = Annotated[float, BeforeValidator(_ratio), Field(gt=0, le=100_000, allow_inf_nan=False)]
Clear = Literal["-"]
Day = Annotated[date, Field(ge=date(1970, 1, 2), le=date(2200, 1, 1))]


class PointRow(BaseModel):
    """`manager`, `deputy` are logins or staff ids; "-" takes away what is known."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    point: Id
    name: Text | Clear | None = None
    area: Id | None = None
    area_name: Text | None = None
    area_kind: Literal["public", "dedicated"] | Clear | None = None
    capacity_kva: Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)] | Clear | None = None
    feeder: Id | None = None
    section: Id | Clear | None = None
    manager: Login | Clear | None = None
    deputy: Login | Clear | None = None
    box: Id | Clear | None = None
    role: Literal["customer", "area"] | None = None
    side: Literal["hv", "lv"] | Clear | None = None
    phase: Literal["l1", "l2", "l3"] | Clear | None = None
    parent: Id | Clear | None = None
    ct_ratio: Ratio | None = None
    pt_ratio: Ratio | None = None
    meter: Id | Clear | None = None
    asset_no: Id | Clear | None = None
    address: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,12}$")] | None = None
    model: Id | None = None
    gateway: Id | None = None
    line: Id | None = None
    interval_s: Annotated[int, Field(ge=1, le=86_400)] | None = None
    account: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,31}$")] | Clear | None = (
        None
    )
    start: Day | None = None
    end: Day | None = None

    def told(self, names: Sequence[str]) -> dict[str, Any]:
        """Those of these fields that the row speaks of; None where it takes them away."""
        found = {name: getattr(self, name) for name in names}
        return {name: None if value == CLEAR else value for name, value in found.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Numbered:
    number: int
    row: PointRow


def rows(sheet: Sheet) -> tuple[list[Numbered], list[Refusal]]:
    """The good rows, and why the others are none; Invalid when the columns are not those of this table."""
    names = _fields(sheet.headings)
    good: list[Numbered] = []
    refused: list[Refusal] = []
    seen: dict[tuple[str, str], int] = {}
    for number, cells in sheet.rows:
        values = {names[heading]: cell for heading, cell in cells.items()}
        try:
            row = PointRow.model_validate(_in_our_words(values))
        except ValidationError as error:
            refused.append(Refusal(number, _told(error, names, cells)))
            continue
        doubled = [
            f"{kind} {key!r} is in row {seen[kind, key]} already"
            for kind, key in _keys(row)
            if (kind, key) in seen
        ]
        if doubled:
            refused.append(Refusal(number, doubled[0]))
            continue
        seen.update(dict.fromkeys(_keys(row), number))
        good.append(Numbered(number, row))
    return good, refused


def _told(error: ValidationError, names: Mapping[str, str], cells: Mapping[str, str]) -> str:
    """All that is wrong with a row, in the file's own words: which column, what stands there, what may."""
    headings = {name: heading for heading, name in names.items()}
    found: dict[str, str] = {}
    for each in error.errors(include_url=False):
        name = str(each["loc"][0])
        words = ", ".join(WORDS.get(name, ()))
        wanted = f"use one of {words}" if words else each["msg"]
        heading = headings.get(name, name)
        found.setdefault(
            name, f"{heading} {cells[heading]!r}: {wanted}" if heading in cells else f"{heading}: {wanted}"
        )
    return "; ".join(found.values())


def _keys(row: PointRow) -> list[tuple[str, str]]:
    keys = [("point", row.point)]
    return [*keys, ("meter", row.meter)] if row.meter not in (None, CLEAR) else keys


def _in_our_words(values: Mapping[str, str]) -> dict[str, str]:
    return {name: WORDS.get(name, {}).get(cell, cell) for name, cell in values.items()}


def _fields(headings: Sequence[str]) -> dict[str, str]:
    known = {alias: name for name, aliases in COLUMNS.items() for alias in (name, *aliases)}
    found: dict[str, str] = {}
    for heading in headings:
        name = known.get(heading) or known.get(heading.lower().replace(" ", "_"))
        if name is None:
            raise Invalid(
                f"row 1: no column is called {heading!r}; {spelling.hint(heading, known)}see the template"
            )
        if name in found.values():
            raise Invalid(f"row 1: {heading!r} and another column are both the {name}")
        found[heading] = name
    if "point" not in found.values():
        raise Invalid("row 1: there is no column point (计量点)")
    return found


def template(language: str) -> str:
    """A CSV with the headings and one example row; a byte order mark tells spreadsheets that it is UTF-8."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([name if language == "en" else aliases[0] for name, aliases in COLUMNS.items()])
    writer.writerow([EXAMPLE.get(name, "") for name in COLUMNS])
    return "\ufeff" + text.getvalue()
