"""The whole ordered difference between what is wanted and what is held, as moves. None left: nothing to do.

Order: a node is claimed before anything is placed on it, what is new or changes without a new container comes before
replacements, removals and releases come last.
"""

from __future__ import annotations

from collections.abc import Iterator

from fairlead_controller.model.move import Move, MoveAction
from fairlead_controller.model.snapshot import Snapshot
from fairlead_controller.plan import catalogue, quorum
from fairlead_controller.plan.gaps import Gaps, Leaving, Staying, gaps, rank
from fairlead_wire.assignment import Removal, RemovalKind

HOST = "host"
"""The "component" of the move that restores what the agent changed on its host."""


def moves(snapshot: Snapshot) -> tuple[Move, ...]:
    """Every move from what is held to what is wanted; none of them says yet what it waits for."""
    return moves_of(gaps(snapshot))


def moves_of(found: Gaps) -> tuple[Move, ...]:
    control_planes = sum(1 for gap in found.staying if gap.wanted.task(catalogue.ETCD) is not None)
    replacements = [move for gap in found.staying for move in _replacements(gap, control_planes)]
    return (
        *(_move(MoveAction.CLAIM, gap) for gap in found.staying if gap.is_new),
        *(move for gap in found.staying for move in _placements(gap)),
        *(move for gap in found.staying for move in _configuration(gap)),
        *sorted(replacements, key=lambda move: (rank(catalogue.REPLACEMENT_ORDER, move.component), move.node)),
        *(move for gap in found.staying for move in _drops(gap)),
        *(move for gap in found.leaving for move in _removals(gap)),
        *(_move(MoveAction.RELEASE, gap) for gap in found.leaving),
    )


def _move(action: MoveAction, gap: Staying | Leaving, component: str = "", from_hash: str = "") -> Move:
    return Move(action, gap.node.id, gap.node.name, component, from_hash)


def _placements(gap: Staying) -> Iterator[Move]:
    for task in gap.placed:
        yield Move(MoveAction.PLACE, gap.node.id, gap.node.name, task.component, to_hash=task.hash)


def _configuration(gap: Staying) -> Iterator[Move]:
    if gap.needs_configuring:
        yield Move(MoveAction.CONFIGURE, gap.node.id, gap.node.name, details=tuple(_details(gap)))


def _details(gap: Staying) -> Iterator[str]:
    """Only what a comparison of contents does not show."""
    before, after = set(gap.held.removals), gap.configured.removals
    yield from (f"- remove {removal.name}" for removal in after if removal not in before)


def _replacements(gap: Staying, control_planes: int) -> Iterator[Move]:
    for task in gap.replaced:
        old = gap.held.task(task.component)
        assert old is not None
        yield Move(
            MoveAction.REPLACE,
            gap.node.id,
            gap.node.name,
            task.component,
            old.hash,
            task.hash,
            outage=quorum.is_outage(task.component, control_planes),
        )


def _drops(gap: Staying) -> Iterator[Move]:
    for task in gap.dropped:
        yield _move(MoveAction.REMOVE, gap, task.component, from_hash=task.hash)


def _removals(gap: Leaving) -> Iterator[Move]:
    for task in gap.tasks:
        yield _move(MoveAction.REMOVE, gap, task.component, from_hash=task.hash)
    if gap.needs_host:
        yield _move(MoveAction.REMOVE, gap, HOST)


def host_removal(gap: Leaving) -> Removal | None:
    """The request to restore the host, if it was made."""
    return next((removal for removal in gap.held.removals if removal.kind is RemovalKind.HOST), None)
