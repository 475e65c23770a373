"""Everything a station needs before its programs start: papers, users, passwords, a past."""

import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from cloud.billing.bill_kind import BILL
from cloud.customers.intake.all_kinds import CUSTOMER_KINDS
from cloud.customers.intake.documents import import_customers, parsed, usual_taking
from cloud.customers.intake.take import take
from cloud.demo import own_rules
from cloud.demo.papers import papers
from cloud.demo.programs import ROOT, ProgramError, python, tool
from cloud.demo.station import Paces, Place, Station
from cloud.fleet import broker as brokers
from cloud.fleet.broker import Broker
from cloud.fleet.broker_choice import choose
from cloud.fleet.history import Book, Note, area_facts
from cloud.fleet.registry import import_registry
from cloud.fleet.spans import BEGINNING
from cloud.kit import documents
from cloud.kit.auth import Accounts, Role
from cloud.kit.clock import Clock
from cloud.kit.days import local_day
from cloud.kit.db import Database
from cloud.settings import load

OPERATOR, SECOND = "operator", "operator-2"
METER_PASSWORD = "111111"  # noqa: S105
"""Of level 02, of every simulated meter."""
HISTORY_INTERVAL_S = 900
WHOLE_DAYS = 7
"""So many days with voltages, powers and all; what was counted alone is a quarter of the work."""
COUNTED = (
    "energy_import_wh",
    "energy_export_wh",
    "reactive_energy_import_varh",
    "reactive_energy_export_varh",
)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the caller asked for; `port` is given up for another when it is taken. `year`: so many more days,
    further back, of the first area alone: who wants to know what a year costs has to have one."""

    areas: int = 6
    meters: int = 10
    seed: int = 7
    days: int = 30
    year: int = 0
    port: int = 8080
    broker: Literal["auto", "mosquitto", "embedded"] = "auto"
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """A station ready to start. Passwords are generated at each start and shown once."""

    station: Station
    broker: Broker
    broker_address: str
    broker_users: Mapping[str, str]
    http_port: int
    operator_password: str
    second_password: str
    customer_passwords: Mapping[str, str]


def prepare(place: Place, wishes: Wishes, paces: Paces, clock: Clock) -> Prepared:
    """Write the files and fill the records database; nothing runs yet."""
    broker_port, relay_port, http_port = free_port(), free_port(), free_port(wishes.port)
    address = f"127.0.0.1:{broker_port}"
    place.scenario.write_text(_scenario(wishes, address, relay_port), encoding="utf-8")
    station = Station.read(place.scenario)
    place.cloud_data.mkdir(mode=0o700)
    write_secret(place.password(brokers.CLOUD), brokers.cloud_secret(place.root))
    own_rules.write(place.policies)
    place.cloud_toml.write_text(_cloud_toml(place, http_port, relay_port), encoding="utf-8")
    database = Database(load(place.cloud_toml).records_url)
    try:
        database.migrate()
        users = _register(
            database, place, station, paces, clock.now() - timedelta(days=wishes.days + wishes.year + 1)
        )
        (operator, second), customers = _users(Accounts(database, clock), station)
    finally:
        database.close()
    broker = choose(wishes.broker, place.root, "127.0.0.1", broker_port)
    assert broker is not None
    return Prepared(station, broker, address, users, http_port, operator, second, customers)


def _scenario(wishes: Wishes, broker: str, relay_port: int) -> str:
    """A village, whose gateways and cloud reach the broker through relays that a fault can cut."""
    size = ["--areas", str(wishes.areas), "--meters", str(wishes.meters), "--seed", str(wishes.seed)]
    village = tool("firmware_sim", "village", *size, "--broker", broker)
    relay = f'[[gateway]]\nid = "{brokers.CLOUD}"\nbroker = "{broker}"\nrelay_port = {relay_port}\n'
    return f"{village}\n{relay}"


def _cloud_toml(place: Place, http_port: int, relay_port: int) -> str:
    return (
        f'data_dir = "{place.cloud_data}"\npolicies_dir = "{place.policies}"\n'
        f'[http]\nport = {http_port}\nbase_url = "http://127.0.0.1:{http_port}"\n'
        f'[broker]\nkind = "external"\nhost = "127.0.0.1"\nport = {relay_port}\n'
        f'password_file = "{place.password(brokers.CLOUD)}"\n'
    )


def _register(
    database: Database, place: Place, station: Station, paces: Paces, since: datetime
) -> dict[str, str]:
    """Topology, customers and gateways; gives the broker's users."""
    with database.write() as connection:
        import_registry(connection, station.registry(paces.interval_s))
        book = Book(connection, Note("demo", "made up", since))
        for area, kva in station.capacities().items():
            book.patch(area_facts, area, BEGINNING, None, {"capacity_kva": kva})
        book.write()
        import_customers(connection, station.customers(since.isoformat()))
        _take_papers(connection, station)
        for gateway in station.gateways:
            write_secret(place.password(gateway), brokers.add_gateway(connection, gateway))
        write_secret(place.meter_password, METER_PASSWORD)
        return brokers.users(connection, brokers.cloud_secret(place.root))


def _take_papers(connection: Connection, station: Station) -> None:
    """As `wattpost cloud import customers` does. Invalid: the service would not take a paper."""
    taking = usual_taking(ZoneInfo(station.scenario["station"]["timezone"]))
    kinds = (*CUSTOMER_KINDS, BILL)
    parts, problems = parsed(papers(station, local_day(taking.now, taking.zone)), taking, kinds)
    _, wrong = take(connection, parts, taking, kinds)
    documents.refuse("papers", [*problems, *map(str, wrong)])


def _users(accounts: Accounts, station: Station) -> tuple[tuple[str, str], dict[str, str]]:
    """Two operators, since one alone opens no relay; a household and a shop in the first area, a household in
    the last."""
    first, last = station.areas[0], station.areas[-1]
    shown = [f"{first}-01", f"{first}-02", f"{last}-01"]
    passwords = {
        login: accounts.add(login, Role.CUSTOMER, f"C-{meter}")
        for login, meter in ((f"customer-{meter.lower()}", meter) for meter in dict.fromkeys(shown))
    }
    operators = accounts.add(OPERATOR, Role.OPERATOR), accounts.add(SECOND, Role.OPERATOR)
    return operators, passwords


def fill(place: Place, wishes: Wishes, end: datetime) -> None:
    """Past readings up to the last slot before `end`, as an import from an old system would bring them: for
    the last days all that meters show, before that what they counted."""
    if not wishes.days:
        return
    seconds = end.timestamp()
    until = datetime.fromtimestamp(seconds - seconds % HISTORY_INTERVAL_S + HISTORY_INTERVAL_S, UTC)
    whole = min(wishes.days, WHOLE_DAYS)
    counted = [option for name in COUNTED for option in ("--only", name)]
    if wishes.year:
        first = Station.read(place.scenario).areas[0]
        _fill(place, wishes, wishes.year, until - timedelta(days=wishes.days), [*counted, "--area", first])
    if wishes.days > whole:
        _fill(place, wishes, wishes.days - whole, until - timedelta(days=whole), counted)
    _fill(place, wishes, whole, until, [])


def _fill(place: Place, wishes: Wishes, days: int, until: datetime, more: Sequence[str]) -> None:
    span = ["--days", str(days), "--interval", str(HISTORY_INTERVAL_S), "--end", until.isoformat(), *more]
    history = subprocess.Popen(
        python("firmware_sim", "history", str(place.scenario), *span),
        cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    taken = subprocess.run(
        python("cloud", "import", "readings", "-", "--config", str(place.cloud_toml)),
        cwd=ROOT, stdin=history.stdout, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE if wishes.quiet else None, text=True, check=False,
    )  # fmt: skip
    if taken.returncode or history.wait():
        raise ProgramError(f"the past readings could not be filled in: {taken.stderr or 'see above'}")


def free_port(wanted: int = 0) -> int:
    """`wanted` when nobody has it, else one that the system gives."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ProgramError("no port is free on 127.0.0.1")


def write_secret(path: Path, secret: str) -> None:
    """A file only its owner can read."""
    path.touch(mode=0o600)
    path.write_text(secret + "\n", encoding="utf-8")
