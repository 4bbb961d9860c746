"""What Alembic runs. The connection comes from `migrate`; there is no alembic.ini and no offline mode."""

from __future__ import annotations

from alembic import context

from fairlead_controller.store.tables import Row

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Row.metadata,
    # SQLite can undo DDL, and we begin transactions ourselves: a migration happens wholly or not at all.
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
