"""What the pages work with; made and owned by the application, handed in once."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from cloud.alerts.policy import SupplyPolicy
from cloud.customers.file.actions import CustomerFile
from cloud.desk.report.actions import Reports
from cloud.fleet.commands import Commands
from cloud.fleet.dispatch import Dispatch
from cloud.insight.areas.policy import TransformerLimits
from cloud.insight.loss.actions import LineLoss
from cloud.kit.auth import Accounts
from cloud.kit.clock import Clock
from cloud.kit.db import Database
from cloud.kit.guard import Guard
from cloud.metering.fieldwork.actions import Fieldwork
from cloud.metering.ledger.actions import Ledger
from cloud.metering.primary import PrimaryReadings
from cloud.metering.vee.exceptions import Exceptions
from cloud.tiers.parts import Tiers
from cloud.web.live import Broadcaster
from cloud.workorders.actions import Orders


@dataclass(frozen=True, slots=True)
class Parts:
    """`store` gives primary values, `archive` is the folder of closed days; `language` is the station's
    own; `replay` takes a dead letter again.

    `session_s` is how long a signed-in browser keeps its cookie.
    """

    database: Database
    accounts: Accounts
    guard: Guard
    store: PrimaryReadings
    archive: Path
    clock: Clock
    station: str
    zone: ZoneInfo
    live: Broadcaster
    supply: SupplyPolicy
    orders: Orders
    commands: Commands
    dispatch: Dispatch
    ledger: Ledger
    exceptions: Exceptions
    fieldwork: Fieldwork
    loss: LineLoss
    tiers: Tiers
    reports: Reports
    customer_file: CustomerFile
    transformer: TransformerLimits
    replay: Callable[[int], int]
    language: str = "zh_CN"
    session_s: int = 12 * 3600
