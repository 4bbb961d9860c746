"""`fairlead snapshot`: create, ls, export snapshots of a cluster's etcd."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, Any

import typer

from fairlead.api.v1 import snapshots_pb2
from fairlead_cli.client import Client
from fairlead_cli.commands.options import ClusterName, Format, Output, examples, group, run
from fairlead_cli.render.console import note, say
from fairlead_cli.render.fleet import snapshots_table
from fairlead_cli.render.plain import json_text, plain
from fairlead_cli.render.words import last_part, size
from fairlead_wire.errors import Exists, FairleadError, Invalid, Unreachable

# etcd's database has at most 8 GiB; a slow disk writes that in minutes.
CREATE_SECONDS = 630.0
SILENT_SECONDS = 60.0
Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Also write it to FILE here, mode 0600.")]

app = group("snapshot", "Snapshots of a cluster's etcd: create, ls, export.")


@app.command(epilog=examples("fairlead snapshot create lab", "fairlead snapshot create lab --out lab.db"))
def create(context: typer.Context, name: ClusterName, out: Out = None, output: Output = Format.TABLE) -> None:
    """Make a snapshot on a control plane, and verify it. The ten newest stay there.

    Whoever has a snapshot has the cluster's Secrets.
    """
    if out is not None:
        _check_free(out)

    async def work(client: Client) -> snapshots_pb2.Snapshot:
        request = snapshots_pb2.CreateSnapshotRequest(cluster=f"clusters/{name}")
        answer = await client.call(client.snapshots.CreateSnapshot, request, CREATE_SECONDS)
        made: snapshots_pb2.Snapshot = answer.snapshot
        if out is not None:
            note(f"{last_part(made.name)} is on {last_part(made.node)} and verified; copying it to {out}.")
            await _export(client, made.name, out)
        return made

    made = run(context, work)
    if output is Format.JSON:
        say(json_text(plain(made)))
        return
    say(f"{last_part(made.name)} is on {last_part(made.node)}, at {made.path}: revision {made.revision}, verified.")
    if out is None:
        say(f"Keep a copy elsewhere: fairlead snapshot export {last_part(made.name)} --out FILE")
    else:
        say(f"Wrote {out} ({size(made.size_bytes)}, SHA-256 {made.sha256}).")


@app.command("ls", epilog=examples("fairlead snapshot ls lab", "fairlead snapshot ls lab -o json"))
def ls(context: typer.Context, name: ClusterName, output: Output = Format.TABLE) -> None:
    """List the snapshots on a cluster's control planes, newest first."""
    request = snapshots_pb2.ListSnapshotsRequest(cluster=f"clusters/{name}")
    answer = run(context, lambda client: client.call(client.snapshots.ListSnapshots, request, 30.0))
    if output is Format.JSON:
        say(json_text(plain(answer)))
    else:
        say(snapshots_table(answer.snapshots, time.time()))
    for node in answer.unreachable_nodes:
        note(f"{last_part(node)} could not be asked.")


@app.command(epilog=examples("fairlead snapshot export lab-20260724-101500 --out lab.db"))
def export(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The snapshot's name, from `fairlead snapshot ls`.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where it goes, mode 0600.")],
) -> None:
    """Copy a snapshot to this machine, and compare its digest."""
    _check_free(out)
    made = run(context, lambda client: _export(client, f"snapshots/{name}", out))
    say(f"Wrote {out} ({size(made.size_bytes)}, SHA-256 {made.sha256}).")


def _check_free(out: Path) -> None:
    if out.exists():
        raise Exists(f"{out} exists already.", "Give another --out, or remove it.")
    if not os.access(out.parent, os.W_OK | os.X_OK):
        there = "can't be written to" if out.parent.is_dir() else "is no folder"
        raise Invalid(f"{out.parent} {there}: nothing was done.", "Give another --out.")


async def _export(client: Client, name: str, out: Path) -> snapshots_pb2.Snapshot:
    """Whole and with the right digest, or not at all."""
    request = snapshots_pb2.ExportSnapshotRequest(name=name)
    beside = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        async with aclosing(_parts(client, request)) as parts:
            made: snapshots_pb2.Snapshot = (await anext(parts)).snapshot
            digest = await _write(parts, beside)
        if digest != made.sha256:
            raise FairleadError(
                f"What came of {last_part(name)} has SHA-256 {digest}, not {made.sha256}: it was not kept.",
                "Try again; if that does not help, make a new snapshot.",
            )
        beside.rename(out)
    finally:
        beside.unlink(missing_ok=True)
    return made


async def _write(parts: AsyncIterator[Any], path: Path) -> str:
    """SHA-256 of what was written."""
    digest = hashlib.sha256()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        async for part in parts:
            digest.update(part.data)
            file.write(part.data)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


async def _parts(client: Client, request: Any) -> AsyncGenerator[Any, None]:
    """The answers of an export. Raises Unreachable when nothing comes any more."""
    stream = client.stream(client.snapshots.ExportSnapshot, request)
    while True:
        try:
            async with asyncio.timeout(SILENT_SECONDS):
                yield await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise Unreachable(
                f"Nothing came for {SILENT_SECONDS:.0f} s.", "Check the connection to the node, and try again."
            ) from None
