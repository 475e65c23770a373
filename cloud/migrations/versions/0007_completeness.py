"""completeness."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "collection_clock_spell",
        sa.Column("gateway", sa.String(length=32), nullable=False),
        sa.Column("start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("gateway", "start", name=op.f("pk_collection_clock_spell")),
    )
    op.create_table(
        "collection_day",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("scanned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stale", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_collection_day")),
    )
    op.create_table(
        "collection_exclusion",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("place", sa.String(length=16), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("why", sa.String(length=500), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collection_exclusion")),
    )
    op.create_index(op.f("ix_collection_exclusion_start"), "collection_exclusion", ["start"], unique=False)
    op.create_table(
        "collection_gap",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("meter", sa.String(length=64), nullable=False),
        sa.Column("area", sa.String(length=64), nullable=False),
        sa.Column("gateway", sa.String(length=32), nullable=False),
        sa.Column("line", sa.String(length=64), nullable=False),
        sa.Column("start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("cause", sa.String(length=16), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("detail", sa.String(length=500), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("command", sa.String(length=64), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collection_gap")),
    )
    op.create_index(op.f("ix_collection_gap_day_meter"), "collection_gap", ["day", "meter"], unique=False)
    op.create_index(op.f("ix_collection_gap_meter_start"), "collection_gap", ["meter", "start"], unique=False)
    op.create_index(op.f("ix_collection_gap_state_day"), "collection_gap", ["state", "day"], unique=False)
    op.create_table(
        "collection_meter_day",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("meter", sa.String(length=64), nullable=False),
        sa.Column("point", sa.String(length=64), nullable=False),
        sa.Column("area", sa.String(length=64), nullable=False),
        sa.Column("gateway", sa.String(length=32), nullable=False),
        sa.Column("slot_s", sa.Integer(), nullable=False),
        sa.Column("expected", sa.Integer(), nullable=False),
        sa.Column("received", sa.Integer(), nullable=False),
        sa.Column("late", sa.Integer(), nullable=False),
        sa.Column("excluded", sa.Integer(), nullable=False),
        sa.Column("reasons", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("freeze", sa.String(length=16), nullable=False),
        sa.Column("freeze_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sources", sa.Integer(), nullable=False),
        sa.Column("heard", sa.LargeBinary(), nullable=False),
        sa.Column("on_time", sa.LargeBinary(), nullable=False),
        sa.Column("left_out", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("day", "meter", name=op.f("pk_collection_meter_day")),
    )
    op.create_index(
        op.f("ix_collection_meter_day_day_area"), "collection_meter_day", ["day", "area"], unique=False
    )
    op.create_index(
        op.f("ix_collection_meter_day_meter_day"), "collection_meter_day", ["meter", "day"], unique=False
    )
    op.create_table(
        "collection_total",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("area", sa.String(length=64), nullable=False),
        sa.Column("gateway", sa.String(length=32), nullable=False),
        sa.Column("feeder", sa.String(length=64), nullable=False),
        sa.Column("meters", sa.Integer(), nullable=False),
        sa.Column("silent", sa.Integer(), nullable=False),
        sa.Column("expected", sa.Integer(), nullable=False),
        sa.Column("received", sa.Integer(), nullable=False),
        sa.Column("late", sa.Integer(), nullable=False),
        sa.Column("excluded", sa.JSON(), nullable=False),
        sa.Column("freeze_expected", sa.Integer(), nullable=False),
        sa.Column("freeze_received", sa.Integer(), nullable=False),
        sa.Column("freeze_late", sa.Integer(), nullable=False),
        sa.Column("freeze_pending", sa.Integer(), nullable=False),
        sa.Column("freeze_excluded", sa.JSON(), nullable=False),
        sa.Column("asked_expected", sa.Integer(), nullable=False),
        sa.Column("asked_received", sa.Integer(), nullable=False),
        sa.Column("asked_pending", sa.Integer(), nullable=False),
        sa.Column("asked_excluded", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("day", "area", "gateway", name=op.f("pk_collection_total")),
    )
    op.create_table(
        "collection_gap_order",
        sa.Column("gap", sa.Integer(), nullable=False),
        sa.Column("command", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("missing_before", sa.Integer(), nullable=False),
        sa.Column("missing_after", sa.Integer(), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("detail", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(
            ["gap"],
            ["collection_gap.id"],
            name=op.f("fk_collection_gap_order_gap_collection_gap"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("gap", "command", name=op.f("pk_collection_gap_order")),
    )
    op.create_index(
        op.f("ix_collection_gap_order_command"), "collection_gap_order", ["command"], unique=False
    )
