"""What may not be of each kind of row: told with the row's number; nothing is written then."""

from collections.abc import Sequence
from itertools import pairwise

from sqlalchemy import Connection, select

from cloud.customers.file.contract_terms import objections
from cloud.customers.file.contracts import contract_table
from cloud.customers.file.needs import DETAILED, Need
from cloud.customers.intake import spells
from cloud.customers.intake.kinds import CHUNK, Given, State, Taking, Values, Wrong
from cloud.customers.store import account_table, service_table
from cloud.fleet.history import at_points
from cloud.kit.days import local_day
from cloud.kit.errors import NotFound
from cloud.tariffs.documents import PriceSource


def account(connection: Connection, rows: Sequence[Given], state: State, _: Taking) -> list[Wrong]:
    """An account never passes to another customer: the new one would see the old one's curve."""
    query = select(account_table.c.no, account_table.c.customer)
    owners = {row.no: row.customer for row in connection.execute(query)}
    found = []
    for row in rows:
        customer, no = state[row.key]["customer"], row.key[0]
        owner = owners.get(no, customer)
        if owner != customer:
            why = f"account {no!r} is {owner!r}'s: end its service and open a new account"
            found.append(Wrong("account", row.number, why))
    return found


def accounts_still_fit(connection: Connection, rows: Sequence[Given], taking: Taking) -> list[Wrong]:
    """Whose class is another now: their contract has to go with it."""
    numbers = {row.key[0]: row.number for row in rows}
    found, today = [], local_day(taking.now, taking.zone)
    for at in range(0, len(rows), CHUNK):
        query = select(contract_table, account_table.c["class"].label("class_")).join(account_table)
        chosen = [row.key[0] for row in rows[at : at + CHUNK]]
        open_ = contract_table.c.to_day.is_(None) | (contract_table.c.to_day > today)
        for held in connection.execute(query.where(open_, contract_table.c.account.in_(chosen))).mappings():
            told = objections(dict(held), held["class_"], taking.tariffs(), taking.terms())
            found += [Wrong("account", numbers[held["account"]], f"its contract: {why}") for why in told]
    return found


def service(connection: Connection, rows: Sequence[Given], state: State, _: Taking) -> list[Wrong]:
    """A service is of a metering point: where the meter it names hung when it began, or first after."""
    new = [key for row in rows if state[key := row.key]["point"] is None]
    hung = at_points(connection, {key[1] for key in new})
    for key in new:
        spans = hung.get(key[1], [])
        later = [span for span in spans if span.until > key[2]] or spans[-1:]
        state[key]["point"] = later[0].values["point"] if later else key[1]
    return []


def served_twice(connection: Connection, _: Sequence[Given], __: Taking) -> list[Wrong]:
    """Of each point, services that overlap: then nobody could say whose consumption it is."""
    query = select(service_table).order_by(service_table.c.point, service_table.c.start)
    return [
        Wrong(
            "service", None, f"meter {late.meter!r} serves account {early.account} and {late.account} at once"
        )
        for early, late in pairwise(connection.execute(query))
        if early.point == late.point and (early.end is None or early.end > late.start)
    ]


def contract(connection: Connection, rows: Sequence[Given], state: State, taking: Taking) -> list[Wrong]:
    catalogue, terms = taking.tariffs(), taking.terms()
    classes = _classes(connection, sorted({row.key[0] for row in rows}))
    numbers = {row.key: row.number for row in rows}
    found: list[Wrong] = []
    for row in rows:
        values = state[row.key]
        _fill(values, taking)
        found += [
            Wrong("contract", row.number, why)
            for why in objections(values, classes[row.key[0]], catalogue, terms)
        ]
    for key, why in spells.settle(state, "from_day", "to_day"):
        found.append(Wrong("contract", numbers.get(key), f"account {key[0]}: {why}"))
    return found


def _fill(values: Values, taking: Taking) -> None:
    """The tariff by its own name, not an alias; who makes the price is as the tariff says unless said."""
    try:
        tariff = taking.tariffs().documents(values["tariff"])[-1]
    except NotFound:
        return
    values["tariff"] = tariff.id
    if values["price_source"] is None:
        values["price_source"] = PriceSource(tariff.price_source).value


def _classes(connection: Connection, accounts: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for at in range(0, len(accounts), CHUNK):
        query = select(account_table.c.no, account_table.c["class"])
        chosen = query.where(account_table.c.no.in_(accounts[at : at + CHUNK]))
        found.update({row[0]: row[1] for row in connection.execute(chosen)})
    return found


def grade(_: Connection, rows: Sequence[Given], state: State, __: Taking) -> list[Wrong]:
    numbers = {row.key: row.number for row in rows}
    wrong = spells.settle(state, "from_day", "to_day")
    return [Wrong("grade", numbers.get(key), f"account {key[0]}: {why}") for key, why in wrong]


def need(_: Connection, rows: Sequence[Given], state: State, taking: Taking) -> list[Wrong]:
    numbers = {row.key: row.number for row in rows}
    found = [
        Wrong("need", numbers.get(key), f"account {key[0]}, {key[1]}: {why}")
        for key, why in spells.overlaps(state, "ended_at")
    ]
    for row in rows:
        values = state[row.key]
        if Need(values["need"]) in DETAILED and not values["detail"]:
            found.append(Wrong("need", row.number, "detail: say which help, or which channel"))
        found += _past("need", row, values, ("since", "ended_at"), taking)
    return found


def consent(_: Connection, rows: Sequence[Given], state: State, taking: Taking) -> list[Wrong]:
    """A file never takes a withdrawal back: who agrees again does so anew."""
    numbers = {row.key: row.number for row in rows}
    found = [
        Wrong("consent", numbers.get(key), f"customer {key[0]}, {key[1]}: {why}")
        for key, why in spells.overlaps(state, "withdrawn_at")
    ]
    for row in rows:
        values = state[row.key]
        if "withdrawn_at" in row.values and row.values["withdrawn_at"] is None:
            found.append(Wrong("consent", row.number, "withdrawn_at: a withdrawal is not taken back"))
        found += _past("consent", row, values, ("given_at", "withdrawn_at"), taking)
    return found


def person(_: Connection, rows: Sequence[Given], state: State, taking: Taking) -> list[Wrong]:
    found = []
    for row in rows:
        values = state[row.key]
        if (values["quiet_from"] is None) != (values["quiet_until"] is None):
            found.append(Wrong("person", row.number, "quiet_from and quiet_until come together"))
        found += _past("person", row, values, ("ended_at",), taking)
    return found


def _past(kind: str, row: Given, values: Values, names: Sequence[str], taking: Taking) -> list[Wrong]:
    """What has been said is of the past, and ends after it began."""
    instants = [values[name] for name in names if values[name] is not None]
    if late := next((name for name in names if values[name] and values[name] > taking.now), None):
        return [Wrong(kind, row.number, f"{late}: {values[late]:%Y-%m-%d} is to come")]
    if instants != sorted(set(instants)):
        return [Wrong(kind, row.number, f"{names[-1]} must be later than {names[0]}")]
    return []
