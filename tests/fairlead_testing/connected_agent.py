"""A whole agent with real gRPC towards a controller, its journal and identity on disk, and fakes below it."""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fairlead_agent.connection import Connection
from fairlead_agent.effects import RelayTargets
from fairlead_agent.enrol import Enrolment
from fairlead_agent.fetching import Fetching
from fairlead_agent.happenings import Happenings
from fairlead_agent.identity_store import TOKEN, IdentityStore
from fairlead_agent.image_sources import KnownSources
from fairlead_agent.inspection_answer import Inspector
from fairlead_agent.instructed import Instructed
from fairlead_agent.instructions import Instruction
from fairlead_agent.journal import Journal
from fairlead_agent.loop import Clock, Loop
from fairlead_agent.machine_checks import validate_instructions, validate_view
from fairlead_agent.registry_trust import RegistryTrust
from fairlead_agent.relay_frames import Conversations
from fairlead_agent.relay_targets import AllowedTargets
from fairlead_agent.renewer import Renewer
from fairlead_agent.reporter import Reporter
from fairlead_agent.session import Greeting
from fairlead_agent.session_images import Seed
from fairlead_agent.snapshots import EtcdSnapshots
from fairlead_agent.view import Memory, View
from fairlead_agent.worker import Worker
from fairlead_testing.fake_host import FakeHost, FakeObjects, FakePolicy, FakeProber
from fairlead_testing.fake_runtime import FakeRuntime
from fairlead_wire.facts import Facts
from fairlead_wire.inspection import Inspection

# Back-off of a test: still jittered by its code, and short.
_IMPATIENT = 0.02


@dataclass
class ConnectedAgent:
    """`state` is its directory; `ahead`: seconds that its wall clock is ahead."""

    endpoint: str
    state: Path
    runtime: FakeRuntime
    ahead: float = 0.0
    host: FakeHost = field(default_factory=FakeHost)
    prober: FakeProber = field(default_factory=FakeProber)
    objects: FakeObjects = field(default_factory=FakeObjects)
    targets: RelayTargets = field(default_factory=AllowedTargets)
    welcome_seconds: float = 10.0
    snapshots: EtcdSnapshots | None = None
    conversations: Conversations | None = None
    policy: FakePolicy = field(default_factory=FakePolicy)
    seed: Seed | None = None
    """Who makes it the seed of its zone."""
    fleet_images: bool = True
    """What its policy says of the fleet's registries."""
    tidy_seconds: float = 0.0
    """How long what was for a registry stays when it is gone."""
    full: bool = False
    """Whether its disk takes no more of the journal."""
    loop: Loop = field(init=False)
    connection: Connection = field(init=False)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def leave_token(self, token: object) -> None:
        """As the line that `fairlead token create` prints does."""
        self.state.mkdir(parents=True, exist_ok=True)
        (self.state / TOKEN).write_text(f"{token}\n")

    def start(self) -> None:
        journal, store = Journal(self.state), IdentityStore(self.state)
        clock = Clock(asyncio.get_running_loop().time, lambda: time.time() + self.ahead, lambda: _IMPATIENT)
        reporter, happenings = Reporter(), Happenings()

        async def facts() -> Facts:
            return await self.host.facts(self.runtime)

        async def greeting() -> Greeting:
            return Greeting(await facts(), self.host.boot_id())

        sources = KnownSources(self.fleet_images)
        trust = RegistryTrust(self.host, store.load)
        fetching = Fetching(self.runtime, sources, trust, self.policy.image_refusal, tidy_seconds=self.tidy_seconds)
        connection = self.connection = Connection(
            Enrolment(self.endpoint, store, facts, clock.random),
            Renewer(store, clock.wall, clock.random),
            reporter,
            happenings,
            self.targets,
            greeting,
            clock.random,
            self.welcome_seconds,
            instructed=Instructed(Inspector(self.inspect, clock.wall), self.snapshots, fetching),
            conversations=self.conversations,
            images=fetching,
            seed=self.seed,
        )

        async def save(memory: Memory) -> None:
            if self.full:
                raise OSError(errno.ENOSPC, "No space left on device")
            journal.save(memory)

        parts = self.runtime, self.host, self.prober, self.objects, connection
        worker = Worker(*parts, clock.wall, clock.steady, fetching)
        self.loop = Loop(worker, self.policy, journal.load(), save, reporter, happenings, clock, _check)
        self.tasks = [asyncio.create_task(self.loop.run()), asyncio.create_task(connection.run(self.loop))]

    async def inspect(self) -> Inspection:
        """A host without faults."""
        return Inspection(await self.host.facts(self.runtime))

    async def stop(self) -> None:
        """Raises what any part of it died of."""
        died = [task for task in self.tasks if task.done() and not task.cancelled()]
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for task in died:
            task.result()


def _check(view: View, instructions: tuple[Instruction, ...]) -> None:
    validate_view(view)
    validate_instructions(view, instructions)


@asynccontextmanager
async def connected(
    endpoint: str, state: Path, *images: str, token: object = None, **parts: Any
) -> AsyncIterator[ConnectedAgent]:
    """Starts an agent that finds `token` in its directory."""
    agent = ConnectedAgent(endpoint, state, FakeRuntime(images), **parts)
    if token is not None:
        agent.leave_token(token)
    agent.start()
    try:
        yield agent
    finally:
        await agent.stop()
