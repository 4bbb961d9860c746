"""Errors that say what to do next.

    FairleadError
    ├── Invalid            the input is wrong; carries every problem at once     INVALID_ARGUMENT
    ├── Refused            the request is understood and not allowed now         FAILED_PRECONDITION
    ├── Missing            no such thing                                         NOT_FOUND
    ├── Exists             there is one already                                  ALREADY_EXISTS
    ├── Denied             this principal may not                                PERMISSION_DENIED
    ├── Unidentified       who calls is not known                                UNAUTHENTICATED
    └── Unreachable        nobody answers                                        UNAVAILABLE

Pure; `fairlead_wire.status` carries them over gRPC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with an input: where (a field path, with "file:line" if known) and what."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what


class FairleadError(Exception):
    """`message` says what is wrong, `next_step` what to do, one sentence each."""

    code = "UNKNOWN"

    def __init__(self, message: str, next_step: str = "", problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return f"{self.message} {self.next_step}".strip()


class Invalid(FairleadError):
    code = "INVALID_ARGUMENT"


class Refused(FairleadError):
    code = "FAILED_PRECONDITION"


class Missing(FairleadError):
    code = "NOT_FOUND"


class Exists(FairleadError):
    code = "ALREADY_EXISTS"


class Denied(FairleadError):
    code = "PERMISSION_DENIED"


class Unidentified(FairleadError):
    code = "UNAUTHENTICATED"


class Unreachable(FairleadError):
    code = "UNAVAILABLE"


BY_CODE: dict[str, type[FairleadError]] = {
    kind.code: kind for kind in (Invalid, Refused, Missing, Exists, Denied, Unidentified, Unreachable)
}
