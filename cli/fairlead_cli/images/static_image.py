"""Images of static programs on nothing at all: the same bytes on every machine."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

from fairlead_cli.images import archive, layers
from fairlead_cli.images.job import Job
from fairlead_cli.images.layers import Entry, File, Folder, Link
from fairlead_cli.images.recipe import Recipe

AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"  # where Go looks first
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def build(job: Job, programs: dict[str, Path]) -> None:
    """Writes the image's archive; `programs` is path in the image → built program."""
    layer = job.scratch / "layer.tar"
    layers.write(contents(job.recipe, job.folder, programs), layer)
    blob = archive.adopt_blob(job.scratch, layer)
    document = archive.configuration(settings(job.recipe, job.key), [blob], job.architecture, "fairlead images build")
    config = archive.add_blob(job.scratch, archive.canonical(document))
    archive.write([archive.Image(config, (blob,), job.recipe.images)], job.out)


def contents(recipe: Recipe, folder: Path, programs: dict[str, Path]) -> dict[str, Entry]:
    """Everything in the image by its absolute path."""
    entries: dict[str, Entry] = {"/tmp": Folder(0o1777)}  # noqa: S108
    entries.update({path: File(program, 0o755) for path, program in programs.items()})
    entries.update({path: File(folder / name) for path, name in recipe.files.items()})
    entries.update({path: Link(target) for path, target in recipe.links.items()})
    if recipe.authorities:
        entries[AUTHORITIES] = File(authorities())
    return entries


def authorities() -> bytes:
    """Mozilla's certificate authorities, of the version that our own locked dependencies have."""
    return (resources.files("certifi") / "cacert.pem").read_bytes()


def settings(recipe: Recipe, key: str) -> dict[str, Any]:
    """The `config` part of the image's configuration."""
    environment = {"PATH": SEARCH_PATH, **recipe.environment}
    given: dict[str, Any] = {
        "Env": [f"{name}={value}" for name, value in environment.items()],
        "Entrypoint": list(recipe.entrypoint),
        "Cmd": list(recipe.command),
        "User": recipe.user,
        "WorkingDir": "/",
        "Labels": {archive.KEY_LABEL: key},
        "Volumes": {path: {} for path in recipe.volumes},
        "ExposedPorts": {port: {} for port in recipe.ports},
    }
    return {name: value for name, value in given.items() if value}
