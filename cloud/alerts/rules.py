"""Decides, from what meters, lines and gateways say, whether an area is without supply or out of reach.

Silence speaks only while its gateway is heard and its line is proven alive, or while the gateway itself
runs on backup. What is not proven stays as it is: no alert opens on a guess and none closes on one.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from cloud.alerts.policy import AlertKind, SupplyPolicy

BACKUP = "backup"


class State(StrEnum):
    """What is known of a meter's supply now."""

    SUPPLIED = "supplied"
    NO_VOLTAGE = "no_voltage"
    SILENT = "silent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Meter:
    """`silent_since`, `answered_at` and `voltages_at` are the gateway's time; `voltages` in V, empty if none.

    `silent_since` is when the gateway first told of too many asks without an answer, None while it answers.
    `all_phases` is false when the newest reading lacks a phase that the meter has: it proves no darkness.
    `given_up` is a meter already known as silent: it is no news and no witness.
    """

    id: str
    area: str
    gateway: str
    line: str
    area_meter: bool
    interval_s: float
    silent_since: datetime | None = None
    answered_at: datetime | None = None
    voltages: tuple[float, ...] = ()
    voltages_at: datetime | None = None
    all_phases: bool = True
    given_up: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    gateway: str
    name: str
    connected: bool


@dataclass(frozen=True, slots=True)
class Gateway:
    """`heard_at` (any message), `health_at`: the cloud's time; `cloud_ahead`: its clock less the gateway's.

    `left`: it went offline, or its broker says so, after its last health. `every_s`: how often it speaks.
    """

    id: str
    heard_at: datetime | None
    health_at: datetime | None
    left: bool
    supply: str
    cloud_ahead: timedelta = timedelta(0)
    every_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Broker:
    """The cloud's own link: up or down, since when."""

    up: bool
    since: datetime


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything of `areas` and of the gateways that reach into them, so that a line is seen whole.

    `dark_already` holds the meters in an open outage, which need no alert of their own.
    """

    now: datetime
    broker: Broker
    areas: tuple[str, ...]
    gateways: tuple[Gateway, ...]
    lines: tuple[Line, ...]
    meters: tuple[Meter, ...]
    dark_already: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Dark:
    """A meter without supply and why we say so: `at` is the gateway's time, `witness` a meter or "backup"."""

    meter: str
    evidence: State
    at: datetime
    witness: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """One cause that stands. `dark` holds an outage's meters with their evidence."""

    kind: AlertKind
    cause: str
    area: str | None = None
    gateway: str | None = None
    line: str | None = None
    meter: str | None = None
    dark: tuple[Dark, ...] = ()


@dataclass(frozen=True, slots=True)
class Judgement:
    """`absent` are causes proven not to stand; a cause in neither list is unknown and stays as it is."""

    present: tuple[Verdict, ...]
    absent: frozenset[str]
    states: dict[str, State]
    dark: dict[str, tuple[Dark, ...]]


def cause(kind: AlertKind, *parts: str) -> str:
    """The key under which at most one alert is open."""
    return ":".join((kind.value, *parts))


def silent_since(
    before: datetime | None, unanswered: int, answered_at: datetime | None, at: datetime, limit: int
) -> datetime | None:
    """When a meter's silence began, after a health of time `at` says it left `unanswered` asks.

    An answer between two healths ends the old silence, even when both show the meter silent; a gateway that
    has just started and asked nobody yet (no `answered_at`) ends none.
    """
    if unanswered == 0 and answered_at is not None:
        return None
    if before is not None and not _later(answered_at, before):
        return before
    return at if unanswered >= limit else None


@dataclass(frozen=True, slots=True)
class Silence:
    """Since when a meter was silent before a health, and is after it; None while it answers."""

    meter: str
    line: str
    before: datetime | None
    since: datetime | None
    answered_at: datetime | None


def dated_anew(silences: Sequence[Silence], at: datetime) -> dict[str, datetime | None]:
    """Each meter's silence after a health of time `at`: on a line that has just come back it begins anew.

    The first answers over a mended line tell nothing of meters that nobody has asked since; only a neighbour
    that answered all the time vouches for their silence so far.
    """
    back = {each.line for each in silences if each.before is not None and each.since is None}
    steady: dict[str, datetime] = {}
    for each in silences:
        if each.before is None and each.since is None and each.answered_at is not None:
            steady[each.line] = max(each.answered_at, steady.get(each.line, each.answered_at))
    found = {each.meter: each.since for each in silences}
    for each in silences:
        if each.since is not None and each.line in back and not _later(steady.get(each.line), each.since):
            found[each.meter] = at
    return found


def judge(picture: Picture, policy: SupplyPolicy) -> Judgement:
    """All that can be said of the picture now."""
    scene = _Scene(picture, policy)
    dark = {area: scene.dark_of(area) for area in picture.areas}
    outages = [
        Verdict(AlertKind.AREA_OUTAGE, cause(AlertKind.AREA_OUTAGE, area), area=area, dark=dark[area])
        for area in picture.areas
        if scene.is_outage(area, dark[area])
    ]
    explained = {each.meter for verdict in outages for each in verdict.dark}
    explained |= {each.meter for each in _flat(dark.values()) if each.meter in picture.dark_already}
    present, absent = scene.communication(explained)
    return Judgement((*outages, *present), frozenset(absent), scene.states, dark)


class _Scene:
    """The picture with its indexes; lives for one judgement."""

    def __init__(self, picture: Picture, policy: SupplyPolicy) -> None:
        self.picture = picture
        self.policy = policy
        self.gateways = {gateway.id: gateway for gateway in picture.gateways}
        self.lines = {(line.gateway, line.name): line for line in picture.lines}
        self.on_line: dict[tuple[str, str], list[Meter]] = defaultdict(list)
        self.in_area: dict[str, list[Meter]] = defaultdict(list)
        self.areas_of: dict[str, set[str]] = defaultdict(set)
        for meter in picture.meters:
            self.on_line[meter.gateway, meter.line].append(meter)
            self.in_area[meter.area].append(meter)
            self.areas_of[meter.gateway].add(meter.area)
        self.states = {meter.id: self._state(meter) for meter in picture.meters}

    def heard(self, gateway_id: str) -> bool:
        gateway = self.gateways.get(gateway_id)
        if gateway is None or gateway.health_at is None or gateway.left or not self.picture.broker.up:
            return False
        return self.picture.now - gateway.health_at <= self.policy.heard_within(gateway.every_s)

    def _state(self, meter: Meter) -> State:
        if not self.heard(meter.gateway):
            return State.UNKNOWN
        if meter.silent_since is not None and not _later(meter.voltages_at, meter.silent_since):
            return State.SILENT
        if not meter.voltages or meter.voltages_at is None or self._stale(meter, meter.voltages_at):
            return State.UNKNOWN
        highest = max(meter.voltages)
        if highest < self.policy.dark_below_v:
            return State.NO_VOLTAGE if meter.all_phases else State.UNKNOWN
        return State.SUPPLIED if highest >= self.policy.supplied_above_v else State.UNKNOWN

    def _stale(self, meter: Meter, at: datetime) -> bool:
        limit_s = max(self.policy.fresh_s, 2.5 * meter.interval_s)
        return self.picture.now - self.gateways[meter.gateway].cloud_ahead - at > timedelta(seconds=limit_s)

    def dark_of(self, area: str) -> tuple[Dark, ...]:
        """The meters of an area proven to be without supply, those given up left out."""
        found = (self._dark(meter) for meter in self.in_area[area] if not meter.given_up)
        return tuple(each for each in found if each is not None)

    def _dark(self, meter: Meter) -> Dark | None:
        state = self.states[meter.id]
        if state is State.NO_VOLTAGE and meter.voltages_at is not None:
            return Dark(meter.id, state, meter.voltages_at)
        if state is not State.SILENT or meter.silent_since is None or not _ever_heard(meter):
            return None
        witness = self._witness(meter, meter.silent_since)
        return None if witness is None else Dark(meter.id, state, meter.silent_since, witness)

    def _witness(self, meter: Meter, since: datetime) -> str | None:
        """What proves that the line still carried answers after this meter fell silent.

        A neighbour's 0 V can only have been read after the supply went; any other answer must be later than
        the silence itself, or a meter asked seldom would vouch for a line that was cut since.
        """
        line = self.lines.get((meter.gateway, meter.line))
        if line is None or not line.connected:
            return None
        for other in self.on_line[meter.gateway, meter.line]:
            no_voltage = self.states[other.id] is State.NO_VOLTAGE and other.area == meter.area
            if no_voltage and not other.given_up:
                return other.id
            if other.silent_since is None and _later(other.answered_at, since):
                return other.id
        return BACKUP if self._on_backup(meter.gateway) else None

    def _on_backup(self, gateway: str) -> bool:
        """Backup tells of one area only: a gateway that serves several cannot know which it lost."""
        return self.gateways[gateway].supply == BACKUP and len(self.areas_of[gateway]) == 1

    def is_outage(self, area: str, dark: tuple[Dark, ...]) -> bool:
        """Enough meters dark, and no area meter that still shows voltage: a lost phase leaves it some."""
        counted = [each for each in self.in_area[area] if _ever_heard(each) and not each.given_up]
        if any(each.area_meter and self.states[each.id] is State.SUPPLIED for each in counted):
            return False
        needed = max(self.policy.min_meters, math.ceil(self.policy.min_share * len(counted)))
        return len(dark) >= needed

    def communication(self, explained: set[str]) -> tuple[list[Verdict], set[str]]:
        """Everything that is wrong with the way to the meters, and what is proven not to be."""
        present: list[Verdict] = []
        absent: set[str] = set()
        self._sort(self._broker_verdict(), not self.picture.broker.up, present, absent)
        for gateway in self.picture.gateways:
            if self.heard(gateway.id):
                absent.add(cause(AlertKind.GATEWAY_DARK, gateway.id))
            elif self._missed(gateway):
                key = cause(AlertKind.GATEWAY_DARK, gateway.id)
                present.append(Verdict(AlertKind.GATEWAY_DARK, key, gateway=gateway.id))
        for line in self.picture.lines:
            if self.heard(line.gateway):
                self._line(line, explained, present, absent)
        return present, absent

    def _broker_verdict(self) -> Verdict:
        return Verdict(AlertKind.BROKER_DOWN, cause(AlertKind.BROKER_DOWN))

    def _missed(self, gateway: Gateway) -> bool:
        """Held back while the broker is down and for a grace after: then nobody could have been heard."""
        if gateway.heard_at is None or not self.picture.broker.up:
            return False
        grace = timedelta(seconds=self.policy.broker_grace_s)
        since = max(gateway.heard_at, self.picture.broker.since + grace)
        return self.picture.now - since > self.policy.heard_within(gateway.every_s)

    def _line(self, line: Line, explained: set[str], present: list[Verdict], absent: set[str]) -> None:
        down, silent = (
            Verdict(kind, cause(kind, line.gateway, line.name), gateway=line.gateway, line=line.name)
            for kind in (AlertKind.LINE_DOWN, AlertKind.LINE_SILENT)
        )
        self._sort(down, not line.connected, present, absent)
        if not line.connected:
            absent.add(silent.cause)
            return
        meters = self.on_line[line.gateway, line.name]
        quiet = [each for each in meters if self.states[each.id] is State.SILENT]
        whole_line = bool(quiet) and len(quiet) == len(meters)
        news = {each.id for each in quiet if _ever_heard(each) and not each.given_up}
        by_outage = bool(news) and news <= explained
        self._sort(silent, whole_line and not by_outage, present, absent)
        for meter in meters:
            self._meter(meter, whole_line, explained, present, absent)

    def _meter(
        self, meter: Meter, whole_line: bool, explained: set[str], present: list[Verdict], absent: set[str]
    ) -> None:
        key = cause(AlertKind.METER_SILENT, meter.id)
        state = self.states[meter.id]
        if state is State.SUPPLIED:
            absent.add(key)
        alone = state is State.NO_VOLTAGE or (state is State.SILENT and not whole_line)
        if alone and meter.id not in explained | self.picture.dark_already:
            present.append(
                Verdict(AlertKind.METER_SILENT, key, meter.area, meter.gateway, meter.line, meter.id)
            )

    @staticmethod
    def _sort(verdict: Verdict, stands: bool, present: list[Verdict], absent: set[str]) -> None:
        if stands:
            present.append(verdict)
        else:
            absent.add(verdict.cause)


def _ever_heard(meter: Meter) -> bool:
    return meter.answered_at is not None or meter.voltages_at is not None


def _later(one: datetime | None, other: datetime) -> bool:
    return one is not None and one > other


def _flat(groups: Iterable[tuple[Dark, ...]]) -> Iterable[Dark]:
    return (each for group in groups for each in group)
