"""Long lists leave page by page: `next` of one page is `after` of the following one."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Generic, Protocol, TypeVar

from fastapi import Path, Query
from pydantic import BaseModel

T = TypeVar("T")

MAX_LIMIT = 500

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="At most so many items")]
After = Annotated[
    str, Query(max_length=64, pattern=r"^[^\x00-\x1f]*$", description="`next` of the page before this one")
]

MAX_ID = 2**31 - 1
AfterId = Annotated[int | None, Query(ge=1, le=MAX_ID, description="`next` of the page before this one")]
Day = Annotated[
    date, Query(ge=date(1970, 1, 2), le=date(2200, 1, 1), description="A local day, as 2026-06-01")
]
"""One to reckon with on both sides of it: the first and the last that a calendar knows are none."""
AskedDay = Day | None
RowId = Annotated[int, Path(ge=1, le=MAX_ID)]


class Page(BaseModel, Generic[T]):
    """`next` is null on the last page."""

    items: list[T]
    next: str | None = None


class Numbered(Protocol):
    @property
    def id(self) -> int: ...


def further(found: Sequence[Numbered], limit: int, after: int | None, *, ranked: bool) -> str | None:
    """`next` of a page for which one more than `limit` was asked.

    A `ranked` list goes on behind so many, any other behind a number.
    """
    if len(found) <= limit:
        return None
    return str((after or 0) + limit if ranked else found[limit - 1].id)
