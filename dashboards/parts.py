"""What a board says, as plain data: words in two languages, queries, variables, four kinds of panel."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common

Language = Literal["zh_CN", "en"]
LANGUAGES: tuple[Language, ...] = ("zh_CN", "en")
DATASOURCE_UID = "wattpost-influxdb"
"""Of the datasource that provisioning makes; `wattpost grafana push --datasource` names another."""
DATASOURCE = common.DataSourceRef(type_val="influxdb", uid=DATASOURCE_UID)
QUARTER = "15m"


@dataclass(frozen=True, slots=True)
class Text:
    """One saying in both languages of the house."""

    zh: str
    en: str

    def to(self, language: Language) -> str:
        return self.zh if language == "zh_CN" else self.en


@dataclass(frozen=True, slots=True)
class Query(Dataquery, Builder[Dataquery]):  # type: ignore[misc]
    """One InfluxQL statement; `alias` names its series (`$tag_area`, `$col`)."""

    text: str
    alias: str = ""
    ref: str = "A"
    result: Literal["time_series", "table"] = "time_series"

    def build(self) -> Dataquery:
        return self

    def to_json(self) -> dict[str, object]:
        said: dict[str, object] = {
            "refId": self.ref,
            "datasource": DATASOURCE.to_json(),
            "query": self.text,
            "rawQuery": True,
            "resultFormat": self.result,
        }
        return said | ({"alias": self.alias} if self.alias else {})


@dataclass(frozen=True, slots=True)
class Step:
    """From `value` upwards (None: from below everything) it is shown in `color`."""

    color: Literal["green", "orange", "red", "blue", "transparent"]
    value: float | None = None


VOLTAGE = (Step("red"), Step("green", 198.0), Step("red", 235.4))
"""GB/T 12325: 220 V, +7 % and -10 %."""
SHARE = (Step("red"), Step("orange", 95.0), Step("green", 99.0))
"""Ours: a station that has targets of its own for reading changes them here."""
PLAIN = (Step("blue"),)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: as the query calls it, and how it is shown."""

    name: str
    title: Text
    unit: str = ""
    steps: tuple[Step, ...] = ()
    decimals: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """What all panels have: a question in its title, how to read it in its description.

    `window` looks at so much before now, whatever span the board shows.
    """

    title: Text
    description: Text
    queries: Sequence[Query]
    unit: str
    width: int
    height: int = 8
    steps: tuple[Step, ...] = PLAIN
    window: str = ""
    decimals: int | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure(Panel):
    """One number, the newest; `has_trend` draws its course behind it."""

    height: int = 4
    has_trend: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines(Panel):
    """Courses over time; `band` colours the ground by the steps, `bars` stands for amounts in spans."""

    band: bool = False
    bars: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline(Panel):
    """One stripe for each series, in the colour of its step; a hole where nothing is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Panel):
    """A league; `unit` counts for every column that names none, `worst` is sorted by, `falling` or rising."""

    columns: tuple[Column, ...] = ()
    worst: str = ""
    falling: bool = False


@dataclass(frozen=True, slots=True)
class Variable:
    """A list to choose from, by a SHOW TAG VALUES; `many` allows several, and all of them at first."""

    name: str
    label: Text
    query: str
    many: bool = True


@dataclass(frozen=True, slots=True)
class Board:
    uid: str
    title: Text
    description: Text
    variables: Sequence[Variable]
    panels: Sequence[Panel]
    since: str = "now-24h"
    refresh: str = "1m"
