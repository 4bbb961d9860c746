"""The controller's rooms, built once and joined through their ports."""

from __future__ import annotations

from dataclasses import dataclass

from fairlead_controller.api.parts import Parts, agent_image
from fairlead_controller.dispatch.server import Dispatch
from fairlead_controller.feed import Feed
from fairlead_controller.ports import Clock, FleetImages
from fairlead_controller.reconcile import ClusterReconciler
from fairlead_controller.store.port import Store


@dataclass(frozen=True)
class Rooms:
    """Everything behind the two listeners. The store belongs to whoever opened it."""

    dispatch: Dispatch
    reconciler: ClusterReconciler
    parts: Parts

    async def start(self) -> None:
        """Before any listener opens: what was seen is loaded, every cluster is looked at."""
        await self.dispatch.start(self.reconciler)
        await self.reconciler.start()

    async def close(self) -> None:
        """After the listeners are closed: nothing is planned any more, and what agents reported is written."""
        await self.reconciler.close()
        await self.dispatch.close()


def build(store: Store, clock: Clock, images: FleetImages) -> Rooms:
    feed = Feed()
    dispatch = Dispatch.build(store, feed, clock, images)
    reconciler = ClusterReconciler(store, feed, clock, dispatch.sessions, dispatch.observations, dispatch.causes)
    parts = Parts(
        store,
        clock,
        feed,
        dispatch.sessions,
        dispatch.observations,
        dispatch.relays,
        reconciler,
        agent_image(),
        dispatch.instructions,
        dispatch.inspections,
        images,
    )
    return Rooms(dispatch, reconciler, parts)
