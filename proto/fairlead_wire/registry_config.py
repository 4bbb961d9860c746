"""The configuration of the fleet's registries: read only, mutual TLS, nothing remembered that could go stale. Pure.

JSON is YAML, which is what distribution reads (its docs/content/about/configuration.md, v3.1.2).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

UPSTREAM_AUTHORITY = "FAIRLEAD_UPSTREAM_AUTHORITY"
UPSTREAM_CERTIFICATE = "FAIRLEAD_UPSTREAM_CERTIFICATE"
UPSTREAM_KEY = "FAIRLEAD_UPSTREAM_KEY"
"""Environment variables that name files (deploy/images/go/registry/upstream.go): whom a pull-through cache trusts, and
what it shows."""
CACHED_HOURS = 7 * 24
"""How long a pull-through cache keeps what it fetched: as long as a node keeps an image that nothing needs."""


@dataclass(frozen=True)
class RegistryFiles:
    """Paths at which the registry finds what it serves with; `root` is the folder of its store."""

    root: str
    certificate: str
    key: str
    authority: str


def configuration(files: RegistryFiles, address: str, secret: str) -> bytes:
    """The registry's beside the controller. `address`: "HOST:PORT" to listen at; `secret`: any random text, which a
    registry that takes uploads would use."""
    storage = {
        "filesystem": {"rootdirectory": files.root},
        # The controller writes the store, so there is one way in, with roles and an audit trail.
        "maintenance": {"readonly": {"enabled": True}, "uploadpurging": {"enabled": False}},
        "redirect": {"disable": True},
    }
    return json.dumps(_common(files, address, secret) | {"storage": storage}).encode()


def pull_through(files: RegistryFiles, address: str, source: str) -> bytes:
    """A seed's: what it lacks it asks of `source`, "HOST:PORT". Pushes are refused by every pull-through cache."""
    own = {
        "storage": {
            "filesystem": {"rootdirectory": files.root},
            "delete": {"enabled": True},  # by which what is old goes
            "redirect": {"disable": True},
        },
        # Without a credential helper it asks its upstream once before it serves anything, and panics if that is away
        # (registry/proxy/proxyauth.go). Ours asks nobody for a password, so none is ever run.
        "proxy": {"remoteurl": f"https://{source}", "ttl": f"{CACHED_HOURS}h", "exec": {"command": "none"}},
        "middleware": {"repository": [{"name": "one-flight"}]},
    }
    return json.dumps(_common(files, address, "nothing is uploaded") | own).encode()


def _common(files: RegistryFiles, address: str, secret: str) -> dict[str, Any]:
    tls = {
        "certificate": files.certificate,
        "key": files.key,
        "clientcas": [files.authority],
        "clientauth": "require-and-verify-client-cert",
        "minimumtls": "tls1.2",
    }
    return {
        "version": "0.1",
        "log": {"level": "warn", "formatter": "json", "accesslog": {"disabled": True}},
        "http": {"addr": address, "secret": secret, "headers": {"X-Content-Type-Options": ["nosniff"]}, "tls": tls},
    }
