"""What comes back from the worker: an instruction was carried out, or it was not. Data only."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from fairlead_agent.instructions import Instruction


@dataclass(frozen=True)
class ProbeResult:
    """`message` says why it is not healthy, in one sentence."""

    healthy: bool
    message: str = ""


@dataclass(frozen=True)
class ApplyResult:
    """`retry`: the same call may succeed later (the apiserver was away); else only a change of the object helps."""

    applied: bool
    retry: bool = False
    message: str = ""


class FailureKind(StrEnum):
    """What the machine has to tell apart; everything else is OTHER."""

    ENGINE_AWAY = "engine-away"
    NO_IMAGE = "no-image"
    GONE = "gone"
    NAME_TAKEN = "name-taken"
    CONTROLLER_AWAY = "controller-away"
    OTHER = "other"


@dataclass(frozen=True)
class Done:
    """The instruction was carried out; `value` is what its class says."""

    instruction: Instruction
    value: Any = field(default=None, repr=False)


@dataclass(frozen=True)
class Failed:
    """It was not; `message` is one sentence."""

    instruction: Instruction
    message: str
    kind: FailureKind = FailureKind.OTHER


Outcome = Done | Failed
