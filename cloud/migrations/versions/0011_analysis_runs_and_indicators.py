"""analysis runs and indicators."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "analysis_run",
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("area", sa.String(length=64), nullable=False),
        sa.Column("first", sa.Date(), nullable=False),
        sa.Column("last", sa.Date(), nullable=False),
        sa.Column("inputs", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("failure", sa.String(length=500), nullable=True),
        sa.Column("took_ms", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("kind", "area", "first", "last", name=op.f("pk_analysis_run")),
    )
    op.create_index(op.f("ix_analysis_run_kind_first"), "analysis_run", ["kind", "first"])
    op.create_table(
        "indicator_day",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("channel", sa.String(length=40), nullable=False),
        sa.Column("area", sa.String(length=64), nullable=False),
        sa.Column("points", sa.LargeBinary(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("inputs", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("day", "channel", "area", name=op.f("pk_indicator_day")),
    )
    op.create_index(op.f("ix_indicator_day_area_channel_day"), "indicator_day", ["area", "channel", "day"])
    op.create_table(
        "indicator_month",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("channel", sa.String(length=40), nullable=False),
        sa.Column("point", sa.String(length=64), nullable=False),
        sa.Column("area", sa.String(length=64), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("energy_kwh", sa.Float(), nullable=True),
        sa.Column("max_kw", sa.Float(), nullable=True),
        sa.Column("max_day", sa.Float(), nullable=True),
        sa.Column("min_kw", sa.Float(), nullable=True),
        sa.Column("mean_kw", sa.Float(), nullable=True),
        sa.Column("mean_daily_load_factor", sa.Float(), nullable=True),
        sa.Column("mean_peak_valley_rate", sa.Float(), nullable=True),
        sa.Column("max_peak_valley_kw", sa.Float(), nullable=True),
        sa.Column("max_hours", sa.Float(), nullable=True),
        sa.Column("load_factor", sa.Float(), nullable=True),
        sa.Column("sharp_share", sa.Float(), nullable=True),
        sa.Column("peak_share", sa.Float(), nullable=True),
        sa.Column("flat_share", sa.Float(), nullable=True),
        sa.Column("valley_share", sa.Float(), nullable=True),
        sa.Column("deep_valley_share", sa.Float(), nullable=True),
        sa.Column("night_share", sa.Float(), nullable=True),
        sa.Column("daytime_share", sa.Float(), nullable=True),
        sa.Column("weekend_ratio", sa.Float(), nullable=True),
        sa.Column("day_cv", sa.Float(), nullable=True),
        sa.Column("base_kw", sa.Float(), nullable=True),
        sa.Column("max_ramp_kw", sa.Float(), nullable=True),
        sa.Column("mean_peak_hours", sa.Float(), nullable=True),
        sa.Column("high_band_max_kw", sa.Float(), nullable=True),
        sa.Column("zero_days", sa.Float(), nullable=True),
        sa.Column("coverage", sa.Float(), nullable=True),
        sa.Column("estimated_share", sa.Float(), nullable=True),
        sa.Column("valid_days", sa.Float(), nullable=True),
        sa.Column("max_measured", sa.Float(), nullable=True),
        sa.Column("month_load_factor", sa.Float(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("month", "channel", "point", name=op.f("pk_indicator_month")),
    )
    op.create_index(
        op.f("ix_indicator_month_point_channel_month"), "indicator_month", ["point", "channel", "month"]
    )
