"""One simulation from its beginning to its verdict: `simulate(generate(seed))`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from random import Random

from fairlead_agent.identity_store import Identity
from fairlead_controller.model.fleet import AuthorityRecord, FleetRecord
from fairlead_controller.model.node import Node
from fairlead_controller.model.operation import Operation, OperationKind, OperationState
from fairlead_controller.pki.cluster import new_authorities
from fairlead_controller.ports import Clock
from fairlead_controller.store.port import Repositories
from fairlead_testing.agent_bench import EPOCH
from fairlead_testing.authorities import FleetAuthority
from fairlead_testing.fake_host import FakeObjects
from fairlead_testing.fake_runtime import Held
from fairlead_testing.simulation.controller import SimulatedController
from fairlead_testing.simulation.database import Database, TableStore, Transactions
from fairlead_testing.simulation.faults import Faults
from fairlead_testing.simulation.judge import Judge
from fairlead_testing.simulation.logs import unexpected_errors
from fairlead_testing.simulation.person import CLUSTER, Person
from fairlead_testing.simulation.process import adopting
from fairlead_testing.simulation.schedule import Schedule
from fairlead_testing.simulation.server import SimulatedServer
from fairlead_testing.simulation.story import Story
from fairlead_testing.stores import counted_bytes
from fairlead_testing.virtual_time import virtually
from fairlead_wire.assignment import Assignment, RemovalKind, normalised
from fairlead_wire.channels import Credentials
from fairlead_wire.facts import Facts
from fairlead_wire.identity import Role

# Virtual seconds after the last fault in which everything has to be as it should.
BOUND = 600.0
# For so long it has to stay so, or be so again within the other.
QUIET, SOON = 6.0, 90.0
# How often a person applies the same again because it failed, and after how many seconds.
MOST_AGAIN, AGAIN = 4, 20.0


class Broken(AssertionError):
    """The verdict, with the story and the way to see it again."""


@dataclass(frozen=True)
class Verdict:
    """How it went. `broken` is empty for a simulation in which everything held."""

    schedule: Schedule
    broken: str
    story: Story
    ended: float


@dataclass
class SimulatedFleet:
    schedule: Schedule
    disk: Transactions
    story: Story = field(default_factory=Story)
    breaches: list[str] = field(default_factory=list)
    objects: FakeObjects = field(default_factory=FakeObjects)
    _told_to_go: dict[str, dict[str, float]] = field(default_factory=dict)
    _issued: dict[str, dict[int, Assignment]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        random = self._stream("fleet")
        self.database = Database(self.disk)
        self.controller = SimulatedController(self.database, self._stream("controller"), self.story)
        self.servers = [self._server(number) for number in range(self.schedule.servers)]
        self.person = Person(_people().chain, self.controller.server, self._stream("person"), self.story)
        self.controller.links = [*(server.link for server in self.servers), self.person.link]
        self.faults = Faults(self.servers, self.controller, random, self.story)
        self.judge = Judge(self.database, self.servers, self.person)
        self.database.now(self._enrolled)
        self.database.assigned, self.database.settled = self._assigned, self._settled

    async def run(self) -> None:
        """Raises Broken."""
        loop = asyncio.get_running_loop()
        loop.set_task_factory(adopting)
        self.controller.start()
        for server in self.servers:
            server.start()
        wishes = asyncio.create_task(self.person.follow(self.schedule.intents))
        await self.faults.follow(self.schedule.faults)
        quiet = max([fault.at + fault.seconds for fault in self.schedule.faults], default=0.0)
        while loop.time() < quiet:
            await self._live(1.0)
        self.faults.calm()
        await self._converge(wishes)
        await self._stay()
        for lost in self.judge.lost():
            raise Broken(lost)
        if not self.judge.data_kept(self.schedule.intents):
            raise Broken("etcd's data is gone, and nobody said so")

    async def _converge(self, wishes: asyncio.Task[None]) -> None:
        loop = asyncio.get_running_loop()
        last = self.schedule.intents[-1]
        bound = max(loop.time(), last.at) + BOUND  # a person may still wish for something when all faults are over
        missing = ""
        while loop.time() < bound:
            await self._live(1.0)
            missing = f"the person is told: {self.person.told}{self.judge.waits()}"
            if wishes.done():
                wishes.result()
                if missing := self._failed():
                    await self._again()
                elif not (missing := self.judge.missing(last)):
                    return
        raise Broken(f"not converged {BOUND:.0f} s after the last fault and wish: {missing}")

    async def _stay(self) -> None:
        """Agents notice some faults only now, for example that Docker was away: then it has to be so again soon."""
        last, bound = self.schedule.intents[-1], asyncio.get_running_loop().time() + SOON
        await self._live(QUIET)
        while missing := self.judge.missing(last):
            if asyncio.get_running_loop().time() > bound:
                raise Broken(f"it did not stay so: {missing}")
            await self._live(1.0)

    def _failed(self) -> str:
        operation = self.judge.operation()
        if operation is None or operation.state is not OperationState.FAILED:
            return ""
        return f"failed: {operation.error}"

    async def _again(self) -> None:
        """An operation that a fault has made fail is asked for again, as the person would."""
        if not self.schedule.faults or self.person.reapplied == MOST_AGAIN:
            raise Broken(f"an operation failed: {self._failed()}")
        self.person.reapplied += 1
        await self.person.carry_out(self.schedule.intents[-1])
        await self._live(AGAIN)

    async def _live(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        for process in (self.controller.process, *(server.process for server in self.servers)):
            if process.died_of is not None:
                raise Broken(f"{process.name} died of {process.died_of!r}") from process.died_of
        if self.breaches:
            raise Broken(self.breaches[0])

    # its beginning

    def _stream(self, name: str) -> Random:
        """Randomness of its own for each part, so that one draw more in one of them does not change all others."""
        return Random(f"{self.schedule.seed}/{name}")

    def _server(self, number: int) -> SimulatedServer:
        name = f"lab-{number + 1}"
        server = SimulatedServer(
            name,
            _identity(name),
            _facts(number),
            self._stream(name),
            self.story,
            self._breach,
            self.controller.server,
            self.objects,
            lambda: any(each.engine.runs("kube-apiserver") for each in self.servers),
            skew=self.schedule.skews[number],
        )
        server.engine.may_remove = lambda held: self._why_not(server, held)
        server.holds = lambda assignment: self._holds(server, assignment)
        return server

    def _enrolled(self, repositories: Repositories) -> None:
        repositories.fleets.put(FleetRecord("f1eet", 1, "controller.example:7070", "controller.example:7071", EPOCH))
        for authority in _authorities():
            repositories.authorities.put(authority)
        for number, server in enumerate(self.servers):
            labels = (("half", "yes" if number % 2 else "no"),)
            node = Node(server.identity.node_id, server.name, server.facts, labels, CLUSTER, EPOCH)
            repositories.nodes.put(node)

    # what must hold

    def _breach(self, sentence: str) -> None:
        self.story.tell("BREACH", sentence)
        self.breaches.append(sentence)

    def _assigned(self, node_id: str, assignment: Assignment) -> None:
        self.story.tell("database", f"{node_id} is to hold revision {assignment.revision}")
        issued = self._issued.setdefault(node_id, {})
        if assignment.revision <= max(issued, default=-1):
            self._breach(f"{node_id}: revision {assignment.revision} was stored after {max(issued)}")
        issued[assignment.revision] = assignment

    def _settled(self, operation: Operation) -> None:
        """What is told as done is done. Objects are what no fault takes away in between."""
        self.story.tell("database", f"{operation.kind} of revision {operation.revision} has {operation.state}")
        if operation.kind is not OperationKind.APPLY or operation.state is not OperationState.SUCCEEDED:
            return
        for issued in self._issued.values():
            for spec in issued[max(issued)].objects:
                if self.objects.held.get(spec.path) != spec.manifest:
                    self._breach(f"revision {operation.revision} is told as carried out without the object {spec.name}")

    def _holds(self, server: SimulatedServer, assignment: Assignment) -> None:
        issued = self._issued.get(server.identity.node_id, {}).get(assignment.revision, Assignment())
        if normalised(issued) != normalised(assignment):
            self._breach(f"{server.name} holds a revision {assignment.revision} that nobody has issued")
        now = asyncio.get_running_loop().time()
        self._told_to_go.setdefault(server.name, {}).update(dict.fromkeys(_removed(assignment), now))

    def _why_not(self, server: SimulatedServer, held: Held) -> str:
        """Why this container may not be removed now: nothing told its agent so, and it has no other beside it."""
        if any(each.component == held.component and each.id != held.id for each in server.engine.all()):
            return ""
        if held.component in _removed(server.loop.view.assignment):
            return ""
        told = self._told_to_go.get(server.name, {}).get(held.component, -1.0)
        return "" if told >= server.engine.born[held.id] else "and nothing said that it should go"


def _removed(assignment: Assignment) -> list[str]:
    return [removal.name for removal in assignment.removals if removal.kind is RemovalKind.TASK]


def simulate(
    schedule: Schedule,
    disk: Callable[[], Transactions] = TableStore,
    spoil: Callable[[SimulatedFleet], None] = lambda fleet: None,
) -> Verdict:
    """Runs it on virtual time. Never raises Broken: the verdict says it. `spoil` may break what it likes."""
    with unexpected_errors() as errors:
        verdict = virtually(_verdict(schedule, disk, spoil))
    return replace(verdict, broken=verdict.broken or next(iter(errors), ""))


async def _verdict(
    schedule: Schedule, disk: Callable[[], Transactions], spoil: Callable[[SimulatedFleet], None]
) -> Verdict:
    fleet, broken = SimulatedFleet(schedule, disk()), ""
    spoil(fleet)
    try:
        await fleet.run()
    except Broken as error:
        broken = str(error)
    for process in (fleet.controller.process, *(server.process for server in fleet.servers)):
        process.kill()
    return Verdict(schedule, broken, fleet.story, asyncio.get_running_loop().time())


@cache
def _authority() -> FleetAuthority:
    return FleetAuthority(EPOCH)


@cache
def _identity(name: str) -> Identity:
    held = _authority().node(f"id-{name}")
    pems = held.authority.decode(), held.chain.decode(), held.key.decode()
    return Identity(f"id-{name}", held.fleet_id, "controller.example:7071", *pems)


@cache
def _people() -> Credentials:
    return _authority().person("anna", Role.ADMIN)


@cache
def _authorities() -> tuple[AuthorityRecord, ...]:
    """A cluster's authorities: keys are costly to make, and which ones they are changes nothing."""
    return new_authorities(CLUSTER, Clock(lambda: EPOCH, counted_bytes()))


def _facts(number: int) -> Facts:
    return Facts(
        f"lab-{number + 1}",
        machine_id=f"machine-{number + 1}",
        docker_version="26.1.5",
        docker_api="1.45",
        cgroup_version=1,
        conntrack_writable=False,
        address=f"172.30.0.{11 + number}",
    )
