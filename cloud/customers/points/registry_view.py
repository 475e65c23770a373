"""The registry as an import sees it: every field of every area, point and meter, before and after."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select

from cloud.customers.store import service_table
from cloud.fleet import history
from cloud.fleet.history import area_facts, point_facts, point_meter, point_table
from cloud.fleet.imports import Changed
from cloud.fleet.spans import Span
from cloud.fleet.tables import area_table, gateway_table, meter_table

View = dict[tuple[str, str], dict[str, Any]]
"""{(kind, id): {field: value}}; a point that is no more has only `ended`."""


def view(connection: Connection) -> View:
    """Everything as it is now."""
    found: View = {}
    found.update(_areas(connection))
    for row in connection.execute(select(gateway_table)):
        found["gateway", row.id] = {"gateway_name": row.name}
    columns = ("address", "model", "asset_no", "gateway", "line", "interval_s")
    for meter in connection.execute(select(meter_table)).mappings():
        found["meter", meter["id"]] = {name: meter[name] for name in columns}
    found.update(_points(connection))
    return found


def _areas(connection: Connection) -> View:
    facts = history.load(connection, area_facts)
    found: View = {}
    for row in connection.execute(select(area_table)):
        values = dict(facts[row.id][-1].values) if row.id in facts else {"feeder": row.feeder}
        values["area_kind"] = values.pop("kind", None)
        found["area", row.id] = {"area_name": row.name, "has_backfeed": row.has_backfeed, **values}
    return found


def _points(connection: Connection) -> View:
    hung = history.load(connection, point_meter)
    query = select(service_table.c.point, service_table.c.account).where(service_table.c.end.is_(None))
    accounts = {row.point: row.account for row in connection.execute(query)}
    names = {row.id: row.name for row in connection.execute(select(point_table))}
    found: View = {}
    for point, spans in history.load(connection, point_facts).items():
        last = spans[-1]
        if last.end is not None:
            found["point", point] = {"ended": last.end}
            continue
        rest = {"meter": _meter(hung.get(point)), "account": accounts.get(point), "name": names[point]}
        found["point", point] = {**last.values, **rest}
    return found


def _meter(spans: list[Span] | None) -> str | None:
    return str(spans[-1].values["meter"]) if spans and spans[-1].end is None else None


def differences(
    before: View, after: View, numbers: Mapping[tuple[str, str], int]
) -> tuple[list[tuple[str, str]], list[Changed], list[tuple[str, str]]]:
    """Added, changed field by field, ended; each in order of kind and id."""
    added, changed, ended = [], [], []
    for key, new in sorted(after.items()):
        old = before.get(key)
        if old is None:
            added.append(key)
        elif "ended" in new and "ended" not in old:
            ended.append(key)
        else:
            changed.extend(_changed(key, old, new, numbers.get(key)))
    return added, changed, ended


def _changed(
    key: tuple[str, str], old: Mapping[str, Any], new: Mapping[str, Any], number: int | None
) -> list[Changed]:
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return [Changed(*key, name, _shown(old.get(name)), _shown(new.get(name)), number) for name in names]


def _shown(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
