"""Which images the lab needs, where each belongs, and whether a Docker Engine has them already."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fairlead_cli.images.builder import Builder, Built
from fairlead_cli.images.progress import Progress
from fairlead_cli.lab import outer
from fairlead_cli.lab.processes import Result
from fairlead_cli.lab.steps import Say

SERVER, REGISTRY, NGINX, AGENT, AGENT_BASE = "lab-node", "registry", "nginx", "agent", "python-base"
FOR_THE_LAB = (SERVER, REGISTRY, NGINX)
# What a cluster runs. The layers that several share come with the first: an Engine that
# loads two such images at once unpacks them twice.
COMPONENTS = (
    "kubelet",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "etcd",
    "coredns",
    "cri-dockerd",
    "kube-proxy",
    "flannel",
    "api-proxy",
    "pause",
)
# What every server has before its agent comes: what the agent's image stands on, too, since that seldom changes.
ON_SERVERS = (*COMPONENTS, AGENT_BASE)
AT_ONCE = 3
LOAD_SECONDS = 300.0


class Stock:
    """The images of one run: looked up or built once, so that all steps use the same."""

    def __init__(self) -> None:
        self._built: dict[str, Built] = {}

    def find(self, names: Sequence[str]) -> list[Built] | None:
        """The images as the cache has them, None when it lacks one."""
        missing = [name for name in names if name not in self._built]
        if missing:
            found = Builder().find(missing)
            self._built |= {name: found[name] for name in missing if name in found}
        return self.get(*names) if all(name in self._built for name in names) else None

    def build(self, names: Sequence[str], say: Say) -> list[Built]:
        """The images, built or pulled where the cache lacks them."""
        self._built |= builder(say).build(names)
        return self.get(*names)

    def load(self, names: Sequence[str], say: Say) -> list[Built]:
        """The images, loaded into the outer Engine too."""
        self._built |= builder(say).load(names)
        return self.get(*names)

    def program(self, name: str, say: Say) -> Path:
        """A program such as kubectl, compiled where the cache lacks it."""
        return builder(say).binary(name)

    def get(self, *names: str) -> list[Built]:
        """Images that an earlier step found or built."""
        return [self._built[name] for name in names]


def builder(say: Say) -> Builder:
    """A builder that reports to a step of the lab."""
    return Builder(report=lambda progress: say(worded(progress)))


def worded(progress: Progress) -> str:
    """What a builder is at, in one line."""
    share = f" {100 * progress.done // progress.total} %" if progress.total else ""
    return f"{progress.step}: {progress.detail}{share} ({progress.seconds:.0f} s)"


def counted(images: Iterable[Built]) -> str:
    """How images came to be there: "9 from the cache, 3 built"."""
    words = {"cached": "from the cache", "build": "built", "pull": "pulled"}
    ways = [image.how for image in images]
    return ", ".join(f"{ways.count(way)} {word}" for way, word in words.items() if way in ways)


def lacking(images: Iterable[Built], inspected: Result) -> list[Built]:
    """The images that an Engine does not have as they are now, from what `docker image inspect` printed."""
    known = {entry["Id"] for entry in json.loads(inspected.output or "[]")}
    return [image for image in images if image.image_id not in known]


def lacking_here(images: Sequence[Built]) -> list[Built]:
    """The images that the outer Engine lacks."""
    return lacking(images, outer.try_docker("image", "inspect", *tags(images)))


def lacking_on(node: str, images: Sequence[Built]) -> list[Built]:
    """The images that a server's Docker lacks."""
    return lacking(images, outer.try_docker("exec", node, "docker", "image", "inspect", *tags(images)))


def tags(images: Iterable[Built]) -> list[str]:
    """All names of images."""
    return [tag for image in images for tag in image.images]


def load(node: str, images: Sequence[Built], say: Say) -> str:
    """Loads into a server's Docker what it lacks, several at a time; how much that was."""
    missing = lacking_on(node, images)
    loaded = 0

    def one(image: Built) -> int:
        outer.load(node, image.archive, LOAD_SECONDS)
        return image.archive.stat().st_size

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="lab-load") as pool:
        for count, size in enumerate(pool.map(one, missing), 1):
            loaded += size
            say(f"{count} of {len(missing)} images")
    return f"{len(missing)} images, {loaded / 1e6:.0f} MB"
