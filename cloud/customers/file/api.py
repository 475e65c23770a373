"""A customer's file over HTTP: contracts, grades, needs, consents, persons to call.

Operators read and write any; a customer reads their own, declares needs, gives and withdraws consents.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import Row

from cloud.customers import store
from cloud.customers.file import consents, contracts, grades, needs, persons
from cloud.customers.file.actions import PORTAL, CustomerFile
from cloud.customers.file.consents import Purpose
from cloud.customers.file.grades import Grade
from cloud.customers.file.needs import Need
from cloud.customers.file.persons import PersonRole, Reach
from cloud.customers.intake.entries import ContractEntry, Day, LocalTime, No, Phone, Said, Text
from cloud.kit.auth import User
from cloud.kit.errors import Forbidden
from cloud.kit.guard import Guard
from cloud.kit.paging import RowId
from cloud.kit.problems import RESPONSES, explained
from cloud.kit.routes import Routes

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Why = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]


M = TypeVar("M", bound=BaseModel)


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class GradeIn(_In):
    account: No
    grade: Grade
    list_no: Text
    from_day: Day


class GradeEndIn(_In):
    account: No
    on: Day
    why: Why


class NeedIn(_In):
    account: No
    need: Need
    detail: Said = ""


class ConsentIn(_In):
    """An operator names the customer and how it was given; a customer needs neither."""

    purpose: Purpose
    customer: Id | None = None
    how: Said = ""


class ConsentEndIn(_In):
    purpose: Purpose
    customer: Id | None = None


class PersonIn(_In):
    customer: Id
    role: PersonRole
    phone: Phone
    name: Text | None = None
    reach: Reach = Reach.CALL
    quiet_from: LocalTime | None = None
    quiet_until: LocalTime | None = None


class ContractOut(BaseModel):
    """`to_day` null is still; numbers are decimals as text."""

    account: str
    from_day: date
    to_day: date | None
    tariff: str
    plan: str
    voltage: str
    capacity_kva: Decimal | None
    basis: str | None
    contracted_kw: Decimal | None
    basis_fixed_until: date | None
    capacity_change_on: date | None
    standard: int | None
    price_source: str
    persons: int | None
    moved_in: date | None
    round_the_clock: bool | None
    pv_kwp: Decimal | None


class GradeOut(BaseModel):
    """`by`, `ended_by`, `ended_why` are for operators."""

    grade: Grade
    from_day: date
    to_day: date | None
    list_no: str
    by: str | None = None
    recorded_at: datetime
    ended_by: str | None = None
    ended_why: str | None = None


class NeedOut(BaseModel):
    """`evidence` of what was observed, in numbers."""

    id: int
    need: Need
    detail: str
    origin: Literal["declared", "observed"]
    evidence: dict[str, Any]
    since: datetime
    ended_at: datetime | None
    by: str | None = None


class ConsentOut(BaseModel):
    purpose: Purpose
    given_at: datetime
    how: str
    withdrawn_at: datetime | None
    by: str | None = None
    withdrawn_by: str | None = None


class PersonOut(BaseModel):
    id: int
    role: PersonRole
    phone: str
    name: str | None
    reach: Reach
    quiet_from: str | None
    quiet_until: str | None
    since: datetime
    ended_at: datetime | None


class Made(BaseModel):
    """`id` null: it stood so already."""

    id: int | None


def router(file: CustomerFile, guard: Guard) -> Routes:
    routes = Routes(tags=["customer file"], responses=RESPONSES)
    routes.include_router(_agreed(file, guard))
    routes.include_router(_needed(file, guard))
    routes.include_router(_consented(file, guard))
    routes.include_router(_called(file, guard))
    return routes


def _agreed(file: CustomerFile, guard: Guard) -> Routes:
    routes = Routes()
    Operator = Annotated[User, Depends(guard.operator)]  # noqa: N806
    Reader = Annotated[User, Depends(guard.user)]  # noqa: N806

    @routes.get("/accounts/{no}/contracts")
    def of_account(user: Reader, no: str) -> list[ContractOut]:
        """Every contract of an account, oldest first."""
        with file.database.read() as connection:
            store.account(connection, no, user.customer)
            found = contracts.contracts_of(connection, no)
        return [ContractOut.model_validate(each, from_attributes=True) for each in found]

    @routes.post("/contracts", status_code=201)
    def begin(user: Operator, body: ContractEntry) -> None:
        """A contract begins; the one before ends that day. 422 names what stands against it."""
        file.begin_contract(user.login, body.model_dump(exclude_unset=True))

    @routes.get("/accounts/{no}/grades")
    def grades_of(user: Reader, no: str) -> list[GradeOut]:
        """What lists declared of an account (重要客户等级), oldest first."""
        with file.database.read() as connection:
            store.account(connection, no, user.customer)
            return [grade_out(row, user) for row in grades.grades_of(connection, no)]

    @routes.post("/grades", status_code=201, responses=explained(409))
    def declare(user: Operator, body: GradeIn) -> None:
        """A list declares an account important; it is never inferred."""
        file.declare_grade(user.login, body.account, body.grade, body.list_no, body.from_day)

    @routes.post("/grades/end", status_code=204)
    def end(user: Operator, body: GradeEndIn) -> None:
        """It is on no list any more."""
        file.end_grade(user.login, body.account, body.on, body.why)

    return routes


def _needed(file: CustomerFile, guard: Guard) -> Routes:
    routes = Routes()
    Reader = Annotated[User, Depends(guard.user)]  # noqa: N806

    @routes.get("/accounts/{no}/needs")
    def needs_of(user: Reader, no: str) -> list[NeedOut]:
        """What an account needs of the service (服务需求), newest first, with what it needed before."""
        with file.database.read() as connection:
            store.account(connection, no, user.customer)
            return [need_out(row, user) for row in needs.needs_of(connection, no)]

    @routes.post("/needs", status_code=201)
    def declare(user: Reader, body: NeedIn) -> Made:
        """The customer says so, here or to an operator."""
        return Made(id=file.declare_need(user.login, body.account, body.need, body.detail, user.customer))

    @routes.post("/needs/{id}/end", status_code=204, responses=explained(409))
    def end(user: Reader, id: RowId) -> None:  # noqa: A002
        """No longer needed; a customer ends their own."""
        file.end_need(user.login, id, user.customer)

    return routes


def _consented(file: CustomerFile, guard: Guard) -> Routes:
    routes = Routes()
    Operator = Annotated[User, Depends(guard.operator)]  # noqa: N806
    Reader = Annotated[User, Depends(guard.user)]  # noqa: N806

    @routes.get("/consents")
    def own(user: Reader) -> list[ConsentOut]:
        """What you agreed to and withdrew, newest first; none for an operator."""
        if user.customer is None:
            return []
        with file.database.read() as connection:
            return [consent_out(row, user) for row in consents.consents_of(connection, user.customer)]

    @routes.get("/customers/{id}/consents")
    def of_customer(user: Operator, id: str) -> list[ConsentOut]:  # noqa: A002
        """What a customer agreed to and withdrew, newest first."""
        with file.database.read() as connection:
            store.customer(connection, id)
            return [consent_out(row, user) for row in consents.consents_of(connection, id)]

    @routes.post("/consents", status_code=204)
    def give(user: Reader, body: ConsentIn) -> None:
        """A customer agrees; an operator writes down who did, and how."""
        how = body.how if user.customer is None else PORTAL
        file.give_consent(user.login, whose(user, body.customer), body.purpose, how)

    @routes.post("/consents/withdraw", status_code=204)
    def withdraw(user: Reader, body: ConsentEndIn) -> None:
        """From now on nothing is done that rests on it."""
        file.withdraw_consent(user.login, whose(user, body.customer), body.purpose)

    return routes


def _called(file: CustomerFile, guard: Guard) -> Routes:
    routes = Routes()
    Operator = Annotated[User, Depends(guard.operator)]  # noqa: N806

    @routes.get("/customers/{id}/persons")
    def persons_of(_: Operator, id: str) -> list[PersonOut]:  # noqa: A002
        """Whom to call, by role, with those that are called no more."""
        with file.database.read() as connection:
            store.customer(connection, id)
            found = persons.persons_of(connection, id, ended=True)
        return [PersonOut.model_validate(row, from_attributes=True) for row in found]

    @routes.post("/persons", status_code=201, responses=explained(409))
    def add(user: Operator, body: PersonIn) -> Made:
        """Somebody to call; a name only if they gave one."""
        return Made(id=file.add_person(user.login, body.model_dump(mode="json")))

    @routes.post("/persons/{id}/end", status_code=204, responses=explained(409))
    def end(user: Operator, id: RowId) -> None:  # noqa: A002
        """Not called any more."""
        file.end_person(user.login, id)

    return routes


def whose(user: User, named: str | None) -> str:
    """A customer is themselves; an operator says who. Forbidden where somebody names another."""
    if user.customer is not None:
        if named not in (None, user.customer):
            raise Forbidden("that is another customer")
        return user.customer
    if named is None:
        raise Forbidden("say which customer")
    return named


def grade_out(row: Row[Any], user: User) -> GradeOut:
    return _hidden(GradeOut.model_validate(row, from_attributes=True), user, "by", "ended_by", "ended_why")


def need_out(row: Row[Any], user: User) -> NeedOut:
    return _hidden(NeedOut.model_validate(row, from_attributes=True), user, "by")


def consent_out(row: Row[Any], user: User) -> ConsentOut:
    return _hidden(ConsentOut.model_validate(row, from_attributes=True), user, "by", "withdrawn_by")


def _hidden(made: M, user: User, *names: str) -> M:
    """Who of the staff wrote something is not for customers."""
    return made if user.customer is None else made.model_copy(update=dict.fromkeys(names))
