"""`fairlead images prefetch`: images come to nodes before a change needs them."""

from __future__ import annotations

import shlex
import time
from typing import Any

import typer

from fairlead.api.v1 import clusters_pb2, images_pb2
from fairlead_cli.client import Client
from fairlead_cli.commands.missing_images import find_missing
from fairlead_cli.commands.options import File, Format, Output, examples, run, settings
from fairlead_cli.commands.source import read_source
from fairlead_cli.render.console import note, paint, say
from fairlead_cli.render.missing_images import counted
from fairlead_cli.render.plain import json_text, plain
from fairlead_cli.render.prefetch import DONE, News, Progress, display
from fairlead_cli.render.words import size, span

INTERRUPTED = 130
EXAMPLES = examples(
    "fairlead images prefetch -f cluster.yaml && fairlead apply -f cluster.yaml",
    "fairlead images prefetch -f cluster.yaml -o json | jq -r '.[] | select(.state == \"failed\") | .message'",
)


def prefetch(context: typer.Context, file: File, output: Output = Format.TABLE) -> None:
    """Bring the images that a spec needs to its nodes, side by side; change nothing else there.

    Nodes take them from the fleet's registry where it has them. What a node has already is not fetched again, so
    after an interruption the same command goes on where it was. Exits with 1 if anything failed.
    """
    source, again = read_source(file), f"{settings(context).program} images prefetch -f {shlex.quote(file)}"
    try:
        progress = run(context, lambda client: _bring(client, source, output is Format.JSON))
    except KeyboardInterrupt:
        note(f"\nStopped: what is under way ends by itself, nothing more begins. `{again}` goes on.")
        raise typer.Exit(INTERRUPTED) from None
    if output is Format.JSON:
        say(json_text([_document(news) for news in progress.news]))
    else:
        say(_verdict(progress))
    for news in progress.failures:
        note(_failure(news))
    if progress.failures:
        note(f"  → Once that is put right, `{again}` goes on.")
        raise typer.Exit(1)


async def _bring(client: Client, source: clusters_pb2.ClusterSource, silent: bool) -> Progress:
    found = await find_missing(client, source)
    progress = Progress(found.answer, time.monotonic)
    request = images_pb2.PrefetchImagesRequest(source=source)
    with display(progress, silent) as shown:
        async for news in client.stream(client.images.PrefetchImages, request):
            progress.take(news)
            shown.show(news)
    return progress


def _verdict(progress: Progress) -> str:
    done = [news for news in progress.news if news.state == DONE]
    if not done:
        return "No image was fetched." if progress.failures else "Every node has all that the spec needs."
    nodes = len({news.image.node for news in done})
    amount = size(sum(news.image.size_bytes for news in done))
    what = f"{counted(len(done))}{f' ({amount})' if amount else ''} to {nodes} node{'' if nodes == 1 else 's'}"
    said = f"==> Brought {what} in {span(time.monotonic() - progress.began)}."
    return said if progress.failures else paint(said, "green")


def _failure(news: News) -> str:
    # Most of what agents say names the image.
    what = "" if news.image.reference in news.message else f": {news.image.reference}"
    return f"{news.image.node}{what}: {news.message}"


def _document(news: News) -> dict[str, Any]:
    return plain(news.image) | {"state": plain(news)["state"], "message": news.message}
