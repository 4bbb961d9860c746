"""Sessions over real gRPC and mutual TLS, against a controller that does what a test says."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from fairlead_agent.effects import HostFailure
from fairlead_agent.messages import assignment_message
from fairlead_agent.relay_targets import AllowedTargets
from fairlead_agent.runtime.port import RuntimeFailure
from fairlead_testing.connected_agent import connected
from fairlead_testing.fake_controller import FakeController, running
from fairlead_testing.fake_host import FakeHost
from fairlead_testing.tasks import assignment, reads, service, uses
from fairlead_wire.assignment import Assignment, CertificateSpec, FileSpec, Subject
from fairlead_wire.task import TaskState

ETCD = service("etcd", port=2379)
API = service("kube-apiserver", port=6443)
CONFIG = FileSpec.of("/etc/kubernetes/etcd.yaml", "a: 1")
CERTIFICATE = CertificateSpec("/etc/kubernetes/pki/etcd.crt", "etcd", "node-1", ip_addresses=("10.0.0.1",), server=True)


def _open_to_others(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.stat().st_mode & 0o077 or path.name == "join"]


async def test_an_agent_enrols_and_holds_what_it_is_sent(tmp_path: Path) -> None:
    controller = FakeController(held=assignment(uses(reads(ETCD, CONFIG), CERTIFICATE), CONFIG, CERTIFICATE))
    async with (
        running(controller),
        connected(controller.enrolment, tmp_path, "etcd:1", token=controller.token()) as agent,
    ):
        session = await controller.until_session()
        assert session.hello.facts.hostname == "node-1"
        assert session.hello.boot_id == "boot-1"
        assert session.hello.revision == 0
        seen = await controller.until_state(Subject.TASK, "etcd", TaskState.HEALTHY)
        assert seen.hash == controller.held.tasks[0].hash
        assert session.batches[-1].revision == 1
        sequence = [item.sequence for item in session.observations]
        assert sequence == sorted(set(sequence)), "numbers rise"
        assert agent.host.files[CONFIG.path].content == b"a: 1"
    assert {path.name for path in _open_to_others(tmp_path)} == set()


async def test_an_increment_changes_what_is_held(tmp_path: Path) -> None:
    controller = FakeController(held=assignment(ETCD))
    async with (
        running(controller),
        connected(controller.enrolment, tmp_path, "etcd:1", "kube-apiserver:1", token=controller.token()) as agent,
    ):
        await controller.until_state(Subject.TASK, "etcd", TaskState.HEALTHY)
        controller.hold(assignment(ETCD, API, revision=2))
        await controller.until_state(Subject.TASK, "kube-apiserver", TaskState.HEALTHY)
        assert agent.loop.memory().assignment == controller.held


async def test_a_gap_ends_the_session_and_the_next_one_resyncs(tmp_path: Path) -> None:
    controller = FakeController(held=assignment(ETCD))
    async with (
        running(controller),
        connected(controller.enrolment, tmp_path, "etcd:1", "kube-apiserver:1", token=controller.token()) as agent,
    ):
        await controller.until_state(Subject.TASK, "etcd", TaskState.HEALTHY)
        controller.gap(assignment(ETCD, API, revision=2))
        second = await controller.until_session(2)
        assert second.hello.revision == 1
        await controller.until_state(Subject.TASK, "kube-apiserver", TaskState.HEALTHY)
        assert agent.loop.memory().assignment == controller.held


async def test_a_full_disk_keeps_the_session_and_what_it_could_not_take_is_held_once_there_is_room(
    tmp_path: Path,
) -> None:
    controller = FakeController(held=assignment(ETCD))
    async with (
        running(controller),
        connected(controller.enrolment, tmp_path, "etcd:1", "kube-apiserver:1", token=controller.token()) as agent,
    ):
        await controller.until_state(Subject.TASK, "etcd", TaskState.HEALTHY)
        agent.full = True
        controller.hold(assignment(ETCD, API, revision=2))
        await controller.until(lambda: controller.session.happenings)
        assert controller.session.happenings[0].kind == "journal-failed"
        assert agent.loop.memory().assignment.revision == 1
        agent.full = False
        await controller.until_state(Subject.TASK, "kube-apiserver", TaskState.HEALTHY)
        assert agent.loop.memory().assignment == controller.held
        assert len(controller.sessions) == 1


async def test_a_signature_that_was_asked_for_in_a_session_that_ended_is_asked_for_in_the_next(tmp_path: Path) -> None:
    controller = FakeController(held=assignment(uses(ETCD, CERTIFICATE), CERTIFICATE), unsigning=True)
    async with running(controller), connected(controller.enrolment, tmp_path, "etcd:1", token=controller.token()):
        await controller.until(lambda: controller.calls.get("IssueCertificates"))
        controller.unsigning = False
        controller.session.end()
        await controller.until_session(2)
        await controller.until_state(Subject.TASK, "etcd", TaskState.HEALTHY)


async def test_the_next_session_is_told_everything_again(tmp_path: Path) -> None:
    controller = FakeController(held=assignment(ETCD))
    async with running(controller), connected(controller.enrolment, tmp_path, "etcd:1", token=controller.token()):
        await controller.until_state(Subject.TASK, "etcd", TaskState.HEALTHY)
        controller.session.end()
        await controller.until_session(2)
        await controller.until_state(Subject.TASK, "etcd", TaskState.HEALTHY)
        assert controller.session.observations[0].sequence == 1
        assert controller.calls["Enroll"] == 1


async def test_heartbeats_come_at_the_period_that_the_controller_chose(tmp_path: Path) -> None:
    controller = FakeController(heartbeat_ms=50)
    async with running(controller), connected(controller.enrolment, tmp_path, token=controller.token()):
        session = await controller.until_session()
        await controller.until(lambda: len(session.heartbeats) >= 5)
        took = session.heartbeats[4] - session.heartbeats[0]
        assert 0.15 < took < 2


async def test_a_session_without_a_welcome_is_given_up(tmp_path: Path) -> None:
    controller = FakeController(silent=True)
    async with (
        running(controller),
        connected(controller.enrolment, tmp_path, token=controller.token(), welcome_seconds=0.2),
    ):
        await controller.until_session(2)
        controller.silent = False
        await controller.until_session(3)


async def test_a_controller_that_went_away_and_came_back_finds_the_agent(tmp_path: Path) -> None:
    controller = FakeController(held=assignment(ETCD))
    async with AsyncExitStack() as stack:
        async with running(controller):
            agent = await stack.enter_async_context(
                connected(controller.enrolment, tmp_path, "etcd:1", token=controller.token())
            )
            await controller.until_state(Subject.TASK, "etcd", TaskState.HEALTHY)
        await agent.runtime.remove(agent.runtime.held("fairlead-etcd").id)
        async with running(controller):
            await controller.until_session(2)
            await controller.until_state(Subject.TASK, "etcd", TaskState.HEALTHY)
            created = [call for call in agent.runtime.calls if call.startswith("create")]
            assert created == ["create fairlead-etcd"] * 2


async def test_an_older_generation_may_only_look(tmp_path: Path) -> None:
    controller = FakeController(held=assignment(ETCD), generation=5)
    async with (
        running(controller),
        connected(controller.enrolment, tmp_path, "etcd:1", "kube-apiserver:1", token=controller.token()) as agent,
    ):
        await controller.until_state(Subject.TASK, "etcd", TaskState.HEALTHY)
        controller.generation = 4
        controller.session.end()
        await controller.until_session(2)
        controller.hold(assignment(API, revision=2))
        await controller.until(lambda: controller.session.happenings)
        assert controller.session.happenings[0].kind == "generation-older"
        await controller.until_state(Subject.TASK, "etcd", TaskState.HEALTHY)
        assert agent.loop.memory().assignment.revision == 1


async def test_an_empty_database_takes_nothing_away(tmp_path: Path) -> None:
    controller = FakeController(held=assignment(ETCD))
    async with (
        running(controller),
        connected(controller.enrolment, tmp_path, "etcd:1", token=controller.token()) as agent,
    ):
        await controller.until_state(Subject.TASK, "etcd", TaskState.HEALTHY)
        controller.hold_whole(Assignment())
        await controller.until(lambda: controller.session.happenings)
        assert controller.session.happenings[0].kind == "assignment-kept"
        assert agent.loop.memory().assignment.revision == 1


async def test_a_died_container_is_told_as_an_event(tmp_path: Path) -> None:
    controller = FakeController(held=assignment(ETCD))
    async with (
        running(controller),
        connected(controller.enrolment, tmp_path, "etcd:1", token=controller.token()) as agent,
    ):
        await controller.until_state(Subject.TASK, "etcd", TaskState.HEALTHY)
        agent.runtime.die("fairlead-etcd", 137)
        await controller.until(lambda: controller.session.happenings)
        happening = controller.session.happenings[0]
        assert (happening.kind, happening.component) == ("container-died", "etcd")
        assert "137" in happening.message


async def test_a_relay_carries_bytes_both_ways(tmp_path: Path) -> None:
    async def target(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"<" + await reader.read() + b">" + b"x" * 600_000)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(target, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    controller = FakeController()
    targets = AllowedTargets({"apiserver": ("127.0.0.1", port)})
    async with (
        server,
        running(controller),
        connected(controller.enrolment, tmp_path, token=controller.token(), targets=targets),
    ):
        await controller.until_session()
        frames, got = controller.offer("r1", "apiserver"), b""
        async with asyncio.timeout(20):
            assert (await frames.get()).data == b"", "an empty frame says that the target is connected"
            while (frame := await frames.get()) is not None:
                got += frame.data
        assert got == b"<ping>" + b"x" * 600_000


async def test_a_relay_to_what_is_not_on_the_list_says_so_and_the_session_lives(tmp_path: Path) -> None:
    controller = FakeController()
    async with running(controller), connected(controller.enrolment, tmp_path, token=controller.token()):
        session = await controller.until_session()
        frames = controller.offer("r1", "10.0.0.1:22")
        async with asyncio.timeout(20):
            assert "not a target" in (await frames.get()).error
            assert await frames.get() is None
        assert not session.ended


async def test_an_assignment_of_a_newer_controller_is_told_and_what_is_held_stays(tmp_path: Path) -> None:
    controller = FakeController(held=assignment(ETCD))
    async with (
        running(controller),
        connected(controller.enrolment, tmp_path, "etcd:1", token=controller.token()) as agent,
    ):
        await controller.until_state(Subject.TASK, "etcd", TaskState.HEALTHY)
        newer = assignment_message(assignment(ETCD, API, revision=2))
        newer.tasks[1].probe.kind = 99  # type: ignore[assignment]  # of a release to come
        controller.session.send(assignment=newer)
        await controller.until(lambda: controller.session.happenings)
        happening = controller.session.happenings[0]
        assert happening.kind == "assignment-unreadable"
        assert "agent of the controller's version" in happening.message
        assert agent.loop.memory().assignment.revision == 1
        assert len(controller.sessions) == 1


@pytest.mark.parametrize("failure", [HostFailure("/run is full"), RuntimeFailure("no"), asyncio.CancelledError()])
async def test_what_goes_wrong_before_or_in_a_session_is_tried_again(tmp_path: Path, failure: BaseException) -> None:
    """A CancelledError may be gRPC's own, for a call that it gave up; then nobody has cancelled the agent."""
    controller, failures = FakeController(held=assignment(ETCD)), [failure]

    class Failing(FakeHost):
        def boot_id(self) -> str:
            if failures:
                raise failures.pop()
            return super().boot_id()

    async with (
        running(controller),
        connected(controller.enrolment, tmp_path, "etcd:1", token=controller.token(), host=Failing()),
    ):
        await controller.until_session()
        await controller.until_state(Subject.TASK, "etcd", TaskState.HEALTHY)
    assert not failures
