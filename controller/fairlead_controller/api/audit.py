"""The audit trail: every call that changes something leaves an event with who did it, in the same transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextvars import copy_context
from typing import TypeVar

from fairlead_controller.api.access import principal
from fairlead_controller.api.parts import Parts
from fairlead_controller.model.event import Event
from fairlead_controller.store.port import Repositories
from fairlead_wire.cancelling import to_the_end
from fairlead_wire.docker_calls import CHANGES, SERVICE

# Each changing method and the kind of the event that it leaves. A test calls them all.
CHANGING: Mapping[str, str] = {
    "/fairlead.api.v1.ClusterService/ApplyCluster": "revision-accepted",
    "/fairlead.api.v1.ClusterService/DeleteCluster": "deletion-accepted",
    "/fairlead.api.v1.ClusterService/IssueKubeconfig": "kubeconfig-issued",
    "/fairlead.api.v1.TokenService/CreateToken": "token-created",
    "/fairlead.api.v1.TokenService/RevokeToken": "token-revoked",
    "/fairlead.api.v1.RelayService/OpenRelay": "relay-opened",
    "/fairlead.api.v1.FleetService/ConfirmFleet": "fleet-confirmed",
    "/fairlead.api.v1.SnapshotService/CreateSnapshot": "snapshot-created",
    "/fairlead.api.v1.SnapshotService/ExportSnapshot": "snapshot-exported",
    "/fairlead.api.v1.ImageService/PutFleetImage": "image-added",
    "/fairlead.api.v1.ImageService/DeleteFleetImage": "image-removed",
    "/fairlead.api.v1.ImageService/PrefetchImages": "images-prefetched",
    "/fairlead.api.v1.RegistryService/SetRegistry": "registry-set",
    "/fairlead.api.v1.RegistryService/DeleteRegistry": "registry-forgotten",
    **{f"/{SERVICE}/{method}": "docker-called" for method, changes in CHANGES.items() if changes},
}

T = TypeVar("T")


def record(repositories: Repositories, at: float, kind: str, message: str, cluster: str = "", node: str = "") -> Event:
    """Appends an event by whoever made the call that is being handled."""
    event = Event(kind, message, cluster=cluster, node=node, principal=principal().name)
    return repositories.events.append(event, at)


async def change(
    parts: Parts, work: Callable[[Repositories], T], then: Callable[[T], Awaitable[None]] | None = None
) -> T:
    """Runs a change that records events, then tells those who follow them, and does what follows from it.

    A caller who goes away stops none of this: what is stored would wait for somebody to wake it.
    """
    # The store may run it in a thread of its own, which would not know the principal.
    here = copy_context()

    async def whole() -> T:
        result = await parts.store.write(lambda repositories: here.run(work, repositories))
        parts.feed.publish("events")
        if then is not None:
            await then(result)
        return result

    return await to_the_end(whole())
