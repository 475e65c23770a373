"""Remembers which files of intervals came in, and where each meter's imported register stands since."""

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, String, Table, Text

from cloud.kit.db import Instant, metadata

import_table = Table(
    "data_import",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("file", String(200), nullable=False),
    Column("by", String(64), nullable=False),
    Column("at", Instant, nullable=False),
    Column("done_at", Instant),
    Column("report", Text, nullable=False),
)
"""`digest` is of the file and how it was understood; `done_at` null: it was cut off, and may be repeated."""
stretch_table = Table(
    "data_import_stretch",
    metadata,
    Column("import", ForeignKey("data_import.id"), primary_key=True),
    Column("meter", String(64), primary_key=True),
    Column("quantity", String(40), primary_key=True),
    Column("start", Instant, nullable=False),
    Column("end", Instant, nullable=False),
    Column("register_start_wh", BigInteger, nullable=False),
    Column("register_end_wh", BigInteger, nullable=False),
    Column("remainder_wh", Float, nullable=False),
    Index(None, "meter", "quantity", "end"),
)
"""`remainder_wh`: what the register is short of the energies' exact sum; the next file carries it on."""
