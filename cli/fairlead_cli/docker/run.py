"""`fairlead docker run`: a container of an image, in the background or with this terminal."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from fairlead_cli.commands.options import Format, Output, run, single
from fairlead_cli.docker.arguments import command_last, texts
from fairlead_cli.docker.attach import check_terminal
from fairlead_cli.docker.container_spec import capabilities, container_spec, environment, labels, memory_bytes
from fairlead_cli.docker.nodes import AllNodes, ClusterName, NodeNames, wanted
from fairlead_cli.docker.running import REFUSED, How, Pull, run_detached, run_here
from fairlead_cli.render.errors import show
from fairlead_wire.errors import FairleadError, Refused

Texts = list[str] | None

app = single()


@command_last(
    app,
    "fairlead docker run -it --rm --node web-1 debian sh",
    "fairlead docker run -d --name shop -p 80:8080 -v data:/data --restart always --node web-1 shop:1",
    "fairlead docker run -d --name cache --cluster lab redis:8 --maxmemory 64mb",
)
def run_container(
    context: typer.Context,
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="The image; it is pulled if it is not there.")],
    command: Annotated[Texts, typer.Argument(metavar="COMMAND", help="The command and its arguments.")] = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="In the background; tells its identifier.")] = False,
    interactive: Annotated[bool, typer.Option("--interactive", "-i", help="Send standard input.")] = False,
    terminal: Annotated[bool, typer.Option("--tty", "-t", help="With a terminal.")] = False,
    remove: Annotated[bool, typer.Option("--rm", help="Remove it when it ends.")] = False,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Its name.")] = "",
    env: Annotated[Texts, typer.Option("--env", "-e", metavar="NAME[=VALUE]", help="A variable.")] = None,
    env_file: Annotated[list[Path] | None, typer.Option("--env-file", metavar="FILE", help="Variables.")] = None,
    volume: Annotated[
        Texts, typer.Option("--volume", "-v", metavar="SOURCE:TARGET[:ro]", help="A volume, or a path of the node.")
    ] = None,
    publish: Annotated[
        Texts, typer.Option("--publish", "-p", metavar="[ADDRESS:][PORT:]PORT", help="A port of the node for its own.")
    ] = None,
    publish_all: Annotated[bool, typer.Option("--publish-all", "-P", help="Ports for all it exposes.")] = False,
    network: Annotated[
        str, typer.Option("--network", "--net", metavar="NAME", help="bridge, host, none, container:NAME or a network.")
    ] = "",
    restart: Annotated[
        str, typer.Option("--restart", metavar="WHEN", help="no, always, unless-stopped or on-failure[:COUNT].")
    ] = "",
    entrypoint: Annotated[str | None, typer.Option("--entrypoint", metavar="PROGRAM", help="Not its own.")] = None,
    label: Annotated[Texts, typer.Option("--label", "-l", metavar="KEY=VALUE", help="A label.")] = None,
    workdir: Annotated[str, typer.Option("--workdir", "-w", metavar="PATH", help="Where it runs.")] = "",
    user: Annotated[str, typer.Option("--user", "-u", metavar="USER[:GROUP]", help="Who runs it.")] = "",
    hostname: Annotated[str, typer.Option("--hostname", "-h", metavar="NAME", help="Its host name.")] = "",
    privileged: Annotated[bool, typer.Option("--privileged", help="With all rights.")] = False,
    memory: Annotated[str, typer.Option("--memory", "-m", metavar="SIZE", help="The most it may have: 512m.")] = "",
    cpus: Annotated[float, typer.Option("--cpus", metavar="CORES", help="The most that it may have: 1.5.")] = 0.0,
    cap_add: Annotated[Texts, typer.Option("--cap-add", metavar="CAPABILITY", help="A right to add.")] = None,
    cap_drop: Annotated[Texts, typer.Option("--cap-drop", metavar="CAPABILITY", help="A right to take.")] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Its file system can't be written.")] = False,
    stop_signal: Annotated[str, typer.Option("--stop-signal", metavar="SIGNAL", help="What stops it.")] = "",
    add_host: Annotated[Texts, typer.Option("--add-host", metavar="HOST:ADDRESS", help="A host that it knows.")] = None,
    init: Annotated[bool, typer.Option("--init", help="With a first process that collects the others.")] = False,
    pid: Annotated[str, typer.Option("--pid", metavar="host", help="Sees the node's processes.")] = "",
    pull: Annotated[Pull, typer.Option("--pull", help="When its image is pulled.")] = Pull.MISSING,
    mount: Annotated[Texts, typer.Option("--mount", hidden=True)] = None,
    node: NodeNames = None,
    cluster: ClusterName = "",
    all_nodes: AllNodes = False,
    output: Output = Format.TABLE,
) -> None:
    """Make a container of an image and run it. All after IMAGE is its command.

    Exit code: the command's own; 125 if Docker refuses, 126 if the command can't be run, 127 if there is none. Ctrl-C
    goes to the command, or without -t stops the container. Ctrl-P Ctrl-Q leaves it, and it goes on. On several nodes
    only in the background (-d).
    """
    with _refusals():
        if mount:
            raise Refused(
                "--mount is not supported.",
                "Write -v SOURCE:TARGET[:ro], where SOURCE is a path on the node or a volume's name.",
            )
        check_terminal(terminal, interactive and not detach)
        spec = container_spec(
            image=image,
            name=name,
            command=command or (),
            entrypoint=[entrypoint] if entrypoint else (),
            entrypoint_set=entrypoint is not None,
            environment=environment(env or (), texts(env_file or ()), os.environ),
            volumes=volume or (),
            ports=publish or (),
            publish_all=publish_all,
            network=network,
            restart=restart,
            labels=labels(label or ()),
            working_directory=workdir,
            user=user,
            hostname=hostname,
            terminal=terminal,
            stdin=interactive,
            remove=remove,
            privileged=privileged,
            memory=memory_bytes(memory),
            cpus=cpus,
            cap_add=capabilities(cap_add or ()),
            cap_drop=capabilities(cap_drop or ()),
            read_only=read_only,
            stop_signal=stop_signal,
            extra_hosts=add_host or (),
            init=init,
            pid=pid,
            detached=detach,
        )
        how = How(spec, pull, wanted(node, cluster, all_nodes), output)
        code = run(context, lambda client: run_detached(client, how) if detach else run_here(client, how))
    raise typer.Exit(code)


@contextmanager
def _refusals() -> Iterator[None]:
    """What is refused before the command runs has Docker's exit code for that."""
    try:
        yield
    except FairleadError as error:
        show(error)
        raise typer.Exit(REFUSED) from None
