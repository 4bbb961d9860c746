"""What the machine tells the worker to do; `outcomes` is what comes back. Data only.

Every instruction has a `lane`: instructions of one lane are carried out one at a time, lanes side by side. Whatever
changes a component's containers has the lane `task/COMPONENT`. `deadline` is the most seconds that it may take.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fairlead_wire.assignment import CertificateSpec, FileSpec, ObjectSpec, Removal
from fairlead_wire.task import Probe, TaskSpec


@dataclass(frozen=True)
class Instruction:
    deadline: ClassVar[float] = 30.0

    @property
    def lane(self) -> str:
        raise NotImplementedError


def certificate_lane(spec: CertificateSpec) -> str:
    return f"certificates/{spec.path.rpartition('/')[0]}"


@dataclass(frozen=True)
class ListContainers(Instruction):
    """Gives the tuple of our containers. `issued`: how many instructions had ended when it began."""

    issued: int

    @property
    def lane(self) -> str:
        return "containers"


@dataclass(frozen=True)
class Inspect(Instruction):
    """Gives what the host has of these files and certificates, as `view.Inspection`."""

    issued: float
    files: tuple[str, ...]
    certificates: tuple[CertificateSpec, ...]

    @property
    def lane(self) -> str:
        return "inspection"


@dataclass(frozen=True)
class WriteFile(Instruction):
    cluster: str
    file: FileSpec

    @property
    def lane(self) -> str:
        return self.file.key


@dataclass(frozen=True)
class IssueCertificates(Instruction):
    """New keys, the controller's signatures, both written: for the certificates of one directory. Gives
    `view.Inspection` of what is there then."""

    cluster: str
    specs: tuple[CertificateSpec, ...]

    @property
    def lane(self) -> str:
        return certificate_lane(self.specs[0])


@dataclass(frozen=True)
class EnsureImage(Instruction):
    """Pulls the image unless it is here."""

    reference: str
    deadline: ClassVar[float] = 1800.0

    @property
    def lane(self) -> str:
        return f"image/{self.reference}"


@dataclass(frozen=True)
class TaskInstruction(Instruction):
    """Changes the containers of one component."""

    component: str
    deadline: ClassVar[float] = 120.0

    @property
    def lane(self) -> str:
        return f"task/{self.component}"


@dataclass(frozen=True)
class Launch(TaskInstruction):
    """Makes the directories, creates the container and starts it; gives its id. `fingerprint`: see `Signal`."""

    cluster: str
    task: TaskSpec
    fingerprint: str = ""


@dataclass(frozen=True)
class Start(TaskInstruction):
    """Makes the directories and starts a container that is down."""

    cluster: str
    task: TaskSpec
    container_id: str
    fingerprint: str = ""


@dataclass(frozen=True)
class Retire(TaskInstruction):
    """Sets the old container aside for its successor, whose `image` has to be here: restart policy `no`, stopped,
    renamed to `name`."""

    container_id: str
    name: str
    stop_seconds: int
    image: str


@dataclass(frozen=True)
class Restore(TaskInstruction):
    """Brings the old container back: its own `name`, restart policy `always`, started."""

    container_id: str
    name: str


@dataclass(frozen=True)
class Discard(TaskInstruction):
    """Stops and removes a container that has a successor, or that failed as one."""

    container_id: str
    stop_seconds: int


@dataclass(frozen=True)
class GiveUp(TaskInstruction):
    """Gives the last log lines of a new container ("" without one), before it is marked as failed and undone."""

    container_id: str
    hash: str
    reason: str


@dataclass(frozen=True)
class Signal(TaskInstruction):
    """Signals process 1 from inside. `fingerprint` stands for the files that the process then knows."""

    container_id: str
    signals: tuple[str, ...]
    fingerprint: str


@dataclass(frozen=True)
class RunProbe(Instruction):
    component: str
    container_id: str
    probe: Probe
    deadline: ClassVar[float] = 5.0

    @property
    def lane(self) -> str:
        return f"probe/{self.component}"


@dataclass(frozen=True)
class ReadLogs(Instruction):
    """Gives the last log lines. `restarts`: how often it had been restarted then."""

    component: str
    container_id: str
    restarts: int
    deadline: ClassVar[float] = 10.0

    @property
    def lane(self) -> str:
        return f"logs/{self.component}"


@dataclass(frozen=True)
class ApplyObject(Instruction):
    spec: ObjectSpec

    @property
    def lane(self) -> str:
        return self.spec.key


@dataclass(frozen=True)
class RemoveTask(TaskInstruction):
    """Stops and removes the containers and, unless a task of the name is held, cleans its footprint."""

    removal: Removal
    container_ids: tuple[str, ...]
    clean: bool
    deadline: ClassVar[float] = 300.0


@dataclass(frozen=True)
class RemoveObject(Instruction):
    removal: Removal

    @property
    def lane(self) -> str:
        return self.removal.key


@dataclass(frozen=True)
class UndoHost(Instruction):
    removal: Removal
    deadline: ClassVar[float] = 120.0

    @property
    def lane(self) -> str:
        return self.removal.key
