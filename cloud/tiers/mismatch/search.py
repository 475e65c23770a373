"""Keeps the list of cases in step with the evidence; what people said of an account counts.

An account that was looked at is left alone for as long as the policy says. What is not found any more lapses,
unless somebody is to look at it already.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

import numpy as np
from sqlalchemy import Connection

from cloud.analysis.classes import groups
from cloud.analysis.classes.features import NAMES
from cloud.analysis.classes.groups import Quartiles
from cloud.analysis.classes.model import VERSION
from cloud.kit.worklist import Changes, Worklist
from cloud.tiers.mismatch import rules
from cloud.tiers.mismatch.policy import MismatchPolicy
from cloud.tiers.mismatch.priced import Priced
from cloud.tiers.mismatch.rules import WAITING, Event, State
from cloud.tiers.mismatch.scoring import Scored
from cloud.tiers.mismatch.store import CASES, Case

LIST = Worklist(CASES, State.OPEN, Event.FOUND_AGAIN, Event.GONE)


def quiet(known: Sequence[Case], scored: Scored, today: date) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """(accounts,) those about whom somebody said something not long ago."""
    until = {each.account: each.quiet_until for each in known if each.quiet_until is not None}
    return np.array(
        [(end := until.get(each.no)) is not None and today < end for each in scored.rows.accounts], np.bool_
    )


def found_wrong(known: Sequence[Case]) -> set[tuple[str, str]]:
    """(account, class) of contracts that somebody saw to be wrong: nothing is learned from them."""
    return {(each.account, each.class_) for each in known if each.state == State.CONFIRMED}


def keep(
    connection: Connection,
    scored: Scored,
    places: Sequence[int],
    usual: Mapping[str, Mapping[str, Quartiles]],
    priced: Mapping[str, Priced],
    known: Sequence[Case],
    policy: MismatchPolicy,
    now: datetime,
) -> Changes:
    """Bring the list in step with the accounts at these `places`; `known` is every case there ever was."""
    waiting = {each.account: each for each in known if State(each.state) in WAITING}
    lapsed = {each.account: each for each in known if State(each.state) is State.LAPSED}
    found = {}
    for at in places:
        account = scored.rows.accounts[at].no
        row = _row(scored, at, usual, priced.get(account), policy, now)
        found[account] = (waiting.get(account) or lapsed.get(account), row)
    gone = [each for account, each in waiting.items() if account not in found]
    return LIST.keep(connection, found.values(), gone, now)


def _row(
    scored: Scored,
    at: int,
    usual: Mapping[str, Mapping[str, Quartiles]],
    priced: Priced | None,
    policy: MismatchPolicy,
    now: datetime,
) -> dict[str, Any]:
    judged, account = scored.judged, scored.rows.accounts[at]
    seems = policy.names[int(judged.seems()[at])]
    own = {name: float(value) for name, value in zip(NAMES, scored.usual[at], strict=True)}
    against = groups.contradictions(
        own, usual.get(policy.family(account.class_) or "", {}), usual.get(seems, {})
    )
    return {
        "account": account.no,
        "class": account.class_,
        "seems": seems,
        "probability": float(judged.probabilities[at, policy.names.index(seems)]),
        "months": int(judged.months[at]),
        "in_row": int(judged.in_row[at]),
        "month": scored.rows.months[-1],
        "coverage": float(scored.coverage[at]),
        "estimated": float(scored.estimated[at]),
        "evidence": [asdict(each) for each in against],
        "checks": [each.value for each in rules.checks(seems)],
        "difference": None if priced is None else priced.difference,
        "priced": {} if priced is None else priced.told,
        "source": scored.source,
        "version": VERSION,
        "policy": policy.version,
        "changed_at": now,
    }
