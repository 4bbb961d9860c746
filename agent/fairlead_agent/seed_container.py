"""The container of a zone's seed: the CNCF registry as a pull-through cache of the fleet's. Pure."""

from __future__ import annotations

from typing import Any

from fairlead_agent.runtime.container_spec import HASH_LABEL
from fairlead_agent.runtime.port import SEED_LABEL
from fairlead_wire.registry_config import UPSTREAM_AUTHORITY, UPSTREAM_CERTIFICATE, UPSTREAM_KEY, RegistryFiles
from fairlead_wire.task import Limits, canonical_json, digest

NAME = "fairlead-seed"
VOLUME = "fairlead-seed"
"""What it has fetched; goes with it."""
FOLDER = "/seed"
STORE = "/var/lib/registry"
AUTHORITY, CONFIG = "authority.crt", "config.json"
CERTIFICATE, KEY = "server.crt", "server.key"
"""What it serves with."""
CLIENT, CLIENT_KEY = "client.crt", "client.key"
"""What it shows the fleet's registry."""
FILES = RegistryFiles(STORE, f"{FOLDER}/{CERTIFICATE}", f"{FOLDER}/{KEY}", f"{FOLDER}/{AUTHORITY}")


def body(image: str, folder: str, files_digest: str) -> dict[str, Any]:
    """The body of POST /containers/create. `folder`: on the host, with the files above; `files_digest`: of what the
    program reads only at its start."""
    limits = Limits()
    wanted: dict[str, Any] = {
        "Image": image,
        "User": "0:0",
        "Cmd": ["serve", f"{FOLDER}/{CONFIG}"],
        "Env": [
            f"{UPSTREAM_AUTHORITY}={FOLDER}/{AUTHORITY}",
            f"{UPSTREAM_CERTIFICATE}={FOLDER}/{CLIENT}",
            f"{UPSTREAM_KEY}={FOLDER}/{CLIENT_KEY}",
        ],
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": {
            "NetworkMode": "host",
            "RestartPolicy": {"Name": "always"},
            "ReadonlyRootfs": True,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["label=disable", "no-new-privileges"],
            "LogConfig": {
                "Type": "json-file",
                "Config": {"max-size": str(limits.log_bytes), "max-file": str(limits.log_files)},
            },
            "Mounts": [
                {"Type": "bind", "Source": folder, "Target": FOLDER, "ReadOnly": True},
                {"Type": "volume", "Source": VOLUME, "Target": STORE},
            ],
        },
    }
    known = digest(canonical_json([wanted, files_digest]).encode())
    return wanted | {"Labels": {SEED_LABEL: "", HASH_LABEL: known}}
