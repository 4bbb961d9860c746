"""Which nodes a command concerns: --node, --cluster, --all, or the only one that there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from fairlead.api.v1 import nodes_pb2
from fairlead_cli.client import Client
from fairlead_cli.lookup import list_nodes
from fairlead_cli.render.words import last_part
from fairlead_wire.errors import Invalid, Missing

NodeNames = Annotated[list[str] | None, typer.Option("--node", metavar="NODE", help="On this node; repeatable.")]
ClusterName = Annotated[str, typer.Option("--cluster", metavar="CLUSTER", help="On all nodes of this cluster.")]
AllNodes = Annotated[bool, typer.Option("--all", help="On all nodes of the fleet.")]


@dataclass(frozen=True)
class Wanted:
    """What was asked for; at most one of them, nothing for the only node."""

    names: tuple[str, ...] = ()
    cluster: str = ""
    all: bool = False


def wanted(names: Sequence[str] | None, cluster: str, all_nodes: bool) -> Wanted:
    """Raises Invalid if it was asked in two ways at once."""
    chosen = Wanted(tuple(dict.fromkeys(names or ())), cluster, all_nodes)
    if bool(chosen.names) + bool(cluster) + all_nodes > 1:
        raise Invalid("--node, --cluster and --all exclude each other.", "Give one of them.")
    return chosen


def dockers_all(names: Sequence[str] | None, cluster: str, all_given: bool) -> tuple[bool, Wanted]:
    """What `--all` means to `ps` and `images`, which have one in Docker: with --node or --cluster it is Docker's own.

    Returns whether it is, and which nodes are meant. Raises Invalid as `wanted`.
    """
    own = all_given and bool(names or cluster)
    return own, wanted(names, cluster, all_given and not own)


async def choose(client: Client, chosen: Wanted) -> tuple[str, ...]:
    """Names of the nodes. Raises Missing or Invalid; a single named node is only known by the answer to the call."""
    if len(chosen.names) == 1:
        return chosen.names
    return select(chosen, await list_nodes(client, chosen.cluster))


async def choose_one(client: Client, chosen: Wanted) -> str:
    """The one node of a command that can't be on several at once. Raises Invalid for more."""
    names = await choose(client, chosen)
    if len(names) > 1:
        raise Invalid(
            f"This works on one node at a time, not on {len(names)}.", "Say which one with --node NAME, once."
        )
    return names[0]


def select(chosen: Wanted, nodes: Sequence[nodes_pb2.Node]) -> tuple[str, ...]:
    """Pure. Those of `nodes` that are meant, in the order in which they were named, else by name."""
    known = sorted(last_part(node.name) for node in nodes)
    unknown = [name for name in chosen.names if name not in known]
    if unknown:
        names = ", ".join(map(repr, unknown))
        raise Missing(f"There is no node {names}.", "See `fairlead node ls`.")
    if chosen.names:
        return chosen.names
    if not known:
        where = f"The cluster {chosen.cluster} has" if chosen.cluster else "The fleet has"
        raise Missing(f"{where} no nodes.", "See `fairlead node ls`.")
    if len(known) > 1 and not (chosen.all or chosen.cluster):
        raise Invalid(
            f"The fleet has {len(known)} nodes, and the command says not which.",
            "Add --node NAME, --cluster NAME or --all; see `fairlead node ls`.",
        )
    return tuple(known)


def resource(name: str) -> str:
    """What requests call the node."""
    return f"nodes/{name}"
