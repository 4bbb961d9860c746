"""`fairlead tunnel`: a local port that leads to a cluster's apiserver, through the controller and an agent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import grpc
import typer

from fairlead.api.v1 import relays_pb2
from fairlead_cli.client import Client
from fairlead_cli.commands.options import ClusterName, examples, run, single
from fairlead_cli.render.console import note, say
from fairlead_wire.errors import FairleadError, Invalid

FRAME_BYTES = 256 * 1024

app = single()


@app.command(
    epilog=examples(
        "fairlead tunnel lab",
        "kubectl --kubeconfig lab.kubeconfig --server https://127.0.0.1:16443 --tls-server-name kubernetes get nodes",
    )
)
def tunnel(
    context: typer.Context,
    name: ClusterName,
    listen: Annotated[
        str, typer.Option("--listen", metavar="ADDRESS:PORT", help="Where to listen; port 0 takes a free one.")
    ] = "127.0.0.1:16443",
) -> None:
    """Reach a cluster's apiserver through the controller, from where its own address can't be reached.

    TLS goes through untouched: the controller sees nothing of it. Ctrl-C ends it.
    """
    host, port = address(listen)

    async def work(client: Client) -> None:
        await _open(client, name)  # a cluster that can't be reached is told now, not at the first connection
        server = await _listen(client, name, host, port)
        async with server:
            bound = server.sockets[0].getsockname()
            say(f"{bound[0]}:{bound[1]} leads to the apiserver of cluster {name}; Ctrl-C ends it.")
            await server.serve_forever()

    run(context, work)


def address(text: str) -> tuple[str, int]:
    """Host and port of "HOST:PORT", ":PORT" or "[IPV6]:PORT". Raises Invalid."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65_535:
        raise Invalid(f"{text!r} is not ADDRESS:PORT.", "Write for example 127.0.0.1:16443.")
    return host.strip("[]") or "127.0.0.1", int(port)


async def _listen(client: Client, name: str, host: str, port: int) -> asyncio.Server:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _carry(client, name, reader, writer)
        except FairleadError as error:
            note(f"A connection ended: {error}")
        except (ConnectionError, TimeoutError):
            pass  # the local side went away
        except asyncio.CancelledError:
            pass  # Ctrl-C; asyncio's streams would print a traceback for a cancelled handler
        finally:
            writer.close()

    try:
        return await asyncio.start_server(serve, host, port)
    except OSError as error:
        raise Invalid(
            f"Can't listen at {host}:{port}: {error.strerror}.", "Choose another port with --listen 127.0.0.1:0."
        ) from None


async def _open(client: Client, name: str) -> None:
    """Opens a relay and closes it again. Raises what keeps it from opening."""
    frames = client.stream(lambda _: client.relays.OpenRelay(_only_target(name)), None)
    await anext(frames)
    await frames.aclose()


async def _only_target(name: str) -> AsyncIterator[relays_pb2.OpenRelayRequest]:
    yield relays_pb2.OpenRelayRequest(target=relays_pb2.RelayTarget(cluster=f"clusters/{name}"))
    await asyncio.Event().wait()


async def _carry(client: Client, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Both directions until both have ended."""
    call = client.relays.OpenRelay()
    try:
        await call.write(relays_pb2.OpenRelayRequest(target=relays_pb2.RelayTarget(cluster=f"clusters/{name}")))
        upwards = asyncio.create_task(_upwards(reader, call))
        try:
            async for answer in call:
                writer.write(answer.data)
                await writer.drain()
        finally:
            upwards.cancel()
    except grpc.RpcError as error:
        raise client.failure(error) from None
    finally:
        call.cancel()


async def _upwards(reader: asyncio.StreamReader, call: object) -> None:
    while data := await reader.read(FRAME_BYTES):
        await call.write(relays_pb2.OpenRelayRequest(data=data))  # type: ignore[attr-defined]
    await call.done_writing()  # type: ignore[attr-defined]
