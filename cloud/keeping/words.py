"""A person's own words, found wherever people wrote freely: name, telephone, address, channels are taken out.

Whatever table is new is swept as well, unless it is named here as one that only machines write.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from sqlalchemy import JSON, Column, ColumnElement, Connection, String, Table, Text, cast, or_, select, update

from cloud.keeping import tables

GONE = "—"
LONG = 100
"""Columns that take so many characters are for sentences; shorter ones hold names of things and states."""
SHORTEST = 2
"""A shorter word is no name: it would be found everywhere."""
_KNOWN_WHOSE = "customer account contact contact_person delivery user_account erasure"
_STATIONS_OWN = "area feeder section gateway"
_BY_MACHINES = (
    "alert_suspicion archive_file class_evidence class_feature class_group class_model "
    "collection_gap collection_gap_order collection_meter_day "
    "collection_total conflict dead_letter dropped forecast_day forecast_model forecast_score "
    "gateway_config gateway_config_in_force gateway_credential gateway_note gateway_state job_run "
    "load_profile load_profile_month load_shape load_shape_day load_shape_fit load_shape_month "
    "meter_facts meter_facts_history quarantine tier_decision tier_run validated_day weather_hour"
)
NOT_SWEPT = frozenset(f"{_KNOWN_WHOSE} {_STATIONS_OWN} {_BY_MACHINES}".split())


def sweep(connection: Connection, words: Collection[str]) -> int:
    """Put GONE in place of these words in every free text; how many rows. Conflict: a table is not known."""
    wanted = sorted((word for word in words if len(word) >= SHORTEST), key=len, reverse=True)
    if not wanted:
        return 0
    pattern = re.compile("|".join(map(_alone, wanted)))
    free = _free(tables.every(connection))
    return sum(_swept(connection, table, columns, wanted, pattern) for table, columns in free)


def _alone(word: str) -> str:
    """`示例户 A` is not meant where `示例户 A01` stands, nor 139 within 8139."""
    before = r"(?<![0-9A-Za-z])" if word[0].isascii() and word[0].isalnum() else ""
    after = r"(?![0-9A-Za-z])" if word[-1].isascii() and word[-1].isalnum() else ""
    return before + re.escape(word) + after


def _free(every: Iterable[Table]) -> Iterator[tuple[Table, list[Column[Any]]]]:
    for table in every:
        found = [column for column in table.columns if _is_free(column)]
        if found and table.name not in NOT_SWEPT:
            yield table, found


def _is_free(column: Column[Any]) -> bool:
    if column.primary_key or column.foreign_keys:
        return False
    kind = column.type
    return isinstance(kind, JSON) or (isinstance(kind, String) and (kind.length or LONG) >= LONG)


def _swept(
    connection: Connection,
    table: Table,
    columns: Collection[Column[Any]],
    words: Collection[str],
    pattern: re.Pattern[str],
) -> int:
    keys = list(table.primary_key)
    holds = or_(*(_holds(column, word) for column in columns for word in words))
    changed = 0
    for row in connection.execute(select(*keys, *columns).where(holds)).all():
        told: dict[str, Any] = row._asdict()
        new = {each.name: _without(told[each.name], pattern) for each in columns}
        new = {name: value for name, value in new.items() if value != told[name]}
        if new:
            this = [key == told[key.name] for key in keys]
            changed += connection.execute(update(table).where(*this).values(new)).rowcount
    return changed


def _holds(column: Column[Any], word: str) -> ColumnElement[bool]:
    if not isinstance(column.type, JSON):
        return column.contains(word, autoescape=True)
    plain, escaped = cast(column, Text), json.dumps(word)[1:-1]
    return or_(plain.contains(word, autoescape=True), plain.contains(escaped, autoescape=True))


def _without(value: Any, pattern: re.Pattern[str]) -> Any:
    if isinstance(value, str):
        return pattern.sub(GONE, value)
    if isinstance(value, list):
        return [_without(each, pattern) for each in value]
    if isinstance(value, dict):
        return {_without(key, pattern): _without(each, pattern) for key, each in value.items()}
    return value
