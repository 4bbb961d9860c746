"""The real agent when its controller comes back with less than it knew: nothing on the node changes by itself."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from fairlead_controller import adoption
from fairlead_controller.recovery import renew
from fairlead_controller.store.port import Repositories
from fairlead_testing.api_server import until
from fairlead_testing.api_wire import Wire
from fairlead_testing.connected_agent import ConnectedAgent, connected
from fairlead_testing.fleet_server import IMPATIENT, FleetServer, running
from fairlead_testing.tasks import assignment, service
from fairlead_wire.assignment import Assignment, Subject
from fairlead_wire.task import TaskState

ETCD, NEWER, API = service("etcd"), service("etcd", "etcd:2"), service("kube-apiserver")
IMAGES = ("etcd:1", "etcd:2", "kube-apiserver:1")


async def _healthy(server: FleetServer, node_id: str, component: str, hash: str) -> None:
    """Returns once the controller has seen the component healthy with that hash."""
    async with asyncio.timeout(20):
        while True:
            seen = server.dispatch.observations.of(node_id).get((Subject.TASK, component))
            if seen is not None and (seen.state, seen.hash) == (TaskState.HEALTHY, hash):
                return
            await asyncio.sleep(0.01)


def _containers(agent: ConnectedAgent) -> list[tuple[str, str, int]]:
    seen = [agent.runtime.held(name).seen() for name in _NAMES]
    return [(held.id, held.hash, held.started_ms) for held in seen]


_NAMES = ("fairlead-etcd", "fairlead-kube-apiserver")


async def _with_two(server: FleetServer) -> str:
    """The node holds a newer etcd and an apiserver, at revision 2."""
    await server.event("node-connected")
    (node,) = server.store.now(lambda repositories: repositories.nodes.all())
    server.assign(node.id, assignment(ETCD))
    await _healthy(server, node.id, "etcd", ETCD.hash)
    server.assign(node.id, assignment(NEWER, API, revision=2))
    await _healthy(server, node.id, "etcd", NEWER.hash)
    await _healthy(server, node.id, "kube-apiserver", API.hash)
    return node.id


async def _revision(agent: ConnectedAgent, number: int) -> None:
    async with asyncio.timeout(20):
        while agent.loop.memory().assignment.revision < number:  # noqa: ASYNC110 - a field tells nobody
            await asyncio.sleep(0.01)


async def test_an_older_database_is_obeyed_only_after_it_took_over_what_runs(tmp_path: Path) -> None:
    async with (
        running(FleetServer(settings=IMPATIENT)) as server,
        connected(server.enrolment_endpoint, tmp_path, *IMAGES, token=server.token()) as agent,
    ):
        node_id = await _with_two(server)
        before = _containers(agent)
        _restore(server, node_id, assignment(ETCD))
        await server.event("node-ahead")
        sessions = server.dispatch.sessions
        await until(server.feed, "events", lambda: any(node.kept for node in sessions.ahead().values()))
        assert sessions.ahead()[node_id].kept == agent.loop.memory().assignment
        server.dispatch.sessions.push(node_id)
        assert agent.loop.memory().assignment.revision == 2
        done = server.store.now(lambda repositories: adoption.confirm(repositories, server.dispatch.sessions.ahead()))
        server.dispatch.sessions.begin_again()
        await _revision(agent, 3)
        assert done.changed
        assert agent.loop.memory().generation == 2
        assert agent.loop.memory().assignment.tasks == (NEWER, API)
        assert _containers(agent) == before


def _restore(server: FleetServer, node_id: str, old: Assignment) -> None:
    """As after `fairlead-controller restore` and a start: older content, a newer generation, new sessions."""

    def work(repositories: Repositories) -> None:
        repositories.assignments.put(node_id, old)
        renew(repositories, Path("backup.db"), None, server.clock.now())

    server.store.now(work)
    session = server.dispatch.sessions.session(node_id)
    assert session is not None
    session.end("The controller was stopped.", "Try again.")


async def test_a_new_fleet_at_the_old_address_is_trusted_by_nobody(tmp_path: Path) -> None:
    async with running(FleetServer(settings=IMPATIENT)) as server, running(FleetServer(settings=IMPATIENT)) as empty:
        wire = Wire(server.fleet_endpoint)
        endpoint = await wire.open()
        _announce(server, endpoint)
        async with connected(server.enrolment_endpoint, tmp_path, *IMAGES, token=server.token()) as agent:
            await _with_two(server)
            before, memory, seen = _containers(agent), agent.loop.memory(), wire.connections
            wire.lead_to(empty.fleet_endpoint)
            await wire.cut()
            async with asyncio.timeout(30):
                while wire.connections < seen + 4:  # noqa: ASYNC110 - a counter tells nobody
                    await asyncio.sleep(0.01)
            assert (_containers(agent), agent.loop.memory()) == (before, memory)
            assert "/fairlead.agent.v1.SessionService/Session" not in empty.calls.methods
            assert empty.store.now(lambda repositories: repositories.nodes.all()) == ()
        await wire.close()


def _announce(server: FleetServer, endpoint: str) -> None:
    """What agents are told at enrolment to connect to."""

    def work(repositories: Repositories) -> None:
        fleet = repositories.fleets.get()
        assert fleet is not None
        repositories.fleets.put(replace(fleet, fleet_endpoint=endpoint))

    server.store.now(work)
