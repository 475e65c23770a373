"""Dated rows of one subject that never hold at once: where one begins, the one before it has ended."""

from collections.abc import Mapping
from datetime import date
from itertools import pairwise
from typing import Any

from cloud.customers.intake.kinds import Key, State


def settle(state: State, begin: str, end: str) -> list[tuple[Key, str]]:
    """End open rows where the next begins, in `state` itself; what overlaps all the same, and with what.

    Rows of one subject share all of their key but `begin`, its last part.
    """
    wrong = []
    for rows in _by_subject(state).values():
        for (one, earlier), (other, later) in pairwise(rows):
            if earlier[end] is None:
                earlier[end] = later[begin]
            elif earlier[end] > later[begin]:
                held = f"that from {_day(one[-1])} holds until {_day(earlier[end])}"
                wrong.append((other, f"{held}: two at once, end the earlier first"))
    return wrong


def overlaps(state: State, end: str) -> list[tuple[Key, str]]:
    """What overlaps; nothing ends by itself."""
    wrong = []
    for rows in _by_subject(state).values():
        for (one, earlier), (other, _) in pairwise(rows):
            if earlier[end] is None or earlier[end] > other[-1]:
                until = "still" if earlier[end] is None else f"until {_day(earlier[end])}"
                wrong.append((other, f"that of {_day(one[-1])} stands {until}: end it first"))
    return wrong


def _by_subject(state: State) -> Mapping[Key, list[tuple[Key, dict[str, Any]]]]:
    found: dict[Key, list[tuple[Key, dict[str, Any]]]] = {}
    for key in sorted(state):
        found.setdefault(key[:-1], []).append((key, state[key]))
    return found


def _day(at: Any) -> str:
    return at.isoformat() if type(at) is date else f"{at:%Y-%m-%d}"
