"""When a database was restored that no admin has confirmed yet."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("fleet") as table:
        table.add_column(sa.Column("restored_at", sa.Float(), nullable=False, server_default="0"))
