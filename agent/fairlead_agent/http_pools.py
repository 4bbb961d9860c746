"""HTTP connections to components on this node, kept alive; made anew when a certificate was renewed."""

from __future__ import annotations

import os
import ssl
import threading
from dataclasses import dataclass

import urllib3

from fairlead_agent.host_paths import HostPaths

CONNECTIONS = 4


@dataclass(frozen=True)
class Endpoint:
    """`authority` and `certificate` are paths on the host, "" for none; the key is beside its certificate."""

    host: str
    port: int
    secure: bool = True
    authority: str = ""
    certificate: str = ""

    def url(self, path: str) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}{path}"


class MissingFile(Exception):
    """A certificate is not on the host yet; `str()` is its path."""


class HttpPools:
    """One pool of connections for an endpoint. Safe to use from several threads."""

    def __init__(self, paths: HostPaths | None = None) -> None:
        self._paths = paths or HostPaths()
        self._lock = threading.Lock()
        self._pools: dict[Endpoint, tuple[tuple[int, ...], urllib3.HTTPConnectionPool]] = {}

    def pool(self, endpoint: Endpoint) -> urllib3.HTTPConnectionPool:
        """Raises MissingFile, and ssl.SSLError for a file that is no certificate."""
        stamp = self._stamp(endpoint)
        with self._lock:
            held = self._pools.get(endpoint)
            if held is not None and held[0] == stamp:
                return held[1]
            made = self._made(endpoint)
            self._pools[endpoint] = (stamp, made)
        if held is not None:
            held[1].close()
        return made

    def close(self) -> None:
        with self._lock:
            pools, self._pools = self._pools, {}
        for _, pool in pools.values():
            pool.close()

    def _made(self, endpoint: Endpoint) -> urllib3.HTTPConnectionPool:
        if not endpoint.secure:
            return urllib3.HTTPConnectionPool(endpoint.host, endpoint.port, maxsize=CONNECTIONS, retries=False)
        return urllib3.HTTPSConnectionPool(
            endpoint.host,
            endpoint.port,
            maxsize=CONNECTIONS,
            retries=False,
            cert_reqs="CERT_REQUIRED",
            ca_certs=self._place(endpoint.authority),
            cert_file=self._place(endpoint.certificate),
            key_file=self._place(_key(endpoint.certificate)),
        )

    def _place(self, path: str) -> str | None:
        return str(self._paths.followed(path)) if path else None

    def _stamp(self, endpoint: Endpoint) -> tuple[int, ...]:
        """Changes with each file that is renamed into place."""
        stamp: list[int] = []
        for path in (endpoint.authority, endpoint.certificate, _key(endpoint.certificate)):
            if path:
                try:
                    status = self._paths.followed(path).stat()
                except OSError:
                    raise MissingFile(path) from None
                stamp += [status.st_ino, status.st_mtime_ns]
        return tuple(stamp)


def _key(certificate: str) -> str:
    return certificate.removesuffix(".crt") + ".key" if certificate else ""


def reason(error: Exception) -> str:
    """What went wrong, in a few words; urllib3 wraps it several times."""
    inner: BaseException = error
    while isinstance(inner, urllib3.exceptions.HTTPError):
        around = (getattr(inner, "reason", None), inner.__cause__, *inner.args)
        deeper = next((item for item in around if isinstance(item, BaseException)), None)
        if deeper is None:
            break
        inner = deeper
    if isinstance(inner, urllib3.exceptions.TimeoutError | TimeoutError):
        return "no answer in time"
    if isinstance(inner, ssl.SSLCertVerificationError):
        return f"certificate verify failed, {inner.verify_message}"
    if isinstance(inner, OSError) and inner.errno and not isinstance(inner, ssl.SSLError):
        return os.strerror(inner.errno)
    return str(inner).rpartition(": ")[2] or type(inner).__name__
