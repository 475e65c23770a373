"""Asks InfluxQL as Grafana does: its macros and variables put in their places, one target a request."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from cloud.metering.store import ms
from tests.influx import Influx

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
ALL = ".*"


def span(text: str) -> timedelta:
    """`now-24h` and `7d` as Grafana understands them."""
    number, unit = re.fullmatch(r"(?:now-)?(\d+)([mhd])", text).groups()  # type: ignore[union-attr]
    return timedelta(**{_UNITS[unit]: int(number)})


def put(
    query: str,
    start: datetime,
    end: datetime,
    chosen: Mapping[str, str | Sequence[str]],
    interval: str = "15m",
) -> str:
    """The statement that reaches InfluxDB; `chosen`: one value, several, or ALL."""

    def variable(match: re.Match[str]) -> str:
        value, form = chosen[match[1]], match[2]
        if form == "regex":
            if value == ALL:  # an own value for "all" is put in as it is
                return ALL
            several = [value] if isinstance(value, str) else list(value)
            escaped = [re.sub(r"([.*+?^${}()|\[\]/\\-])", r"\\\1", one) for one in several]
            return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"
        assert form == "singlequote"
        assert isinstance(value, str)
        return "'" + value.replace("'", "\\'") + "'"

    said = query.replace("$timeFilter", f"time >= {ms(start)}ms and time <= {ms(end)}ms")
    said = said.replace("$__interval", interval)
    said = re.sub(r"\$\{(\w+):(\w+)\}", variable, said)
    assert "$" not in said.replace("$/", ""), said
    return said


def rows(influx: Influx, statement: str) -> list[dict[str, Any]]:
    """Every row of the answer as tags, `time` and columns together."""
    return [
        {**series.get("tags", {}), **dict(zip(series["columns"], row, strict=True))}
        for series in influx.query(statement)
        for row in series["values"]
    ]


def options(influx: Influx, statement: str) -> list[str]:
    """What a variable offers."""
    return sorted(row["value"] for row in rows(influx, statement))
