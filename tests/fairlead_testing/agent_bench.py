"""A whole agent without a machine: its real loop, worker, reporter over fakes, on virtual time, every step checked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from fairlead_agent.fetching import Fetching
from fairlead_agent.happenings import Happenings
from fairlead_agent.instructions import Instruction
from fairlead_agent.loop import Clock, Loop
from fairlead_agent.machine_checks import validate_instructions, validate_view
from fairlead_agent.reporter import Reporter
from fairlead_agent.runtime.port import NameTaken
from fairlead_agent.view import Memory, View
from fairlead_agent.worker import Worker
from fairlead_testing.fake_host import FakeHost, FakeObjects, FakePolicy, FakeProber
from fairlead_testing.fake_runtime import FakeRuntime
from fairlead_wire.assignment import Assignment, CertificateSpec, Observation, Subject
from fairlead_wire.errors import Unreachable
from fairlead_wire.identity import new_key
from fairlead_wire.task import TaskState

# Where the wall clock stands when virtual time begins.
EPOCH = 1_800_000_000.0
# The fake Engine restarts containers when it is called; this is how often it is.
_TICK = 0.05
_AT_ONCE = frozenset(("engine", "events"))


class LaggingRuntime:
    """A runtime whose calls take their time before and after they take effect. `doubles`: names asked for twice."""

    def __init__(self, inner: FakeRuntime, lag: Callable[[], float], doubles: list[str]) -> None:
        self._inner, self._lag, self._doubles = inner, lag, doubles

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._inner, name)
        if name in _AT_ONCE:
            return call

        async def later(*arguments: Any) -> Any:
            await asyncio.sleep(self._lag())
            try:
                result = await call(*arguments)
            except NameTaken as error:
                self._doubles.append(str(error))
                raise
            await asyncio.sleep(self._lag())
            return result

        return later


@dataclass
class FakeIssuer:
    """Signs as the assignment names, with an authority of its own. `away`: no session is open."""

    specs: Callable[[], Sequence[CertificateSpec]]
    wall: Callable[[], float]
    away: bool = False
    issued: list[str] = field(default_factory=list)

    async def issue(self, cluster: str, requests: Sequence[tuple[str, bytes]]) -> dict[str, bytes]:
        if self.away:
            raise Unreachable("The controller is away.")
        named = {spec.path: spec for spec in self.specs()}
        self.issued += [path for path, _ in requests]
        return {path: self._signed(named[path], request) for path, request in requests}

    def _signed(self, spec: CertificateSpec, request: bytes) -> bytes:
        attributes = [x509.NameAttribute(NameOID.COMMON_NAME, spec.common_name)]
        if spec.organization:
            attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, spec.organization))
        now = datetime.fromtimestamp(self.wall(), UTC)
        usages = [ExtendedKeyUsageOID.SERVER_AUTH] * spec.server + [ExtendedKeyUsageOID.CLIENT_AUTH] * spec.client
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name(attributes))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")]))
            .public_key(x509.load_der_x509_csr(request).public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=spec.days))
        )
        names: list[x509.GeneralName] = [x509.DNSName(name) for name in spec.dns_names]
        names += [x509.IPAddress(ip_address(item)) for item in spec.ip_addresses]
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        if usages:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        return builder.sign(new_key(), hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@dataclass
class AgentBench:
    """One node and its agent. `saved` is what the journal holds; `full`: the disk takes no more of
    it. `ahead`: seconds that its wall clock was set ahead; `turns`: how often its loop has decided."""

    runtime: FakeRuntime
    host: FakeHost = field(default_factory=FakeHost)
    prober: FakeProber = field(default_factory=FakeProber)
    objects: FakeObjects = field(default_factory=FakeObjects)
    policy: FakePolicy = field(default_factory=FakePolicy)
    lag: Callable[[], float] | None = None
    random: Callable[[], float] = lambda: 0.5
    saved: Memory = field(default_factory=Memory)
    full: bool = False
    ahead: float = 0.0
    reporter: Reporter = field(default_factory=Reporter)
    happenings: Happenings = field(default_factory=Happenings)
    instructions: list[Instruction] = field(default_factory=list)
    doubles: list[str] = field(default_factory=list)
    turns: int = 0
    issuer: FakeIssuer = field(init=False)
    loop: Loop = field(init=False)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.issuer = FakeIssuer(lambda: self.view.assignment.certificates, self.wall)

    @property
    def view(self) -> View:
        return self.loop.view

    @staticmethod
    def steady() -> float:
        return asyncio.get_running_loop().time()

    def wall(self) -> float:
        return EPOCH + self.ahead + self.steady()

    # its life

    def start(self) -> None:
        runtime: Any = LaggingRuntime(self.runtime, self.lag, self.doubles) if self.lag else self.runtime
        parts = runtime, self.host, self.prober, self.objects, self.issuer
        worker = Worker(*parts, self.wall, self.steady, Fetching(runtime))
        clock = Clock(self.steady, self.wall, self.random)
        self.reporter, self.happenings = Reporter(), Happenings()
        self.loop = Loop(
            worker, self.policy, self.saved, self._save, self.reporter, self.happenings, clock, self._check
        )
        self._tasks = [asyncio.create_task(self.loop.run()), asyncio.create_task(self._tick())]

    async def stop(self) -> None:
        """As a kill: what is under way is not finished."""
        for task in self._tasks:
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def restart(self) -> None:
        online = self.view.online
        await self.stop()
        self.start()
        if online:
            await self.online()

    async def online(self, generation: int = 1) -> None:
        self.issuer.away = False
        await self.loop.session_began(generation, obeyed=True)

    def offline(self) -> None:
        self.issuer.away = True
        self.loop.session_ended()

    async def hold(self, assignment: Assignment) -> None:
        await self.loop.assign(assignment)

    # what is seen

    def seen(self, name: str, subject: Subject = Subject.TASK) -> Observation | None:
        """What was observed last of it."""
        return self.reporter.newest.get((subject, name))

    async def until(self, wanted: Callable[[], bool], seconds: float = 120.0, step: float = 0.01) -> None:
        """Virtual seconds may pass until `wanted` holds."""
        end = self.steady() + seconds
        while not wanted():
            self._still_lives()
            assert self.steady() < end, f"not within {seconds} s; last seen: {self.reporter.newest}"
            await asyncio.sleep(step)

    async def live(self, seconds: float) -> None:
        """Lets virtual seconds pass."""
        await asyncio.sleep(seconds)
        self._still_lives()

    async def until_state(self, component: str, state: TaskState, seconds: float = 120.0) -> Observation:
        def reached() -> bool:
            seen = self.seen(component)
            return seen is not None and seen.state is state

        await self.until(reached, seconds)
        seen = self.seen(component)
        assert seen is not None
        return seen

    async def until_healthy(self, *components: str) -> None:
        for component in components:
            await self.until_state(component, TaskState.HEALTHY)

    def calls(self, *verbs: str) -> list[str]:
        """Calls to the Engine that begin with one of these words, in order."""
        return [call for call in self.runtime.calls if call.split()[0] in verbs]

    def forget(self) -> None:
        self.runtime.calls.clear()
        self.instructions.clear()

    def _still_lives(self) -> None:
        """Raises what the agent died of."""
        for task in self._tasks:
            if task.done():
                task.result()

    def _check(self, view: View, instructions: tuple[Instruction, ...]) -> None:
        self.turns += 1
        validate_view(view)
        validate_instructions(view, instructions)
        self.instructions += instructions

    async def _save(self, memory: Memory) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        self.saved = memory

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK)
            if not self.runtime.away:
                self.runtime.catch_up()


@asynccontextmanager
async def agent(*images: str, **parts: Any) -> AsyncIterator[AgentBench]:
    """A running agent, online, with these images on its node; others can't be pulled."""
    loop = asyncio.get_running_loop()
    runtime = FakeRuntime(images, now_ms=lambda: int((EPOCH + loop.time()) * 1000))
    bench = AgentBench(runtime, **parts)
    bench.start()
    await bench.online()
    try:
        yield bench
    finally:
        await bench.stop()
