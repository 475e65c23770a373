"""class evidence."""

import sqlalchemy as sa
from alembic import op

import cloud.kit.db

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "class_feature",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("area", sa.String(64), nullable=False),
        sa.Column("points", sa.LargeBinary(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("inputs", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", cloud.kit.db.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("month", "area", name=op.f("pk_class_feature")),
    )
    op.create_table(
        "class_group",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("class", sa.String(32), nullable=False),
        sa.Column("customers", sa.Integer(), nullable=False),
        sa.Column("features", sa.JSON(), nullable=False),
        sa.Column("work", sa.LargeBinary()),
        sa.Column("off", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("month", "class", name=op.f("pk_class_group")),
    )
    op.create_table(
        "class_model",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("policy", sa.String(32), nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("accounts", sa.JSON(), nullable=False),
        sa.Column("balanced", sa.Float()),
        sa.Column("recall", sa.JSON(), nullable=False),
        sa.Column("confusion", sa.JSON(), nullable=False),
        sa.Column("inputs", sa.String(64), nullable=False),
        sa.Column("at", cloud.kit.db.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("month", name=op.f("pk_class_model")),
    )
    op.create_table(
        "class_evidence",
        sa.Column("account", sa.String(32), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("class", sa.String(32), nullable=False),
        sa.Column("probabilities", sa.JSON(), nullable=False),
        sa.Column("months", sa.Integer(), nullable=False),
        sa.Column("in_row", sa.Integer(), nullable=False),
        sa.Column("coverage", sa.Float()),
        sa.Column("estimated", sa.Float()),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", cloud.kit.db.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.no"], name=op.f("fk_class_evidence_account_account")),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_class_evidence")),
    )
    op.create_table(
        "class_mismatch",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(32), nullable=False),
        sa.Column("class", sa.String(32), nullable=False),
        sa.Column("seems", sa.String(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("probability", sa.Float(), nullable=False),
        sa.Column("months", sa.Integer(), nullable=False),
        sa.Column("in_row", sa.Integer(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("coverage", sa.Float()),
        sa.Column("estimated", sa.Float()),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("checks", sa.JSON(), nullable=False),
        sa.Column("difference", cloud.kit.db.Exact(2)),
        sa.Column("priced", sa.JSON(), nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("policy", sa.String(32), nullable=False),
        sa.Column("found_at", cloud.kit.db.Instant(), nullable=False),
        sa.Column("changed_at", cloud.kit.db.Instant(), nullable=False),
        sa.Column("settled_at", cloud.kit.db.Instant()),
        sa.Column("quiet_until", sa.Date()),
        sa.ForeignKeyConstraint(["account"], ["account.no"], name=op.f("fk_class_mismatch_account_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_class_mismatch")),
    )
    op.create_index(op.f("ix_class_mismatch_account"), "class_mismatch", ["account"], unique=False)
    op.create_index(op.f("ix_class_mismatch_state"), "class_mismatch", ["state"], unique=False)
    op.create_table(
        "class_mismatch_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("case", sa.Integer(), nullable=False),
        sa.Column("at", cloud.kit.db.Instant(), nullable=False),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("event", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("note", sa.String(500), nullable=False),
        sa.ForeignKeyConstraint(
            ["case"], ["class_mismatch.id"], name=op.f("fk_class_mismatch_event_case_class_mismatch")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_class_mismatch_event")),
    )
    op.create_index(op.f("ix_class_mismatch_event_case"), "class_mismatch_event", ["case"], unique=False)
