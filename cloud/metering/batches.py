"""The book of what came of every batch: stored, dead-lettered, or declared dropped by its gateway.

`Stored` is built from here, after the commit, and never from a worker's memory.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    LargeBinary,
    String,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
    tuple_,
    update,
)

from cloud.kit.db import Database, Instant, metadata
from protocols.mqtt.messages import MAX_INT, Dropped

NEAR = 64
"""How far around a batch just settled we look for settled neighbours: twice what may be in flight."""
FIRST = 512
"""How many batches beyond the first gap are looked at for ranges."""


class Outcome(StrEnum):
    STORED = "stored"
    DEAD_LETTERED = "dead-lettered"


class Arrival(StrEnum):
    """How a batch stands to the one already in the book under its name."""

    NEW = "new"
    SAME = "same"
    OTHER = "other"


batch_table = Table(
    "batch",
    metadata,
    Column("gateway", String(32), primary_key=True),
    Column("epoch", String(64), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("outcome", String(16), nullable=False),
    Column("readings", Integer, nullable=False),
    Column("digest", LargeBinary(16), nullable=False),
    Column("at", Instant, nullable=False),
)
dropped_table = Table(
    "dropped",
    metadata,
    Column("gateway", String(32), primary_key=True),
    Column("epoch", String(64), primary_key=True),
    Column("first_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("last_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("readings", Integer, nullable=False),
    Column("reason", String(200), nullable=False),
    Column("at", Instant, nullable=False),
)
settled_table = Table(
    "settled",
    metadata,
    Column("gateway", String(32), primary_key=True),
    Column("epoch", String(64), primary_key=True),
    Column("upto", BigInteger, nullable=False),
)


Key = tuple[str, str, int]
"""(gateway, epoch, seq)."""


@dataclass(frozen=True, slots=True)
class Booked:
    """What came of one batch, and the digest by which it is known again."""

    key: Key
    outcome: Outcome
    readings: int
    content: bytes


def arrival(connection: Connection, gateway: str, epoch: str, seq: int, content: bytes) -> Arrival:
    """Whether the batch is new, there already, or shares its name with another (an old image put back)."""
    return arrivals(connection, {(gateway, epoch, seq): content})[gateway, epoch, seq]


def arrivals(connection: Connection, contents: Mapping[Key, bytes]) -> dict[Key, Arrival]:
    """As `arrival`, for many batches in one question."""
    rows = connection.execute(_DIGESTS, {"keys": list(contents)}).all()
    known = {(gateway, epoch, seq): digest for gateway, epoch, seq, digest in rows}
    return {
        key: Arrival.NEW if key not in known else Arrival.SAME if known[key] == content else Arrival.OTHER
        for key, content in contents.items()
    }


def record(
    connection: Connection, key: Key, outcome: Outcome, readings: int, content: bytes, at: datetime
) -> None:
    """Write down what came of a batch; its outcome may change later, by a replay, but it stays settled."""
    row = {"outcome": outcome.value, "readings": readings, "digest": content, "at": at}
    changed = connection.execute(update(batch_table).where(_is(*key)).values(row))
    if not changed.rowcount:
        record_new(connection, [Booked(key, outcome, readings, content)], at)


def record_new(connection: Connection, booked: Sequence[Booked], at: datetime) -> None:
    """Write down many batches that the book does not have."""
    rows = [
        {
            "gateway": each.key[0],
            "epoch": each.key[1],
            "seq": each.key[2],
            "outcome": each.outcome.value,
            "readings": each.readings,
            "digest": each.content,
            "at": at,
        }
        for each in booked
    ]
    if rows:
        connection.execute(insert(batch_table), rows)
        _advance_all(connection, _runs(each.key for each in booked))


def _runs(keys: Iterable[Key]) -> dict[tuple[str, str], list[int]]:
    runs: dict[tuple[str, str], list[int]] = {}
    for gateway, epoch, seq in keys:
        runs.setdefault((gateway, epoch), []).append(seq)
    return runs


def record_dropped(connection: Connection, dropped: Dropped, at: datetime) -> bool:
    """Write down what a gateway gave up; False when that was known."""
    new = False
    for number, (first, last) in enumerate(dropped.seqs):
        key = {"gateway": dropped.gateway, "epoch": dropped.epoch, "first_seq": first, "last_seq": last}
        same = [dropped_table.c[name] == value for name, value in key.items()]
        if connection.execute(select(dropped_table.c.at).where(*same)).first() is None:
            readings = dropped.readings if number == 0 else 0  # the message gives one number for all ranges
            row = {**key, "readings": min(readings, 2**31 - 1), "reason": dropped.reason[:200], "at": at}
            connection.execute(insert(dropped_table).values(row))
            new = True
    if new:
        _advance(connection, dropped.gateway, dropped.epoch)
    return new


def settled_all(
    connection: Connection, near: Mapping[tuple[str, str], Sequence[int]]
) -> dict[tuple[str, str], list[tuple[int, int]]]:
    """As `settled`, for many (gateway, epoch): one question for all that have nothing beyond a gap."""
    ends = _ends(connection, near)
    return {
        run: [(1, ends[run].upto)]
        if run in ends and ends[run].nothing_beyond
        else settled(connection, *run, near=seqs)
        for run, seqs in near.items()
    }


def settled(
    connection: Connection, gateway: str, epoch: str, near: Iterable[int] = ()
) -> list[tuple[int, int]]:
    """Closed ranges: all from the first seq on, some beyond the first gap, and what lies around `near`."""
    upto = _upto(connection, gateway, epoch)
    ranges = [(1, upto)] if upto else []
    ranges += [(seq, seq) for seq in _after(connection, gateway, epoch, upto, FIRST)]
    ranges += _dropped(connection, gateway, epoch, upto + 1, MAX_INT)
    around = merged((max(seq - NEAR, upto + 1), seq + NEAR) for seq in near if seq + NEAR > upto)
    for first, last in around:
        ranges += [(each, each) for each in _between(connection, gateway, epoch, first, last)]
        ranges += _dropped(connection, gateway, epoch, first, last)
    return merged(ranges)


@dataclass(frozen=True, slots=True)
class Missing:
    """Seqs (first to last) that did not come though later ones did, the first of these at `since`."""

    epoch: str
    first: int
    last: int
    since: datetime


def missing(connection: Connection, gateway: str, epoch: str, before: datetime) -> list[Missing]:
    """The gaps behind which something came before that instant, as far as `FIRST` batches look."""
    upto = _upto(connection, gateway, epoch)
    table = batch_table.c
    query = select(table.seq, table.at).where(
        table.gateway == gateway, table.epoch == epoch, table.seq > upto
    )
    came = connection.execute(query.order_by(table.seq).limit(FIRST)).all()
    if not came:
        return []
    declared = _dropped(connection, gateway, epoch, upto + 1, came[-1].seq)
    known = merged([(1, upto), *((row.seq, row.seq) for row in came), *declared] if upto else
                   [(0, 0), *((row.seq, row.seq) for row in came), *declared])  # fmt: skip
    gaps = [(low[1] + 1, high[0] - 1) for low, high in pairwise(known)]
    found = []
    for first, last in gaps:
        since = min((row.at for row in came if row.seq > last), default=None)
        if since is not None and since < before:
            found.append(Missing(epoch, first, last, since))
    return found


def prune(database: Database, before: datetime) -> int:
    """Forget batches below the unbroken run of their epoch: what is settled stays told, from `settled`.

    One of them that comes again is stored again, which changes nothing.
    """
    with database.read() as connection:
        runs = connection.execute(select(settled_table)).all()
    count = 0
    for run in runs:
        table = batch_table
        old = (table.c.gateway == run.gateway) & (table.c.epoch == run.epoch) & (table.c.seq <= run.upto)
        with database.write() as connection:
            count += connection.execute(delete(table).where(old, table.c.at < before)).rowcount
    return count


def merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same seqs in as few closed ranges as can be."""
    joined: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return joined


@dataclass(frozen=True, slots=True)
class _End:
    """Of the unbroken run from 1 (`upto`), of what was stored and of what was declared dropped (or 0)."""

    upto: int
    stored: int
    dropped: int

    @property
    def nothing_beyond(self) -> bool:
        return self.stored <= self.upto and self.dropped <= self.upto


def _ends(connection: Connection, runs: Collection[tuple[str, str]]) -> dict[tuple[str, str], _End]:
    rows = connection.execute(_ENDS, {"runs": list(runs)}).all()
    return {
        (gateway, epoch): _End(upto, stored or 0, dropped or 0)
        for gateway, epoch, upto, stored, dropped in rows
    }


def _advance_all(connection: Connection, runs: Mapping[tuple[str, str], Sequence[int]]) -> None:
    """Move on the unbroken runs that these seqs, just booked, may have made longer."""
    ends, changes = _ends(connection, runs), []
    for (gateway, epoch), seqs in runs.items():
        end = ends.get((gateway, epoch), _End(0, 0, 0))
        upto = _run(end.upto, sorted(seq for seq in seqs if seq > end.upto))
        if end.upto and upto == end.stored and end.dropped <= end.upto:
            changes.append({"of_gateway": gateway, "of_epoch": epoch, "new_upto": upto})
        elif min(seqs) <= end.upto + 1:
            _advance(connection, gateway, epoch)
    if changes:
        connection.execute(_MOVE_ON, changes)


def _advance(connection: Connection, gateway: str, epoch: str) -> None:
    """Move the end of the unbroken run from seq 1 over everything that now follows on it."""
    before = upto = _upto(connection, gateway, epoch)
    while True:
        further = _run(upto, _after(connection, gateway, epoch, upto, FIRST))
        further = _over_dropped(connection, gateway, epoch, further)
        if further == upto:
            break
        upto = further
    if upto == before:
        return
    mine = (settled_table.c.gateway == gateway) & (settled_table.c.epoch == epoch)
    if not connection.execute(update(settled_table).where(mine).values(upto=upto)).rowcount:
        connection.execute(insert(settled_table).values(gateway=gateway, epoch=epoch, upto=upto))


def _run(upto: int, seqs: Iterable[int]) -> int:
    for seq in seqs:
        if seq != upto + 1:
            break
        upto = seq
    return upto


def _over_dropped(connection: Connection, gateway: str, epoch: str, upto: int) -> int:
    table = dropped_table.c
    query = select(func.max(table.last_seq)).where(
        table.gateway == gateway, table.epoch == epoch, table.first_seq <= upto + 1, table.last_seq > upto
    )
    return connection.execute(query).scalar() or upto


def _upto(connection: Connection, gateway: str, epoch: str) -> int:
    query = select(settled_table.c.upto).where(
        settled_table.c.gateway == gateway, settled_table.c.epoch == epoch
    )
    return connection.execute(query).scalar() or 0


def _after(connection: Connection, gateway: str, epoch: str, seq: int, limit: int) -> list[int]:
    table = batch_table.c
    query = select(table.seq).where(table.gateway == gateway, table.epoch == epoch, table.seq > seq)
    return list(connection.scalars(query.order_by(table.seq).limit(limit)))


def _between(connection: Connection, gateway: str, epoch: str, first: int, last: int) -> list[int]:
    table = batch_table.c
    query = select(table.seq).where(table.gateway == gateway, table.epoch == epoch)
    return list(connection.scalars(query.where(table.seq.between(first, last))))


def _dropped(
    connection: Connection, gateway: str, epoch: str, first: int, last: int
) -> list[tuple[int, int]]:
    """The first of the declared ranges that touch [first, last]."""
    table = dropped_table.c
    query = select(table.first_seq, table.last_seq).where(
        table.gateway == gateway, table.epoch == epoch, table.last_seq >= first, table.first_seq <= last
    )
    return [(low, high) for low, high in connection.execute(query.order_by(table.first_seq).limit(FIRST))]


def _is(gateway: str, epoch: str, seq: int) -> Any:
    table = batch_table.c
    return (table.gateway == gateway) & (table.epoch == epoch) & (table.seq == seq)


# made once: to put a statement together costs more than to execute it

_DIGESTS = select(batch_table.c.gateway, batch_table.c.epoch, batch_table.c.seq, batch_table.c.digest).where(
    tuple_(batch_table.c.gateway, batch_table.c.epoch, batch_table.c.seq).in_(
        bindparam("keys", expanding=True)
    )
)
_ENDS = select(
    settled_table,
    select(func.max(batch_table.c.seq))
    .where(batch_table.c.gateway == settled_table.c.gateway, batch_table.c.epoch == settled_table.c.epoch)
    .scalar_subquery(),
    select(func.max(dropped_table.c.last_seq))
    .where(dropped_table.c.gateway == settled_table.c.gateway, dropped_table.c.epoch == settled_table.c.epoch)
    .scalar_subquery(),
).where(tuple_(settled_table.c.gateway, settled_table.c.epoch).in_(bindparam("runs", expanding=True)))
_MOVE_ON = (
    update(settled_table)
    .where(settled_table.c.gateway == bindparam("of_gateway"), settled_table.c.epoch == bindparam("of_epoch"))
    .values(upto=bindparam("new_upto"))
)
