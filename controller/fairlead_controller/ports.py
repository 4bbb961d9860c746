"""The seams between the controller's rooms: what `api` and `reconcile` ask of `dispatch`, and the other way round."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from fairlead.agent.v1 import session_pb2
from fairlead_controller.model.fleet_image import FleetImage
from fairlead_controller.model.preflight import Inspected
from fairlead_controller.model.seed import Seed
from fairlead_controller.model.snapshot import Cluster, Snapshot
from fairlead_wire.assignment import Assignment, Observation, Subject


@dataclass(frozen=True)
class Clock:
    """Time and randomness as arguments. `now`: seconds since 1970; `random_bytes(n)`: n random bytes."""

    now: Callable[[], float]
    random_bytes: Callable[[int], bytes]


@dataclass(frozen=True)
class Ahead:
    """An agent that knows more than the database. `kept`: what it holds, None while it has not told."""

    reason: str
    generation: int = 0
    kept: Assignment | None = None


class Sessions(Protocol):
    """Who is connected now."""

    def reachable(self) -> frozenset[str]:
        """Identifiers of nodes on which something may be begun: connected, and not only observed."""
        ...

    def connected(self) -> frozenset[str]:
        """Identifiers of nodes with a session that has not missed three heartbeats."""
        ...

    def ahead(self) -> Mapping[str, Ahead]:
        """Connected nodes whose agents know more than the database, by identifier."""
        ...

    def begin_again(self) -> None:
        """Ends the sessions of nodes that are only observed: their agents come back at once and are looked at anew."""
        ...

    def last_seen(self) -> Mapping[str, float]:
        """Node identifier → seconds since 1970 of the last message, for nodes seen since this controller started."""
        ...

    def images_changed(self) -> None:
        """Has every connected agent told where images are to be had now."""
        ...

    def zone_seeds(self) -> Mapping[str, Seed]:
        """The seed of each zone that has one."""
        ...

    def push(self, node_id: str) -> None:
        """The node's assignment changed: its session, if it has one, sends the difference."""
        ...


class ObservationView(Protocol):
    """What agents last saw, held in memory."""

    def of(self, node_id: str) -> Mapping[tuple[Subject, str], Observation]: ...


class RelayPipe(Protocol):
    """One open byte stream to something on a node."""

    async def read(self) -> bytes:
        """The next bytes, empty at the end."""
        ...

    async def write(self, data: bytes) -> None: ...

    async def finish(self) -> None:
        """No more bytes will be written; reading goes on."""
        ...

    async def close(self) -> None: ...


class Relays(Protocol):
    async def open(self, node_id: str, target: str, timeout: float) -> RelayPipe:
        """Asks the node's agent for a relay to `target` ("apiserver"). Raises Unreachable, Denied."""
        ...


class Inspections(Protocol):
    async def inspect(self, node_id: str, timeout: float) -> Inspected:
        """What the node's agent finds on its host, within `timeout` seconds. Raises Unreachable, Refused."""
        ...


class Instructions(Protocol):
    async def carry_out(
        self, node_id: str, instruction: session_pb2.Instruction, timeout: float
    ) -> session_pb2.InstructionResult:
        """Has the node's agent do it within `timeout` seconds; gives the instruction its identifier.

        Raises Unreachable, Refused with the agent's reason.
        """
        ...


class Reconciler(Protocol):
    def wake(self, cluster: str, cause_id: int = 0) -> None:
        """Something changed that this cluster may depend on."""
        ...

    async def snapshot(self, cluster: Cluster) -> Snapshot:
        """What `plan` would read for this cluster; the cluster may be a candidate that is not stored."""
        ...


class FleetImages(Protocol):
    """What the fleet's registry has. All of it is on the disk; nothing of it is in the database."""

    @property
    def registry(self) -> str:
        """Where nodes reach the registry, "HOST:PORT"; empty if this controller runs none."""
        ...

    @property
    def size(self) -> int:
        """Bytes of all images on the disk; what they share counts once."""
        ...

    def all(self) -> Mapping[str, FleetImage]:
        """Images by full reference."""
        ...

    def on_change(self, call: Callable[[], None]) -> None:
        """Has `call` called, in the event loop, each time that `registry` or `all` changed."""
        ...

    def missing(self, digests: Iterable[str]) -> tuple[str, ...]:
        """Those blobs that are not there. Raises Invalid for what is no digest."""
        ...

    async def add_blob(self, digest: str, size: int, data: AsyncIterator[bytes]) -> None:
        """Safe on the disk when it returns. Raises Invalid for another size or digest, Refused for a full disk."""
        ...

    async def put(self, reference: str, manifest: bytes) -> FleetImage:
        """Names an image. Raises Invalid for a bad manifest or name, Missing for blobs that are not there."""
        ...

    async def delete(self, reference: str) -> int:
        """Takes a name away; the bytes that this freed. Raises Missing."""
        ...
