"""Reads equipment.toml: from when on advice on equipment is given, and what it is reckoned with."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cloud import policies
from cloud.customers.file.grades import Grade
from cloud.tariffs.documents import CustomerClass

Share = Annotated[float, Field(gt=0, le=1)]
Times = Annotated[float, Field(ge=1, le=100)]
Count = Annotated[int, Field(ge=1, le=1000)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Kwh = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Peers(_Strict):
    """Never fewer than 10: a smaller group would tell about its members."""

    least: Annotated[int, Field(ge=10, le=10_000)]
    size: Times


class Duty(_Strict):
    base_share: Share
    classes: tuple[CustomerClass, ...]
    important: bool


class CapacitorLimits(_Strict):
    least_months: Annotated[int, Field(ge=1, le=12)]
    below_months: Annotated[int, Field(ge=1, le=12)]
    leading_share: Share
    on_share: Share


class StandbyLimits(_Strict):
    rising: Times
    pairs: Annotated[int, Field(ge=1, le=12)]
    over_peers: Times


class TemperatureLimits(_Strict):
    least_r2: Share
    over_peers: Times
    least_weather: Share
    most_of_month: Share


class PvLimits(_Strict):
    """`yield_kwh` a kWp and month, January first; the place is that of the sun's hours."""

    day_share: Share
    least_kwh: dict[CustomerClass, Kwh]
    fill: Positive
    least_self_use: Share
    capacity_share: Share
    latitude: Annotated[float, Field(ge=-66, le=66)]
    longitude: Annotated[float, Field(ge=-180, le=180)]
    hours_of_zone: Annotated[float, Field(ge=-12, le=14)]
    yield_kwh: Annotated[tuple[Kwh, ...], Field(min_length=12, max_length=12)]
    yield_source: Annotated[str, Field(min_length=1)]

    @model_validator(mode="after")
    def _every_class(self) -> "PvLimits":
        if lacking := sorted(set(CustomerClass) - self.least_kwh.keys()):
            raise ValueError(f"least_kwh: says nothing of {', '.join(lacking)}")
        return self


class StorageLimits(_Strict):
    work_share: Share
    headroom: Share


class NightLimits(_Strict):
    charger_kw: Positive
    above_kw: Positive
    least_quarters: Annotated[int, Field(ge=1, le=96)]
    least_kwh_day: Positive


class IrrigationLimits(_Strict):
    least_share: Share


class TrainingLimits(_Strict):
    most_kva: Positive
    most_kwh: Positive


class ImportantLimits(_Strict):
    inspection_months: dict[Grade, Count]
    standby_share: Times

    @model_validator(mode="after")
    def _every_grade(self) -> "ImportantLimits":
        if lacking := sorted(set(Grade) - self.inspection_months.keys()):
            raise ValueError(f"inspection_months: says nothing of {', '.join(lacking)}")
        return self


class VoltageLimits(_Strict):
    least_rate: Share
    days: Annotated[int, Field(ge=1, le=366)]


class EquipmentPolicy(_Strict):
    version: str
    source: str
    least_months: Annotated[int, Field(ge=1, le=12)]
    least_coverage: Share
    most_estimated: Share
    valid_days: Annotated[int, Field(ge=1, le=366)]
    least_saving: Annotated[int, Field(ge=0)]
    peers: Peers
    duty: Duty
    capacitor: CapacitorLimits
    standby: StandbyLimits
    temperature: TemperatureLimits
    pv: PvLimits
    storage: StorageLimits
    night: NightLimits
    irrigation: IrrigationLimits
    training: TrainingLimits
    important: ImportantLimits
    voltage: VoltageLimits


def equipment_policy(folder: Path | None = None) -> EquipmentPolicy:
    """Invalid says what is wrong with the file."""
    return policies.read("equipment", EquipmentPolicy, folder)
