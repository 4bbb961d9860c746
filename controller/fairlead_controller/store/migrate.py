"""Brings a database to this release's tables."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from fairlead_wire.errors import Refused

SCRIPTS = Path(__file__).parent / "migrations"


def newest() -> str:
    """The revision of this release's tables."""
    return ScriptDirectory(str(SCRIPTS)).get_current_head() or ""


def current(connection: Connection) -> str:
    """The revision of the database's tables, empty for an empty database."""
    return MigrationContext.configure(connection).get_current_revision() or ""


def upgrade(connection: Connection) -> None:
    """Runs, in the connection's transaction, every migration that is missing. Raises Refused for a newer database."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise Refused(
            f"The database was made by a newer Fairlead ({error}).",
            "Start that release again, or restore a backup that was made before it.",
        ) from error
