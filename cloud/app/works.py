"""Every part of the service is made here and handed what it needs of the others."""

import logging
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import partial

from pwdlib import PasswordHash
from sqlalchemy import Connection

from cloud.alerts import darkness, deliveries, spells
from cloud.alerts import objections as alert_objections
from cloud.alerts.actions import Alarms
from cloud.alerts.courier import Courier
from cloud.alerts.missing_data import MissingData
from cloud.alerts.notify import Notices
from cloud.alerts.outages import Calls, Watch
from cloud.alerts.policy import NoticeKind, alert_policy, notice_policy
from cloud.alerts.rules import Broker as BrokerUp
from cloud.customers import protection
from cloud.customers import store as customers
from cloud.customers.file.actions import CustomerFile
from cloud.desk.report import store as issued_reports
from cloud.desk.report.actions import Reports
from cloud.exchange import store as exchange_store  # noqa: F401 - its tables
from cloud.fleet.answers import Answers
from cloud.fleet.command_rules import command_policy
from cloud.fleet.commands import Commands
from cloud.fleet.dispatch import Dispatch
from cloud.fleet.intake import Message
from cloud.fleet.link import Link, LinkState
from cloud.fleet.owners import owners
from cloud.insight import weather as insight_weather  # noqa: F401 - its tables
from cloud.insight.engine import engine_of
from cloud.insight.loss.actions import LineLoss
from cloud.insight.loss.policy import loss_policy
from cloud.insight.parts import Station as InsightStation
from cloud.insight.parts import nightly_of
from cloud.kit.auth import Accounts, User
from cloud.kit.calendar import station_calendar
from cloud.kit.clock import Clock
from cloud.kit.errors import CloudError
from cloud.kit.guard import Guard
from cloud.kit.scope import Scope
from cloud.metering.archive import due as archive_due
from cloud.metering.archive.due import LateReadings
from cloud.metering.archive.nightly import Upkeep
from cloud.metering.archive.writer import Archive
from cloud.metering.boards import boards_of
from cloud.metering.fieldwork.actions import Fieldwork
from cloud.metering.fieldwork.photos import Photos
from cloud.metering.ingest import Callbacks, Ingest
from cloud.metering.ledger import count as collection
from cloud.metering.ledger import disturbances
from cloud.metering.ledger.actions import Ledger
from cloud.metering.ledger.policy import collection_policy
from cloud.metering.primary import PrimaryReadings
from cloud.metering.store import BatchOfReadings
from cloud.metering.vee import rereading
from cloud.metering.vee.dirty import DirtyDays, mark_since
from cloud.metering.vee.exceptions import Exceptions
from cloud.metering.vee.job import Validation
from cloud.metering.vee.policy import vee_policy
from cloud.records import Records
from cloud.settings import Settings, lines
from cloud.tiers.entitlements import counting, preferences
from cloud.tiers.entitlements import orders as promised_orders
from cloud.tiers.entitlements.evidence import Outside
from cloud.tiers.entitlements.orders import Served
from cloud.tiers.letters import Letter
from cloud.tiers.parts import Station as TiersStation
from cloud.tiers.parts import Tiers
from cloud.tiers.withdrawing import nothing_rests_on_it
from cloud.web.live import KEPT, Broadcaster
from cloud.web.notices import renderer
from cloud.workorders import calls
from cloud.workorders.actions import Orders
from cloud.workorders.deadlines import deadline_policy
from cloud.workorders.fulfilment import Fulfilment
from cloud.workorders.troubled import troubled_customers
from protocols.mqtt.messages import Stored

log = logging.getLogger(__name__)


class Works:
    """Every part of the service, made and joined. Nothing runs yet; `link` is there once life has begun."""

    def __init__(self, settings: Settings, clock: Clock, records: Records, hasher: PasswordHash) -> None:
        self.settings, self.clock, self._records = settings, clock, records
        self.database, self.store = records.database, records.store
        self.primary = PrimaryReadings(self.database, self.store)
        self.live = Broadcaster()
        self.accounts = Accounts(self.database, clock, settings.http.session_hours, hasher)
        self.guard = Guard(self.accounts, self._scope_of, settings.http.secure)
        self.link: Link | None = None
        self._built_at = clock.now()
        self._build_service()
        self._build_commands()
        self._build_archive()
        self._build_collection()
        self._build_validation()
        self._build_fieldwork()
        self._build_analysis()
        self._build_tiers()
        self.boards = boards_of(self.database, self.store, settings.station.zone, clock)
        self.ingest = Ingest(
            self.database,
            self.store,
            self._publish,
            clock,
            Callbacks(
                together=[
                    self.watch.on_stored_together,
                    self.ledger.inbox.note,
                    self.dirty_days.on_stored,
                    LateReadings(settings.station.zone, clock).on_stored,
                    *([self.boards.touched.note] if self.boards else []),
                ],
                health=[self.watch.on_health, disturbances.on_health],
                committed=[self._show],
                others=self.answers.topics,
            ),
        )

    def _build_service(self) -> None:
        """The chain from what is wrong to who mends it and who is told."""
        settings, zone = self.settings, self.settings.station.zone
        self.alert_policy = alert_policy(settings.policies_dir)
        told = notice_policy(settings.policies_dir)
        channels = lines(settings.notices.urls_file) if settings.notices.urls_file else []
        self.notices = Notices(told, channels, preferences.preferred)
        self.orders = Orders(deadline_policy(settings.policies_dir), zone, self._serve)
        calls = Calls(self.orders.open_for_alert, self.orders.supply_returned)
        self.watch = Watch(self.alert_policy, self.store, self.notices, calls, self._broker_up, self.clock)
        alarms = self.alarms = Alarms(self.alert_policy, self.notices)
        self.missing_data = MissingData(
            self.alert_policy, alarms, self._renew_link, self._broker_up, self.clock
        )
        self.courier = Courier(
            self.database,
            self.clock,
            told,
            zone,
            alarms,
            renderer(self._language_of, zone),
            quiet_of=preferences.quiet_of,
        )

    def _build_validation(self) -> None:
        """What was measured, what is doubtful in it, and which days have to be looked at again."""
        self.vee_policy = vee_policy(self.settings.policies_dir)
        grace = timedelta(minutes=self.vee_policy.grace_min)
        zone = self.settings.station.zone
        self.dirty_days = DirtyDays(zone, self.clock, grace)
        self.validation = Validation(
            self.database, self.store, self.vee_policy, zone, self.clock, darkness.surroundings()
        )
        self.exceptions = Exceptions(rereading.by(self.commands))

    def _build_fieldwork(self) -> None:
        """What is done at metering points; the days it bears on are looked at again."""
        settings, zone = self.settings, self.settings.station.zone
        whose = owners(settings.policies_dir, settings.station.mode)

        def changed(connection: Connection, meters: Sequence[str], since: datetime) -> None:
            mark_since(connection, meters, since, self.clock.now(), zone)
            archive_due.mark_since(connection, since, self.clock.now(), zone)
            self.ledger.changed_since(connection, since)

        self.fieldwork = Fieldwork(
            self.database,
            self.store,
            whose,
            Photos(settings.data_dir / "photos"),
            self.clock,
            stored=[
                self.ledger.inbox.note,
                self.dirty_days.on_stored,
                LateReadings(zone, self.clock).on_stored,
            ],
            changed=[changed],
        )

    def _build_analysis(self) -> None:
        """What is understood from the archive, and what people say of it."""
        settings = self.settings
        self.line_loss = LineLoss(
            self.database,
            settings.archive.folder,
            loss_policy(settings.policies_dir),
            settings.station.zone,
            self.clock,
        )
        station = InsightStation(
            self.database,
            settings.archive.folder,
            settings.station.zone,
            settings.policies_dir,
            self.clock,
            engine_of(settings.analysis),
            customers.classes_of_points,
        )
        self.load_analysis = nightly_of(station, self.line_loss)

    def _serve(self, connection: Connection, accounts: Collection[str], at: datetime) -> Served | None:
        return promised_orders.serve(connection, self.tiers.promises, accounts, at)

    def _write_letter(self, connection: Connection, letter: Letter) -> None:
        self.notices.write_letter(
            connection, letter.customer, NoticeKind(letter.kind), letter.subject, letter.at, letter.params
        )

    def _build_tiers(self) -> None:
        settings = self.settings
        station = TiersStation(
            self.database,
            settings.archive.folder,
            settings.station.zone,
            settings.policies_dir,
            self.clock,
            self._write_letter,
            troubled_customers,
            Outside(
                say_config=self.dispatch.say_config,
                orders=Fulfilment(deadline_policy(settings.policies_dir)).facts,
                notices=deliveries.facts,
                counted=partial(counting.intervals_read, self.store),
                reports=partial(issued_reports.issued_days, zone=settings.station.zone),
            ),
            calls.without_fault,
        )
        self.tiers = Tiers(station)
        self.reports = Reports(
            self.database,
            settings.station.zone,
            self.clock,
            self.tiers.rules.tariffs,
            self.tiers.promises,
            station_calendar(settings.policies_dir),
            self._write_letter,
        )
        self.customer_file = CustomerFile(
            self.database,
            settings.station.zone,
            self.tiers.rules.tariffs,
            self.tiers.rules.contract_terms,
            owners(settings.policies_dir, settings.station.mode),
            self.clock,
            withdrawn=nothing_rests_on_it,
        )

    def _build_archive(self) -> None:
        settings, zone = self.settings, self.settings.station.zone
        archive = Archive(self.database, self.store, settings.archive.folder, zone, self.clock)
        self.upkeep = Upkeep(archive, settings.archive, settings.retention)

    def _build_collection(self) -> None:
        """What should have come and what came; what is missing is asked for again."""
        policy = collection_policy(self.settings.policies_dir)
        told = (spells.outages, spells.disturbances)
        zone = self.settings.station.zone
        station = collection.Station(self.database, self.store, policy, zone, *told)
        self.ledger = Ledger(station, self.commands, self.clock)

    def _build_commands(self) -> None:
        """The way down: what somebody wants of a meter, what stands against it, and how it is said."""
        policy = command_policy(self.settings.policies_dir)
        hooks = (alert_objections.outage, partial(protection.objections, policy=policy))
        self.commands = Commands(policy, self.settings.station.zone, hooks)
        self.dispatch = Dispatch(self.database, self.commands, self._say, self.clock)
        self.answers = Answers(self.database, self.commands, self.dispatch, self.clock)

    # what the parts ask of one another

    def _take(self, group: Sequence[Message]) -> None:
        self.ingest.take_many(group)
        if not all(each.topic.endswith("/readings") for each in group):
            self.live.changed()

    def _show(self, batches: Sequence[BatchOfReadings]) -> None:
        """The last of them: a page holds no more, and showing costs a question to the registry."""
        last = [reading for batch in batches[-KEPT:] for reading in batch.readings[-KEPT:]][-KEPT:]
        more = sum(len(batch.readings) for batch in batches) - len(last)
        self.live.readings(self.primary.shown(last), more)

    def _publish(self, stored: Stored) -> None:
        if self.link is not None:
            self.link.publish_stored(stored)

    def _say(self, topic: str, payload: bytes, retain: bool) -> bool:
        return self.link is not None and self.link.publish(topic, payload, retain=retain)

    def _link_turned(self, state: LinkState) -> None:
        """In the link's own thread, before its session is the one we publish on: the job says it then."""
        if state.connected:
            self.dispatch.say_all_configs_soon()

    def _renew_link(self) -> None:
        if self.link is not None:
            self.link.renew()

    def _broker_up(self) -> BrokerUp:
        if self.link is None:
            return BrokerUp(up=False, since=self._built_at)
        return BrokerUp(up=self.link.state.connected, since=self.link.state.since)

    def _scope_of(self, user: User) -> Scope:
        if user.customer is None:
            return Scope(())
        with self.database.read() as connection:
            return customers.scope_of(connection, user.customer)

    def _language_of(self, customer: str | None) -> str:
        if customer is None:
            return self.settings.station.language
        with self.database.read() as connection:
            return str(customers.customer(connection, customer).language)

    def lacking(self) -> list[str]:
        """The parts that do not work now, one line each; why is in the log, for anybody may ask this."""
        missing: list[str] = []
        try:
            self.database.ping()
        except CloudError as error:
            log.warning("%s", error)
            missing.append("database: does not answer")
        if self.link is None or not self.link.state.connected:
            missing.append(f"broker: {self.link.state.detail if self.link else 'not started'}")
        if self.ingest.state.fault:
            missing.append("readings: cannot be stored")
        return missing
