"""The kinds of rows that an import takes: which table and key each has, whose it is, how a table names it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy import Connection, Table

from cloud.customers.file.consents import Purpose
from cloud.customers.file.contract_terms import ContractTerms
from cloud.customers.intake.entries import Entry
from cloud.fleet.owners import Owners
from cloud.tariffs.catalogue import Catalogue

CHUNK = 500
"""So many names at once in a query."""
Key = tuple[Any, ...]
Values = dict[str, Any]


Withdrawn = Callable[[Connection, str, Purpose, datetime], None]
"""Ends what rested on a customer's consent for a purpose."""


def nothing_more(_: Connection, __: str, ___: Purpose, ____: datetime) -> None:
    """Nothing rests on it."""


@dataclass(frozen=True, slots=True)
class Taking:
    """Who takes rows in, when and where; `system` is whose file it is, `owners` None where all is ours.

    `withdrawn` ends, in the same transaction, what rested on a consent.
    """

    by: str
    now: datetime
    zone: tzinfo
    tariffs: Callable[[], Catalogue]
    terms: Callable[[], ContractTerms]
    owners: Owners | None = None
    system: str = ""
    withdrawn: Withdrawn = nothing_more


@dataclass(frozen=True, slots=True)
class Given:
    """One row: `values` by column, those alone that the row speaks of; `number` as the file counts."""

    number: int
    key: Key
    values: Values


@dataclass(frozen=True, slots=True)
class Wrong:
    """Why a row is not taken; `number` None where it is of no one row."""

    kind: str
    number: int | None
    why: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.why}" if self.number is None else f"{self.kind} {self.number}: {self.why}"


State = dict[Key, Values]
"""Every row of the subjects that an import touches, by key, as it would be."""
Judge = Callable[[Connection, Sequence[Given], State, Taking], list[Wrong]]
"""May set what follows from the rest in the state, and says what may not be."""


After = Callable[[Connection, Sequence[Given], Taking], list[Wrong]]
"""What may not be when all rows of all kinds are written."""


Then = Callable[[Connection, Sequence[Key], Taking], None]
"""What follows from rows that were ended, or added as ended."""


def nothing_then(_: Connection, __: Sequence[Key], ___: Taking) -> None:
    """Nothing follows."""


def no_judge(_: Connection, __: Sequence[Given], ___: State, ____: Taking) -> list[Wrong]:
    return []


def nothing_after(_: Connection, __: Sequence[Given], ___: Taking) -> list[Wrong]:
    return []


@dataclass(frozen=True, slots=True)
class Kind:
    """`key` begins with the subject (an account, a customer); `new` are values of a row that is new.

    `needed`: what a new row must name beside what its entry requires. `closes`: the column that ends a row,
    and the one that says who did. `sticky`: what no file takes away. `owner` is the field of owners.toml,
    `owners` where columns differ; `guarded`: a row is itself what is owned: another system may not add one
    either. `secret` parts of a key are not shown.
    """

    name: str
    entry: type[Entry]
    table: Table
    key: tuple[str, ...]
    owner: str
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    new: Callable[[Taking], Values] = lambda _: {}
    needed: tuple[str, ...] = ()
    closes: tuple[str, str | None] | None = None
    judge: Judge = no_judge
    after: After = nothing_after
    then: Then = nothing_then
    sticky: frozenset[str] = frozenset()
    owners: Mapping[str, str] = field(default_factory=dict)
    guarded: bool = True
    secret: frozenset[str] = frozenset()

    def shown(self, key: Key) -> str:
        """The key for people, without what is secret."""
        parts = (part for name, part in zip(self.key, key, strict=True) if name not in self.secret)
        return " ".join(_plain(part) for part in parts)

    def owner_of(self, column: str) -> str:
        return self.owners.get(column, self.owner)


def _plain(part: Any) -> str:
    return f"{part:%Y-%m-%d %H:%M}Z" if isinstance(part, datetime) else str(part)
