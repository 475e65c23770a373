"""profiles and weather."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "load_profile",
        sa.Column("point", sa.String(length=64), nullable=False),
        sa.Column("area", sa.String(length=64), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("inputs", sa.String(length=64), nullable=False),
        sa.Column("first", sa.Date(), nullable=False),
        sa.Column("last", sa.Date(), nullable=False),
        sa.Column("valid_days", sa.Integer(), nullable=False),
        sa.Column("coverage", sa.Float()),
        sa.Column("estimated", sa.Float()),
        sa.Column("work_day", sa.Date()),
        sa.Column("work_kw", sa.LargeBinary()),
        sa.Column("off_day", sa.Date()),
        sa.Column("off_kw", sa.LargeBinary()),
        sa.Column("max_day", sa.Date()),
        sa.Column("mean_day", sa.Date()),
        sa.Column("base_kw", sa.Float()),
        sa.Column("peak_kw", sa.Float()),
        sa.Column("temperature", sa.JSON()),
        sa.PrimaryKeyConstraint("point", name=op.f("pk_load_profile")),
    )
    op.create_table(
        "load_shape",
        sa.Column("code", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("peak_slot", sa.Integer(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("retired", sa.Date()),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_load_shape")),
    )
    op.create_table(
        "load_shape_day",
        sa.Column("area", sa.String(length=64), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("inputs", sa.String(length=64), nullable=False),
        sa.Column("points", sa.LargeBinary(), nullable=False),
        sa.Column("codes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("area", "day", name=op.f("pk_load_shape_day")),
    )
    op.create_table(
        "load_shape_fit",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("shapes", sa.Integer(), nullable=False),
        sa.Column("stability", sa.Float()),
        sa.Column("explained", sa.Float()),
        sa.Column("within_theta", sa.Float()),
        sa.Column("theta", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("month", name=op.f("pk_load_shape_fit")),
    )
    op.create_table(
        "weather_hour",
        sa.Column("hour", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("celsius", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("hour", name=op.f("pk_weather_hour")),
    )
    op.create_table(
        "weather_import",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("file", sa.String(length=200), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("hours", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_weather_import")),
    )
    op.create_table(
        "load_profile_month",
        sa.Column("point", sa.String(length=64), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("code", sa.Integer()),
        sa.Column("share", sa.Float()),
        sa.Column("entropy", sa.Float()),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("shares", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["code"], ["load_shape.code"], name=op.f("fk_load_profile_month_code_load_shape")
        ),
        sa.PrimaryKeyConstraint("point", "month", name=op.f("pk_load_profile_month")),
    )
    op.create_table(
        "load_shape_month",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("code", sa.Integer(), nullable=False),
        sa.Column("centre", sa.LargeBinary(), nullable=False),
        sa.Column("share", sa.Float(), nullable=False),
        sa.Column("customers", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["code"], ["load_shape.code"], name=op.f("fk_load_shape_month_code_load_shape")
        ),
        sa.ForeignKeyConstraint(
            ["month"],
            ["load_shape_fit.month"],
            name=op.f("fk_load_shape_month_month_load_shape_fit"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("month", "code", name=op.f("pk_load_shape_month")),
    )
    # ### end Alembic commands ###
