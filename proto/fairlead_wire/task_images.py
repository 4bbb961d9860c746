"""Which images a task needs on its node: its own, and those that its program starts by itself. Pure."""

from __future__ import annotations

from fairlead_wire.task import TaskSpec

# cri-dockerd begins each pod with this image, and has Docker pull it where it is not there.
POD_IMAGE_FLAG = "--pod-infra-container-image="


def further_images(task: TaskSpec) -> tuple[str, ...]:
    """Those that the program asks Docker for."""
    return tuple(argument.removeprefix(POD_IMAGE_FLAG) for argument in task.args if argument.startswith(POD_IMAGE_FLAG))


def images_of(task: TaskSpec) -> tuple[str, ...]:
    """All of them, the task's own first."""
    return (task.image, *further_images(task))
