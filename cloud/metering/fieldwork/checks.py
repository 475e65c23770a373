"""What stands against a change at a metering point: its time, the history around it, its register values."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from sqlalchemy import Connection, select

from cloud.fleet import history, topology
from cloud.fleet.history import point_facts, point_table
from cloud.fleet.tables import area_table
from cloud.fleet.topology import Installation
from cloud.kit.errors import Conflict, Invalid, NotFound
from cloud.metering.fieldwork import known, rules
from cloud.metering.fieldwork.requests import Told
from cloud.metering.fieldwork.rules import Doubtful
from cloud.metering.store import ReadingStore
from protocols import models
from protocols.points import MeterModel

AHEAD = timedelta(minutes=2)


def known_point(connection: Connection, point: str) -> None:
    """NotFound when there is none."""
    if connection.execute(select(point_table.c.id).where(point_table.c.id == point)).first() is None:
        raise NotFound(f"there is no metering point {point!r}")


def known_area(connection: Connection, area: str) -> None:
    if connection.execute(select(area_table.c.id).where(area_table.c.id == area)).first() is None:
        raise Invalid(f"there is no area {area!r}")


def past(at: datetime, now: datetime) -> None:
    """What is written down has happened: nothing takes effect by itself later."""
    if at <= topology.BEGINNING:
        raise Invalid("that time is before any meter was read")
    if at > now + AHEAD:
        raise Invalid("that time is still to come: write it down when it has happened")


def said(told: Told) -> None:
    if not told.why.strip():
        raise Invalid("say why: it stays with the change")


def hanging(connection: Connection, point: str, at: datetime) -> Installation:
    """What measures the point at an instant."""
    known_point(connection, point)
    found = topology.at(connection, point, at)
    if found is None:
        raise Conflict(f"no meter hung at {point!r} at that time")
    return found


def newest_meter(connection: Connection, point: str, at: datetime) -> Installation:
    """The installation that an exchange at `at` ends; Conflict when the meter was changed at or after it."""
    last = topology.installations(connection, topology.BEGINNING, _FAR, points=[point])
    known_point(connection, point)
    if not last or last[-1].end is not None:
        raise Conflict(f"no meter hangs at {point!r} now")
    hung = history.load(connection, history.point_meter, [point])[point][-1]
    if hung.start >= at:
        raise Conflict(f"meter {last[-1].meter!r} came to {point!r} only at {hung.start:%Y-%m-%d %H:%M} UTC")
    return last[-1]


_FAR = datetime.max.replace(tzinfo=topology.BEGINNING.tzinfo)


def nothing_later(connection: Connection, point: str, at: datetime, fields: Sequence[str]) -> None:
    """Conflict when one of these fields changed again after `at`: that would be undone unseen."""
    spans = history.load(connection, point_facts, [point]).get(point, [])
    for one, other in pairwise(spans):
        if other.start > at and any(one.values[name] != other.values[name] for name in fields):
            raise Conflict(
                f"{point!r} was changed again at {other.start:%Y-%m-%d %H:%M} UTC: begin with that one"
            )


def model_of(name: str) -> MeterModel:
    """Invalid when there is no such model."""
    if name not in models.names():
        raise Invalid(f"there is no model {name!r}; use one of {', '.join(models.names())}")
    return models.load(name)


def registers(
    store: ReadingStore, installation: Installation, values: Mapping[str, int], at: datetime
) -> list[Doubtful]:
    """Invalid for what the meter cannot show; what is hard to believe of the rest."""
    model = model_of(installation.model)
    wrong = rules.unfit(values, model)
    if wrong:
        raise Invalid(wrong[0], wrong)
    rated = rules.rated_w(model, float(installation.ct_ratio * installation.pt_ratio))
    before = known.registers(store, installation.meter, values.keys(), at)
    return rules.doubts(values, at, before, rated)


class Doubted(Conflict):
    """What was written down is hard to believe; `doubts` says which values and why."""

    def __init__(self, doubts: Sequence[Doubtful]) -> None:
        told = "; ".join(each.text for each in doubts)
        super().__init__(f"hard to believe: {told}. Look again, or say why it is so all the same")
        self.doubts = tuple(doubts)


def believe(doubts: Iterable[Doubtful], told: Told) -> list[Doubtful]:
    """The doubts to keep; Conflict with all of them unless somebody says why it is so all the same."""
    found = list(doubts)
    serious = [each for each in found if each.doubt is not rules.Doubt.NOTHING_KNOWN]
    if serious and not told.despite.strip():
        raise Doubted(serious)
    return found
