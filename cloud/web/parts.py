"""What the pages work with; made and owned by the application, handed in once."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from cloud.alerts.policy import SupplyPolicy
from cloud.kit.auth import Accounts
from cloud.kit.clock import Clock
from cloud.kit.db import Database
from cloud.kit.guard import Guard
from cloud.metering.store import ReadingStore
from cloud.web.live import Broadcaster
from cloud.workorders.actions import Orders


@dataclass(frozen=True, slots=True)
class Parts:
    """`language` is the station's own; `session_s` is how long a signed-in browser keeps its cookie."""

    database: Database
    accounts: Accounts
    guard: Guard
    store: ReadingStore
    clock: Clock
    station: str
    zone: ZoneInfo
    live: Broadcaster
    supply: SupplyPolicy
    orders: Orders
    language: str = "zh_CN"
    session_s: int = 12 * 3600
