"""Advice that a product answers, and reminders without money: each rule by itself, on the same facts."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo

from sqlalchemy import Connection

from cloud.kit.calendar import Calendar
from cloud.kit.days import local_day
from cloud.tiers.advice.equipment import (
    capacitor,
    night,
    reminders,
    replacing,
    solar,
    standby,
    storage,
    temperature,
)
from cloud.tiers.advice.equipment.around import gather
from cloud.tiers.advice.equipment.ground import Ground
from cloud.tiers.advice.equipment.hours import BandDays
from cloud.tiers.advice.equipment.policy import EquipmentPolicy
from cloud.tiers.advice.product_documents import Aim
from cloud.tiers.advice.products import Products
from cloud.tiers.advice.rules import EVERYBODY, Advice, Facts, Refused, Ruled
from cloud.tiers.overload import OverloadPolicy

Equipment = Callable[[Ground, Facts], Advice | Refused | None]

_FOR: tuple[tuple[str, frozenset[str], Equipment], ...] = (
    (Aim.POWER_FACTOR, EVERYBODY - {"household"}, capacitor.capacitor),
    (Aim.STANDBY, EVERYBODY, standby.standby),
    (Aim.COOLING, frozenset({"household", "business"}), temperature.cooling),
    ("heating", frozenset({"household", "business"}), temperature.heating),
    (Aim.PV, EVERYBODY, solar.pv),
    (Aim.STORAGE, frozenset({"large_industry", "business"}), storage.storage),
    (Aim.LIGHTING, frozenset({"large_industry", "business"}), replacing.lighting),
    (Aim.MOTOR, frozenset({"large_industry", "farm"}), replacing.motor),
    (Aim.HOT_WATER, frozenset({"household"}), replacing.hot_water),
    (Aim.EV, frozenset({"household"}), night.ev_night),
    (Aim.IRRIGATION, frozenset({"farm"}), night.irrigation),
    (Aim.TRAINING, EVERYBODY, reminders.training),
    (Aim.INSPECTION, EVERYBODY, reminders.important_inspection),
    (Aim.VOLTAGE, EVERYBODY, reminders.voltage_quality),
)
KINDS = tuple(str(kind) for kind, _, _ in _FOR)


@dataclass(frozen=True, slots=True)
class _Bound:
    """A rule with what it stands on."""

    ground: Ground
    decide: Equipment

    def __call__(self, facts: Facts) -> Advice | Refused | None:
        return self.decide(self.ground, facts)


def ground_of(
    connection: Connection,
    *,
    products: Products,
    policy: EquipmentPolicy,
    overload: OverloadPolicy,
    calendar: Calendar,
    now: datetime,
    zone: tzinfo,
) -> Ground:
    """For one run over any number of accounts: what is around is read here, once."""
    in_force = tuple(products.in_force(local_day(now, zone)))
    return Ground(in_force, policy, BandDays(calendar), gather(connection, policy, overload, now, zone))


def ruled(ground: Ground) -> list[Ruled]:
    """The rules on equipment, as the engine takes all rules."""
    return [Ruled(str(kind), classes, _Bound(ground, decide)) for kind, classes, decide in _FOR]
