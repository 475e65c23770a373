"""Readings as InfluxDB line protocol, and names as InfluxQL: text out of values, nothing sent, nothing asked.

One line is one reading: tags `meter` and `source`, a field for each quantity (counters integer, gauges
float, always), `origin` "gateway|epoch|seq" and `quality`. A quantity whose claim differs from its line's has
its own `<quantity>_origin` and `<quantity>_quality`. No name begins with an underscore: those are InfluxDB's.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from math import isfinite

from cloud.metering.points import Point
from cloud.metering.store import QUALITY_ID, BatchOfReadings, ms, normal
from protocols.mqtt.messages import MAX_INT
from protocols.quantities import QUANTITIES, Kind
from protocols.readings import Reading, Source, Value

MEASUREMENT = "reading"
ORIGIN, QUALITY = "origin", "quality"
_COUNTERS = frozenset(name for name, known in QUANTITIES.items() if known.kind is Kind.COUNTER)
_TAG = str.maketrans({",": "\\,", " ": "\\ ", "=": "\\="})
_FIELD_TEXT = str.maketrans({'"': '\\"', "\\": "\\\\"})

Key = tuple[str, int, Source]
"""(meter, at in ms, source): one line, one point."""


def origin(gateway: str, epoch: str, seq: int) -> str:
    return f"{gateway}|{epoch}|{seq}"


def identity(text: str) -> tuple[str, str, int]:
    """(gateway, epoch, seq) out of `origin`; no gateway's name has a bar in it."""
    gateway, _, rest = text.partition("|")
    epoch, _, seq = rest.rpartition("|")
    return gateway, epoch, int(seq)


@lru_cache(1 << 17)
def tag_value(name: str) -> str:
    """A name as a tag's value, not yet escaped: a backslash at its end could not be told otherwise."""
    return name.replace("%", "%25").replace("\\", "%5C") if "%" in name or "\\" in name else name


def name_of(tag: str) -> str:
    """The name that `tag_value` made `tag` of."""
    return tag.replace("%5C", "\\").replace("%25", "%") if "%" in tag else tag


def literal(text: str) -> str:
    """A string of InfluxQL: whatever is in it, it ends where it should."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"


def identifier(name: str) -> str:
    """A name of InfluxQL."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


@lru_cache(1 << 17)
def _start(meter: str, source: Source) -> str:
    if not meter or not meter.isprintable():
        raise ValueError(f"{meter!r} is no name of a meter")
    return f"{MEASUREMENT},meter={tag_value(meter).translate(_TAG)},source={source} "


@lru_cache(4096)
def _shape(quantities: tuple[str, ...]) -> tuple[str, Callable[[tuple[Value, ...]], bool]]:
    """The text of a line with places for its values, and what tells whether they may go there unseen."""
    for name in quantities:
        normal(name, 0 if name in _COUNTERS else 0.0)
    text = ",".join(f"{name}=%d" + "i" if name in _COUNTERS else f"{name}=%r" for name in quantities)
    counters = [number for number, name in enumerate(quantities) if name in _COUNTERS]
    gauges = [number for number, name in enumerate(quantities) if name not in _COUNTERS]

    def plain(values: tuple[Value, ...]) -> bool:
        """Counters are whole and exact, gauges are finite floats: what almost every reading has."""
        for number in counters:
            value = values[number]
            if value.__class__ is not int or not -MAX_INT <= value <= MAX_INT:
                return False
        total = 0.0
        for number in gauges:
            value = values[number]
            if value.__class__ is not float:
                return False
            total += value
        return isfinite(total)

    return text, plain


def line(reading: Reading, tail: str) -> str:
    """The line of one reading; `tail` is `claim(…)` of its batch. ValueError when a value is none."""
    values = tuple(reading.values.values())
    text, plain = _shape(tuple(reading.values))
    if not plain(values):
        values = tuple(normal(name, value) for name, value in reading.values.items())
    told = text % values
    if "-0.0" in told:  # minus zero, or a number that begins like it
        told = text % tuple(value + 0 for value in values)
    return f"{_start(reading.meter, reading.source)}{told},{tail} {reading.at_ms}"


def claim(origin_text: str, quality: int) -> str:
    """The fields that say whose a whole line is; no quality is a good one, as most are."""
    said = f'{ORIGIN}="{origin_text.translate(_FIELD_TEXT)}"'
    return f"{said},{QUALITY}={quality}i" if quality else said


def lines(batch: BatchOfReadings) -> Iterator[str]:
    """A line for each reading of a batch in which no (meter, at, source) comes twice."""
    said = origin(batch.gateway, batch.epoch, batch.seq)
    tails = {quality: claim(said, number) for quality, number in QUALITY_ID.items()}
    for reading in batch.readings:
        yield line(reading, tails[reading.quality])


def change(key: Key, fields: Mapping[str, Value], whose: str = "") -> str:
    """A line that changes some fields of a point; `whose` is `claim(…)` when it is a new one."""
    meter, at_ms, source = key
    told = ",".join(f"{name}={_number(name, value)}" for name, value in fields.items())
    return f"{_start(meter, source)}{told}{',' if told and whose else ''}{whose} {at_ms}"


def override(quantity: str, origin_text: str, quality: int) -> str:
    """The fields that say whose one quantity is, where its line is another's."""
    said = origin_text.translate(_FIELD_TEXT)
    return f'{quantity}_{ORIGIN}="{said}",{quantity}_{QUALITY}={quality}i'


def _number(quantity: str, value: Value) -> str:
    return f"{value}i" if quantity in _COUNTERS else repr(normal(quantity, value))


def points(measurement: str, rows: Iterable[Point]) -> Iterator[str]:
    """A line for each point of another measurement; ValueError for a name or a value that is none."""
    if measurement == MEASUREMENT or not _fit(measurement):
        raise ValueError(f"{measurement!r} is no measurement for boards")
    for row in rows:
        if not row.fields or not all(map(_fit, (*row.tags, *row.fields))):
            raise ValueError(f"{measurement}: a point has fields, and names that begin with a letter: {row}")
        tags = "".join(
            f",{name}={tag_value(value).translate(_TAG)}" for name, value in sorted(row.tags.items()) if value
        )
        fields = ",".join(f"{name}={_field(name, value)}" for name, value in row.fields.items())
        yield f"{measurement}{tags} {fields} {ms(row.at)}"


def _fit(name: str) -> bool:
    return name.isidentifier() and name.isascii() and name[0] != "_" and name != "time"


def _field(name: str, value: float | str) -> str:
    if isinstance(value, str):
        return f'"{value.translate(_FIELD_TEXT)}"'
    if isinstance(value, float) and not isfinite(value):
        raise ValueError(f"{name} = {value!r} is no value: leave out what is missing")
    return f"{int(value)}i" if isinstance(value, int) else repr(value + 0.0)
