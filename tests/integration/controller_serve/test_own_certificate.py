"""A controller that runs for years: what it is known by is fresh, and nobody who is connected notices."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from grpc_health.v1 import health_pb2, health_pb2_grpc

from fairlead_controller import setup
from fairlead_controller.config import Serving
from fairlead_controller.ports import Clock
from fairlead_controller.serve import running
from fairlead_testing.served_controller import free_port
from fairlead_wire.channels import Credentials, open_channel

DAY = 24 * 3600.0
TODAY = time.time()


class Running:
    """A controller of this process, whose clock is set by hand."""

    def __init__(self, folder: Path, began: float) -> None:
        self.folder, self.now = folder, began
        self.clock = Clock(lambda: self.now, os.urandom)
        self.serving = Serving(folder / "data", "127.0.0.1", free_port(), free_port())

    async def made(self) -> None:
        new = setup.NewFleet("127.0.0.1", self.serving.enrol_port, self.serving.fleet_port)
        admin = setup.Issued(setup.person("admin", "admin"), self.folder / "admin.json", days=3650)
        await setup.init(self.serving.data, new, setup.default_key(self.serving.data), admin, self.clock)

    def channel(self) -> grpc.aio.Channel:
        context = json.loads((self.folder / "admin.json").read_text())
        pems = [context[name].encode() for name in ("authority", "certificate", "key")]
        return open_channel(f"127.0.0.1:{self.serving.fleet_port}", Credentials(context["fleet_id"], *pems))

    async def shown(self, port: int) -> x509.Certificate:
        """What whoever connects to that port is shown, whoever they are."""
        anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
        async with asyncio.timeout(10):
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=anybody)
        try:
            return x509.load_der_x509_certificate(writer.get_extra_info("ssl_object").getpeercert(binary_form=True))
        finally:
            writer.transport.abort()


@pytest.fixture
async def controller(tmp_path: Path) -> AsyncIterator[Running]:
    """One that was started 300 days ago."""
    made = Running(tmp_path, TODAY - 300 * DAY)
    await made.made()
    async with running(made.serving, None, made.clock):
        yield made


async def is_well(channel: grpc.aio.Channel) -> bool:
    stub: Any = health_pb2_grpc.HealthStub(channel)
    answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=10)
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


@pytest.mark.parametrize("listener", ["enrol_port", "fleet_port"])
async def test_it_is_renewed_long_before_its_end(controller: Running, listener: str) -> None:
    port = getattr(controller.serving, listener)
    first = await controller.shown(port)
    controller.now += 182 * DAY
    assert await controller.shown(port) == first, "not before half of its life"
    controller.now += DAY
    second = await controller.shown(port)
    assert second.public_key() != first.public_key()
    assert second.not_valid_after_utc - first.not_valid_after_utc == timedelta(days=183)
    assert await controller.shown(port) == second


async def test_whoever_is_connected_stays_so_and_whoever_comes_trusts_it(controller: Running) -> None:
    async with controller.channel() as before:
        assert await is_well(before)
        controller.now = TODAY
        async with controller.channel() as after:
            assert await is_well(after)
        assert await is_well(before)
    leaf = await controller.shown(controller.serving.fleet_port)
    assert leaf.not_valid_after_utc > datetime.fromtimestamp(TODAY, UTC) + timedelta(days=364)


async def test_a_clock_that_ran_ahead_and_was_set_right_leaves_it_trusted(controller: Running) -> None:
    controller.now = TODAY + 30 * DAY
    await controller.shown(controller.serving.fleet_port)
    controller.now = TODAY
    async with controller.channel() as channel:
        assert await is_well(channel)
