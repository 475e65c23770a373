"""tiers."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tier_run",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("rule", sa.String(length=32), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accounts", sa.Integer(), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("month", name=op.f("pk_tier_run")),
    )
    op.create_table(
        "tier_contest",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("axis", sa.String(length=8), nullable=False),
        sa.Column("month", sa.Date(), nullable=True),
        sa.Column("value", sa.String(length=48), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("became", sa.String(length=48), nullable=True),
        sa.Column("decided_by", sa.String(length=64), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["account.no"], name=op.f("fk_tier_contest_account_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tier_contest")),
    )
    op.create_index(op.f("ix_tier_contest_account_axis"), "tier_contest", ["account", "axis"], unique=False)
    op.create_index(op.f("ix_tier_contest_state"), "tier_contest", ["state"], unique=False)
    op.create_table(
        "tier_decision",
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rule", sa.String(length=32), nullable=False),
        sa.Column("inputs", sa.String(length=32), nullable=False),
        sa.Column("provisional", sa.Boolean(), nullable=False),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("class", sa.String(length=32), nullable=False),
        sa.Column("sub", sa.String(length=48), nullable=True),
        sa.Column("sub_since", sa.Date(), nullable=False),
        sa.Column("value", sa.String(length=8), nullable=False),
        sa.Column("value_since", sa.Date(), nullable=False),
        sa.Column("credit", sa.String(length=8), nullable=False),
        sa.Column("credit_since", sa.Date(), nullable=False),
        sa.Column("shape", sa.String(length=48), nullable=True),
        sa.Column("shape_since", sa.Date(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.no"], name=op.f("fk_tier_decision_account_account")),
        sa.PrimaryKeyConstraint("account", "month", name=op.f("pk_tier_decision")),
    )
    op.create_index(op.f("ix_tier_decision_month"), "tier_decision", ["month"], unique=False)
    op.create_table(
        "tier_lock",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("axis", sa.String(length=8), nullable=False),
        sa.Column("value", sa.String(length=48), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("why", sa.String(length=500), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("ended_by", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["account.no"], name=op.f("fk_tier_lock_account_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tier_lock")),
    )
    op.create_index(op.f("ix_tier_lock_account_axis"), "tier_lock", ["account", "axis"], unique=False)
