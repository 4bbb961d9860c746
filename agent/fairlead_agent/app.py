"""`fairlead-agent`: builds every part and runs them until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
import sys
import time
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from fairlead_agent import inspection_disks
from fairlead_agent.config import OBJECTS_AUTHORITY, OBJECTS_CERTIFICATE, Settings, agent_version, settings
from fairlead_agent.connection import Connection
from fairlead_agent.docker_calls.conversation import DockerCalls
from fairlead_agent.docker_calls.permission import OFF, Permission
from fairlead_agent.docker_root import docker_root
from fairlead_agent.effects import HostFailure, Policy
from fairlead_agent.enrol import Enrolment
from fairlead_agent.facts import FactsReader
from fairlead_agent.fetching import Fetching
from fairlead_agent.happenings import Happenings
from fairlead_agent.host import LinuxHost
from fairlead_agent.host_paths import HostPaths, engine_url
from fairlead_agent.identity_store import IdentityStore
from fairlead_agent.image_keeper import ImageKeeper
from fairlead_agent.image_sources import KnownSources
from fairlead_agent.inspection import HostInspection
from fairlead_agent.inspection_answer import Inspector
from fairlead_agent.instructed import Instructed
from fairlead_agent.journal import Journal
from fairlead_agent.lasting import lasting
from fairlead_agent.loop import Clock, Loop
from fairlead_agent.objects import ClusterObjects
from fairlead_agent.policy import NodePolicy
from fairlead_agent.policy import load as load_policy
from fairlead_agent.probes import HostProber
from fairlead_agent.registry_trust import RegistryTrust
from fairlead_agent.relay_targets import AllowedTargets
from fairlead_agent.renewer import Renewer
from fairlead_agent.reporter import Reporter
from fairlead_agent.runtime.docker_engine import DockerEngine
from fairlead_agent.runtime.people_engine import DockerForPeople
from fairlead_agent.seed import SeedKeeper
from fairlead_agent.seed_files import SeedFiles
from fairlead_agent.session import Greeting
from fairlead_agent.snapshots import EtcdSnapshots
from fairlead_agent.view import Memory
from fairlead_agent.worker import Worker
from fairlead_wire.docker_calls import RELAY_TARGET
from fairlead_wire.errors import FairleadError
from fairlead_wire.facts import Facts
from fairlead_wire.task import TaskSpec

_log = logging.getLogger("fairlead_agent")
app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False, no_args_is_help=True)


@app.command("run")
def run_agent(
    controller: Annotated[str, typer.Option(help="HOST:PORT of the controller's enrolment listener.")],
    state: Annotated[Path, typer.Option(help="The agent's own directory.")] = Path("/var/lib/fairlead"),
    host_root: Annotated[str, typer.Option(help="Where the host's / is.")] = "/host",
    docker: Annotated[str, typer.Option(help="The Engine's socket.")] = "unix:///var/run/docker.sock",
    address: Annotated[str, typer.Option(help="By which other nodes reach this one, if not found by itself.")] = "",
) -> None:
    """Make this server a node and keep it as its controller says."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # what breaks is told in our own words
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    asyncio.run(serve(settings(controller, state, host_root, docker, address)))


@app.command("version")
def show_version() -> None:
    """Print the agent's version."""
    typer.echo(f"fairlead-agent {agent_version()}")


def run() -> int:
    """The console script. What is wrong is told in one sentence."""
    try:
        app(standalone_mode=True)
    except FairleadError as error:
        sys.stderr.write(f"fairlead-agent: {error}\n")
        return 1
    return 0


async def serve(chosen: Settings) -> None:
    """Runs the agent until SIGTERM or SIGINT. Raises Refused for a journal or identity that can't be read."""
    running = asyncio.create_task(_serve(chosen))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    with suppress(asyncio.CancelledError):
        await running


async def _serve(chosen: Settings) -> None:
    async with AsyncExitStack() as closing:
        parts = await _build(chosen, closing)
        async with asyncio.TaskGroup() as both:
            both.create_task(parts.loop.run())
            both.create_task(lasting("the connection", lambda: parts.connection.run(parts.loop)))
            both.create_task(lasting("the keeper of images", parts.keeper.run))


@dataclass(frozen=True)
class _Parts:
    loop: Loop
    connection: Connection
    keeper: ImageKeeper


async def _build(chosen: Settings, closing: AsyncExitStack) -> _Parts:
    paths, journal = HostPaths(chosen.host_root), Journal(chosen.state)
    memory = journal.load()
    engine = engine_url(chosen.docker, paths)
    runtime, people = DockerEngine(engine), DockerForPeople(engine)
    prober, objects = HostProber(paths), ClusterObjects(OBJECTS_CERTIFICATE, OBJECTS_AUTHORITY, paths=paths)
    for part in (runtime, people, prober, objects):
        closing.callback(part.close)
    policy = await _policy(chosen, runtime)
    reader = FactsReader(chosen.controller_host, agent_version(), chosen.address, paths)
    guard = policy.removal_refusal if isinstance(policy, NodePolicy) else policy.file_refusal
    host = LinuxHost(reader, guard, paths, state=chosen.state)
    clock = Clock(time.monotonic, time.time, random.SystemRandom().random)
    reporter, happenings, store = Reporter(), Happenings(), IdentityStore(chosen.state)
    store.load()  # what can't be read is told before anything runs

    async def facts() -> Facts:
        return await host.facts(runtime)

    async def greeting() -> Greeting:
        return Greeting(await facts(), host.boot_id())

    inspector = Inspector(HostInspection(runtime, facts, paths, state=chosen.state).look, clock.wall)
    snapshots = EtcdSnapshots(runtime, paths, clock.wall)
    sources = KnownSources(isinstance(policy, NodePolicy) and policy.fleet_images)
    keeper = ImageKeeper(
        runtime,
        chosen.state,
        lambda: loop.memory(),
        lambda: inspection_disks.taken(paths, policy.docker_root if isinstance(policy, NodePolicy) else "/"),
        clock.wall,
        lambda kind, sentence: loop.happened(kind, sentence),
    )
    fetching = Fetching(runtime, sources, RegistryTrust(host, store.load), policy.image_refusal, keeper.fetched)
    seed_files = SeedFiles(chosen.state / "seed", store.load, lambda request: connection.sign_seed(request), clock.wall)
    connection = Connection(
        Enrolment(chosen.controller, store, facts, clock.random),
        Renewer(store, clock.wall, clock.random),
        reporter,
        happenings,
        AllowedTargets(snapshots=snapshots),
        greeting,
        clock.random,
        instructed=Instructed(inspector, snapshots, fetching),
        conversations={RELAY_TARGET: DockerCalls(people, permission(policy, chosen.state / "policy.json"))},
        images=fetching,
        seed=SeedKeeper(people, seed_files, fetching.ask, prober, sources.allowed),
    )

    async def save(kept: Memory) -> None:
        await asyncio.to_thread(journal.save, kept)

    worker = Worker(runtime, host, prober, objects, connection, clock.wall, clock.steady, fetching)
    loop = Loop(worker, policy, memory, save, reporter, happenings, clock)
    return _Parts(loop, connection, keeper)


async def _policy(chosen: Settings, runtime: DockerEngine) -> Policy:
    try:
        policy = load_policy(chosen.state / "policy.json")
    except HostFailure as error:
        _log.error("the node's policy: %s", error)
        return ClosedPolicy(str(error))
    return replace(policy, docker_root=await docker_root(runtime, chosen.state) or policy.docker_root)


def permission(policy: Policy, file: Path) -> Permission:
    """What people may do with this node's Docker: nothing, if the policy can't be read."""
    level = policy.docker if isinstance(policy, NodePolicy) else OFF
    broken = policy.reason if isinstance(policy, ClosedPolicy) else ""
    return Permission(level, str(file), broken)


@dataclass(frozen=True)
class ClosedPolicy:
    """Allows nothing, because what it should allow can't be read."""

    reason: str

    def refusal(self, task: TaskSpec) -> str:
        return self.reason

    def file_refusal(self, path: str) -> str:
        return self.reason

    def image_refusal(self, reference: str) -> str:
        return self.reason
