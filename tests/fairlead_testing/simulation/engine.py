"""The Docker Engine of a simulated server: the fake one on the loop's own time, which watches what is done to it.

Rules that must hold whatever happens: a component has one running container at most, none is made while one of the
same spec is there, and what vanishes was either told to go or has a successor.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from fairlead_agent.runtime.port import ContainerStatus, EngineAway, Login, NoSuchImage, RuntimeFailure
from fairlead_testing.fake_runtime import FakeRuntime, Held
from fairlead_testing.simulation.process import Process
from fairlead_testing.simulation.schedule import UNLUCKY
from fairlead_testing.simulation.story import Story
from fairlead_wire.task import Probe, TaskSpec

STRANGER, POD = "somebody-elses-database", "k8s_web_web_default"
POD_LABELS = {"io.kubernetes.pod.name": "web", "io.kubernetes.docker.type": "container"}
FULL = "no space left on device"


class WatchedEngine(FakeRuntime):
    """`breach` is called with each broken rule; `may_remove` says why a container was not to be removed, or ""."""

    def __init__(self, name: str, now_ms: Callable[[], int], story: Story, breach: Callable[[str], None]) -> None:
        super().__init__(now_ms=now_ms)
        self.name, self._story, self._breach = name, story, breach
        self.may_remove: Callable[[Held], str] = lambda held: ""
        self.started: Callable[[Held], None] = lambda held: None
        self.full = self.unplugged = False
        self.born: dict[str, float] = {}
        self.strangers = [self.add(STRANGER, {}), self.add(POD, POD_LABELS)]

    def all(self) -> tuple[Held, ...]:
        """Every container of ours, by name."""
        ours = (held for held in self._held.values() if held.component)
        return tuple(sorted(ours, key=lambda held: held.name))

    def has(self, identity: str) -> bool:
        return identity in self._held

    def running(self, probe: Probe) -> Held | None:
        """The running container that this probe asks."""
        for held in self._held.values():
            if held.status is ContainerStatus.RUNNING and held.spec is not None and held.spec.probe == probe:
                return held
        return None

    def runs(self, component: str) -> bool:
        return any(held.component == component and held.status is ContainerStatus.RUNNING for held in self.all())

    async def pull(self, reference: str, login: Login | None = None) -> None:
        if self.full:
            raise RuntimeFailure(f"{reference} could not be pulled: {FULL}")
        if self.unplugged:
            raise NoSuchImage(f"{reference} could not be pulled: the registry does not answer")
        self.registry.add(reference)
        await super().pull(reference, login)

    async def create(self, cluster: str, spec: TaskSpec, name: str) -> str:
        if self.full:
            raise RuntimeFailure(FULL)
        identity = await super().create(cluster, spec, name)
        self.born[identity] = asyncio.get_running_loop().time()
        for other in self.all():
            if other.id != identity and other.component == spec.component and other.spec == spec:
                self._breach(f"{self.name}: {spec.component} was created while one of the same spec was there")
        return identity

    async def remove(self, container_id: str) -> None:
        held = self._held.get(container_id)
        if held is not None and held.component and not self.away and (why := self.may_remove(held)):
            self._breach(f"{self.name}: {held.name} was removed, {why}")
        await super().remove(container_id)

    def take_away(self, held: Held) -> None:
        """`docker rm -f` by a person."""
        self._held.pop(held.id, None)
        self._emit("die", held, 137)
        self._emit("destroy", held)

    def stop_by_hand(self, held: Held) -> None:
        """`docker stop` by a person."""
        if held.status is ContainerStatus.RUNNING:
            held.stopped_by_hand = True
            self._end(held, 143)

    def power_off(self) -> None:
        """With the server: what ran comes back with it, if its policy says so."""
        self.go_away()

    def _run(self, held: Held) -> None:
        if held.spec is not None and f"--v={UNLUCKY}" in held.spec.args:
            self.crashes[held.component] = 1
        super()._run(held)
        self._story.tell(self.name, f"runs {held.name}")
        running = [each for each in self.all() if each.component == held.component and _is_up(each)]
        if len(running) > 1 and held.component:
            self._breach(f"{self.name}: {held.component} runs in {len(running)} containers at once")
        self.started(held)

    def _end(self, held: Held, exit_code: int) -> None:
        super()._end(held, exit_code)
        self._story.tell(self.name, f"ends {held.name} with {exit_code}")
        if held.status is ContainerStatus.RESTARTING:
            loop = asyncio.get_running_loop()
            loop.call_later((held.restart_at_ms - self._now_ms() + 1) / 1000, self._restart_due)

    def _restart_due(self) -> None:
        if not self.away:
            self.catch_up()


def _is_up(held: Held) -> bool:
    return held.status is ContainerStatus.RUNNING


class EngineHandle:
    """One agent's use of the Engine. A call that was made is carried out, though the agent be killed meanwhile."""

    def __init__(self, engine: WatchedEngine, daemon: Process, delay: Callable[[], float], story: Story) -> None:
        self._engine, self._daemon, self._delay, self._story = engine, daemon, delay, story

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._engine, name)
        if name == "events":
            return call

        async def ask(*arguments: Any) -> Any:
            carried_out = self._daemon.start(self._carry_out(name, call, arguments))
            carried_out.add_done_callback(lambda task: task.cancelled() or task.exception())  # nobody may be left
            return await asyncio.shield(carried_out)

        return ask

    async def _carry_out(self, name: str, call: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        await asyncio.sleep(self._delay())
        try:
            result = await call(*arguments)
        except EngineAway:
            raise
        except RuntimeFailure as error:
            self._story.tell(self._engine.name, f"refuses {name}: {error}")
            raise
        if name not in ("containers", "has_image", "engine", "logs"):
            self._story.tell(self._engine.name, f"{name} {' '.join(_said(argument) for argument in arguments)}")
        await asyncio.sleep(self._delay())
        return result


def _said(argument: Any) -> str:
    return argument.component if isinstance(argument, TaskSpec) else str(argument).removeprefix("0" * 60)
