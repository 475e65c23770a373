"""Writes rows of any kind over what is known, and tells what that added, changed and ended.

The same rows again change nothing; a column that no row names stays as it is.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, Table, insert, select, update

from cloud.customers.intake.kinds import CHUNK, Given, Key, Kind, State, Taking, Values, Wrong
from cloud.fleet.imports import Changed, Report

Parts = Mapping[str, Sequence[Given]]
"""Rows by the name of their kind."""
Doubts = dict[str, set[Any]]
"""By kind the subjects of which a row is wrong."""


def take(
    connection: Connection,
    parts: Parts,
    taking: Taking,
    kinds: Sequence[Kind],
    unread: Mapping[str, Collection[Any]] = MappingProxyType({}),
) -> tuple[Report, list[Wrong]]:
    """Write every row; all that is wrong, in which case the caller lets the transaction go.

    `unread`: by kind the subjects of rows that could not be read. What is wrong is told of all rows at once,
    except of those that speak of the same subject as a wrong one, or stand on it: without it they cannot be
    judged. What needs all rows together is looked at when each is right by itself.
    """
    reports: list[Report] = []
    found: list[Wrong] = []
    doubted: Doubts = {kind.name: set(unread.get(kind.name, ())) for kind in kinds}
    for kind in kinds:
        if rows := _judgeable(kind, parts.get(kind.name, ()), kinds, doubted):
            report, wrong = _taken(connection, kind, rows, taking)
            found += wrong
            if wrong:
                report = _without_the_wrong(connection, kind, rows, taking, wrong, doubted)
            reports.append(report)
    if found or any(doubted.values()):
        return Report(), found
    found = [
        wrong
        for kind in kinds
        if (given := parts.get(kind.name))
        for wrong in kind.after(connection, given, taking)
    ]
    return _joined(reports), found


def _judgeable(kind: Kind, rows: Sequence[Given], kinds: Sequence[Kind], doubted: Doubts) -> Sequence[Given]:
    """Without those that speak of, or stand on, a subject of a wrong row; their subjects are in doubt too."""
    if not any(doubted.values()):
        return rows
    of = {each.table.c[each.key[0]]: doubted[each.name] for each in kinds}
    stands_on = [
        (column.name, of[foreign.column])
        for column in kind.table.columns
        for foreign in column.foreign_keys
        if foreign.column in of
    ]
    own = doubted[kind.name]
    found = []
    for row in rows:
        if row.key[0] in own or any(row.values.get(name) in gone for name, gone in stands_on):
            continue
        found.append(row)
    if kind.table.c[kind.key[0]].primary_key:
        own.update({row.key[0] for row in rows} - {row.key[0] for row in found})
    return found


def _without_the_wrong(
    connection: Connection,
    kind: Kind,
    rows: Sequence[Given],
    taking: Taking,
    wrong: Sequence[Wrong],
    doubted: Doubts,
) -> Report:
    """Takes the others, for what stands on them; where it is of no one row, none of them."""
    numbers = {each.number for each in wrong}
    doubted[kind.name] |= {row.key[0] for row in rows if None in numbers or row.number in numbers}
    others = [row for row in rows if row.key[0] not in doubted[kind.name]]
    if not others:
        return Report()
    report, still = _taken(connection, kind, others, taking)
    if still:
        doubted[kind.name] |= {row.key[0] for row in others}
    return report


def _taken(
    connection: Connection, kind: Kind, rows: Sequence[Given], taking: Taking
) -> tuple[Report, list[Wrong]]:
    """Nothing is written where any row is wrong; each row is told the first that is wrong with it."""
    found = list(_lacking(connection, kind, rows))
    gone = {each.number for each in found}
    rows = [row for row in rows if row.number not in gone] if gone else rows
    known, places = _known(connection, kind, rows)
    state: State = {key: dict(values) for key, values in known.items()}
    wrong = _laid_over(kind, rows, state, taking)
    if wrong:
        found += wrong
        gone = {each.number for each in wrong}
        rows = [row for row in rows if row.number not in gone]
        state = {key: dict(values) for key, values in known.items()}
        _laid_over(kind, rows, state, taking)
    found += kind.judge(connection, rows, state, taking)
    if found:
        return Report(), found
    numbers = {row.key: row.number for row in rows}
    _close(kind, known, state, taking)
    report = _report(kind, known, state, numbers)
    if wrong := _not_theirs(kind, report, taking):
        return Report(), wrong
    _write(connection, kind, known, state, places)
    kind.then(connection, _ended(kind, known, state), taking)
    return report, []


def _laid_over(kind: Kind, rows: Sequence[Given], state: State, taking: Taking) -> list[Wrong]:
    blank = dict.fromkeys(column.name for column in kind.table.columns)
    wrong = []
    for row in rows:
        if row.key in state:
            state[row.key].update(row.values)
            continue
        if lacking := [name for name in kind.needed if row.values.get(name) is None]:
            wrong.append(Wrong(kind.name, row.number, f"{', '.join(lacking)}: a new {kind.name} needs it"))
        state[row.key] = blank | kind.new(taking) | row.values
    return wrong


def _lacking(connection: Connection, kind: Kind, rows: Sequence[Given]) -> Iterator[Wrong]:
    """What a row refers to and is not there."""
    for column in kind.table.columns:
        for foreign in column.foreign_keys:
            known = set(connection.scalars(select(foreign.column)))
            for row in rows:
                wanted = row.values.get(column.name)
                if wanted is not None and wanted not in known:
                    why = f"there is no {column.name} {wanted!r}; import it first"
                    yield Wrong(kind.name, row.number, why)


def _known(
    connection: Connection, kind: Kind, rows: Sequence[Given]
) -> tuple[State, dict[Key, tuple[Any, ...]]]:
    """Every row of the same subjects, and by which primary key it is found."""
    table, subject = kind.table, kind.table.c[kind.key[0]]
    primary = [column.name for column in table.primary_key]
    state: State = {}
    places: dict[Key, tuple[Any, ...]] = {}
    for chunk in _chunks(sorted({row.key[0] for row in rows})):
        query = select(table).where(subject.in_(chunk)).order_by(*table.primary_key)
        for row in connection.execute(query):
            key = tuple(row._mapping[name] for name in kind.key)
            state[key] = dict(row._mapping)
            places[key] = tuple(row._mapping[name] for name in primary)
    return state, places


def _chunks(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[at : at + CHUNK] for at in range(0, len(names), CHUNK))


def _close(kind: Kind, known: State, state: State, taking: Taking) -> None:
    """Who ended what ends now."""
    _, by = kind.closes or (None, None)
    if by is not None:
        for key in _ended(kind, known, state):
            state[key][by] = taking.by


def _ended(kind: Kind, known: State, state: State) -> list[Key]:
    """The rows that have an end now and had none."""
    if kind.closes is None:
        return []
    end = kind.closes[0]
    return [
        key
        for key, values in state.items()
        if values[end] is not None and (key not in known or known[key][end] is None)
    ]


def _report(kind: Kind, known: State, state: State, numbers: Mapping[Key, int]) -> Report:
    added, changed, ended, touched = [], [], [], set()
    closes = kind.closes[0] if kind.closes else None
    for key, values in state.items():
        old, name = known.get(key), kind.shown(key)
        if old is None:
            added.append((kind.name, name))
            touched.add(key)
            continue
        for column, new in values.items():
            if old[column] == new or (kind.closes and column == kind.closes[1]):
                continue
            touched.add(key)
            if column == closes and old[column] is None:
                ended.append((kind.name, name))
            else:
                said = (_shown(old[column]), _shown(new))
                changed.append(Changed(kind.name, name, column, *said, numbers.get(key)))
    return Report(added, changed, ended, len(numbers.keys() - touched))


def _shown(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _not_theirs(kind: Kind, report: Report, taking: Taking) -> list[Wrong]:
    if taking.owners is None:
        return []
    system = taking.system or taking.owners.policy.system
    found = []
    for each in report.changed:
        for told in taking.owners.not_of(system, [kind.owner_of(each.field)]):
            why = f"{each.id}: {told}; {system} may not change {each.field} from {each.old} to {each.new}"
            found.append(Wrong(kind.name, each.row, why))
    guarded = [*report.ended, *(report.added if kind.guarded else ())]
    for _, name in guarded:
        for told in taking.owners.not_of(system, [kind.owner]):
            why = f"{name}: {told}; {system} may neither add nor end it"
            found.append(Wrong(kind.name, None, why))
    return found


def _write(
    connection: Connection, kind: Kind, known: State, state: State, places: Mapping[Key, tuple[Any, ...]]
) -> None:
    new = [_insertable(kind.table, values) for key, values in state.items() if key not in known]
    for at in range(0, len(new), 5 * CHUNK):
        connection.execute(insert(kind.table), new[at : at + 5 * CHUNK])
    primary = list(kind.table.primary_key)
    for key, place in places.items():
        changed = {name: value for name, value in state[key].items() if value != known[key][name]}
        if changed:
            same = [column == part for column, part in zip(primary, place, strict=True)]
            connection.execute(update(kind.table).where(*same).values(changed))


def _insertable(table: Table, values: Values) -> Values:
    """Without a number that the database counts itself."""
    own = table.autoincrement_column
    return {
        name: value for name, value in values.items() if own is None or name != own.name or value is not None
    }


def _joined(reports: Iterable[Report]) -> Report:
    found = list(reports)
    return Report(
        [each for report in found for each in report.added],
        [each for report in found for each in report.changed],
        [each for report in found for each in report.ended],
        sum(report.unchanged for report in found),
    )
