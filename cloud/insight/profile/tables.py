"""The tables of load profiles: the dictionary of shapes over its months, codes of days, profiles of points.

All of it is derived and may be replaced; each row says by which version of the rule it was made.
"""

from sqlalchemy import JSON, Column, Date, Float, ForeignKey, Integer, LargeBinary, String, Table

from cloud.kit.db import Instant, metadata

shape_table = Table(
    "load_shape",
    metadata,
    Column("code", Integer, primary_key=True, autoincrement=False),
    Column("name", String(32), nullable=False),
    Column("number", Integer, nullable=False),
    Column("peak_slot", Integer, nullable=False),
    Column("since", Date, nullable=False),
    Column("retired", Date),
)
"""One shape for good: `name` is a key of `names.WORDS`, `number` tells those of one name apart."""

fit_table = Table(
    "load_shape_fit",
    metadata,
    Column("month", Date, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Column("days", Integer, nullable=False),
    Column("points", Integer, nullable=False),
    Column("shapes", Integer, nullable=False),
    Column("stability", Float),
    Column("explained", Float),
    Column("within_theta", Float),
    Column("theta", Float, nullable=False),
)
"""How a month's dictionary came about: on how many customer-days, how stable, how well it says them."""

centre_table = Table(
    "load_shape_month",
    metadata,
    Column("month", ForeignKey("load_shape_fit.month", ondelete="CASCADE"), primary_key=True),
    Column("code", ForeignKey("load_shape.code"), primary_key=True),
    Column("centre", LargeBinary, nullable=False),
    Column("share", Float, nullable=False),
    Column("customers", Integer, nullable=False),
)
"""`centre` float32 (slots,) of sum 1; `share` of the customer-days, `customers` whose group it is."""

day_table = Table(
    "load_shape_day",
    metadata,
    Column("area", String(64), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("month", Date, nullable=False),
    Column("inputs", String(64), nullable=False),
    Column("points", LargeBinary, nullable=False),
    Column("codes", LargeBinary, nullable=False),
)
"""`points` as `packed` has them, `codes` zlib of int16 (-1: none) in the dictionary of `month`."""

profile_table = Table(
    "load_profile",
    metadata,
    Column("point", String(64), primary_key=True),
    Column("area", String(64), nullable=False),
    Column("month", Date, nullable=False),
    Column("version", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Column("inputs", String(64), nullable=False),
    Column("first", Date, nullable=False),
    Column("last", Date, nullable=False),
    Column("valid_days", Integer, nullable=False),
    Column("coverage", Float),
    Column("estimated", Float),
    Column("work_day", Date),
    Column("work_kw", LargeBinary),
    Column("off_day", Date),
    Column("off_kw", LargeBinary),
    Column("max_day", Date),
    Column("mean_day", Date),
    Column("base_kw", Float),
    Column("peak_kw", Float),
    Column("temperature", JSON),
)
"""The newest of each point: real days as float32 kW by slot; `temperature` as `Sensitivity` has it."""

group_table = Table(
    "load_profile_month",
    metadata,
    Column("point", String(64), primary_key=True),
    Column("month", Date, primary_key=True),
    Column("code", ForeignKey("load_shape.code")),
    Column("share", Float),
    Column("entropy", Float),
    Column("days", Integer, nullable=False),
    Column("shares", JSON, nullable=False),
)
"""A point's group of each month: its most frequent code, that code's share of its `days`, entropy in bits."""
