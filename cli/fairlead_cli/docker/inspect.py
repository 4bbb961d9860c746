"""`fairlead docker inspect`: everything about containers or images."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import typer

from fairlead.api.v1 import docker_pb2
from fairlead_cli.client import Client
from fairlead_cli.commands.options import Format, Output, run, single
from fairlead_cli.docker import fanout
from fairlead_cli.docker.command import docker_command
from fairlead_cli.docker.human import go_json
from fairlead_cli.docker.json_text import STEP, indented, parsed
from fairlead_cli.docker.nodes import AllNodes, ClusterName, NodeNames, choose, resource, wanted
from fairlead_cli.docker.template import Template
from fairlead_cli.docker.template_text import NoList, NoMap
from fairlead_cli.render.console import put
from fairlead_cli.render.plain import json_text
from fairlead_wire.errors import FairleadError

# Longer than the agent waits for Docker: its own sentence says more.
INSPECT_SECONDS = 200.0
# What Docker leaves out of its JSON while it is nothing, or calls null, is an empty list or map to its own templates.
_NOTHING = ("Comment", "ContainerConfig", "Descriptor", "Health", "Healthcheck", "MacAddress", "Metadata", "Node")
_NOTHING_EITHER = ("NetworkDisabled", "SizeRootFs", "SizeRw", "StopSignal", "StopTimeout")
_LISTS = ("Args", "Binds", "CapAdd", "CapDrop", "Cmd", "Devices", "Dns", "Entrypoint", "Env", "ExecIDs", "ExtraHosts")
_LISTS_TOO = (
    "GroupAdd",
    "Links",
    "Mounts",
    "OnBuild",
    "RepoDigests",
    "RepoTags",
    "SecurityOpt",
    "Shell",
    "VolumesFrom",
)
_MAPS = ("Annotations", "ExposedPorts", "Labels", "Volumes")
OPTIONAL: dict[str, Any] = {
    **dict.fromkeys(_NOTHING + _NOTHING_EITHER),
    **dict.fromkeys(_LISTS + _LISTS_TOO, NoList()),
    **dict.fromkeys(_MAPS, NoMap()),
}

app = single()


class Kind(StrEnum):
    CONTAINER = "container"
    IMAGE = "image"


_TYPES = {
    None: docker_pb2.DOCKER_OBJECT_UNSPECIFIED,
    Kind.CONTAINER: docker_pb2.DOCKER_OBJECT_CONTAINER,
    Kind.IMAGE: docker_pb2.DOCKER_OBJECT_IMAGE,
}


@dataclass(frozen=True)
class Found:
    """The objects of one node as Docker's JSON, and what was not to be had."""

    texts: tuple[str, ...]
    errors: tuple[FairleadError, ...]


@docker_command(
    app,
    "fairlead docker inspect --node web-1 shop",
    "fairlead docker inspect --node web-1 -f '{{.State.Status}} {{.RestartCount}}' shop db",
    "fairlead docker inspect --all -f '{{json .Config.Labels}}' --type image shop:1.4",
    "fairlead docker inspect --node web-1 -f '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}' shop",
)
def inspect(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Names or identifiers.")],
    form: Annotated[str, typer.Option("--format", "-f", metavar="FORMAT", help="json, or a Go template.")] = "",
    kind: Annotated[Kind | None, typer.Option("--type", help="What they are; else containers, then images.")] = None,
    size: Annotated[bool, typer.Option("--size", "-s", hidden=True)] = False,
    node: NodeNames = None,
    cluster: ClusterName = "",
    all_nodes: AllNodes = False,
    output: Output = Format.TABLE,
) -> None:
    """Show everything about containers or images as Docker's JSON.

    Values of environment variables are shown to admins only. On several nodes each object says its node as `Node`.
    """
    template = Template("{{json .}}" if form == "json" else form) if form else None
    chosen = wanted(node, cluster, all_nodes)

    async def work(client: Client) -> bool:
        nodes = await choose(client, chosen)
        outcomes = await fanout.gather(nodes, lambda name: _inspect(client, name, names, _TYPES[kind]))
        text = _json(outcomes) if output is Format.JSON else _text(outcomes, template)
        put(text + "\n")
        failed = fanout.show_failures(outcomes)
        return fanout.show_failures([error for outcome in outcomes for error in _errors(outcome)]) or failed

    fanout.end(run(context, work))


async def _inspect(client: Client, node: str, names: Sequence[str], kind: docker_pb2.DockerObject.ValueType) -> Found:
    async def one(name: str) -> str:
        request = docker_pb2.InspectDockerRequest(node=resource(node), object=name, type=kind)
        answer = await client.call(client.docker.InspectDocker, request, INSPECT_SECONDS)
        return str(answer.json, "utf-8", "replace")

    tried = await asyncio.gather(*map(one, names), return_exceptions=True)
    errors = [error for error in tried if isinstance(error, BaseException)]
    for error in errors:
        if not isinstance(error, FairleadError) or len(errors) == len(names) == 1:
            raise error
    return Found(
        tuple(text for text in tried if isinstance(text, str)),
        tuple(error for error in errors if isinstance(error, FairleadError)),
    )


def _errors(outcome: fanout.Outcome[Found]) -> list[fanout.Outcome[Found]]:
    errors = outcome.value.errors if outcome.value else ()
    return [fanout.Outcome(outcome.node, error=fanout.named(error, outcome.node)) for error in errors]


def _text(outcomes: Sequence[fanout.Outcome[Found]], template: Template | None) -> str:
    """Docker's JSON as Docker sets it out, or what the template makes of each object."""
    several = len(outcomes) > 1
    found = [
        (o.node, _with_node(text, o.node) if several else text) for o in outcomes if o.value for text in o.value.texts
    ]
    if template is None:
        objects = [indented(text, STEP) for _, text in found]
        return "[\n" + STEP + f",\n{STEP}".join(objects) + "\n]" if objects else "[]"
    prefix = fanout.Prefix([o.node for o in outcomes] if not {"", "Node"} & template.fields() else [])
    return "\n".join(prefix.put(node, template.run(parsed(text), OPTIONAL)) for node, text in found)


def _with_node(text: str, node: str) -> str:
    """The object with its node as its first field."""
    head, brace, tail = text.partition("{")
    comma = "" if tail.lstrip().startswith("}") else ","
    return f'{head}{brace}"Node":{go_json(node)}{comma}{tail}'


def _json(outcomes: Sequence[fanout.Outcome[Found]]) -> str:
    def entry(outcome: fanout.Outcome[Found]) -> dict[str, Any]:
        found = outcome.value or Found((), ())
        error = outcome.error or next(iter(found.errors), None)
        return {
            "node": outcome.node,
            "objects": [parsed(text) for text in found.texts],
            "error": fanout.error_json(error),
        }

    return json_text([entry(outcome) for outcome in outcomes])
