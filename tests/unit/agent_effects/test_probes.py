"""Probes against real servers: HTTP, mutual TLS, plain TCP, gRPC on a unix socket."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from fairlead_agent.effects import ProbeResult
from fairlead_agent.http_pools import Endpoint
from fairlead_agent.probes import CRI_VERSION, HostProber, node_ready
from fairlead_testing.local_web import Authority, LocalWeb
from fairlead_wire.task import Probe, ProbeKind


@pytest.fixture
def web() -> Iterator[LocalWeb]:
    made = LocalWeb()
    yield made
    made.close()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def secure(authority: Authority) -> Iterator[LocalWeb]:
    made = LocalWeb(authority)
    yield made
    made.close()


@pytest.fixture
async def prober(web: LocalWeb) -> AsyncIterator[HostProber]:
    made = HostProber(kubelet_health=Endpoint("127.0.0.1", web.port, secure=False))
    yield made
    made.close()


def closed_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


async def test_http(prober: HostProber, web: LocalWeb) -> None:
    probe = Probe(ProbeKind.HTTP, "127.0.0.1", web.port, "/readyz")
    web.answers["/readyz"] = (500, "[-]etcd failed:\nreason withheld")
    told = f"http://127.0.0.1:{web.port}/readyz answered 500: [-]etcd failed: reason withheld"
    assert await prober.probe(probe) == ProbeResult(False, told)
    web.answers["/readyz"] = (200, "ok")
    assert await prober.probe(probe) == ProbeResult(True)
    assert web.connections == 1, "the connection was kept alive"


async def test_nobody_listens(prober: HostProber) -> None:
    port = closed_port()
    for kind in (ProbeKind.HTTP, ProbeKind.TCP):
        result = await prober.probe(Probe(kind, "127.0.0.1", port, "/healthz" if kind is ProbeKind.HTTP else ""))
        assert not result.healthy
        assert result.message.endswith("does not answer: Connection refused.")


async def test_a_component_that_hangs_is_not_waited_for(prober: HostProber, web: LocalWeb) -> None:
    web.held.clear()
    async with asyncio.timeout(2.5):
        result = await prober.probe(Probe(ProbeKind.HTTP, "127.0.0.1", web.port, "/readyz"))
    assert "no answer in time" in result.message or "did not answer within 2 s" in result.message


async def test_https_is_verified_and_shows_the_certificate(
    prober: HostProber, secure: LocalWeb, authority: Authority, tmp_path: Path
) -> None:
    secure.answers["/readyz"] = (200, "ok")
    own = authority.leaf("client")
    probe = Probe(ProbeKind.HTTPS, "127.0.0.1", secure.port, "/readyz", str(authority.path), str(own))
    assert await prober.probe(probe) == ProbeResult(True)
    assert secure.asked[-1].client == "client"
    (tmp_path / "other").mkdir()
    stranger = Authority(tmp_path / "other")
    probe = Probe(ProbeKind.HTTPS, "127.0.0.1", secure.port, "/readyz", str(stranger.path))
    result = await prober.probe(probe)
    assert not result.healthy
    assert "certificate verify failed" in result.message


async def test_https_notices_a_renewed_certificate(prober: HostProber, secure: LocalWeb, authority: Authority) -> None:
    secure.answers["/readyz"] = (200, "ok")
    own = authority.leaf("client")
    probe = Probe(ProbeKind.HTTPS, "127.0.0.1", secure.port, "/readyz", str(authority.path), str(own))
    assert (await prober.probe(probe)).healthy
    renewed = authority.leaf("renewed")
    renewed.with_suffix(".key").replace(own.with_suffix(".key"))
    renewed.replace(own)
    assert (await prober.probe(probe)).healthy
    assert [asked.client for asked in secure.asked] == ["client", "renewed"]


async def test_a_certificate_that_is_not_there_yet(prober: HostProber, secure: LocalWeb) -> None:
    probe = Probe(ProbeKind.HTTPS, "127.0.0.1", secure.port, "/readyz", "/none/ca.crt")
    result = await prober.probe(probe)
    assert result.message.endswith("does not answer: /none/ca.crt is not there yet.")


async def test_tcp(prober: HostProber, web: LocalWeb) -> None:
    assert await prober.probe(Probe(ProbeKind.TCP, "127.0.0.1", web.port)) == ProbeResult(True)


async def test_a_file(prober: HostProber, tmp_path: Path) -> None:
    probe = Probe(ProbeKind.FILE, path=str(tmp_path / "subnet.env"))
    assert await prober.probe(probe) == ProbeResult(False, f"{tmp_path}/subnet.env is not there yet.")
    (tmp_path / "subnet.env").touch()
    assert await prober.probe(probe) == ProbeResult(True)


async def test_cri_as_it_comes_and_goes(prober: HostProber) -> None:
    folder = tempfile.mkdtemp()  # a socket's path has to be short
    probe = Probe(ProbeKind.CRI, path=f"{folder}/cri.sock")
    try:
        for _ in range(2):
            assert not (await prober.probe(probe)).healthy
            server = await _cri_server(probe.path)
            assert await prober.probe(probe) == ProbeResult(True)
            await server.stop(None)
    finally:
        shutil.rmtree(folder)


async def _cri_server(path: str) -> grpc.aio.Server:
    async def version(request: bytes, context: object) -> bytes:
        return b"\x0a\x050.1.0"

    class Handler(grpc.GenericRpcHandler):
        def service(self, details: Any) -> Any:
            return grpc.unary_unary_rpc_method_handler(version) if details.method == CRI_VERSION else None

    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Handler(),))
    server.add_insecure_port(f"unix:{path}")
    await server.start()
    return server


async def test_a_node_is_ready_only_with_its_kubelet(
    prober: HostProber, web: LocalWeb, secure: LocalWeb, authority: Authority
) -> None:
    probe = Probe(ProbeKind.NODE_READY, "127.0.0.1", secure.port, "/api/v1/nodes/lab-1", str(authority.path), "")
    secure.answers[probe.path] = (200, _node("True"))
    assert "/healthz answered 404" in (await prober.probe(probe)).message
    web.answers["/healthz"] = (200, "ok")
    assert await prober.probe(probe) == ProbeResult(True)
    secure.answers[probe.path] = (200, _node("False", "KubeletNotReady", "cni plugin not initialized"))
    assert await prober.probe(probe) == ProbeResult(
        False, "The Node is not ready (KubeletNotReady: cni plugin not initialized)."
    )
    del secure.answers[probe.path]
    assert await prober.probe(probe) == ProbeResult(False, "The Node lab-1 is not registered yet.")


async def test_without_a_probe_running_is_enough(prober: HostProber) -> None:
    assert await prober.probe(Probe()) == ProbeResult(True)


@pytest.mark.parametrize("body", ["", "{}", "[]", '{"status": {}}', '{"status": {"conditions": []}}'])
def test_a_node_without_the_condition_is_not_ready(body: str) -> None:
    assert not node_ready(body).healthy


def _node(status: str, reason: str = "", message: str = "") -> str:
    ready = {"type": "Ready", "status": status, "reason": reason, "message": message}
    return json.dumps({"status": {"conditions": [{"type": "MemoryPressure", "status": "False"}, ready]}})
