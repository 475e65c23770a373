"""What the service does by itself, and how often."""

from datetime import timedelta
from functools import partial

from cloud.alerts.curtailment import CurtailmentWatch
from cloud.alerts.limits import LimitWatch
from cloud.alerts.policies import PolicyWatch
from cloud.alerts.usage import UsageCheck
from cloud.app.works import Works
from cloud.desk.report import actions as reports
from cloud.insight.areas.policy import quality_policy
from cloud.metering import batches
from cloud.metering.boards import EVERY as BOARDS_EVERY
from cloud.schedule import Job
from cloud.tiers.entitlements import preferences
from cloud.tiers.entitlements.watching import Watchman

WATCH_EVERY = timedelta(seconds=2)
DATA_EVERY = timedelta(seconds=30)
COMMANDS_EVERY = timedelta(seconds=2)
ARCHIVE_EVERY = timedelta(hours=6)
ANALYSE_EVERY = timedelta(minutes=30)
VALIDATE_EVERY = timedelta(minutes=30)
COLLECTION_EVERY = timedelta(minutes=5)
POLICIES_EVERY = timedelta(seconds=10)
LIMITS_EVERY = timedelta(minutes=30)
CURTAILMENT_EVERY = timedelta(minutes=5)


def table(app: Works) -> list[Job]:
    """Every background job of the service, with how often."""
    usage = UsageCheck(
        app.database,
        app.primary,
        app.alert_policy,
        app.notices,
        app.settings.station.zone,
        app.clock,
        preferences.usage_factors,
    )
    policies = PolicyWatch(app.tiers.policies, app.alarms, app.database, app.clock)
    return [
        Job("watch", WATCH_EVERY, partial(_watch, app)),
        Job("watch for readings", DATA_EVERY, partial(app.missing_data.tick, app.database)),
        Job("commands", COMMANDS_EVERY, partial(_tell_commands, app)),
        Job("unusual usage", timedelta(minutes=10), usage.run),
        Job("collection", COLLECTION_EVERY, partial(_collect, app)),
        Job("forget old collection rows", timedelta(days=1), app.ledger.sweep),
        Job("validate", VALIDATE_EVERY, app.validation.run),
        *([Job("boards", BOARDS_EVERY, app.boards.run)] if app.boards else []),
        Job("forget settled batches", timedelta(days=1), partial(_prune_batches, app)),
        Job("archive", ARCHIVE_EVERY, app.upkeep.run),
        Job("load analysis", ANALYSE_EVERY, app.load_analysis.run),
        Job("exchanges", timedelta(minutes=1), app.fieldwork.prove),
        Job("promised limits", LIMITS_EVERY, _limits(app).run),
        Job("curtailment lists", CURTAILMENT_EVERY, _curtailment(app).tick),
        Job("policies", POLICIES_EVERY, policies.tick),
        Job("forget ended sessions", timedelta(hours=1), app.accounts.sweep),
        *(Job(*turn) for turn in app.tiers.jobs()),
        Job("monthly reports", reports.EVERY, app.reports.tick),
    ]


def _limits(app: Works) -> LimitWatch:
    settings = app.settings
    watchman = Watchman(
        app.database,
        settings.archive.folder,
        app.tiers.promises,
        quality_policy(settings.policies_dir),
        app.clock,
    )
    return LimitWatch(app.database, watchman, app.alarms, app.notices, app.clock)


def _curtailment(app: Works) -> CurtailmentWatch:
    return CurtailmentWatch(app.database, app.alarms, app.clock, app.settings.station.zone)


def _tell_commands(app: Works) -> None:
    if app.dispatch.tick():
        app.live.changed()


def _collect(app: Works) -> None:
    if app.ledger.tick():
        _tell_commands(app)


def _watch(app: Works) -> None:
    app.watch.tick(app.database)
    app.live.changed()


def _prune_batches(app: Works) -> None:
    if days := app.settings.retention.batches_days:
        batches.prune(app.database, app.clock.now() - timedelta(days=days))
