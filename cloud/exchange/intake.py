"""Brings a file of intervals in: understood, matched, checked, then written; whole or not at all, once."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, insert, select, update

from cloud.exchange import matching, registers, reporting
from cloud.exchange.gather import Origin
from cloud.exchange.matching import Names
from cloud.exchange.planned import Plan, Stretch
from cloud.exchange.registers import Run, State
from cloud.exchange.said import Negative, Said, Values
from cloud.exchange.store import import_table, stretch_table
from cloud.exchange.understanding import Series, Understood, understood
from cloud.exchange.walls import Floats
from cloud.fleet.registry import IMPORT
from cloud.kit.clock import Clock
from cloud.kit.errors import Conflict, Invalid
from cloud.metering.store import BatchOfReadings, StoreFault
from cloud.metering.vee.days import Channel
from protocols.readings import Quality, Reading, Source

BATCH = 1000
AHEAD = timedelta(hours=1)
"""As far as the clock of a file may be ahead of ours."""
_REVERSE = {Channel.IMPORT: Channel.EXPORT, Channel.REACTIVE_IMPORT: Channel.REACTIVE_EXPORT}
Came = Callable[[Sequence[Reading]], object]
Progress = Callable[[int], AbstractContextManager[Callable[[int], object]]]


@dataclass(frozen=True, slots=True)
class Done:
    """`again`: the same file, understood alike, is in already; nothing was written."""

    report: dict[str, object]
    readings: int
    again: bool


def read(origin: Origin, path: Path, said: Said) -> tuple[Understood, str]:
    """What the file says, and its digest; Invalid says in one line why it does not."""
    with origin.database.read() as connection:
        known = matching.names(connection)
    return understood(path, said, known.__contains__), _digest(path, said)


def plan(connection: Connection, file: Understood, digest: str, now: datetime) -> Plan:
    """What would be written; Invalid and Conflict say in one line why it cannot be."""
    _refuse_future(file, now)
    known = matching.names(connection)
    made = Plan(file)
    _match(made, known)
    standing = _Standing(connection, made, digest)
    for (name, channel), series in made.file.series.items():
        meter = made.names.get(name)
        if meter is not None and len(series.at_s):
            for direction, values in _directions(made.file, name, channel, series):
                made.stretches.append(standing.stretch(meter, direction, series, values))
    return made


def bring_in(
    origin: Origin,
    path: Path,
    said: Said,
    clock: Clock,
    progress: Progress,
    by: str = "command line",
    came: Came = lambda _: None,
) -> Done:
    """Write it. The same file counts once; one that was cut off is finished by bringing it in again.

    `came` is told of what the store has now.
    """
    digest = _digest(path, said)
    with origin.database.read() as connection:
        before = connection.execute(select(import_table).where(import_table.c.digest == digest)).one_or_none()
    if before is not None and before.done_at is not None:
        done_at = before.done_at.astimezone(said.zone)
        told = {"file": path.name, "imported_at": done_at.isoformat(timespec="seconds")}
        return Done(told, 0, again=True)
    file, digest = read(origin, path, said)
    with origin.database.write() as connection:
        made = plan(connection, file, digest, clock.now())
        _check(made)
        number = None if before is None else int(before.id)
        number = _begin(connection, made, digest, number, by, clock.now())
    count = _write(origin, made, digest, progress, came)
    with origin.database.write() as connection:
        mine = import_table.c.id == number
        connection.execute(update(import_table).where(mine).values(done_at=clock.now()))
    return Done(reporting.as_dict(made), count, again=False)


def _check(made: Plan) -> None:
    path, said = made.file.path, made.file.said
    if made.unknown and not said.skip_unknown:
        raise Invalid(
            f"{path}: {len(made.unknown)} names are no meters here ({_some(made.unknown)}): import them "
            "with the registry first, or leave them out with --skip-unknown"
        )
    if not made.stretches:
        raise Invalid(f"{path}: it holds nothing of any meter here; nothing was imported")


def _refuse_future(file: Understood, now: datetime) -> None:
    """A year mistaken, or a day for a month: whatever came after it would be out of its order."""
    length = 0 if file.values is Values.REGISTER else file.interval_s
    ends = [int(each.at_s[-1]) + length for each in file.series.values() if len(each.at_s)]
    last = _at(max(ends, default=0)).astimezone(file.said.zone)
    if last > now + AHEAD:
        raise Invalid(
            f"{file.path}: it has values until {last:%Y-%m-%d %H:%M}, which has not come: "
            "mend its dates, or say --dates or --zone; nothing was imported"
        )


def _match(made: Plan, known: Names) -> None:
    for name, _ in made.file.series:
        meter = known.meter(name)
        if meter is None:
            made.unknown.append(name)
        else:
            made.names[name] = meter
    doubled = len(set(made.names.values())) < len(made.names)
    if doubled:
        raise Invalid(f"{made.file.path}: two of its names are the same meter")
    made.unknown = sorted(set(made.unknown))


def _directions(
    file: Understood, name: str, channel: Channel, series: Series
) -> Iterator[tuple[Channel, Floats]]:
    below = series.values < 0
    if not below.any():
        yield channel, series.values
        return
    at = datetime.fromtimestamp(int(series.at_s[below][0]), UTC).astimezone(file.said.zone)
    where = f"{file.path}: {name} at {at:%Y-%m-%d %H:%M}"
    if file.values is Values.REGISTER or channel not in _REVERSE:
        raise Invalid(f"{where}: a value below zero is no register's; nothing was imported")
    if file.said.negative is not Negative.EXPORT:
        raise Invalid(f"{where}: a value below zero: say --negative export if that is energy fed back")
    if (name, _REVERSE[channel]) in file.series:
        raise Invalid(f"{where}: a value below zero, and there is a column for energy fed back")
    yield channel, np.where(below, 0.0, series.values)
    yield _REVERSE[channel], np.where(below, -series.values, 0.0)


class _Standing:
    """What is known of the meters before the file comes: where they hang, and what was imported for them."""

    def __init__(self, connection: Connection, made: Plan, digest: str) -> None:
        self._file = made.file
        known = [each.at_s for each in made.file.series.values() if len(each.at_s)]
        first_s = min((int(at_s[0]) for at_s in known), default=0)
        last_s = max((int(at_s[-1]) for at_s in known), default=0)
        self._installed = matching.installed(connection, _at(first_s), _at(last_s))
        self._others: dict[tuple[str, str], list[Row[Any]]] = defaultdict(list)
        query = select(stretch_table, import_table.c.file).join(import_table)
        query = query.where(import_table.c.digest != digest).order_by(stretch_table.c.end)
        wanted = set(made.names.values())
        for row in connection.execute(query):
            if row.meter in wanted:
                self._others[row.meter, row.quantity].append(row)

    def stretch(self, meter: str, channel: Channel, series: Series, values: Floats) -> Stretch:
        file = self._file
        last_s = int(series.at_s[-1]) + (0 if file.values is Values.REGISTER else file.interval_s)
        divisor = matching.divisor(self._installed.get(meter, ()), meter, channel, file.said.side)
        own = values / divisor if divisor != 1 else values
        state, unseen = self._before(meter, channel, _at(int(series.at_s[0])), _at(last_s))
        if file.values is Values.REGISTER:
            whole = np.rint(own).astype(np.int64)
            run = Run(series.at_s, whole)
            return Stretch(meter, channel, (run,), State(int(whole[-1])), _advance(values), divisor)
        found = list(registers.runs(series.at_s, own, file.interval_s, state))
        first = found[0][0]
        made = (Run(first.at_s, first.values_wh, unseen), *(run for run, _ in found[1:]))
        return Stretch(meter, channel, made, found[-1][1], float(values.sum()), divisor)

    def _before(self, meter: str, channel: Channel, start: datetime, end: datetime) -> tuple[State, bool]:
        """Where the register stands when the file begins; whether that it begins again cannot be seen."""
        others = self._others[meter, channel.value]
        for row in others:
            _apart(row, meter, start, end, self._file)
        earlier = [row for row in others if row.end <= start]
        if not earlier:
            return State(), False
        last = earlier[-1]
        if last.end == start:
            return State(last.register_end_wh, last.remainder_wh), False
        return State(0, last.remainder_wh), last.register_end_wh == 0


def _apart(row: Row[Any], meter: str, start: datetime, end: datetime, file: Understood) -> None:
    since, until = (each.astimezone(file.said.zone) for each in (row.start, row.end))
    told = f"{meter} has values from {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} from {row.file}"
    if start < row.end and end > row.start:
        raise Conflict(f"{told}: they overlap with this file; nothing was imported")
    if end == row.start and file.values is not Values.REGISTER:
        raise Conflict(
            f"{told}, which follow on this file: bring files in oldest first; nothing was imported"
        )


def _begin(
    connection: Connection, made: Plan, digest: str, number: int | None, by: str, now: datetime
) -> int:
    if number is not None:
        return number  # it was cut off: its stretches are there
    row = {
        "digest": digest,
        "file": made.file.path.name[:200],
        "by": by,
        "at": now,
        "done_at": None,
        "report": reporting.as_json(made),
    }
    key = connection.execute(insert(import_table).values(row)).inserted_primary_key
    assert key is not None
    rows = [_row(int(key[0]), stretch) for stretch in made.stretches]
    connection.execute(insert(stretch_table), rows)
    return int(key[0])


def _row(number: int, stretch: Stretch) -> dict[str, object]:
    first, last = stretch.runs[0], stretch.runs[-1]
    return {
        "import": number,
        "meter": stretch.meter,
        "quantity": stretch.channel.value,
        "start": _at(int(first.at_s[0])),
        "end": _at(int(last.at_s[-1])),
        "register_start_wh": int(first.values_wh[0]),
        "register_end_wh": int(last.values_wh[-1]),
        "remainder_wh": stretch.state.remainder_wh,
    }


def _write(origin: Origin, made: Plan, digest: str, progress: Progress, came: Came) -> int:
    total = sum(stretch.count for stretch in made.stretches)
    with progress(total) as done:
        for seq, batch in enumerate(_batches(made), 1):
            try:
                origin.store.write(BatchOfReadings(IMPORT, digest[:32], seq, batch))
            except StoreFault as fault:
                raise Conflict(
                    f"{fault}; mend that and import the file again, nothing counts twice"
                ) from None
            came(batch)
            done(len(batch))
    return total


def _batches(made: Plan) -> Iterator[list[Reading]]:
    batch: list[Reading] = []
    for stretch in made.stretches:
        for run in stretch.runs:
            for reading in _readings(stretch, run):
                batch.append(reading)
                if len(batch) == BATCH:
                    yield batch
                    batch = []
    if batch:
        yield batch


def _readings(stretch: Stretch, run: Run) -> Iterator[Reading]:
    quality = Quality.SUSPECT if run.is_doubtful else Quality.GOOD
    for at_s, value in zip(run.at_s.tolist(), run.values_wh.tolist(), strict=True):
        yield Reading(stretch.meter, at_s * 1000, Source.IMPORT, {stretch.channel.value: value}, quality)
        quality = Quality.GOOD


def _digest(path: Path, said: Said) -> str:
    try:
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Invalid(f"{path}: {error.strerror}") from None
    return hashlib.sha256(f"{content}|{said.key()}".encode()).hexdigest()


def _advance(values: Floats) -> float:
    rises = np.diff(values)
    return float(rises[rises > 0].sum())


def _at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
