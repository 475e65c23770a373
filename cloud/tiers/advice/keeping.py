"""Keeps what a run found: what stands already stays, what is new is put, what no longer holds expires."""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select, update

from cloud.tariffs.bill import as_json
from cloud.tiers.advice import store
from cloud.tiers.advice.lifecycle import MACHINE, Event
from cloud.tiers.advice.looks import looked_at
from cloud.tiers.advice.rules import Advice, Refused, TwoBills
from cloud.tiers.advice.store import Known, RefusalRow, State, advice_table

_TOLD = json.JSONEncoder(sort_keys=True, default=str)


@dataclass(frozen=True, slots=True)
class Kept:
    """How many are new, stand as before, stand renewed, expired; how many refusals."""

    new: int = 0
    same: int = 0
    renewed: int = 0
    expired: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """What rules of these `kinds` said of the accounts `judged` (None: all there are). `renewing` kinds keep
    their row from night to night: one that changes daily is one advice, not many."""

    kinds: frozenset[str]
    renewing: frozenset[str]
    judged: frozenset[str] | None
    advice: Sequence[Advice]
    refused: Sequence[Refused]
    month: date
    version: int


def keep(connection: Connection, found: Found, now: datetime, silent: timedelta) -> Kept:
    """All in the caller's transaction. What was declined or taken is not said again for `silent`."""
    before = store.known(connection, found.kinds)
    quiet = _quiet(connection, found.kinds, now - silent)
    new: list[Mapping[str, Any]] = []
    replaced: list[int] = []
    renewed = same = 0
    said: set[tuple[str, str]] = set()
    for each in found.advice:
        key = (each.account, each.kind)
        old, row = before.get(key), _row(each, found, now)
        if old is not None and old.inputs == row["inputs"]:
            same += 1
        elif old is not None and each.kind in found.renewing:
            _renew(connection, old, row)
            renewed += 1
        elif old is not None or key not in quiet:
            new.append(row)
            replaced += [old.id] if old is not None else []
        said.add(key)
    gone = [
        old.id
        for key, old in before.items()
        if key not in said and (found.judged is None or old.account in found.judged)
    ]
    store.move(connection, replaced, MACHINE.move(State.OPEN, Event.REPLACE), ended_at=now)
    store.move(connection, gone, MACHINE.move(State.OPEN, Event.EXPIRE), ended_at=now)
    store.put(connection, new)
    refused = [RefusalRow(each.account, each.kind, each.reason, each.params, now) for each in found.refused]
    store.put_refusals(connection, found.judged, found.kinds, refused)
    told = {each.account for each in found.advice} | {each.account for each in refused}
    looked_at(connection, told, now.date())
    return Kept(len(new), same, renewed, len(gone), len(refused))


def expire(connection: Connection, today: date, now: datetime) -> int:
    """What stands longer than it is valid; how many."""
    table = advice_table.c
    old = (table.state.in_(store.STANDING), table.valid_until < today)
    gone = {"state": MACHINE.move(State.OPEN, Event.EXPIRE), "ended_at": now}
    return int(connection.execute(update(advice_table).where(*old).values(gone)).rowcount)


def bills_json(bills: TwoBills) -> dict[str, Any]:
    return {
        "now": as_json(bills.now),
        "then": as_json(bills.then),
        "first": f"{bills.first}",
        "last": f"{bills.last}",
        "change": dict(bills.change),
        "partial": bills.partial,
    }


def _row(advice: Advice, found: Found, now: datetime) -> dict[str, Any]:
    bills = None if advice.bills is None else bills_json(advice.bills)
    change = None if advice.bills is None else advice.bills.change
    told = _TOLD.encode([advice.formula, advice.evidence, change, advice.needs])
    return {
        "account": advice.account,
        "kind": advice.kind,
        "state": State.OPEN,
        "made_at": now,
        "month": found.month,
        "version": found.version,
        "inputs": hashlib.blake2b(told.encode(), digest_size=16).hexdigest(),
        "saving": advice.saving,
        "formula": advice.formula[:1000],
        "evidence": dict(advice.evidence),
        "bills": bills,
        "confidence": advice.confidence,
        "needs": list(advice.needs),
        "valid_until": advice.valid_until,
    }


def _renew(connection: Connection, old: Known, row: Mapping[str, Any]) -> None:
    """New numbers, and the state and the day it was first said as they were."""
    kept = {name: value for name, value in row.items() if name not in ("state", "made_at")}
    connection.execute(update(advice_table).where(advice_table.c.id == old.id).values(kept))


def _quiet(connection: Connection, kinds: Collection[str], since: datetime) -> set[tuple[str, str]]:
    table = advice_table.c
    query = select(table.account, table.kind).where(
        table.kind.in_(sorted(kinds)),
        table.state.in_([State.DECLINED, State.TAKEN]),
        table.ended_at >= since,
    )
    return {(row.account, row.kind) for row in connection.execute(query)}
