"""The registry that stands in for Docker Hub, so that `image: nginx` works where no registry can be reached."""

from __future__ import annotations

from fairlead_cli.images.builder import Built
from fairlead_cli.lab import outer
from fairlead_cli.lab.names import Lab
from fairlead_cli.lab.network import Addresses
from fairlead_cli.lab.wait import until

PORT = 5000
PUSH_SECONDS = 120.0
START_SECONDS = 20.0


def create(lab: Lab, addresses: Addresses, image: str) -> None:
    """Makes the registry's container, not yet started; this machine reaches it on a loopback port."""
    volume = f"{lab.registry}-data"
    outer.docker("volume", "create", "--label", lab.label, volume)
    words = ["create", "--name", lab.registry, "--hostname", "registry", "--label", lab.label]
    words += ["--network", lab.network, "--ip", str(addresses.registry)]
    words += ["--publish", f"127.0.0.1::{PORT}", "--volume", f"{volume}:/var/lib/registry"]
    outer.docker(*words, image)


def published(lab: Lab) -> str:
    """Where this machine's Docker reaches the registry: 127.0.0.1 and a port."""
    return outer.docker("port", lab.registry, f"{PORT}/tcp").splitlines()[0]


def ensure(lab: Lab, addresses: Addresses, image: Built, content: Built) -> str:
    """A registry that runs and has the content; what it has."""
    if outer.inspect("container", lab.registry) is None:
        create(lab, addresses, image.images[0])
    if not outer.is_running(lab.registry):
        outer.docker("start", lab.registry)
    name = content.images[0].removeprefix("docker.io/")
    push(lab, content.images[0], name)
    lab.pushed.write_text(content.image_id + "\n", encoding="ascii")
    return f"http://{addresses.registry}:{PORT} has {name}"


def push(lab: Lab, image: str, name: str) -> None:
    """Pushes an image of the outer Engine under a name, trying again while the registry starts."""
    target = f"{published(lab)}/{name}"
    outer.docker("tag", image, target)
    try:
        until(
            lambda: outer.try_docker("push", "--quiet", target, timeout=PUSH_SECONDS).ok,
            what=f"the registry takes {name}",
            timeout=START_SECONDS,
            advice=lambda: f"Its log ends with:\n{outer.logs(lab.registry)}",
        )
    finally:
        outer.try_docker("image", "rm", target)


def has(lab: Lab, content: Built) -> bool:
    """Whether the registry runs and has the content as it is now."""
    return outer.is_running(lab.registry) and pushed_id(lab) == content.image_id


def pushed_id(lab: Lab) -> str:
    """The id of the image that was pushed last, empty if none was."""
    return lab.pushed.read_text(encoding="ascii").strip() if lab.pushed.exists() else ""
