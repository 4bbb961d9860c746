"""The registry's configuration: read only, mutual TLS, nothing remembered that could go stale. Pure.

JSON is YAML, which is what distribution reads (its docs/content/about/configuration.md, v3.1.2).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class RegistryFiles:
    """Paths at which the registry finds what it serves with; `root` is the folder of its store."""

    root: str
    certificate: str
    key: str
    authority: str


def configuration(files: RegistryFiles, address: str, secret: str) -> bytes:
    """`address`: "HOST:PORT" to listen at; `secret`: any random text, which a registry that takes uploads would use."""
    document: dict[str, Any] = {
        "version": "0.1",
        "log": {"level": "warn", "formatter": "json", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": files.root},
            # The controller writes the store, so there is one way in, with roles and an audit trail.
            "maintenance": {"readonly": {"enabled": True}, "uploadpurging": {"enabled": False}},
            "redirect": {"disable": True},
        },
        "http": {
            "addr": address,
            "secret": secret,
            "headers": {"X-Content-Type-Options": ["nosniff"]},
            "tls": {
                "certificate": files.certificate,
                "key": files.key,
                "clientcas": [files.authority],
                "clientauth": "require-and-verify-client-cert",
                "minimumtls": "tls1.2",
            },
        },
    }
    return json.dumps(document).encode()
