"""A whole controller as a process: it starts, answers, refuses, and stops in time, also with streams open."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from fairlead.api.v1 import events_pb2, events_pb2_grpc
from fairlead_controller.app import main
from fairlead_testing.served_controller import free_port
from fairlead_wire.channels import Credentials, open_channel
from fairlead_wire.first_contact import fetch_authority
from fairlead_wire.identity import public_key_digest

STOP_SECONDS = 5.0


@dataclass
class Fleet:
    data: Path
    enrol_port: int
    fleet_port: int

    def command(self, *words: str) -> list[str]:
        program = "import sys; from fairlead_controller.app import run; sys.exit(run())"
        return [sys.executable, "-c", program, "serve", "--data", str(self.data), "--listen", "127.0.0.1", *words]

    def credentials(self) -> Credentials:
        context = json.loads((self.data.parent / "admin.json").read_text())
        pems = [context[name].encode() for name in ("authority", "certificate", "key")]
        return Credentials(context["fleet_id"], *pems)

    def channel(self) -> grpc.aio.Channel:
        return open_channel(f"127.0.0.1:{self.fleet_port}", self.credentials())


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    made = Fleet(tmp_path / "data", free_port(), free_port())
    ports = ["--enrol-port", str(made.enrol_port), "--fleet-port", str(made.fleet_port)]
    words = ["init", "--data", str(made.data), "--address", "127.0.0.1", *ports]
    assert main([*words, "--context-file", str(tmp_path / "admin.json")]) == 0
    return made


@pytest.fixture
def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


@pytest.fixture
def running(fleet: Fleet, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        fleet.command("--log-format", "json"), env=environment, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    first = json.loads(process.stderr.readline())
    assert (first["event"], first["fleet"]) == ("serving", f"127.0.0.1:{fleet.fleet_port}")
    yield process
    process.kill()
    process.wait(10)
    process.stderr.close()


async def check(channel: grpc.aio.Channel) -> Any:
    stub: Any = health_pb2_grpc.HealthStub(channel)
    return await stub.Check(health_pb2.HealthCheckRequest(), timeout=10)


async def test_it_answers_the_admin_and_says_it_is_well(fleet: Fleet, running: subprocess.Popen[str]) -> None:
    async with fleet.channel() as channel:
        health = await check(channel)
        assert health.status == health_pb2.HealthCheckResponse.SERVING
        events = await events_pb2_grpc.EventServiceStub(channel).ListEvents(events_pb2.ListEventsRequest(), timeout=10)
        assert "fleet-made" in {event.kind for event in events.events}


async def test_reflection_lists_what_it_serves(fleet: Fleet, running: subprocess.Popen[str]) -> None:
    async with fleet.channel() as channel:
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)  # type: ignore[arg-type]  # the stubs know no aio
        call = stub.ServerReflectionInfo(timeout=10)
        await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        answer = await call.read()
        await call.done_writing()
    names = {service.name for service in answer.list_services_response.service}
    assert {"fairlead.api.v1.ClusterService", "fairlead.agent.v1.SessionService", "grpc.health.v1.Health"} <= names


async def test_a_joining_server_finds_the_authority_at_the_enrolment_listener(
    fleet: Fleet, running: subprocess.Popen[str]
) -> None:
    authority = fleet.credentials().authority
    digest = public_key_digest(x509.load_pem_x509_certificate(authority))
    assert await fetch_authority(f"127.0.0.1:{fleet.enrol_port}", digest) == authority


async def test_without_a_certificate_the_fleet_listener_says_nothing(
    fleet: Fleet, running: subprocess.Popen[str]
) -> None:
    mine = fleet.credentials()
    nobody = Credentials(mine.fleet_id, mine.authority)
    async with open_channel(f"127.0.0.1:{fleet.fleet_port}", nobody) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await check(channel)
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_stops_in_time_with_a_stream_open(
    fleet: Fleet, running: subprocess.Popen[str], number: signal.Signals
) -> None:
    async with fleet.channel() as channel:
        watch = events_pb2_grpc.EventServiceStub(channel).WatchEvents(events_pb2.WatchEventsRequest(), timeout=60)
        await watch.initial_metadata()
        began = time.monotonic()
        running.send_signal(number)
        assert running.wait(STOP_SECONDS * 2) == 0
        assert time.monotonic() - began < STOP_SECONDS


def second(fleet: Fleet, environment: dict[str, str]) -> str:
    ended = subprocess.run(fleet.command(), env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    return ended.stderr


def test_a_second_controller_on_the_same_data_is_refused(
    fleet: Fleet, running: subprocess.Popen[str], environment: dict[str, str]
) -> None:
    assert f"Another controller (process {running.pid})" in second(fleet, environment)


@pytest.mark.parametrize("which", ["enrol", "fleet"])
def test_a_taken_port_is_one_sentence(fleet: Fleet, environment: dict[str, str], which: str) -> None:
    port = fleet.enrol_port if which == "enrol" else fleet.fleet_port
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        said = second(fleet, environment)
    assert f"can't listen at 127.0.0.1:{port}" in said
    assert f"--{which}-port" in said


def test_without_a_fleet_it_says_how_to_make_one(tmp_path: Path, environment: dict[str, str]) -> None:
    assert "fairlead-controller init --data" in second(Fleet(tmp_path, 0, 0), environment)


def test_a_crash_leaves_nothing_in_the_way(fleet: Fleet, running: subprocess.Popen[str]) -> None:
    running.kill()
    running.wait(10)
    from fairlead_controller.store.lock import DataLock

    DataLock(fleet.data).release()
