"""Operations: changes being carried out, as people follow them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class OperationKind(StrEnum):
    APPLY = "apply"
    DELETE = "delete"


class OperationState(StrEnum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SUPERSEDED = "superseded"


@dataclass(frozen=True)
class Step:
    """One line of an operation; `state` in words ("healthy", "waiting"), `since` in seconds since 1970."""

    node: str
    component: str
    state: str
    message: str = ""
    since: float = 0.0


@dataclass(frozen=True)
class Operation:
    """A change being carried out. Times are seconds since 1970, 0 for not yet."""

    id: str
    cluster: str
    kind: OperationKind
    revision: int
    state: OperationState = OperationState.RUNNING
    error: str = ""
    request_id: str = ""
    cause_id: int = 0
    created_at: float = 0.0
    ended_at: float = 0.0
