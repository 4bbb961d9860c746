"""Gives a bundle's images to a Docker Engine, or to a file or pipe as `docker load` takes them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from fairlead_cli.bundle import docker_archive, whole
from fairlead_cli.bundle.document import ImageEntry
from fairlead_cli.bundle.opened import Bundle
from fairlead_cli.images.engine import Engine
from fairlead_cli.images.errors import ImageError
from fairlead_cli.images.progress import Step

ARCHIVE = "docker-archive:"
LOAD_SECONDS = 1800.0  # a gigabyte on a slow disk takes minutes
END_SECONDS = 10.0
MEGABYTE = 1_000_000
DOCUMENTS = 1_000_000  # bytes: more than the manifests and headers of an archive have

Feed = Callable[[IO[bytes]], object]


def to_engine(bundle: Bundle, entries: Sequence[ImageEntry], engine: Engine, step: Step) -> list[ImageEntry]:
    """Loads into an Engine what it lacks; those images. Raises ImageError if it does not take them."""
    missing = [entry for entry in entries if not has(engine, entry)]
    if missing:
        step.tell(f"loading {len(missing)} images into {engine.host}")
        send(lambda stream: docker_archive.stream(bundle, missing, stream, _telling(step, missing)), engine.host)
    wrong = [entry.references[0] for entry in missing if not has(engine, entry)]
    if wrong:
        told = f"After `docker load` {engine.host} has other images than the bundle: {', '.join(wrong)}."
        raise ImageError(told, "See what `docker image ls` shows there, and whether something else loads images too.")
    return missing


def to_archive(bundle: Bundle, entries: Sequence[ImageEntry], where: str, step: Step) -> None:
    """Writes an archive for `docker load` to a file, or to standard output for `-`."""
    tell = _telling(step, entries)
    if where == "-":
        docker_archive.stream(bundle, entries, sys.stdout.buffer, tell)
        return
    with whole.writing(Path(where), size_of(entries) + DOCUMENTS) as stream:
        docker_archive.stream(bundle, entries, stream, tell)


def has(engine: Engine, entry: ImageEntry) -> bool:
    """Whether an Engine has an image under all its names; where containerd keeps images, the manifest is their id."""
    return all(engine.id_of(reference) in (entry.id, entry.manifest) for reference in entry.references)


def size_of(entries: Sequence[ImageEntry]) -> int:
    """Bytes of images, what they share counted each time: no less than an archive of them has."""
    return sum(entry.size for entry in entries)


def send(feed: Feed, host: str, timeout: float = LOAD_SECONDS) -> None:
    """Has `docker load` at an Engine read what `feed` writes. Raises ImageError with its last words if that fails."""
    environment = {**os.environ, "DOCKER_HOST": host, "DOCKER_CLI_HINTS": "false"}
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                ["docker", "load", "--quiet"], stdin=subprocess.PIPE, stdout=said, stderr=said, env=environment
            )
        except FileNotFoundError as error:
            advice = f"Install Docker's client, or write an archive with --to {ARCHIVE}FILE."
            raise ImageError("`docker` is not installed.", advice) from error
        _fed(process, feed, timeout)
        if process.returncode != 0:
            said.seek(0)
            words = said.read().decode("utf-8", "replace").strip().splitlines()
            why = words[-1] if words else f"it did not take them within {timeout:.0f} s"
            raise ImageError(f"`docker load` at {host} failed: {why}", f"See `docker -H {host} info` and its disk.")


def _fed(process: subprocess.Popen[bytes], feed: Feed, timeout: float) -> None:
    """Feeds a program until it ends, which it does at the latest after `timeout` seconds, or with us."""
    assert process.stdin is not None
    alarm = threading.Timer(timeout, process.kill)
    alarm.start()
    try:
        with contextlib.suppress(BrokenPipeError):  # it ended early, and says why
            feed(process.stdin)
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        process.wait()
    finally:
        alarm.cancel()
        if process.poll() is None:
            process.kill()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        process.wait(END_SECONDS)


def _telling(step: Step, entries: Sequence[ImageEntry]) -> Callable[[int], None]:
    total = size_of(entries) // MEGABYTE  # an upper bound: images share layers
    told = -1

    def tell(written: int) -> None:
        nonlocal told
        if written // MEGABYTE != told:
            told = written // MEGABYTE
            step.tell(f"{told} MB", done=told, total=total)

    return tell
