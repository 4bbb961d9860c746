"""Which images a node needs for what it is to hold, and what it would have to get of them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from fairlead_controller.model.fleet_image import FleetImage
from fairlead_wire.assignment import Assignment
from fairlead_wire.references import full_reference
from fairlead_wire.task_images import images_of


@dataclass(frozen=True)
class Lack:
    """An image that a node lacks. `size`: bytes that it has to get for it, 0 where nobody knows; `in_fleet`: whether
    the fleet's registry has it."""

    reference: str
    size: int = 0
    in_fleet: bool = False


def needed(wanted: Assignment) -> tuple[str, ...]:
    """Full references of all images of its tasks, also of those that a task's program starts by itself."""
    return tuple(sorted({full_reference(image) for task in wanted.tasks for image in images_of(task)}))


def lacking(references: Iterable[str], there: Collection[str], fleet: Mapping[str, FleetImage]) -> tuple[Lack, ...]:
    """Those of `references` that are not `there`, in their order. `fleet`: images of the fleet by full reference.

    What a node has already, or gets with an image before, is not sent again: so a layer that several share counts once.
    """
    return tuple(_lacking([*references], there, fleet))


def _lacking(references: Collection[str], there: Collection[str], fleet: Mapping[str, FleetImage]) -> Iterator[Lack]:
    known = (fleet[reference] for reference in references if reference in there and reference in fleet)
    held = {blob for image in known for blob in image.blobs}
    for reference in references:
        if reference in there:
            continue
        if (image := fleet.get(reference)) is None:
            yield Lack(reference)
            continue
        yield Lack(reference, sum(size for blob, size in image.blobs.items() if blob not in held), in_fleet=True)
        held |= set(image.blobs)
