"""registry over time."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _tables()
    _what_was_so_ever_since()


def _what_was_so_ever_since() -> None:
    """Today's registry is all there was: each meter is its own point, since the beginning."""
    area = _table("area", "id", "feeder")
    place = ("area", "role", "phase", "ct_ratio", "pt_ratio")
    meter = _table("meter", "id", "gateway", "line", "interval_s", *place)
    beginning = datetime(1970, 1, 1, tzinfo=UTC)
    if op.get_bind().dialect.name == "sqlite":
        beginning = beginning.replace(tzinfo=None)
    told: dict[str, Any] = {
        "start": sa.literal(beginning, sa.DateTime(timezone=True)),
        "by": sa.literal(""),
        "why": sa.literal(""),
        "recorded_at": sa.literal(beginning, sa.DateTime(timezone=True)),
    }
    feeder = area.c.feeder
    _fill("feeder", sa.select(feeder, feeder).distinct(), "id", "name")
    _fill("area_over_time", sa.select(area.c.id, feeder, *told.values()), "area", "feeder", *told)
    _fill("point", sa.select(meter.c.id), "id")
    facts = [meter.c[name] for name in place]
    _fill("point_over_time", sa.select(meter.c.id, *facts, *told.values()), "point", *place, *told)
    line = ("gateway", "line", "interval_s")
    facts = [meter.c[name] for name in line]
    _fill("meter_over_time", sa.select(meter.c.id, *facts, *told.values()), "meter", *line, *told)
    _fill("point_meter", sa.select(meter.c.id, meter.c.id, *told.values()), "point", "meter", *told)
    service = _table("service", "meter", "point")
    op.execute(sa.update(service).values(point=service.c.meter))


def _table(name: str, *columns: str) -> sa.TableClause:
    return sa.table(name, *(sa.column(column) for column in columns))


def _fill(name: str, rows: sa.Select[Any], *columns: str) -> None:
    op.execute(sa.insert(_table(name, *columns)).from_select(list(columns), rows))


def _tables() -> None:
    op.create_table(
        "feeder",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("substation", sa.String(length=120), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feeder")),
    )
    op.create_table(
        "meter_box",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meter_box")),
    )
    op.create_table(
        "photo",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_photo")),
    )
    op.create_table(
        "point",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_point")),
    )
    op.create_table(
        "registry_import",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("file", sa.String(length=200), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("system", sa.String(length=64), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registry_import")),
    )
    op.create_index(op.f("ix_registry_import_at"), "registry_import", ["at"], unique=False)
    op.create_table(
        "point_over_time",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("point", sa.String(length=64), nullable=False),
        sa.Column("area", sa.String(length=64), nullable=False),
        sa.Column("box", sa.String(length=64), nullable=True),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("side", sa.String(length=8), nullable=True),
        sa.Column("phase", sa.String(length=8), nullable=True),
        sa.Column("parent", sa.String(length=64), nullable=True),
        sa.Column("ct_ratio", sa.Float(), nullable=False),
        sa.Column("pt_ratio", sa.Float(), nullable=False),
        sa.Column("start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("why", sa.String(length=500), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by", sa.String(length=64), nullable=True),
        sa.CheckConstraint('"end" IS NULL OR "end" > "start"', name=op.f("ck_point_over_time_forward")),
        sa.ForeignKeyConstraint(["area"], ["area.id"], name=op.f("fk_point_over_time_area_area")),
        sa.ForeignKeyConstraint(["box"], ["meter_box.id"], name=op.f("fk_point_over_time_box_meter_box")),
        sa.ForeignKeyConstraint(["parent"], ["point.id"], name=op.f("fk_point_over_time_parent_point")),
        sa.ForeignKeyConstraint(["point"], ["point.id"], name=op.f("fk_point_over_time_point_point")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_point_over_time")),
        info={
            "key": "point",
            "facts": ("area", "box", "role", "side", "phase", "parent", "ct_ratio", "pt_ratio"),
        },
    )
    op.create_index(
        "uq_point_over_time_start",
        "point_over_time",
        ["point", "start"],
        unique=True,
        sqlite_where=sa.text("withdrawn_at IS NULL"),
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    )
    op.create_index(
        "uq_point_over_time_still",
        "point_over_time",
        ["point"],
        unique=True,
        sqlite_where=sa.text('withdrawn_at IS NULL AND "end" IS NULL'),
        postgresql_where=sa.text('withdrawn_at IS NULL AND "end" IS NULL'),
    )
    op.create_table(
        "section",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("feeder", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("switch", sa.String(length=64), nullable=True),
        sa.Column("upstream", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["feeder"], ["feeder.id"], name=op.f("fk_section_feeder_feeder")),
        sa.ForeignKeyConstraint(["upstream"], ["section.id"], name=op.f("fk_section_upstream_section")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_section")),
    )
    op.create_table(
        "area_over_time",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("area", sa.String(length=64), nullable=False),
        sa.Column("feeder", sa.String(length=64), nullable=False),
        sa.Column("section", sa.String(length=64), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=True),
        sa.Column("capacity_kva", sa.Float(), nullable=True),
        sa.Column("manager", sa.String(length=64), nullable=True),
        sa.Column("deputy", sa.String(length=64), nullable=True),
        sa.Column("start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("why", sa.String(length=500), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by", sa.String(length=64), nullable=True),
        sa.CheckConstraint('"end" IS NULL OR "end" > "start"', name=op.f("ck_area_over_time_forward")),
        sa.ForeignKeyConstraint(["area"], ["area.id"], name=op.f("fk_area_over_time_area_area")),
        sa.ForeignKeyConstraint(["section"], ["section.id"], name=op.f("fk_area_over_time_section_section")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_area_over_time")),
        info={"key": "area", "facts": ("feeder", "section", "kind", "capacity_kva", "manager", "deputy")},
    )
    op.create_index(
        "uq_area_over_time_start",
        "area_over_time",
        ["area", "start"],
        unique=True,
        sqlite_where=sa.text("withdrawn_at IS NULL"),
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    )
    op.create_index(
        "uq_area_over_time_still",
        "area_over_time",
        ["area"],
        unique=True,
        sqlite_where=sa.text('withdrawn_at IS NULL AND "end" IS NULL'),
        postgresql_where=sa.text('withdrawn_at IS NULL AND "end" IS NULL'),
    )
    op.create_table(
        "field_read",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("point", sa.String(length=64), nullable=False),
        sa.Column("meter", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("registers", sa.JSON(), nullable=False),
        sa.Column("doubts", sa.JSON(), nullable=False),
        sa.Column("photo", sa.String(length=64), nullable=True),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("why", sa.String(length=500), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("replaces", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["meter"], ["meter.id"], name=op.f("fk_field_read_meter_meter")),
        sa.ForeignKeyConstraint(["photo"], ["photo.sha256"], name=op.f("fk_field_read_photo_photo")),
        sa.ForeignKeyConstraint(["point"], ["point.id"], name=op.f("fk_field_read_point_point")),
        sa.ForeignKeyConstraint(
            ["replaces"], ["field_read.id"], name=op.f("fk_field_read_replaces_field_read")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_field_read")),
    )
    op.create_index(op.f("ix_field_read_meter_at"), "field_read", ["meter", "at"], unique=False)
    op.create_index(op.f("ix_field_read_point_at"), "field_read", ["point", "at"], unique=False)
    op.create_table(
        "meter_over_time",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("meter", sa.String(length=64), nullable=False),
        sa.Column("gateway", sa.String(length=32), nullable=False),
        sa.Column("line", sa.String(length=64), nullable=False),
        sa.Column("interval_s", sa.Integer(), nullable=False),
        sa.Column("start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("why", sa.String(length=500), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by", sa.String(length=64), nullable=True),
        sa.CheckConstraint('"end" IS NULL OR "end" > "start"', name=op.f("ck_meter_over_time_forward")),
        sa.ForeignKeyConstraint(["gateway"], ["gateway.id"], name=op.f("fk_meter_over_time_gateway_gateway")),
        sa.ForeignKeyConstraint(["meter"], ["meter.id"], name=op.f("fk_meter_over_time_meter_meter")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meter_over_time")),
        info={"key": "meter", "facts": ("gateway", "line", "interval_s")},
    )
    op.create_index(
        "uq_meter_over_time_start",
        "meter_over_time",
        ["meter", "start"],
        unique=True,
        sqlite_where=sa.text("withdrawn_at IS NULL"),
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    )
    op.create_index(
        "uq_meter_over_time_still",
        "meter_over_time",
        ["meter"],
        unique=True,
        sqlite_where=sa.text('withdrawn_at IS NULL AND "end" IS NULL'),
        postgresql_where=sa.text('withdrawn_at IS NULL AND "end" IS NULL'),
    )
    op.create_table(
        "point_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("point", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed", sa.String(length=64), nullable=True),
        sa.Column("installed", sa.String(length=64), nullable=True),
        sa.Column("old", sa.JSON(), nullable=False),
        sa.Column("new", sa.JSON(), nullable=False),
        sa.Column("removed_registers", sa.JSON(), nullable=False),
        sa.Column("installed_registers", sa.JSON(), nullable=False),
        sa.Column("doubts", sa.JSON(), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("why", sa.String(length=500), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("proven_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["installed"], ["meter.id"], name=op.f("fk_point_event_installed_meter")),
        sa.ForeignKeyConstraint(["point"], ["point.id"], name=op.f("fk_point_event_point_point")),
        sa.ForeignKeyConstraint(["removed"], ["meter.id"], name=op.f("fk_point_event_removed_meter")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_point_event")),
    )
    op.create_index(op.f("ix_point_event_point_at"), "point_event", ["point", "at"], unique=False)
    op.create_table(
        "point_meter",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("point", sa.String(length=64), nullable=False),
        sa.Column("meter", sa.String(length=64), nullable=False),
        sa.Column("start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("why", sa.String(length=500), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by", sa.String(length=64), nullable=True),
        sa.CheckConstraint('"end" IS NULL OR "end" > "start"', name=op.f("ck_point_meter_forward")),
        sa.ForeignKeyConstraint(["meter"], ["meter.id"], name=op.f("fk_point_meter_meter_meter")),
        sa.ForeignKeyConstraint(["point"], ["point.id"], name=op.f("fk_point_meter_point_point")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_point_meter")),
        info={"key": "point", "facts": ("meter",)},
    )
    op.create_index("ix_point_meter_meter", "point_meter", ["meter"], unique=False)
    op.create_index(
        "uq_point_meter_start",
        "point_meter",
        ["point", "start"],
        unique=True,
        sqlite_where=sa.text("withdrawn_at IS NULL"),
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    )
    op.create_index(
        "uq_point_meter_still",
        "point_meter",
        ["point"],
        unique=True,
        sqlite_where=sa.text('withdrawn_at IS NULL AND "end" IS NULL'),
        postgresql_where=sa.text('withdrawn_at IS NULL AND "end" IS NULL'),
    )
    op.create_table(
        "seal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("meter", sa.String(length=64), nullable=False),
        sa.Column("no", sa.String(length=64), nullable=False),
        sa.Column("place", sa.String(length=32), nullable=False),
        sa.Column("fitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fitted_by", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removed_by", sa.String(length=64), nullable=True),
        sa.Column("removed_why", sa.String(length=500), nullable=True),
        sa.ForeignKeyConstraint(["meter"], ["meter.id"], name=op.f("fk_seal_meter_meter")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seal")),
    )
    op.create_index(op.f("ix_seal_meter"), "seal", ["meter"], unique=False)
    op.create_index(op.f("ix_seal_no"), "seal", ["no"], unique=False)
    op.create_table(
        "service_proof",
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("meter", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.no"], name=op.f("fk_service_proof_account_account")),
        sa.ForeignKeyConstraint(["meter"], ["meter.id"], name=op.f("fk_service_proof_meter_meter")),
        sa.PrimaryKeyConstraint("account", "meter", "at", name=op.f("pk_service_proof")),
    )
    op.add_column("meter", sa.Column("asset_no", sa.String(length=64), nullable=True))
    op.add_column("meter", sa.Column("installed", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.add_column("service", sa.Column("point", sa.String(length=64), nullable=True))
    op.create_index(op.f("ix_service_point"), "service", ["point"], unique=False)
