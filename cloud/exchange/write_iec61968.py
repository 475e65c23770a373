"""MeterReadings of IEC 61968-9 (2011 namespace): Readings for registers, IntervalBlocks for energies.

Reading types are the 18 numbers of its annex C, qualities its system.category.index. A missing interval is
left out; the time stamp of an interval is its end, and its period is written beside it.
"""

from collections.abc import Iterable
from itertools import groupby
from typing import IO, Any

from lxml import etree

from cloud.exchange.blocks import Block, Head, Row, What, rows
from cloud.exchange.write_csv import number
from cloud.metering.vee.days import Channel

NAMESPACE = "http://iec.ch/TC57/2011/MeterReadings#"
_PERIOD = {60: 3, 300: 6, 600: 1, 900: 2, 1800: 5, 3600: 7, 86_400: 11}
_FLOW = {Channel.IMPORT: 1, Channel.REACTIVE_IMPORT: 1, Channel.EXPORT: 19, Channel.REACTIVE_EXPORT: 19}
QUALITY = {
    "measured": "3.0.0",
    "outage_zero": "3.0.0",
    "manual": "3.7.0",
    "interpolated": "3.8.0",
    "like_day": "3.8.0",
    "class_profile": "3.8.0",
    "register_shaped": "3.8.0",
    "raw_interpolated": "3.11.0",
}
"""valid · edited · estimated · derived, by the meter data system; raw values say only whose they are."""
QUESTIONABLE = "3.10.0"


def write(blocks: Iterable[Block], head: Head, out: IO[bytes]) -> int:
    """How many readings there were."""
    count = 0
    with etree.xmlfile(out, encoding="UTF-8") as file:
        file.write_declaration()
        with file.element(_tag("MeterReadings"), nsmap={None: NAMESPACE}):
            for (point, meter), group in groupby(blocks, key=lambda block: (block.point, block.meter)):
                with file.element(_tag("MeterReading")):
                    count += _one(file, group, head, _meter(meter), _point(point))
    return count


def _one(file: Any, blocks: Iterable[Block], head: Head, meter: Any, point: Any) -> int:
    """The schema wants IntervalBlocks, then Meter, Readings, UsagePoint: the order in which blocks come."""
    count, named = 0, False
    for block in blocks:
        if block.what is What.REGISTERS and not named:
            file.write(meter)
            named = True
        found = [row for row in rows([block], head.zone) if row.value is not None]
        count += len(found)
        if found and block.what is What.INTERVALS:
            file.write(_interval_block(block, found))
        for row in found if block.what is What.REGISTERS else ():
            file.write(_reading(row))
    if not named:
        file.write(meter)
    file.write(point)
    return count


def _interval_block(block: Block, found: list[Row]) -> Any:
    element = etree.Element(_tag("IntervalBlocks"), nsmap={None: NAMESPACE})
    for row in found:
        reading = etree.SubElement(element, _tag("IntervalReadings"))
        _values(reading, row)
        period = etree.SubElement(reading, _tag("timePeriod"))
        assert row.end is not None
        etree.SubElement(period, _tag("end")).text = row.end.isoformat()
        etree.SubElement(period, _tag("start")).text = row.start.isoformat()
    etree.SubElement(element, _tag("ReadingType"), ref=reading_type(block))
    return element


def _reading(row: Row) -> Any:
    element = etree.Element(_tag("Readings"), nsmap={None: NAMESPACE})
    _values(element, row)
    etree.SubElement(element, _tag("ReadingType"), ref=reading_type(row.block))
    return element


def _values(element: Any, row: Row) -> None:
    assert row.value is not None
    etree.SubElement(element, _tag("source")).text = row.method
    etree.SubElement(element, _tag("timeStamp")).text = (row.end or row.start).isoformat()
    etree.SubElement(element, _tag("value")).text = number(row.value)
    marks = [QUALITY[row.method]] if row.method in QUALITY else []
    for mark in [*marks, QUESTIONABLE] if row.quality else marks:
        quality = etree.SubElement(element, _tag("ReadingQualities"))
        if mark == QUESTIONABLE:
            etree.SubElement(quality, _tag("comment")).text = row.quality
        etree.SubElement(quality, _tag("ReadingQualityType"), ref=mark)


def reading_type(block: Block) -> str:
    """Energy of electricity: period, accumulation (delta or bulk), direction, unit (72 Wh, 73 varh)."""
    unit = 73 if block.unit == "varh" else 72
    intervals = block.what is What.INTERVALS
    period, accumulation = (_PERIOD.get(block.interval_s, 0), 4) if intervals else (0, 1)
    return f"0.0.{period}.{accumulation}.{_FLOW[block.channel]}.1.12.0.0.0.0.0.0.0.0.0.{unit}.0"


def _meter(meter: str) -> Any:
    return _named("Meter", meter)


def _point(point: str) -> Any:
    return _named("UsagePoint", point)


def _named(kind: str, name: str) -> Any:
    element = etree.Element(_tag(kind), nsmap={None: NAMESPACE})
    etree.SubElement(element, _tag("mRID")).text = name
    etree.SubElement(etree.SubElement(element, _tag("Names")), _tag("name")).text = name
    return element


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"
