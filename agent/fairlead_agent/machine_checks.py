"""What must hold of every view, whatever happened before. Tests call it after every step. Pure."""

from __future__ import annotations

from collections import Counter

from fairlead_agent.instructions import Instruction, TaskInstruction
from fairlead_agent.view import View


def validate_view(view: View) -> None:
    """Raises AssertionError with the sentence of the invariant that does not hold."""
    ids = Counter(container.id for container in view.containers.values())
    assert all(count == 1 for count in ids.values()), f"a container is listed under two names: {ids}"
    assert all(name == item.name for name, item in view.containers.items()), "a container is filed under another name"
    assert all(lane == item.lane for lane, item in view.in_flight.items()), "an instruction runs in another's lane"
    assert set(view.hashes) == {task.component for task in view.assignment.tasks}, "hashes of other tasks are kept"
    assert all(attempt.failures > 0 for attempt in view.attempts.values()), "a back-off without a failure"
    for component, failure in view.memory.failed.items():
        assert failure.message, f"{component} failed without a reason"
    for component, fallback in view.memory.fallbacks.items():
        assert fallback.hash != view.hashes.get(component), f"{component} would fall back to itself"


def validate_instructions(view: View, instructions: tuple[Instruction, ...]) -> None:
    """`instructions` are about to be issued on `view`."""
    lanes = Counter(instruction.lane for instruction in instructions)
    assert all(count == 1 for count in lanes.values()), f"two instructions for one lane: {lanes}"
    assert not set(lanes) & set(view.in_flight), "an instruction for a lane that is taken"
    for instruction in instructions:
        if isinstance(instruction, TaskInstruction):
            assert view.engine, f"{type(instruction).__name__} while Docker is away"
