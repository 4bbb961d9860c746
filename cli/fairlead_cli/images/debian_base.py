"""Debian's base image where no registry has it: mmdebstrap's minimal system under the usual name."""

from __future__ import annotations

import os
from pathlib import Path

from fairlead_cli.images import archive, host_tools, layers
from fairlead_cli.images.job import Job
from fairlead_cli.images.process import run

MAKE_SECONDS = 900.0
MIRROR_VARIABLE = "FAIRLEAD_DEBIAN_MIRROR"  # for machines that have Debian's packages from elsewhere
# As in Debian's own slim images; dpkg keeps to it in what is installed on top, too.
LEFT_OUT = ("doc", "groff", "info", "lintian", "locale", "man")
SLIM = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in LEFT_OUT]
SLIM += ["--dpkgopt=path-include=/usr/share/doc/*/copyright", '--aptopt=Acquire::Languages "none"']
OF_THIS_MACHINE = frozenset({"etc/hostname", "etc/resolv.conf"})


def build(job: Job) -> None:
    """Makes the system and writes its archive. Needs root, or a kernel that lets users map ids."""
    host_tools.need("mmdebstrap", "it makes Debian's base image where no registry answers", job.step)
    rootfs = job.scratch / "rootfs.tar"
    run(
        command(job.recipe.suite, rootfs, os.environ.get(MIRROR_VARIABLE, "")),
        timeout=MAKE_SECONDS,
        advice=f"See that this machine reaches Debian's packages, or name a mirror in {MIRROR_VARIABLE}.",
        env={"SOURCE_DATE_EPOCH": str(archive.EPOCH)},
        on_line=lambda line: job.step.tell(line.removeprefix("I: ")),
        on_tick=job.step.tick,
    )
    layer = job.scratch / "layer.tar"
    layers.normalise(rootfs, layer, OF_THIS_MACHINE)
    blob = archive.adopt_blob(job.scratch, layer)
    settings = {"Cmd": list(job.recipe.command), "Labels": {archive.KEY_LABEL: job.key}}
    document = archive.configuration(settings, [blob], job.architecture, "mmdebstrap")
    config = archive.add_blob(job.scratch, archive.canonical(document))
    archive.write([archive.Image(config, (blob,), job.recipe.images)], job.out)


def command(suite: str, out: Path, mirror: str) -> list[str]:
    """The line that makes a minimal system; without a mirror mmdebstrap takes Debian's own, with its security part."""
    words = ["mmdebstrap", "--variant=minbase", "--format=tar", *SLIM, suite, str(out)]
    return [*words, mirror] if mirror else words
