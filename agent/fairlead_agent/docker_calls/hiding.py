"""Values of environment variables are for admins only: left out of what Docker tells of containers and images. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "…"
_VARIABLES = re.compile(r"((?:/bin/sh -c #\(nop\)\s+)?ENV |(?:RUN )?\|\d+ )([A-Za-z_][\w.-]*(?==))?", re.ASCII)
_COMMAND = " /bin/sh -c "


def without_values(inspected: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of what `docker inspect` tells, "NAME=…" for each variable of the container, the image or its build."""
    told = dict(inspected)
    for key in ("Config", "ContainerConfig"):
        config = told.get(key)
        if isinstance(config, dict) and isinstance(config.get("Env"), list):
            told[key] = {**config, "Env": [_hidden(pair) for pair in config["Env"]]}
    return told


def instruction_without_values(created_by: str) -> str:
    """One line of an image's history: of ENV, and of the build arguments that stand before a RUN, only the first name.

    Where a value ends and the next name begins can't be told for sure.
    """
    found = _VARIABLES.match(created_by)
    if found is None:
        return created_by
    name = f"{found.group(2)}=" if found.group(2) else ""
    _, shell, command = created_by[found.end() :].rpartition(_COMMAND)
    return f"{found.group(1)}{name}{HIDDEN}{shell}{command if shell else ''}"


def _hidden(pair: object) -> str:
    name, _, value = str(pair).partition("=")
    return f"{name}={HIDDEN}" if value else f"{name}="
