"""How a case of contradicting behaviour moves, and which accounts come on the list; pure.

A case says that behaviour speaks for another class than the contract's. Whether the contract is wrong is seen
on site, by a person.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from cloud.kit.states import Machine
from cloud.tiers.mismatch.policy import CaseLimits


class State(StrEnum):
    OPEN = "open"
    TO_CHECK = "to_check"
    CONFIRMED = "confirmed"
    """The use on site is not that of the contract's class: the contract is to be changed."""
    NOT_CONFIRMED = "not_confirmed"
    """The use on site is that of the contract's class."""
    DISMISSED = "dismissed"
    """Known to be right without a visit."""
    LAPSED = "lapsed"
    """The evidence went away before anybody looked."""


class Event(StrEnum):
    """`found_again`, `gone` are said by the search, the others by a person."""

    CHECK = "check"
    WITHDRAW = "withdraw"
    CONFIRM = "confirm"
    REFUTE = "refute"
    DISMISS = "dismiss"
    FOUND_AGAIN = "found_again"
    GONE = "gone"


class Check(StrEnum):
    """What to look at on site."""

    USE_ON_SITE = "use_on_site"
    SIGN_AND_LICENCE = "sign_and_licence"
    WHICH_METER_SERVES = "which_meter_serves"
    MIXED_USE = "mixed_use"
    TENANT = "tenant"
    CONTRACT_PAPERS = "contract_papers"
    LIVESTOCK_OR_PUMPS = "livestock_or_pumps"


MACHINE: Machine[State, Event] = Machine(
    "the case",
    {
        (State.OPEN, Event.CHECK): State.TO_CHECK,
        (State.OPEN, Event.CONFIRM): State.CONFIRMED,
        (State.OPEN, Event.REFUTE): State.NOT_CONFIRMED,
        (State.OPEN, Event.DISMISS): State.DISMISSED,
        (State.OPEN, Event.FOUND_AGAIN): State.OPEN,
        (State.OPEN, Event.GONE): State.LAPSED,
        (State.TO_CHECK, Event.WITHDRAW): State.OPEN,
        (State.TO_CHECK, Event.CONFIRM): State.CONFIRMED,
        (State.TO_CHECK, Event.REFUTE): State.NOT_CONFIRMED,
        (State.TO_CHECK, Event.DISMISS): State.DISMISSED,
        (State.TO_CHECK, Event.FOUND_AGAIN): State.TO_CHECK,
        (State.TO_CHECK, Event.GONE): State.TO_CHECK,
        (State.LAPSED, Event.FOUND_AGAIN): State.OPEN,
    },
)
WAITING = frozenset({State.OPEN, State.TO_CHECK})
SETTLED = frozenset({State.CONFIRMED, State.NOT_CONFIRMED, State.DISMISSED})
BY_PERSON = frozenset({Event.CHECK, Event.WITHDRAW, Event.CONFIRM, Event.REFUTE, Event.DISMISS})
NEEDS_NOTE = frozenset({Event.CONFIRM, Event.REFUTE, Event.DISMISS})
_ALWAYS = (Check.USE_ON_SITE, Check.WHICH_METER_SERVES, Check.CONTRACT_PAPERS)
_OF_FAMILY: Mapping[str, tuple[Check, ...]] = {
    "business": (Check.SIGN_AND_LICENCE, Check.MIXED_USE),
    "household": (Check.TENANT, Check.MIXED_USE),
    "farm": (Check.LIVESTOCK_OR_PUMPS,),
}


@dataclass(frozen=True, slots=True)
class Judged:
    """Accounts beside one another: `own` the family of the contract by place; `probabilities` (accounts,
    families), NaN without evidence; `in_row` months to the newest of which each speaks for another family;
    `by_prior`: published profiles spoke.
    """

    own: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    months: NDArray[np.int64]
    in_row: NDArray[np.int64]
    by_prior: bool

    def seems(self) -> NDArray[np.int64]:
        """(accounts,) the family that most speaks for among the others; -1 without evidence."""
        others = np.nan_to_num(self.probabilities, nan=-1.0)
        rows = np.flatnonzero(self.own >= 0)
        others[rows, self.own[rows]] = -1.0
        return np.where(others.max(axis=1) > -1.0, others.argmax(axis=1), -1)


def listed(judged: Judged, limits: CaseLimits, quiet: NDArray[np.bool_]) -> list[int]:
    """The accounts that come on the list, the surest first: places in `judged`.

    Of equal evidence the longer; never more than the policy's share of all accounts with evidence.
    """
    seems = judged.seems()
    surest = judged.probabilities[np.arange(len(seems)), np.maximum(seems, 0)]
    least = limits.prior_probability if judged.by_prior else limits.probability
    wanted = (judged.own >= 0) & (seems >= 0) & ~quiet & (judged.in_row >= limits.in_row)
    wanted &= np.nan_to_num(surest) >= least
    known = int((~np.isnan(judged.probabilities).any(axis=1)).sum())
    most = max(limits.least_listed, int(limits.most_share * known))
    order = sorted(np.flatnonzero(wanted), key=lambda at: (-surest[at], -judged.in_row[at], at))
    return [int(at) for at in order[:most]]


def in_a_row(contradicts: Sequence[bool]) -> int:
    """How many of the newest months, oldest first, contradict without a break."""
    count = 0
    for each in reversed(contradicts):
        if not each:
            break
        count += 1
    return count


def checks(seems: str) -> tuple[Check, ...]:
    """What to look at where behaviour speaks for this family."""
    return (*_ALWAYS, *_OF_FAMILY.get(seems, ()))
