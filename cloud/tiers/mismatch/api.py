"""Cases of contradicting behaviour over HTTP: for operators alone, never on a customer's route."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from fastapi import Depends
from pydantic import BaseModel, Field

from cloud.customers import store as customers
from cloud.kit.auth import User
from cloud.kit.db import Database
from cloud.kit.errors import NotFound
from cloud.kit.guard import Guard
from cloud.kit.moving import Happened
from cloud.kit.paging import AfterId, Limit, Page, RowId, further
from cloud.kit.problems import RESPONSES
from cloud.kit.routes import Routes
from cloud.tiers.mismatch import store
from cloud.tiers.mismatch.actions import Mismatches
from cloud.tiers.mismatch.rules import Event
from cloud.tiers.mismatch.store import CASES, Case


class CaseOut(BaseModel):
    """Behaviour that speaks for another class than the contract's: evidence with numbers, never a verdict.

    `difference` yuan over the months in `priced`, null where it is not known; `source`: the station's own
    classes spoke, or published profiles ("prior").
    """

    id: int
    account: str
    class_: Annotated[str, Field(serialization_alias="class")]
    seems: str
    state: str
    probability: float
    months: int
    in_row: int
    month: date
    coverage: float | None
    estimated: float | None
    evidence: list[dict[str, Any]]
    checks: list[str]
    difference: Decimal | None
    priced: dict[str, Any]
    source: str
    found_at: datetime
    changed_at: datetime
    settled_at: datetime | None
    quiet_until: date | None


class CaseDetail(CaseOut):
    happened: list[Happened]


class WorthOut(BaseModel):
    """What looks came to: `share` is of those that somebody looked at, null before the first."""

    settled: int
    confirmed: int
    not_confirmed: int
    dismissed: int
    share: float | None


class ModelOut(BaseModel):
    """How well behaviour tells the station's classes apart, out of fold; `accounts` by family."""

    month: date
    source: str
    accounts: dict[str, int]
    balanced: float | None
    recall: dict[str, float | None]
    confusion: dict[str, dict[str, int]]
    at: datetime


class EvidenceOut(BaseModel):
    """What an account's behaviour speaks for, by family, classes weighed evenly."""

    account: str
    month: date
    class_: Annotated[str, Field(serialization_alias="class")]
    probabilities: dict[str, float]
    months: int
    in_row: int
    coverage: float | None
    estimated: float | None
    source: str
    at: datetime


class Said(BaseModel):
    """`event` check | withdraw | confirm | refute | dismiss; the last three need a note."""

    event: Event
    note: Annotated[str, Field(max_length=500)] = ""


def router(database: Database, guard: Guard, mismatches: Mismatches) -> Routes:
    routes = Routes(tags=["class evidence"], responses=RESPONSES, prefix="/mismatch")
    Operator = Annotated[User, Depends(guard.operator)]  # noqa: N806 - a type

    @routes.get("/cases")
    def cases(_: Operator, waiting: bool = True, after: AfterId = None, limit: Limit = 100) -> Page[CaseOut]:
        """Those that wait, the surest first; with `waiting` false all, newest first."""
        with database.read() as connection:
            found = store.cases(connection, waiting=waiting, after=after, limit=limit + 1)
        more = further(found, limit, after, ranked=waiting)
        return Page(items=[CaseOut(**_plain(each)) for each in found[:limit]], next=more)

    @routes.get("/worth")
    def worth(_: Operator) -> WorthOut:
        """What the list was worth so far."""
        with database.read() as connection:
            found = store.worth(connection)
        names = ("settled", "confirmed", "not_confirmed", "dismissed", "share")
        return WorthOut(**{name: getattr(found, name) for name in names})

    @routes.get("/model")
    def model(_: Operator) -> ModelOut:
        """How far the list can be trusted. NotFound: nothing was judged yet."""
        with database.read() as connection:
            found = store.newest_model(connection)
        if found is None:
            raise NotFound("nothing was judged yet")
        return ModelOut(**{name: getattr(found, name) for name in ModelOut.model_fields})

    @routes.get("/evidence/{account}")
    def evidence(_: Operator, account: str) -> EvidenceOut:
        """NotFound: there is no such account, or too few months of it can be judged."""
        with database.read() as connection:
            customers.account(connection, account)
            found = store.evidence(connection, [account]).get(account)
        if found is None:
            raise NotFound(f"of account {account} too few months can be judged")
        return EvidenceOut(**{name: getattr(found, name) for name in EvidenceOut.model_fields})

    @routes.get("/cases/{id}")
    def one(_: Operator, id: RowId) -> CaseDetail:  # noqa: A002
        """One of them with what was done about it."""
        with database.read() as connection:
            found = store.case(connection, id)
            happened = [Happened.model_validate(each) for each in CASES.events(connection, id)]
        return CaseDetail(**_plain(found), happened=happened)

    @routes.post("/cases/{id}/events")
    def say(user: Operator, id: RowId, body: Said) -> CaseOut:  # noqa: A002
        """What somebody does about it, or saw on site."""
        with database.write() as connection:
            return CaseOut(**_plain(mismatches.act(connection, id, body.event, user.login, body.note)))

    return routes


def _plain(of: Case) -> dict[str, Any]:
    return {name: getattr(of, name) for name in CaseOut.model_fields}
