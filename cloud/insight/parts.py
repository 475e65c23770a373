"""The parts of a night, each with what it needs of the station, in the order in which they are reckoned."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from pathlib import Path
from time import perf_counter

from sqlalchemy import Connection

from cloud.insight.bands import station_bands
from cloud.insight.engine import Engine
from cloud.insight.indicators.actions import Indicators, daily_version
from cloud.insight.loss.actions import LineLoss
from cloud.insight.nightly import REACH, Nightly, Part
from cloud.insight.runs import Night
from cloud.kit.calendar import station_calendar
from cloud.kit.clock import Clock
from cloud.kit.db import Database

log = logging.getLogger(__name__)
ClassesOf = Callable[[Connection, datetime], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Station:
    """`archive` is its folder, `policies` that of the station's own rules or None. `classes` gives the
    points' customer classes at an instant: a newcomer is forecast after its own.
    """

    database: Database
    archive: Path
    zone: tzinfo
    policies: Path | None
    clock: Clock
    engine: Engine
    classes: ClassesOf | None = None


def warm() -> None:
    """Compile the kernels, or load them, before somebody waits for their first result: some seconds."""
    from cloud.analysis.indicators import daily
    from cloud.insight.areas import compute as areas
    from cloud.insight.forecast import compute as forecast

    began = perf_counter()
    daily.warm()
    areas.warm()
    forecast.warm()
    log.info("kernels are warm after %.1f s", perf_counter() - began)


def indicators_of(station: Station) -> Indicators:
    return Indicators(
        station.database,
        station.archive,
        station.zone,
        station.clock,
        station_bands(station.policies),
        station_calendar(station.policies),
        station.engine,
    )


def nightly_of(station: Station, loss: LineLoss, reach: timedelta = REACH) -> Nightly:
    """The job "load analysis". Invalid: a policy of the station's own is wrong."""
    indicators = indicators_of(station)

    def days(night: Night) -> None:
        indicators.run_day(night.day, night.areas)

    def months(night: Night) -> None:
        indicators.run_month(night.day, night.areas)

    parts = [
        Part("indicators", days, version=daily_version(), alone=True),
        Part("months", months, monthly=True),
        _areas(station),
        _profiles(station),
        _forecast(station),
        Part("loss", loss.night),
    ]
    return Nightly(station.database, station.clock, parts, reach)


def _areas(station: Station) -> Part:
    from cloud.insight.areas import actions
    from cloud.insight.areas.policy import quality_policy

    policy = quality_policy(station.policies)

    def work(night: Night) -> None:
        actions.run_day(
            station.database,
            station.archive,
            night.day,
            zone=station.zone,
            policy=policy,
            engine=station.engine,
            now=station.clock.now(),
            areas=night.areas,
        )

    return Part("areas", work, version=actions.VERSION)


def _profiles(station: Station) -> Part:
    from cloud.insight.profile import actions
    from cloud.insight.profile.policy import profile_policy

    profiles = actions.Profiles(
        station.database,
        station.archive,
        station.zone,
        station.clock,
        station_calendar(station.policies),
        profile_policy(station.policies),
        station.engine,
    )
    return Part("profile", profiles.night, version=actions.VERSION)


def _forecast(station: Station) -> Part:
    from cloud.insight.areas import store as areas
    from cloud.insight.areas.policy import quality_policy
    from cloud.insight.forecast.actions import Forecasts
    from cloud.insight.forecast.policy import forecast_policy

    known = timedelta(days=quality_policy(station.policies).transformer.known_days)

    def power_factors(connection: Connection, closed: date) -> Mapping[str, float]:
        return areas.last_factors(connection, closed - known, closed)

    forecasts = Forecasts(
        station.database,
        station.archive,
        station.zone,
        station.clock,
        forecast_policy(station.policies),
        station_calendar(station.policies),
        station.engine,
        power_factors=power_factors,
        classes=station.classes,
    )

    def work(night: Night) -> None:
        forecasts.run_day(night.day)

    return Part("forecast", work, again=False, alone=True)
