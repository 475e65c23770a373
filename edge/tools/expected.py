"""The list of meters that should be on a line: the settings' own, or a CSV file."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

from edge.settings import LineSettings, MeterSettings, Settings
from edge.tools import screen
from edge.tools.scanning import Expected, Speed
from protocols import models
from protocols.dlt645.frame import BROADCAST


def expected(
    verb: str, line: LineSettings, settings: Settings | None, file: Path | None
) -> tuple[Expected, ...]:
    """What `scan` compares with; without settings and file nothing is expected."""
    if file:
        return tuple(_from_csv(verb, file))
    return tuple(
        Expected(each.id, each.address, each.unit, each.model, own_speed(line, each))
        for each in (line.meters if settings else ())
    )


def own_speed(line: LineSettings, meter: MeterSettings) -> Speed | None:
    """The speed of a meter that differs from its line's."""
    if meter.baud is None and meter.parity is None:
        return None
    return Speed(meter.baud or line.baud, meter.parity or line.parity)


def _from_csv(verb: str, file: Path) -> Iterator[Expected]:
    """UTF-8 or GB 18030; a spreadsheet drops leading zeros, so short addresses are filled up."""
    try:
        raw = file.read_bytes()
    except OSError as error:
        screen.refuse(verb, [f"{file}: cannot be read ({error.strerror}); give the path of a CSV file"])
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("gb18030", errors="replace")
    rows = csv.DictReader(text.splitlines())
    if not {"address", "unit"} & set(rows.fieldnames or ()):
        screen.refuse(verb, [f"{file}: has no column address or unit; write a first line: id,address,model"])
    for number, row in enumerate(rows, 2):
        yield _from_row(verb, file, number, {key: (value or "").strip() for key, value in row.items() if key})


def _from_row(verb: str, file: Path, number: int, row: dict[str, str]) -> Expected:
    address, unit = row.get("address", ""), row.get("unit", "")
    model = row.get("model", "")
    if model and model not in models.names():
        screen.refuse(
            verb, [f"{file}, line {number}: {model!r} is no meter model; use {', '.join(models.names())}"]
        )
    if unit and not address and unit.isdigit() and 1 <= int(unit) <= 247:
        return Expected(row.get("id") or unit, None, int(unit), model)
    if not re.fullmatch("[0-9]{1,12}", address) or address == BROADCAST:
        screen.refuse(verb, [f"{file}, line {number}: {address!r} is no meter address; write its 12 digits"])
    return Expected(row.get("id") or address, address.zfill(12), None, model)
