"""A Docker Engine, spoken to through Docker's own command line."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from fairlead_cli.images.archive import KEY_LABEL
from fairlead_cli.images.errors import ImageError
from fairlead_cli.images.process import run

DEFAULT_HOST = "unix:///var/run/docker.sock"
QUICK_SECONDS = 30.0
LOAD_SECONDS = 600.0
PULL_SECONDS = 900.0
BUILD_SECONDS = 1800.0
KEY_FORMAT = f'{{{{index .Config.Labels "{KEY_LABEL}"}}}}'


class Engine:
    """One Docker Engine by its address, as DOCKER_HOST spells it."""

    def __init__(self, host: str | None = None) -> None:
        self.host = host or os.environ.get("DOCKER_HOST") or DEFAULT_HOST

    def key_of(self, image: str) -> str | None:
        """The key that an image of ours was built under; "" for others, None where the Engine has no such image."""
        said = self._inspect(image, KEY_FORMAT)
        return "" if said == "<no value>" else said

    def id_of(self, image: str) -> str | None:
        """The id of an image, None where the Engine has none of that name."""
        return self._inspect(image, "{{.Id}}")

    def _inspect(self, image: str, form: str) -> str | None:
        try:
            return self._docker("image", "inspect", "--format", form, image, timeout=QUICK_SECONDS).strip()
        except ImageError as error:
            if "no such image" in error.message.lower():
                return None
            raise

    def load(self, archive: Path) -> None:
        """Loads every image of an archive."""
        self._docker("load", "--quiet", "--input", str(archive), timeout=LOAD_SECONDS)

    def pull(self, image: str) -> None:
        """Pulls an image from its registry."""
        advice = "Try again, or build it with `fairlead images build --from source`."
        self._docker("pull", "--quiet", image, timeout=PULL_SECONDS, advice=advice)

    def save(self, images: Sequence[str], out: Path) -> None:
        """Writes images to an archive, as Docker does it."""
        self._docker("save", "--output", str(out), *images, timeout=LOAD_SECONDS)

    def forget(self, image_id: str) -> None:
        """Removes an image that has no name (any more); one that a container uses stays."""
        if self._inspect(image_id, "{{len .RepoTags}}") != "0":
            return
        with contextlib.suppress(ImageError):
            self._docker("image", "rm", image_id, timeout=QUICK_SECONDS)

    def build(
        self,
        context: Path,
        identity: Path,
        labels: Mapping[str, str],
        arguments: Mapping[str, str],
        on_line: Callable[[str], None],
        on_tick: Callable[[], None],
    ) -> str:
        """Builds a folder's Dockerfile without a name and returns the image's id, which also goes to `identity`."""
        words = ["build", "--iidfile", str(identity)]
        words += [word for pair in labels.items() for word in ("--label", "=".join(pair))]
        words += [word for pair in arguments.items() for word in ("--build-arg", "=".join(pair))]
        advice = "If the network of containers cannot reach Debian's packages, give Docker a DNS server or a proxy."
        self._docker(
            *words,
            str(context),
            timeout=BUILD_SECONDS,
            advice=advice,
            on_line=on_line,
            on_tick=on_tick,
        )
        return identity.read_text(encoding="ascii").strip()

    def _docker(
        self,
        *words: str,
        timeout: float,
        advice: str = "",
        on_line: Callable[[str], None] | None = None,
        on_tick: Callable[[], None] | None = None,
    ) -> str:
        return run(
            ["docker", *words],
            timeout=timeout,
            advice=advice or f"Is Docker Engine running at {self.host}? `docker -H {self.host} info` tells.",
            # The classic builder: it is in every Engine, and needs no plugin.
            env={"DOCKER_HOST": self.host, "DOCKER_BUILDKIT": "0", "DOCKER_CLI_HINTS": "false"},
            on_line=on_line,
            on_tick=on_tick,
        )
