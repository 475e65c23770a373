"""What a check of the doctor says: a state, what was seen, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """`todo` is empty where all is well."""

    about: str
    state: State
    seen: str
    todo: str = ""


def good(about: str, seen: str) -> Finding:
    return Finding(about, State.GOOD, seen)


def warn(about: str, seen: str, todo: str) -> Finding:
    return Finding(about, State.WARN, seen, todo)


def bad(about: str, seen: str, todo: str) -> Finding:
    return Finding(about, State.BAD, seen, todo)
