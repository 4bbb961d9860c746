"""Asking components whether they are well: see `effects.Prober`. One question, answered within 2 s."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import urllib3

from fairlead_agent.effects import ProbeResult
from fairlead_agent.host_paths import HostPaths
from fairlead_agent.http_pools import Endpoint, HttpPools, MissingFile, reason
from fairlead_wire.task import Probe, ProbeKind

SECONDS = 2.0
SOCKET_SECONDS = 1.8
"""A little less, so that the thread has ended when the answer is given up."""
THREADS = 12
"""As many as there are components, so that one that hangs makes no other late."""
SHOWN = 200
CRI_VERSION = "/runtime.v1.RuntimeService/Version"
KUBELET_HEALTH = Endpoint("127.0.0.1", 10248, secure=False)
"""Asked before the Node is: that stays Ready for 40 s after its kubelet has died."""


class HostProber:
    """`close` ends its threads."""

    def __init__(self, paths: HostPaths | None = None, kubelet_health: Endpoint = KUBELET_HEALTH) -> None:
        self._paths = paths or HostPaths()
        self._kubelet_health = kubelet_health
        self._pools = HttpPools(self._paths)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="probe")
        self._kinds: Mapping[ProbeKind, Callable[[Probe], Awaitable[ProbeResult]]] = {
            ProbeKind.HTTP: self._web,
            ProbeKind.HTTPS: self._web,
            ProbeKind.TCP: self._tcp,
            ProbeKind.CRI: self._cri,
            ProbeKind.FILE: self._file,
            ProbeKind.NODE_READY: self._node,
        }

    async def probe(self, probe: Probe) -> ProbeResult:
        """A component without a probe is well as long as it runs."""
        ask = self._kinds.get(probe.kind)
        if ask is None:
            return ProbeResult(True)
        try:
            async with asyncio.timeout(SECONDS):
                return await ask(probe)
        except TimeoutError:
            return ProbeResult(False, f"{_name(probe)} did not answer within {SECONDS:g} s.")

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._pools.close()

    async def _web(self, probe: Probe) -> ProbeResult:
        endpoint = _endpoint(probe)
        status, body = await self._get(endpoint, probe.path or "/")
        if 200 <= status < 400:
            return ProbeResult(True)
        return ProbeResult(False, _failure(endpoint.url(probe.path or "/"), status, body))

    async def _tcp(self, probe: Probe) -> ProbeResult:
        try:
            _, writer = await asyncio.open_connection(probe.host or "127.0.0.1", probe.port)
        except OSError as error:
            return ProbeResult(False, f"{_name(probe)} does not answer: {reason(error)}.")
        writer.transport.abort()
        return ProbeResult(True)

    async def _cri(self, probe: Probe) -> ProbeResult:
        """A channel for each question: one that is kept would wait longer and longer before it tries again."""
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0)]
        async with grpc.aio.insecure_channel(f"unix:{self._paths.followed(probe.path)}", options) as channel:
            try:
                version: Any = channel.unary_unary(CRI_VERSION)
                await version(b"", timeout=SOCKET_SECONDS)
            except grpc.aio.AioRpcError as error:
                return ProbeResult(False, f"{_name(probe)} does not answer: {_short(error.details() or '')}.")
        return ProbeResult(True)

    async def _file(self, probe: Probe) -> ProbeResult:
        if await asyncio.to_thread(self._paths.followed(probe.path).exists):
            return ProbeResult(True)
        return ProbeResult(False, f"{probe.path} is not there yet.")

    async def _node(self, probe: Probe) -> ProbeResult:
        status, body = await self._get(self._kubelet_health, "/healthz")
        if status != 200:
            return ProbeResult(False, _failure(self._kubelet_health.url("/healthz"), status, body))
        endpoint = _endpoint(probe)
        status, body = await self._get(endpoint, probe.path)
        if status == 404:
            return ProbeResult(False, f"The Node {probe.path.rpartition('/')[2]} is not registered yet.")
        if status != 200:
            return ProbeResult(False, _failure(endpoint.url(probe.path), status, body))
        return node_ready(body)

    async def _get(self, endpoint: Endpoint, path: str) -> tuple[int, str]:
        """Status and body; status 0 and the reason if there is no answer."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._ask, endpoint, path)

    def _ask(self, endpoint: Endpoint, path: str) -> tuple[int, str]:
        timeout = urllib3.Timeout(total=SOCKET_SECONDS)
        try:
            answer = self._pools.pool(endpoint).request("GET", path, timeout=timeout, redirect=False)
        except MissingFile as missing:
            return 0, f"{missing} is not there yet"
        except (urllib3.exceptions.HTTPError, ssl.SSLError, OSError) as error:
            return 0, reason(error)
        return answer.status, answer.data.decode(errors="replace")


def node_ready(body: str) -> ProbeResult:
    """Whether the Node in this JSON has the condition Ready; otherwise the condition's own reason."""
    try:
        conditions: list[dict[str, Any]] = json.loads(body)["status"]["conditions"]
    except (ValueError, KeyError, TypeError):
        return ProbeResult(False, "The Node has no conditions yet.")
    ready = next((condition for condition in conditions if condition.get("type") == "Ready"), {})
    if ready.get("status") == "True":
        return ProbeResult(True)
    told = ": ".join(filter(None, (ready.get("reason", ""), ready.get("message", "")))) or "no condition Ready yet"
    return ProbeResult(False, f"The Node is not ready ({_short(told)}).")


def _endpoint(probe: Probe) -> Endpoint:
    secure = probe.kind is not ProbeKind.HTTP
    return Endpoint(probe.host or "127.0.0.1", probe.port, secure, probe.authority, probe.certificate)


def _name(probe: Probe) -> str:
    return probe.path if probe.kind is ProbeKind.CRI else f"{probe.host or '127.0.0.1'}:{probe.port}"


def _failure(url: str, status: int, body: str) -> str:
    if status == 0:
        return f"{url} does not answer: {_short(body)}."
    return f"{url} answered {status}: {_short(body)}"


def _short(text: str) -> str:
    """In one line, as long as fits in a message."""
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 1]}…"
