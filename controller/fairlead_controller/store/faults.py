"""What the database says when it can't, in words that people can act on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError, IntegrityError

from fairlead_wire.errors import FairleadError, Refused


class StorageFault(FairleadError):
    """The database can't do it now; nothing of the transaction was kept."""

    code = "UNAVAILABLE"


_RESTORE = (
    "Stop the controller, then run `fairlead-controller restore --data {where} --from FILE` with the newest file of "
    "{where}/backups."
)
# SQLite's primary result codes → what to say and what to do; {where} is the data directory.
_FAULTS: dict[str, tuple[str, str]] = {
    "SQLITE_FULL": ("The disk of {where} is full: nothing was changed.", "Free some space there, and try again."),
    "SQLITE_BUSY": (
        "Another program holds the database in {where}: nothing was changed.",
        "End it (`fuser {where}/fairlead.db` names it), and try again.",
    ),
    "SQLITE_READONLY": ("The database in {where} can't be written.", "Make it writable for the controller's user."),
    "SQLITE_CANTOPEN": (
        "The database in {where} can't be opened.",
        "Check that the directory exists and that the controller's user may write there.",
    ),
    "SQLITE_IOERR": ("The disk of {where} gave an error: nothing was changed.", "Check the disk (`dmesg`)."),
    "SQLITE_CORRUPT": ("The database in {where} is damaged.", _RESTORE),
    "SQLITE_NOTADB": ("{where}/fairlead.db is no database.", _RESTORE),
}


@contextmanager
def translated(where: Path | str) -> Iterator[None]:
    """Turns what the database raises into a FairleadError that tells what to do next."""
    try:
        yield
    except IntegrityError as error:
        raise Refused(
            f"The change contradicts what the database holds ({error.orig}): nothing was changed.",
            "Look again at what is there, and try again.",
        ) from error
    except DBAPIError as error:
        raise _fault(error, where) from error


def _fault(error: DBAPIError, where: Path | str) -> StorageFault:
    name = str(getattr(error.orig, "sqlite_errorname", ""))
    for code, (message, next_step) in _FAULTS.items():
        if name.startswith(code):
            return StorageFault(message.format(where=where), next_step.format(where=where))
    return StorageFault(f"The database in {where} failed ({error.orig}): nothing was changed.", "Try again.")
