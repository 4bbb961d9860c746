"""What is to be done now: one frozen view in, instructions out. Pure; nothing here awaits or reads a clock.

Level-triggered: there is no current step to lose. Whatever happened is folded into the view (`machine_results`,
`machine_events`), and this is asked again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from fairlead_agent import machine_health, machine_inputs, machine_removals, machine_tasks
from fairlead_agent.instructions import Inspect, Instruction, ListContainers
from fairlead_agent.view import Moment, View

LISTING_SECONDS = 30.0


def decide(view: View, now: Moment) -> tuple[Instruction, ...]:
    """The instructions to begin now, at most one for each lane. Removals come first: theirs is the lane."""
    chosen: dict[str, Instruction] = {}
    for instruction in chain(
        _listing(view, now),
        machine_removals.removals(view, now),
        machine_tasks.steps(view, now),
        machine_inputs.keep(view, now),
        machine_health.probes(view, now),
        machine_health.last_words(view, now),
        machine_removals.objects(view, now),
    ):
        chosen.setdefault(instruction.lane, instruction)
    return tuple(chosen.values())


def issued(view: View, instructions: tuple[Instruction, ...], now: Moment) -> View:
    """The view once these instructions are under way."""
    for instruction in instructions:
        if isinstance(instruction, ListContainers):
            view = replace(view, listing_due=now.tick(LISTING_SECONDS))
        elif isinstance(instruction, Inspect):
            view = replace(view, inspection_due=now.tick(machine_inputs.RESYNC_SECONDS))
    return replace(view, in_flight={**view.in_flight, **{item.lane: item for item in instructions}})


def _listing(view: View, now: Moment) -> Iterator[Instruction]:
    if view.listing_due <= now.steady and view.free("containers", now):
        yield ListContainers(view.settled)
