"""The kubeconfig format: made, read, merged. Its fields are those of client-go's clientcmd/api/v1."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from fairlead_wire.errors import Invalid

Document = dict[str, Any]
KINDS = ("clusters", "users", "contexts")


def document(cluster: str, server: str, authority: bytes, certificate: bytes, key: bytes) -> Document:
    """A kubeconfig with one context; `authority`, `certificate` and `key` are PEM and get embedded."""
    name = f"fairlead-{cluster}"
    user = {"client-certificate-data": _text(certificate), "client-key-data": _text(key)}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority-data": _text(authority)}}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }


def merged(into: Document, added: Document) -> Document:
    """`into` with the entries of `added`, which replace those of the same name and become current."""
    result = dict(into) or {"apiVersion": "v1", "kind": "Config"}
    for kind in KINDS:
        new = {entry["name"] for entry in added[kind]}
        kept = [entry for entry in result.get(kind) or [] if entry.get("name") not in new]
        result[kind] = [*kept, *added[kind]]
    result["current-context"] = added["current-context"]
    return result


def read(path: Path) -> Document:
    """The kubeconfig at `path`, empty if there is none. Raises Invalid for a file that is no kubeconfig."""
    try:
        found = (yaml.safe_load(path.read_text()) if path.exists() else None) or {}
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        found = None
    if not isinstance(found, dict) or not all(_is_list_of_maps(found.get(kind)) for kind in KINDS):
        raise Invalid(f"{path} is not a kubeconfig; it was left as it is.", "Use --out FILE instead of --merge.")
    return found


def _is_list_of_maps(value: object) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(entry, dict) for entry in value))


def default_path(environment: Mapping[str, str] = os.environ) -> Path:
    """Where kubectl would write: the first file of KUBECONFIG, else ~/.kube/config."""
    listed = [part for part in environment.get("KUBECONFIG", "").split(os.pathsep) if part]
    return Path(listed[0]) if listed else Path.home() / ".kube" / "config"


def yaml_text(content: Document) -> str:
    return yaml.safe_dump(content, sort_keys=False)


def _text(pem: bytes) -> str:
    return base64.b64encode(pem).decode()
