"""What every service of the API works with."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import Protocol

from fairlead_controller.feed import Feed
from fairlead_controller.model.operation import Operation, Step
from fairlead_controller.ports import (
    Clock,
    FleetImages,
    Inspections,
    Instructions,
    ObservationView,
    Reconciler,
    Relays,
    Sessions,
)
from fairlead_controller.store.port import Store


def agent_image() -> str:
    """The agent's image of this release, for example "fairlead/agent:0.1.0"."""
    return f"fairlead/agent:{version('fairlead')}"


class Viewer(Reconciler, Protocol):
    """A reconciler that also says where an operation stands."""

    async def operation_view(self, operation: Operation) -> tuple[Operation, tuple[Step, ...]]: ...


@dataclass(frozen=True)
class Parts:
    """The controller's other rooms, as ports."""

    store: Store
    clock: Clock
    feed: Feed
    sessions: Sessions
    observations: ObservationView
    relays: Relays
    reconciler: Viewer
    agent_image: str
    instructions: Instructions
    inspections: Inspections
    images: FleetImages
