"""A random walk: whatever happens in whatever order, once it stops the node ends as its assignment says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cache
from random import Random

from hypothesis import example, given, settings
from hypothesis import strategies as st

from fairlead_agent.runtime.port import ContainerStatus, RestartPolicy
from fairlead_testing.agent_bench import AgentBench, agent
from fairlead_testing.tasks import assignment, reads, service, uses
from fairlead_testing.virtual_time import virtually
from fairlead_wire.assignment import Assignment, CertificateSpec, FileSpec, Subject
from fairlead_wire.task import OnChange, TaskSpec, TaskState

COMPONENTS = ("etcd", "kube-apiserver", "api-proxy")
PORTS = {"etcd": 2379, "kube-apiserver": 6443, "api-proxy": 0}
CERTIFICATE = CertificateSpec("/etc/kubernetes/pki/etcd.crt", "etcd", "node-1", client=True)
IMAGES = tuple(f"{component}:{version}" for component in COMPONENTS for version in range(3))


@cache
def held(versions: tuple[int, int, int], revision: int) -> Assignment:
    """Each component in one of three versions, with a file of that version."""
    entries: list[TaskSpec | FileSpec | CertificateSpec] = [CERTIFICATE]
    for component, version in zip(COMPONENTS, versions, strict=True):
        file = FileSpec.of(f"/etc/kubernetes/{component}.yaml", f"version {version}")
        task = service(component, f"{component}:{version}", PORTS[component], seconds=5)
        how = OnChange.SIGNAL if component == "api-proxy" else OnChange.REPLACE
        task = reads(task, file, how, "SIGHUP" if how is OnChange.SIGNAL else "")
        entries += [uses(task, CERTIFICATE) if component == "etcd" else task, file]
    return assignment(*entries, revision=revision)


@dataclass
class Walk:
    """What happens to one node. `revision` is the newest that its controller made."""

    bench: AgentBench
    random: Random
    revision: int = 1
    versions: tuple[int, int, int] = (0, 0, 0)
    told: list[str] = field(default_factory=list)

    async def assign(self) -> None:
        self.revision += 1
        self.versions = tuple(self.random.randrange(3) for _ in COMPONENTS)  # type: ignore[assignment]
        await self.bench.hold(held(self.versions, self.revision))

    async def die(self) -> None:
        name = f"fairlead-{self.random.choice(COMPONENTS)}"
        if name in self._there() and self.bench.runtime.held(name).status is ContainerStatus.RUNNING:
            self.bench.runtime.die(name, 137)

    async def stop_by_hand(self) -> None:
        await self._on_some_container(lambda identity: self.bench.runtime.stop(identity, 1))

    async def remove_by_hand(self) -> None:
        await self._on_some_container(self.bench.runtime.remove)

    async def toggle_engine(self) -> None:
        if self.bench.runtime.away:
            self.bench.runtime.come_back(self.random.random() < 0.5)
        else:
            self.bench.runtime.go_away()

    async def toggle_controller(self) -> None:
        if self.bench.view.online:
            self.bench.offline()
        else:
            await self.bench.online()

    async def edit(self) -> None:
        paths = sorted(self.bench.host.files)
        if paths:
            path = self.random.choice(paths)
            if self.random.random() < 0.5:
                del self.bench.host.files[path]
            else:
                self.bench.host.files[path].content += b"#"

    async def toggle_health(self) -> None:
        port = self.random.choice((2379, 6443))
        if self.bench.prober.unhealthy.pop(port, None) is None:
            self.bench.prober.unhealthy[port] = "connection refused"

    async def toggle_starts(self) -> None:
        component = self.random.choice(COMPONENTS)
        if self.bench.runtime.unstartable.pop(component, None) is None:
            self.bench.runtime.unstartable[component] = "the port is taken"

    async def lose_image(self) -> None:
        self.bench.runtime.images.discard(self.random.choice(IMAGES))

    async def fill_disk(self) -> None:
        self.bench.host.refusals = {} if self.bench.host.refusals else dict.fromkeys(self.bench.host.files, "full")

    async def restart_agent(self) -> None:
        await self.bench.restart()

    async def heal(self) -> None:
        """Everything works again, and the newest assignment is sent once more."""
        bench = self.bench
        bench.runtime.come_back()
        bench.runtime.unstartable.clear()
        bench.runtime.registry.update(IMAGES)
        bench.prober.unhealthy.clear()
        bench.host.refusals = {}
        await bench.online()
        self.revision += 1
        await bench.hold(held(self.versions, self.revision))

    def converged(self) -> bool:
        wanted = held(self.versions, self.revision)
        return all(self._is_well(task) for task in wanted.tasks) and all(
            (file := self.bench.host.files.get(spec.path)) is not None and file.content == spec.content
            for spec in wanted.files
        )

    def _is_well(self, task: TaskSpec) -> bool:
        seen = self.bench.reporter.newest.get((Subject.TASK, task.component))
        if seen is None or (seen.state, seen.hash) != (TaskState.HEALTHY, task.hash):
            return False
        there = self._there()
        container = self.bench.runtime.held(task.container_name) if task.container_name in there else None
        alone = f"{task.container_name}-previous" not in there
        if not alone or container is None or container.status is not ContainerStatus.RUNNING:
            return False
        return container.spec == task and container.policy is RestartPolicy.ALWAYS

    def _there(self) -> set[str]:
        return {item.name for item in self.bench.runtime._held.values()}

    async def _on_some_container(self, do: Callable[[str], Awaitable[None]]) -> None:
        held_ones = sorted(self.bench.runtime._held)
        if held_ones and not self.bench.runtime.away:
            await do(self.random.choice(held_ones))


STEPS = tuple(
    name
    for name in vars(Walk)
    if not name.startswith("_") and name not in ("heal", "converged", "bench", "random", "revision", "versions", "told")
)


# A replacement's time was up just after the revision that put right what it waited for.
LATE = [
    *(("fill_disk", 2.0), ("toggle_starts", 1.5), ("assign", 1.0), ("fill_disk", 1.0), ("assign", 0.0)),
    *(("toggle_health", 1.0), ("toggle_health", 2.015625), ("fill_disk", 1.3125), ("stop_by_hand", 1.8125)),
    ("assign", 2.75),
]
# A successor was removed by others after it was made and before it was started.
UNSTARTED = [
    *(("stop_by_hand", 0.0), ("assign", 1.0), ("assign", 0.0), ("toggle_starts", 0.0), ("assign", 1.0)),
    ("remove_by_hand", 0.0),
]
# Others removed the predecessor while the agent was about to.
REMOVED = [("stop_by_hand", 1.0), ("assign", 0.0), ("die", 0.0), ("assign", 1.0), ("remove_by_hand", 0.0)]


@settings(max_examples=max(20, settings().max_examples // 4))
@given(
    steps=st.lists(st.tuples(st.sampled_from(STEPS), st.floats(0.0, 3.0)), max_size=25),
    seed=st.integers(0, 2**32),
)
@example(LATE, 3170)
@example(UNSTARTED, 64499)
@example(REMOVED, 0)
def test_it_always_converges_and_never_makes_a_container_twice(steps: list[tuple[str, float]], seed: int) -> None:
    async def main() -> None:
        random = Random(seed)
        async with agent(*IMAGES, lag=lambda: random.random() * 0.1, random=random.random) as bench:
            walk = Walk(bench, random)
            await bench.hold(held(walk.versions, 1))
            for name, seconds in steps:
                await getattr(walk, name)()
                await bench.live(seconds)
            await walk.heal()
            await bench.until(lambda: walk.converged() and not bench.view.in_flight, seconds=180, step=0.01)
            bench.forget()
            await bench.live(70)
            assert walk.converged()
            assert not bench.calls("create", "start", "stop", "rename", "remove", "set_restart", "run_inside")
            assert not bench.doubles

    virtually(main())
