"""The narrow interface between the agent and Docker. `tests/contract` holds every implementation to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from fairlead_wire.task import TaskSpec

SEED_LABEL = "fairlead.seed"
PROTECTED = ("fairlead.agent", "fairlead.controller", SEED_LABEL)
"""Labels of the agent's own container, of a controller on a node that it manages and of a zone's seed. Whoever asks by
which label: containers with one of these are never removed. Like components' labels, they belong to us."""


class ContainerStatus(StrEnum):
    """Docker's own words for a container's state."""

    CREATED = "created"
    RUNNING = "running"
    RESTARTING = "restarting"
    PAUSED = "paused"
    EXITED = "exited"
    DEAD = "dead"


@dataclass(frozen=True)
class Login:
    """For a registry."""

    username: str
    password: str = field(repr=False)


class RestartPolicy(StrEnum):
    ALWAYS = "always"
    NO = "no"


@dataclass(frozen=True)
class Container:
    """A container that carries our labels. `started_ms` is milliseconds since 1970, 0 if it never ran."""

    id: str
    name: str
    cluster: str
    component: str
    hash: str
    image: str
    status: ContainerStatus
    exit_code: int = 0
    restarts: int = 0
    started_ms: int = 0


@dataclass(frozen=True)
class EngineInfo:
    """What the Engine says of itself; versions are dotted strings."""

    version: str
    api_version: str
    root: str
    cgroup_driver: str
    cgroup_version: int
    live_restore: bool
    name: str = ""
    operating_system: str = ""
    oldest_api: str = ""
    storage_driver: str = "overlay2"
    containerd_store: bool = False
    logging_driver: str = "json-file"
    security: tuple[str, ...] = ()


@dataclass(frozen=True)
class RuntimeEvent:
    """Something happened to one of our containers: "create", "start", "die", "stop", "destroy", "rename", …"""

    action: str
    container_id: str
    component: str
    exit_code: int = 0


class RuntimeFailure(Exception):
    """Docker refused or failed; `str()` is Docker's own sentence, `status` that of its HTTP answer, 0 without one."""

    status = 0


class NameTaken(RuntimeFailure):
    """There is a container of that name already."""


class NoSuchContainer(RuntimeFailure):
    """The container is gone."""


class NoSuchImage(RuntimeFailure):
    """The image is not here and could not be pulled. `reason`: Docker's, without the name; "" if nobody was asked."""

    reason = ""


class EngineAway(RuntimeFailure):
    """The Engine does not answer."""


class Runtime(Protocol):
    """All that the agent asks of Docker. Every call has a deadline inside; every one may raise EngineAway."""

    async def engine(self) -> EngineInfo: ...

    async def containers(self) -> tuple[Container, ...]:
        """All containers with our labels, running or not, by name."""
        ...

    async def has_image(self, reference: str) -> bool: ...

    async def image_id(self, reference: str) -> str:
        """Docker's identifier of the image, "sha256:…": the digest of its configuration or, where images are in
        containerd's store, of its manifest; "" if it is not here."""
        ...

    async def pull(self, reference: str, login: Login | None = None) -> None:
        """Raises NoSuchImage with Docker's reason. The login goes to Docker with this pull and is kept nowhere."""
        ...

    async def tag(self, reference: str, name: str) -> None:
        """Gives an image another name, taking it from any other image. Raises NoSuchImage."""
        ...

    async def forget_image(self, reference: str) -> None:
        """Takes a name away, and the image with its last one; what is gone is fine. Raises RuntimeFailure for the last
        name of an image that containers use."""
        ...

    async def create(self, cluster: str, spec: TaskSpec, name: str) -> str:
        """Makes the task's container with restart policy `always` (`no` for a job), not started. Returns its id.

        Raises NameTaken, NoSuchImage.
        """
        ...

    async def start(self, container_id: str) -> None:
        """Starts it; starting a running one is fine. Raises NoSuchContainer, RuntimeFailure with Docker's reason."""
        ...

    async def stop(self, container_id: str, seconds: int) -> None:
        """SIGTERM, then SIGKILL after `seconds`; stopping a stopped one is fine."""
        ...

    async def remove(self, container_id: str) -> None:
        """Removes it by force; removing what is gone is fine."""
        ...

    async def rename(self, container_id: str, name: str) -> None: ...

    async def set_restart(self, container_id: str, policy: RestartPolicy) -> None: ...

    async def logs(self, container_id: str, lines: int) -> str:
        """The last lines of both streams."""
        ...

    async def run_inside(self, container_id: str, argv: tuple[str, ...], timeout: float) -> tuple[int, str]:
        """Runs a command in a running container; exit code and output. `docker kill -s` is no substitute: it
        switches the restart policy off (moby, daemon/kill.go)."""
        ...

    async def remove_labelled(self, label: str) -> int:
        """Removes by force every container with the label "key=value", ours or not, but for `PROTECTED` ones; how
        many."""
        ...

    def events(self) -> AsyncIterator[RuntimeEvent]:
        """Events of our containers from now on; ends when the Engine goes away."""
        ...
