"""Images of servers, unpacked once: a new server gets them as links in place of loading them again.

Loading is by far the dearest part of a lab: a gigabyte a server, read, hashed and written twice. What a server's Docker
makes of it is the same on each, so it is kept in the cache, and the next server's volume gets hard links to it before
its Docker starts for the first time: no time, no disk and no memory for another copy. That is safe because Docker
writes a layer once and never changes its files. The layers' folders and Docker's records of them are copies.

Where the volumes of Docker cannot be reached (another machine's Engine, or not root), each server loads the images.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from fairlead_cli.images.builder import Builder, Built
from fairlead_cli.images.cache import key_of
from fairlead_cli.lab import images, machine, outer, servers
from fairlead_cli.lab.names import Lab
from fairlead_cli.lab.network import Addresses
from fairlead_cli.lab.processes import attempt, require
from fairlead_cli.lab.steps import Say

LAYERS, RECORDS = "overlay2", "image"  # below Docker's data folder, with its storage driver overlay2
KEPT = 2
COPY_SECONDS = 120.0
LINK = 'mount --bind / "$1" && cp --archive --link "$1$2" "$1$3"'
STOP_SECONDS = 60
ADVICE = "Is the disk full? `df -h` tells"


def folder(server: Built, stock: Sequence[Built]) -> Path:
    """Where these images lie unpacked by that server's Docker, present or not."""
    ids = sorted(image.image_id for image in stock)
    return Builder().cache.folder("servers", key_of(server.image_id, *ids))


def find(server: Built, stock: Sequence[Built]) -> Path | None:
    """The unpacked images, None when they are not there."""
    found = folder(server, stock)
    return found if found.is_dir() else None


def make(lab: Lab, addresses: Addresses, server: Built, stock: Sequence[Built], say: Say) -> bool:
    """Has a server that lives for this alone unpack the images, and keeps what it made; whether that could be done."""
    with passing_server(lab, addresses, server) as (name, volume):
        if not reachable(volume):
            return False
        say("starting a Docker Engine to unpack them")
        servers.start(name)
        images.load(name, stock, say)
        outer.docker("stop", "--time", str(STOP_SECONDS), name, timeout=STOP_SECONDS + 10)
        return keep(volume, folder(server, stock))


@contextmanager
def passing_server(lab: Lab, addresses: Addresses, server: Built) -> Iterator[tuple[str, Path]]:
    """A server without a network, not yet started, and where its Docker keeps its data; gone after the block."""
    name = f"{lab.name}-unpacking"
    remove(name)
    try:
        outer.docker("volume", "create", "--label", lab.label, name)
        words = ["create", "--privileged", "--name", name, "--label", lab.label, "--network", "none"]
        words += ["--tmpfs", "/run", "--tmpfs", "/tmp:exec", "--volume", f"{name}:/var/lib/docker"]  # noqa: S108
        outer.docker(*words, server.images[0])
        outer.docker("cp", f"{servers.write_files(lab, name, addresses.registry)}/.", f"{name}:/")
        yield name, mountpoint(name)
    finally:
        remove(name)


def remove(name: str) -> None:
    """Removes the passing server, if it is there."""
    outer.try_docker("container", "rm", "--force", name)
    outer.try_docker("volume", "rm", "--force", name)


def mountpoint(volume: str) -> Path:
    """Where a volume of the outer Engine lies on this machine, if it is this machine's."""
    return Path(outer.docker("volume", "inspect", "--format", "{{.Mountpoint}}", volume))


def reachable(place: Path) -> bool:
    """Whether we may write there."""
    return machine.is_root() and place.is_dir()


def keep(docker: Path, place: Path) -> bool:
    """Keeps what a stopped Docker unpacked; False when it uses another way of storing images."""
    if not all((docker / part).is_dir() for part in (LAYERS, RECORDS)):
        return False
    with Builder().cache.writing(place) as fresh:
        fresh.mkdir()
        link(docker, fresh)
    forget_old(place)
    return True


def forget_old(newest: Path) -> None:
    """Removes all but the newest ones; servers that have links into them lose nothing."""
    found = [path for path in newest.parent.iterdir() if not path.name.startswith(".")]
    for path in sorted(found, key=lambda one: one.stat().st_mtime, reverse=True)[KEPT:]:
        shutil.rmtree(path, ignore_errors=True)


def give(place: Path, volume: str) -> bool:
    """Puts unpacked images into the volume of a Docker that has never run; whether that could be done."""
    docker = mountpoint(volume)
    if not reachable(docker):
        return False
    link(place, docker)
    return True


def link(source: Path, target: Path) -> None:
    """Layers and records of images from one folder to another. What an interrupted try left there goes first.

    On another file system, layers are copies too.
    """
    for part in (LAYERS, RECORDS):
        shutil.rmtree(target / part, ignore_errors=True)
    if not linked(source / LAYERS, target):
        shutil.rmtree(target / LAYERS, ignore_errors=True)
        copy(source / LAYERS, target)
    copy(source / RECORDS, target)


def linked(source: Path, target: Path) -> bool:
    """Whether a folder's files could be linked into another folder.

    No link leads from one mount to another, even of the same file system, and dockerd makes its data folder a mount of
    its own. Below a second mount of the root file system, which only these two programs see, both are on one mount.
    """
    if len({path.stat().st_dev for path in (Path("/"), source, target)}) > 1:
        return False
    with TemporaryDirectory(prefix="fairlead-") as view:
        words: list[str | Path] = [
            "unshare",
            "--mount",
            "sh",
            "-c",
            LINK,
            "sh",
            view,
            source.resolve(),
            target.resolve(),
        ]
        return attempt(words, timeout=COPY_SECONDS).ok


def copy(source: Path, target: Path) -> None:
    """Copies a folder into another one, with all that layers need: owners, devices, extended attributes."""
    require(["cp", "--archive", "--reflink=auto", source, target], timeout=COPY_SECONDS, advice=ADVICE)
