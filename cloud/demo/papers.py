"""The made-up papers of the village's customers: contracts, grades, needs, consents, persons, bills.

Plainly samples: nobody's name, no telephone that exists; the tariffs' numbers are to be checked themselves.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from cloud.demo.station import Station, account_no

Row = dict[str, Any]
MONTHS = 13
"""So many months of bills: a year, and the same month of the year before."""
HOW = "示例表单"
KWH = {"household": 270, "business": 1_060, "large_industry": 2_600, "farm": 640}
PRICE = {"household": "0.538", "business": "0.72", "large_industry": "1.65", "farm": "0.55"}
LATE, OPEN = 7, 11
"""Every so many customers pay late, or have not paid the last bill due."""


def papers(station: Station, today: date) -> dict[str, list[Row]]:
    """What `wattpost cloud import customers` takes, beside the customers; the same at each call."""
    meters = [meter for meter in station.scenario["meter"] if meter.get("role") != "area"]
    people = [
        (number, str(meter["id"]), account_no(meter["id"]), station.class_of(meter))
        for number, meter in enumerate(meters)
    ]
    began = station.scenario["station"]["installed"]
    return {
        "contract": [_contract(number, account, class_, began) for number, _, account, class_ in people],
        "grade": list(_grades(people, began)),
        "need": list(_needs(people, began)),
        "consent": [
            row for number, meter, _, class_ in people for row in _consents(number, meter, class_, began)
        ],
        "person": [
            _person(number, meter) for number, meter, _, class_ in people if class_ == "large_industry"
        ],
        "bill": [
            row for number, _, account, class_ in people for row in _bills(number, account, class_, today)
        ],
    }


def _contract(number: int, account: str, class_: str, began: date) -> Row:
    row: Row = {"account": account, "from_day": began}
    if class_ == "household":
        plan = "tou" if number % 4 == 3 else "plain"
        persons = (2, 3, 4, 5)[number % 4]
        return row | {"tariff": "zhejiang-household", "plan": plan, "voltage": "220 V", "persons": persons}
    if class_ == "large_industry":
        basis = ("capacity", "demand", "contract")[number % 3]
        kva = (100, 125, 160)[number % 3]
        row |= {"tariff": "hubei-industry", "plan": "tou", "voltage": "10 kV", "standard": 90}
        row |= {"capacity_kva": kva, "basis": basis, "round_the_clock": number % 2 == 0}
        return row | ({"contracted_kw": kva * 6 // 10} if basis == "contract" else {})
    # No shipped tariff is for cultivation: farms pay as business, as policies/contracts.toml allows
    row |= {"tariff": "jiangsu-industry", "plan": "single", "voltage": "380 V"}
    return row | {"capacity_kva": 60 if class_ == "business" else 30}


def _grades(people: list[tuple[int, str, str, str]], began: date) -> Iterator[Row]:
    """One factory is on a list."""
    factories = [account for _, _, account, class_ in people if class_ == "large_industry"]
    for account in factories[:1]:
        yield {"account": account, "from_day": began, "grade": "second", "list_no": "示例名单〔2024〕第 1 号"}


def _needs(people: list[tuple[int, str, str, str]], began: date) -> Iterator[Row]:
    for number, _, account, class_ in people:
        if class_ == "large_industry" and number % 16 == 8:
            yield {"account": account, "need": "continuity", "since": began}
        elif class_ == "household" and number % 12 == 0:
            yield {"account": account, "need": "help", "since": began, "detail": "示例：需上门协助缴费"}
        elif class_ == "business" and number % 3 == 0:
            yield {"account": account, "need": "price", "since": began}


def _consents(number: int, meter: str, class_: str, began: date) -> Iterator[Row]:
    """Two of three are sent offers, every other is observed, who can shift load is asked to."""
    given = {"customer": f"C-{meter}", "given_at": began, "how": HOW}
    if number % 3 != 1:
        yield given | {"purpose": "offers"}
    if number % 2:
        yield given | {"purpose": "observation"}
    if class_ in ("large_industry", "business", "farm"):
        yield given | {"purpose": "response"}
    if class_ == "household" and number % 4 == 0:
        yield given | {"purpose": "roof"}


def _person(number: int, meter: str) -> Row:
    quiet = {"quiet_from": "22:00", "quiet_until": "07:00"}
    return {"customer": f"C-{meter}", "role": "electrician", "phone": f"000-0000-{number:04}", **quiet}


def _bills(number: int, account: str, class_: str, today: date) -> Iterator[Row]:
    """Of whole months before this one; which month is dear is the same in every year."""
    month = today.replace(day=1)
    for back in range(1, MONTHS + 1):
        month = (month - timedelta(days=1)).replace(day=1)
        season = (100, 96, 90, 84, 80, 92, 122, 128, 104, 84, 88, 102)[month.month - 1]
        kwh = Decimal(KWH[class_]) * (60 + (number * 37) % 80) * season / 10_000
        kwh = kwh.quantize(Decimal(1))
        due = (month + timedelta(days=62)).replace(day=1) - timedelta(days=6)
        paid = due + timedelta(days=12 if number % LATE == 3 and back % 4 == 2 else -8)
        open_ = number % OPEN == 5 or (class_ == "business" and number % 12 == 1)
        unpaid = paid >= today or (open_ and back == 2)
        amount = (kwh * Decimal(PRICE[class_])).quantize(Decimal("0.01"))
        row = {"account": account, "month": month, "kwh": kwh, "amount": amount, "due_on": due}
        yield row if unpaid else row | {"paid_on": paid}
