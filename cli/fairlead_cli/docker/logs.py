"""`fairlead docker logs`: what containers wrote."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Protocol

import typer

from fairlead.api.v1 import docker_pb2
from fairlead_cli.client import Client
from fairlead_cli.commands.options import Format, Output, run, single
from fairlead_cli.docker import fanout
from fairlead_cli.docker.command import docker_command
from fairlead_cli.docker.nodes import AllNodes, ClusterName, NodeNames, choose, resource, wanted
from fairlead_cli.docker.streams import STDERR, STDOUT, Sink
from fairlead_cli.docker.streams import Output as Frames
from fairlead_cli.docker.when import moment
from fairlead_cli.render.plain import json_line
from fairlead_wire.errors import Invalid

ALL = -1
_NAMES = {STDOUT: "stdout", STDERR: "stderr"}

app = single()


class Writer(Protocol):
    """Takes what comes from one node."""

    def write(self, stream: int, data: bytes) -> None: ...

    def close(self) -> None: ...


@docker_command(
    app,
    "fairlead docker logs --node web-1 shop",
    "fairlead docker logs -f --tail 100 --node web-1 shop",
    "fairlead docker logs -t --since 10m --cluster lab fairlead-kubelet     of all nodes, each line with its node",
    "fairlead docker logs --since 2026-11-26T15:00:00Z --until 2026-11-26T16:00:00Z --node web-1 shop",
)
def logs(
    context: typer.Context,
    container: Annotated[str, typer.Argument(metavar="CONTAINER", help="Name or identifier.")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes.")] = False,
    tail: Annotated[str, typer.Option("--tail", "-n", metavar="LINES|all", help="Only so many last lines.")] = "all",
    since: Annotated[str, typer.Option("--since", metavar="TIME", help="Only what is newer: 10m, or a time.")] = "",
    until: Annotated[str, typer.Option("--until", metavar="TIME", help="Only what is older: 10m, or a time.")] = "",
    timestamps: Annotated[bool, typer.Option("--timestamps", "-t", help="A time before each line.")] = False,
    node: NodeNames = None,
    cluster: ClusterName = "",
    all_nodes: AllNodes = False,
    output: Output = Format.TABLE,
) -> None:
    """Show what a container wrote, as `docker logs`: what it wrote to stderr goes to stderr.

    With -o json: one object a line, with the node and the stream.
    """
    now, chosen = time.time(), wanted(node, cluster, all_nodes)
    request = docker_pb2.ReadLogsRequest(
        container=container,
        follow=follow,
        tail=lines(tail),
        since=moment(since, now, "--since"),
        until=moment(until, now, "--until"),
        timestamps=timestamps,
    )

    async def work(client: Client) -> bool:
        nodes = await choose(client, chosen)
        writer = _writers(nodes, output)
        failed = False
        async for batch in fanout.each(nodes, lambda name: _read(client, name, request, writer(name)), grace=0):
            failed |= fanout.show_failures(batch)
        return failed

    fanout.end(run(context, work))


def lines(text: str) -> int:
    """How many of `--tail`; what is no number means all, as in Docker's own. Raises Invalid for what is neither."""
    if text == "all" or text.removeprefix("-").isdecimal():
        return ALL if text == "all" else max(int(text), ALL)
    raise Invalid(f"--tail {text!r} is no number of lines.", "Write for example --tail 100, or --tail all.")


def _writers(nodes: Sequence[str], output: Format) -> Callable[[str], Writer]:
    sink, prefix = Sink.standard(), fanout.Prefix(nodes)
    if output is Format.JSON:
        return lambda node: _Parted(lambda stream: _JsonLines(node, stream, sink.write))
    if len(nodes) == 1:
        return lambda node: sink
    return lambda node: _Parted(
        lambda stream: fanout.Lines(prefix(node).encode(), lambda data: sink.write(stream, data))
    )


async def _read(client: Client, node: str, request: docker_pb2.ReadLogsRequest, writer: Writer) -> None:
    asked = docker_pb2.ReadLogsRequest(node=resource(node))
    asked.MergeFrom(request)
    frames = Frames(writer.write, terminal=False)
    try:
        async for answer in client.stream(client.docker.ReadLogs, asked):
            if answer.HasField("terminal"):
                frames = Frames(writer.write, answer.terminal)
            else:
                frames.feed(answer.data)
        frames.close()
    finally:
        writer.close()


class _Lines(Protocol):
    def feed(self, block: bytes) -> None: ...

    def close(self) -> None: ...


class _Parted:
    """Lines of each stream for themselves."""

    def __init__(self, make: Callable[[int], _Lines]) -> None:
        self._lines = {stream: make(stream) for stream in (STDOUT, STDERR)}

    def write(self, stream: int, data: bytes) -> None:
        self._lines.get(stream, self._lines[STDERR]).feed(data)

    def close(self) -> None:
        for each in self._lines.values():
            each.close()


class _JsonLines:
    """Each line as a JSON object."""

    def __init__(self, node: str, stream: int, write: Callable[[int, bytes], None]) -> None:
        self._about: dict[str, Any] = {"node": node, "stream": _NAMES[stream]}
        self._write = write
        self._lines = fanout.Lines(b"", self._put)

    def feed(self, block: bytes) -> None:
        self._lines.feed(block)

    def close(self) -> None:
        self._lines.close()

    def _put(self, whole: bytes) -> None:
        texts = whole.decode(errors="replace").split("\n")[:-1]
        said = "".join(json_line({**self._about, "line": text.removesuffix("\r")}) + "\n" for text in texts)
        self._write(STDOUT, said.encode())
