"""A plan as people read it: node by node, + - ~, what waits, a verdict, and the line that carries it out. Pure."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby

from fairlead.api.v1 import clusters_pb2
from fairlead_cli.render.console import paint
from fairlead_cli.render.findings import counted, findings_lines, has_errors
from fairlead_cli.render.words import last_part

# Action → sign, colour, what the verdict counts it as, what stands in place of a component.
_ACTIONS = {
    clusters_pb2.MOVE_ACTION_CLAIM: ("+", "green", "to join", "node joins the cluster"),
    clusters_pb2.MOVE_ACTION_PLACE: ("+", "green", "to add", ""),
    clusters_pb2.MOVE_ACTION_CONFIGURE: ("~", "yellow", "to configure", "files, certificates and objects"),
    clusters_pb2.MOVE_ACTION_REPLACE: ("~", "yellow", "to replace", ""),
    clusters_pb2.MOVE_ACTION_REMOVE: ("-", "red", "to remove", ""),
    clusters_pb2.MOVE_ACTION_RELEASE: ("-", "red", "to leave", "node leaves the cluster"),
}
_DETAIL_COLOURS = {"+": "green", "-": "red", "~": "yellow"}
_LONGEST_LIST = 12


def plan_text(
    plan: clusters_pb2.PlanClusterResponse, file: str, program: str = "fairlead", missing: Iterable[str] = ()
) -> str:
    """The whole plan. `file`: the spec's path as given; `program`: how to call the CLI again; `missing`: lines about
    images that nodes lack."""
    name = last_part(plan.cluster)
    if not plan.moves:
        return f"Nothing to do: cluster {name} is as {file} says (revision {plan.base_revision})."
    now = f"now revision {plan.base_revision}" if plan.base_revision else "new"
    lines = [f"Plan for cluster {paint(name, 'bold')} ({now})"]
    for node, moves in _by_node(plan.moves):
        lines += ["", f"  {paint(node, 'bold')}", *(line for move in moves for line in _move(move))]
    return "\n".join([*lines, "", verdict(plan.moves), *_preflight(plan), *missing, "", *_next(plan, file, program)])


def verdict(moves: Iterable[clusters_pb2.Move]) -> str:
    """One line: how much of what, and whether the control plane is away meanwhile."""
    listed = list(moves)
    counts = Counter(_ACTIONS[move.action][2] for move in listed)
    said = ", ".join(f"{counts[word]} {word}" for _, _, word, _ in _ACTIONS.values() if counts[word])
    away = " The apiserver is away for some seconds meanwhile; pods go on running." if _has_outage(listed) else ""
    return f"{said}.{away}"


def apply_line(file: str, pin: str, program: str = "fairlead") -> str:
    return f"{program} apply -f {shlex.quote(file)} --pin {pin}"


def _preflight(plan: clusters_pb2.PlanClusterResponse) -> Iterator[str]:
    """What was found on nodes that would join."""
    if plan.findings:
        yield from ("", f"On servers that would join: {counted(plan.findings)}.", *findings_lines(plan.findings))


def _next(plan: clusters_pb2.PlanClusterResponse, file: str, program: str) -> Iterator[str]:
    after = "Once the errors are cured, to" if has_errors(plan.findings) else "To"
    yield from (f"{after} carry out exactly this:", "")
    yield f"  {paint(apply_line(file, plan.pin, program), 'cyan')}"


def _by_node(moves: Iterable[clusters_pb2.Move]) -> Iterator[tuple[str, list[clusters_pb2.Move]]]:
    """Nodes in the order of their first move, each with its moves in order."""
    order = list(dict.fromkeys(move.node for move in moves))
    ordered = sorted(moves, key=lambda move: order.index(move.node))
    for node, group in groupby(ordered, key=lambda move: move.node):
        yield node, list(group)


def _move(move: clusters_pb2.Move) -> Iterator[str]:
    sign, colour, _, otherwise = _ACTIONS[move.action]
    outage = "  (outage)" if move.outage else ""
    head = f"{paint(sign, colour)} {paint(move.component or otherwise, colour)}{outage}"
    details = list(move.details)
    if move.action == clusters_pb2.MOVE_ACTION_PLACE and len(details) == 1:
        yield f"    {head}  {paint(details[0].removeprefix('+ '), 'dim')}"
    else:
        yield f"    {head}"
        yield from (f"        {_detail(line)}" for line in details[:_LONGEST_LIST])
        if len(details) > _LONGEST_LIST:
            yield f"        … and {len(details) - _LONGEST_LIST} more (-o json shows all)"
    if move.waits_for:
        yield f"        {paint(move.waits_for, 'dim')}"


def _detail(line: str) -> str:
    return paint(line, _DETAIL_COLOURS.get(line[:1], ""))


def _has_outage(moves: Iterable[clusters_pb2.Move]) -> bool:
    return any(move.outage for move in moves)
