"""What the service shows: every route of the API and every page, each handed what it needs."""

from collections.abc import Callable

from fastapi import FastAPI
from starlette.applications import Starlette

from cloud import asgi
from cloud.alerts import api as alerts_api
from cloud.app.works import Works
from cloud.billing import api as billing_api
from cloud.customers import api as customers_api
from cloud.customers import protection_api
from cloud.customers.file import api as file_api
from cloud.customers.points import api as points_api
from cloud.desk import api as desk_api
from cloud.desk.file import Desk
from cloud.desk.report import api as report_api
from cloud.exchange import api as exchange_api
from cloud.exchange.gather import Origin
from cloud.fleet import api as fleet_api
from cloud.fleet import commands_api, configs_api
from cloud.insight.areas import api as areas_api
from cloud.insight.areas.policy import quality_policy
from cloud.insight.forecast import api as forecast_api
from cloud.insight.forecast.policy import forecast_policy
from cloud.insight.indicators import api as indicators_api
from cloud.insight.loss import api as loss_api
from cloud.insight.loss import inspections_api
from cloud.insight.profile import api as profile_api
from cloud.insight.profile.policy import profile_policy
from cloud.keeping import api as keeping_api
from cloud.kit import access
from cloud.kit.routes import Routes
from cloud.metering import api as metering_api
from cloud.metering import gaps_api, store_api
from cloud.metering.ledger import api as collection_api
from cloud.metering.vee import api as vee_api
from cloud.web.parts import Parts
from cloud.web.site import site
from cloud.workorders import api as workorders_api


def faces(app: Works, start: Callable[[], None], stop: Callable[[], None]) -> tuple[FastAPI, Starlette]:
    """The API, and it together with the pages as one application."""
    api = asgi.api(_routers(app), app.lacking)
    secure = app.settings.http.secure
    return api, asgi.build(api, site(_parts(app)), secure=secure, start=start, stop=stop)


def _session_s(app: Works) -> int:
    return round(app.settings.http.session_hours * 3600)


def _routers(app: Works) -> list[Routes]:
    settings, database, guard, clock = app.settings, app.database, app.guard, app.clock
    zone, policies = settings.station.zone, settings.policies_dir
    return [
        access.router(guard, _session_s(app)),
        fleet_api.router(database, guard, clock),
        metering_api.router(database, guard, app.primary, clock),
        metering_api.letters_router(database, guard, app.ingest),
        gaps_api.router(database, guard, clock),
        store_api.router(database, guard, app.store),
        vee_api.router(database, guard, app.exceptions, clock),
        collection_api.router(database, guard, app.ledger, clock),
        customers_api.router(database, guard, clock),
        file_api.router(app.customer_file, guard),
        billing_api.router(database, guard, clock, zone),
        report_api.router(database, guard),
        desk_api.router(database, guard, Desk(app.tiers.promises, zone), clock),
        alerts_api.router(database, guard, clock),
        workorders_api.router(database, guard, app.orders, clock),
        commands_api.router(database, guard, app.commands, app.dispatch, clock),
        configs_api.router(database, guard, app.dispatch, clock),
        protection_api.router(database, guard, clock),
        exchange_api.router(
            Origin(database, app.store),
            guard,
            exchange_api.Station(settings.station.name, settings.station.zone),
            clock,
        ),
        keeping_api.router(database, guard, clock, app.fieldwork.photos),
        points_api.router(database, guard, app.fieldwork, clock),
        areas_api.router(database, guard),
        profile_api.router(database, guard, settings.station.zone, profile_policy(policies)),
        indicators_api.router(database, guard, zone, clock),
        forecast_api.router(
            database,
            guard,
            settings.station.zone,
            forecast_policy(settings.policies_dir),
            app.vee_policy.calendar,
            clock,
        ),
        loss_api.router(database, guard),
        inspections_api.router(database, guard, app.line_loss),
        *app.tiers.routers(guard),
    ]


def _parts(app: Works) -> Parts:
    settings = app.settings
    return Parts(
        database=app.database,
        accounts=app.accounts,
        guard=app.guard,
        store=app.primary,
        archive=settings.archive.folder,
        clock=app.clock,
        station=settings.station.name,
        zone=settings.station.zone,
        live=app.live,
        supply=app.alert_policy.supply,
        orders=app.orders,
        commands=app.commands,
        dispatch=app.dispatch,
        ledger=app.ledger,
        exceptions=app.exceptions,
        fieldwork=app.fieldwork,
        loss=app.line_loss,
        tiers=app.tiers,
        reports=app.reports,
        customer_file=app.customer_file,
        transformer=quality_policy(settings.policies_dir).transformer,
        replay=app.ingest.replay,
        language=settings.station.language,
        session_s=_session_s(app),
    )
