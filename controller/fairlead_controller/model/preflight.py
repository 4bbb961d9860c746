"""What a look at a server gave, and what of it stands in the way of Kubernetes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fairlead_wire.inspection import Inspection


class Severity(StrEnum):
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Finding:
    """`check` is the name of the check, `node` the node's name; reason and cure are one sentence each."""

    check: str
    severity: Severity
    node: str
    reason: str
    cure: str

    @property
    def is_error(self) -> bool:
        return self.severity is Severity.ERROR


@dataclass(frozen=True)
class Inspected:
    """What an agent found. `clock_offset`: seconds that its clock is ahead of the controller's, known to half of
    `round_trip`, the seconds that question and answer were under way."""

    inspection: Inspection
    clock_offset: float = 0.0
    round_trip: float = 0.0
