"""ESPI-format export (NAESB REQ.21, as in Download My Data): an Atom feed of usage points and their readings.

Written after the public schema and files in use; no certification is claimed. A missing interval is left out.
There is no UsageSummary: that speaks of billing periods, and readings alone know of none.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import groupby
from typing import IO, Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

from lxml import etree

from cloud.exchange import daylight
from cloud.exchange.blocks import Block, Head, What
from cloud.metering.vee.days import Channel

ATOM = "http://www.w3.org/2005/Atom"
ESPI = "http://naesb.org/espi"
MILLI = -3
"""Intervals are written in thousandths of a Wh, registers in whole Wh."""
QUALITY = {
    "measured": 17,
    "outage_zero": 17,
    "manual": 7,
    "like_day": 8,
    "interpolated": 9,
    "register_shaped": 11,
    "class_profile": 8,
    "imported": 14,
    "raw": 14,
    "raw_interpolated": 11,
}
"""validated · manually edited · estimated by reference day, by interpolation · derived · raw."""
QUESTIONABLE = 10
_WH, _VARH, _DELTA, _CUMULATIVE, _ENERGY, _ELECTRICITY = 72, 73, 4, 3, 12, 1
_FORWARD, _REVERSE = 1, 19
_REVERSED = {Channel.EXPORT, Channel.REACTIVE_EXPORT}
_MEASURING = {60: 3, 300: 6, 600: 1, 900: 2, 1800: 5, 3600: 7, 86_400: 4}


def write(blocks: Iterable[Block], head: Head, out: IO[bytes]) -> int:
    """How many readings there were. Blocks come grouped by point, then kind and channel, one day each."""
    writing = _Writing(head)
    with etree.xmlfile(out, encoding="UTF-8") as file:
        file.write_declaration()
        with file.element(f"{{{ATOM}}}feed", nsmap={None: ATOM, "espi": ESPI}):
            for element in writing.opening():
                file.write(element)
            for point, of_point in groupby(blocks, key=lambda block: block.point):
                for element in writing.point(point, of_point):
                    file.write(element)
    return writing.count


class _Writing:
    def __init__(self, head: Head) -> None:
        self._head = head
        self._made = _stamp(head.made_at)
        self.count = 0

    def opening(self) -> Iterator[Any]:
        head = self._head
        yield _text(ATOM, "id", _urn(f"{head.station}/{head.title}/{self._made}"))
        yield _text(ATOM, "title", f"{head.station} · {head.title}")
        yield _text(ATOM, "updated", self._made)
        yield _link("self", f"{self._root()}/Batch")
        yield self._entry(
            f"{self._root()}/LocalTimeParameters/1", "", [], "LocalTimeParameters", self._time()
        )

    def point(self, point: str, blocks: Iterable[Block]) -> Iterator[Any]:
        here = f"{self._root()}/UsagePoint/{quote(point, safe='')}"
        readings = f"{here}/MeterReading"
        service = etree.Element(f"{{{ESPI}}}ServiceCategory")
        service.append(_text(ESPI, "kind", 0))
        related = [readings, f"{self._root()}/LocalTimeParameters/1"]
        content = [service, _text(ESPI, "status", 1)]
        yield self._entry(here, f"{self._root()}/UsagePoint", related, "UsagePoint", content, point)
        for (what, channel, interval_s), series in groupby(
            blocks, key=lambda block: (block.what, block.channel, block.interval_s)
        ):
            number = f"{what.value}-{channel.value}-{interval_s}"
            own, kind = f"{readings}/{number}", f"{self._root()}/ReadingType/{quote(point, safe='')}-{number}"
            title = f"{channel.value} {what.value}"
            yield self._entry(own, readings, [f"{own}/IntervalBlock", kind], "MeterReading", [], title)
            up = f"{self._root()}/ReadingType"
            yield self._entry(kind, up, [], "ReadingType", _reading_type(what, channel, interval_s), title)
            for block in series:
                yield from self._block(block, f"{own}/IntervalBlock")

    def _block(self, block: Block, up: str) -> Iterator[Any]:
        readings = list(_readings(block))
        if not readings:
            return
        self.count += len(readings)
        start_s = int(block.at_ms[0]) // 1000
        end_s = int(block.at_ms[-1]) // 1000 + block.interval_s
        content = [_period("interval", start_s, end_s - start_s), *readings]
        yield self._entry(f"{up}/{start_s}-{quote(block.meter, safe='')}", up, [], "IntervalBlock", content)

    def _entry(
        self, own: str, up: str, related: list[str], name: str, content: list[Any], title: str = ""
    ) -> Any:
        entry = etree.Element(f"{{{ATOM}}}entry", nsmap={None: ATOM, "espi": ESPI})
        entry.append(_text(ATOM, "id", _urn(f"{self._head.station}{own}")))
        entry.append(_link("self", own))
        if up:
            entry.append(_link("up", up))
        for each in related:
            entry.append(_link("related", each))
        entry.append(_text(ATOM, "title", title))
        inside = etree.SubElement(etree.SubElement(entry, f"{{{ATOM}}}content"), f"{{{ESPI}}}{name}")
        inside.getparent().set("type", "text/xml")
        inside.extend(content)
        entry.append(_text(ATOM, "published", self._made))
        entry.append(_text(ATOM, "updated", self._made))
        return entry

    def _time(self) -> list[Any]:
        rules = daylight.rules(self._head.zone, self._head.start.year)
        return [
            _text(ESPI, "dstEndRule", rules.end),
            _text(ESPI, "dstOffset", rules.saving_s),
            _text(ESPI, "dstStartRule", rules.start),
            _text(ESPI, "tzOffset", rules.standard_s),
        ]

    @staticmethod
    def _root() -> str:
        return "/espi/1_1/resource"


def _reading_type(what: What, channel: Channel, interval_s: int) -> list[Any]:
    intervals = what is What.INTERVALS
    values = {
        "accumulationBehaviour": _DELTA if intervals else _CUMULATIVE,
        "commodity": _ELECTRICITY,
        "flowDirection": _REVERSE if channel in _REVERSED else _FORWARD,
        "intervalLength": interval_s,
        "kind": _ENERGY,
        "powerOfTenMultiplier": MILLI if intervals else 0,
        "uom": _VARH if channel.endswith("varh") else _WH,
        "measuringPeriod": _MEASURING.get(interval_s) if intervals else None,
    }
    return [_text(ESPI, name, value) for name, value in values.items() if value is not None]


def _readings(block: Block) -> Iterator[Any]:
    scale = 1000 if block.what is What.INTERVALS else 1
    columns = zip(block.at_ms.tolist(), block.values.tolist(), block.method, block.quality, strict=True)
    for at_ms, value, method, quality in columns:
        if value != value:  # NaN: it is missing, so nothing is said of it
            continue
        reading = etree.Element(f"{{{ESPI}}}IntervalReading")
        marks = [QUALITY.get(method, QUALITY["raw"])] + ([QUESTIONABLE] if quality else [])
        for mark in marks:
            etree.SubElement(reading, f"{{{ESPI}}}ReadingQuality").append(_text(ESPI, "quality", mark))
        reading.append(_period("timePeriod", at_ms // 1000, block.interval_s))
        reading.append(_text(ESPI, "value", round(value * scale)))
        yield reading


def _period(name: str, start_s: int, duration_s: int) -> Any:
    period = etree.Element(f"{{{ESPI}}}{name}")
    period.append(_text(ESPI, "duration", duration_s))
    period.append(_text(ESPI, "start", start_s))
    return period


def _text(namespace: str, name: str, text: object) -> Any:
    element = etree.Element(f"{{{namespace}}}{name}")
    element.text = str(text)
    return element


def _link(rel: str, href: str) -> Any:
    return etree.Element(f"{{{ATOM}}}link", rel=rel, href=href)


def _urn(name: str) -> str:
    return f"urn:uuid:{uuid5(NAMESPACE_URL, name)}"


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
