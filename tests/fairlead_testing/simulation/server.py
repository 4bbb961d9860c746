"""A simulated server: Docker, a disk, and the agent as it is, which can be killed and comes up again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from fairlead_agent.connection import Connection
from fairlead_agent.enrol import Enrolment
from fairlead_agent.fetching import Fetching
from fairlead_agent.happenings import Happenings
from fairlead_agent.identity_store import Identity, IdentityStore
from fairlead_agent.instructions import Instruction, RunProbe
from fairlead_agent.journal import decoded, encoded
from fairlead_agent.loop import Clock, Loop
from fairlead_agent.machine_checks import validate_instructions, validate_view
from fairlead_agent.relay_targets import AllowedTargets
from fairlead_agent.renewer import Renewer
from fairlead_agent.reporter import Reporter
from fairlead_agent.session import Greeting
from fairlead_agent.view import View
from fairlead_agent.worker import Worker
from fairlead_controller.plan import catalogue
from fairlead_testing.agent_bench import EPOCH
from fairlead_testing.fake_host import FakeFile, FakeHost, FakeObjects, FakePolicy
from fairlead_testing.fake_runtime import Held
from fairlead_testing.simulation.engine import EngineHandle, WatchedEngine
from fairlead_testing.simulation.host import DATA, Disk, HostHandle, NearObjects, Surroundings, TrueProber
from fairlead_testing.simulation.process import Process
from fairlead_testing.simulation.story import Story
from fairlead_testing.simulation.ticks import TICK, to_tick
from fairlead_testing.simulation.wire import Channel, Link, Peer, Server
from fairlead_wire.assignment import Assignment
from fairlead_wire.channels import Credentials
from fairlead_wire.facts import Facts

ENDPOINT = "controller.example:7070"


class KnownIdentity(IdentityStore):
    """A node that was enrolled before the simulation began, and has no token waiting."""

    def __init__(self, identity: Identity) -> None:
        super().__init__(Path("/nowhere"))
        self._identity = identity

    def load(self) -> Identity:
        return self._identity

    def fingerprint(self) -> bytes:
        return b""


@dataclass
class SimulatedServer:
    """`skew`: seconds that its wall clock is wrong. `kill_at`: the instruction, counted from the server's first,
    right after which the agent is killed, and for how many seconds; 0: none."""

    name: str
    identity: Identity
    facts: Facts
    random: Random
    story: Story
    breach: Callable[[str], None]
    controller: Callable[[], Server | None]
    objects: FakeObjects
    some_apiserver: Callable[[], bool] = lambda: True
    holds: Callable[[Assignment], None] = lambda assignment: None
    skew: float = 0.0
    slowness: float = 1.0
    duplicating: bool = False
    kill_at: int = 0
    kill_seconds: float = 1.0
    instructions: int = 0
    running: bool = False
    had_data: bool = False
    link: Link = field(init=False)
    engine: WatchedEngine = field(init=False)
    host: FakeHost = field(init=False)
    disk: Disk = field(default_factory=Disk)
    daemon: Process = field(init=False)
    process: Process = field(init=False)
    loop: Loop = field(init=False)
    _warm: dict[str, float] = field(default_factory=dict)
    _held: Assignment = field(default_factory=Assignment)

    def __post_init__(self) -> None:
        self.link = Link(self._message_delay)
        self.engine = WatchedEngine(f"docker@{self.name}", lambda: int(self.wall() * 1000), self.story, self.breach)
        self.engine.started = self._started
        self.host = FakeHost(self.facts)
        self.daemon, self.process = Process(f"dockerd@{self.name}"), Process(f"agent@{self.name}")

    def steady(self) -> float:
        return asyncio.get_running_loop().time()

    def wall(self) -> float:
        return EPOCH + self.skew + self.steady()

    def delay(self) -> float:
        """Seconds that a call to Docker or the disk takes before, and again after, its effect.

        It ends on a tick, so that much falls on one moment: that is harder on the code, and easier on the machine.
        """
        return to_tick(self.steady() + self.random.randrange(4) * TICK * self.slowness) - self.steady()

    def _message_delay(self) -> float:
        return to_tick(self.steady() + self.random.randrange(3) * TICK * self.slowness) - self.steady()

    # the agent

    def start(self) -> None:
        """The agent comes up with what its journal holds."""
        if self.running:
            return
        self.story.tell(self.name, "agent starts")
        self.running, self.process = True, Process(f"agent@{self.name}")
        clock = Clock(self.steady, self.wall, self.random.random)
        reporter, happenings = Reporter(), Happenings()
        engine = EngineHandle(self.engine, self.daemon, self.delay, self.story)
        host = HostHandle(self.host, self.disk, self.process, self.delay)
        store = KnownIdentity(self.identity)

        async def facts() -> Facts:
            return await host.facts(engine)

        async def greeting() -> Greeting:
            return Greeting(await facts(), host.boot_id())

        connection = Connection(
            Enrolment(ENDPOINT, store, facts, clock.random),
            Renewer(store, clock.wall, clock.random),
            reporter,
            happenings,
            AllowedTargets(),
            greeting,
            clock.random,
            dial=self._dial,  # type: ignore[arg-type]  # a channel in all that is used of it
        )
        around = Surroundings(self.engine, self.some_apiserver, lambda held: self._warm.get(held.id, 0.0))
        objects = NearObjects(self.objects, self.engine, self.process, self.delay)
        prober = TrueProber(around)
        worker = Worker(engine, host, prober, objects, connection, clock.wall, clock.steady, Fetching(engine))
        memory = decoded(encoded(self.disk.visible))
        process, disk = self.process, self.disk
        self.loop = Loop(
            worker,
            FakePolicy(),
            memory,
            lambda kept: disk.save(kept, process, self.delay),
            reporter,
            happenings,
            clock,
            self._check,
        )
        self.process.serve(self.loop.run())
        self.process.serve(connection.run(self.loop))

    def kill(self, notice: float = 0.0) -> None:
        """SIGKILL. The controller notices the end of its connections after `notice` seconds."""
        if not self.running:
            return
        self.story.tell(self.name, "agent is killed")
        self.running = False
        self.process.kill()
        self.link.lose(0.0, notice)

    def _dial(self, endpoint: str, credentials: Credentials) -> Channel:
        peer = Peer(credentials.chain, self.facts.address)
        return Channel(self.link, peer, self.controller, self._duplicates)

    def _duplicates(self, message: object) -> bool:
        return self.duplicating and getattr(message, "HasField", lambda name: False)("observations")

    def _check(self, view: View, instructions: tuple[Instruction, ...]) -> None:
        try:
            validate_view(view)
            validate_instructions(view, instructions)
        except AssertionError as error:
            self.breach(f"{self.name}: {error}")
        if view.assignment is not self._held:
            self._held = view.assignment
            self.holds(view.assignment)
        for instruction in instructions:
            if not isinstance(instruction, RunProbe):
                self.instructions += 1
                self.story.tell(self.name, f"{type(instruction).__name__} {instruction.lane}")
                if self.instructions == self.kill_at:
                    self._kill_soon()

    def _kill_soon(self) -> None:
        loop = asyncio.get_running_loop()
        loop.call_soon(self.kill)
        loop.call_later(self.kill_seconds, self.start)

    # the machine

    def reboot(self, seconds: float) -> None:
        """Power off at once; Docker and the agent come back after `seconds`."""
        self.story.tell(self.name, "loses its power")
        self.kill(notice=20.0)
        self.disk.lose_power(self.random.random() < 0.5)
        self.daemon.kill()
        self.daemon = Process(f"dockerd@{self.name}")
        self.engine.power_off()
        loop = asyncio.get_running_loop()
        loop.call_later(seconds, self._boot)

    def _boot(self) -> None:
        self.story.tell(self.name, "boots")
        self.host.reboot()
        self.engine.come_back(live_restore=False)
        self.start()

    def _started(self, held: Held) -> None:
        self._warm[held.id] = self.steady() + self.random.uniform(0.05, 1.5)
        if held.component == catalogue.ETCD and DATA not in self.host.files:
            self.host.files[DATA], self.had_data = FakeFile(b"all of the cluster"), True
            self.objects.held.clear()  # it starts without any
