"""segments, campaigns, points and vouchers; a notice may be of what is no alert."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_NOTICE = """
CREATE TABLE notice (
    id INTEGER NOT NULL,
    "key" VARCHAR(32) NOT NULL,
    alert INTEGER,
    customer VARCHAR(64),
    kind VARCHAR(32) NOT NULL,
    round INTEGER NOT NULL,
    severity VARCHAR(16) NOT NULL,
    params JSON NOT NULL,
    trace VARCHAR(16) NOT NULL,
    created_at DATETIME NOT NULL,
    read_at DATETIME,
    CONSTRAINT pk_notice PRIMARY KEY (id),
    CONSTRAINT fk_notice_alert_alert FOREIGN KEY(alert) REFERENCES alert (id),
    CONSTRAINT fk_notice_customer_customer FOREIGN KEY(customer) REFERENCES customer (id),
    CONSTRAINT uq_notice_alert_customer_kind_round UNIQUE (alert, customer, kind, round),
    CONSTRAINT uq_notice_key UNIQUE ("key")
)
"""


def upgrade() -> None:
    _let_notices_be_of_no_alert()
    op.create_table(
        "segment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("conditions", sa.JSON(), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.String(length=64), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segment")),
        sa.UniqueConstraint("name", name=op.f("uq_segment_name")),
    )
    op.create_table(
        "campaign",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("segment", sa.Integer(), nullable=False),
        sa.Column("conditions", sa.JSON(), nullable=False),
        sa.Column("subject_kind", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("title", sa.JSON(), nullable=False),
        sa.Column("text", sa.JSON(), nullable=False),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("to_day", sa.Date(), nullable=False),
        sa.Column("measure", sa.JSON(), nullable=False),
        sa.Column("seed", sa.String(length=32), nullable=False),
        sa.Column("holdout_permille", sa.Integer(), nullable=False),
        sa.Column("cap_offers", sa.Integer(), nullable=False),
        sa.Column("cap_days", sa.Integer(), nullable=False),
        sa.Column("left_out", sa.JSON(), nullable=False),
        sa.Column("written_by", sa.String(length=64), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approved_by", sa.String(length=64), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["segment"], ["segment.id"], name=op.f("fk_campaign_segment_segment")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign")),
    )
    op.create_index(op.f("ix_campaign_segment"), "campaign", ["segment"], unique=False)
    op.create_index(op.f("ix_campaign_state"), "campaign", ["state"], unique=False)
    op.create_table(
        "campaign_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(length=64), nullable=False),
        sa.Column("event", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign"], ["campaign.id"], name=op.f("fk_campaign_event_campaign_campaign")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign_event")),
    )
    op.create_index(op.f("ix_campaign_event_campaign"), "campaign_event", ["campaign"], unique=False)
    op.create_table(
        "campaign_measurement",
        sa.Column("campaign", sa.Integer(), nullable=False),
        sa.Column("metric", sa.String(length=24), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("inputs", sa.String(length=64), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign"], ["campaign.id"], name=op.f("fk_campaign_measurement_campaign_campaign")
        ),
        sa.PrimaryKeyConstraint("campaign", "metric", name=op.f("pk_campaign_measurement")),
    )
    op.create_table(
        "campaign_offer",
        sa.Column("campaign", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("customer", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("drawn_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["account.no"], name=op.f("fk_campaign_offer_account_account")),
        sa.ForeignKeyConstraint(
            ["campaign"], ["campaign.id"], name=op.f("fk_campaign_offer_campaign_campaign")
        ),
        sa.ForeignKeyConstraint(
            ["customer"], ["customer.id"], name=op.f("fk_campaign_offer_customer_customer")
        ),
        sa.PrimaryKeyConstraint("campaign", "account", name=op.f("pk_campaign_offer")),
    )
    op.create_index(op.f("ix_campaign_offer_account"), "campaign_offer", ["account"], unique=False)
    op.create_index(
        op.f("ix_campaign_offer_customer_sent_at"), "campaign_offer", ["customer", "sent_at"], unique=False
    )
    op.create_table(
        "point_entry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("lot", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.Column("campaign", sa.Integer(), nullable=True),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("wh", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.no"], name=op.f("fk_point_entry_account_account")),
        sa.ForeignKeyConstraint(["campaign"], ["campaign.id"], name=op.f("fk_point_entry_campaign_campaign")),
        sa.ForeignKeyConstraint(["lot"], ["point_entry.id"], name=op.f("fk_point_entry_lot_point_entry")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_point_entry")),
        sa.UniqueConstraint("key", name=op.f("uq_point_entry_key")),
    )
    op.create_index(op.f("ix_point_entry_account_id"), "point_entry", ["account", "id"], unique=False)
    op.create_index(op.f("ix_point_entry_campaign"), "point_entry", ["campaign"], unique=False)
    op.create_index(op.f("ix_point_entry_lot"), "point_entry", ["lot"], unique=False)
    op.create_table(
        "voucher",
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("campaign", sa.Integer(), nullable=True),
        sa.Column("what", sa.JSON(), nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.Column("redeemed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("redeemed_by", sa.String(length=64), nullable=True),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.no"], name=op.f("fk_voucher_account_account")),
        sa.ForeignKeyConstraint(["campaign"], ["campaign.id"], name=op.f("fk_voucher_campaign_campaign")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_voucher")),
        sa.UniqueConstraint("key", name=op.f("uq_voucher_key")),
    )
    op.create_index(op.f("ix_voucher_account"), "voucher", ["account"], unique=False)


def _let_notices_be_of_no_alert() -> None:
    """SQLite changes no column: the table is made anew, while deliveries refer to it."""
    if op.get_bind().dialect.name != "sqlite":
        op.alter_column("notice", "alert", existing_type=sa.INTEGER(), nullable=True)
        return
    op.execute("PRAGMA defer_foreign_keys = ON")  # until the transaction ends, when every notice is back
    op.execute("CREATE TEMPORARY TABLE old_notice AS SELECT * FROM notice")
    op.execute("DROP TABLE notice")
    op.execute(_NOTICE)
    columns = 'id, "key", alert, customer, kind, round, severity, params, trace, created_at, read_at'
    op.execute(f"INSERT INTO notice ({columns}) SELECT {columns} FROM old_notice")  # noqa: S608 - ours
    op.execute("DROP TABLE old_notice")
    op.create_index(op.f("ix_notice_customer_id"), "notice", ["customer", "id"], unique=False)
